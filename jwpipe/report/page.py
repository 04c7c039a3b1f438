"""Comparisons as self-contained HTML pages."""

import html

from jwpipe.report.compare import describe, describe_value
from jwpipe.report.trees import CHANGED, DAMAGED, GONE, NEW, SAME

__all__ = ["STYLE", "comparison_page", "trees_page"]

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; color: #222 }
table { border-collapse: collapse; width: 100%; margin: 1em 0 } td, th { text-align: left; padding: .3em .8em .3em 0;
border-bottom: 1px solid #ddd; vertical-align: top } .bad { color: #b00; font-weight: 600 } .good { color: #070 }
code { font-size: 90% }
"""
STATES = {SAME: "good", CHANGED: "bad", GONE: "bad", NEW: "bad", DAMAGED: "bad"}


def comparison_page(comparison):
    """Make the page.

    Parameters
    ----------
    comparison : Comparison
        As `jwpipe.report.compare.compare` gives it.

    Returns
    -------
    str
        HTML.
    """
    parts = _head("jwpipe compare", comparison, comparison.a, comparison.b)
    parts += _differences(comparison, comparison.arrays)
    return "\n".join(parts) + "\n"


def _head(title, result, a, b):
    """Begin a page: verdict, what was compared, tolerance."""
    verdict, tolerance = "same" if result.same else "different", result.tolerance
    return [
        f"<!doctype html><meta charset='utf-8'><title>{title}</title>",
        f"<style>{STYLE}</style><h1>{verdict}</h1>",
        f"<p><code>{html.escape(a)}</code><br><code>{html.escape(b)}</code></p>",
        f"<p>Tolerance: relative {tolerance.rtol:g}, absolute {tolerance.atol:g},"
        f" on all but a share of {tolerance.share:g} of the values.</p>",
    ]


def _differences(comparison, arrays):
    """Tables of arrays and keywords."""
    parts = ["<table><tr><th>array<th>state<th>details</tr>"]
    for array in arrays:
        good = array.passes(comparison.tolerance)
        state = "<td class='good'>same" if good else "<td class='bad'>differs"
        bits = "".join(
            f"<br>{name}: {a} only in the first, {b} only in the second" for name, (a, b) in array.bits.items()
        )
        parts.append(
            f"<tr><td><code>{html.escape(array.extension)}</code>{state}<td>{html.escape(describe(array))}{bits}</tr>"
        )
    parts.append("</table>")
    if comparison.keywords:
        parts.append("<table><tr><th>keyword<th>first<th>second</tr>")
        parts += [
            f"<tr><td><code>{html.escape(f'{extension}.{keyword}')}</code>"
            f"<td>{html.escape(describe_value(a))}<td>{html.escape(describe_value(b))}</tr>"
            for extension, keyword, a, b in comparison.keywords
        ]
        parts.append("</table>")
    return parts


def trees_page(trees):
    """Make the page of a comparison of two folders.

    Parameters
    ----------
    trees : TreeComparison
        As `jwpipe.report.trees.compare_trees` gives it.

    Returns
    -------
    str
        HTML.
    """
    parts = _head("jwpipe regress", trees, trees.old, trees.new)
    parts.append("<h2>Products</h2><table><tr><th>kind" + "".join(f"<th>{state}" for state in STATES) + "</tr>")
    for kind, states in trees.counts().items():
        cells = "".join(
            f"<td class='{STATES[state]}'>{states[state]}" if states[state] else "<td>-" for state in STATES
        )
        parts.append(f"<tr><td><code>{html.escape(kind)}</code>{cells}</tr>")
    parts.append("</table>")
    if places := trees.places():
        parts.append("<h2>Where</h2><table><tr><th>kind<th>array or keyword<th>products</tr>")
        parts += [
            f"<tr><td><code>{html.escape(kind)}</code><td><code>{html.escape(place)}</code><td>{number}</tr>"
            for kind, place, number in places
        ]
        parts.append("</table>")
    changed = [file for file in trees.files if file.state != SAME]
    parts += ["<h2>How</h2>"] * bool(changed)
    for file in changed:
        parts.append(f"<details><summary><code>{html.escape(file.name)}</code> <span class='bad'>{file.state}</span>")
        parts.append(f"</summary><p>{html.escape(file.reason)}</p>")
        if file.comparison is not None:
            bad = [array for array in file.comparison.arrays if not array.passes(trees.tolerance)]
            parts += _differences(file.comparison, bad)
        parts.append("</details>")
    return "\n".join(parts) + "\n"
