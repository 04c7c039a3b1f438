"""Stage 1: from raw ramps to count rates."""

from typing import Annotated

from jwpipe import steps
from jwpipe.engine.params import Help, PipelineParams
from jwpipe.engine.pipeline import Pipeline, Save, Use
from jwpipe.products.ramp import Ramp

__all__ = ["PIPELINE"]


class Params(PipelineParams):
    """What the pipeline takes besides its steps' parameters."""

    save_calibrated_ramp: Annotated[bool, Help("save the ramp as it is before the fit (suffix ramp)")] = False


def miri(product):
    """Whether the exposure is of MIRI, whose detectors are read and corrected in another order."""
    return product["INSTRUME"] == "MIRI"


def near_infrared(product):
    """Whether the exposure is of one of the HgCdTe detectors."""
    return not miri(product)


def with_trap_model(product):
    """Whether the traps of the exposure's detector have been measured."""
    return product["INSTRUME"] not in ("MIRI", "NIRSPEC")


def use(name, when=None, why="", **options):
    """Place a step, by name."""
    conditions = {} if when is None else {"when": when, "why": why}
    return Use(steps.load(name), **conditions, **options)


PIPELINE = Pipeline(
    name="detector1",
    summary="Calibrate raw ramps to count rates.",
    takes=(Ramp,),
    peer="jwst.pipeline.calwebb_detector1.Detector1Pipeline",
    params=Params,
    makes=("rate", "rateints"),
    order=(
        use("group_scale"),
        use("dq_init"),
        use("saturation"),
        use("ipc"),
        use("firstframe", miri, "MIRI"),
        use("lastframe", miri, "MIRI"),
        use("reset", miri, "MIRI"),
        use("superbias", near_infrared, "not MIRI"),
        use("refpix", near_infrared, "not MIRI"),
        use("linearity"),
        use("rscd", miri, "MIRI"),
        use("persistence", with_trap_model, "not MIRI, not NIRSpec"),
        use("dark_current"),
        use("refpix", miri, "MIRI"),
        use("charge_migration", default_skip=True),
        use("jump"),
        Save("ramp", parameter="save_calibrated_ramp"),
        use("ramp_fit"),
        use("gain_scale"),
    ),
)
