"""What a simulated mode is, its options, and the list of those there are."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import Annotated

from jwpipe.engine.params import AtLeast, AtMost, Help, OneOf, Params
from jwpipe.errors import UsageError, nearest

__all__ = ["CATALOGUE", "DitherOptions", "Dithers", "FieldOptions", "LightOptions", "Mode", "Options", "load"]

# Where each mode is declared, and one line on it, so that the command can list them without importing any.
CATALOGUE = {
    "nircam-image": ("jwpipe.simulate.nircam", "IMAGE", "NIRCam imaging: stars, a galaxy and sky on one detector"),
    "nircam-dithers": ("jwpipe.simulate.nircam", "DITHERS", "NIRCam imaging: dithered exposures of one field"),
    "niriss-dithers": ("jwpipe.simulate.niriss", "DITHERS", "NIRISS imaging: dithered exposures of one field"),
    "fgs-dithers": ("jwpipe.simulate.fgs", "DITHERS", "FGS as a camera: dithered exposures of one field"),
    "miri-dithers": ("jwpipe.simulate.miri", "DITHERS", "MIRI imaging: dithered exposures of one field"),
    "niriss-image": ("jwpipe.simulate.niriss", "IMAGE", "NIRISS imaging: stars, a galaxy and sky"),
    "niriss-soss": (
        "jwpipe.simulate.niriss",
        "SOSS",
        "NIRISS single object slitless spectroscopy: time series of a star",
    ),
    "niriss-ami": ("jwpipe.simulate.niriss", "AMI", "NIRISS aperture masking interferometry: a star's fringes"),
    "fgs-image": ("jwpipe.simulate.fgs", "IMAGE", "FGS as a camera: stars, a galaxy and sky on one guider"),
    "guider": ("jwpipe.simulate.guider", "GUIDER", "a guider that finds, acquires or follows its star"),
    "miri-image": ("jwpipe.simulate.miri", "IMAGE", "MIRI imaging: stars, a galaxy and sky"),
    "miri-mrs-detector": ("jwpipe.simulate.miri", "MRS", "MIRI medium resolution spectroscopy: one detector's slices"),
    "nirspec-subarray": ("jwpipe.simulate.nirspec", "SUBARRAY", "NIRSpec time series of a star in a wide slit"),
    "nirspec-irs2": ("jwpipe.simulate.nirspec", "IRS2", "NIRSpec multi-object spectroscopy in IRS2 readout"),
    "nircam-dark": ("jwpipe.simulate.nircam", "DARK", "NIRCam without light"),
    "niriss-dark": ("jwpipe.simulate.niriss", "DARK", "NIRISS without light"),
    "fgs-dark": ("jwpipe.simulate.fgs", "DARK", "FGS as a camera without light"),
    "miri-dark": ("jwpipe.simulate.miri", "DARK", "MIRI without light"),
    "nirspec-dark": ("jwpipe.simulate.nirspec", "DARK", "NIRSpec without light"),
}


class Options(Params):
    """What every mode takes, also one without light."""

    seed: Annotated[int, Help("seed of all random numbers"), AtLeast(0)] = 1
    groups: Annotated[int, Help("groups an integration"), AtLeast(1)] = 10
    integrations: Annotated[int, Help("integrations"), AtLeast(1)] = 1
    exposure: Annotated[int, Help("number of the exposure: another name, another time"), AtLeast(1)] = 1
    cosmic_ray_rate: Annotated[float, Help("cosmic rays a cm^2 and s"), AtLeast(0)] = 5.0
    cosmic_ray_charge: Annotated[list[float], Help("least and greatest charge of a hit, e-"), AtLeast(0)] = field(
        default_factory=lambda: [100.0, 50000.0]
    )
    snowballs: Annotated[int, Help("snowballs in the exposure"), AtLeast(0)] = 0
    showers: Annotated[int, Help("showers in the exposure: faint, wide, all over MIRI"), AtLeast(0)] = 0
    full_references: Annotated[bool, Help("references of the whole detector, also for a subarray")] = False
    persistence: Annotated[bool, Help("write the references of the persistence step")] = False
    pars: Annotated[bool, Help("write parameter references (pars-*)")] = True


class LightOptions(Options):
    """What modes with light take."""

    sky: Annotated[float, Help("sky, e-/s a pixel"), AtLeast(0)] = 1.0
    brightness: Annotated[float, Help("factor on the brightness of sources"), AtLeast(0)] = 1.0


class FieldOptions(LightOptions):
    """What imaging modes take."""

    stars: Annotated[int | None, Help("stars; by default one on 4000 pixels"), AtLeast(0)] = None
    galaxies: Annotated[int, Help("galaxies"), AtLeast(0)] = 1


class DitherOptions(Options):
    """What modes of many exposures of one field take."""

    dithers: Annotated[int, Help("exposures of each filter"), AtLeast(1)] = 4
    dither_size: Annotated[
        float | None, Help("extent of the dithers, arcsec; by default a tenth of the window, 3 at most"), AtLeast(0)
    ] = None
    level: Annotated[
        str, Help("uncal for raw exposures; rate, which is quicker, for count rates"), OneOf("uncal", "rate")
    ] = "uncal"
    observation: Annotated[int, Help("number of the observation"), AtLeast(1), AtMost(999)] = 1
    parallel: Annotated[bool, Help("as the instrument in parallel: another name")] = False
    ra: Annotated[float, Help("right ascension of the target, degrees"), AtLeast(0), AtMost(360)] = 80.4875
    dec: Annotated[float, Help("declination of the target, degrees"), AtLeast(-90), AtMost(90)] = -69.4975
    roll: Annotated[float, Help("position angle of V3 at the target, degrees")] = 104.5
    sky: Annotated[float, Help("sky, e-/s a pixel"), AtLeast(0)] = 1.0
    sky_spread: Annotated[float, Help("spread of the sky from exposure to exposure, relative"), AtLeast(0)] = 0.2
    spacing: Annotated[float, Help("mean distance of sources, arcsec"), AtLeast(0.1)] = 3.0
    galaxies: Annotated[float, Help("part of the sources that are galaxies"), AtLeast(0), AtMost(1)] = 0.05
    magnitudes: Annotated[
        list[float], Help("AB magnitudes at 2 um of the brightest and faintest source; by default as the depth is")
    ] = field(default_factory=list)
    pointing_error: Annotated[float, Help("unknown error of pointings, arcsec rms an axis"), AtLeast(0)] = 0.03
    roll_error: Annotated[float, Help("unknown error of their roll, degrees rms"), AtLeast(0)] = 0.002
    outliers: Annotated[
        float, Help("part of the pixels of count rates that a hit spoils without a flag"), AtLeast(0), AtMost(1)
    ] = 2e-4


@dataclass(frozen=True)
class Mode:
    """A mode of an instrument, declared.

    Attributes
    ----------
    name : str
        Name of the command, in `CATALOGUE`.
    instrument : Instrument
        Whose mode it is.
    exp_type, template : str
        EXP_TYPE and TEMPLATE; ``{}`` stands for what the mode chooses.
    options : type of Options
        Its options.
    properties : Properties
        Of its detectors.
    scene : callable
        Draws what falls on the detector, see `jwpipe.simulate.scene.Field`.
    elements : callable
        Gives the keywords of the optical elements for an `Exposure`.
    filters : dict of str to tuple of str
        Filters a channel, the default first.
    choice : str
        Name of the option that chooses among `filters`.
    time_series : bool
        TSOVISIT.
    reftypes : tuple of str
        Types of references that are written; empty for all that the instrument has.
    names : dict of str to str
        Of a guider that guides: what its files are called after, by EXP_TYPE.
    sent : callable
        Gives ``(exposure, raw, calibration)`` as they are sent down, where that is not as the detector is read.
    """

    name: str
    instrument: object
    exp_type: str
    template: str
    options: type
    properties: object
    scene: Callable
    elements: Callable
    filters: dict = field(default_factory=dict)
    choice: str = "filter"
    time_series: bool = False
    reftypes: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)
    sent: Callable | None = None

    def check(self, given):
        """Make the mode's options of what was given.

        Parameters
        ----------
        given : mapping of str to object
            Options by name; None stands for the default.

        Returns
        -------
        Options

        Raises
        ------
        UsageError
            An unknown name, or a value of the wrong type or out of bounds.
        """
        where = f"simulate {self.name}"
        checked = {
            name: self.options.parameter(name, where).convert(value, where)
            for name, value in given.items()
            if value is not None
        }
        charge = checked.get("cosmic_ray_charge", [1, 2])
        if len(charge) != 2 or not 0 < charge[0] < charge[1]:
            raise UsageError(f"cosmic_ray_charge = {charge} of {where} is not two charges, the smaller first")
        magnitudes = checked.get("magnitudes") or [0, 1]
        if len(magnitudes) != 2 or magnitudes[0] > magnitudes[1]:
            raise UsageError(f"magnitudes = {magnitudes} of {where} are not two, the brighter first")
        return self.options(**checked)


@dataclass(frozen=True, kw_only=True)
class Dithers(Mode):
    """A mode that makes many exposures of one field.

    Attributes
    ----------
    optics : Optics
        Shape of stars.
    throughput : float
        Electrons a photon.
    """

    optics: object
    throughput: float

    @classmethod
    def of(cls, mode, name, options, optics, throughput):
        """Make one of the mode of a single exposure."""
        own = {item.name: getattr(mode, item.name) for item in fields(mode)}
        return cls(**own | {"name": name, "options": options, "optics": optics, "throughput": throughput})


def load(name):
    """Import a mode.

    Parameters
    ----------
    name : str
        A name of `CATALOGUE`.

    Returns
    -------
    Mode

    Raises
    ------
    UsageError
        No such mode; the nearest name is offered.
    """
    if name not in CATALOGUE:
        raise UsageError(f"there is no mode {name!r} to simulate", nearest(name, CATALOGUE))
    module, attribute, _ = CATALOGUE[name]
    return getattr(import_module(module), attribute)
