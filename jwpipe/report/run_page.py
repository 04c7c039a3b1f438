"""The report of a run as one self-contained HTML page."""

import html
from collections import Counter, defaultdict
from statistics import mean

import numpy as np

from jwpipe.errors import InputError, JwpipeError, UsageError
from jwpipe.report.drawing import embedded
from jwpipe.report.look import picture
from jwpipe.report.mosaic import read_sources
from jwpipe.report.page import STYLE
from jwpipe.report.survey import FLAGS

__all__ = ["run_page"]

MORE = """
.number { text-align: right; font-variant-numeric: tabular-nums } img { max-width: 100%; margin: .3em 0 1.2em }
.bar { background: #3b6ea5; height: .7em; display: inline-block } h2 { margin-top: 2em } .scroll { overflow-x: auto }
"""
PICTURED = "i2d", "crf", "cal", "rate"  # from the best to look at to the least
SECOND, MEGABYTE = 1.0, 1e6


def run_page(survey, pictures=12):
    """Make the page.

    Parameters
    ----------
    survey : Survey
        What was found.
    pictures : int, optional
        How many products are drawn, at most: mosaics first.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'>",
        f"<title>{html.escape(survey.folder.resolve().name)}</title><style>{STYLE}{MORE}</style>",
        f"<h1>{html.escape(survey.folder.resolve().name)}</h1>",
        _summary(survey),
        _section("Trouble", _troubles(survey)),
        _section("Runs", _runs(survey)),
        _section("Steps", _steps(survey)),
        _section("Flags", _flags(survey)),
        _section("Catalogues", _catalogues(survey)),
        _section("References", _references(survey)),
        _section("Pictures", _pictures(survey, pictures)),
    ]
    return "\n".join(part for part in parts if part) + "\n"


class Number(str):
    """Text that stands at the right of its column."""


class Markup(str):
    """Text that is HTML already."""


def _section(title, content):
    return f"<h2>{title}</h2>\n{content}" if content else ""


def _table(heads, rows):
    rows = list(rows)
    if not rows:
        return ""
    lines = ["<div class='scroll'><table><tr>" + "".join(f"<th>{head}" for head in heads) + "</tr>"]
    for row in rows:
        cells = []
        for value in row:
            kind = " class='number'" if isinstance(value, Number) else ""
            cells.append(f"<td{kind}>{value if isinstance(value, Markup) else html.escape(str(value))}")
        lines.append("<tr>" + "".join(cells) + "</tr>")
    return "\n".join([*lines, "</table></div>"])


def _number(value, unit=SECOND, digits=2):
    return Number("" if value is None else f"{value / unit:.{digits}f}")


def _summary(survey):
    kinds = Counter(product.suffix for product in survey.products)
    states = Counter(record["state"] for record in survey.records.values())
    sentences = [", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))]
    if states:
        sentences.append("runs: " + ", ".join(f"{count} {state}" for state, count in states.items()))
    for title, keyword in (("made by", "CAL_VER"), ("context", "CRDS_CTX")):
        values = sorted({str(p.facts[keyword]) for p in survey.products if keyword in p.facts})
        if values:
            sentences.append(f"{title} {', '.join(values)}")
    return "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences if sentence)


def _troubles(survey):
    rows = [
        (path.name.removesuffix(".run.json"), Markup(f"<span class='bad'>{html.escape(level)}</span>"), message)
        for path, level, message in survey.troubles()
    ]
    if not rows:
        return "<p class='good'>none</p>" if survey.records else ""
    return _table(("product", "what", "said"), rows)


def _runs(survey):
    def rows():
        for path, record in survey.records.items():
            state = record["state"]
            colour = "good" if state == "done" else "bad"
            yield (
                path.name.removesuffix(".run.json"),
                record.get("request", {}).get("pipeline", ""),
                Markup(f"<span class='{colour}'>{html.escape(state)}</span>"),
                _number(record.get("seconds")),
                _number(record.get("peak"), MEGABYTE, 0),
                record.get("begun", ""),
            )

    return _table(("product", "pipeline", "state", "s", "peak MB", "begun"), rows())


def _steps(survey):
    steps = survey.steps()
    longest = max((sum(times.seconds) for times in steps.values()), default=0)

    def rows():
        for name, times in steps.items():
            total = sum(times.seconds) if times.seconds else None
            width = round(100 * total / longest) if total and longest else 0
            yield (
                name,
                ", ".join(f"{count} {state}" for state, count in times.states.items()),
                _number(total),
                _number(mean(times.seconds) if times.seconds else None),
                _number(max(times.seconds, default=None)),
                Markup(f"<span class='bar' style='width: {width * 0.1:.1f}em'></span>"),
            )

    return _table(("step", "ended", "s in all", "mean", "most", ""), rows())


def _flags(survey):
    rows = (
        (product.path.name, *(Number(f"{product.flags[flag.name]:.3%}") for flag in FLAGS))
        for product in survey.products
        if product.flags and product.suffix != "ramp"
    )
    return _table(("product", *(flag.name for flag in FLAGS)), rows)


def _catalogues(survey):
    def rows():
        for path in survey.catalogues:
            try:
                columns = read_sources(path)
            except InputError as problem:
                yield path.name, Markup(f"<span class='bad'>{html.escape(str(problem))}</span>"), "", ""
                continue
            magnitudes = columns.get("aper_total_abmag", np.zeros(0))
            good = magnitudes[np.isfinite(magnitudes)]
            ends = [_number(float(end)) for end in (good.min(), good.max())] if good.size else ["", ""]
            yield (path.name, Number(len(columns["xcentroid"])), *ends)

    return _table(("catalogue", "sources", "brightest, AB", "faintest"), rows())


def _references(survey):
    by_type = defaultdict(list)
    for (kind, name), count in survey.references().items():
        by_type[kind].append(f"{name} ({count})")
    return _table(("type", "files (products)"), ((kind, ", ".join(names)) for kind, names in by_type.items()))


def _pictures(survey, most):
    def rank(product):
        # Mosaics of associations are those with a catalogue, or whose name is none of an exposure.
        alone = product.path.name.partition("_")[0].count("-") == 0
        return PICTURED.index(product.suffix), alone, product.path.name

    chosen = sorted((p for p in survey.products if p.suffix in PICTURED), key=rank)
    parts = []
    for product in chosen[:most]:
        try:
            with picture(product.path) as made:
                source = embedded(made)
        except UsageError as problem:  # no matplotlib: no pictures at all
            return f"<p>{html.escape(str(problem))}</p>"
        except JwpipeError as problem:
            parts.append(f"<p class='bad'>{html.escape(str(problem))}</p>")
        else:
            name = html.escape(product.path.name)
            parts.append(f"<p><code>{name}</code></p><img src='{source}' alt='{name}'>")
    if len(chosen) > most > 0:
        parts.append(f"<p>{len(chosen) - most} more products are not drawn.</p>")
    return "\n".join(parts)
