"""`jwpipe status`: how far a program has come."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command("status")
def status(
    program_file: Annotated[
        Path, typer.Argument(metavar="PROGRAM", help="What jwpipe plan wrote.", show_default=False)
    ] = Path("program.mk"),
    everything: Annotated[bool, typer.Option("-a", "--all", help="List what is done and to do, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
):
    """Show which products of a program are done, failed, stale or to do, with the times that they took.

    Exit status 0 unless something has failed, or was killed.
    """
    from jwpipe.jobs.record import FAILED, KILLED
    from jwpipe.program.graph import Program
    from jwpipe.program.status import status_lines, survey
    from jwpipe.report.plain import json_text

    states = survey(Program.read(program_file))
    typer.echo(json_text([asdict(one) for one in states]) if as_json else "\n".join(status_lines(states, everything)))
    if any(one.state in (FAILED, KILLED) for one in states):
        raise typer.Exit(1)
