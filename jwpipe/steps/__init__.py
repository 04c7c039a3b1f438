"""The steps: one module each, named as the step's alias, in folders by what they work on."""

from importlib import import_module

from jwpipe.errors import UsageError, nearest

__all__ = ["CATALOGUE", "load"]

# Folder of every step, by alias. Listing steps imports none of them.
CATALOGUE = {
    name: folder
    for folder, names in {
        "ramp": """
            group_scale dq_init emicorr saturation ipc firstframe lastframe reset superbias refpix linearity rscd
            persistence dark_current charge_migration jump ramp_fit gain_scale
            """,
        "guider": "guider_cds",
        "image": """
            assign_mtwcs assign_wcs background flat_field outlier_detection photom resample skymatch source_catalog
            tweakreg
            """,
    }.items()
    for name in names.split()
}


def load(name):
    """Import a step.

    Parameters
    ----------
    name : str
        Alias.

    Returns
    -------
    Step

    Raises
    ------
    UsageError
        No such step; the nearest name is offered.
    """
    if name not in CATALOGUE:
        raise UsageError(f"there is no step {name!r}", nearest(name, CATALOGUE))
    return getattr(import_module(f"jwpipe.steps.{CATALOGUE[name]}.{name}"), name)
