"""How a pipeline is run on one exposure: references, steps, status keywords, provenance, saving, times."""

import logging
import resource
import sys
import time
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

import jwpipe
from jwpipe.engine.naming import fill, output_path, suffixes_of
from jwpipe.engine.pipeline import Save, Use
from jwpipe.engine.step import Skip
from jwpipe.errors import ReferenceError, StepError, UsageError
from jwpipe.products.exposures import Exposures
from jwpipe.products.fitsfile import Stage
from jwpipe.products.headers import printable
from jwpipe.products.images import Cube
from jwpipe.products.keywords import reference_keyword
from jwpipe.products.parts import blocks, fits
from jwpipe.refs.files import ReferenceFile

__all__ = ["Outcome", "References", "Run", "StepRecord", "execute"]

log = logging.getLogger("jwpipe")

NOT_APPLICABLE = "N/A"

QUIET = logging.Logger("jwpipe.blocks", logging.CRITICAL + 1)  # what is to be told of blocks after the first


def peak_memory():
    """Largest resident size of this process so far, in bytes."""
    try:
        # What getrusage says includes the process that started this one.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@dataclass
class StepRecord:
    """What became of one step.

    Attributes
    ----------
    name, status : str
        Its name; COMPLETE, SKIPPED or not run.
    seconds : float
        Time that it took.
    peak : int
        Peak memory after it, in bytes.
    reason : str
        Why it was skipped, or what else there is to say of it.
    references : dict of str to str
        Reference files that it used, by type.
    """

    name: str
    status: str
    seconds: float = 0.0
    peak: int = 0
    reason: str = ""
    references: dict = field(default_factory=dict)


@dataclass
class Outcome:
    """What a run made.

    Attributes
    ----------
    products : tuple of Product
        The pipeline's results, in memory.
    files : list of pathlib.Path
        Everything that was written.
    records : list of StepRecord
        One a step, reading and writing included.
    settings : Settings or None
        The parameters.
    context : str or None
        CRDS context, where references were looked up.
    """

    products: tuple = ()
    files: list = field(default_factory=list)
    records: list = field(default_factory=list)
    settings: object = None
    context: str | None = None


class References:
    """The reference files of one step: ``refs["gain"]`` is a `ReferenceFile`, or None where none applies.

    Parameters
    ----------
    chosen : dict of str to object
        What the context or the user chose, with ``name`` and ``path``, by type.
    product : Product
        The exposure, to whose subarray arrays are cut.

    Attributes
    ----------
    used : set of str
        Types that the step asked for: those are recorded in the product.
    """

    def __init__(self, chosen, product):
        self._chosen, self._product, self._open = chosen, product, {}
        self.used = set()

    def __getitem__(self, reftype):
        if reftype not in self._open:
            path = self.path(reftype)
            self._open[reftype] = path and ReferenceFile(path, reftype, self._product, log)
        return self._open[reftype]

    def path(self, reftype):
        """Path of a reference that is no FITS file (ASDF, JSON), or None where none applies."""
        self.used.add(reftype)
        return self._chosen[reftype].path

    def need(self, *reftypes):
        """Give one reference, or several; skip the step where none applies."""
        found = [self[reftype] for reftype in reftypes]
        for reftype, reference in zip(reftypes, found, strict=True):
            if reference is None:
                raise Skip(f"no {reftype} reference applies to this exposure")
        return found[0] if len(found) == 1 else found


@dataclass
class Override:
    """A reference that the user names; stands where the context's choice would (`jwpipe.refs.Resolved`)."""

    name: str
    path: Path | None

    @property
    def applicable(self):
        """Whether there is a file."""
        return self.path is not None

    @property
    def uri(self):
        """What products record."""
        return self.name


@dataclass
class Run:
    """What a step may ask of its surroundings.

    Attributes
    ----------
    threads : int
        Threads that kernels use.
    log : logging.Logger
        For warnings and remarks.
    save : callable
        ``save(product, suffix)`` writes a by-product beside the results; ``name=`` gives it a name of its own.
    cache : pathlib.Path or None
        Folder for what is costly to derive from references; it need not exist. None: keep nothing.
    members : dict of str to sequence of pathlib.Path
        What the association has besides the exposure, by kind (``background`` and so on).
    folder : pathlib.Path
        Where products go, and what is put aside meanwhile.
    basename : path-like
        File name of the input, after which products are named.
    remarks : list of str
        What the summary is to say of the step.
    """

    threads: int
    log: logging.Logger
    save: object
    cache: Path | None = None
    members: dict = field(default_factory=dict)
    folder: Path = Path()
    basename: Path = Path()
    remarks: list = field(default_factory=list)

    def name(self, suffix):
        """File name of what is saved under a suffix."""
        return output_path("", self.basename, suffix).name


