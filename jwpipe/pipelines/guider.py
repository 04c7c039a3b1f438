"""From raw exposures of the guiders to count rates."""

from jwpipe.engine.pipeline import Pipeline
from jwpipe.pipelines.common import use
from jwpipe.products.guider import GuiderCal, GuiderRaw

__all__ = ["PIPELINE"]


def raw(product):
    """Whether the exposure is still raw."""
    return isinstance(product, GuiderRaw)


PIPELINE = Pipeline(
    name="guider",
    summary="Calibrate raw exposures of the guiders to count rates.",
    takes=(GuiderRaw, GuiderCal),
    peer="jwst.pipeline.calwebb_guider.GuiderPipeline",
    makes=("cal",),
    order=(use("dq_init", raw, "raw exposures"), use("guider_cds", raw, "raw exposures"), use("flat_field")),
)
