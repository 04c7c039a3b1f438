"""The exposures of an association, in order, of which few are in memory at any time."""

import math
from pathlib import Path

from jwpipe.errors import InputError
from jwpipe.products.images import Image

__all__ = ["Exposures", "open_exposures"]

# What tells one exposure from another, whichever detectors it was taken with.
IDENTITY = ("PROGRAM", "OBSERVTN", "VISIT"), ("VISITGRP", "SEQ_ID", "ACT_ID"), ("EXPOSURE",)


class Exposures:
    """Exposures that are worked on together, as the members of an association of level 3.

    Headers and coordinates of all of them are in memory, arrays as they are asked for: who is done with an exposure
    releases it.

    Parameters
    ----------
    images : sequence of Image
        The exposures.
    name : str
        Name of the product that they are to become.
    folder : path-like
        Where arrays that have changed are kept while an exposure is released.
    groups : sequence of str or None, optional
        Group of each exposure where the association gives one.
    asn_id : str, optional
        Identifier of the association; part of the names of the exposures' products.
    catalogues : sequence of path-like or None, optional
        Catalogue of the sources of each exposure, where the association gives one.
    table : str, optional
        File name of the association; None where the exposures were given without one.

    Attributes
    ----------
    kinds : tuple of type
        Classes of product that they may be.
    suffix : str or None
        Suffix of the exposures' products, where a step sets one.
    skipped : set of int
        Places of exposures that the step at work has to leave out.
    """

    ending = ".fits"
    kinds = (Image,)

    def __init__(self, images, name="", folder=".", groups=None, asn_id="", catalogues=None, table=None):
        if not images:
            raise InputError(f"{name} has no exposures")
        self.images = list(images)
        self.name, self.folder, self.asn_id, self.table = name, Path(folder), asn_id, table
        self.given_groups = list(groups or [None] * len(self.images))
        self.catalogues = list(catalogues or [None] * len(self.images))
        self.suffix, self.skipped = None, set()
        instruments = {image.get("INSTRUME") for image in self.images}
        if len(instruments) > 1:
            raise InputError(f"{name} has exposures of {' and '.join(sorted(map(str, instruments)))}")

    @classmethod
    def alone(cls, image, folder="."):
        """Make a list of one."""
        return cls([image], image.path.stem if image.path else "", folder)

    def __len__(self):
        return len(self.images)

    def __iter__(self):
        return iter(self.images)

    def __getitem__(self, which):
        """Give an exposure by its place, or a keyword of the first."""
        return self.images[which] if isinstance(which, int) else self.images[0][which]

    def __setitem__(self, keyword, value):
        for image in self.images:
            image[keyword] = value

    def get(self, keyword, default=None):
        """Value of a keyword of the first exposure."""
        return self.images[0].get(keyword, default)

    def record(self, keyword, status):
        """Set the status of a step, which is another for exposures that it has left out."""
        self[keyword] = status
        while self.skipped:
            self[self.skipped.pop()][keyword] = "SKIPPED"

    @property
    def headers(self):
        """Headers of the first exposure: references are chosen by them."""
        return self.images[0].headers

    @property
    def shape(self):
        """Shape of the largest exposure."""
        return max((image.shape for image in self.images), key=math.prod)

    @property
    def store(self):
        return self.images[0].store

    @store.setter
    def store(self, store):
        for image in self.images:
            image.store = store

    @property
    def path(self):
        """The file that the first exposure came from."""
        return self.images[0].path

    @property
    def threads(self):
        """Threads with which arrays are read and written."""
        return self.images[0].threads

    def release(self, i):
        """Give the memory of an exposure's arrays back; those that have changed are put aside."""
        self.images[i].release(self.folder)

    def visit(self):
        """Go through the exposures, each being released when the next is asked for.

        Yields
        ------
        Image
        """
        for i, image in enumerate(self.images):
            yield image
            self.release(i)

    def groups(self):
        """Sort the exposures by what was exposed at the same time, with several detectors.

        Returns
        -------
        dict of str to list of int
            Places of the exposures, by name of the group, in the order in which the groups first appear.
        """
        groups = {}
        for i, image in enumerate(self.images):
            groups.setdefault(self.given_groups[i] or _identity(image, i), []).append(i)
        return groups


def _identity(image, i):
    values = [[image.get(keyword) for keyword in part] for part in IDENTITY]
    if any(value is None for part in values for value in part):
        return f"exposure{i + 1:04d}"
    return "jw" + "_".join("".join(map(str, part)) for part in values)


def open_exposures(paths, **options):
    """Open files as exposures; `options` as of `Exposures`."""
    threads = options.pop("threads", 1)
    return Exposures([Image.read(path, threads) for path in paths], **options)
