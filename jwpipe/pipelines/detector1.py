"""Stage 1: from raw ramps to count rates."""

from typing import Annotated

from jwpipe.engine.params import Help, PipelineParams
from jwpipe.engine.pipeline import Pipeline, Save
from jwpipe.pipelines.common import use
from jwpipe.pipelines.linear import TO_LINEAR, miri
from jwpipe.products.ramp import Ramp

__all__ = ["PIPELINE"]


class Params(PipelineParams):
    """What the pipeline takes besides its steps' parameters."""

    save_calibrated_ramp: Annotated[bool, Help("save the ramp as it is before the fit (suffix ramp)")] = False


def with_trap_model(product):
    """Whether the traps of the exposure's detector have been measured."""
    return product["INSTRUME"] not in ("MIRI", "NIRSPEC")


PIPELINE = Pipeline(
    name="detector1",
    summary="Calibrate raw ramps to count rates.",
    takes=(Ramp,),
    peer="jwst.pipeline.calwebb_detector1.Detector1Pipeline",
    params=Params,
    makes=("rate", "rateints"),
    order=(
        *TO_LINEAR,
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
