"""The engine's front: what the command and Python users call."""

import errno
import logging
import os
import tempfile
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from jwpipe import pipelines, steps
from jwpipe.engine import runner
from jwpipe.engine.naming import fill, output_path, suffixes_of
from jwpipe.engine.parsfile import read_parameters
from jwpipe.engine.pipeline import Pipeline, Use
from jwpipe.engine.settings import Layer, Settings
from jwpipe.errors import OutputError, ReferenceError, UsageError, nearest
from jwpipe.jobs.inputs import open_task, tasks
from jwpipe.jobs.memory import estimate, room
from jwpipe.products.fitsfile import check_name
from jwpipe.products.keywords import check_keyword
from jwpipe.products.store import Store
from jwpipe.products.suffixes import split_suffix

__all__ = ["Options", "available_threads", "existing", "load", "plan", "prepare", "process", "read_input", "run"]

log = logging.getLogger("jwpipe")

MOST_THREADS = 256  # more than any exposure has work for; each takes a stack


def available_threads():
    """Processors that this process may use, or OMP_NUM_THREADS where it is set."""
    stated = os.environ.get("OMP_NUM_THREADS", "")
    if stated.isdigit() and int(stated) > 0:
        return min(int(stated), MOST_THREADS)
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
    max_memory : int or None
        Bytes; the arrays of an exposure that is estimated to take more are kept in a temporary file.
    suffix : str or None
        Suffix of the results.
    write : bool
        Whether the results are written; steps' own products are as their parameters say.
    protected : sequence of path-like
        Files that are not to be replaced, besides the exposure itself.
    members : dict of str to sequence of path-like
        What goes with the exposure, by kind, such as ``background``; besides what its association has.
    asn_id : str
        Identifier of the association.
    keywords : dict of str to object
        What the headers of the exposures are taken to say, where they lack it or are wrong.
    record : bool
        Whether a record is kept beside the products (`jwpipe.jobs.record`).

    Raises
    ------
    UsageError
        A value of another kind.
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
    max_memory: int | None = None
    suffix: str | None = None
    write: bool = True
    protected: tuple = ()
    members: dict = field(default_factory=dict)
    asn_id: str = ""
    keywords: dict = field(default_factory=dict)
    record: bool = False

    def __post_init__(self):
        for name in ("assignments", "skip", "save"):
            value = getattr(self, name)
            if isinstance(value, str):
                setattr(self, name, (value,))
            elif not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
                raise UsageError(f"{name} = {value!r} is no list of texts")
        if not isinstance(self.overrides, dict) or not all(
            isinstance(path, str | os.PathLike) for path in self.overrides.values()
        ):
            raise UsageError(f"overrides = {self.overrides!r} is no dict of reference types to files")
        self.keywords = dict(check_keyword(name, value) for name, value in dict(self.keywords).items())
        for name, kinds, what in (
            ("output_dir", (str, os.PathLike), "a path"),
            ("pars", (str, os.PathLike, type(None)), "a path"),
            ("context", (str, type(None)), "the name of a context"),
            ("suffix", (str, type(None)), "a text"),
            ("max_memory", (int, type(None)), "a number of bytes"),
            ("threads", int, "a number of threads"),
        ):
            if not isinstance(getattr(self, name), kinds):
                raise UsageError(f"{name} = {getattr(self, name)!r} is not {what}")
        if self.threads < 1:
            raise UsageError(f"threads = {self.threads} is not at least 1")
        self.threads = min(self.threads, MOST_THREADS)
        self.output_dir = Path(self.output_dir)


def load(name):
    """Give the pipeline of a name; a step's name gives the pipeline of that step alone.

    Raises
    ------
    UsageError
        Neither a pipeline nor a step; the nearest name is offered.
    """
    if name.removeprefix("calwebb_") in pipelines.CATALOGUE:
        return pipelines.load(name)
    if name in steps.CATALOGUE:
        return Pipeline.of_step(steps.load(name))
    raise UsageError(f"there is no pipeline or step {name!r}", nearest(name, [*pipelines.CATALOGUE, *steps.CATALOGUE]))


def read_input(pipeline, path, options):
    """Open an exposure, or the first product of an association, as what a pipeline starts from."""
    return open_task(pipeline, tasks(path)[0], options.threads, keywords=options.keywords)


