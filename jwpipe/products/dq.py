"""Data quality flags by name: bits of PIXELDQ and DQ (uint32) and of GROUPDQ (uint8).

Source: JWST User Documentation, "Data quality arrays and flags".
"""

from enum import ReprEnum

import numpy as np

from jwpipe.errors import UsageError, nearest

__all__ = ["Group", "Pixel", "bad_bits", "translate"]


class Pixel(np.uint32, ReprEnum):
    """Flags of a pixel: PIXELDQ of a ramp, DQ of every later product.

    Members are NumPy scalars of the planes' own type: with an `enum.IntFlag`, ``dq & flag`` makes an array of int64.
    """

    GOOD = 0
    DO_NOT_USE = 1 << 0
    SATURATED = 1 << 1
    JUMP_DET = 1 << 2
    DROPOUT = 1 << 3
    OUTLIER = 1 << 4
    PERSISTENCE = 1 << 5
    AD_FLOOR = 1 << 6
    CHARGELOSS = 1 << 7
    UNRELIABLE_ERROR = 1 << 8
    NON_SCIENCE = 1 << 9
    DEAD = 1 << 10
    HOT = 1 << 11
    WARM = 1 << 12
    LOW_QE = 1 << 13
    RC = 1 << 14
    TELEGRAPH = 1 << 15
    NONLINEAR = 1 << 16
    BAD_REF_PIXEL = 1 << 17
    NO_FLAT_FIELD = 1 << 18
    NO_GAIN_VALUE = 1 << 19
    NO_LIN_CORR = 1 << 20
    NO_SAT_CHECK = 1 << 21
    UNRELIABLE_BIAS = 1 << 22
    UNRELIABLE_DARK = 1 << 23
    UNRELIABLE_SLOPE = 1 << 24
    UNRELIABLE_FLAT = 1 << 25
    OPEN = 1 << 26
    ADJ_OPEN = 1 << 27
    FLUX_ESTIMATED = 1 << 28
    MSA_FAILED_OPEN = 1 << 29
    OTHER_BAD_PIXEL = 1 << 30
    REFERENCE_PIXEL = 1 << 31


class Group(np.uint8, ReprEnum):
    """Flags of one group of a ramp: GROUPDQ. Members are NumPy scalars, as those of `Pixel`."""

    GOOD = 0
    DO_NOT_USE = 1 << 0
    SATURATED = 1 << 1
    JUMP_DET = 1 << 2
    DROPOUT = 1 << 3
    AD_FLOOR = 1 << 6
    CHARGELOSS = 1 << 7


def translate(dq, bits):
    """Map the bits of a reference file's DQ plane to the pipeline's.

    Parameters
    ----------
    dq : ndarray of uint32
        The plane as stored.
    bits : mapping of int to int
        The stored value of each bit of the file's DQ_DEF table and the flag that it stands for.

    Returns
    -------
    ndarray of uint32
        The same shape, in `Pixel` flags; bits that the table does not name are dropped.
    """
    if all(stored == flag for stored, flag in bits.items()):
        # The common case, the file's own numbering being the pipeline's: one mask.
        return dq & np.uint32(sum(bits))
    out = np.zeros_like(dq)
    for stored, flag in bits.items():
        out[(dq & np.uint32(stored)) != 0] |= np.uint32(flag)
    return out


def bad_bits(text):
    """Turn a parameter that says which flags may be overlooked into the flags of pixels that are left out.

    Parameters
    ----------
    text : str or None
        Names or numbers of the flags of good pixels, joined by ``+``, ``,`` or ``|``; with ``~`` in front, those of the
        bad ones. None, or no text: all pixels are good.

    Returns
    -------
    int

    Raises
    ------
    UsageError
        No such flag.
    """
    text = (text or "").strip()
    if text.upper() in ("", "NONE", "INDEF"):
        return 0
    inverted = text.startswith("~")
    bits = 0
    for name in text.lstrip("~").strip("() ").replace("+", ",").replace("|", ",").split(","):
        name = name.strip()
        if name.isdecimal():
            bits |= int(name)
        elif name.upper() in Pixel.__members__:
            bits |= int(Pixel[name.upper()])
        else:
            raise UsageError(f"{text!r} names no flag {name!r}", nearest(name.upper(), Pixel.__members__))
    return (bits if inverted else ~bits) & 0xFFFFFFFF
