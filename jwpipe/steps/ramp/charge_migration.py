"""Flag groups so bright that charge migrates into neighbouring pixels."""

from typing import Annotated

import numpy as np

from jwpipe.cext import chargemigration as kernel
from jwpipe.engine.params import Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.products.ramp import Ramp

__all__ = ["charge_migration"]


class Params(StepParams):
    """Parameters of `charge_migration`."""

    signal_threshold: Annotated[float, Help("counts above which a group loses charge, DN")] = 25000.0
    skip: Annotated[bool, Help("leave the step out")] = True


@step(
    "charge_migration",
    status="S_CHGMIG",
    peer="jwst.charge_migration.charge_migration_step.ChargeMigrationStep",
    params=Params,
    by_integration=True,
)
def charge_migration(ramp: Ramp, refs: References, par: Params, run: Run) -> Ramp:
    """Flag groups so bright that charge migrates into neighbouring pixels.

    From the first group on that exceeds the threshold (and is not merely DO_NOT_USE), the pixel and the four beside it
    are CHARGELOSS and DO_NOT_USE.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN; GROUPDQ is changed.
    refs : References
        None.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    Ramp
        The same.
    """
    ngroups = ramp.shape[1]
    if ngroups < 3:
        raise Skip(f"integrations of {ngroups} groups are too short")
    first, grown = np.empty((2, *ramp.shape[-2:]), "u2")
    pixels = 0
    for data, groupdq in zip(ramp.data, ramp.groupdq, strict=True):
        kernel.flag(data, groupdq, par.signal_threshold, first, grown, run.threads)
        pixels += np.count_nonzero(first < ngroups)
    run.log.info("%d ramps exceed %g DN", pixels, par.signal_threshold)
    return ramp
