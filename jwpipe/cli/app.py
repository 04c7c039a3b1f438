"""The root of the command: what there is, and where each part lives."""

from importlib import import_module

import typer
from typer.core import TyperGroup

from jwpipe import pipelines, steps
from jwpipe.errors import UsageError, nearest

__all__ = ["GROUPS", "app", "commands"]

# Command groups and tools: where each is declared, and one line on it.
GROUPS = {
    "refs": ("jwpipe.cli.refs", "reference files: which, fetch, list, verify"),
    "asn": ("jwpipe.cli.asn", "associations: generate, from-list, gather, show, edit, make-pool"),
    "pointing": ("jwpipe.cli.pointing", "keywords of pointing: set, telemetry, v1, aberration, moving-target, summary"),
    "plan": ("jwpipe.cli.plan", "a program's worth of exposures, for make, Dask or Slurm"),
    "status": ("jwpipe.cli.status", "how far a program has come"),
    "task": ("jwpipe.cli.task", "one task of a program, as clusters run it"),
    "simulate": ("jwpipe.cli.simulate", "simulated exposures with references and truth"),
    "compare": ("jwpipe.cli.compare", "compare two products, extension by extension"),
    "regress": ("jwpipe.cli.regress", "compare two folders of products"),
    "look": ("jwpipe.cli.look", "quick-look picture of a product"),
    "report": ("jwpipe.cli.report", "a run as one page: trouble, times, flags, references, pictures"),
    "info": ("jwpipe.cli.info", "what a file is and holds"),
    "doctor": ("jwpipe.cli.doctor", "what is installed, and where references come from"),
}


def commands():
    """Names of all commands, in the order of the help page."""
    return [*pipelines.CATALOGUE, *GROUPS, *steps.CATALOGUE]


class Commands(TyperGroup):
    """Imports a command when it is asked for, so that the help page costs nothing."""

    def list_commands(self, ctx):
        """Give the names of all commands."""
        return commands()

    def get_command(self, ctx, cmd_name):
        """Make one command."""
        name = cmd_name.removeprefix("calwebb_")
        if name in GROUPS:
            return typer.main.get_command(import_module(GROUPS[name][0]).app)
        if name in pipelines.CATALOGUE or name in steps.CATALOGUE:
            from jwpipe.cli.run import make_app

            return typer.main.get_command(make_app(name))
        raise UsageError(f"there is no command {cmd_name!r}", nearest(cmd_name, commands()) or "see jwpipe --help")

    def format_commands(self, ctx, formatter):
        """Write the lists of the help page."""
        with formatter.section("Pipelines (calwebb_NAME works too)"):
            formatter.write_dl(list(pipelines.CATALOGUE.items()))
        with formatter.section("Tools"):
            formatter.write_dl([(name, line) for name, (_, line) in GROUPS.items()])
        with formatter.section("Steps, each a command of its own"):
            formatter.write_text(" ".join(steps.CATALOGUE))


app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool):
    if asked:
        from jwpipe import __version__

        typer.echo(f"jwpipe {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
):
    """The JWST calibration pipeline as one fast command: raw exposures in, calibrated products out."""
