"""The rules of stage 2: each science exposure with what is needed to calibrate it."""

from jwpipe.asn.association import Member
from jwpipe.asn.constraints import All, Any, Attr, Check, NotAll, NotAny, Over
from jwpipe.asn.exposures import (
    IMAGE2_AUXILIARY,
    IMAGE2_SCIENCE,
    SPEC2_SCIENCE,
    exposure_root,
    on_coronagraph,
    on_fixed_slit,
    on_ifu,
    on_lamp,
)
from jwpipe.asn.rule import TARGET_ACQUISITION, TSO, WFSC, Rule, has_science, one_of, static

__all__ = ["RULES", "TESTS"]


# ---- types of members -----------------------------------------------------------------------------------------------


def _plain(asn, item):
    """PSF exposures are calibrated as science."""
    return "science" if item.exptype == "psf" else item.exptype


def _special(asn, item):
    """Whatever it is, it is calibrated as science; only an imprint beside science stays what it is."""
    asn.last_type = _plain(asn, item)
    return "imprint" if asn.has_science and asn.last_type == "imprint" else "science"


def _with_direct_image(asn, item):
    """Images beside a grism exposure are direct images."""
    plain = _plain(asn, item)
    image = plain == "science" and item.values.get("exp_type") in ("nis_image", "nrc_image")
    return "direct_image" if image else plain


def _nodded(asn, item):
    """Exposures at the other place along the slit are background."""
    plain = _plain(asn, item)
    return "background" if plain == "science" and asn.tracked else plain


# ---- conditions -----------------------------------------------------------------------------------------------------


def _ahead(kind, is_science):
    """Tell what is known of a member's type without the association, for types that do not depend on it."""

    def ahead(item, closed):
        return (kind(None, item) == "science") is is_science if kind is _plain else None

    return ahead


def _single_science(kind, again=None):
    """Ask for a science exposure, for an association that has none yet."""
    return All(
        Check(lambda asn, item: kind(asn, item) == "science", _ahead(kind, True)),
        Check(lambda asn, item: not asn.has_science, lambda item, closed: False if closed else None),
        again=again,
    )


def _no_science(kind):
    return Check(lambda asn, item: kind(asn, item) != "science", _ahead(kind, False))


BASE = All(Attr("program", ("program",)), Attr("is_tso", ("tsovisit",), required=False))

MODE = All(
    Attr("instrument", ("instrume",)),
    Attr("detector", ("detector",)),
    Attr("opt_elem", ("filter", "band")),
    Attr("opt_elem2", ("pupil", "grating"), required=False),
    Attr("fxd_slit", ("fxd_slit",), required=False),
    Attr("subarray", ("subarray",), required=False),
    Attr("channel", ("channel",), required=False),
    NotAny(Attr(None, ("detector",), "nirspec"), Attr(None, ("filter",), "opaque")),
    NotAll(Attr(None, ("detector",), "nrcblong"), Attr(None, ("exp_type",), "nrc_tsgrism")),
    NotAny(Attr(None, ("visitype",), ".+wfsc.+")),
    Attr("slit", ("fxd_slit",), required=False),
)
"""Instrument and optical path; no light, no wavefront sensing."""

BACKGROUND = Attr("background", ("bkgdtarg",), unique=False, again=Over.EXISTING, label="Constraint_Background")
IMPRINT = All(Attr("imprint", ("is_imprt",)), Attr("mosaic_tile", ("mostilno",)), again=Over.EXISTING)
IMPRINT_FOR_SPECIAL = All(
    Attr("imprint", ("is_imprt",), again=Over.EXISTING),
    Attr("mosaic_tile", ("mostilno",)),
    # One imprint after another is not taken: the second would be the first's.
    Check(lambda asn, item: asn.last_type != "imprint"),
)
SPECIAL = Attr("is_special", ("bkgdtarg", "is_psf"), label="Constraint_Special")
IMAGE_SCIENCE = Attr("exp_type", ("exp_type",), one_of(IMAGE2_SCIENCE), label="Constraint_Image_Science")
IMAGE_AUXILIARY = Any(
    TARGET_ACQUISITION,
    Attr("non_science", ("exp_type",), one_of(IMAGE2_AUXILIARY)),
    All(
        Attr("exp_type", ("exp_type",), "nrs_msaspec"),
        Attr(None, ("msastate",), "primarypark_allopen"),
        Attr(None, ("grating",), "mirror"),
    ),
)
TARGET = Attr("target", ("targetid",), label="Constraint_Target")


