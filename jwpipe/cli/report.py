"""`jwpipe report`: a run as one page."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command("report")
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of products.", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="The page; by default report.html in DIR.")
    ] = None,
    pictures: Annotated[int, typer.Option("--pictures", metavar="N", help="Products to draw at most.", min=0)] = 12,
):
    """Write one HTML page on a run: trouble, times of steps, flags, references, pictures."""
    from jwpipe.report.plain import write_whole
    from jwpipe.report.run_page import run_page
    from jwpipe.report.survey import survey

    found = survey(folder)
    target = output or folder / "report.html"
    write_whole(target, run_page(found, pictures).encode("utf-8"))
    typer.echo(f"wrote {target}: {len(found.products)} products, {len(found.records)} runs")
