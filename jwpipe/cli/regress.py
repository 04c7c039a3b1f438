"""`jwpipe regress`: two folders of products, as two releases or contexts have made them."""

from pathlib import Path
from typing import Annotated

import typer

from jwpipe.cli.compare import Atol, Ignore, Rtol, Share

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command("regress")
def regress(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Folder of products.", show_default=False)],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Folder of products.", show_default=False)],
    report: Annotated[
        Path, typer.Option("--report", metavar="NAME", help="NAME.html and NAME.json are written.")
    ] = Path("regress"),
    rtol: Rtol = 1e-5,
    atol: Atol = 0.0,
    share: Share = 0.0,
    ignore: Ignore = None,
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", min=1, help="Threads; by default all processors.")
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Exit status and reports alone.")] = False,
):
    """Compare two folders of products: which changed, how and where, as one HTML and one JSON report.

    Exit status 0 where all are the same within the tolerance, 1 where one differs, is missing or is new.
    """
    from jwpipe.jobs.api import available_threads
    from jwpipe.report.compare import Tolerance
    from jwpipe.report.page import trees_page
    from jwpipe.report.plain import json_text, write_whole
    from jwpipe.report.trees import CHANGED, DAMAGED, GONE, NEW, SAME, compare_trees

    trees = compare_trees(old, new, Tolerance(rtol, atol, share), ignore or (), threads or available_threads())
    for ending, text in ((".html", trees_page(trees)), (".json", json_text(trees.as_dict()))):
        write_whole(report.with_name(report.name + ending), text.encode())
    if not quiet:
        for file in trees.files:
            if file.state != SAME:
                typer.echo("\n    ".join([f"{file.name}: {file.state}", *file.lines()]))
        counts = {
            state: sum(one.state == state for one in trees.files) for state in (SAME, CHANGED, GONE, NEW, DAMAGED)
        }
        typer.echo(", ".join(f"{number} {state}" for state, number in counts.items()))
    if not trees.same:
        raise typer.Exit(1)
