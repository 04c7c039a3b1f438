"""What a simulated mode is, its options, and the list of those there are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Annotated

from jwpipe.engine.params import AtLeast, Help, Params
from jwpipe.errors import UsageError, nearest

__all__ = ["CATALOGUE", "FieldOptions", "LightOptions", "Mode", "Options", "load"]

# Where each mode is declared, and one line on it, so that the command can list them without importing any.
CATALOGUE = {
    "nircam-image": ("jwpipe.simulate.nircam", "IMAGE", "NIRCam imaging: stars, a galaxy and sky on one detector"),
    "niriss-image": ("jwpipe.simulate.niriss", "IMAGE", "NIRISS imaging: stars, a galaxy and sky"),
    "niriss-soss": (
        "jwpipe.simulate.niriss",
        "SOSS",
        "NIRISS single object slitless spectroscopy: time series of a star",
    ),
    "niriss-ami": ("jwpipe.simulate.niriss", "AMI", "NIRISS aperture masking interferometry: a star's fringes"),
    "fgs-image": ("jwpipe.simulate.fgs", "IMAGE", "FGS as a camera: stars, a galaxy and sky on one guider"),
    "guider": ("jwpipe.simulate.guider", "GUIDER", "a guider that acquires or tracks its star"),
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
    guides : bool
        Whether the exposure is one of a guider that guides.
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
    guides: bool = False

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
        return self.options(**checked)


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
