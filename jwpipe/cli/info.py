"""`jwpipe info`: what a file is."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command("info")
def info(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="FITS files.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
):
    """Say what a file is and holds: exposure, steps done, references used, extensions."""
    import json

    from jwpipe.report.info import describe_file

    told = [describe_file(file) for file in files]
    if as_json:
        typer.echo(json.dumps(told, indent=1))
        return
    for one in told:
        typer.echo("\n".join(_lines(one)))


def _lines(one):
    from jwpipe.cli.console import size_text

    yield f"{one['file']}: {one['product'] or 'FITS file'}"
    for name in ("exposure", "target", "readout", "made by", "steps", "references"):
        if one[name]:
            yield f"  {name:<12}" + "  ".join(f"{key}={value}" for key, value in one[name].items())
    for e in one["extensions"]:
        if e["shape"] or e["rows"]:
            size = " x ".join(map(str, e["shape"])) if e["shape"] else f"{e['rows']} rows"
            version = f",{e['version']}" if e["version"] > 1 else ""
            yield f"  {e['name'] + version:<20}{size:<28}{e['type']:<10}{size_text(e['bytes']):>10}"
