"""Stage 2 of images: from count rates to surface brightness with coordinates."""

from typing import Annotated

from jwpipe.engine.params import Help, PipelineParams
from jwpipe.engine.pipeline import Pipeline, Save
from jwpipe.pipelines.common import use
from jwpipe.products.images import Cube, Image

__all__ = ["PIPELINE"]

SKY = ("MIR_IMAGE", "NRC_IMAGE", "NIS_IMAGE", "FGS_IMAGE")  # whose single exposures are resampled


class Params(PipelineParams):
    """What the pipeline takes besides its steps' parameters."""

    save_bsub: Annotated[bool, Help("save the product after the background is subtracted (suffix bsub)")] = False


def of_sky(product):
    """Whether an exposure is one image of the sky."""
    return isinstance(product, Image) and product.get("EXP_TYPE") in SKY


PIPELINE = Pipeline(
    name="image2",
    summary="Calibrate count rates of images to surface brightness, with coordinates.",
    takes=(Image, Cube),
    peer="jwst.pipeline.calwebb_image2.Image2Pipeline",
    params=Params,
    makes=("cal{ints}",),
    singleton=True,
    order=(
        use("background", called="bkg_subtract", needs="background"),
        Save("bsub{ints}", parameter="save_bsub", needs="background"),
        use("assign_wcs"),
        use("flat_field"),
        use("photom"),
        use("resample", of_sky, "one image of the sky", aside=True, keep="i2d"),
    ),
)
