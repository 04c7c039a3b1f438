"""NIRCam, as the simulator needs it.

Source: JWST User Documentation, "NIRCam Detector Readout" and "NIRCam Detector Subarrays"; positions from the Science
Instrument Aperture File.
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

__all__ = ["DARK", "DITHERS", "IMAGE", "INSTRUMENT"]

RIGHT_TO_LEFT, LEFT_TO_RIGHT = (-1, 2), (1, -2)
SHORT, LONG = (0.0309, 0.0311), (0.0628, 0.0631)

DETECTORS = {
    name: Detector(
        name=name,
        number=number,
        module=name[3],
        channel="LONG" if "LONG" in name else "SHORT",
        fastaxis=axes[0],
        slowaxis=axes[1],
        v2=v2,
        v3=v3,
        angle=angle,
        scale=scale,
        aperture=name.replace("LONG", "5"),
    )
    for name, number, axes, v2, v3, angle, scale in [
        ("NRCA1", 481, RIGHT_TO_LEFT, 120.5768, -527.5014, -0.5519, SHORT),
        ("NRCA2", 482, LEFT_TO_RIGHT, 119.7401, -459.7843, -0.2072, SHORT),
        ("NRCA3", 483, RIGHT_TO_LEFT, 51.9462, -527.9275, 0.2821, SHORT),
        ("NRCA4", 484, LEFT_TO_RIGHT, 52.3590, -459.9012, 0.1002, SHORT),
        ("NRCALONG", 485, RIGHT_TO_LEFT, 85.9266, -493.5025, -0.0634, LONG),
        ("NRCB1", 486, LEFT_TO_RIGHT, -122.4280, -457.7068, 0.3448, SHORT),
        ("NRCB2", 487, RIGHT_TO_LEFT, -122.6799, -525.4209, 0.8466, SHORT),
        ("NRCB3", 488, LEFT_TO_RIGHT, -54.6108, -457.7029, -0.4516, SHORT),
        ("NRCB4", 489, RIGHT_TO_LEFT, -54.3867, -525.6303, -0.3383, SHORT),
        ("NRCBLONG", 490, LEFT_TO_RIGHT, -89.4028, -491.3601, 0.0232, LONG),
    ]
}

PATTERNS = {
    "RAPID": ReadPattern(1, 0),
    "BRIGHT1": ReadPattern(1, 1),
    "BRIGHT2": ReadPattern(2, 0),
    "SHALLOW2": ReadPattern(2, 3),
    "SHALLOW4": ReadPattern(4, 1),
    "MEDIUM2": ReadPattern(2, 8),
    "MEDIUM8": ReadPattern(8, 2),
    "DEEP2": ReadPattern(2, 18),
    "DEEP8": ReadPattern(8, 12),
}

# The imaging subarrays of a short-wavelength detector lie in the corner that is nearest to the middle of the module:
# whether that is at the high end of x and of y.
CORNERS = {
    "NRCA1": (True, True),
    "NRCA2": (True, False),
    "NRCA3": (False, True),
    "NRCA4": (False, False),
    "NRCB1": (False, False),
    "NRCB2": (False, True),
    "NRCB3": (True, False),
    "NRCB4": (True, True),
}
# Those of a long-wavelength detector lie about its middle, and hold no reference pixels.
MIDDLES = {"NRCALONG": (1025, 1025), "NRCBLONG": (1013, 1021)}

# Subarrays for bright point sources: first column and row, from 1.
POINT_SOURCE = {
    "NRCB1": {64: (1851, 1817), 160: (1803, 1769), 400: (1649, 1649)},
    "NRCBLONG": {64: (1944, 1931), 160: (1889, 1889), 400: (1649, 1649)},
}


def windows(detector):
    """Subarrays of a detector by name."""
    found = [FULL]
    for size in (160, 320, 640):
        if detector in CORNERS:
            x, y = ((SIDE - size) * high for high in CORNERS[detector])
        else:
            x, y = (middle - size // 2 - 1 for middle in MIDDLES[detector])
        found.append(Window(f"SUB{size}", x, y, size, size, 1))
    for size, (x, y) in POINT_SOURCE.get(detector, {}).items():
        found.append(Window(f"SUB{size}P", x - 1, y - 1, size, size, 1))
    return {window.name: window for window in found}


INSTRUMENT = Instrument(
    name="NIRCAM",
    full=(SIDE, SIDE),
    borders=BORDERS,
    pixel_area=PIXEL_AREA,
    detectors=DETECTORS,
    patterns=PATTERNS,
    windows=windows,
    frame_time=frame_time,
    references=References,
    rules=RULES | IMAGE_RULES | {"dark": ("META.EXPOSURE.TYPE", *RULES["mask"])},
    parameters=PARAMETERS,
    zeroframe=True,
)

FILTERS = {
    "SHORT": ("F200W", "F070W", "F090W", "F115W", "F140M", "F150W", "F182M", "F187N", "F210M", "F212N"),
    "LONG": ("F444W", "F250M", "F277W", "F300M", "F335M", "F356W", "F360M", "F410M", "F430M", "F460M", "F480M"),
}


class DarkOptions(Options):
    """Options of `nircam-dark`."""

    detector: Annotated[str, Help("detector"), OneOf(*DETECTORS)] = "NRCA1"
    subarray: Annotated[str, Help("subarray: FULL, SUB160, SUB320, SUB640, SUB64P, SUB160P, SUB400P")] = "FULL"
    readpatt: Annotated[str, Help("readout pattern"), OneOf(*PATTERNS)] = "RAPID"


class ImageOptions(DarkOptions, FieldOptions):
    """Options of `nircam-image`."""

    filter: Annotated[str, Help("filter; by default F200W or F444W, as the detector's channel is")] = ""


def elements(exposure):
    """Keywords of filter and pupil."""
    return [
        ("FILTER", exposure.filter, "Name of the filter element used"),
        ("PUPIL", "CLEAR", "Name of the pupil element used"),
        ("PILIN", False, "Pupil imaging lens in the path"),
    ]


OPTICS = Optics(fwhm=2.1, wings=2.5)
IMAGE = Mode(
    name="nircam-image",
    instrument=INSTRUMENT,
    exp_type="NRC_IMAGE",
    options=ImageOptions,
    properties=Properties(),
    scene=Field(OPTICS),
    elements=elements,
    filters=FILTERS,
    template="NIRCam Imaging",
)

DARK = replace(
    IMAGE, name="nircam-dark", exp_type="NRC_DARK", template="NIRCam Dark", options=DarkOptions, scene=darkness
)


class NircamDitherOptions(DarkOptions, DitherOptions):
    """Options of `nircam-dithers`."""

    detector: Annotated[list[str], Help("detectors"), OneOf(*DETECTORS)] = field(default_factory=lambda: ["NRCA1"])
    filter: Annotated[list[str], Help("filters of both channels; by default F200W and F444W, as needed")] = field(
        default_factory=list
    )


DITHERS = Dithers.of(IMAGE, "nircam-dithers", NircamDitherOptions, OPTICS, throughput=0.4)
