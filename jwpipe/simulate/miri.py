"""MIRI's modes, as the simulator needs them.

Source: JWST User Documentation, "MIRI Instrumentation".
"""

from dataclasses import field, replace
from typing import Annotated

from jwpipe.engine.params import AtLeast, Help, OneOf
from jwpipe.simulate.calibration import Properties
from jwpipe.simulate.crds import BY_DETECTOR, BY_PLACE, BY_READOUT, IMAGE_RULES
from jwpipe.simulate.electronics import Interference
from jwpipe.simulate.instrument import Instrument
from jwpipe.simulate.miri_readout import BORDERS, DETECTORS, FULL, PATTERNS, WINDOWS, frame_time, row_clocks, windows
from jwpipe.simulate.modes import DitherOptions, Dithers, FieldOptions, LightOptions, Mode, Options
from jwpipe.simulate.optics import Optics
from jwpipe.simulate.references_miri import MiriReferences
from jwpipe.simulate.scene import Field, darkness
from jwpipe.simulate.traces import Trace, Traces
from jwpipe.simulate.transients import Transients

__all__ = ["DARK", "DITHERS", "IMAGE", "INSTRUMENT", "MRS"]

INSTRUMENT = Instrument(
    name="MIRI",
    full=FULL,
    borders=BORDERS,
    pixel_area=2.5e-3**2,
    detectors=DETECTORS,
    patterns=PATTERNS,
    windows=windows,
    frame_time=frame_time,
    row_clocks=row_clocks,
    interleaved=True,
    references=MiriReferences,
    rules=IMAGE_RULES
    | {
        "flat": (*BY_PLACE, "META.INSTRUMENT.FILTER"),
        "dark": BY_READOUT,
        "emicorr": BY_DETECTOR,
        "gain": BY_PLACE,
        "ipc": BY_PLACE,
        "linearity": BY_PLACE,
        "mask": BY_PLACE,
        "readnoise": BY_READOUT,
        "reset": BY_READOUT,
        "rscd": BY_DETECTOR,
        "saturation": BY_PLACE,
        "pars-detector1pipeline": (*BY_DETECTOR, "META.VISIT.TSOVISIT"),
        "pars-emicorrstep": ("META.EXPOSURE.TYPE",),
        "pars-jumpstep": (*BY_PLACE, "META.VISIT.TSOVISIT"),
    },
    parameters={
        "detector1pipeline": (
            "jwst.pipeline.calwebb_detector1.Detector1Pipeline",
            {},
            {"ipc": ("jwst.ipc.ipc_step.IPCStep", {"skip": True})},
        ),
        "emicorrstep": ("jwst.emicorr.emicorr_step.EmiCorrStep", {"skip": False}, {}),
        "jumpstep": ("jwst.jump.jump_step.JumpStep", {"find_showers": True}, {}),
    },
)

PROPERTIES = Properties(
    gain=4.1,
    bias=(11500.0, 12500.0),
    well=42000.0,
    linearity=(6e-7, 2e-12, 5e-18, 5e-23),
    dark=0.2,
    hot_range=(1.0, 200.0),
    flagged_dark=(2.0, 10.0, 50.0),
    read_noise=4.0,
    reset_noise=5.0,
    pedestal=2.0,
    parity=1.0,
    pink=0.5,
    ipc=0.02,
    biased=True,
    transients=Transients(
        reset=(-40.0, -25.0),
        reset_frames=3.0,
        settling=(0.03, 0.01),
        first=-20.0,
        last=-15.0,
        switching=30.0,
        switching_frames=0.4,
    ),
    interference=Interference({"Hz390": 390.625, "Hz218": 218.52055}, 3.0),
)

FILTERS = ("F770W", "F560W", "F1000W", "F1130W", "F1280W", "F1500W", "F1800W", "F2100W", "F2550W")


def elements(exposure):
    """Keywords of the imager's wheel and the cover."""
    return [
        ("FILTER", exposure.filter, "Name of the filter element used"),
        ("CCCSTATE", "OPEN", "MIRI contamination control cover state"),
    ]


class DarkOptions(Options):
    """Options of `miri-dark`."""

    detector: Annotated[str, Help("detector"), OneOf("MIRIMAGE")] = "MIRIMAGE"
    subarray: Annotated[str, Help("subarray"), OneOf(*WINDOWS)] = "FULL"
    readpatt: Annotated[str, Help("readout pattern; SLOWR1 only of FULL"), OneOf(*PATTERNS)] = "FASTR1"


class ImageOptions(DarkOptions, FieldOptions):
    """Options of `miri-image`."""

    filter: Annotated[str, Help("filter"), OneOf(*FILTERS)] = FILTERS[0]


OPTICS = Optics(fwhm=2.4, wings=2.5)
IMAGE = Mode(
    name="miri-image",
    instrument=INSTRUMENT,
    exp_type="MIR_IMAGE",
    template="MIRI Imaging",
    options=ImageOptions,
    properties=PROPERTIES,
    scene=Field(OPTICS),
    elements=elements,
    filters={"": FILTERS},
)


class MiriDitherOptions(DarkOptions, DitherOptions):
    """Options of `miri-dithers`."""

    detector: Annotated[list[str], Help("detectors"), OneOf("MIRIMAGE")] = field(default_factory=lambda: ["MIRIMAGE"])
    filter: Annotated[list[str], Help("filters; by default F770W"), OneOf(*FILTERS)] = field(default_factory=list)
    sky: Annotated[float, Help("sky, e-/s a pixel"), AtLeast(0)] = 20.0


DITHERS = Dithers.of(IMAGE, "miri-dithers", MiriDitherOptions, OPTICS, throughput=0.25)

BANDS = ("SHORT", "MEDIUM", "LONG")


def band_elements(exposure):
    """Keywords of the grating wheels and the cover; CHANNEL is the detector's."""
    return [
        ("BAND", exposure.filter, "MRS wavelength band"),
        ("CCCSTATE", "OPEN", "MIRI contamination control cover state"),
    ]


def _slices(first, count, pitch, bend):
    """Slices of a channel: the source lies in the middle ones."""
    middle = (count - 1) / 2
    return [Trace((first + k * pitch, bend, bend / 2), 4.0, 2.0 ** -abs(k - middle), 0.4 * pitch) for k in range(count)]


class MrsOptions(LightOptions):
    """Options of `miri-mrs-detector`."""

    detector: Annotated[str, Help("detector"), OneOf("MIRIFUSHORT", "MIRIFULONG")] = "MIRIFUSHORT"
    subarray: Annotated[str, Help("subarray"), OneOf("FULL")] = "FULL"
    readpatt: Annotated[str, Help("readout pattern"), OneOf(*PATTERNS)] = "FASTR1"
    band: Annotated[str, Help("wavelength band"), OneOf(*BANDS)] = BANDS[0]


MRS = Mode(
    name="miri-mrs-detector",
    instrument=INSTRUMENT,
    exp_type="MIR_MRS",
    template="MIRI Medium Resolution Spectroscopy",
    options=MrsOptions,
    properties=PROPERTIES,
    # Two channels beside each other, bent away from the middle of the detector.
    scene=Traces((*_slices(30.0, 21, 22.0, 6.0), *_slices(540.0, 17, 28.0, -6.0)), along_x=False),
    elements=band_elements,
    filters={"12": BANDS, "34": BANDS},
    choice="band",
)

DARK = replace(
    IMAGE, name="miri-dark", exp_type="MIR_DARKIMG", template="MIRI Dark", options=DarkOptions, scene=darkness
)
