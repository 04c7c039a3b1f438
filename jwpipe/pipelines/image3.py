"""Stage 3 of images: from calibrated exposures to a mosaic and a catalogue of its sources."""

from jwpipe.engine.pipeline import Pipeline
from jwpipe.pipelines.common import use
from jwpipe.products.exposures import Exposures

__all__ = ["PIPELINE"]


def associated(product):
    """Whether exposures were given by an association."""
    return isinstance(product, Exposures) and product.table is not None


def moving(product):
    """Whether the target moves."""
    return associated(product) and str(product.get("TARGTYPE", "")).upper() == "MOVING"


def fixed(product):
    """Whether the target stands still."""
    return associated(product) and not moving(product)


PIPELINE = Pipeline(
    name="image3",
    summary="Combine calibrated images to a mosaic, and catalogue its sources.",
    takes=(Exposures,),
    peer="jwst.pipeline.calwebb_image3.Image3Pipeline",
    makes=("i2d",),
    saves_last=False,
    order=(
        use("assign_mtwcs", moving, "moving targets"),
        use("tweakreg", fixed, "not for moving targets"),
        use("skymatch"),
        use("outlier_detection", associated, "associations", keep="{asn_id}_crf"),
        use("resample", keep="i2d"),
        use("source_catalog", keep="cat", aside=True),
    ),
)
