"""What an exposure is to the association rules: its kind, its optical path, the names of its products.

All values are lower case, as pools are read. An attribute that holds one of `EMPTY` counts as undefined.
"""

import re
from functools import lru_cache

from jwpipe.products.suffixes import remove_suffix

__all__ = [
    "ACQUISITION",
    "EMPTY",
    "IMAGE2_AUXILIARY",
    "IMAGE2_SCIENCE",
    "SPEC2_SCIENCE",
    "TSO_ALWAYS",
    "exposure_root",
    "exposure_type",
    "is_ami",
    "is_coronagraphic",
    "is_tso",
    "level2_input",
    "level3_input",
    "on_coronagraph",
    "on_fixed_slit",
    "on_ifu",
    "on_lamp",
]

EMPTY = frozenset([None, "", "NULL", "Null", "null", "--", "N", "n", "F", "f", "FALSE", "false", "False", "N/A", "n/a"])
"""Values that say that an attribute is not given."""

ACQUISITION = (
    "mir_tacq", "mir_taconfirm", "nis_taconfirm", "nis_tacq", "nrc_taconfirm", "nrc_tacq", "nrs_confirm",
    "nrs_msata", "nrs_taconfirm", "nrs_tacq", "nrs_taslit", "nrs_verify", "nrs_wata",
)  # fmt: skip
"""EXP_TYPEs of target acquisition, its confirmation and verification."""

IMAGE2_SCIENCE = (
    "fgs_image", "mir_4qpm", "mir_image", "mir_lyot", "nis_ami", "nis_image", "nrc_coron", "nrc_image", "nrs_mimf",
    "nrc_tsimage",
)  # fmt: skip
"""EXP_TYPEs of science that image2 calibrates."""

IMAGE2_AUXILIARY = ("mir_coroncal", "nis_focus", "nrc_focus", "nrs_focus", "nrs_image", *ACQUISITION)
"""EXP_TYPEs that image2 calibrates too, though they are no science."""

SPEC2_SCIENCE = (
    "mir_lrs-fixedslit", "mir_lrs-slitless", "mir_mrs", "nis_soss", "nis_wfss", "nrc_tsgrism", "nrc_wfss",
    "nrs_fixedslit", "nrs_ifu", "nrs_msaspec", "nrs_brightobj",
)  # fmt: skip
"""EXP_TYPEs of science that spec2 calibrates."""

TSO_ALWAYS = ("nrc_tsimage", "nrc_tsgrism", "nrs_brightobj")
"""EXP_TYPEs that are time series whatever TSOVISIT says."""

_STAGE2 = frozenset(IMAGE2_SCIENCE + IMAGE2_AUXILIARY + SPEC2_SCIENCE)
_CORONAGRAPHY = frozenset(["mir_4qpm", "mir_lyot", "nrc_coron"])

# nrs_verify is an acquisition for file names and rules, yet its members count as science: so do the peers.
_TYPE_OF = {
    exp_type: kind
    for kind, exp_types in {
        "dark": "mir_darkall mir_darkimg mir_darkmrs nis_dark nrc_dark nrs_dark",
        "flat": "mir_flatimage mir_flatmrs mir_flatimage-ext mir_flatmrs-ext nrc_flat",
        "target_acquisition": " ".join(t for t in ACQUISITION if t != "nrs_verify"),
        "engineering": "nis_focus nis_lamp nrc_focus nrc_led nrs_focus nrs_image nrs_lamp",
        "autoflat": "nrs_autoflat",
        "autowave": "nrs_autowave",
    }.items()
    for exp_type in exp_types.split()
}
_MODIFIERS = (("psf", "is_psf"), ("imprint", "is_imprt"), ("background", "bkgdtarg"))


def exposure_type(defined):
    """Tell what a member of an association is there for.

    Parameters
    ----------
    defined : dict
        The exposure's defined attributes.

    Returns
    -------
    str or None
        ``science``, ``background``, ``psf``, ``imprint``, ``target_acquisition`` and so on; None where neither
        the pointing type nor EXP_TYPE tells.
    """
    pointing = defined.get("pntgtype")
    if pointing is not None and pointing != "science":
        return pointing
    exp_type = defined.get("exp_type")
    if exp_type is None:
        return None
    kind = _TYPE_OF.get(exp_type, "science")
    if kind != "science":
        return kind
    return next((kind for kind, flag in _MODIFIERS if flag in defined), "science")


def _is_science_pointing(values):
    """Whether the exposure points at science and is no acquisition: only then are products per integration."""
    return values.get("pntgtype", "science") == "science" and values.get("exp_type") not in ACQUISITION


def is_ami(values):
    """Whether the exposure is aperture masking interferometry.

    Parameters
    ----------
    values : dict
        The exposure's attributes.

    Returns
    -------
    bool
    """
    return _is_science_pointing(values) and values.get("exp_type") == "nis_ami"


def is_coronagraphic(values):
    """Whether the exposure's detector looks through a coronagraph.

    Parameters
    ----------
    values : dict
        The exposure's attributes.

    Returns
    -------
    bool
    """
    if not (_is_science_pointing(values) and values.get("exp_type") in _CORONAGRAPHY):
        return False
    return values["exp_type"] != "nrc_coron" or _behind_mask(values)


def is_tso(values):
    """Whether the exposure is a time series by its own attributes.

    Parameters
    ----------
    values : dict
        The exposure's attributes.

    Returns
    -------
    bool
    """
    return _is_science_pointing(values) and (values.get("tsovisit") == "t" or values.get("exp_type") in TSO_ALWAYS)


