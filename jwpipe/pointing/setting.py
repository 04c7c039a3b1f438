"""Pointing of an exposure: every keyword that says where the telescope and an aperture looked.

Where the attitude comes from: telemetry of the time of the exposure; or, for a pure parallel visit, an exposure of the
prime visit; or, when asked and if there is no telemetry, what was planned.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from jwpipe.asn.exposures import IMAGE2_AUXILIARY, IMAGE2_SCIENCE, TSO_ALWAYS
from jwpipe.errors import InputError, ReferenceError, UsageError, nearest
from jwpipe.pointing import telemetry
from jwpipe.pointing.attitude import (
    ARCSEC,
    Direction,
    Guiding,
    attitude_at,
    coarse,
    from_v1,
    reference_point,
    rotation_matrix,
    track,
    unit_vector,
)
from jwpipe.pointing.guider import set_guider
from jwpipe.pointing.moving import set_moving_target
from jwpipe.pointing.siaf import Siaf
from jwpipe.products.modes import guides
from jwpipe.wcs.region import polygon

__all__ = ["METHODS", "Options", "Outcome", "describe", "method_named", "set_pointing"]

# Name: mnemonics, how they give the attitude, what ENGQLPTG says.
METHODS = {
    "coarse": (telemetry.ATTITUDE, coarse, "CALCULATED_COARSE_TR_202111"),
    "track": (telemetry.MEASURED, track, "CALCULATED_TRACK_TR_202111"),
}
AUTOMATIC = "ops"
BY_PCS_MODE = {
    **dict.fromkeys([None, "", "NONE", "COARSE"], "coarse"),
    **dict.fromkeys(["FINEGUIDE", "MOVING", "TRACK"], "track"),
}
# What is told of an exposure, and the keywords that it takes.
TOLD = {
    "{}": ("ENGQLPTG",),
    "V1 at {:.7f} {:.7f}, V3 at position angle {:.6f}": ("RA_V1", "DEC_V1", "PA_V3"),
    "{} at {:.7f} {:.7f}, roll {:.6f}": ("APERNAME", "RA_REF", "DEC_REF", "ROLL_REF"),
    "pixel {:.3f} {:.3f} at {:.7f} {:.7f}": ("CRPIX1", "CRPIX2", "CRVAL1", "CRVAL2"),
    "target at {:.7f} {:.7f}": ("TARG_RA", "TARG_DEC"),
}
IMAGING = frozenset(kind.upper() for kind in (*IMAGE2_SCIENCE, *IMAGE2_AUXILIARY, "fgs_focus"))
SERIES = frozenset(kind.upper() for kind in TSO_ALWAYS)


@dataclass
class Options:
    """How pointing is to be set.

    Attributes
    ----------
    source : callable
        Gives the source of telemetry (`jwpipe.pointing.source.open_telemetry`); called when it is needed.
    siaf, prd : str or None
        As for `jwpipe.pointing.siaf.Siaf`; by default the exposure's own version of the database.
    method : str
        coarse, track, or ops: as PCS_MODE says.
    fgsid : int
        Guider by which to reckon where telemetry cannot tell.
    tolerance : float
        Seconds, as for `jwpipe.pointing.telemetry.gather`.
    allow_default : bool
        Whether to fall back on the planned target.
    default_pa_v3 : float
        Position angle then, degrees.
    transpose : bool
        Whether telemetry's matrix is FGS1 to J.
    override : dict of str to ndarray or None
        Matrices that stand in place of those computed.
    primes : sequence of jwpipe.pointing.exposure.ExposureFile
        Exposures of the prime visit, one of which overlaps in time and gives the attitude.
    measurement_time : bool
        Whether to set TMEASURE where it is missing.
    """

    source: Callable
    siaf: str | None = None
    prd: str | None = None
    method: str = AUTOMATIC
    fgsid: int = 1
    tolerance: float = 60.0
    allow_default: bool = False
    default_pa_v3: float = 0.0
    transpose: bool = True
    override: dict | None = None
    primes: tuple = ()
    measurement_time: bool = False


@dataclass
class Outcome:
    """What was done.

    Attributes
    ----------
    quality : str or None
        ENGQLPTG; None for exposures of guiders.
    matrices : dict of str to ndarray
        Those computed.
    warnings : list of str
        What the user should know.
    """

    quality: str | None = None
    matrices: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)

    def warn(self, text):
        """Add a warning, if there is one."""
        if text:
            self.warnings.append(text)


def method_named(name):
    """Method of a name, which may be as long as in 1.14.1, such as ``track_tr_202111``.

    Raises
    ------
    UsageError
        There is none.
    """
    short = name.lower().removesuffix("_tr_202111")
    if short not in (*METHODS, AUTOMATIC):
        known = (*METHODS, AUTOMATIC)
        raise UsageError(f"there is no method {name!r}", nearest(name, known) or ", ".join(known))
    return short


def set_pointing(exposure, options):
    """Set the keywords of pointing.

    Parameters
    ----------
    exposure : jwpipe.pointing.exposure.ExposureFile
        The exposure, changed in place.
    options : Options
        How.

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        The header lacks something, or there is no such aperture.
    ReferenceError
        No SIAF, or no telemetry.
    """
    outcome = Outcome()
    guiding = guides(exposure.headers["PRIMARY"])
    kind, name = exposure.text("EXP_TYPE"), exposure.text("APERNAME")
    siaf = Siaf(options.siaf, options.prd or exposure.get("PRD_VER"))
    aperture = None if name == "UNKNOWN" and guiding else siaf.aperture(name)
    if aperture is not None:
        _set_aperture(exposure, aperture, imaging=guiding or kind in IMAGING)
    if guiding:
        outcome.warn(set_guider(exposure, siaf, options.source, options.tolerance, options.allow_default))
    else:
        _set_attitude(exposure, siaf, aperture, options, outcome)
        if kind in IMAGING:
            _set_rotation(exposure, aperture)
        outcome.warn(_set_footprint(exposure, aperture))
        _set_parallel_target(exposure)
    if exposure.text("TARGTYPE", "") == "MOVING":
        outcome.warn(set_moving_target(exposure))
    if options.measurement_time:
        outcome.warn(_set_measurement_time(exposure))
    return outcome


def _set_aperture(exposure, aperture, imaging):
    """Set what the SIAF says."""
    exposure["V2_REF"], exposure["V3_REF"] = aperture.v2_ref, aperture.v3_ref
    exposure["V3I_YANG"], exposure["VPARITY"] = aperture.v3_ideal_angle, aperture.parity
    reference = aperture.x_ref, aperture.y_ref
    if aperture.name == "MIRIM_TAMRS":  # the whole detector is read, though the aperture is a part of it
        reference = aperture.reference_on_detector
    if imaging:
        exposure["RADESYS"] = "ICRS"
        exposure["WCSAXES"] = 2
        exposure["CTYPE1"], exposure["CTYPE2"] = "RA---TAN", "DEC--TAN"
        exposure["CUNIT1"] = exposure["CUNIT2"] = "deg"
        exposure["CRPIX1"], exposure["CRPIX2"] = reference
        exposure["CDELT1"], exposure["CDELT2"] = aperture.x_scale / 3600, aperture.y_scale / 3600
    kind = exposure.text("EXP_TYPE")
    series = exposure.get("TSOVISIT") is True or kind in SERIES
    # A lone integration is no series, but for the camera's own kinds, which may have one.
    if (series and (exposure.number("NINTS") if "NINTS" in exposure else 2) >= 2) or kind in (
        "NRC_TSIMAGE",
        "NRC_TSGRISM",
    ):
        exposure["XREF_SCI"], exposure["YREF_SCI"] = reference


def _set_attitude(exposure, siaf, aperture, options, outcome):
    """Set where V1 and the reference point are."""
    try:
        v1, point = _attitude(exposure, siaf, aperture, options, outcome)
    except (InputError, ReferenceError) as problem:
        if not options.allow_default or options.primes:
            raise
        outcome.warn(f"the planned pointing is used: {problem.args[0]}")
        outcome.quality = "PLANNED"
        v1 = point = Direction(exposure.number("TARG_RA"), exposure.number("TARG_DEC"), options.default_pa_v3)
    exposure["ENGQLPTG"] = outcome.quality
    exposure["RA_V1"], exposure["DEC_V1"], exposure["PA_V3"] = v1.ra, v1.dec, v1.pa
    exposure["PA_APER"], exposure["RA_REF"], exposure["DEC_REF"] = point.pa, point.ra, point.dec
    exposure["ROLL_REF"] = point.pa - aperture.v3_ideal_angle


def _attitude(exposure, siaf, aperture, options, outcome):
    velocity = exposure.numbers("JWST_DX", "JWST_DY", "JWST_DZ")
    # An image of a guider is taken while the other one guides.
    fgsid = {"GUIDER1": 2, "GUIDER2": 1}.get(exposure.text("DETECTOR", ""), options.fgsid)
    method = _method(exposure, options, outcome)
    guiding = Guiding(
        star=exposure.numbers("GS_RA", "GS_DEC"),
        velocity=velocity,
        fgsid=fgsid if method == "coarse" else options.fgsid,
        transpose=options.transpose,
        override=options.override,
    )
    if options.primes:
        prime = _prime(exposure, options.primes)
        matrices = {"m_eci2v": from_v1(*(prime.number(keyword) for keyword in ("RA_V1", "DEC_V1", "PA_V3")))}
        quality = prime.get("ENGQLPTG", "CALCULATED")
    else:
        mnemonics, attitude, quality = METHODS[method]
        start, end = exposure.number("EXPSTART"), exposure.number("EXPEND")
        told = telemetry.gather(options.source(), mnemonics, start, end, options.tolerance)
        try:
            matrices = attitude(telemetry.average(told)[0], guiding, siaf.guider)
        except InputError as problem:
            raise InputError(f"{exposure.path}: {problem.args[0]}", problem.advice) from None
    directions = reference_point(matrices, aperture, guiding)
    if velocity is None and not options.primes:
        outcome.warn("velocity aberration is left in: no JWST_DX, JWST_DY and JWST_DZ")
    outcome.quality, outcome.matrices = quality, matrices
    return directions


def _method(exposure, options, outcome):
    if options.method != AUTOMATIC:
        return options.method
    mode = exposure.get("PCS_MODE")
    if mode not in BY_PCS_MODE:
        outcome.warn(f"PCS_MODE {mode!r} is not known: taken as COARSE")
    return BY_PCS_MODE.get(mode, "coarse")


def _prime(exposure, primes):
    """The exposure of the prime visit during which an exposure was taken, for most of the time."""
    start, end = exposure.number("EXPSTART"), exposure.number("EXPEND")
    shared = [min(end, prime.number("EXPEND")) - max(start, prime.number("EXPSTART")) for prime in primes]
    best = int(np.argmax(shared))
    if shared[best] < 0:
        raise InputError(f"{exposure.path}: no exposure of the prime visit was taken at the same time")
    return primes[best]


def _set_rotation(exposure, aperture):
    exposure["CRVAL1"], exposure["CRVAL2"] = exposure["RA_REF"], exposure["DEC_REF"]
    matrix = rotation_matrix(exposure["ROLL_REF"], aperture.v3_ideal_angle, aperture.parity)
    exposure["PC1_1"], exposure["PC1_2"], exposure["PC2_1"], exposure["PC2_2"] = matrix


def _set_footprint(exposure, aperture):
    """Set S_REGION: the aperture's corners on the sky, in the order of the SIAF."""
    if aperture.x_vertices is None:
        return f"no S_REGION: the SIAF has no corners of {aperture.name}"
    x, y = np.array(aperture.x_vertices), np.array(aperture.y_vertices)
    c, s = (f(np.deg2rad(aperture.v3_ideal_angle)) for f in (np.cos, np.sin))
    v2 = aperture.v2_ref + aperture.parity * x * c + y * s
    v3 = aperture.v3_ref - aperture.parity * x * s + y * c
    to_sky = attitude_at(
        exposure["RA_REF"], exposure["DEC_REF"], exposure["ROLL_REF"], aperture.v2_ref, aperture.v3_ref
    ).T
    x, y, z = to_sky @ np.transpose([unit_vector(*corner) for corner in zip(v2 * ARCSEC, v3 * ARCSEC, strict=True)])
    exposure["S_REGION"] = polygon(np.rad2deg(np.arctan2(y, x)), np.rad2deg(np.arctan2(z, np.hypot(x, y))))
    return None


