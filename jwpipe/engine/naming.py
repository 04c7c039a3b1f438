"""Names of output files, as 1.14.1 gives them: base name, then parts and a suffix joined by underscores."""

from pathlib import Path

from jwpipe.products.suffixes import split_suffix

__all__ = ["output_path"]


def output_path(folder, source, suffix, index=None):
    """Path of a product made from an input file.

    Parameters
    ----------
    folder : path-like
        Where products go.
    source : path-like
        The input file.
    suffix : str
        Suffix of the product.
    index : int, optional
        Position among several products of one step.

    Returns
    -------
    pathlib.Path
    """
    source = Path(source)
    base, separator = split_suffix(source.name.removesuffix(source.suffix))
    part = "" if index is None else f"{separator}{index}"
    return Path(folder) / f"{base}{part}{separator}{suffix}.fits"