# ---- optical paths that put light on the detector -------------------------------------------------------------------

_HIGH = {("g395h", "f290lp"), ("g235h", "f170lp"), ("g140h", "f100lp")}
_MEDIUM = {("g395m", "f290lp"), ("g235m", "f170lp"), ("g140m", "f100lp")}
_SHORT = {("g140h", "f070lp"), ("g140m", "f070lp")}
_PRISM = {("prism", "clear")}
# (grating, filter) by detector, for the A slits and the IFU, and for slit S200B1, which sits on the other side.
_PATHS = {"nrs1": _PRISM | _HIGH | _MEDIUM | _SHORT, "nrs2": _HIGH}
_PATHS_B1 = {"nrs1": _SHORT, "nrs2": _PRISM | _HIGH | _MEDIUM | _SHORT}

_SLIT_LAMPS = {
    "prism": {"line4", "flat5", "test"},
    "g395h": {"flat3", "line3"},
    "g395m": {"flat3", "line3"},
    "g235h": {"flat2", "line2"},
    "g235m": {"flat2", "line2"},
    "g140h": {"flat1", "ref", "line1", "flat4"},
    "g140m": {"flat1", "line1", "flat4"},
}


def on_fixed_slit(defined):
    """Whether a NIRSpec slit's spectrum falls on the detector that was read.

    Parameters
    ----------
    defined : dict
        The exposure's defined attributes.

    Returns
    -------
    bool
    """
    slit = defined.get("fxd_slit")
    if slit is None:
        return False
    paths = _PATHS_B1 if slit == "s200b1" else _PATHS
    return (defined.get("grating"), defined.get("filter")) in paths.get(defined.get("detector"), ())


def on_ifu(defined):
    """Whether a NIRSpec IFU spectrum falls on the detector that was read; True for every other EXP_TYPE.

    Parameters
    ----------
    defined : dict
        The exposure's defined attributes.

    Returns
    -------
    bool
    """
    if defined.get("exp_type") != "nrs_ifu":
        return True
    return (defined.get("grating"), defined.get("filter")) in _PATHS.get(defined.get("detector"), ())


def on_lamp(defined):
    """Whether a NIRSpec calibration lamp's light falls on the detector that was read.

    Parameters
    ----------
    defined : dict
        The exposure's defined attributes.

    Returns
    -------
    bool
    """
    detector, grating, mode = (defined.get(name) for name in ("detector", "grating", "opmode"))
    if None in (detector, grating, mode):
        return False
    if mode == "msaspec":
        return True
    lamp = defined.get("lamp")
    if lamp is None:
        return False
    if mode == "ifu":
        if grating in ("g395h", "g235h"):
            return True
        if grating == "g140h":
            return not (detector == "nrs2" and lamp == "flat4")
        return grating in ("g395m", "g235m", "g140m", "prism") and detector == "nrs1"
    if mode == "fixedslit":
        return detector in ("nrs1", "nrs2") and lamp in _SLIT_LAMPS.get(grating, ())
    return False


def _behind_mask(values):
    """In full frame only one NIRCam detector is behind each mask."""
    if values.get("subarray") != "full":
        return True
    bare = {"maskbar": ("nrca1", "nrca2", "nrca3"), "maskrnd": ("nrca1", "nrca3", "nrca4")}
    return values.get("detector") not in bare.get(values.get("pupil"), ())


def on_coronagraph(defined):
    """Whether a NIRCam coronagraphic exposure's detector is behind the mask.

    Parameters
    ----------
    defined : dict
        The exposure's defined attributes.

    Returns
    -------
    bool
    """
    return all(name in defined for name in ("detector", "subarray", "pupil")) and _behind_mask(defined)


# ---- file names -----------------------------------------------------------------------------------------------------

_UNCAL = re.compile(r"(?P<root>.+)_uncal(?P<extension>\..+)")


def _renamed(filename, suffix):
    """Name with the suffix in the place of ``uncal``; the name itself where it is no raw exposure's."""
    match = _UNCAL.match(filename)
    return f"{match['root']}_{suffix}{match['extension']}" if match else filename


def level2_input(filename, per_integration):
    """Name of the stage 1 product that stage 2 takes.

    Parameters
    ----------
    filename : str
        Name of the raw exposure.
    per_integration : bool
        Whether stage 2 works on each integration.

    Returns
    -------
    str
    """
    return _renamed(filename, "rateints" if per_integration else "rate")


def level3_input(filename, exp_type, exptype, per_integration):
    """Name of the product that stage 3 takes.

    Parameters
    ----------
    filename : str
        Name of the raw exposure.
    exp_type : str
        Its EXP_TYPE.
    exptype : str
        What the member is there for.
    per_integration : bool
        Whether stage 3 works on each integration.

    Returns
    -------
    str
    """
    suffix = "x1d" if exptype == "background" else "cal" if exp_type in _STAGE2 else "rate"
    return _renamed(filename, suffix + "ints" * per_integration)


@lru_cache(maxsize=65536)
def exposure_root(filename):
    """Exposure's name without extension and product suffix.

    Parameters
    ----------
    filename : str
        Name or path of a product.

    Returns
    -------
    str
    """
    name = filename.rpartition("/")[2]
    stem, dot, _ = name.rpartition(".")
    return remove_suffix(stem if dot and stem else name)