def _spectrum(*exclude):
    return Any(Attr("exp_type", ("exp_type",), one_of(t for t in SPEC2_SCIENCE if t not in exclude)))


def _exp_type(exp_types):
    return Attr("exp_type", ("exp_type",), exp_types)


# ---- what associations end as ---------------------------------------------------------------------------------------


def _nod(item, column):
    """Give the number of the primary dither position, None where the columns do not tell."""
    try:
        return (int(item.values["patt_num"]) - 1) // int(item.values[column])
    except (KeyError, ValueError, ZeroDivisionError):
        return None


def _is_background_for(science, other):
    """Whether another exposure of a nod pattern shows the sky where `science` shows the source."""
    exp_type = science.values["exp_type"]
    if exp_type not in ("nrs_fixedslit", "nrs_msaspec"):
        return True
    for column in ("subpxpts", "subpxpns"):
        here, there = _nod(science, column), _nod(other, column)
        if here is not None and there is not None:
            return here != there
    return exp_type == "nrs_msaspec"


def _split_nods(asn):
    """One association for each science exposure, with the other nods as its background."""
    if not asn.valid:
        return []
    members = asn.products[0][1]
    science = [m for m in members if m.exptype == "science"]
    rest = [m for m in members if m.exptype != "science"]
    split = []
    for one in science:
        others = [m for m in science if m.expname != one.expname and _is_background_for(one.item, m.item)]
        product = [one, *(m.retyped("background") for m in others), *rest]
        split.append(asn.with_product(exposure_root(one.expname), product))
    return split


def _number(item, column):
    value = item.values.get(column)
    try:
        return int(value)
    except (TypeError, ValueError):
        return None


def _optical_elements(item):
    """Optical elements of a direct image, as its stage 3 product is named."""

    def first(*columns):
        return next((item.defined[c] for c in columns if c in item.defined), None)

    elements = sorted(filter(None, (first("filter", "band"), first("pupil", "grating"))))
    return "-".join(elements) or "clear"


def _add_catalog(asn):
    """Put the stage 3 products of the nearest direct image in the place of the direct images."""
    name, members = asn.products[0]
    directs = [m for m in members if m.exptype == "direct_image"]
    science = [m for m in members if m.exptype == "science"]
    if not (directs and science and asn.valid):
        return []
    when = _number(science[0].item, "expspcin")
    later = []
    if when is not None:
        gaps = [(_number(m.item, "expspcin"), m) for m in directs]
        later = [(number - when, m) for number, m in gaps if number is not None and 0 < number - when < 9999]
    direct = min(later, key=lambda gap: gap[0])[1] if later else directs[0]
    target, instrument = ("-".join(asn.found[key]) for key in ("target", "instrument"))
    root = f"jw{asn.program}-{asn.acid[0]}_t{target:0>3}_{instrument}_{_optical_elements(direct.item)}".lower()
    products = [("_i2d.fits", "direct_image"), ("_cat.ecsv", "sourcecat"), ("_segm.fits", "segmap")]
    kept = [m for m in members if m.exptype != "direct_image"]
    return [asn.with_product(name, [*kept, *(Member(root + suffix, exptype) for suffix, exptype in products)])]


# ---- the rules ------------------------------------------------------------------------------------------------------


def _allowed_candidate(asn):
    """Stage 2 is for observations, and for background candidates once there is a background."""
    kind = asn.acid[1].lower()
    return kind == "observation" or (kind == "background" and any(m.exptype == "background" for m in asn.members))


