"""What a pipeline is: an ordered list of steps, with the conditions under which each runs."""

from collections.abc import Callable
from dataclasses import dataclass, field

from jwpipe.engine.params import PipelineParams
from jwpipe.engine.step import Step
from jwpipe.errors import UsageError, nearest

__all__ = ["Pipeline", "Save", "Use"]


def always(product):
    """Say yes: the step is for every exposure."""
    return True


@dataclass(frozen=True)
class Use:
    """A step in its place in a pipeline.

    Attributes
    ----------
    step : Step
        The step.
    when : callable
        Whether the step is for a product, by its keywords.
    why : str
        The condition in words.
    default_skip : bool
        Whether the pipeline leaves the step out unless told otherwise.
    keep : str or None
        Suffix under which what the step made is one of the pipeline's results, beside its last product.
    needs : str or None
        Kind of the association's members without which there is nothing for the step to do.
    aside : bool
        Whether the pipeline goes on with the product as it was before the step, which leaves it as it is.
    """

    step: Step
    when: Callable = always
    why: str = ""
    default_skip: bool = False
    keep: str | None = None
    needs: str | None = None
    aside: bool = False

    def applies(self, product, members):
        """Whether the step is for a product, with the members that its association has besides."""
        return self.when(product) and (self.needs is None or bool(members.get(self.needs)))


@dataclass(frozen=True)
class Save:
    """A place where the product is saved if a parameter of the pipeline says so; `needs` as of `Use`."""

    suffix: str
    parameter: str
    needs: str | None = None


@dataclass(frozen=True)
class Pipeline:
    """A declared pipeline.

    Attributes
    ----------
    name : str
        Its name; ``calwebb_<name>`` is an alias.
    summary : str
        One line.
    takes : tuple of type
        Classes of product that it starts from.
    order : tuple of Use or Save
        What is done, in order.
    makes : tuple of str
        Suffixes of what it makes, the main product first (see `jwpipe.engine.naming.fill`).
    saves_last : bool
        Whether its last product is a result; those of the steps that are to `keep` theirs are so in any case.
    singleton : bool
        Whether products say of an exposure given by itself that it was an association of one.
    params : type of PipelineParams
        Its own parameters.
    peer : str
        The class of `jwst` 1.14.1 that does the same: parameter files name it.
    """

    name: str
    summary: str
    takes: tuple
    order: tuple
    peer: str
    makes: tuple
    params: type = PipelineParams
    saves_last: bool = True
    singleton: bool = False
    steps: dict = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "steps", {use.step.name: use.step for use in self.order if isinstance(use, Use)})

    def find(self, name):
        """Look one of the pipeline's steps up by name.

        Raises
        ------
        UsageError
            The pipeline has no such step; the nearest name is offered.
        """
        try:
            return self.steps[name]
        except KeyError:
            own = [own for own, step in self.steps.items() if step.function.__name__ == name]
            advice = f"here it is called {own[0]}" if own else nearest(name, self.steps)
            raise UsageError(f"{self.name} has no step {name!r}", advice) from None

    @property
    def member_kinds(self):
        """Kinds of an association's members that it makes use of besides exposures."""
        return {use.needs for use in self.order if use.needs is not None}

    @property
    def reftypes(self):
        """Types of the references that its steps use."""
        return list(dict.fromkeys(t for step in self.steps.values() for t in step.references))

    @classmethod
    def of_step(cls, step):
        """Make a pipeline of one step."""
        return cls(step.name, step.summary, step.takes, (Use(step),), step.peer, makes=step.suffixes or (step.name,))

    @property
    def alone(self):
        """Whether this is one step run alone: its parameters are then all there are, and its name the suffix."""
        return list(self.steps) == [self.name]

    @property
    def beside(self):
        """Whether it is one step alone, and what that makes stands beside its input."""
        return self.alone and self.steps[self.name].beside

    @property
    def pars_reftype(self):
        """Type of the references that hold the pipeline's parameters."""
        return "pars-" + self.peer.rpartition(".")[2].lower()
