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
    from jwpipe.errors import ExitStatus, JwpipeError
    from jwpipe.report.info import describe_file
    from jwpipe.report.plain import json_text

    told, status = [], ExitStatus.DONE
    for file in files:
        try:
            told.append(describe_file(file))
        except JwpipeError as problem:
            typer.echo(f"jwpipe: {problem}", err=True)
            told.append({"file": str(file), "error": str(problem)})
            status = status or problem.status
        else:
            if not as_json:
                typer.echo("\n".join(_lines(told[-1])))
    if as_json:
        typer.echo(json_text(told), nl=False)
    if status:
        raise typer.Exit(int(status))


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