TESTS = (has_science, _allowed_candidate)


def _rule(name, asn_type, *constraints, kind=_plain, **more):
    return Rule(
        name=f"Asn_Lv2{name}",
        level=2,
        asn_type=asn_type,
        constraints=All(*constraints),
        core=constraints,
        exposure_type=kind,
        tests=TESTS,
        **more,
    )


CORON_AS_RATE = _rule(
    "CoronAsRate",
    "image2",
    BASE,
    MODE,
    _exp_type("nrc_coron"),
    Attr("subarray", ("subarray",), "full"),
    static(on_coronagraph),
    Any(BACKGROUND, _single_science(_plain)),
    coronagraphic=False,
)

FGS = _rule("FGS", "image2", BASE, _single_science(_plain), _exp_type("fgs_image|fgs_focus"), NotAny(WFSC))

IMAGE = _rule("Image", "image2", BASE, MODE, IMAGE_SCIENCE, NotAny(TSO), Any(BACKGROUND, _single_science(_plain)))

IMAGE_NON_SCIENCE = _rule("ImageNonScience", "image2", BASE, IMAGE_AUXILIARY, _single_science(_special), kind=_special)

IMAGE_SPECIAL = _rule(
    "ImageSpecial", "image2", BASE, MODE, IMAGE_SCIENCE, _single_science(_special), SPECIAL, kind=_special
)

IMAGE_TSO = _rule("ImageTSO", "tso-image2", BASE, MODE, IMAGE_SCIENCE, _single_science(_plain), TSO)


def _other_place(asn):
    """Predicate: at another place along the slit than the science exposure."""
    here = next(iter(asn.found_by("patt_num")), "None")
    return lambda value: here not in value


MIRI_LRS_NOD = _rule(
    "MIRLRSFixedSlitNod",
    "spec2",
    BASE,
    MODE,
    _exp_type("mir_lrs-fixedslit"),
    Attr("patttype", ("patttype",), "along-slit-nod"),
    Check(lambda asn, item: asn.acid[1] != "background"),
    Any(
        All(Attr("patt_num", ("patt_num",)), _single_science(_nodded, again=Over.EXISTING)),
        All(
            Attr("is_current_patt_num", ("patt_num",), _other_place),
            # The background of one association is the science of its own.
            Check(lambda asn, item: True, name="force_match"),
        ),
    ),
    kind=_nodded,
    track="is_current_patt_num",
    absorbs="force_match",
)

NIRSPEC_FIXED_SLIT = _rule(
    "NRSFSS",
    "spec2",
    BASE,
    MODE,
    _exp_type("nrs_fixedslit"),
    static(on_fixed_slit),
    Any(
        _no_science(_plain),
        All(
            Attr("expspcin", ("expspcin",)),
            Attr("nods", ("numdthpt",)),
            Attr("subpxpts", ("subpxpns", "subpxpts")),
            Check(lambda asn, item: _plain(asn, item) == "science", _ahead(_plain, True)),
        ),
    ),
    finish=_split_nods,
)

NIRSPEC_IFU_NOD = _rule(
    "NRSIFUNod",
    "spec2",
    BASE,
    MODE,
    _exp_type("nrs_ifu"),
    static(on_ifu),
    Attr("patttype", ("patttype",), "2-point-nod|4-point-nod"),
    Attr("mosaic_tile", ("mostilno",)),
    finish=_split_nods,
)

NIRSPEC_LAMP_IMAGE = _rule(
    "NRSLAMPImage",
    "image2",
    BASE,
    _single_science(_special),
    _exp_type("nrs_lamp"),
    Attr(None, ("grating",), "mirror"),
    Attr(None, ("opmode",), "image", required=False),
    kind=_special,
)

