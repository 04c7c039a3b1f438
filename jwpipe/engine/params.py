"""Parameters of steps and pipelines: declared once, as fields of a class.

A declaration gives the command-line options, the manual page, the validation of parameter files and the defaults:

    class Params(StepParams):
        n_pix_grow_sat: Annotated[int, Help("pixels by which to grow saturated regions"), AtLeast(0)] = 1
"""

import dataclasses
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from jwpipe.errors import UsageError, nearest
from jwpipe.products.dq import bad_bits

__all__ = [
    "AtLeast",
    "AtMost",
    "File",
    "Flags",
    "Help",
    "Length",
    "NumberOr",
    "Numbers",
    "OneOf",
    "Parameter",
    "PipelineParams",
    "StepParams",
]

BOOLEANS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
NOTHING = ("", "none")
LARGEST = 2**31  # kernels take C integers; no parameter means anything near it


@dataclass(frozen=True)
class Help:
    """One line on what a parameter means, with its unit."""

    text: str


@dataclass(frozen=True)
class AtLeast:
    """Lower bound of a number."""

    bound: float

    def accepts(self, value):
        """Whether a value keeps the bound."""
        return value >= self.bound

    def __str__(self):
        return f"at least {self.bound}"


@dataclass(frozen=True)
class AtMost:
    """Upper bound of a number."""

    bound: float

    def accepts(self, value):
        """Whether a value keeps the bound."""
        return value <= self.bound

    def __str__(self):
        return f"at most {self.bound}"


class OneOf:
    """The values that a parameter may take."""

    def __init__(self, *values):
        self.values = values

    def accepts(self, value):
        """Whether a value is one of them."""
        return value in self.values

    def __str__(self):
        return "one of " + ", ".join(map(str, self.values))


@dataclass(frozen=True)
class Length:
    """How many values a list has."""

    count: int
    whole: typing.ClassVar = True  # it is a rule of the list, not of what is in it

    def accepts(self, values):
        """Whether there are as many."""
        return len(values) == self.count

    def __str__(self):
        return f"{self.count} values"


@dataclass(frozen=True)
class Numbers:
    """Text that holds some numbers, set apart by spaces or commas, as 1.14.1 has them."""

    count: int

    @staticmethod
    def read(text):
        """Give the numbers; a ValueError where something else stands."""
        return [float(word) for word in text.replace(",", " ").split()]

    def accepts(self, text):
        """Whether it does, and none of them is infinite or NaN."""
        try:
            numbers = self.read(text)
        except ValueError:
            return False
        return len(numbers) == self.count and all(abs(number) < LARGEST for number in numbers)

    def __str__(self):
        return f"{self.count} numbers"


class NumberOr:
    """Text that is a number, or one of some words in any case."""

    def __init__(self, *words):
        self.words = words

    def accepts(self, text):
        """Whether it is."""
        return text.upper() in self.words or Numbers(1).accepts(text)

    def __str__(self):
        return "a number, or " + " or ".join(self.words)


class Flags:
    """Text that names flags of pixels (`jwpipe.products.dq.bad_bits`)."""

    def accepts(self, text):
        """Whether all of them are known: otherwise the error says which is not."""
        bad_bits(text)
        return True

    def __str__(self):
        return "flags by name or number"


class File:
    """Path of a file that exists, or one of some words in any case."""

    def __init__(self, *words):
        self.words = words

    def accepts(self, text):
        """Whether there is such a file."""
        return text.upper() in self.words or Path(text).expanduser().is_file()

    def __str__(self):
        return "an existing file" + (f", or one of {', '.join(self.words)}" if self.words else "")


