"""NIRISS, as the simulator needs it.

Source: JWST User Documentation, "NIRISS Detector Readout Patterns" and "NIRISS Detector Subarrays"; positions from the
Science Instrument Aperture File.
"""

from typing import Annotated

from jwpipe.engine.params import Help, OneOf
from jwpipe.simulate.calibration import Properties
from jwpipe.simulate.hawaii import BORDERS, FULL, PARAMETERS, PIXEL_AREA, RULES, SIDE, frame_time
from jwpipe.simulate.instrument import Detector, Instrument, ReadPattern, Window
from jwpipe.simulate.modes import FieldOptions, Mode
from jwpipe.simulate.scene import Optics, field

__all__ = ["IMAGE", "INSTRUMENT"]

DETECTORS = {
    "NIS": Detector(
        name="NIS",
        number=496,
        module="",
        channel="",
        fastaxis=-2,
        slowaxis=-1,
        v2=-291.141,
        v3=-698.015,
        angle=0.56126717,
        scale=(0.06532494, 0.06581494),
        aperture="NIS",
    )
}
PATTERNS = {"NISRAPID": ReadPattern(1, 0), "NIS": ReadPattern(4, 0)}


def windows(detector):
    """Subarrays of the detector by name."""
    found = [Window("FULL", 0, 0, SIDE, SIDE, FULL.noutputs, "CEN")]
    found += [Window(f"SUB{size}", SIDE - size, SIDE - size, size, size, 1) for size in (64, 128, 256)]
    return {window.name: window for window in found}


INSTRUMENT = Instrument(
    name="NIRISS",
    full=(SIDE, SIDE),
    borders=BORDERS,
    pixel_area=PIXEL_AREA,
    detectors=DETECTORS,
    patterns=PATTERNS,
    windows=windows,
    frame_time=frame_time,
    rules=RULES | {"pars-chargemigrationstep": ("META.EXPOSURE.TYPE",)},
    parameters=PARAMETERS
    | {
        "chargemigrationstep": (
            "jwst.charge_migration.charge_migration_step.ChargeMigrationStep",
            {"skip": False, "signal_threshold": 21000.0},
            {},
        )
    },
)

PROPERTIES = Properties(gain=1.62, read_noise=5.0, pedestal=4.0)

# Filters up to 2 um sit in the pupil wheel, the others in the filter wheel.
SHORT = ("F150W", "F090W", "F115W", "F140M", "F158M", "F200W")
LONG = ("F277W", "F356W", "F380M", "F430M", "F444W", "F480M")


def wheels(band, pupil):
    """Keywords of both wheels."""
    return [("FILTER", band, "Name of the filter element used"), ("PUPIL", pupil, "Name of the pupil element used")]


def elements(exposure):
    """Keywords of filter and pupil in imaging."""
    return wheels("CLEAR", exposure.filter) if exposure.filter in SHORT else wheels(exposure.filter, "CLEARP")


class ImageOptions(FieldOptions):
    """Options of `niriss-image`."""

    detector: Annotated[str, Help("detector"), OneOf(*DETECTORS)] = "NIS"
    subarray: Annotated[str, Help("subarray"), OneOf(*windows("NIS"))] = "FULL"
    readpatt: Annotated[str, Help("readout pattern"), OneOf(*PATTERNS)] = "NISRAPID"
    filter: Annotated[str, Help("filter"), OneOf(*SHORT, *LONG)] = SHORT[0]


IMAGE = Mode(
    name="niriss-image",
    instrument=INSTRUMENT,
    exp_type="NIS_IMAGE",
    template="NIRISS Imaging",
    options=ImageOptions,
    properties=PROPERTIES,
    optics=Optics(fwhm=1.5, wings=2.5),
    scene=field,
    elements=elements,
    filters={"": SHORT + LONG},
)