NIRSPEC_LAMP_SPECTRUM = _rule(
    "NRSLAMPSpectral",
    "nrslamp-spec2",
    BASE,
    _single_science(_special),
    _exp_type("nrs_autoflat|nrs_autowave|nrs_lamp"),
    Attr("opt_elem", ("filter",), "opaque"),
    static(on_lamp),
    Any(
        NotAny(Attr("opmode", ("opmode",), "msaspec")),
        All(Attr(None, ("opmode",), "msaspec"), Attr(None, ("msametfl",))),
    ),
    Attr("lamp", ("lamp",)),
    NotAny(
        Attr(None, ("grating",), "mirror", unique=False),
        Attr(None, ("opmode",), "grating-only", unique=False),
        Attr(None, ("lamp",), "nolamp", unique=False),
    ),
    kind=_special,
)

NIRSPEC_MSA = _rule(
    "NRSMSA",
    "spec2",
    BASE,
    MODE,
    All(_exp_type("nrs_msaspec"), Attr(None, ("msametfl",)), Attr("expspcin", ("expspcin",))),
    finish=_split_nods,
)

SPEC = _rule(
    "Spec",
    "spec2",
    BASE,
    MODE,
    _spectrum("nis_wfss", "nrc_wfss", "nrs_fixedslit", "nrs_msaspec"),
    Any(BACKGROUND, IMPRINT, _single_science(_plain)),
    NotAny(TSO, Attr("patttype", ("patttype",), "2-point-nod|4-point-nod|along-slit-nod")),
)

SPEC_IMPRINT = _rule(
    "SpecImprint",
    "spec2",
    BASE,
    MODE,
    _spectrum(),
    _single_science(_special),
    static(on_ifu),
    Attr("imprint", ("is_imprt",)),
    kind=_special,
)

SPEC_SPECIAL = _rule(
    "SpecSpecial",
    "spec2",
    BASE,
    MODE,
    _spectrum(),
    SPECIAL,
    static(on_ifu),
    Any(IMPRINT_FOR_SPECIAL, _single_science(_special)),
    kind=_special,
    remembers=True,
)

SPEC_TSO = _rule(
    "SpecTSO",
    "tso-spec2",
    BASE,
    MODE,
    _spectrum("nrs_msaspec", "nrs_fixedslit"),
    _single_science(_plain),
    TSO,
    NotAny(All(_exp_type("nrc_tsgrism"), Attr("pupil", ("pupil",), "clear"))),
)

WAVEFRONT = _rule(
    "WFSC",
    "wfs-image2",
    BASE,
    IMAGE_SCIENCE,
    _single_science(_plain),
    WFSC,
    NotAll(Attr("dms_note", ("dms_note",), "wfsc_los_jitter"), _exp_type("nrc_image")),
)


def _grism(name, grism, image, channel):
    """Slitless spectra with the direct images of the same target."""
    return _rule(
        name,
        "spec2",
        BASE,
        TARGET,
        Any(_exp_type(grism), Attr("image_exp_type", ("exp_type",), image, again=Over.NONSCIENCE)),
        Attr("instrument", ("instrume",)),
        Attr(channel, (channel,)),
        Any(_no_science(_with_direct_image), _single_science(_with_direct_image)),
        kind=_with_direct_image,
        finish=_add_catalog,
    )


NIRISS_GRISM = _grism("WFSSNIS", "nis_wfss", "nis_image", "pupil")
NIRCAM_GRISM = _grism("WFSSNRC", "nrc_wfss", "nrc_image", "detector")

# The order is that in which an exposure is offered to the rules; among duplicates it decides which one stays.
RULES = (
    CORON_AS_RATE,
    FGS,
    IMAGE,
    IMAGE_NON_SCIENCE,
    IMAGE_SPECIAL,
    IMAGE_TSO,
    MIRI_LRS_NOD,
    NIRSPEC_FIXED_SLIT,
    NIRSPEC_IFU_NOD,
    NIRSPEC_LAMP_IMAGE,
    NIRSPEC_LAMP_SPECTRUM,
    NIRSPEC_MSA,
    SPEC,
    SPEC_IMPRINT,
    SPEC_SPECIAL,
    SPEC_TSO,
    WAVEFRONT,
    NIRISS_GRISM,
    NIRCAM_GRISM,
)
