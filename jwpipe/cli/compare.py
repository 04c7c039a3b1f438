"""`jwpipe compare`: the tool for scripted regression."""

from pathlib import Path
from typing import Annotated

import typer

from jwpipe.errors import OutputError, UsageError

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

Rtol = Annotated[float, typer.Option("--rtol", metavar="NUMBER", help="Largest relative difference.")]
Atol = Annotated[float, typer.Option("--atol", metavar="NUMBER", help="Absolute difference accepted in any case.")]
Share = Annotated[
    float, typer.Option("--share", metavar="NUMBER", help="Share of an array's values that may differ by more.")
]
Ignore = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="NAME", help="Leave out an extension or keyword.")
]


@app.command("compare")
def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="First product.", show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="Second product.", show_default=False)],
    rtol: Rtol = 1e-5,
    atol: Atol = 0.0,
    share: Share = 0.0,
    ignore: Ignore = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write the comparison to a file too, .html or .json."),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Exit status alone.")] = False,
):
    """Compare two products: extension by extension, flag by flag, keyword by keyword.

    Exit status 0 where they are the same within the tolerance, 1 where they differ.
    """
    from jwpipe.report.compare import Tolerance
    from jwpipe.report.compare import compare as compare_files
    from jwpipe.report.page import comparison_page
    from jwpipe.report.plain import json_text, write_whole

    if report is not None and report.suffix not in (".html", ".json"):
        raise UsageError(f"cannot write a report to {report}", "name it .html or .json")
    if a.is_dir() and b.is_dir():
        raise UsageError(f"{a} and {b} are folders", f"jwpipe regress {a} {b} compares all products in them")
    result = compare_files(a, b, Tolerance(rtol, atol, share), ignore or ())
    if report is not None:
        text = comparison_page(result) if report.suffix == ".html" else json_text(result.as_dict())
        try:
            write_whole(report, text.encode())
        except OutputError as problem:
            problem.advice = "give another file with --report"
            raise
    if not quiet:
        for line in result.lines():
            typer.echo(line)
    if not result.same:
        raise typer.Exit(1)
