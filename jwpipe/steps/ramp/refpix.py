"""Subtract the drifts of the readout electronics as the reference pixels see them."""

from typing import Annotated

from jwpipe.engine.params import AtLeast, AtMost, Help, StepParams
from jwpipe.engine.runner import References, Run
from jwpipe.engine.step import Skip, step
from jwpipe.products import modes
from jwpipe.products.ramp import Ramp
from jwpipe.steps.ramp import refpix_irs2, refpix_miri, refpix_nir

__all__ = ["refpix"]


class Params(StepParams):
    """Parameters of `refpix`."""

    odd_even_columns: Annotated[bool, Help("treat odd and even columns apart (near infrared)")] = True
    use_side_ref_pixels: Annotated[bool, Help("use the reference pixels at the ends of rows (near infrared)")] = True
    side_smoothing_length: Annotated[
        int, Help("rows of the running median of the side reference pixels"), AtLeast(1), AtMost(4095)
    ] = 11
    side_gain: Annotated[float, Help("factor on the signal of the side reference pixels")] = 1.0
    odd_even_rows: Annotated[bool, Help("treat odd and even rows apart (MIRI)")] = True
    ovr_corr_mitigation_ftr: Annotated[
        float, Help("standard deviations at which an interleaved reference pixel is bad (IRS2)"), AtLeast(0)
    ] = 3.0
    preserve_irs2_refpix: Annotated[bool, Help("keep the interleaved reference pixels in the product (IRS2)")] = False
    irs2_mean_subtraction: Annotated[bool, Help("subtract means of amplifiers before the IRS2 correction")] = False


def not_interleaved(ramp):
    """Whether integrations are corrected one by one: bad reference pixels of IRS2 readout are sought in all of them."""
    return max(ramp.shape[-2:]) <= max(modes.full_frame(ramp["INSTRUME"]))


@step(
    "refpix",
    status="S_REFPIX",
    peer="jwst.refpix.refpix_step.RefPixStep",
    references=["refpix"],
    params=Params,
    by_integration=not_interleaved,
    by_group=lambda ramp: not_interleaved(ramp) and ramp["INSTRUME"] != "MIRI",
)
def refpix(ramp: Ramp, refs: References, par: Params, run: Run) -> Ramp:
    """Subtract the drifts of the readout electronics as the reference pixels see them.

    Near infrared: from the columns of each amplifier, odd and even apart, the clipped mean of its reference pixels at
    the top and at the bottom; then from each row the running median of the reference pixels at its ends. MIRI: from
    the columns of each amplifier, odd and even rows apart, the clipped mean of its reference pixels at both ends of
    the rows, as differences from the first group. The zero frame is treated as a group. NIRSpec in IRS2 mode: what the
    interleaved reference pixels and the reference output have in common with each amplifier, by frequency; both are
    taken out of the arrays.

    Parameters
    ----------
    ramp : Ramp
        Counts, DN, changed in place; PIXELDQ says which reference pixels are good.
    refs : References
        ``refpix``: for NIRSpec exposures in IRS2 mode alone.
    par : Params
        Parameters.
    run : Run
        Threads, log.

    Returns
    -------
    Ramp
        The same.
    """
    ny, nx = ramp.shape[-2:]
    full = modes.full_frame(ramp["INSTRUME"])
    if not not_interleaved(ramp):
        refpix_irs2.correct(ramp, refs.need("refpix"), par, run)
        return ramp
    if ramp["INSTRUME"] == "MIRI":
        if (nx, ny) != full:
            raise Skip("MIRI subarrays have no reference pixels that could be used")
        refpix_miri.correct(ramp, par, run)
        return ramp
    place = ramp.subarray
    if min(place.x, place.y) < 0 or place.x + nx > full[0] or place.y + ny > full[1]:
        raise Skip(f"a subarray of {nx} x {ny} pixels at ({place.x + 1}, {place.y + 1}) reaches beyond the detector")
    refpix_nir.correct(ramp, par, run)
    return ramp
