"""Parameters of one run: declared defaults, then the context's, a file's, and the user's own, each with its origin."""

from dataclasses import dataclass, field
from os import PathLike

from jwpipe.errors import UsageError, nearest

__all__ = ["Layer", "Settings"]

OVERRIDE = "override_"


@dataclass
class Layer:
    """Values from one place.

    Attributes
    ----------
    origin : str
        Where they come from, as a user is told.
    pipeline : dict of str to object
        Values of the pipeline's own parameters.
    steps : dict of str to dict
        Values by step and parameter.
    """

    origin: str
    pipeline: dict = field(default_factory=dict)
    steps: dict = field(default_factory=dict)

    @classmethod
    def from_assignments(cls, pipeline, texts, origin="--set"):
        """Read ``step.parameter=value`` and ``parameter=value``.

        Raises
        ------
        UsageError
            Not of this form.
        """
        layer = cls(origin)
        for text in texts:
            name, equals, value = text.partition("=")
            if not equals or not name.strip():
                raise UsageError(f"{text!r} is not of the form STEP.PARAMETER=VALUE")
            *owner, parameter = name.strip().removeprefix("steps.").split(".")
            if len(owner) > 1:
                raise UsageError(f"{name!r} is not of the form STEP.PARAMETER")
            if owner and owner[0] != pipeline.name:
                layer.steps.setdefault(pipeline.find(owner[0]).name, {})[parameter] = value.strip()
            else:
                layer.pipeline[parameter] = value.strip()
        return layer


class Settings:
    """The parameters that a run uses.

    Parameters
    ----------
    pipeline : Pipeline
        What is run.
    layers : iterable of Layer
        Lowest precedence first.

    Attributes
    ----------
    own : PipelineParams
        The pipeline's own parameters.
    steps : dict of str to StepParams
        Those of its steps.
    overrides : dict of str to str
        Reference files that stand in for the context's, by type: ``override_<type>`` of any step.
    origins : dict of tuple to str
        Origin of every value that is no default, by ``(step or None, parameter)``.

    Raises
    ------
    UsageError
        An unknown step or parameter (the nearest is offered), or a wrong value.
    """

    def __init__(self, pipeline, layers=()):
        self.pipeline = pipeline
        self.origins, self.overrides = {}, {}
        self.steps = {name: step.params() for name, step in pipeline.steps.items()}
        self.own = pipeline.params()
        if pipeline.alone:
            self.own = self.steps[pipeline.name]
        for use in pipeline.order:
            if getattr(use, "default_skip", False):
                self.steps[use.step.name].skip = True
        for layer in layers:
            self._apply(layer)

    def _apply(self, layer):
        for name, value in layer.pipeline.items():
            if name.startswith(OVERRIDE):
                self._override(name, value, self.pipeline.name, self.pipeline.reftypes)
                continue
            if name in self.pipeline.steps and not self.pipeline.alone:
                raise UsageError(f"{name} of {layer.origin} is a step, not a parameter", f"say {name}.PARAMETER=VALUE")
            if name not in self.own.parameters():
                # The nearest name may be that of a step's parameter said without its step.
                owners = [step for step, par in self.steps.items() if name in par.parameters()]
                advice = f"did you mean {owners[0]}.{name}?" if owners else nearest(name, self.own.parameters())
                raise UsageError(f"{self.pipeline.name} has no parameter {name!r}", advice)
            self._set(self.own, None, name, value, layer.origin)
        for step, values in layer.steps.items():
            declared = self.pipeline.find(step)
            step = None if self.pipeline.alone else step
            for name, value in values.items():
                if name.startswith(OVERRIDE):
                    self._override(name, value, declared.name, declared.references)
                    continue
                self._set(self.own if step is None else self.steps[step], step, name, value, layer.origin)

    def _set(self, params, step, name, value, origin):
        parameter = params.parameter(name, step or self.pipeline.name)
        setattr(params, name, parameter.convert(value, origin))
        self.origins[step, name] = origin

    def _override(self, name, value, owner, reftypes):
        reftype = name.removeprefix(OVERRIDE)
        if reftype not in reftypes:
            raise UsageError(f"{owner} uses no {reftype!r} reference", nearest(reftype, reftypes))
        if value is not None:
            if not isinstance(value, str | PathLike):
                raise UsageError(f"{name} = {value!r} is no file")
            self.overrides[reftype] = str(value)

    def check(self):
        """Refuse parameters that do not go together, of the steps that are going to run.

        Raises
        ------
        UsageError
            There are some.
        """
        for params in self.steps.values():
            if not params.skip:
                params.check()

    def rows(self):
        """Give ``(step or None, parameter, value, origin)`` for every parameter, in order."""
        owned = [] if self.pipeline.alone else self.steps.items()
        for step, params in [(None, self.own), *owned]:
            for name in params.parameters():
                yield step, name, getattr(params, name), self.origins.get((step, name), "default")
