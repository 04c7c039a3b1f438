"""Many exposures in one command: what is told while they are processed, the summary, and the exit status."""

import contextlib
import logging
import shutil
import sys
import time

from jwpipe.errors import ExitStatus, UsageError

__all__ = ["exit_status", "process_all", "size"]

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def size(text):
    """Read a size such as ``4G``, ``500MB`` or ``2.5e9``, in bytes.

    Raises
    ------
    UsageError
        It is none.
    """
    number = text.strip().upper().removesuffix("B")
    unit = number[-1:] if number[-1:] in UNITS else ""
    with contextlib.suppress(ValueError, OverflowError):
        if (value := int(float(number.removesuffix(unit)) * UNITS[unit])) > 0:
            return value
    raise UsageError(f"{text!r} is no size", "say 4G, or 500M")


def exit_status(results):
    """Exit status of a batch: 0 if nothing failed, the failures' own if there is nothing else and one kind, else 1."""
    statuses = {result.status for result in results}
    return statuses.pop() if len(statuses) == 1 else ExitStatus.STEP_FAILED


class Report:
    """Tells about exposures in the order in which they were given, whichever ends first.

    A terminal gets one line that counts; anything else a line an exposure.

    Parameters
    ----------
    names : sequence of str
        What the exposures are called.
    quiet : bool
        Tell of failures only.
    tracebacks : bool
        Tell where failures arose.
    """

    def __init__(self, names, quiet=False, tracebacks=False):
        self.names, self.quiet, self.tracebacks = names, quiet, tracebacks
        self.terminal = sys.stderr.isatty() and not quiet
        self.results, self.told = {}, 0
        self.begun = time.perf_counter()

    def add(self, index, result):
        """Take the result of an exposure."""
        self.results[index] = result
        while self.told in self.results:
            self._tell(self.results[self.told])
            self.told += 1
        if self.terminal:
            text = f"{len(self.results)} of {len(self.names)}: {self._counts()}"
            self._print("\r\033[K" + text[: shutil.get_terminal_size().columns - 1], end="")

    def _tell(self, result):
        if self.terminal and result.log:
            self._print("\r\033[K", end="")
        for record in result.log:
            logging.getLogger("jwpipe").handle(record)
        if not self.terminal and not self.quiet:
            what = {
                "done": f"done, {result.seconds:.2f} s",
                "skipped": f"{result.files and result.files[0].name} exists, skipped",
                "failed": "failed",
            }
            self._print(f"{result.path.name}: {what[result.state]}")

    def _counts(self):
        states = [result.state for result in self.results.values()]
        return ", ".join(f"{states.count(state)} {state}" for state in ("done", "skipped", "failed"))

    def summary(self):
        """Tell the sum, and each failure with its reason."""
        if self.terminal:
            self._print("\r\033[K", end="")
        left = len(self.names) - len(self.results)
        if not self.quiet:
            unfinished = f", {left} not finished (--skip-existing goes on from here)" if left else ""
            self._print(f"{self._counts()}{unfinished} in {time.perf_counter() - self.begun:.1f} s")
        for _, result in sorted(self.results.items()):
            if result.reason:
                if self.tracebacks:
                    self._print(result.traceback, end="")
                named = str(result.path) in result.reason
                self._print(f"jwpipe: {result.reason}" if named else f"jwpipe: {result.path}: {result.reason}")

    @staticmethod
    def _print(text, end="\n"):
        print(text, end=end, file=sys.stderr, flush=True)


def process_all(pipeline, inputs, options, jobs, skip_existing, quiet, tracebacks):
    """Process several exposures.

    Parameters
    ----------
    pipeline : Pipeline
        What to run.
    inputs : sequence of pathlib.Path
        The exposures.
    options : Options
        How.
    jobs : int
        How many at once.
    skip_existing, quiet, tracebacks : bool
        As the command's options say.

    Returns
    -------
    int
        Exit status.
    """
    from jwpipe.jobs.batch import check, run_batch

    check(pipeline, inputs, options)
    report = Report([path.name for path in inputs], quiet, tracebacks)
    try:
        with contextlib.closing(run_batch(pipeline, inputs, options, jobs, skip_existing)) as results:
            for index, result in results:
                report.add(index, result)
    finally:
        report.summary()
    return int(exit_status(report.results.values()))
