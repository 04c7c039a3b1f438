"""The way from raw counts to linear ones, with which all of stage 1 begins."""

from jwpipe.pipelines.common import use

__all__ = ["TO_LINEAR", "miri", "near_infrared"]


def miri(product):
    """Whether the exposure is of MIRI, whose detectors are read and corrected in another order."""
    return product["INSTRUME"] == "MIRI"


def near_infrared(product):
    """Whether the exposure is of one of the HgCdTe detectors."""
    return not miri(product)


# Both calwebb_detector1 and calwebb_dark begin so.
TO_LINEAR = (
    use("group_scale"),
    use("dq_init"),
    use("emicorr", miri, "MIRI", default_skip=True),
    use("saturation"),
    use("ipc"),
    use("firstframe", miri, "MIRI"),
    use("lastframe", miri, "MIRI"),
    use("reset", miri, "MIRI"),
    use("superbias", near_infrared, "not MIRI"),
    use("refpix", near_infrared, "not MIRI"),
    use("linearity"),
    use("rscd", miri, "MIRI"),
)