def prepare(pipeline, product, options, finder=None):
    """Settle the parameters and the place that references come from.

    Parameters
    ----------
    pipeline : Pipeline
        What is to be run.
    product : Product or None
        The exposure; without one, the context's parameters are left out.
    options : Options
        How.
    finder : ReferenceFinder, optional
        One that knows the context's rules already.

    Returns
    -------
    settings : Settings
    finder : ReferenceFinder or None
        None where no context can be had: an error only once a reference is asked for.
    """
    if product is not None and finder is None:
        from jwpipe.refs import ReferenceFinder

        finder = ReferenceFinder(options.context)
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
    flags.pipeline |= {f"override_{reftype}": path for reftype, path in options.overrides.items()}
    settings = Settings(pipeline, [*layers, flags])
    if product is not None:
        settings.check()
    settings.own.save_results = options.write  # of what is run itself, a file of parameters does not decide
    return settings, finder


def context_layers(pipeline, product, finder):
    """Parameters that the context holds for this kind of exposure: those of steps, then those of the pipeline."""
    if os.environ.get("STPIPE_DISABLE_CRDS_STEPPARS", "").lower() in ("true", "t", "yes", "y", "1"):
        return []
    reftypes = dict.fromkeys([step.pars_reftype for step in pipeline.steps.values()] + [pipeline.pars_reftype])
    try:
        chosen = finder.best(product.headers["PRIMARY"], reftypes).values()
    except ReferenceError as problem:
        # Where every reference is overridden no context is needed; where one is, its absence is told then.
        log.info("no parameters from a context: %s", problem)
        return []
    return [
        read_parameters(choice.path, pipeline, f"{choice.name} of {finder.context}")
        for choice in chosen
        if choice.applicable
    ]


def process(pipeline, path, options, notify=lambda step: None):
    """Run a pipeline on one exposure.

    Parameters
    ----------
    pipeline : Pipeline
        What to run.
    path : path-like
        The exposure.
    options : Options
        How.
    notify : callable, optional
        Told the name of each step as it begins.

    Returns
    -------
    Outcome
    """
    check(pipeline, options)
    if not options.record:
        return _process(pipeline, path, options, notify)
    from jwpipe.jobs.record import Record, record_path

    main = results(pipeline, path, options)[0]
    with Record(record_path(main), pipeline, path, options) as record:
        if record.made is not None:
            return runner.Outcome(files=record.made)

        def heard(step):
            record.note(step)
            notify(step)

        outcome = _process(pipeline, path, options, heard)
        record.finish(outcome)
    return outcome


def _process(pipeline, path, options, notify):
    whole = runner.Outcome()
    for task in tasks(path):
        outcome = _make(pipeline, task, options, notify)
        whole.products += outcome.products
        whole.files += outcome.files
        whole.records += outcome.records
        whole.settings, whole.context = outcome.settings, outcome.context
    return whole


