"""What a command is given: exposures, each by itself, or associations, which say what belongs together."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from jwpipe.asn.document import read_association
from jwpipe.errors import InputError
from jwpipe.products.exposures import Exposures
from jwpipe.products.fitsfile import FitsFile

__all__ = ["Task", "is_association", "open_task", "tasks"]

SCIENCE = "science"
VOWELS = tuple("AEIO")


@dataclass(frozen=True)
class Task:
    """What one product is made from.

    Attributes
    ----------
    source : pathlib.Path
        The file that was given.
    basename : pathlib.Path
        After what products are named: the exposure's file, or the product's name in the association.
    science : tuple of pathlib.Path
        The exposures.
    members : dict of str to tuple of pathlib.Path
        What else the association has, by kind.
    asn_id, table, pool : str or None
        Identifier of the association, its file's name, and the pool that it was made from.
    groups, catalogues : tuple
        Group and catalogue of each exposure, None where the association gives none.
    """

    source: Path
    basename: Path
    science: tuple
    members: dict = field(default_factory=dict)
    asn_id: str = ""
    table: str | None = None
    pool: str | None = None
    groups: tuple = ()
    catalogues: tuple = ()

    def joined_by(self, members):
        """Give the task with more members, files by kind."""
        kinds = dict.fromkeys([*self.members, *members])
        joined = {kind: (*self.members.get(kind, ()), *map(Path, members.get(kind, ()))) for kind in kinds}
        return replace(self, members=joined)


def is_association(path):
    """Whether a file is an association, by its name."""
    return Path(path).suffix.lower() in (".json", ".yaml", ".yml")


def tasks(path):
    """Say what is to be made from a file.

    Parameters
    ----------
    path : path-like
        An exposure, or an association.

    Returns
    -------
    list of Task
        One a product.

    Raises
    ------
    InputError
        The association cannot be read, or has a product without exposures or without a name of its own.
    """
    path = Path(path)
    if not is_association(path):
        return [Task(path, path, (path,))]
    document = read_association(path)
    made = [_task(path, document, product) for product in document["products"]]
    if not made:
        raise InputError(f"{path} has no products")
    if twice := _repeated([task.basename.stem for task in made]):
        raise InputError(f"{path} has more than one product named {twice[0]}", "one would replace the other")
    return made


def _repeated(names):
    """Names that stand more than once, sorted."""
    return sorted(name for name, times in Counter(names).items() if times > 1)


def _task(path, document, product):
    name = str(product.get("name") or "").strip()
    if not name:
        raise InputError(f"{path} has a product without a name")
    if Path(name).name != name:
        raise InputError(f"{path} has a product named {name!r}, which is no name of a file")
    members = {}
    for member in product["members"]:
        members.setdefault(member["exptype"].strip().lower(), []).append(member)
    science = members.pop(SCIENCE, [])
    if not science:
        raise InputError(f"{path}: the product {name} has no science exposure")
    if twice := _repeated([member["expname"] for member in science]):
        raise InputError(f"{path}: the product {name} has {twice[0]} more than once", "each exposure counts once")

    def found(member, what="expname"):
        text = member.get(what)
        return path.parent / text if text else None

    return Task(
        source=path,
        basename=Path(f"{name}.fits"),
        science=tuple(map(found, science)),
        members={kind: tuple(map(found, those)) for kind, those in members.items()},
        asn_id=str(document.get("asn_id") or ""),
        table=path.name,
        pool=document.get("asn_pool") or "none",
        groups=tuple(None if m.get("group_id") in (None, "") else str(m["group_id"]) for m in science),
        catalogues=tuple(found(member, "tweakreg_catalog") for member in science),
    )


def open_task(pipeline, task, threads, folder=".", keywords=None):
    """Open what a product is made from.

    Parameters
    ----------
    pipeline : Pipeline
        What is to be done: it takes exposures one by one, or several together.
    task : Task
        The product.
    threads : int
        Threads with which arrays will be converted.
    folder : path-like, optional
        Where arrays of several exposures are put aside.
    keywords : dict of str to object, optional
        What the headers of the exposures are taken to say.

    Returns
    -------
    Product or Exposures

    Raises
    ------
    InputError
        A file is missing, damaged, or not what the pipeline takes.
    """
    for file in (*task.science[task.table is None :], *(file for files in task.members.values() for file in files)):
        if not file.exists():
            raise InputError(f"{task.source} goes with {file}, which does not exist")
    single = [kind for kind in pipeline.takes if kind is not Exposures]
    if Exposures in pipeline.takes and (task.table is not None or not single):
        images = [_open(pipeline, Exposures.kinds, file, threads, keywords) for file in task.science]
        product = Exposures(images, task.basename.stem, folder, task.groups, task.asn_id, task.catalogues, task.table)
    else:
        product = _open(pipeline, single, task.science[0], threads, keywords)
    if task.table is not None or pipeline.singleton:
        product["ASNPOOL"], product["ASNTABLE"] = task.pool or "singleton", task.table or "singleton"
    return product


def _open(pipeline, kinds, path, threads, keywords):
    problem = None
    if len(kinds) == 1:
        try:
            product = kinds[0].read(path, threads, keywords)
        except InputError as unfit:
            problem = unfit  # of another product its kind is told, not what about its arrays is wrong
        else:
            stated = product.get("DATAMODL", "")
            if stated in ("", kinds[0].datamodl) or kinds[0].recognises(product.headers["PRIMARY"]):
                return product
    file = FitsFile(path)
    file.check_headers()
    header = dict(file.primary) | (keywords or {})
    for kind in kinds:
        if kind.recognises(header):
            return kind.read(path, threads, keywords)
    stated = str(header.get("DATAMODL") or "")
    if problem is not None and not stated:
        raise problem
    names = " or ".join(dict.fromkeys(kind.datamodl for kind in kinds))
    article = "an" if stated[:1] in VOWELS else "a"
    raise InputError(f"{path} is {article} {stated or 'file without DATAMODL'}, {pipeline.name} takes {names}")
