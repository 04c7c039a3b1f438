"""`jwpipe simulate`: simulated exposures, one command a mode."""

import inspect
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from jwpipe.errors import UsageError, nearest
from jwpipe.simulate.modes import CATALOGUE, Options, load

__all__ = ["app"]


class Modes(TyperGroup):
    """Makes the command of a mode when it is asked for."""

    def list_commands(self, ctx):
        """Give the names of all modes."""
        return list(CATALOGUE)

    def get_command(self, ctx, cmd_name):
        """Make one command."""
        if cmd_name not in CATALOGUE:
            raise UsageError(f"there is no mode {cmd_name!r} to simulate", nearest(cmd_name, CATALOGUE))
        return typer.main.get_command(_make_app(cmd_name))

    def format_commands(self, ctx, formatter):
        """Write the list of the help page."""
        with formatter.section("Modes"):
            formatter.write_dl([(name, line) for name, (_, _, line) in CATALOGUE.items()])


app = typer.Typer(
    cls=Modes, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True
)


@app.callback()
def modes():
    """Simulate an exposure: a raw file, the references that calibrate it, and the truth."""


def _make_app(name):
    mode = load(name)

    def command(output_dir, traceback, **given):
        from jwpipe.simulate import simulate

        made = simulate(name, output_dir, **given)
        for path in made.files:
            typer.echo(f"wrote {path}")
        typer.echo(f"references: CRDS_PATH={made.crds_path.resolve()} CRDS_CONTEXT={made.context}")

    folder = typer.Option("-o", "--output-dir", help="Where files go.")
    where = typer.Option("--traceback", help="Show where an error arose.")
    declared = {"output_dir": (Path, folder, Path()), "traceback": (bool, where, False)}
    parameters = mode.options.parameters().values()
    for parameter in sorted(parameters, key=lambda p: p.name in Options.parameters()):  # the mode's own first
        metavar = {bool: "BOOL", int: "INT", float: "NUMBER", str: "TEXT"}[parameter.kind]
        shown = ",".join(map(str, parameter.default)) if parameter.many else parameter.default
        option = typer.Option(
            "--" + parameter.name.replace("_", "-"),
            metavar=metavar + (",..." if parameter.many else ""),
            help=parameter.help + ("" if shown in (None, "") else f" [{shown}]"),
            show_default=False,
        )
        declared[parameter.name] = (str | None, option, None)
    command.__signature__ = inspect.Signature(
        [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])
            for key, (kind, option, default) in declared.items()
        ]
    )
    command.__annotations__ = {key: Annotated[kind, option] for key, (kind, option, _) in declared.items()}
    command.__doc__ = f"Simulate {CATALOGUE[name][2]}."
    made = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    made.command(name)(command)
    return made
