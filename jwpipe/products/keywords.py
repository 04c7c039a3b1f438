"""FITS keywords that jwpipe writes: where each stands, and what its comment says.

Source: keyword dictionary of the JWST data products (build 10.2).
"""

import re

from jwpipe.errors import UsageError

__all__ = ["COMMENTS", "REFERENCE_KEYWORDS", "SCIENCE", "check_keyword", "read_value", "reference_keyword"]

_SIP = [f"{name}_{i}_{j}" for name in ("A", "B", "AP", "BP") for i in range(7) for j in range(7) if 2 <= i + j <= 6]

# Keywords whose home is the SCI header; all others stand in the primary one.
SCIENCE = frozenset(
    """
    SRCTYPE MJD-BEG MJD-AVG MJD-END TDB-BEG TDB-MID TDB-END XPOSURE TELAPSE REFFRAME EPH_TYPE EPH_TIME JWST_X JWST_Y
    JWST_Z OBSGEO-X OBSGEO-Y OBSGEO-Z JWST_DX JWST_DY JWST_DZ OBSGEODX OBSGEODY OBSGEODZ PA_APER VA_SCALE BUNIT
    PHOTMJSR PHOTUJA2 PIXAR_SR PIXAR_A2 RADESYS RA_V1 DEC_V1 PA_V3 WCSAXES CRPIX1 CRPIX2 CRPIX3 CRVAL1 CRVAL2 CRVAL3
    CTYPE1 CTYPE2 CTYPE3 CUNIT1 CUNIT2 CUNIT3 CDELT1 CDELT2 CDELT3 PC1_1 PC1_2 PC1_3 PC2_1 PC2_2 PC2_3 PC3_1 PC3_2
    PC3_3 CD1_1 CD1_2 CD2_1 CD2_2 PS3_0 PS3_1 S_REGION WAVSTART WAVEND DISPAXIS SPORDER V2_REF V3_REF VPARITY V3I_YANG
    RA_REF DEC_REF ROLL_REF VELOSYS SPECSYS XREF_SCI YREF_SCI MT_RA MT_DEC MT_AVRA MT_AVDEC A_ORDER B_ORDER AP_ORDER
    BP_ORDER
    """.split()
).union(_SIP)

COMMENTS = {
    "DATE": "UTC date file created",
    "FILENAME": "Name of the file",
    "DATAMODL": "Type of data model",
    "CAL_VER": "Calibration software version",
    "CAL_VCS": "Calibration software revision",
    "CRDS_VER": "Version of the reference selection software",
    "CRDS_CTX": "CRDS context used to select reference files",
    "GAINFACT": "Gain scale factor",
    "PRIMECRS": "Cosmic ray rate per thousand pixels per second",
    "EXTNCRS": "Snowballs and showers per million pixels per s",
    "BUNIT": "physical units of the array values",
    "NINTS": "Number of integrations in exposure",
    "TMEASURE": "[s] first to last measurement of all ramps",
    "ENGQLPTG": "how the pointing was found",
    "TARG_RA": "[deg] target RA at mid time of exposure",
    "TARG_DEC": "[deg] target Dec at mid time of exposure",
    "MT_RA": "[deg] moving target RA at mid time",
    "MT_DEC": "[deg] moving target Dec at mid time",
    "RA_V1": "[deg] RA of telescope V1 axis",
    "DEC_V1": "[deg] Dec of telescope V1 axis",
    "PA_V3": "[deg] position angle of telescope V3 axis",
    "PA_APER": "[deg] position angle of aperture used",
    "V2_REF": "[arcsec] V2 of the reference point",
    "V3_REF": "[arcsec] V3 of the reference point",
    "VPARITY": "relative sense of V2V3 and ideal coordinates",
    "V3I_YANG": "[deg] angle from V3 axis to ideal Y axis",
    "RA_REF": "[deg] RA of the reference point",
    "DEC_REF": "[deg] Dec of the reference point",
    "ROLL_REF": "[deg] V3 roll angle at the reference point",
    "XREF_SCI": "aperture X reference point in the science frame",
    "YREF_SCI": "aperture Y reference point in the science frame",
    "VA_SCALE": "velocity aberration scale factor",
    "VA_RA": "[deg] aberrated RA of the reference point",
    "VA_DEC": "[deg] aberrated Dec of the reference point",
    "MT_AVRA": "[deg] average RA of moving target",
    "MT_AVDEC": "[deg] average Dec of moving target",
    "S_REGION": "spatial extent of the observation",
    "WCSAXES": "number of axes of the coordinates",
    **{f"CRPIX{i}": f"axis {i} coordinate of the reference pixel" for i in (1, 2)},
    **{f"CRVAL{i}": f"axis {i} value at the reference pixel" for i in (1, 2)},
    **{f"CTYPE{i}": f"axis {i} type" for i in (1, 2)},
    **{f"CUNIT{i}": f"axis {i} units" for i in (1, 2)},
    **{f"CD{i}_{j}": "linear transformation matrix element" for i in (1, 2) for j in (1, 2)},
    **{f"{name}_ORDER": "degree of the SIP polynomial" for name in ("A", "B", "AP", "BP")},
    **dict.fromkeys(_SIP, "SIP coefficient"),
}

