"""Leave out the first groups of MIRI integrations that follow another."""

from typing import Annotated

from jwpipe.engine.params import Help, OneOf, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.errors import ReferenceError
from jwpipe.products.dq import Group
from jwpipe.products.ramp import Ramp
from jwpipe.steps.ramp.miri import need_miri

__all__ = ["rscd"]

TABLE = "RSCD_GROUP_SKIP"
FEWEST_LEFT = 4  # groups that must remain for a slope, the last one being left out too


class Params(StepParams):
    """Parameters of `rscd`."""

    type: Annotated[
        str,
        Help("baseline leaves groups out; enhanced is skipped, as no release has had it"),
        OneOf("baseline", "enhanced"),
    ] = "baseline"


@step(
    "rscd",
    status="S_RSCD",
    peer="jwst.rscd.rscd_step.RscdStep",
    references=["rscd"],
    params=Params,
    by_integration=True,
)
def rscd(ramp: Ramp, refs: References, par: Params, run: Run) -> Ramp:
    """Leave out the first groups of MIRI integrations that follow another.

    The reset of the switch and the charge decay that follows it (RSCD) bend the start of every integration but the
    first. The groups that the reference names for the subarray and readout pattern become DO_NOT_USE.

    Parameters
    ----------
    ramp : Ramp
        GROUPDQ is changed. Skipped where it is not of MIRI, has too few groups, or the reference has no row for it.
    refs : References
        ``rscd``: table of groups to leave out.
    par : Params
        Parameters.
    run : Run
        Not used.

    Returns
    -------
    Ramp
        The same.
    """
    need_miri(ramp)
    reference = refs.need("rscd")
    if par.type == "enhanced":
        raise Skip("the enhanced correction is not defined")
    groups = groups_to_skip(reference, ramp["SUBARRAY"], ramp["READPATT"])
    if groups is None:
        raise Skip(f"{reference.name} has no row for {ramp['SUBARRAY']} and {ramp['READPATT']}")
    if ramp.shape[1] < groups + FEWEST_LEFT:
        raise Skip(f"{ramp.shape[1]} groups are too few to leave {groups} out")
    ramp.groupdq[max(0, 1 - ramp.before) :, :groups] |= Group.DO_NOT_USE
    return ramp


def groups_to_skip(reference, subarray, readpatt):
    """Number of groups that the reference says to leave out, or None where it has no row for the mode."""
    wanted = "SLITLESSPRISM" if subarray == "SUBPRISM" else subarray, readpatt
    rows = reference.table(TABLE)
    names = {name.lower() for name in rows.dtype.names}
    if not {"subarray", "readpatt", "group_skip"} <= names:
        raise ReferenceError(f"{reference.name}, an rscd reference, has no column group_skip")
    for row in rows:
        if (str(row["subarray"]).strip(), str(row["readpatt"]).strip()) == wanted:
            return int(row["group_skip"])
    return None
