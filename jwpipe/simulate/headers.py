"""Keywords and tables of a raw exposure, as ground processing writes them.

Source: keyword dictionary of the JWST data products.
"""

from datetime import datetime, timedelta

import numpy as np

from jwpipe.simulate.exposure import MJD_ZERO
from jwpipe.simulate.pointing import BARYCENTRIC, Camera, attitude, sky_of, tangent_axes
from jwpipe.simulate.siaf import read_distortion

__all__ = [
    "GROUP",
    "INT_TIMES",
    "TRACK",
    "group_table",
    "int_times_table",
    "iso",
    "primary_cards",
    "science_cards",
    "track_table",
]

TARGET = 80.4875, -69.4975  # astrometric field in the Large Magellanic Cloud, degrees
ROLL = 104.5  # position angle of V3 at the reference point, degrees
DITHER = 1.5  # arcsec between exposures

# Position and velocity of the telescope from the Earth, m and m/s; and what its place makes of the time, s.
GEOCENTRIC = (-1.37e9, 5.597e8, 2.426e8), (-105.0, -230.0, -96.0)
BARYCENTRIC_DELAY, HELIOCENTRIC_DELAY = 164.2, 166.9

DAY_ZERO = datetime(2000, 1, 1)  # days of the GROUP table are counted from here

GROUP = np.dtype(
    [
        ("integration_number", ">i4"),
        ("group_number", ">i2"),
        ("end_day", ">i2"),
        ("end_milliseconds", ">i4"),
        ("end_submilliseconds", ">i2"),
        ("group_end_time", "S26"),
        ("number_of_columns", ">i2"),
        ("number_of_rows", ">i2"),
        ("number_of_gaps", ">i2"),
        ("completion_code_number", ">i2"),
        ("completion_code_text", "S36"),
        ("bary_end_time", ">f8"),
        ("helio_end_time", ">f8"),
    ]
)
INT_TIMES = np.dtype(
    [
        ("integration_number", ">i4"),
        ("int_start_MJD_UTC", ">f8"),
        ("int_mid_MJD_UTC", ">f8"),
        ("int_end_MJD_UTC", ">f8"),
        ("int_start_BJD_TDB", ">f8"),
        ("int_mid_BJD_TDB", ">f8"),
        ("int_end_BJD_TDB", ">f8"),
    ]
)
TRACK = np.dtype(
    [("observatory_time", "S23"), ("x_corner", ">f8"), ("y_corner", ">f8"), ("x_size", ">i4"), ("y_size", ">i4")]
)


def moment(exposure, seconds):
    """Date and time, UTC, some seconds into an exposure."""
    return MJD_ZERO + timedelta(days=exposure.start) + timedelta(seconds=seconds)


def iso(exposure, seconds, digits=3):
    """The same as text."""
    return moment(exposure, seconds).isoformat(timespec="microseconds")[: 20 + digits]


