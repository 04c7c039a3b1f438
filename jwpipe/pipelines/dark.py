"""Stage 1 of dark exposures: from raw ramps to linear ones."""

from typing import Annotated

from jwpipe.engine.params import Help, PipelineParams
from jwpipe.engine.pipeline import Pipeline
from jwpipe.pipelines.linear import TO_LINEAR
from jwpipe.products.ramp import Ramp

__all__ = ["PIPELINE"]


class Params(PipelineParams):
    """What the pipeline takes besides its steps' parameters."""

    suffix: Annotated[str | None, Help("last part of the names of what the pipeline makes")] = "dark"


PIPELINE = Pipeline(
    name="dark",
    summary="Calibrate raw ramps of dark exposures, without a fit.",
    takes=(Ramp,),
    peer="jwst.pipeline.calwebb_dark.DarkPipeline",
    params=Params,
    makes=("dark",),
    order=TO_LINEAR,
)
