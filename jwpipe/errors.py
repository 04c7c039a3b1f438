"""What can go wrong, and the exit status that each kind of failure ends the program with.

Everything that jwpipe expects may fail raises a `JwpipeError`: one line that says what is wrong, and, in `advice`,
what to do about it. Any other exception is a defect of jwpipe.
"""

from difflib import get_close_matches
from enum import IntEnum

__all__ = [
    "ExitStatus",
    "InputError",
    "JwpipeError",
    "NoDataError",
    "OutputError",
    "ReferenceError",
    "StepError",
    "UsageError",
    "explain",
    "nearest",
]


class ExitStatus(IntEnum):
    """Exit statuses of the command, one a kind of ending."""

    DONE = 0
    STEP_FAILED = 1
    USAGE = 2
    BAD_INPUT = 3
    NO_REFERENCE = 4
    NO_DATA = 64
    INTERRUPTED = 130


class JwpipeError(Exception):
    """A failure with a one-line message.

    Parameters
    ----------
    message : str
        What is wrong: names the file, extension, keyword or parameter, and the value found.
    advice : str, optional
        What the user can do about it.
    """

    status = ExitStatus.STEP_FAILED

    def __init__(self, message, advice=None):
        super().__init__(message)
        self.advice = advice

    def __str__(self):
        message = super().__str__()
        return f"{message} ({self.advice})" if self.advice else message


class StepError(JwpipeError):
    """A step could not do its work on input that is valid in itself."""


class OutputError(JwpipeError):
    """A product could not be written."""


class UsageError(JwpipeError):
    """A wrong option, parameter or step name."""

    status = ExitStatus.USAGE


class InputError(JwpipeError):
    """An input file that is missing, unreadable or not what the pipeline takes."""

    status = ExitStatus.BAD_INPUT


class ReferenceError(JwpipeError):  # noqa: A001 - the field's word; the builtin concerns weak references
    """A reference file or rule that cannot be had, read or used."""

    status = ExitStatus.NO_REFERENCE


class NoDataError(JwpipeError):
    """No data on the detector: the exposure holds nothing to calibrate."""

    status = ExitStatus.NO_DATA


def explain(problem):
    """Say in one line what went wrong.

    Parameters
    ----------
    problem : Exception
        Any exception.

    Returns
    -------
    message : str
        One line.
    status : ExitStatus
        With which the program ends.
    """
    if isinstance(problem, JwpipeError):
        return " ".join(str(problem).split()), problem.status
    text = " ".join(f"unexpected {type(problem).__name__}: {problem}".split())
    return f"{text} (a defect; --traceback shows where)", ExitStatus.STEP_FAILED


def nearest(name, known):
    """Advice that offers the known name nearest to a wrong one.

    Parameters
    ----------
    name : str
        The name that was given.
    known : iterable of str
        The names that exist.

    Returns
    -------
    str or None
        ``"did you mean X?"``, or None where nothing is near.
    """
    known = list(known)
    match = get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.5)
    if not match:
        return None
    return f"did you mean {next(k for k in known if k.lower() == match[0])}?"
