"""The Fine Guidance Sensor, as the simulator needs it.

Source: JWST User Documentation, "FGS Instrumentation"; positions from the Science Instrument Aperture File.
"""

from dataclasses import field, replace
from typing import Annotated

from jwpipe.engine.params import Help, OneOf
from jwpipe.simulate.calibration import Properties
from jwpipe.simulate.crds import IMAGE_RULES
from jwpipe.simulate.hawaii import BORDERS, FULL, PARAMETERS, PIXEL_AREA, RULES, SIDE, frame_time
from jwpipe.simulate.instrument import Detector, Instrument, ReadPattern, Window
from jwpipe.simulate.modes import DitherOptions, Dithers, FieldOptions, Mode, Options
from jwpipe.simulate.optics import Optics
from jwpipe.simulate.references import References
from jwpipe.simulate.scene import Field, darkness

__all__ = ["DARK", "DITHERS", "IMAGE", "INSTRUMENT", "PROPERTIES"]

DETECTORS = {
    name: Detector(name, number, "", "", -1, slowaxis, v2, v3, angle, scale, aperture)
    for name, number, slowaxis, v2, v3, angle, scale, aperture in [
        ("GUIDER1", 497, -2, 206.407, -697.765, -1.24120427, (0.06839158, 0.06993081), "FGS1"),
        ("GUIDER2", 498, 2, 22.865, -699.28, 0.2914828, (0.06787747, 0.06976441), "FGS2"),
    ]
}
PATTERNS = {"FGSRAPID": ReadPattern(1, 0)}

# Subarrays: size, and first column from 0. They step from the corner that is read first to the middle.
PLACES = {
    "SUB128LL": (128, 1920),
    "SUB128DIAG": (128, 1440),
    "SUB128CNTR": (128, 960),
    "SUB32LL": (32, 1968),
    "SUB32DIAG": (32, 1488),
    "SUB32CNTR": (32, 1008),
    "SUB8LL": (8, 1980),
    "SUB8DIAG": (8, 1500),
    "SUB8CNTR": (8, 1020),
}


def windows(detector):
    """Subarrays of a detector by name."""
    upward = DETECTORS[detector].slowaxis > 0
    found = {FULL.name: FULL}
    for name, (size, x) in PLACES.items():
        found[name] = Window(name, x, SIDE - size - x if upward else x, size, size, 1)
    return found


INSTRUMENT = Instrument(
    name="FGS",
    full=(SIDE, SIDE),
    borders=BORDERS,
    pixel_area=PIXEL_AREA,
    detectors=DETECTORS,
    patterns=PATTERNS,
    windows=windows,
    frame_time=frame_time,
    references=References,
    rules=RULES
    | {name: keys for name, keys in IMAGE_RULES.items() if name != "filteroffset"}  # there are no filters
    | dict.fromkeys(("mask", "flat"), (*RULES["mask"], "META.EXPOSURE.TYPE")),
    parameters=PARAMETERS,
)

PROPERTIES = Properties(gain=1.97, read_noise=6.0, pedestal=4.0)


def elements(exposure):
    """Keywords of optical elements: there is none that moves."""
    return []


class DarkOptions(Options):
    """Options of `fgs-dark`."""

    detector: Annotated[str, Help("detector"), OneOf(*DETECTORS)] = "GUIDER1"
    subarray: Annotated[str, Help("subarray"), OneOf("FULL", *PLACES)] = "FULL"
    readpatt: Annotated[str, Help("readout pattern"), OneOf(*PATTERNS)] = "FGSRAPID"


class ImageOptions(DarkOptions, FieldOptions):
    """Options of `fgs-image`."""


OPTICS = Optics(fwhm=1.9, wings=2.5)
IMAGE = Mode(
    name="fgs-image",
    instrument=INSTRUMENT,
    exp_type="FGS_IMAGE",
    template="FGS External Calibration",
    options=ImageOptions,
    properties=PROPERTIES,
    scene=Field(OPTICS),
    elements=elements,
)

DARK = replace(IMAGE, name="fgs-dark", exp_type="FGS_DARK", template="FGS Dark", options=DarkOptions, scene=darkness)


class FgsDitherOptions(DarkOptions, DitherOptions):
    """Options of `fgs-dithers`."""

    detector: Annotated[list[str], Help("detectors"), OneOf(*DETECTORS)] = field(default_factory=lambda: ["GUIDER1"])


DITHERS = Dithers.of(IMAGE, "fgs-dithers", FgsDitherOptions, OPTICS, throughput=0.4)
