"""What pipelines have in common: how a step is placed."""

from dataclasses import replace

from jwpipe import steps
from jwpipe.engine.pipeline import Use

__all__ = ["use"]


def use(name, when=None, why="", called=None, **options):
    """Place a step, by name; `called`: the name that it has in the pipeline, where that is another."""
    conditions = {} if when is None else {"when": when, "why": why}
    step = steps.load(name)
    return Use(step if called is None else replace(step, name=called), **conditions, **options)
