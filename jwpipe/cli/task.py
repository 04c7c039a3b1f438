"""`jwpipe task`: one task of a program, as clusters run it."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command("task")
def task(
    program_file: Annotated[
        Path, typer.Argument(metavar="PROGRAM", help="What jwpipe plan wrote.", show_default=False)
    ],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Products, or tasks as jwpipe status names them.")
    ] = None,
    number: Annotated[
        int | None, typer.Option("--number", metavar="N", min=1, help="The Nth task of the program, from 1.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", min=1, help="Threads; by default all processors.")
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Errors only.")] = False,
):
    """Do tasks of a program whose inputs are there, unless their products are up to date.

    For schedulers other than make, which know what comes before what.
    """
    import sys

    from jwpipe.cli.console import set_up_log
    from jwpipe.errors import UsageError
    from jwpipe.program.graph import Program
    from jwpipe.program.running import BLOCKED, FAILED, perform

    set_up_log(quiet)
    program = Program.read(program_file)
    if number is not None and number > len(program.tasks):
        raise UsageError(f"--number {number}: {program_file} has {len(program.tasks)} tasks", "plan and submit again")
    wanted = [program.find(name) for name in names or ()]
    wanted += [program.tasks[number - 1]] if number is not None else []
    if not wanted:
        raise UsageError("name a product, or give --number")
    status = 0
    for one in wanted:
        ending = perform(program, one, threads)
        bad = ending.state in (FAILED, BLOCKED)
        if bad or not quiet:
            why = f": {ending.reason}" if ending.reason else ""
            print(f"{'jwpipe: ' * bad}{ending.name}: {ending.state}{why}", file=sys.stderr)
        status = status or ending.status
    if status:
        raise typer.Exit(status)
