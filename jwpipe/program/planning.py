"""From a folder of raw exposures to a program: pool, associations, and the tasks that make all products."""

import json
import os
import re
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from jwpipe import pipelines
from jwpipe.asn.document import dump, write_text
from jwpipe.asn.exposures import exposure_root
from jwpipe.asn.generate import generate
from jwpipe.asn.makepool import make_pool
from jwpipe.asn.pool import Pool, write_pool
from jwpipe.engine.naming import fill, output_path
from jwpipe.engine.pipeline import Use
from jwpipe.errors import InputError, JwpipeError, UsageError
from jwpipe.jobs import api
from jwpipe.jobs.inputs import tasks as products_of
from jwpipe.products.exposures import Exposures
from jwpipe.products.images import Cube
from jwpipe.products.modes import guides
from jwpipe.program.graph import LeftOut, Program, Task, relative
from jwpipe.program.keys import Checksums, make_key, write_key
from jwpipe.program.makefile import unfit
from jwpipe.refs import ReferenceFinder

__all__ = ["STAGES", "Plan", "find_raw", "plan_program"]

STAGES = (1, 2, 3)
HIDDEN = ".plan"  # folder among the products, of what the plan itself keeps
NUMBERED = re.compile(r"e(\d{7})(?=_|$)")  # how exposures are called while associations are made


@dataclass
class Plan:
    """What to plan, and how its tasks are run.

    Attributes
    ----------
    raw : sequence of path-like
        Raw exposures, or folders of them.
    folder : pathlib.Path
        The program's folder.
    products : pathlib.Path
        Where products go.
    name : str
        What the program is called: its pool is named after it.
    options : dict of str to dict
        Fields of `Options` by pipeline; those under ``""`` are for all.
    overrides : dict of str to str
        Reference files by type, for all pipelines that use the type.
    context : str or None
        CRDS context.
    stages : sequence of int
        Which stages to plan.
    discover : bool
        Whether associations that no candidate asks for are made too.
    """

    raw: tuple
    folder: Path
    products: Path
    name: str = "program"
    options: dict = field(default_factory=dict)
    overrides: dict = field(default_factory=dict)
    context: str | None = None
    stages: tuple = STAGES
    discover: bool = False


@dataclass
class _Exposure:
    """A raw exposure: its file, its header, and its name without suffix."""

    path: Path
    header: object
    root: str


@dataclass(eq=False)
class _Draft:
    """A task in the making: what it runs, on what, and the exposures whose headers tell what it starts from."""

    pipeline: str
    source: Path
    exposures: list
    per_integration: bool = False
    members: dict = field(default_factory=dict)
    inputs: list = field(default_factory=list)
    makes: list = field(default_factory=list)
    also: list = field(default_factory=list)


def plan_program(plan):
    """Plan a program, and write its associations and what else its tasks stand on.

    What was planned before in the same place is kept as it is, as far as it is still right.

    Parameters
    ----------
    plan : Plan
        What is wanted.

    Returns
    -------
    program : Program
    warnings : list of str
        What the user should know.

    Raises
    ------
    JwpipeError
        There are no raw exposures, none that can be read, two of one name, or no context.
    """
    api.check_folder(plan.products)
    if (character := unfit(relative(plan.products, plan.folder))) is not None:
        raise UsageError(f"{plan.products} has {character}, which make cannot take", "give another --products")
    finder = ReferenceFinder(plan.context)
    context = finder.context
    exposures, left_out = _read_headers(find_raw(plan.raw), plan.folder)
    if not exposures:
        others = f", nor any of {len(left_out) - 1} others" if len(left_out) > 1 else ""
        raise InputError(f"{left_out[0].name} cannot be planned{others}: {left_out[0].why}")
    (plan.products / HIDDEN).mkdir(parents=True, exist_ok=True)
    drafts = [_stage1(exposure) for exposure in exposures] if 1 in plan.stages else []
    warnings = []
    if {2, 3} & set(plan.stages):
        more, without, warnings = _associate(plan, exposures)
        drafts, left_out = drafts + more, left_out + without
    for draft in drafts:
        _complete(draft, plan)
    drafts, without = _possible(drafts, plan)
    program = Program(plan.folder, relative(plan.products, plan.folder), left_out=left_out + without)
    program.options = {name: _options(plan, name, context) for name in {draft.pipeline for draft in drafts}}
    program.environment = {"CRDS_PATH": str(finder.cache.root.absolute()), "CRDS_SERVER_URL": finder.server.url}
    tasks = _write_keys(drafts, plan, program, finder)
    done = Program(plan.folder, program.products, tasks, program.left_out, program.options, program.environment)
    return done, warnings


