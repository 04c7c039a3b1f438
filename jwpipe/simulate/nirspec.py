"""NIRSpec, as the simulator needs it.

Source: JWST User Documentation, "NIRSpec Detectors" and "NIRSpec Detector Subarrays"; positions from the rules for its
references and the Science Instrument Aperture File.
"""

from dataclasses import replace
from typing import Annotated

from jwpipe.engine.params import Help, OneOf
from jwpipe.simulate.calibration import DEFECTS, Properties
from jwpipe.simulate.crds import BY_READOUT
from jwpipe.simulate.hawaii import BORDERS, FULL, PARAMETERS, PIXEL_AREA, RULES, SIDE, frame_time
from jwpipe.simulate.instrument import Detector, Instrument, ReadPattern, Window
from jwpipe.simulate.irs2 import NORMAL, REFERENCE
from jwpipe.simulate.modes import LightOptions, Mode, Options
from jwpipe.simulate.references import TRAPS
from jwpipe.simulate.references_nirspec import NirspecReferences
from jwpipe.simulate.scene import darkness
from jwpipe.simulate.traces import Trace, Traces

__all__ = ["DARK", "INSTRUMENT", "IRS2", "SUBARRAY"]

DETECTORS = {
    name: Detector(name, number, "", "", fastaxis, slowaxis, v2, v3, angle, (0.1033, 0.1054), name)
    for name, number, fastaxis, slowaxis, v2, v3, angle in [
        ("NRS1", 491, 2, 1, 293.3111, -503.319, 139.2282),
        ("NRS2", 492, -2, -1, 462.6774, -353.8963, 137.7959),
    ]
}
TRADITIONAL = ("NRSRAPID", "NRS")
PATTERNS = {
    "NRSRAPID": ReadPattern(1, 0),
    "NRS": ReadPattern(4, 0),
    "NRSIRS2RAPID": ReadPattern(1, 0, irs2=True),
    "NRSIRS2": ReadPattern(5, 0, irs2=True),
}
INTERLEAVED = ("NRSIRS2RAPID", "NRSIRS2")

ROW, HEIGHT = 945, 32  # of the subarrays of a slit: first row from 0, and rows
# Their first column from 0, on either detector, and columns.
COLUMNS = {"SUB512": (1024, 512, 512), "SUB1024A": (0, 1024, 1024), "SUB2048": (0, 0, SIDE)}


def windows(detector):
    """Subarrays of a detector by name."""
    found = {FULL.name: FULL}
    for name, (first, second, nx) in COLUMNS.items():
        x = first if detector == "NRS1" else second
        found[name] = Window(name, x, ROW, nx, HEIGHT, 1, "S1600A1_SLIT", TRADITIONAL)
    return found


# Darks of the same subarray at another place do not fit.
PLACE = tuple(f"META.SUBARRAY.{name}" for name in ("XSTART", "YSTART", "XSIZE", "YSIZE"))

INSTRUMENT = Instrument(
    name="NIRSPEC",
    full=(SIDE, SIDE),
    borders=BORDERS,
    pixel_area=PIXEL_AREA,
    detectors=DETECTORS,
    patterns=PATTERNS,
    windows=windows,
    frame_time=frame_time,
    references=NirspecReferences,
    rules={name: keys for name, keys in RULES.items() if name not in TRAPS}
    | {
        "dark": (*BY_READOUT, *PLACE),
        "mask": BY_READOUT,
        "refpix": ("META.INSTRUMENT.DETECTOR", "META.EXPOSURE.READPATT"),
    },
    parameters=PARAMETERS,
)

PROPERTIES = Properties(gain=1.0, bias=(11000.0, 15000.0), read_noise=6.0, dark=0.008, pedestal=5.0)

GRATINGS = {"CLEAR": "PRISM", "F070LP": "G140H", "F100LP": "G140H", "F170LP": "G235H", "F290LP": "G395H"}


IRS2_CARDS = [
    ("NRS_NORM", NORMAL, "Number of normal pixels in IRS2 readout"),
    ("NRS_REF", REFERENCE, "Number of reference pixels in IRS2 readout"),
]


