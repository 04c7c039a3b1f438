"""`jwpipe plan`: a program's worth of exposures, for make, Dask or Slurm."""

from pathlib import Path
from typing import Annotated

import typer

from jwpipe.errors import UsageError, nearest

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)

ENGINES = ("make", "dask", "slurm")


@app.command("plan")
def plan(
    raw: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders of raw exposures, or exposures.", show_default=False)
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Makefile to write.")] = Path(
        "program.mk"
    ),
    products: Annotated[
        Path | None,
        typer.Option("--products", metavar="DIR", help="Where products go; by default products beside the Makefile."),
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", metavar="NAME", help="CRDS context, such as jwst_1241.pmap.")
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PIPELINE.STEP.PAR=VALUE", help="Set a parameter, such as detector1.jump.skip."),
    ] = None,
    skip: Annotated[list[str] | None, typer.Option("--skip", metavar="PIPELINE.STEP", help="Leave a step out.")] = None,
    save: Annotated[
        list[str] | None, typer.Option("--save", metavar="PIPELINE.STEP", help="Save a step's product too.")
    ] = None,
    pars: Annotated[
        list[str] | None, typer.Option("--pars", metavar="PIPELINE=FILE", help="Parameter file, ASDF or TOML.")
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--override", metavar="TYPE=FILE", help="Use this reference file; N/A for none."),
    ] = None,
    stages: Annotated[str, typer.Option("--stages", metavar="1,2,3", help="Stages to plan.")] = "1,2,3",
    discover: Annotated[
        bool, typer.Option("--discover", help="Associations across observations too, as no candidate asks for.")
    ] = False,
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="make; dask: run it too; slurm: a script for sbatch too.")
    ] = "make",
    local: Annotated[
        int | None, typer.Option("--local", metavar="N", min=1, help="Dask: N workers on this machine.")
    ] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="Dask: a scheduler that exists.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", metavar="N", min=1, help="Dask and Slurm: threads of one task.")
    ] = None,
    sbatch: Annotated[str, typer.Option("--sbatch", metavar="OPTIONS", help="Slurm: options of sbatch.")] = "",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Errors only.")] = False,
):
    """Plan how raw exposures become products, and write it as a Makefile.

    Pool and associations are made on the way. Plan again when exposures, parameters or the context change: what they
    concern is made anew, nothing else.
    """
    from jwpipe.program.graph import plan_path
    from jwpipe.program.makefile import write_makefile
    from jwpipe.program.planning import Plan, plan_program

    if engine not in ENGINES:
        raise UsageError(f"there is no engine {engine!r}", nearest(engine, ENGINES) or "make, dask or slurm")
    if engine != "dask" and (local or scheduler):
        raise UsageError("--local and --scheduler are for --engine dask")
    if output.suffix != ".mk":
        raise UsageError(f"{output} is no name of a Makefile here", "name it .mk")
    wanted = Plan(
        raw=tuple(raw),
        folder=output.absolute().parent,
        products=(products or output.parent / "products").absolute(),
        name=output.stem,
        options=_options(assignments or (), skip or (), save or (), pars or ()),
        overrides=dict(_override(text) for text in overrides or ()),
        context=context,
        stages=_stages(stages),
        discover=discover,
    )
    program, warnings = plan_program(wanted)
    write_makefile(program, output)
    say = (lambda text: None) if quiet else lambda text: typer.echo(text, err=True)
    for line in warnings:
        say(f"jwpipe: {line}")
    for one in program.left_out:
        say(f"jwpipe: left out: {one.kind}: {one.name}: {one.why}")
    kinds = [task.pipeline for task in program.tasks]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    say(f"wrote {output}: {counts or 'nothing to make'}; {len(program.left_out)} left out")
    if engine == "dask":
        from jwpipe.program.cluster import run_on_dask

        return run_on_dask(plan_path(output), local, scheduler, threads, say)
    if engine == "slurm":
        from jwpipe.program.slurm import write_script

        say(f"wrote {write_script(program, output, sbatch, threads)}")
    return None


def _stages(text):
    stages = tuple(sorted({part.strip() for part in text.split(",")}))
    if not stages or not set(stages) <= {"1", "2", "3"}:
        raise UsageError(f"--stages {text!r} names no stages", "such as 1,2")
    return tuple(map(int, stages))


def _options(assignments, skip, save, pars):
    """Sort options by pipeline, and check them against what it declares."""
    from jwpipe import pipelines
    from jwpipe.engine.parsfile import read_parameters
    from jwpipe.engine.settings import Layer, Settings

    options = {}
    for kind, texts in (("assignments", assignments), ("skip", skip), ("save", save)):
        for text in texts:
            name, dot, rest = text.partition(".")
            if not dot or not rest:
                raise UsageError(f"{text!r} is not of the form PIPELINE.STEP...", "name the pipeline first")
            pipelines.load(name)
            options.setdefault(name, {}).setdefault(kind, []).append(rest)
    for text in pars:
        name, equals, file = text.partition("=")
        if not equals:
            raise UsageError(f"--pars {text!r} is not of the form PIPELINE=FILE")
        pipelines.load(name)
        options.setdefault(name, {})["pars"] = str(Path(file).absolute())
    for name, values in options.items():
        pipeline = pipelines.load(name)
        layers = [read_parameters(values["pars"], pipeline)] if "pars" in values else []
        Settings(pipeline, [*layers, Layer.from_assignments(pipeline, values.get("assignments", ()))])
        for step in (*values.get("skip", ()), *values.get("save", ())):
            pipeline.find(step)
    return {name.removeprefix("calwebb_"): values for name, values in options.items()}


def _override(text):
    from jwpipe.engine.runner import override

    reftype, equals, file = text.partition("=")
    if not equals:
        raise UsageError(f"--override {text!r} is not of the form TYPE=FILE")
    chosen = override(reftype, file)
    return reftype, str(chosen.path.absolute()) if chosen.path else chosen.name
