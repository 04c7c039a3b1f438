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


def with_trap_model(product):
    """Whether the traps of the exposure's detector have been measured: not those of NIRSpec."""
    return product["INSTRUME"] != "NIRSPEC"


PIPELINE = Pipeline(
    name="detector1",
    summary="Calibrate raw ramps to count rates.",
    takes=(Ramp,),
    peer="jwst.pipeline.calwebb_detector1.Detector1Pipeline",
    params=Params,
    makes=("rate", "rateints"),
    order=(
        Use(steps.load("group_scale")),
        Use(steps.load("dq_init")),
        Use(steps.load("saturation")),
        Use(steps.load("ipc")),
        Use(steps.load("superbias")),
        Use(steps.load("refpix")),
        Use(steps.load("linearity")),
        Use(steps.load("persistence"), when=with_trap_model, why="not NIRSpec"),
        Use(steps.load("dark_current")),
        Use(steps.load("charge_migration"), default_skip=True),
        Use(steps.load("jump")),
        Save("ramp", parameter="save_calibrated_ramp"),
        Use(steps.load("ramp_fit")),
        Use(steps.load("gain_scale")),
    ),
)