def primary_cards(exposure, mode):
    """Keywords of the primary header.

    Parameters
    ----------
    exposure : Exposure
        What was done.
    mode : Mode
        In which mode.

    Returns
    -------
    list of tuple
        Keyword, value, comment.
    """
    day, hours = iso(exposure, 0).split("T")
    detector, window, pattern = exposure.detector, exposure.window, exposure.pattern
    end, duration = exposure.duration, exposure.duration
    start, middle = exposure.start, exposure.start + duration / 2 / 86400
    aperture = f"{detector.aperture}_{window.aperture or window.name}"
    target = exposure.pointing.target if exposure.pointing else TARGET
    optional = [("MODULE", detector.module, "Module"), ("CHANNEL", detector.channel, "Instrument channel")]
    return [
        ("DATE", iso(exposure, end + 86400), "UTC date file created"),
        ("ORIGIN", "STSCI", "Organization responsible for creating file"),
        ("TIMESYS", "UTC", "principal time system for time-related keywords"),
        ("TIMEUNIT", "s", "Default unit applicable to all time values"),
        ("FILENAME", f"{exposure.root}_uncal.fits", "Name of the file"),
        ("SDP_VER", "2023_4", "Data processing software version number"),
        ("PRD_VER", "PRDOPSSOC-063", "S&OC PRD version number used in data processing"),
        ("OSS_VER", "8.4.10", "Observatory Scheduling Software version number"),
        ("GSC_VER", "GSC30", "Guide Star Catalog version"),
        ("DATAMODL", "Level1bModel", "Type of data model"),
        ("TELESCOP", "JWST", "Telescope used to acquire the data"),
        ("HGA_MOVE", False, "High Gain Antenna moved during data collection"),
        ("COMPRESS", False, "On-board data compression was used (T/F)"),
        ("TITLE", f"Simulated {mode.template}", "Title"),
        ("PI_NAME", "Simulator, jwpipe", "Principal investigator name"),
        ("CATEGORY", "CAL", "Program category"),
        ("SUBCAT", exposure.instrument.name, "Program sub-category"),
        ("DATE-OBS", day, "[yyyy-mm-dd] UTC date at start of exposure"),
        ("TIME-OBS", hours, "[hh:mm:ss.sss] UTC time at start of exposure"),
        ("DATE-BEG", iso(exposure, 0), "Date-time start of exposure"),
        ("DATE-END", iso(exposure, end), "Date-time end of exposure"),
        ("OBS_ID", f"V{exposure.visit}P00000000{exposure.activity}", "Programmatic observation identifier"),
        ("VISIT_ID", exposure.visit, "Visit identifier"),
        ("PROGRAM", "00042", "Program number"),
        ("OBSERVTN", f"{exposure.observation:03d}", "Observation number"),
        ("VISIT", "001", "Visit number"),
        ("VISITGRP", f"{exposure.group:02d}", "Visit group identifier"),
        ("SEQ_ID", str(exposure.sequence), "Parallel sequence identifier"),
        ("ACT_ID", "01", "Activity identifier"),
        ("EXPOSURE", str(exposure.number), "Exposure request number"),
        ("BKGDTARG", False, "Background target"),
        ("TEMPLATE", mode.template, "Observation template"),
        ("ENG_QUAL", "OK", "Engineering data quality indicator from EngDB"),
        ("ENGQLPTG", "CALCULATED_TRACK_TR_202111", "Quality of pointing information"),
        ("VISITYPE", "PRIME_TARGETED_FIXED", "Visit type"),
        ("VSTSTART", iso(exposure, -1800, 6).replace("T", " ") + "0", "UTC visit start time"),
        ("VISITSTA", "SUCCESSFUL", "Status of a visit"),
        ("NEXPOSUR", exposure.order or exposure.number, "Total number of planned exposures in visit"),
        ("INTARGET", False, "At least one exposure in visit is internal"),
        ("TARGOOPP", False, "Visit scheduled as target of opportunity"),
        ("TSOVISIT", mode.time_series, "Time Series Observation visit indicator"),
        ("EXP_ONLY", False, "Special commanding without SI configuration"),
        ("CROWDFLD", False, "Are the FGSes in a crowded field?"),
        ("TARGPROP", "SIMULATED-FIELD", "Proposer's name for the target"),
        ("TARGNAME", "SIMULATED-FIELD", "Standard astronomical catalog name for target"),
        ("TARGTYPE", "FIXED", "Type of target (fixed, moving, generic)"),
        ("TARG_RA", target[0], "Target RA at mid time of exposure"),
        ("TARG_DEC", target[1], "Target Dec at mid time of exposure"),
        ("TARGURA", 0.1, "Target RA uncertainty"),
        ("TARGUDEC", 0.1, "Target Dec uncertainty"),
        ("PROP_RA", target[0], "Proposer's target RA"),
        ("PROP_DEC", target[1], "Proposer's target Dec"),
        ("INSTRUME", exposure.instrument.name, "Instrument used to acquire the data"),
        ("DETECTOR", detector.name, "Name of detector used to acquire the data"),
        *[card for card in optional if card[1]],
        *mode.elements(exposure),
        ("EXPCOUNT", exposure.order or exposure.number, "Running count of exposures in visit"),
        ("EXPRIPAR", "PRIME" if exposure.sequence == 1 else "PARALLEL_COORDINATED", "Prime or parallel exposure"),
        ("EXP_TYPE", exposure.exp_type, "Type of data in the exposure"),
        ("EXPSTART", start, "[d] exposure start time in MJD"),
        ("EXPMID", middle, "[d] exposure mid time in MJD"),
        ("EXPEND", start + duration / 86400, "[d] exposure end time in MJD"),
        ("READPATT", exposure.readpatt, "Readout pattern"),
        ("NOUTPUTS", window.noutputs + pattern.irs2, "Number of detector outputs used"),
        ("NINTS", exposure.nints, "Number of integrations in exposure"),
        ("NGROUPS", exposure.ngroups, "Number of groups in integration"),
        ("NFRAMES", pattern.nframes, "Number of frames per group"),
        ("FRMDIVSR", pattern.nframes, "Divisor applied to frame-averaged groups"),
        ("GROUPGAP", pattern.groupgap, "Number of frames dropped between groups"),
        ("DRPFRMS1", 0, "Frames dropped prior to first integration"),
        ("DRPFRMS3", 0, "Frames dropped between integrations"),
        ("NSAMPLES", pattern.nsamples, "Number of A/D samples per pixel"),
        ("TSAMPLE", 10.0, "[us] Time between samples"),
        ("TFRAME", round(exposure.frame_time, 5), "[s] Time between frames"),
        ("TGROUP", round(exposure.group_time, 5), "[s] Time between groups"),
        ("EFFINTTM", round(exposure.integration_time, 5), "[s] Effective integration time"),
        ("EFFEXPTM", round(exposure.nints * exposure.integration_time, 3), "[s] Effective exposure time"),
        ("TMEASURE", round(exposure.nints * (exposure.ngroups - 1) * exposure.group_time, 3), "[s] Measurement time"),
        ("DURATION", round(duration, 3), "[s] Total duration of exposure"),
        ("NRSTSTRT", 1, "Number of resets at start of exposure"),
        ("NRESETS", 1, "Number of resets between integrations"),
        ("ZEROFRAM", exposure.has_zeroframe, "Zero frame was downlinked separately"),
        ("DATAPROB", False, "Science telemetry indicated a problem"),
        ("SCA_NUM", detector.number, "Sensor Chip Assembly number"),
        ("IS_PSF", False, "exposure is PSF reference"),
        ("SELFREF", False, "self-referencing PSF"),
        ("SUBARRAY", window.name, "Subarray used"),
        *place_cards(window, detector),
        *_dither_cards(exposure),
        ("APERNAME", aperture, "PRD science aperture used"),
        ("PPS_APER", aperture, "original AperName supplied by PPS"),
        ("VA_RA", target[0], "[deg] Velocity aberrated reference RA"),
        ("VA_DEC", target[1], "[deg] Velocity aberrated reference Dec"),
        *_delayed("B", "Barycentric", start, duration, BARYCENTRIC_DELAY),
        *_delayed("H", "Heliocentric", start, duration, HELIOCENTRIC_DELAY),
        ("GS_ORDER", 1, "index of guide star within list of selected"),
        ("GDSTARID", "S1HP000042", "guide star identifier"),
        ("PCS_MODE", "FINEGUIDE", "Pointing Control System mode"),
        ("VISITEND", iso(exposure, end + 60, 6).replace("T", " ") + "0", "UTC time when the visit completed"),
    ]


