"""The rules of stage 3: all exposures that make one product."""

from jwpipe.asn.constraints import All, Any, Attr, Check, NotAny, Over
from jwpipe.asn.exposures import exposure_root, on_coronagraph, on_fixed_slit, on_ifu
from jwpipe.asn.rule import TARGET_ACQUISITION, TSO, Rule, has_science, static

__all__ = ["RULES", "TESTS"]


# ---- types of members -----------------------------------------------------------------------------------------------


def _plain(asn, item):
    return item.exptype


def _auxiliary(asn, item):
    """Backgrounds and the like are combined as science in their own right."""
    return item.exptype if item.exptype == "target_acquisition" else "science"


# ---- product names --------------------------------------------------------------------------------------------------


def _named(template):
    return lambda asn: template.format_map(_Parts(asn.name_parts()))


class _Parts(dict):
    """Parts of a name; those that only the pipeline knows stay in braces."""

    def __missing__(self, key):
        return f"{{{key}}}"


BY_TARGET = "jw{program}-{acid}_{target}_{instrument}_{opt_elem}{subarray}"
BY_SOURCE = "jw{program}-{acid}_{source_id}_{instrument}_{opt_elem}{subarray}"
BY_SLIT = "jw{program}-{acid}_{source_id}_{instrument}_{opt_elem}-{slit_name}{subarray}"
WITHOUT_OPTICS = "jw{program}-{acid}_{target}_{instrument}"


# ---- conditions -----------------------------------------------------------------------------------------------------


def _observations(asn):
    """Predicate: one of the observations that the association has."""
    return frozenset(asn.found_by("obs_num")).__contains__


BASE = All(Attr("program", ("program",)), Attr("instrument", ("instrume",)), name="base")
NOT_IMPRINT = Attr(None, ("is_imprt",), undefined=True)
OBSERVATION = Attr("obs_num", ("obs_num",), unique=False, required=False, label="Constraint_Obsnum")
ACQUISITION = All(TARGET_ACQUISITION, Attr("acq_obsnum", ("obs_num",), _observations, unique=False))
"""Target acquisitions of the observations that the association has."""

OPTICAL_PATH = All(
    Attr("opt_elem", ("filter",), required=False),
    Attr("opt_elem2", ("pupil", "grating"), required=False),
    Any(
        Attr("fxd_slit2", ("fxd_slit",), ["s200a1|s200a2"], unique=False, required=False),
        Attr("fxd_slit", ("fxd_slit",), required=False),
    ),
    Attr("subarray", ("subarray",)),
)

ANY_TARGET = Attr("target", ("targetid",), label="Constraint_Target")
IMAGE = Attr("exp_type", ("exp_type",), "nrc_image|mir_image|nis_image|fgs_image|nrs_mimf", label="Constraint_Image")
NOT_WAVEFRONT = Attr("wfsvisit", ("visitype",), "((?!wfsc).)*", required=False)
IS_BACKGROUND = Attr("bkgdtarg", ("bkgdtarg",), "T")
NO_BACKGROUND = NotAny(Attr("bkgdtarg", ("bkgdtarg",), unique=False))
SCIENCE_TARGET = Attr(
    "target",
    ("targetid",),
    again=Over.EXISTING,
    when=lambda asn, item: asn.rule.exposure_type(asn, item) == "science",
)
"""The same target for the science; a PSF has its own."""


TARGET = Attr(
    "target",
    ("targetid",),
    again=Over.EXISTING,
    when=lambda asn, item: asn.rule.exposure_type(asn, item) != "background",
    label="Constraint_Target",
)
"""The same target for all but backgrounds."""


def _exp_type(exp_types, unique=True, name="exp_type", label="DMSAttrConstraint"):
    return Attr(name, ("exp_type",), exp_types, unique=unique, label=label)


# ---- tests and endings ----------------------------------------------------------------------------------------------


TESTS = (has_science,)


def _has_psf(asn):
    return any(member.exptype == "psf" for member in asn.members)


def _is_observation(asn):
    return asn.acid[1].lower() == "observation"


def _has_pair(asn):
    return len(asn.members) == 2


def _is_no_group(asn):
    return asn.acid[1].lower() != "group"


def _several_observations(asn):
    """Drop groups and backgrounds of one observation only, which would repeat that observation's association."""
    alone = asn.acid[1].lower() in ("group", "background") and len(asn.found["obs_num"]) <= 1
    return [asn] if asn.valid and not alone else []


