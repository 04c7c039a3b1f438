"""NIRISS, as the simulator needs it.

Source: JWST User Documentation, "NIRISS Detector Readout Patterns" and "NIRISS Detector Subarrays"; positions from the
Science Instrument Aperture File.
"""

from dataclasses import field, replace
from typing import Annotated

from jwpipe.engine.params import Help, OneOf
from jwpipe.simulate.calibration import Properties
from jwpipe.simulate.crds import IMAGE_RULES
from jwpipe.simulate.hawaii import BORDERS, FULL, PARAMETERS, PIXEL_AREA, RULES, SIDE, frame_time
from jwpipe.simulate.instrument import Detector, Instrument, ReadPattern, Window
from jwpipe.simulate.modes import DitherOptions, Dithers, FieldOptions, LightOptions, Mode, Options
from jwpipe.simulate.optics import Fringes, Optics
from jwpipe.simulate.references import References
from jwpipe.simulate.scene import Field, Target, darkness
from jwpipe.simulate.traces import Trace, Traces

__all__ = ["AMI", "DARK", "DITHERS", "IMAGE", "INSTRUMENT", "SOSS"]

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


STRIPS = {"SUBSTRIP256": (1792, 256), "SUBSTRIP96": (1802, 96)}  # for spectra: first row from 0, and rows


def windows(detector):
    """Subarrays of the detector by name."""
    found = [Window("FULL", 0, 0, SIDE, SIDE, FULL.noutputs, "CEN")]
    found += [Window(name, 0, y, SIDE, ny, 1) for name, (y, ny) in STRIPS.items()]
    found.append(Window("SUB80", 1044, 0, 80, 80, 1, "AMI1"))
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
    references=References,
    rules=RULES | IMAGE_RULES | {"pars-chargemigrationstep": ("META.EXPOSURE.TYPE",)},
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


class DarkOptions(Options):
    """Options of `niriss-dark`."""

    detector: Annotated[str, Help("detector"), OneOf(*DETECTORS)] = "NIS"
    subarray: Annotated[str, Help("subarray"), OneOf("FULL", "SUB64", "SUB128", "SUB256")] = "FULL"
    readpatt: Annotated[str, Help("readout pattern"), OneOf(*PATTERNS)] = "NISRAPID"


class ImageOptions(DarkOptions, FieldOptions):
    """Options of `niriss-image`."""

    filter: Annotated[str, Help("filter"), OneOf(*SHORT, *LONG)] = SHORT[0]


OPTICS = Optics(fwhm=1.5, wings=2.5)
IMAGE = Mode(
    name="niriss-image",
    instrument=INSTRUMENT,
    exp_type="NIS_IMAGE",
    template="NIRISS Imaging",
    options=ImageOptions,
    properties=PROPERTIES,
    scene=Field(OPTICS),
    elements=elements,
    filters={"": SHORT + LONG},
)


class NirissDitherOptions(DarkOptions, DitherOptions):
    """Options of `niriss-dithers`."""

    detector: Annotated[list[str], Help("detectors"), OneOf(*DETECTORS)] = field(default_factory=lambda: ["NIS"])
    filter: Annotated[list[str], Help("filters; by default F150W"), OneOf(*SHORT, *LONG)] = field(default_factory=list)


DITHERS = Dithers.of(IMAGE, "niriss-dithers", NirissDitherOptions, OPTICS, throughput=0.4)


class SossOptions(LightOptions):
    """Options of `niriss-soss`."""

    detector: Annotated[str, Help("detector"), OneOf(*DETECTORS)] = "NIS"
    subarray: Annotated[str, Help("subarray"), OneOf(*STRIPS, "FULL")] = "SUBSTRIP256"
    readpatt: Annotated[str, Help("readout pattern"), OneOf(*PATTERNS)] = "NISRAPID"
    filter: Annotated[str, Help("filter"), OneOf("CLEAR", "F277W")] = "CLEAR"


SOSS = Mode(
    name="niriss-soss",
    instrument=INSTRUMENT,
    exp_type="NIS_SOSS",
    template="NIRISS Single-Object Slitless Spectroscopy",
    options=SossOptions,
    properties=PROPERTIES,
    # Orders 1 and 2: nearly together at the left, apart to the right.
    scene=Traces(
        (
            Trace((1850.0, -25.0, 30.0), fwhm=20.0, strength=1.0, slit=SIDE),
            Trace((1905.0, 40.0, 20.0), fwhm=20.0, strength=0.25, slit=0.0),
        ),
        along_x=True,
    ),
    elements=lambda exposure: wheels(exposure.filter, "GR700XD"),
    filters={"": ("CLEAR", "F277W")},
    time_series=True,
)

WAVELENGTHS = {"F480M": 4.817e-6, "F430M": 4.285e-6, "F380M": 3.828e-6, "F277W": 2.776e-6}  # m


def interferogram(exposure, options, depth, stream):
    """Draw a star through the mask: a scene."""
    fringes = Fringes(WAVELENGTHS[exposure.filter], exposure.detector.scale[0])
    return Target(fringes)(exposure, options, depth, stream)


class AmiOptions(LightOptions):
    """Options of `niriss-ami`."""

    detector: Annotated[str, Help("detector"), OneOf(*DETECTORS)] = "NIS"
    subarray: Annotated[str, Help("subarray"), OneOf("SUB80")] = "SUB80"
    readpatt: Annotated[str, Help("readout pattern"), OneOf(*PATTERNS)] = "NISRAPID"
    filter: Annotated[str, Help("filter"), OneOf(*WAVELENGTHS)] = "F480M"


AMI = Mode(
    name="niriss-ami",
    instrument=INSTRUMENT,
    exp_type="NIS_AMI",
    template="NIRISS Aperture Masking Interferometry",
    options=AmiOptions,
    properties=PROPERTIES,
    scene=interferogram,
    elements=lambda exposure: wheels(exposure.filter, "NRM"),
    filters={"": tuple(WAVELENGTHS)},
)

DARK = replace(
    IMAGE, name="niriss-dark", exp_type="NIS_DARK", template="NIRISS Dark", options=DarkOptions, scene=darkness
)
