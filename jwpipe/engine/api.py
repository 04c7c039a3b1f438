"""The engine's front: what the command and Python users call."""

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path

from jwpipe.engine import runner
from jwpipe.engine.parsfile import read_parameters
from jwpipe.engine.pipeline import Pipeline
from jwpipe.engine.settings import Layer, Settings
from jwpipe.errors import InputError, UsageError

__all__ = ["Options", "available_threads", "load", "prepare", "run"]

log = logging.getLogger("jwpipe")


def available_threads():
    """Processors that this process may use, or OMP_NUM_THREADS where it is set."""
    stated = os.environ.get("OMP_NUM_THREADS", "")
    if stated.isdigit() and int(stated) > 0:
        return int(stated)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class Options:
    """How to run, apart from parameters.

    Attributes
    ----------
    output_dir : pathlib.Path
        Where products go; made where it does not exist.
    basename : pathlib.Path
        The input file, after which products are named.
    assignments : sequence of str
        ``step.parameter=value``.
    skip, save : sequence of str
        Steps to leave out, and steps whose product is saved.
    overrides : dict of str to str
        Reference files by type; ``N/A`` for none.
    pars : path-like or None
        A parameter file.
    context : str or None
        CRDS context.
    threads : int
        Threads of the kernels.
    suffix : str or None
        Suffix of the results.
    """

    output_dir: Path = Path()
    basename: Path = Path()
    assignments: tuple = ()
    skip: tuple = ()
    save: tuple = ()
    overrides: dict = field(default_factory=dict)
    pars: Path | None = None
    context: str | None = None
    threads: int = 1
    suffix: str | None = None


def load(name):
    """Give the pipeline of a name; a step's name gives the pipeline of that step alone.

    Raises
    ------
    UsageError
        Neither a pipeline nor a step; the nearest name is offered.
    """
    from jwpipe import pipelines, steps
    from jwpipe.errors import nearest

    if name.removeprefix("calwebb_") in pipelines.CATALOGUE:
        return pipelines.load(name)
    if name in steps.CATALOGUE:
        return Pipeline.of_step(steps.load(name))
    raise UsageError(f"there is no pipeline or step {name!r}", nearest(name, [*pipelines.CATALOGUE, *steps.CATALOGUE]))


def read_input(pipeline, path, threads):
    """Open an exposure as the product that a pipeline starts from."""
    if len(pipeline.takes) == 1:
        return pipeline.takes[0].read(path, threads)
    from jwpipe.products.fitsfile import FitsFile

    stated = FitsFile(path).primary.get("DATAMODL", "")
    for kind in pipeline.takes:
        if kind.datamodl == stated:
            return kind.read(path, threads)
    names = " or ".join(kind.datamodl for kind in pipeline.takes)
    raise InputError(f"{path} is a {stated or 'file without DATAMODL'}, {pipeline.name} takes {names}")


def prepare(pipeline, product, options):
    """Settle the parameters and the place that references come from.

    Parameters
    ----------
    pipeline : Pipeline
        What is to be run.
    product : Product or None
        The exposure; without one, the context's parameters are left out.
    options : Options
        How.

    Returns
    -------
    settings : Settings
    finder : ReferenceFinder or None
        None where no context can be had: an error only once a reference is asked for.
    """
    from jwpipe.refs import ReferenceFinder

    finder = ReferenceFinder(options.context) if product is not None else None
    layers = context_layers(pipeline, product, finder) if finder is not None else []
    if options.pars is not None:
        layers.append(read_parameters(options.pars, pipeline))
    layers.append(Layer.from_assignments(pipeline, options.assignments))
    flags = Layer("the command line", steps={})
    for names, parameter in ((options.skip, "skip"), (options.save, "save_results")):
        for name in names:
            flags.steps.setdefault(pipeline.find(name).name, {})[parameter] = True
    if options.suffix is not None:
        flags.pipeline["suffix"] = options.suffix
    return Settings(pipeline, [*layers, flags]), finder


def context_layers(pipeline, product, finder):
    """Parameters that the context holds for this kind of exposure: those of steps, then those of the pipeline."""
    if os.environ.get("STPIPE_DISABLE_CRDS_STEPPARS", "").lower() in ("true", "t", "yes", "y", "1"):
        return []
    reftypes = dict.fromkeys([step.pars_reftype for step in pipeline.steps.values()] + [pipeline.pars_reftype])
    chosen = finder.best(product.headers["PRIMARY"], reftypes).values()
    return [
        read_parameters(choice.path, pipeline, f"{choice.name} of {finder.context}")
        for choice in chosen
        if choice.name != runner.NOT_APPLICABLE
    ]


def run(name, path, *, notify=lambda step: None, **options):
    """Run a pipeline or a step on one exposure.

    Parameters
    ----------
    name : str
        Such as ``"detector1"`` or ``"jump"``.
    path : path-like
        The exposure.
    notify : callable, optional
        Told the name of each step as it begins.
    **options
        Fields of `Options`: output_dir, assignments, skip, save, overrides, pars, context, threads, suffix.

    Returns
    -------
    Outcome
        The products in memory, the files written, and a record a step.

    Raises
    ------
    JwpipeError
        With a one-line message; see `jwpipe.errors`.
    """
    options.setdefault("threads", available_threads())
    try:
        options = Options(**options, basename=Path(path))
    except TypeError as problem:
        raise UsageError(f"run(): {str(problem).rpartition('__init__() ')[2]}") from None
    options.output_dir = Path(options.output_dir)
    pipeline = load(name)
    # The exposure is handed over, not kept: a ramp is freed as soon as its slopes are there.
    hold = [read_input(pipeline, path, options.threads)]
    settings, finder = prepare(pipeline, hold[0], options)
    return runner.execute(pipeline, hold.pop(), settings, finder, options, notify)