def _with_nod_background(asn):
    """Let each science exposure's extracted spectrum serve as background of the others."""
    if not asn.valid:
        return []
    name, members = asn.products[0]
    science = [m for m in members if m.exptype == "science"]
    if len(science) < 2:
        return [asn]
    spectra = [m.retyped("background", f"{exposure_root(m.expname)}_x1d.fits") for m in science]
    return [asn.with_product(name, [*members, *spectra])]


# ---- the rules ------------------------------------------------------------------------------------------------------


def _rule(
    name, asn_type, *constraints, kind=_plain, template=BY_TARGET, tests=(), finish=_several_observations, **more
):
    return Rule(
        name=f"Asn_Lv3{name}",
        level=3,
        asn_type=asn_type,
        constraints=All(BASE, NOT_IMPRINT, Any(All(All(*constraints), OBSERVATION), ACQUISITION)),
        core=(BASE, NOT_IMPRINT, *constraints),
        exposure_type=kind,
        tests=(*TESTS, *tests),
        product_name=_named(template),
        finish=finish,
        companions=True,
        **more,
    )


_AGAIN = All(
    TARGET_ACQUISITION,
    Check(lambda asn, item: False, name="force_fail", value="anything but None", again=Over.NONSCIENCE),
)
ACQUISITION_AGAIN = Rule(
    name="Asn_Lv3ACQ_Reprocess",
    level=3,
    asn_type="user_built",
    constraints=_AGAIN,
    core=(TARGET_ACQUISITION,),
    exposure_type=_plain,
    tests=TESTS,
)
"""Makes no association: sends target acquisitions to the end of the queue, when all they may accompany exist."""

AMI = _rule("AMI", "ami3", OPTICAL_PATH, _exp_type("nis_ami"), SCIENCE_TARGET, tests=(_has_psf,))

IMAGES = _rule(
    "Image",
    "image3",
    OPTICAL_PATH,
    TARGET,
    IMAGE,
    NOT_WAVEFRONT,
    NotAny(Attr("bkgdtarg", ("bkgdtarg",)), TSO),
)

IMAGE_BACKGROUND = _rule(
    "ImageBackground",
    "image3",
    OPTICAL_PATH,
    TARGET,
    IMAGE,
    NOT_WAVEFRONT,
    Attr("bkgdtarg", ("bkgdtarg",)),
    NotAny(TSO),
    kind=_auxiliary,
)

MIRI_CORONAGRAPHY = _rule(
    "MIRCoron",
    "coron3",
    OPTICAL_PATH,
    _exp_type("mir_lyot|mir_4qpm"),
    SCIENCE_TARGET,
    NO_BACKGROUND,
    tests=(_has_psf,),
)

MIRI_MRS = _rule("MIRMRS", "spec3", TARGET, _exp_type("mir_mrs"), NotAny(TSO), template=WITHOUT_OPTICS)

MIRI_MRS_BACKGROUND = _rule(
    "MIRMRSBackground",
    "spec3",
    ANY_TARGET,
    _exp_type("mir_mrs"),
    NotAny(TSO),
    IS_BACKGROUND,
    kind=_auxiliary,
    template=WITHOUT_OPTICS,
)

NIRCAM_CORONAGRAPHY = _rule(
    "NRCCoron",
    "coron3",
    OPTICAL_PATH,
    _exp_type("nrc_coron"),
    SCIENCE_TARGET,
    NO_BACKGROUND,
    static(on_coronagraph),
    tests=(_has_psf,),
)

NIRCAM_CORONAGRAPHY_IMAGE = _rule(
    "NRCCoronImage",
    "image3",
    OPTICAL_PATH,
    _exp_type("nrc_coron"),
    SCIENCE_TARGET,
    NotAny(Attr("bkgdtarg", ("bkgdtarg",), unique=False), Attr("is_psf", ("is_psf",), "T")),
    Attr("channel", ("channel",), "short"),
    Attr("subarray", ("subarray",), "full"),
    template=BY_TARGET + "-image3",
    coronagraphic=False,
)

NIRSPEC_FIXED_SLIT = _rule(
    "NRSFSS",
    "spec3",
    NotAny(TSO),
    _exp_type("nrs_autoflat|nrs_autowave|nrs_fixedslit", unique=False),
    static(on_fixed_slit),
    OPTICAL_PATH,
    TARGET,
    template=BY_SLIT,
)

NIRSPEC_IFU = _rule(
    "NRSIFU",
    "spec3",
    TARGET,
    _exp_type("nrs_autowave|nrs_ifu", unique=False),
    static(on_ifu),
    Attr("patttype", ("patttype",)),
    NotAny(TSO),
    Attr("opt_elem", ("grating",)),
)