def _dither_cards(exposure):
    pointing = exposure.pointing
    if pointing:
        kind, place, count, offset = "INTRAMODULEBOX", pointing.position, pointing.positions, pointing.offset
    else:
        kind, place, count, offset = "NONE", exposure.number, exposure.number, ((exposure.number - 1) * DITHER, 0.0)
    return [
        ("PATTTYPE", kind, "Primary dither pattern type"),
        ("PATT_NUM", place, "Position number within dither pattern"),
        ("NUMDTHPT", count, "Total number of points in pattern"),
        ("XOFFSET", offset[0], "x offset from pattern starting position"),
        ("YOFFSET", offset[1], "y offset from pattern starting position"),
    ]


def place_cards(window, detector):
    """Keywords that say where a window lies and how it is read."""
    return [
        ("SUBSTRT1", window.x + 1, "Starting pixel in axis 1 direction"),
        ("SUBSTRT2", window.y + 1, "Starting pixel in axis 2 direction"),
        ("SUBSIZE1", window.nx, "Number of pixels in axis 1 direction"),
        ("SUBSIZE2", window.ny, "Number of pixels in axis 2 direction"),
        ("FASTAXIS", detector.fastaxis, "Fast readout axis direction"),
        ("SLOWAXIS", detector.slowaxis, "Slow readout axis direction"),
    ]


