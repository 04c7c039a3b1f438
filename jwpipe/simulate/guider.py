"""The Fine Guidance Sensor as it guides.

Source: JWST User Documentation, "FGS Guide Star Identification" and "Acquisition"; the header of a flight exposure,
jw01019001001_gs-acq1.
"""

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from jwpipe.engine.params import AtLeast, Help, OneOf
from jwpipe.simulate import fgs, hawaii
from jwpipe.simulate.hawaii import FULL
from jwpipe.simulate.instrument import ReadPattern, Window
from jwpipe.simulate.modes import LightOptions, Mode
from jwpipe.simulate.optics import Optics
from jwpipe.simulate.scene import Target

__all__ = ["GUIDER"]

STRIPS = np.arange(36) * 56 + 12  # first rows of the strips of an identification; neighbours overlap
STRIP = 64  # rows of each


@dataclass(frozen=True)
class Kind:
    """What a guider does: the subarray and the pattern it reads for that, how often, and the name of the file."""

    subarray: str
    readpatt: str
    groups: int
    integrations: int
    name: str


KINDS = {
    "ID-IMAGE": Kind("FULL", "ID", 2, 2, "id_1_image"),
    "ID-STACK": Kind("FULL", "ID", 2, 2, "id_1_stacked"),
    "ACQ1": Kind("128X128", "ACQ1", 2, 6, "acq1"),
    "ACQ2": Kind("32X32", "ACQ2", 2, 6, "acq2"),
    "TRACK": Kind("32X32", "TRACK", 2, 6, "track"),
    "FINEGUIDE": Kind("8X8", "FINEGUIDE", 8, 6, "fg"),
}
CENTRE = 950, 1085  # the star's place: that of the flight exposure


def windows(detector):
    """Subarrays of a detector by name, about the star."""
    x, y = CENTRE
    about = {
        f"{size}X{size}": Window(f"{size}X{size}", x - size // 2, y - size // 2, size, size, 1, "FULL")
        for size in (128, 32, 8)
    }
    return about | {FULL.name: FULL}


def frame_time(exposure):
    """Time between frames, s; strips are as long as the frame that they are cut from."""
    if exposure.window.name == FULL.name:
        exposure = replace(exposure, window=FULL)
    return hawaii.frame_time(exposure)


def cut_strips(exposure, raw, calibration):
    """Stack the strips of an identification that is sent down as such, and what is known of their pixels."""
    if not exposure.exp_type.endswith("STACK"):
        return exposure, raw, calibration
    rows = (STRIPS[:, None] + np.arange(STRIP)).ravel()
    window = replace(exposure.window, ny=len(rows))
    raw = {name: array[..., rows, :] for name, array in raw.items()}
    return replace(exposure, window=window), raw, calibration.take(window, rows)


INSTRUMENT = replace(
    fgs.INSTRUMENT,
    # On board, arrays are as the detector has them.
    detectors={"GUIDER2": replace(fgs.INSTRUMENT.detectors["GUIDER2"], fastaxis=2, slowaxis=-1)},
    patterns=dict.fromkeys([kind.readpatt for kind in KINDS.values()], ReadPattern(1, 1)),
    windows=windows,
    frame_time=frame_time,
)


class GuiderOptions(LightOptions):
    """Options of `guider`."""

    kind: Annotated[str, Help("what the guider does"), OneOf(*KINDS)] = "ACQ1"
    detector: Annotated[str, Help("detector"), OneOf("GUIDER2")] = "GUIDER2"
    groups: Annotated[int | None, Help("groups an integration; by default as many as the kind has"), AtLeast(2)] = None
    integrations: Annotated[int | None, Help("integrations; by default as many as the kind has"), AtLeast(1)] = None

    def __post_init__(self):
        kind = KINDS[self.kind]
        self.groups, self.integrations = self.groups or kind.groups, self.integrations or kind.integrations
        self.subarray, self.readpatt = kind.subarray, kind.readpatt


GUIDER = Mode(
    name="guider",
    instrument=INSTRUMENT,
    exp_type="FGS_{}",
    template="Guide Star",
    options=GuiderOptions,
    properties=fgs.PROPERTIES,
    scene=Target(Optics(fwhm=1.9, wings=2.5), level=0.2),
    elements=lambda exposure: [],
    filters={"": tuple(KINDS)},
    choice="kind",
    reftypes=("mask", "gain", "readnoise", "flat"),
    names={f"FGS_{name}": kind.name for name, kind in KINDS.items()},
    sent=cut_strips,
)
