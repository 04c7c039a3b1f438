"""Instruments, detectors and exposure types: what an exposure may say that it is, and of its readout."""

import reprlib

from jwpipe.errors import InputError, nearest

__all__ = [
    "DETECTORS",
    "EXP_TYPES",
    "GUIDING",
    "MULTIPLE",
    "NUMBERS",
    "check_mode",
    "check_numbers",
    "full_frame",
    "guides",
]

DETECTORS = {
    "NIRCAM": "NRCA1 NRCA2 NRCA3 NRCA4 NRCALONG NRCB1 NRCB2 NRCB3 NRCB4 NRCBLONG".split(),
    "NIRSPEC": ["NRS1", "NRS2"],
    "MIRI": ["MIRIMAGE", "MIRIFULONG", "MIRIFUSHORT"],
    "NIRISS": ["NIS"],
    "FGS": ["GUIDER1", "GUIDER2"],
}

MULTIPLE = "MULTIPLE"  # detector, filter and so on of what is made of several

EXP_TYPES = {
    "NIRCAM": """
        NRC_CORON NRC_DARK NRC_FLAT NRC_FOCUS NRC_GRISM NRC_IMAGE NRC_WFSS NRC_LED NRC_WFSC NRC_TACONFIRM NRC_TACQ
        NRC_TSGRISM NRC_TSIMAGE
        """.split(),
    "NIRSPEC": """
        NRS_AUTOFLAT NRS_AUTOWAVE NRS_BRIGHTOBJ NRS_CONFIRM NRS_DARK NRS_FIXEDSLIT NRS_FOCUS NRS_IFU NRS_IMAGE NRS_LAMP
        NRS_MIMF NRS_MSASPEC NRS_MSATA NRS_TACONFIRM NRS_TACQ NRS_TASLIT NRS_VERIFY NRS_WATA
        """.split(),
    "MIRI": """
        MIR_4QPM MIR_CORONCAL MIR_DARKALL MIR_DARKIMG MIR_DARKMRS MIR_FLATIMAGE MIR_FLATIMAGE-EXT MIR_FLATMRS
        MIR_FLATMRS-EXT MIR_IMAGE MIR_LRS-FIXEDSLIT MIR_LRS-SLITLESS MIR_LYOT MIR_MRS MIR_TACONFIRM MIR_TACQ
        """.split(),
    "NIRISS": """
        NIS_AMI NIS_DARK NIS_EXTCAL NIS_FOCUS NIS_IMAGE NIS_LAMP NIS_SOSS NIS_TACQ NIS_TACONFIRM NIS_WFSS
        """.split(),
    "FGS": """
        FGS_DARK FGS_FOCUS FGS_IMAGE FGS_INTFLAT FGS_SKYFLAT FGS_ACQ1 FGS_ACQ2 FGS_FINEGUIDE FGS_ID-IMAGE FGS_ID-STACK
        FGS_TRACK
        """.split(),
}

# Of these the guiders' own pipeline makes count rates.
GUIDING = ("FGS_ID-STACK", "FGS_ID-IMAGE", "FGS_ACQ1", "FGS_ACQ2", "FGS_TRACK", "FGS_FINEGUIDE")


# What a number may have to be, in words and as a test.
COUNT = "a whole number from 1", lambda value: type(value) is int and value >= 1
FROM_ZERO = "a whole number from 0", lambda value: type(value) is int and value >= 0
AXIS = "1, 2, -1 or -2", lambda value: type(value) is int and abs(value) in (1, 2)
POSITIVE = "a positive number", lambda value: type(value) in (int, float) and value > 0

# The numbers in headers of exposures by which steps calculate. Any may be missing: a step that needs it says so.
NUMBERS = {
    **dict.fromkeys("NINTS INTSTART INTEND NGROUPS NFRAMES FRMDIVSR NSAMPLES NOUTPUTS".split(), COUNT),
    **dict.fromkeys("SUBSTRT1 SUBSTRT2 SUBSIZE1 SUBSIZE2".split(), COUNT),
    **dict.fromkeys("GROUPGAP NRESETS NRSTSTRT NRS_NORM NRS_REF".split(), FROM_ZERO),
    **dict.fromkeys("FASTAXIS SLOWAXIS".split(), AXIS),
    **dict.fromkeys("TFRAME TGROUP EXPSTART EXPEND GAINFACT".split(), POSITIVE),
}


def guides(header):
    """Whether a primary header is that of an exposure by which the telescope was guided."""
    return str(header.get("EXP_TYPE", "")).strip().upper() in GUIDING


def full_frame(instrument):
    """Columns and rows of an instrument's whole detector array."""
    return (1032, 1024) if instrument == "MIRI" else (2048, 2048)


def check_mode(path, header, combined=False):
    """Check that an exposure says which instrument, detector and kind of exposure it is.

    Parameters
    ----------
    path : path-like
        For the message.
    header : mapping
        Primary header.
    combined : bool, optional
        Whether it is of a product of several exposures, which may be of several detectors.

    Raises
    ------
    InputError
        INSTRUME, DETECTOR or EXP_TYPE missing, unknown, or not of each other.
    """
    instrument = _one_of(path, header, "INSTRUME", DETECTORS, " of the known ones")
    detectors = {*DETECTORS[instrument], MULTIPLE} if combined else DETECTORS[instrument]
    _one_of(path, header, "DETECTOR", detectors, f" of {instrument}")
    _one_of(path, header, "EXP_TYPE", EXP_TYPES[instrument], f" of {instrument}")


def check_numbers(product, keywords=tuple(NUMBERS)):
    """Check that the keywords of an exposure that should hold numbers do, and that those are possible.

    Parameters
    ----------
    product : Product
        The exposure; whole numbers that are written as 6.0 become such.
    keywords : iterable of str, optional
        Of `NUMBERS`; by default all.

    Raises
    ------
    InputError
        A value is of another kind, or out of bounds.
    """
    for keyword in keywords:
        value = product.get(keyword)
        wanted, possible = NUMBERS[keyword]
        if type(value) is float and value.is_integer() and possible(int(value)) and not possible(value):
            value = product[keyword] = int(value)  # written as 6.0: nothing is lost
        if value is not None and not possible(value):
            raise InputError(f"{product.path} has {keyword} = {reprlib.repr(value)}, which is not {wanted}")


def _one_of(path, header, keyword, known, of):
    value = str(header.get(keyword, "")).strip().upper()
    if not value:
        raise InputError(f"{path} has no {keyword} keyword", f"give it with --keyword {keyword}=...")
    if value not in known:
        raise InputError(f"{path} has {keyword} = {value!r}, which is none{of}", nearest(value, known))
    return value