def _delayed(letter, name, start, duration, delay):
    stem = {"B": "BARTDELT", "H": "HELIDELT"}[letter]
    first = start + delay / 86400
    yield stem, delay, f"[s] {name} time correction"
    for part, shift in (("STRTIME", 0.0), ("ENDTIME", duration), ("MIDTIME", duration / 2)):
        yield letter + part, first + shift / 86400, f"[d] {name} exposure time in MJD"


def science_cards(exposure):
    """Keywords of the SCI header: times, ephemeris, pointing, coordinates."""
    start, duration = exposure.start, exposure.duration
    cards = []
    for prefix, delay, names in (("MJD", 0, "BEG AVG END"), ("TDB", BARYCENTRIC_DELAY, "BEG MID END")):
        for name, part in zip(names.split(), (0, 0.5, 1), strict=True):
            comment = "[d] exposure time in MJD" + (", barycentric" if delay else "")
            cards.append((f"{prefix}-{name}", start + (delay + part * duration) / 86400, comment))
    cards += [
        ("XPOSURE", round(exposure.nints * exposure.integration_time, 3), "[s] Effective exposure time"),
        ("TELAPSE", round(duration, 3), "[s] Total elapsed exposure time"),
        ("REFFRAME", "EME2000", "Ephemeris reference frame"),
        ("EPH_TYPE", "Predicted", "Definitive or Predicted"),
        ("EPH_TIME", start + duration / 2 / 86400, "[d] MJD time of position and velocity vectors"),
    ]
    for stem, (place, speed), units in (
        (("JWST_{}", "JWST_D{}"), BARYCENTRIC, ("[km] barycentric", "[km/s] barycentric")),
        (("OBSGEO-{}", "OBSGEOD{}"), GEOCENTRIC, ("[m] geocentric", "[m/s] geocentric")),
    ):
        for name, values, unit in zip(stem, (place, speed), units, strict=True):
            cards += [(name.format(axis), value, unit) for axis, value in zip("XYZ", values, strict=True)]
    return cards + _coordinates(exposure)


