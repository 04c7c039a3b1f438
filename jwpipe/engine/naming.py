"""Names of output files, as 1.14.1 gives them: base name, then parts and a suffix joined by underscores."""

from pathlib import Path

from jwpipe.errors import UsageError
from jwpipe.products.suffixes import split_suffix

__all__ = ["fill", "output_path", "suffixes_of"]

ENDING = ".ecsv"


def suffixes_of(own, wish=None, beside=False):
    """Suffixes of the products of one run: their own, or the user's.

    Parameters
    ----------
    own : sequence of str
        One a product.
    wish : str, optional
        The user's.
    beside : bool, optional
        Whether it is for the first alone; otherwise it is for all of them, numbered where there are several.

    Returns
    -------
    list of str
    """
    if not wish:
        return list(own)
    if beside:
        return [wish + ending_of(own[0]), *own[1:]]
    return [wish] if len(own) == 1 else [f"{i}_{wish}" for i in range(len(own))]


def fill(suffix, ints=False, asn_id=""):
    """Complete a suffix by what is known of the product.

    Parameters
    ----------
    suffix : str
        With ``{ints}`` where those of products of several integrations have "ints", and ``{asn_id}_`` where the
        identifier of the association stands.
    ints : bool
        Whether the product has an axis of integrations.
    asn_id : str
        Identifier of the association, if any.

    Returns
    -------
    str
    """
    return suffix.replace("{ints}", "ints" * ints).replace("{asn_id}_", f"{asn_id}_" if asn_id else "")


def output_path(folder, source, suffix):
    """Path of a product made from an input file.

    Parameters
    ----------
    folder : path-like
        Where products go.
    source : path-like
        The input file.
    suffix : str
        Suffix of the product.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    UsageError
        The suffix leads out of the folder.
    """
    if Path(suffix).name != suffix:
        raise UsageError(f"{suffix!r} is no suffix: it cannot be part of a file's name")
    source = Path(source)
    base, separator = split_suffix(source.name.removesuffix(source.suffix))
    return Path(folder) / f"{base}{separator}{suffix}{'' if ending_of(suffix) else '.fits'}"


def ending_of(suffix):
    """Ending that a suffix has of its own, where the file is no FITS."""
    return ENDING if suffix.endswith(ENDING) else ""
