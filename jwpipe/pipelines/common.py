"""What pipelines have in common: how a step is placed, conditions, and the way from raw counts to linear ones."""

from dataclasses import replace

from jwpipe import steps
from jwpipe.engine.pipeline import Use

__all__ = ["TO_LINEAR", "miri", "near_infrared", "use"]


def miri(product):
    """Whether the exposure is of MIRI, whose detectors are read and corrected in another order."""
    return product["INSTRUME"] == "MIRI"


def near_infrared(product):
    """Whether the exposure is of one of the HgCdTe detectors."""
    return not miri(product)


def use(name, when=None, why="", called=None, **options):
    """Place a step, by name; `called`: the name that it has in the pipeline, where that is another."""
    conditions = {} if when is None else {"when": when, "why": why}
    step = steps.load(name)
    return Use(step if called is None else replace(step, name=called), **conditions, **options)


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