def _coordinates(exposure):
    """Keywords of the pointing, and of the coordinates that follow from it without the distortion."""
    where = _dithered(exposure) if exposure.pointing else _centred(exposure)
    detector, window = exposure.detector, exposure.window
    ra, dec, roll = where["reference"]
    turn = np.deg2rad(roll + detector.angle)
    center = (window.nx + 1) / 2, (window.ny + 1) / 2
    increments = tuple(size / 3600 for size in where["scale"])
    pc = ((-np.cos(turn), np.sin(turn)), (np.sin(turn), np.cos(turn)))
    footprint = where.get("footprint") or _corners(window, center, increments, pc, ra, dec)
    return [
        ("PA_APER", float((roll + detector.angle) % 360), "[deg] Position angle of aperture used"),
        ("VA_SCALE", where["aberration"], "Velocity aberration scale factor"),
        ("BUNIT", "DN", "physical units of the array values"),
        ("RADESYS", "ICRS", "Name of the coordinate reference frame"),
        ("RA_V1", where["telescope"][0], "[deg] RA of telescope V1 axis"),
        ("DEC_V1", where["telescope"][1], "[deg] Dec of telescope V1 axis"),
        ("PA_V3", where["telescope"][2], "[deg] Position angle of telescope V3 axis"),
        ("WCSAXES", 2, "number of World Coordinate System axes"),
        ("CRPIX1", center[0], "axis 1 coordinate of the reference pixel"),
        ("CRPIX2", center[1], "axis 2 coordinate of the reference pixel"),
        ("CRVAL1", float(ra), "first axis value at the reference pixel"),
        ("CRVAL2", float(dec), "second axis value at the reference pixel"),
        ("CTYPE1", "RA---TAN", "Axis 1 type"),
        ("CTYPE2", "DEC--TAN", "Axis 2 type"),
        ("CUNIT1", "deg", "Axis 1 units"),
        ("CUNIT2", "deg", "Axis 2 units"),
        ("CDELT1", increments[0], "Axis 1 coordinate increment"),
        ("CDELT2", increments[1], "Axis 2 coordinate increment"),
        *[
            (f"PC{i + 1}_{j + 1}", float(pc[i][j]), "linear transformation matrix element")
            for i in range(2)
            for j in range(2)
        ],
        (
            "S_REGION",
            "POLYGON ICRS  " + " ".join(f"{a:.9f} {b:.9f}" for a, b in zip(*footprint, strict=True)),
            "spatial extent of the observation",
        ),
        ("V2_REF", float(where["v2"]), "[arcsec] Telescope V2 coord of reference point"),
        ("V3_REF", float(where["v3"]), "[arcsec] Telescope V3 coord of reference point"),
        ("VPARITY", -1, "Sense of rotation from Ideal xy to V2V3"),
        ("V3I_YANG", detector.angle, "[deg] Angle from V3 axis to Ideal y axis"),
        ("RA_REF", float(ra), "[deg] Right ascension of the reference point"),
        ("DEC_REF", float(dec), "[deg] Declination of the reference point"),
        ("ROLL_REF", float(roll), "[deg] V3 roll angle at the ref point (N over E)"),
        ("VELOSYS", -1195.0, "[m/s] Barycentric correction to radial velocity"),
    ]


def _centred(exposure):
    """Where a detector looks that has the target in the middle of its window, which may be off its own middle."""
    detector, window, instrument = exposure.detector, exposure.window, exposure.instrument
    scale_x, scale_y = detector.scale
    offset_x = window.x + (window.nx - instrument.full[0]) / 2
    offset_y = window.y + (window.ny - instrument.full[1]) / 2
    angle = np.deg2rad(detector.angle)
    ideal = -offset_x * scale_x, offset_y * scale_y  # VPARITY is -1
    v2 = detector.v2 + ideal[0] * np.cos(angle) + ideal[1] * np.sin(angle)
    v3 = detector.v3 - ideal[0] * np.sin(angle) + ideal[1] * np.cos(angle)
    shift = (exposure.number - 1) * DITHER / 3600
    ra, dec = TARGET[0] + shift / np.cos(np.deg2rad(TARGET[1])), TARGET[1]
    matrix = attitude(ra, dec, ROLL, v2, v3)
    return {
        "reference": (ra, dec, ROLL),
        "v2": v2,
        "v3": v3,
        "scale": detector.scale,
        "aberration": 1.0,
        "telescope": _telescope(matrix),
    }