def override(reftype, text):
    """Read a user's choice of a reference: a path, or ``N/A`` for none."""
    if text.strip().upper() in ("", NOT_APPLICABLE):
        return Override(NOT_APPLICABLE, None)
    path = Path(text).expanduser()
    if not path.is_file():
        raise ReferenceError(f"there is no {reftype} reference at {path}")
    return Override(path.name, path)


class _Execution:
    """State of one run; `execute` is its only user."""

    def __init__(self, settings, finder, options, notify, stage):
        self.settings, self.finder, self.options = settings, finder, options
        self.notify, self.stage = notify, stage
        self.outcome = Outcome(settings=settings)
        self.context = None
        places = options.output_dir, options.basename
        self.run = Run(options.threads, log, self.save, finder.cache.derived, options.members, *places)

    def save(self, product, suffix, name=None):
        folder = self.options.output_dir
        if isinstance(product, Exposures):  # each under its own name
            suffix = fill(suffix, asn_id=product.asn_id)
            for image in product.visit():
                self.write(image, output_path(folder, image.path, suffix))
        else:
            suffix = fill(suffix, isinstance(product, Cube), self.options.asn_id)
            path = output_path(folder, self.options.basename, suffix).with_suffix(product.ending)
            if name is not None:
                path = path.with_name(Path(name).with_suffix(path.suffix).name)
            self.write(product, path)

    def write(self, product, path):
        refuse_inputs(path, self.options.protected)
        product.write(path, self.stage)
        self.outcome.files.append(path)
        log.info("wrote %s", path)

    def save_all(self, products, wish, suffixes, beside=False):
        """Save products, the main one last: where it exists, all of them do."""
        before = len(self.outcome.files)
        suffixes = suffixes_of(suffixes[: len(products)], wish, beside)
        for product, suffix in reversed([*zip(products, suffixes, strict=True)]):
            self.save(product, suffix)
        self.outcome.files[before:] = reversed(self.outcome.files[before:])

    def choose_references(self, product, uses):
        """Find the files of every step that is going to run, so that a missing one is told before any work."""
        wanted = dict.fromkeys(t for use in uses for t in use.step.references)
        chosen = {t: override(t, text) for t, text in self.settings.overrides.items()}
        asked = [t for t in wanted if t not in chosen]
        if asked:
            chosen |= self.finder.best(product.headers["PRIMARY"], asked)
            self.context = self.outcome.context = self.finder.context
        optional = {t for use in uses for t in use.step.optional}
        for reftype in wanted:
            if reftype in optional and chosen[reftype].name is None:
                log.info("no %s reference for this exposure", reftype)
                chosen[reftype] = Override(NOT_APPLICABLE, None)
            chosen[reftype].path  # noqa: B018 - finds the file, or fetches it
        return chosen

    def together(self, use, products):
        """Whether a step is applied with its neighbours to one block of integrations after another."""
        return len(products) == 1 and products[0].store is not None and use.step.by_integration(products[0])

    def sweep(self, uses, products, chosen):
        """Apply steps, one after another, to a part of an exposure before the next part is read."""
        (product,) = products
        alike = [(False, uses)] if fits(product) else groupby(uses, lambda use: use.step.by_group(product))
        for by_group, together in alike:
            self.sweep_through(list(together), blocks(product, by_group=by_group), chosen)
        self.save_made(uses[-1], self.outcome.records[-1], products)

    def sweep_through(self, uses, parts, chosen):
        later = replace(self.run, save=lambda *product, **name: None, log=QUIET, remarks=[])
        records = []
        for part in parts:
            for use, record in records:
                if record.status == "COMPLETE":
                    begun = time.perf_counter()
                    use.step(part, References(chosen, part), self.settings.steps[use.step.name], later)
                    record.seconds += time.perf_counter() - begun
                    record.peak = peak_memory()
            # What is to be told, recorded, and saved besides is so with the first part.
            for use in uses if not records else ():
                self.apply(use, (part,), chosen, last=False)
                records.append((use, self.outcome.records[-1]))

    def apply(self, use, products, chosen, last=True):
        step, par, before = use.step, self.settings.steps[use.step.name], products
        self.notify(step.name)
        record = StepRecord(step.name, "SKIPPED", reason="as asked")
        begun = time.perf_counter()
        self.run.remarks.clear()
        if not par.skip:
            results, used = [], set()
            for product in products:
                refs = References(chosen, product)
                try:
                    made = step(product, refs, par, self.run)
                    record.status, record.reason = "COMPLETE", ""
                except Skip as why:
                    made, record.reason = product, str(why)
                results += made if isinstance(made, tuple) else (made,)
                used |= refs.used
            products = tuple(results)
        if record.reason:
            log.info("%s is skipped: %s", step.name, record.reason)
        for product in products if not use.aside or record.status == "COMPLETE" else ():
            if isinstance(product, Exposures):
                product.record(step.status, record.status)
            else:
                product[step.status] = record.status
            used_here = {} if par.skip else {t: chosen[t] for t in step.references if t in used}
            record.references = {t: choice.name for t, choice in used_here.items()}
            for one in product if isinstance(product, Exposures) else [product]:
                if not par.skip:
                    self.record_references(one, used_here)
                self.record_history(one, step, par, record.reason)
        record.seconds, record.peak = time.perf_counter() - begun, peak_memory()
        self.outcome.records.append(record)
        if last:
            self.save_made(use, record, products)
        record.reason = record.reason or "; ".join(self.run.remarks)
        return before if use.aside else products

    def save_made(self, use, record, products):
        """Save what a step made, where that is asked for or one of the pipeline's results."""
        step, par = use.step, self.settings.steps[use.step.name]
        if record.status == "COMPLETE" and use.keep and (par.save_results or self.settings.own.save_results):
            self.save_all(products, par.suffix, step.suffixes if step.beside else [use.keep], step.beside)
        elif par.save_results and not use.keep and not par.skip and not (step.beside and record.reason):
            self.save_all(products, par.suffix, step.suffixes or (step.name,), step.beside)

    def record_references(self, product, used):
        for reftype, choice in used.items():
            keyword = reference_keyword(reftype)
            if keyword:
                product[keyword] = choice.uri
        if self.context is not None:
            product["CRDS_VER"] = f"jwpipe {jwpipe.__version__}"
            product["CRDS_CTX"] = self.context

    def record_history(self, product, step, par, reason):
        product["CAL_VER"] = jwpipe.__version__
        product["CAL_VCS"] = "RELEASE"
        values = " ".join(f"{name}={getattr(par, name)}" for name in type(par).parameters())
        text = f"{step.name}: " + (f"skipped, {reason}" if reason else values)
        product.headers["PRIMARY"].add_history(printable(text))


