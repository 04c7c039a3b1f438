"""Commands made from declarations: one a pipeline, one a step."""

import inspect
import sys
from pathlib import Path
from typing import Annotated

import typer

from jwpipe.errors import UsageError

__all__ = ["make_app"]

COMMON = {
    "inputs": (
        list[Path],
        typer.Argument(metavar="INPUT...", help="Exposures, each by itself, or associations.", show_default=False),
        None,
    ),
    "output_dir": (Path, typer.Option("-o", "--output-dir", metavar="DIR", help="Where products go."), Path()),
    "assignments": (
        list[str],
        typer.Option("--set", metavar="STEP.PAR=VALUE", help="Set a parameter, of a step or the pipeline's own."),
        [],
    ),
    "skip": (list[str], typer.Option("--skip", metavar="STEP", help="Leave a step out."), []),
    "save": (list[str], typer.Option("--save", metavar="STEP", help="Save a step's product too."), []),
    "overrides": (
        list[str],
        typer.Option("--override", metavar="TYPE=FILE", help="Use this reference file; N/A for none."),
        [],
    ),
    "members": (
        list[str],
        typer.Option("--member", metavar="KIND=FILE", help="What goes with an exposure: background=FILE."),
        [],
    ),
    "keywords": (
        list[str],
        typer.Option("--keyword", metavar="NAME=VALUE", help="What a header lacks, or says wrong: EXP_TYPE=MIR_IMAGE."),
        [],
    ),
    "pars": (Path | None, typer.Option("--pars", metavar="FILE", help="Parameter file, ASDF or TOML."), None),
    "context": (
        str | None,
        typer.Option("--context", metavar="NAME", help="CRDS context, such as jwst_1241.pmap."),
        None,
    ),
    "threads": (
        int | None,
        typer.Option("--threads", metavar="N", min=1, help="Threads; by default all processors."),
        None,
    ),
    "jobs": (int, typer.Option("--jobs", metavar="N", min=1, help="Exposures at once; they share the threads."), 1),
    "max_memory": (
        str | None,
        typer.Option("--max-memory", metavar="SIZE", help="Memory for all, such as 4G; by default what is free."),
        None,
    ),
    "suffix": (str | None, typer.Option("--suffix", metavar="NAME", help="Suffix of the results."), None),
    "skip_existing": (bool, typer.Option("--skip-existing", help="Leave exposures whose results exist."), False),
    "record": (
        bool,
        typer.Option("--record", help="Keep a record beside the products: steps, times, references, log."),
        False,
    ),
    "dry_run": (bool, typer.Option("--dry-run", help="Say what would be done."), False),
    "list_steps": (bool, typer.Option("--list", help="List the steps in order."), False),
    "show_pars": (bool, typer.Option("--show-pars", help="Show all parameters, and where each comes from."), False),
    "save_pars": (
        Path | None,
        typer.Option("--save-pars", metavar="FILE", help="Write all parameters to a file."),
        None,
    ),
    "quiet": (bool, typer.Option("-q", "--quiet", help="Errors only."), False),
    "verbose": (bool, typer.Option("-v", "--verbose", help="Tell more."), False),
    "log_file": (Path | None, typer.Option("--log-file", metavar="FILE", help="Write the whole log to a file."), None),
    "traceback": (bool, typer.Option("--traceback", help="Show where an error arose."), False),
}
STEP_HAS_NONE_OF = ("skip", "save", "list_steps")


def make_app(name):
    """Make the command of a pipeline or a step.

    Parameters
    ----------
    name : str
        Name of the pipeline or alias of the step.

    Returns
    -------
    typer.Typer
    """
    from jwpipe import pipelines, steps

    # A pipeline is loaded when it is run: its help page needs none of its steps.
    step = steps.load(name) if name in steps.CATALOGUE else None
    options = {key: value for key, value in COMMON.items() if step is None or key not in STEP_HAS_NONE_OF}
    own = {} if step is None else _parameter_options(step)

    def command(**given):
        from jwpipe.jobs.api import load

        assignments = list(given.pop("assignments"))
        assignments += [f"{name}.{key}={given.pop(key)}" for key in own if given[key] is not None]
        given = {key: value for key, value in given.items() if key not in own}
        return work(load(name), assignments=assignments, **{"skip": [], "save": [], "list_steps": False} | given)

    parameters = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, declared])
        for key, (kind, declared, default) in (options | own).items()
    ]
    command.__signature__ = inspect.Signature(parameters)
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = _description(name, pipelines.CATALOGUE[name]) if step is None else step.summary
    app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
    app.command(name)(command)
    return app


def _description(name, summary):
    return (
        f"{summary[0].upper()}{summary[1:]}.\n\n\b\n"
        f"Parameters of steps: jwpipe {name} --show-pars\n"
        f"Steps and their conditions: jwpipe {name} --list"
    )