def _dithered(exposure):
    """Where a detector looks as the pointing of the exposure is said to be."""
    distortion, window = read_distortion(exposure.detector.name), exposure.window
    camera = Camera.of(exposure, distortion, true=False)
    v2, v3 = camera.reference
    sides = (-0.5, window.nx - 0.5), (-0.5, window.ny - 0.5)
    corners = np.array([(sides[0][i], sides[1][j]) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))])
    return {
        "reference": exposure.pointing.aimed(v2, v3),
        "v2": v2,
        "v3": v3,
        "scale": distortion.scale,
        "aberration": camera.aberration,
        "telescope": _telescope(exposure.pointing.nominal),
        "footprint": camera.to_sky(*corners.T),
    }


def _telescope(matrix):
    """Direction of V1, and position angle of V3 there, degrees."""
    v1, up = matrix[:, 0], matrix[:, 2]
    ra, dec = sky_of(v1)
    _, east, north = tangent_axes(ra, dec).T
    return float(ra), float(dec), float(np.rad2deg(np.arctan2(up @ east, up @ north)) % 360)


def _corners(window, center, increments, pc, ra, dec):
    """Corners on the sky, by the inverse of the tangent projection."""
    x = np.array([0.5, window.nx + 0.5, window.nx + 0.5, 0.5]) - center[0]
    y = np.array([0.5, 0.5, window.ny + 0.5, window.ny + 0.5]) - center[1]
    xi, eta = (np.deg2rad(increments[i] * (pc[i][0] * x + pc[i][1] * y)) for i in range(2))
    d = np.deg2rad(dec)
    alpha = ra + np.rad2deg(np.arctan2(xi, np.cos(d) - eta * np.sin(d)))
    delta = np.rad2deg(np.arcsin((np.sin(d) + eta * np.cos(d)) / np.sqrt(1 + xi**2 + eta**2)))
    return alpha, delta


def group_table(exposure):
    """Make the GROUP table: when each group ended.

    Returns
    -------
    ndarray of GROUP
    """
    table = np.zeros(exposure.nints * exposure.ngroups, GROUP)
    table["number_of_columns"], table["number_of_rows"] = exposure.window.nx, exposure.window.ny
    table["completion_code_text"] = b"COMPLETE"
    rows = ((i, group) for i in range(exposure.nints) for group in range(exposure.ngroups))
    for row, (i, group) in zip(table, rows, strict=True):
        seconds = exposure.group_end(i, group)
        end = moment(exposure, seconds)
        since = end - DAY_ZERO
        row["integration_number"], row["group_number"] = i + 1, group + 1
        row["end_day"] = since.days
        row["end_milliseconds"] = since.seconds * 1000 + since.microseconds // 1000
        row["end_submilliseconds"] = since.microseconds % 1000
        row["group_end_time"] = end.isoformat(timespec="microseconds")
        row["bary_end_time"] = exposure.start + (seconds + BARYCENTRIC_DELAY) / 86400
        row["helio_end_time"] = exposure.start + (seconds + HELIOCENTRIC_DELAY) / 86400
    return table


def int_times_table(exposure):
    """Make the INT_TIMES table: start, middle and end of each integration.

    Returns
    -------
    ndarray of INT_TIMES
    """
    table = np.zeros(exposure.nints, INT_TIMES)
    i = np.arange(exposure.nints)
    table["integration_number"] = i + 1
    for scale, delay in (("MJD_UTC", 0), ("BJD_TDB", BARYCENTRIC_DELAY)):
        for name, part in (("start", 0), ("mid", 0.5), ("end", 1)):
            seconds = exposure.integration_start(i) + part * exposure.integration_time + delay
            table[f"int_{name}_{scale}"] = exposure.start + seconds / 86400
    return table


def track_table(exposure):
    """Make the table of where the subarray of a guider that tracks lay.

    Returns
    -------
    ndarray of TRACK
        A row an integration; corners in pixels of the detector, from 1.
    """
    table = np.zeros(exposure.nints, TRACK)
    window = exposure.window
    table["observatory_time"] = [iso(exposure, exposure.integration_start(i)) for i in range(exposure.nints)]
    table["x_corner"], table["y_corner"] = window.x + 1, window.y + 1
    table["x_size"], table["y_size"] = window.nx, window.ny
    return table