@dataclass(frozen=True)
class Parameter:
    """One parameter as declared.

    Attributes
    ----------
    name : str
        Its name, that of `jwst` 1.14.1.
    kind : type
        bool, int, float or str.
    many : bool
        Whether it is a list of such values.
    optional : bool
        Whether None is a value.
    default : object
        The declared default.
    help : str
        One line.
    rules : tuple
        Bounds and choices.
    """

    name: str
    kind: type
    many: bool
    optional: bool
    default: Any
    help: str
    rules: tuple

    @property
    def type_name(self):
        """The type as a user reads it."""
        name = {bool: "true or false", int: "an integer", float: "a number", str: "text"}[self.kind]
        return f"a list of {name.split()[-1]}s" if self.many else name

    def convert(self, value, origin="the command line"):
        """Check a value, from text where it is text.

        Parameters
        ----------
        value : object
            A value of the right type, or its text.
        origin : str, optional
            Where the value comes from, for the message.

        Returns
        -------
        object

        Raises
        ------
        UsageError
            The value has the wrong type or breaks a rule.
        """
        if value is None or (isinstance(value, str) and value.strip().lower() in NOTHING):
            if self.optional or (self.kind is str and not self.many and value is not None):
                return None if self.optional else value
        else:
            try:
                converted = self._convert(value)
            except (TypeError, ValueError):
                pass
            else:
                items = converted if self.many else [converted]
                for rule in self.rules:
                    parts = [items] if getattr(rule, "whole", False) else items
                    if not all(rule.accepts(part) for part in parts):
                        raise UsageError(f"{self.name} = {value} of {origin} is not {rule}")
                return converted
        raise UsageError(f"{self.name} = {value!r} of {origin} is not {self.type_name}")

    def _convert(self, value):
        if self.many:
            items = value.strip("[] ").split(",") if isinstance(value, str) else value
            return [self._item(item) for item in items]
        return self._item(value)

    def _item(self, value):
        if isinstance(value, str):
            value = value.strip()
        if self.kind is bool:
            if isinstance(value, bool):
                return value
            return BOOLEANS[value.lower()] if isinstance(value, str) and value.lower() in BOOLEANS else _refuse()
        if isinstance(value, bool) or (self.kind is int and isinstance(value, float) and value != int(value)):
            _refuse()
        number = self.kind(value)
        if self.kind is not str and not abs(number) < LARGEST:  # NaN too
            _refuse()
        return number


def _refuse():
    raise ValueError


def _parameter(field, hint):
    notes = ()
    if typing.get_origin(hint) is Annotated:
        hint, *notes = typing.get_args(hint)
    optional = many = False
    if isinstance(hint, types.UnionType):
        kinds = [kind for kind in typing.get_args(hint) if kind is not types.NoneType]
        (hint,), optional = kinds, True
    if typing.get_origin(hint) is list:
        (hint,), many = typing.get_args(hint), True
    text = next((note.text for note in notes if isinstance(note, Help)), "")
    rules = tuple(note for note in notes if not isinstance(note, Help))
    default = field.default_factory() if field.default is dataclasses.MISSING else field.default
    return Parameter(field.name, hint, many, optional, default, text, rules)


class Params:
    """Base of parameter classes; every subclass becomes a dataclass with keyword fields."""

    _parameters: typing.ClassVar[dict] = {}

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        dataclass(kw_only=True)(cls)
        hints = typing.get_type_hints(cls, include_extras=True)
        cls._parameters = {field.name: _parameter(field, hints[field.name]) for field in dataclasses.fields(cls)}

    @classmethod
    def parameters(cls):
        """Return the declared parameters by name, those of the base class last."""
        own = {name: p for name, p in cls._parameters.items() if name not in StepParams._parameters}
        return own | {name: p for name, p in cls._parameters.items() if name not in own}

    @classmethod
    def parameter(cls, name, owner):
        """Look a parameter up by name.

        Raises
        ------
        UsageError
            No such parameter; the nearest name is offered.
        """
        try:
            return cls._parameters[name]
        except KeyError:
            raise UsageError(f"{owner} has no parameter {name!r}", nearest(name, cls._parameters)) from None


class StepParams(Params):
    """What every step takes."""

    skip: Annotated[bool, Help("leave the step out")] = False
    save_results: Annotated[bool, Help("save what the step makes")] = False
    suffix: Annotated[str | None, Help("last part of the name of what the step saves")] = None

    def check(self):
        """Refuse parameters that do not go together, with a `UsageError`; asked once all of them are settled."""


class PipelineParams(Params):
    """What every pipeline takes."""

    save_results: Annotated[bool, Help("save what the pipeline makes; as the command or call says")] = True
    suffix: Annotated[str | None, Help("last part of the names of what the pipeline makes")] = None