def _set_parallel_target(exposure):
    """Set the target of a parallel exposure that has none: where it happened to look."""
    if exposure.get("TARG_RA") == exposure.get("TARG_DEC") == 0 and "PARALLEL" in exposure.text("VISITYPE", ""):
        exposure["TARG_RA"], exposure["TARG_DEC"] = exposure["RA_REF"], exposure["DEC_REF"]


def _set_measurement_time(exposure):
    """Set TMEASURE, the time from the first to the last measurement of every ramp, where it is missing.

    Source: keyword dictionary of the JWST data products: TGROUP (NGROUPS - 1) NINTS.
    """
    if "TMEASURE" in exposure:
        return None
    numbers = exposure.numbers("TGROUP", "NGROUPS", "NINTS")
    if numbers is None:
        return "no TMEASURE: TGROUP, NGROUPS or NINTS is missing"
    group_time, groups, integrations = numbers
    if groups < 2:  # 0 would weigh nothing where exposures are added by it; without it their exposure time counts
        return "no TMEASURE: a ramp of one group has none"
    exposure["TMEASURE"] = group_time * (groups - 1) * integrations
    return None


def describe(exposure):
    """Tell where an exposure looked, by the keywords that have been set.

    Parameters
    ----------
    exposure : jwpipe.pointing.exposure.ExposureFile
        The exposure.

    Yields
    ------
    str
        A line on V1, on the reference point or the guide star, and on the image; those that are known.
    """
    for words, keywords in TOLD.items():
        values = [exposure.get(keyword) for keyword in keywords]
        if not any(value is None or value == "" for value in values):
            with suppress(ValueError):  # one that is no number
                yield words.format(*values)