def _make(pipeline, task, options, notify):
    for kind in options.members:
        if not pipeline.alone and kind not in pipeline.member_kinds:
            raise UsageError(f"{pipeline.name} takes no members {kind!r}", nearest(kind, pipeline.member_kinds))
    for target in _targets(pipeline, task, options):
        check_name(target)
        runner.refuse_inputs(target, [task.source, *task.science, *options.protected])
    # The exposure is handed over, not kept: a ramp is freed as soon as its slopes are there.
    task = task.joined_by(options.members)
    hold = [open_task(pipeline, task, options.threads, options.output_dir, options.keywords)]
    options = replace(
        options,
        basename=task.basename,
        asn_id=task.asn_id,
        members=task.members,
        protected=(*options.protected, task.source, *task.science),
    )
    if options.max_memory is not None and (needed := estimate(hold[0])) > options.max_memory:
        rest = estimate(hold[0], mapped=True)
        log.warning(
            "%s takes about %d MB, more than the %d MB allowed: its arrays go to a temporary file in %s%s",
            *(task.source, needed // 10**6, options.max_memory // 10**6, options.output_dir),
            f" (without them it takes about {rest // 10**6} MB)" if rest > options.max_memory else "",
        )
        hold[0].store = Store(options.output_dir, room(hold[0], options.max_memory))
    settings, finder = prepare(pipeline, hold[0], options)
    return runner.execute(pipeline, hold.pop(), settings, finder, options, notify)


def check(pipeline, options):
    """Find out before any file is read what would be wrong whatever it has.

    Parameters
    ----------
    pipeline : Pipeline
        What is to be run.
    options : Options
        How.

    Raises
    ------
    JwpipeError
        A wrong parameter, a reference of the user's that is not there, a folder that takes no products.
    """
    settings, _ = prepare(pipeline, None, options)
    for reftype, text in settings.overrides.items():
        runner.override(reftype, text)
    check_folder(options.output_dir)


def check_folder(folder):
    """Find out before any work whether products can be put into a folder, which need not exist.

    Raises
    ------
    OutputError
        It is a file, or nothing can be made there.
    """
    standing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if not standing.is_dir():
        raise OutputError(f"{standing} is a file, no folder for products", "give another folder with --output-dir")
    try:
        tempfile.TemporaryFile(dir=standing).close()  # permissions alone do not tell of disks that are read only
    except OSError as problem:
        why = problem.strerror if problem.errno == errno.EROFS else "nothing can be written there"
        raise OutputError(f"{standing}: {why}", "give another folder with --output-dir") from None


def results(pipeline, path, options):
    """Paths of what a pipeline makes of an exposure or an association, the main product first."""
    return [target for task in tasks(path) for target in _targets(pipeline, task, options)]


def _targets(pipeline, task, options):
    # Whether there are integrations is told by the exposure's name: it need not be opened to see what exists.
    ints = split_suffix(task.science[0].stem)[0] != task.science[0].stem and task.science[0].stem.endswith("ints")
    suffixes = [fill(suffix, ints, task.asn_id) for suffix in pipeline.makes]
    suffixes = suffixes_of(suffixes, options.suffix, pipeline.beside)
    return [output_path(options.output_dir, task.basename, s) for s in suffixes]


def existing(pipeline, path, options):
    """Path of the (first) main result where all of them exist already, else None."""
    mains = [_targets(pipeline, task, options)[0] for task in tasks(path)]
    return mains[0] if all(main.exists() for main in mains) else None


def plan(pipeline, path, options):
    """Lines that say what `process` would do: steps, references, results.

    Raises
    ------
    JwpipeError
        What would keep it from beginning, a reference that is not to be had apart: that is told in its line.
    """
    lines = []
    for task in tasks(path):
        task = task.joined_by(options.members)
        product = open_task(pipeline, task, options.threads, keywords=options.keywords)
        settings, finder = prepare(pipeline, product, options)
        lines.append(f"{pipeline.name} {task.source if task.table is None else task.basename.stem}")
        for use in pipeline.order:
            if not isinstance(use, Use) or not use.applies(product, task.members):
                continue
            if settings.steps[use.step.name].skip:
                lines.append(f"  {use.step.name:<18}skipped as asked")
                continue
            asked = [t for t in use.step.references if t not in settings.overrides]
            chosen = finder.best(product.headers["PRIMARY"], asked) if asked else {}
            names = [settings.overrides.get(t) or chosen[t].name for t in use.step.references]
            listed = " ".join(f"{t}={name}" for t, name in zip(use.step.references, names, strict=True))
            lines.append(f"  {use.step.name:<18}{listed}".rstrip())
        lines += [f"  -> {target}" for target in _targets(pipeline, task, options)]
    return lines


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
        Fields of `Options`: output_dir, assignments, skip, save, overrides, pars, context, threads, max_memory, suffix,
        write, members, keywords, record.

    Returns
    -------
    Outcome
        The products in memory, the files written, and a record a step.

    Raises
    ------
    JwpipeError
        With a one-line message; see `jwpipe.errors`.
    """
    known = {f.name for f in fields(Options)} - {"basename", "asn_id"}
    for option in options:
        if option not in known:
            raise UsageError(f"run() has no option {option!r}", nearest(option, known))
    options.setdefault("threads", available_threads())
    if not isinstance(name, str) or not isinstance(path, str | os.PathLike):
        raise UsageError(f"run({name!r}, {path!r}): a name and a path are wanted")
    return process(load(name), Path(path), Options(**options), notify)