# The keyword that names the reference file used, by reference type.
REFERENCE_KEYWORDS = {
    "area": "R_AREA",
    "barshadow": "R_BARSHA",
    "camera": "R_CAMERA",
    "collimator": "R_COLLIM",
    "cubepar": "R_CUBPAR",
    "dark": "R_DARK",
    "dflat": "R_DFLAT",
    "disperser": "R_DISPER",
    "distortion": "R_DISTOR",
    "drizpars": "R_DRZPAR",
    "emicorr": "R_MIREMI",
    "extract1d": "R_EXTR1D",
    "fflat": "R_FFLAT",
    "filteroffset": "R_FILOFF",
    "flat": "R_FLAT",
    "fore": "R_FORE",
    "fpa": "R_FPA",
    "fringe": "R_FRINGE",
    "fringefreq": "R_FRIFRQ",
    "gain": "R_GAIN",
    "ifufore": "R_IFUFOR",
    "ifupost": "R_IFUPOS",
    "ifuslicer": "R_IFUSLI",
    "ipc": "R_IPC",
    "lastframe": "R_LASTFR",
    "linearity": "R_LINEAR",
    "mask": "R_MASK",
    "mrsptcorr": "R_MRSPT",
    "mrsxartcorr": "R_MRSXAR",
    "msa": "R_MSA",
    "msaoper": "R_MSAOPE",
    "nrm": "R_NRM",
    "ote": "R_OTE",
    "pathloss": "R_PTHLOS",
    "persat": "R_PERSAT",
    "photom": "R_PHOTOM",
    "psfmask": "R_PSFMAS",
    "readnoise": "R_READNO",
    "refpix": "R_REFPIX",
    "regions": "R_REGION",
    "reset": "R_RESET",
    "rscd": "R_RSCD",
    "saturation": "R_SATURA",
    "sflat": "R_SFLAT",
    "speckernel": "R_SPKERN",
    "specprofile": "R_SPPROF",
    "spectrace": "R_SPTRAC",
    "specwcs": "R_SPCWCS",
    "straylight": "R_STRAY",
    "superbias": "R_SUPERB",
    "throughput": "R_THRPUT",
    "trapdensity": "R_TRPDEN",
    "trappars": "R_TRPPAR",
    "tsophot": "R_TSPHOT",
    "wavecorr": "R_WAVCOR",
    "wavelengthrange": "R_WAVRAN",
    "wavemap": "R_WAVMAP",
}


def reference_keyword(reftype):
    """Keyword that records the reference file of a type, or None where the type has none."""
    return REFERENCE_KEYWORDS.get(reftype)


# These say how a file is laid out, or are no keywords with a value: nothing about the exposure.
LAYOUT = re.compile(
    "SIMPLE|XTENSION|BITPIX|NAXIS[0-9]*|EXTEND|PCOUNT|GCOUNT|BSCALE|BZERO|EXTNAME|EXTVER|END|COMMENT|HISTORY"
)


def check_keyword(name, value):
    """Check a keyword that a user gives.

    Parameters
    ----------
    name : str
        Its name, in any case.
    value : str, int, float or bool
        Its value.

    Returns
    -------
    name : str
        In capitals.
    value : str, int, float or bool
        As given.

    Raises
    ------
    UsageError
        FITS has no such keyword, or it says how the file is laid out; or the value is none that FITS knows.
    """
    keyword = str(name).strip().upper()
    if not re.fullmatch("[A-Z0-9_-]{1,8}", keyword):
        raise UsageError(f"{name!r} is no FITS keyword: it has 1 to 8 letters, digits, - and _")
    if LAYOUT.fullmatch(keyword):
        raise UsageError(f"{keyword} says how the file is laid out: it cannot be given")
    printable = (
        isinstance(value, str) and len(value) <= 68 and value.isascii() and value.isprintable() and value.strip()
    )
    if not (printable or isinstance(value, bool | int) or (isinstance(value, float) and abs(value) < float("inf"))):
        raise UsageError(f"{keyword} = {value!r} is no value for a FITS keyword")
    return keyword, value


def read_value(text):
    """Read a value as a user writes it: a whole number, a number, T or F, else text.

    Parameters
    ----------
    text : str
        Such as ``1``, ``2.5``, ``T`` or ``MIR_IMAGE``.

    Returns
    -------
    int, float, bool or str
    """
    text = text.strip()
    for form, kind in (("[+-]?[0-9]+", int), (r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", float)):
        if re.fullmatch(form, text):
            return kind(text)
    return {"T": True, "F": False}.get(text, text)
