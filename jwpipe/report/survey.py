"""What a folder of products tells of the runs that made them: products, flags, steps with their times, references."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from jwpipe.errors import InputError
from jwpipe.products.dq import Pixel
from jwpipe.products.fitsfile import FitsFile
from jwpipe.products.suffixes import split_suffix
from jwpipe.report.plain import keyword_value

__all__ = ["FLAGS", "Found", "StepTimes", "Survey", "survey"]

FLAGS = (Pixel.DO_NOT_USE, Pixel.SATURATED, Pixel.JUMP_DET, Pixel.OUTLIER)
FACTS = "INSTRUME DETECTOR FILTER PUPIL EXP_TYPE TARGNAME DATE-OBS CAL_VER CRDS_CTX NOUTLIER".split()
RECORD = "*.run.json"
TROUBLE = "warning", "error", "critical"


@dataclass(frozen=True)
class Found:
    """A product.

    Attributes
    ----------
    path : pathlib.Path
        Where it is.
    suffix : str
        What it is: ``rate``, ``cal``, ``i2d``.
    facts : dict of str to object
        Keywords of its primary header.
    steps : dict of str to str
        Status by the keyword of the step, without ``S_``.
    references : dict of str to str
        Files by type.
    flags : dict of str to float
        Part of the pixels that have a flag; empty where there are no flags of pixels.
    """

    path: Path
    suffix: str
    facts: dict
    steps: dict
    references: dict
    flags: dict


@dataclass
class StepTimes:
    """How long a step took over all runs, s, and how it ended, by status."""

    seconds: list = field(default_factory=list)
    states: Counter = field(default_factory=Counter)


@dataclass(frozen=True)
class Survey:
    """What was found in a folder.

    Attributes
    ----------
    folder : pathlib.Path
        Where.
    products : list of Found
        Products, by name.
    records : dict of pathlib.Path to dict
        Records of runs in the order in which they began, see `jwpipe.jobs.record`.
    catalogues : list of pathlib.Path
        Catalogues of sources.
    """

    folder: Path
    products: list
    records: dict
    catalogues: list

    def steps(self):
        """Times and states of steps in the order in which they are run.

        From the records of runs; where there is none of a product, from its keywords, without times.

        Returns
        -------
        dict of str to StepTimes
        """
        found = defaultdict(StepTimes)
        recorded = set()
        for path, record in self.records.items():
            recorded |= {path.parent / name for name in record.get("products", ())}
            for step in record.get("steps", ()):
                found[step["name"]].seconds.append(step["seconds"])
                found[step["name"]].states[step["status"]] += 1
        for product in self.products:
            if product.path not in recorded:
                for name, state in product.steps.items():
                    found[f"S_{name}"].states[state] += 1
        return dict(found)

    def references(self):
        """References that were used.

        Returns
        -------
        dict of tuple of str to int
            Number of products by type and file.
        """
        used = Counter((kind, name) for product in self.products for kind, name in product.references.items())
        return dict(sorted(used.items()))

    def troubles(self):
        """What runs warned of, and why they failed.

        Yields
        ------
        path : pathlib.Path
            Record of the run.
        level, message : str
            How bad, and what.
        """
        for path, record in self.records.items():
            if record["state"] != "done":
                yield path, record["state"], record.get("reason") or f"in {record.get('step') or 'the beginning'}"
            for entry in record.get("log", ()):
                if entry["level"] in TROUBLE:
                    yield path, entry["level"], entry["message"]


def survey(folder):
    """Look at the products in a folder and below.

    Parameters
    ----------
    folder : path-like
        Where; references and hidden folders are passed over.

    Returns
    -------
    Survey

    Raises
    ------
    InputError
        There is no such folder, or nothing in it.
    """
    from jwpipe.jobs.record import read_record

    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    products = [found for path in _files(folder, "*.fits") if (found := _look(path))]
    read = [(path, record) for path in _files(folder, RECORD) if (record := read_record(path))]
    records = dict(sorted(read, key=lambda pair: pair[1].get("begun", "")))
    if not products and not records:
        raise InputError(f"there are no products in {folder}")
    return Survey(folder, products, records, list(_files(folder, "*_cat.ecsv")))


def _files(folder, pattern):
    for path in sorted(folder.rglob(pattern)):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _look(path):
    """Tell what a file is; None where it is no product: a reference, a truth, a file that cannot be read."""
    try:
        file = FitsFile(path)
    except InputError:
        return None
    values = {card.keyword: keyword_value(card) for card in file.primary.cards if card.keyword}
    base, separator = split_suffix(path.stem)
    suffix = path.stem.removeprefix(base + separator) if base != path.stem else ""
    if "DATAMODL" not in values or "REFTYPE" in values or not suffix:
        return None
    references = {
        name.removeprefix("R_").lower(): str(value).removeprefix("crds://")
        for name, value in values.items()
        if name.startswith("R_") and value not in (None, "N/A")
    }
    return Found(
        path=path,
        suffix=suffix,
        facts={name: values[name] for name in FACTS if values.get(name) is not None},
        steps={name.removeprefix("S_"): str(value) for name, value in values.items() if name.startswith("S_")},
        references=references,
        flags=_shares(file),
    )


def _shares(file):
    if "DQ" not in file or not file["DQ"].is_image or file["DQ"].stored.kind not in "iu" or 0 in file["DQ"].shape:
        return {}
    try:
        dq = file["DQ"].read("u4")
    except InputError:
        return {}
    return {flag.name: float((dq & flag != 0).mean()) for flag in FLAGS}