def _parameter_options(step):
    """Options of a step's own parameters: text, checked by the declaration, so that defaults stay the engine's."""
    options = {}
    for parameter in step.params.parameters().values():
        if parameter.name in ("skip", "save_results", "suffix"):
            continue
        flag = "--" + parameter.name.replace("_", "-")
        text = f"{parameter.help} [{parameter.default}]" if parameter.help else f"[{parameter.default}]"
        names = {bool: "BOOL", int: "INT", float: "NUMBER", str: "TEXT"}
        metavar = names[parameter.kind] + (",..." if parameter.many else "")
        options[parameter.name] = (str | None, typer.Option(flag, metavar=metavar, help=text, show_default=False), None)
    return options


def work(
    pipeline,
    inputs,
    output_dir,
    assignments,
    skip,
    save,
    overrides,
    members,
    keywords,
    pars,
    context,
    threads,
    jobs,
    max_memory,
    suffix,
    skip_existing,
    record,
    dry_run,
    list_steps,
    show_pars,
    save_pars,
    quiet,
    verbose,
    log_file,
    traceback,
):
    """Do what a pipeline's or step's command asks for; several exposures are a batch, one is told about in detail."""
    from jwpipe.cli.batch import process_all, size
    from jwpipe.cli.console import set_up_log
    from jwpipe.jobs.api import Options, available_threads
    from jwpipe.jobs.memory import available_memory
    from jwpipe.products.keywords import read_value

    set_up_log(quiet, verbose, log_file)
    if list_steps:
        return typer.echo("\n".join(steps_text(pipeline)))
    options = Options(
        output_dir=output_dir,
        assignments=tuple(assignments),
        skip=tuple(skip),
        save=tuple(save),
        overrides=dict(_pairs(overrides, "--override", "TYPE=FILE")),
        members=_members(members),
        keywords={name: read_value(text) for name, text in _pairs(keywords, "--keyword", "NAME=VALUE")},
        pars=pars,
        context=context,
        threads=threads or available_threads(),
        max_memory=available_memory() if max_memory is None else size(max_memory),
        suffix=suffix,
        protected=tuple(inputs or ()),
        record=record,
    )
    inputs = inputs or []
    if show_pars or save_pars is not None:
        return tell_parameters(pipeline, inputs[0] if inputs else None, options, show_pars, save_pars)
    if not inputs:
        raise UsageError(f"jwpipe {pipeline.name} needs an exposure", f"see jwpipe {pipeline.name} --help")
    if len(inputs) > 1 and not dry_run:
        return process_all(pipeline, inputs, options, jobs, skip_existing, quiet, traceback)
    for path in inputs:
        one(pipeline, path, options, skip_existing, dry_run, quiet)
    return None


def one(pipeline, path, options, skip_existing, dry_run, quiet):
    """Process one exposure, or say what would be done."""
    from jwpipe.cli.console import Progress, step_table
    from jwpipe.jobs import api

    if skip_existing and (found := api.existing(pipeline, path, options)):
        return say(f"{path.name}: {found.name} exists, skipped", quiet)
    if dry_run:
        return typer.echo("\n".join(api.plan(pipeline, path, options)))
    with Progress(path.name, pipeline.steps, not quiet) as progress:
        outcome = api.process(pipeline, path, options, progress)
    if not outcome.records:
        return say(f"{path.name}: another run has just made {outcome.files[0].name}", quiet)
    lines = step_table(outcome.records) + [f"wrote {file}" for file in outcome.files]
    return say("\n".join(lines), quiet)


def say(text, quiet):
    """Tell the user something that is no result."""
    if not quiet:
        print(text, file=sys.stderr)


def steps_text(pipeline):
    """Lines of ``--list``."""
    from jwpipe.engine.naming import fill

    for item in pipeline.order:
        if not hasattr(item, "step"):
            yield f"  ({fill(item.suffix)} is saved here if {item.parameter})"
            continue
        notes = [item.why] if item.why else []
        notes += ["skipped unless asked for"] if item.default_skip else []
        note = f"  [{'; '.join(notes)}]" if notes else ""
        yield f"{item.step.name:<18}{item.step.summary}{note}"


def tell_parameters(pipeline, path, options, show, target):
    """Print the parameters with their origins, or write them to a file."""
    from jwpipe.engine.parsfile import write_parameters
    from jwpipe.jobs import api

    product = None if path is None else api.read_input(pipeline, path, options)
    settings, _ = api.prepare(pipeline, product, options)
    if target is not None:
        write_parameters(target, settings)
    if show:
        for step, name, value, origin in settings.rows():
            full = name if step is None else f"{step}.{name}"
            typer.echo(f"{full:<48}{value!s:<16}{origin}")


def _pairs(texts, option, form):
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"{option} {text!r} is not of the form {form}")
        yield name, value


def _members(texts):
    members = {}
    for kind, path in _pairs(texts, "--member", "KIND=FILE"):
        members.setdefault(kind.strip().lower(), []).append(Path(path))
    return {kind: tuple(paths) for kind, paths in members.items()}