def find_raw(places):
    """Find raw exposures.

    Parameters
    ----------
    places : sequence of path-like
        Files, and folders, in which all ``*_uncal.fits`` count, however deep.

    Returns
    -------
    list of pathlib.Path
        By name.

    Raises
    ------
    InputError
        There are none, or two have one name.
    """
    found = {}
    for place in map(Path, places):
        if not place.exists():
            raise InputError(f"there is no {place}")
        if not place.is_dir():
            found[place.absolute()] = place
            continue
        for folder, folders, files in os.walk(place):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in files:
                path = Path(folder, name)
                if name.endswith("_uncal.fits") and not name.startswith(".") and path.is_file():
                    found[path.absolute()] = path
    if not found:
        raise InputError(f"there are no raw exposures (*_uncal.fits) in {' '.join(map(str, places))}")
    by_name = {}
    for path in sorted(found.values(), key=lambda path: (path.name, str(path))):
        if (other := by_name.setdefault(path.name, path)) is not path:
            raise InputError(f"{other} and {path} have one name", "plan them as two programs")
    return list(by_name.values())


def _read_headers(paths, folder):
    """Read the headers of raw exposures; tell which cannot be planned."""
    import warnings

    from astropy.io import fits

    exposures, left_out = [], []
    for path in paths:
        try:
            if (character := unfit(relative(path, folder))) is not None:
                raise InputError(f"its path has {character}, which make cannot take", "rename it")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what is wrong behind the header, the run itself will say
                header = fits.getheader(path)
            if header.get("OBSERVTN") is None:
                raise InputError(f"{path} has no keyword OBSERVTN", "is it a JWST exposure?")
            first = pipelines.load(_first(header))
            if not any(kind.recognises(header) for kind in first.takes):
                raise InputError(f"{path} is of DATAMODL = {header.get('DATAMODL')}, no raw exposure")
        except (JwpipeError, OSError, fits.VerifyError) as problem:
            why = getattr(problem, "strerror", None) or str(problem)
            left_out.append(LeftOut(repr(path.name)[1:-1], "raw", " ".join(why.split())))
        else:
            exposures.append(_Exposure(path, header, exposure_root(path.name)))
    return exposures, left_out


def _first(header):
    """Pipeline that a raw exposure begins with."""
    kind = str(header.get("EXP_TYPE", "")).upper()
    return "guider" if guides(header) else "dark" if "_DARK" in kind else "detector1"


def _stage1(exposure):
    return _Draft(_first(exposure.header), exposure.path, [exposure])


def _associate(plan, exposures):
    """Make pool and associations, as files; give drafts of their tasks, what has no pipeline, and warnings."""
    if not exposures:
        return [], [], []
    rows = make_pool([exposure.path for exposure in exposures])
    write_pool(plan.products / f"{plan.name}_pool.csv", rows)
    # Associations know exposures by lower-case names alone: meanwhile they have numbers, in the order of their names.
    numbered = [row | {"filename": f"e{i:07d}_uncal.fits"} for i, row in enumerate(rows)]
    values = [{name: str(value).strip().lower() or "null" for name, value in row.items()} for row in numbered]
    outcome = generate(Pool(values, f"{plan.name}_pool.csv"), all_candidates=True, discover=plan.discover)

    def named(text):
        return NUMBERED.sub(lambda match: exposures[int(match[1])].root, text)

    drafts, left_out = [], []
    names = _Names(plan.products)
    for asn in outcome.associations:
        if asn.rule.level not in plan.stages:
            continue
        document, sources = asn.as_dict(), []
        for product in document["products"]:
            product["name"] = named(product["name"])
            for member in product["members"]:
                match = NUMBERED.match(member["expname"])
                if match and member["exptype"] == "science":
                    sources.append(exposures[int(match[1])])
                member["expname"] = named(member["expname"])
        path = plan.products / names.of(document, asn.name)
        text = dump(document)
        if not path.exists() or path.read_text(errors="replace") != text:
            write_text(path, text)
        pipeline = _pipeline_of(asn.asn_type)
        if pipeline is None:
            made = document["products"][0]["name"]
            left_out.append(LeftOut(made, asn.asn_type, f"no pipeline for {path.name}"))
        else:
            drafts.append(_Draft(pipeline, path, sources))
    return drafts, left_out, outcome.warnings


def _pipeline_of(asn_type):
    """Pipeline for associations of a type, or None where there is none: stage 2 has one for all kinds of images."""
    if asn_type in pipelines.CATALOGUE:
        return asn_type
    general = asn_type.rpartition("-")[2]
    return general if general.endswith("2") and general in pipelines.CATALOGUE else None


class _Names:
    """File names of associations: those of an earlier plan are kept, whatever number an association has today."""

    NUMBER = re.compile(r"_(\d{5})_asn$")

    def __init__(self, folder):
        self.taken, self.names = set(), {}
        for path in sorted(folder.glob("*_asn.json")):
            self.taken.add(path.stem)
            try:
                self.names.setdefault(self._what(json.loads(path.read_text())), path.stem)
            except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
                continue  # no association of ours

    @staticmethod
    def _what(document):
        science = [m["expname"] for m in document["products"][0]["members"] if m["exptype"] == "science"]
        own = science[0] if document["asn_type"].endswith("2") else ""
        return document["asn_type"], document["asn_id"], document["products"][0]["name"], own

    def of(self, document, proposed):
        """Give the file name of an association."""
        what = self._what(document)
        name = self.names.pop(what, None)
        while name is None:
            if proposed not in self.taken:
                name = proposed
            else:
                proposed = self.NUMBER.sub(lambda match: f"_{int(match[1]) + 1:05d}_asn", proposed)
        self.taken.add(name)
        return f"{name}.json"


