"""What a step is: a function that is declared once, and everything else derived from the declaration."""

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass

from jwpipe.engine.params import StepParams

__all__ = ["Skip", "Step", "step"]


class Skip(Exception):  # noqa: N818 - not an error: the step says that it does not apply
    """Raised by a step that does not apply: the product stays as it is, the status becomes SKIPPED."""


@dataclass(frozen=True)
class Step:
    """A declared step.

    Attributes
    ----------
    name : str
        Alias, as in `jwst` 1.14.1.
    function : callable
        ``function(product, refs, par, run)`` gives the product, or a tuple of products.
    status : str
        Keyword that records COMPLETE or SKIPPED.
    references : tuple of str
        Reference types that the step asks for.
    params : type of StepParams
        Its parameters.
    peer : str
        The class of `jwst` 1.14.1 that does the same: parameter files name it.
    optional : tuple of str
        Those of them without which it does: where no rule of the context matches, none applies.
    suffixes : tuple of str
        Suffixes of what it saves, where it makes several products.
    beside : bool
        Whether what it makes stands beside its input: where it is skipped there is nothing to save, and a suffix that
        the user gives is for the first product alone.
    takes : tuple of type
        Classes of product that it works on.
    by_integration : callable
        Whether it works on each integration of a product without regard to the others: an exposure may be given to it
        block by block (`jwpipe.products.parts`).
    by_group : callable
        Whether it works on each group, too, without regard to the others.
    """

    name: str
    function: Callable
    status: str
    references: tuple
    optional: tuple
    params: type
    peer: str
    suffixes: tuple
    beside: bool
    takes: tuple
    by_integration: Callable
    by_group: Callable

    @property
    def summary(self):
        """First line of the function's docstring."""
        return inspect.getdoc(self.function).splitlines()[0]

    @property
    def pars_reftype(self):
        """Type of the references that hold the step's parameters."""
        return "pars-" + self.peer.rpartition(".")[2].lower()

    def __call__(self, product, refs, par, run):
        """Do the step's work; see `function`."""
        return self.function(product, refs, par, run)


def step(
    name,
    *,
    status,
    peer,
    references=(),
    optional=(),
    params=StepParams,
    suffixes=(),
    beside=False,
    by_integration=False,
    by_group=False,
):
    """Declare the function below as a step.

    Parameters
    ----------
    name : str
        Alias of the step.
    status : str
        Status keyword, ``S_...``.
    peer : str
        Class of `jwst` 1.14.1, ``jwst.<package>.<module>.<Class>``.
    references, optional : sequence of str, optional
        Reference types; those without which the step does.
    params : type of StepParams, optional
        The parameters.
    suffixes : sequence of str, optional
        Suffixes of several products.
    beside : bool, optional
        See `Step`.
    by_integration, by_group : bool or callable, optional
        See `Step`; where it depends on the product, a function of that. The latter implies the former.

    Returns
    -------
    callable
        Decorator that makes a `Step`.
    """

    def decide(answer):
        return answer if callable(answer) else lambda product: answer

    def declare(function):
        first = next(iter(inspect.signature(function).parameters))
        hint = typing.get_type_hints(function)[first]
        return Step(
            name=name,
            function=function,
            status=status,
            references=tuple(references),
            optional=tuple(optional),
            params=params,
            peer=peer,
            suffixes=tuple(suffixes),
            beside=beside,
            takes=typing.get_args(hint) or (hint,),
            by_integration=decide(by_integration or by_group),
            by_group=decide(by_group),
        )

    return declare
