"""Names of output files, as 1.14.1 gives them: base name, then parts and a suffix joined by underscores."""

import re
from pathlib import Path

__all__ = ["KNOWN_SUFFIXES", "base_name", "output_path"]

# Suffixes that a new one replaces; every step's alias counts too (`output_path` is told the aliases).
KNOWN_SUFFIXES = frozenset(
    """
    ami amiavg aminorm ami-oi aminorm-oi blot bsub bsubints c1d cal calints cat crf crfints dark fitopt i2d median phot
    psf-amiavg psfalign psfstack psfsub ramp rate rateints residual_fringe s2d s3d snr trapsfilled uncal wfscmb whtlt
    x1d x1dints gain_scaleints
    """.split()
)


def base_name(path, aliases=()):
    """Return the name of a file without its folder, ending and known suffix, and the separator before the suffix.

    Parameters
    ----------
    path : path-like
        A product, such as ``jw01_nrca1_uncal.fits``.
    aliases : iterable of str, optional
        Names of steps: suffixes too.

    Returns
    -------
    base, separator : str
        ``("jw01_nrca1", "_")``.
    """
    stem = Path(path).name.removesuffix(".gz").removesuffix(Path(path).suffix)
    known = sorted(KNOWN_SUFFIXES.union(aliases), key=len, reverse=True)
    match = re.fullmatch(rf"(.+)([_-])({'|'.join(map(re.escape, known))})", stem)
    return (match[1], match[2]) if match else (stem, "_")


def output_path(folder, source, suffix, index=None, aliases=()):
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
    aliases : iterable of str, optional
        Names of steps.

    Returns
    -------
    pathlib.Path
    """
    base, separator = base_name(source, aliases)
    part = "" if index is None else f"{separator}{index}"
    return Path(folder) / f"{base}{part}{separator}{suffix}.fits"