def _complete(draft, plan):
    """Say which files a task takes and makes."""
    pipeline = pipelines.load(draft.pipeline)
    options = api.Options(output_dir=plan.products)
    draft.makes = api.results(pipeline, draft.source, options)
    draft.inputs = [draft.source]
    keeps = [use.keep for use in pipeline.order if isinstance(use, Use) and use.keep]
    for product in products_of(draft.source):
        if product.table is not None:
            draft.inputs += [*product.science, *(file for files in product.members.values() for file in files)]
            draft.members |= product.members
        draft.per_integration = product.science[0].stem.endswith("ints")
        for keep in keeps:
            of = product.science if "{asn_id}" in keep else [product.basename]
            suffix = fill(keep, draft.per_integration, product.asn_id)
            draft.also += [output_path(plan.products, source, suffix) for source in of]
    draft.inputs = list(dict.fromkeys(draft.inputs))
    draft.also = [file for file in dict.fromkeys(draft.also) if file not in draft.makes]


def _possible(drafts, plan):
    """Leave out what makes the same as another, and what needs what nothing makes; put the others into order."""
    kept, left_out, makers = [], [], {}
    for draft in drafts:
        rival = next((makers[file] for file in draft.makes if file in makers), None)
        if rival is None:
            kept.append(draft)
            makers |= dict.fromkeys(draft.makes, draft)
        else:
            left_out.append(_left(draft, f"{rival.source.name} makes the same product"))
    for draft in kept:  # by-products give way to products, of any other task
        draft.also = [file for file in draft.also if makers.setdefault(file, draft) is draft]
    while True:
        lacking = {}
        for draft in kept:
            for file in draft.inputs:
                if file not in makers and not file.exists() and not _adopt(file, kept, makers):
                    lacking.setdefault(id(draft), (draft, file))
        if not lacking:
            break
        for draft, file in lacking.values():
            kept.remove(draft)
            makers = {made: maker for made, maker in makers.items() if maker is not draft}
            left_out.append(_left(draft, f"needs {file.name}, which is not there and which nothing makes"))
    needs = {draft: {makers[file] for file in draft.inputs if file in makers} - {draft} for draft in kept}
    try:
        return list(TopologicalSorter(needs).static_order()), left_out
    except CycleError:
        raise UsageError("associations need each other's products in a circle", "plan fewer of the stages") from None


def _adopt(file, drafts, makers):
    """Find the task that makes a file among its by-products, by the product's name; tell whether there is one."""
    for draft in drafts:
        if draft.pipeline.endswith("3") and exposure_root(draft.makes[0].name) == exposure_root(file.name):
            makers[file] = draft
            draft.also.append(file)
            return True
    return False


def _left(draft, why):
    return LeftOut(draft.makes[0].stem, draft.pipeline, why)


def _options(plan, name, context):
    """Fields of `Options` for the tasks of a pipeline, as plain data."""
    reftypes = pipelines.load(name).reftypes
    overrides = {reftype: file for reftype, file in plan.overrides.items() if reftype in reftypes}
    options = {"context": context, "overrides": overrides, **plan.options.get(name, {})}
    return {field: value for field, value in options.items() if value}


def _write_keys(drafts, plan, program, finder):
    checksums = Checksums(plan.products / HIDDEN / "checksums.json")
    tasks = []
    for draft in drafts:
        pipeline = pipelines.load(draft.pipeline)
        options = api.Options(**program.options[draft.pipeline])
        try:
            key = make_key(pipeline, _shell(pipeline, draft), options, draft.members, finder, checksums)
        except InputError as problem:  # a header without what rules go by: the run itself says so
            key = {"problem": str(problem)}
        main = draft.makes[0]
        path = plan.products / HIDDEN / f"{main.stem}.json"
        write_key(path, key)

        def seen(files):
            return tuple(relative(file, plan.folder) for file in files)

        inputs = seen(draft.inputs)
        tasks.append(
            Task(main.stem, draft.pipeline, inputs[0], inputs, seen(draft.makes), seen(draft.also), *seen([path]))
        )
    checksums.save()
    return tasks


def _shell(pipeline, draft):
    """Give what a pipeline starts from, without arrays: the headers of raw exposures tell what references go by."""
    single = [kind for kind in pipeline.takes if kind is not Exposures]
    kinds = single or list(Exposures.kinds)
    kind = Cube if draft.per_integration and Cube in kinds else kinds[0]
    images = []
    for exposure in draft.exposures:
        image = kind()
        image.headers["PRIMARY"] = exposure.header
        image.path = exposure.path
        images.append(image)
    if not images:
        raise InputError(f"{draft.source} has no exposure that is planned")
    return Exposures(images, draft.makes[0].stem, table=draft.source.name) if not single else images[0]