NIRSPEC_IFU_BACKGROUND = _rule(
    "NRSIFUBackground",
    "spec3",
    TARGET,
    NotAny(TSO),
    IS_BACKGROUND,
    _exp_type("nrs_ifu", name="allowed_bkgdtarg"),
    static(on_ifu),
    Attr("opt_elem", ("grating",)),
    kind=_auxiliary,
)

SLITLESS_SPECTRA = _rule(
    "SlitlessSpectral",
    "spec3",
    NotAny(TSO),
    OPTICAL_PATH,
    TARGET,
    _exp_type("nis_soss", unique=False),
    NotAny(Attr("patttype_spectarg", ("patttype",))),
    # The column of the last one exists in no pool: what keeps time series away is the first condition.
    NotAny(_exp_type("mir_lrs-slitless", name="restricted_slitless"), Attr("tso_obs", ("tso_visit",), "T")),
)

BACKGROUND_SPECTRA = _rule(
    "SpecAux",
    "spec3",
    TARGET,
    NotAny(TSO),
    IS_BACKGROUND,
    _exp_type("mir_lrs-fixedslit|nrs_fixedslit", name="allowed_bkgdtarg"),
    OPTICAL_PATH,
    kind=_auxiliary,
)

SPECTRA_BY_SOURCE = _rule(
    "SpectralSource",
    "spec3",
    NotAny(TSO),
    OPTICAL_PATH,
    TARGET,
    Any(
        _exp_type("nrc_wfss|nrs_autoflat|nrs_autowave", unique=False),
        All(
            _exp_type("nrs_msaspec", unique=False),
            Attr("is_msa", ("msametfl",), unique=False),
            name="msa_spectral",
        ),
    ),
    template=BY_SOURCE,
)

SPECTRA_BY_TARGET = _rule(
    "SpectralTarget",
    "spec3",
    NotAny(TSO),
    OPTICAL_PATH,
    TARGET,
    _exp_type("mir_lrs-fixedslit|nis_soss", unique=False),
    Any(Attr("patttype_spectarg", ("patttype",), "2-point-nod|4-point-nod|along-slit-nod")),
    finish=_with_nod_background,
)

TIME_SERIES = _rule(
    "TSO",
    "tso3",
    TARGET,
    OPTICAL_PATH,
    TSO,
    Attr("exp_type", ("exp_type",)),
    NotAny(_exp_type("mir_mrs|mir_flatmrs|nrs_autowave|nrs_ifu", unique=False, label="Constraint_IFU")),
    # NIRCam's engineering mode, and the detector that sees no grism time series.
    NotAny(
        All(_exp_type("nrc_tsgrism", name="restricted_grism"), Attr("grism_clear", ("pupil",), "clear")),
        All(_exp_type("nrc_tsgrism", name="restricted_ts"), Attr("module", ("detector",), "nrcblong")),
    ),
    # A single integration is no series.
    NotAny(All(_exp_type("nis_soss"), Attr("nints", ("nints",), "1"))),
    tests=(_is_observation,),
)

WAVEFRONT = _rule(
    "WFSCMB",
    "wfs-image3",
    OPTICAL_PATH,
    TARGET,
    IMAGE,
    Attr("patttype", ("patttype",), "wfsc"),
    Attr("detector", ("detector",)),
    Attr("obs_id", ("obs_id",)),
    Attr("act_id", ("act_id",)),
    NotAny(Attr("dms_note", ("dms_note",), "wfsc_los_jitter")),
    template=BY_TARGET + "-{detector}_{suffix}-{act_id:0>2}",
    tests=(_has_pair, _is_no_group),
)

NIRISS_GRISM = _rule(
    "WFSSNIS",
    "spec3",
    TARGET,
    _exp_type("nis_wfss"),
    Attr("opt_elem", ("filter",), "gr150r|gr150c"),
    Attr("opt_elem2", ("pupil",)),
    template=BY_SOURCE,
)

# The order is that in which an exposure is offered to the rules; among duplicates it decides which one stays.
RULES = (
    ACQUISITION_AGAIN,
    AMI,
    IMAGES,
    IMAGE_BACKGROUND,
    MIRI_CORONAGRAPHY,
    MIRI_MRS,
    MIRI_MRS_BACKGROUND,
    NIRCAM_CORONAGRAPHY,
    NIRCAM_CORONAGRAPHY_IMAGE,
    NIRSPEC_FIXED_SLIT,
    NIRSPEC_IFU,
    NIRSPEC_IFU_BACKGROUND,
    SLITLESS_SPECTRA,
    BACKGROUND_SPECTRA,
    SPECTRA_BY_SOURCE,
    SPECTRA_BY_TARGET,
    TIME_SERIES,
    WAVEFRONT,
    NIRISS_GRISM,
)
