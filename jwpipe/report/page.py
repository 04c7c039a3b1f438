"""A comparison as one self-contained HTML page."""

import html

from jwpipe.report.compare import describe, describe_value

__all__ = ["comparison_page"]

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; color: #222 }
table { border-collapse: collapse; width: 100%; margin: 1em 0 } td, th { text-align: left; padding: .3em .8em .3em 0;
border-bottom: 1px solid #ddd; vertical-align: top } .bad { color: #b00; font-weight: 600 } .good { color: #070 }
code { font-size: 90% }
"""


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
    verdict = "same" if comparison.same else "different"
    parts = [
        "<!doctype html><meta charset='utf-8'><title>jwpipe compare</title>",
        f"<style>{STYLE}</style><h1>{verdict}</h1>",
        f"<p><code>{html.escape(comparison.a)}</code><br><code>{html.escape(comparison.b)}</code></p>",
        f"<p>Tolerance: relative {comparison.tolerance.rtol:g}, absolute {comparison.tolerance.atol:g},"
        f" on all but a share of {comparison.tolerance.share:g} of the values.</p>",
        "<table><tr><th>array<th>state<th>details</tr>",
    ]
    for array in comparison.arrays:
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
    return "\n".join(parts) + "\n"
