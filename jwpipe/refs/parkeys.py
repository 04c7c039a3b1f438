"""Observation parameters that rules select on: their names, and their values in the form that rules are written in."""

import re

__all__ = ["KEYWORD_PATHS", "UNDEFINED", "conditioned", "parameters"]

UNDEFINED = "UNDEFINED"

# FITS keyword of a science product -> the name under which rules know it. All that rules of any context select on
# (pmap, imap, rmap and the client's own templates), and the keywords of the same groups that rules may come to use.
KEYWORD_PATHS = {
    "CAL_VER": "META.CALIBRATION_SOFTWARE_VERSION",
    "TELESCOP": "META.TELESCOPE",
    "DATE-OBS": "META.OBSERVATION.DATE",
    "TIME-OBS": "META.OBSERVATION.TIME",
    "DATE-BEG": "META.OBSERVATION.DATE_BEG",
    "DATE-END": "META.OBSERVATION.DATE_END",
    "TEMPLATE": "META.OBSERVATION.TEMPLATE",
    "BKGDTARG": "META.OBSERVATION.BKGDTARG",
    "INSTRUME": "META.INSTRUMENT.NAME",
    "DETECTOR": "META.INSTRUMENT.DETECTOR",
    "MODULE": "META.INSTRUMENT.MODULE",
    "CHANNEL": "META.INSTRUMENT.CHANNEL",
    "BAND": "META.INSTRUMENT.BAND",
    "FILTER": "META.INSTRUMENT.FILTER",
    "PUPIL": "META.INSTRUMENT.PUPIL",
    "GRATING": "META.INSTRUMENT.GRATING",
    "FXD_SLIT": "META.INSTRUMENT.FIXED_SLIT",
    "CORONMSK": "META.INSTRUMENT.CORONAGRAPH",
    "PILIN": "META.INSTRUMENT.PUPIL_IMAGING_LENS",
    "LAMP": "META.INSTRUMENT.LAMP_STATE",
    "OPMODE": "META.INSTRUMENT.LAMP_MODE",
    "MSASTATE": "META.INSTRUMENT.MSA_STATE",
    "CCCSTATE": "META.INSTRUMENT.CCC_STATE",
    "FPE_SIDE": "META.INSTRUMENT.MIRI_FPE_SIDE",
    "ICE_SIDE": "META.INSTRUMENT.MIRI_ICE_SIDE",
    "EXP_TYPE": "META.EXPOSURE.TYPE",
    "READPATT": "META.EXPOSURE.READPATT",
    "NOUTPUTS": "META.EXPOSURE.NOUTPUTS",
    "NINTS": "META.EXPOSURE.NINTS",
    "NGROUPS": "META.EXPOSURE.NGROUPS",
    "NFRAMES": "META.EXPOSURE.NFRAMES",
    "NSAMPLES": "META.EXPOSURE.NSAMPLES",
    "NRS_NORM": "META.EXPOSURE.NRS_NORMAL",
    "NRS_REF": "META.EXPOSURE.NRS_REFERENCE",
    "ZEROFRAM": "META.EXPOSURE.ZERO_FRAME",
    "IS_PSF": "META.EXPOSURE.PSF_REFERENCE",
    "SUBARRAY": "META.SUBARRAY.NAME",
    "SUBSTRT1": "META.SUBARRAY.XSTART",
    "SUBSTRT2": "META.SUBARRAY.YSTART",
    "SUBSIZE1": "META.SUBARRAY.XSIZE",
    "SUBSIZE2": "META.SUBARRAY.YSIZE",
    "FASTAXIS": "META.SUBARRAY.FASTAXIS",
    "SLOWAXIS": "META.SUBARRAY.SLOWAXIS",
    "APERNAME": "META.APERTURE.NAME",
    "PPS_APER": "META.APERTURE.PPS_NAME",
    "PATTTYPE": "META.DITHER.PRIMARY_TYPE",
    "TARGTYPE": "META.TARGET.TYPE",
    "SRCTYAPT": "META.TARGET.SOURCE_TYPE_APT",
    "TSOVISIT": "META.VISIT.TSOVISIT",
    "VISITYPE": "META.VISIT.TYPE",
    "EXP_ONLY": "META.VISIT.EXP_ONLY",
    "CROWDFLD": "META.VISIT.CROWDED_FIELD",
    "INTARGET": "META.VISIT.INTERNAL_TARGET",
}

_NUMBER = re.compile(r"[-+]?(?:[0-9]++(?:\.[0-9]+)?|\.[0-9]+)(?:E[-+]?[0-9]+)?|[-+]?[0-9]++\.")
# Matched at the start only, as the client does: "N/A (no pupil)" is N/A as well.
_NOT_APPLICABLE = re.compile(r"-2147483648.0|\(\)|N/A|NOT APPLICABLE|NOT_APPLICABLE\Z")
_SPELLINGS = {"ANY": "*", "4294967295.0": "-1.0", "TRUE": "T", "FALSE": "F"}


def conditioned(value):
    """Write a parameter's value as rules are compared: upper case, numbers as floats, booleans as T and F.

    Parameters
    ----------
    value : str, int, float or bool
        A header value or an element of a rule's key.

    Returns
    -------
    str
        ``"*"`` for ANY, ``"N/A"`` for every spelling of not applicable.
    """
    text = str(value).strip().upper()
    if _NUMBER.fullmatch(text):
        text = str(float(text))
    if _NOT_APPLICABLE.match(text):
        return "N/A"
    return _SPELLINGS.get(text, text)


def parameters(header):
    """Translate a header into the parameters that rules select on.

    Parameters
    ----------
    header : mapping
        FITS keywords (or ``META.X.Y`` paths, in any case) and their values, as in a product's primary header. Values
        other than text, numbers and booleans do not count.

    Returns
    -------
    dict of str to str
        Conditioned values by ``META.X.Y`` path; keywords that are no parameters keep their names.
    """
    result = {}
    for keyword in header:
        value = header[keyword]
        if hasattr(value, "item"):  # a NumPy scalar
            value = value.item()
        if isinstance(value, (str, int, float)):
            name = keyword.upper()
            result[KEYWORD_PATHS.get(name, name)] = conditioned(value)
    return result
