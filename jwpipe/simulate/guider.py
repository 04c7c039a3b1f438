"""The Fine Guidance Sensor as it guides.

Source: JWST User Documentation, "FGS Guide Star Acquisition"; the header of a flight exposure, jw01019001001_gs-acq1.
"""

from dataclasses import replace
from typing import Annotated

from jwpipe.engine.params import AtLeast, Help, OneOf
from jwpipe.simulate import fgs
from jwpipe.simulate.instrument import ReadPattern, Window
from jwpipe.simulate.modes import LightOptions, Mode
from jwpipe.simulate.optics import Optics
from jwpipe.simulate.scene import Target

__all__ = ["GUIDER"]

# Of each kind: the subarray. The star's place is that of the flight exposure.
KINDS = {"ACQ1": "128X128", "ACQ2": "32X32", "TRACK": "32X32"}
CENTRE = 950, 1085


def windows(detector):
    """Subarrays of a detector by name, about the star."""
    x, y = CENTRE
    return {
        f"{size}X{size}": Window(f"{size}X{size}", x - size // 2, y - size // 2, size, size, 1, "FULL")
        for size in (128, 32)
    }


INSTRUMENT = replace(
    fgs.INSTRUMENT,
    # On board, arrays are as the detector has them.
    detectors={"GUIDER2": replace(fgs.INSTRUMENT.detectors["GUIDER2"], fastaxis=2, slowaxis=-1)},
    patterns=dict.fromkeys(KINDS, ReadPattern(1, 1)),
    windows=windows,
)


class GuiderOptions(LightOptions):
    """Options of `guider`."""

    kind: Annotated[str, Help("what the guider does"), OneOf(*KINDS)] = "ACQ1"
    detector: Annotated[str, Help("detector"), OneOf("GUIDER2")] = "GUIDER2"
    groups: Annotated[int, Help("groups an integration; the pipeline takes the first two"), AtLeast(2)] = 2
    integrations: Annotated[int, Help("integrations"), AtLeast(1)] = 6

    @property
    def subarray(self):
        """SUBARRAY, which goes with the kind."""
        return KINDS[self.kind]

    @property
    def readpatt(self):
        """READPATT, likewise."""
        return self.kind


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
    guides=True,
)
