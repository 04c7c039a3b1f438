"""`jwpipe look`: a picture of a product."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command("look")
def look(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Products.", show_default=False)],
    output_dir: Annotated[Path, typer.Option("-o", "--output-dir", metavar="DIR", help="Where pictures go.")] = Path(),
    pixel: Annotated[
        tuple[int, int] | None, typer.Option("--pixel", metavar="X Y", help="Pixel whose ramp is shown, from 0.")
    ] = None,
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", metavar="FILE", help="Sources of mosaics; by default of the catalogue beside each."),
    ] = None,
):
    """Draw a quick-look picture (PNG) of each product: image, flags, a ramp; a mosaic with its sources; a catalogue."""
    from jwpipe.errors import UsageError
    from jwpipe.report.look import quick_look

    targets = {}
    for file in files:
        target = output_dir / f"{file.stem}.png"
        if target in targets:
            raise UsageError(f"{targets[target]} and {file} would both be drawn as {target}", "draw one at a time")
        if target.resolve() == file.resolve():
            raise UsageError(f"{file} would be replaced by its picture", "give a folder with --output-dir")
        targets[target] = file
    for target, file in targets.items():
        quick_look(file, target, pixel, catalog)
        typer.echo(f"wrote {target}")