def elements(exposure):
    """Keywords of filter, grating, slit and lamp."""
    return [
        ("FILTER", exposure.filter, "Name of the filter element used"),
        ("GRATING", GRATINGS[exposure.filter], "Name of grating used"),
        ("FXD_SLIT", "S1600A1", "Name of fixed slit aperture used"),
        ("LAMP", "NONE", "Internal lamp state"),
        *(IRS2_CARDS if exposure.pattern.irs2 else ()),
    ]


MARGIN = 20  # pixels at either end of SUB512, where the prism throws no light: they serve as reference pixels


def slit(exposure, options, depth, stream):
    """Draw a star in the slit: a scene."""
    span, window = (0, SIDE), exposure.window
    if GRATINGS[exposure.filter] == "PRISM":
        first = window.x if window.name == "SUB512" else COLUMNS["SUB512"][0]
        span = first + MARGIN, first + COLUMNS["SUB512"][-1] - MARGIN
    trace = Trace((ROW + 15.5, 2.0, -1.0), fwhm=2.5, strength=1.0, slit=7.5, span=span)
    return Traces((trace,), along_x=True)(exposure, options, depth, stream)


class DarkOptions(Options):
    """Options of `nirspec-dark`."""

    detector: Annotated[str, Help("detector"), OneOf(*DETECTORS)] = "NRS1"
    subarray: Annotated[str, Help("subarray"), OneOf(*COLUMNS, "FULL")] = "SUB512"
    readpatt: Annotated[str, Help("readout pattern"), OneOf(*TRADITIONAL)] = "NRSRAPID"


class SubarrayOptions(DarkOptions, LightOptions):
    """Options of `nirspec-subarray`."""

    filter: Annotated[str, Help("filter, and the grating that goes with it"), OneOf(*GRATINGS)] = "CLEAR"


SUBARRAY = Mode(
    name="nirspec-subarray",
    instrument=INSTRUMENT,
    exp_type="NRS_BRIGHTOBJ",
    template="NIRSpec Bright Object Time Series",
    options=SubarrayOptions,
    properties=PROPERTIES,
    scene=slit,
    elements=elements,
    filters={"": tuple(GRATINGS)},
    time_series=True,
)


class Irs2Options(LightOptions):
    """Options of `nirspec-irs2`."""

    detector: Annotated[str, Help("detector"), OneOf(*DETECTORS)] = "NRS1"
    subarray: Annotated[str, Help("subarray"), OneOf("FULL")] = "FULL"
    readpatt: Annotated[str, Help("readout pattern"), OneOf(*INTERLEAVED)] = "NRSIRS2RAPID"
    filter: Annotated[str, Help("filter, and the grating that goes with it"), OneOf(*GRATINGS)] = "F170LP"


# Spectra of a few open shutters of a quadrant, and of the fixed slits between the quadrants.
SLITS = tuple(
    Trace((y, 12.0, -6.0), fwhm=3.0, strength=strength, slit=6.0)
    for y, strength in ((310.0, 0.4), (655.0, 1.0), (ROW + 15.5, 0.7), (1420.0, 0.2), (1770.0, 0.6))
)

IRS2 = replace(
    SUBARRAY,
    name="nirspec-irs2",
    exp_type="NRS_MSASPEC",
    template="NIRSpec MultiObject Spectroscopy",
    options=Irs2Options,
    # Of interleaved reference pixels alone (`jwpipe.simulate.irs2`): build 10.2 replaces every row that has the flag.
    properties=replace(PROPERTIES, defects={flag: part for flag, part in DEFECTS.items() if flag != "BAD_REF_PIXEL"}),
    scene=Traces(SLITS, along_x=True),
    time_series=False,
)

DARK = replace(
    SUBARRAY,
    name="nirspec-dark",
    exp_type="NRS_DARK",
    template="NIRSpec Dark",
    options=DarkOptions,
    scene=darkness,
    time_series=False,
)