def refuse_inputs(path, inputs):
    """Refuse to replace an input.

    Parameters
    ----------
    path : pathlib.Path
        What is about to be written.
    inputs : iterable of path-like
        Files that stay as they are.

    Raises
    ------
    UsageError
        The path is one of them.
    """
    for source in inputs:
        if path.exists() and Path(source).exists() and path.samefile(source):
            raise UsageError(f"{path} is an input and would be replaced", "give another --output-dir, or --suffix")


def execute(pipeline, product, settings, finder, options, notify=lambda name: None):
    """Run a pipeline on one exposure.

    Parameters
    ----------
    pipeline : Pipeline
        What to do.
    product : Product
        The exposure; it is changed, and belongs to the run from here on.
    settings : Settings
        Parameters.
    finder : ReferenceFinder
        Where references come from.
    options : Options
        Output folder, base name, overrides, threads.
    notify : callable, optional
        Told the name of each step as it begins.

    Returns
    -------
    Outcome

    Raises
    ------
    JwpipeError
        Anything that may go wrong.
    """
    with Stage() as stage:
        return _execute(pipeline, product, _Execution(settings, finder, options, notify, stage))


def warn_of_repeats(product, uses):
    """Warn of steps that an exposure has been through already: most of them are not meant to be applied twice."""
    for one in product if isinstance(product, Exposures) else [product]:
        if repeated := [use.step.name for use in uses if one.get(use.step.status) == "COMPLETE"]:
            log.warning("%s has been through %s before: done once more", one.path.name, ", ".join(repeated))


def _execute(pipeline, product, work):
    settings = work.settings
    uses = [use for use in pipeline.order if isinstance(use, Use) and use.applies(product, work.options.members)]
    wanted = [use for use in uses if not settings.steps[use.step.name].skip]
    chosen = work.choose_references(product, wanted)
    warn_of_repeats(product, wanted)
    products = (product,)
    del product  # the ramp is to be freed as soon as the fit has replaced it
    waiting = []
    for item in (*pipeline.order, None):
        if item in uses and work.together(item, products):
            waiting.append(item)
            if not settings.steps[item.step.name].save_results:
                continue
            item = None
        if waiting:
            work.sweep(waiting, products, chosen)
            waiting = []
        if isinstance(item, Save):
            if getattr(settings.own, item.parameter) and (item.needs is None or work.options.members.get(item.needs)):
                for one in products:
                    work.save(one, item.suffix)
        elif item in uses:
            products = work.apply(item, products, chosen)
    if not products:
        raise StepError(f"{pipeline.name} made nothing of {work.options.basename}")
    if settings.own.save_results and pipeline.saves_last and not pipeline.alone:
        work.notify("write")
        begun = time.perf_counter()
        own = [one.suffix for one in products] if len(pipeline.makes) > 1 else pipeline.makes
        work.save_all(products, settings.own.suffix, own)
        work.outcome.records.append(StepRecord("write", "COMPLETE", time.perf_counter() - begun, peak_memory()))
    work.outcome.products = products
    return work.outcome
