"""Many exposures: one after another here, or several at once in worker processes; a failure of one stops no other.

Workers are processes of this interpreter (`jwpipe.jobs.worker`) that take exposures one after another, so that each
pays for its imports once. They share one budget of threads and one of memory: an exposure is begun when its estimated
peak fits beside those at work, in the order given. A worker that is killed costs the exposure that it had, no other.
"""

import contextlib
import logging
import pickle
import signal
import socket
import subprocess
import time
import traceback
from collections import deque
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from jwpipe.errors import StepError, UsageError, explain
from jwpipe.jobs import api
from jwpipe.jobs.memory import estimate, room
from jwpipe.jobs.processes import environment, python
from jwpipe.products.fitsfile import remove_unfinished

__all__ = ["DONE", "FAILED", "SKIPPED", "Result", "attempt", "check", "run_batch"]

DONE, SKIPPED, FAILED = "done", "skipped", "failed"
PATIENCE = 60  # seconds that a worker is given to end: no kernel takes longer

log = logging.getLogger("jwpipe")


@dataclass
class Result:
    """What became of one exposure.

    Attributes
    ----------
    path : pathlib.Path
        The exposure.
    state : str
        `DONE`, `SKIPPED` or `FAILED`.
    files : list of pathlib.Path
        What was written; what exists, where the exposure was skipped for it.
    seconds : float
        Time that it took.
    reason : str
        Why it failed, in one line.
    status : int
        Exit status of a command on this exposure alone.
    traceback : str
        Where the failure arose.
    log : list of logging.LogRecord
        What a worker has told about it.
    """

    path: Path
    state: str = DONE
    files: list = field(default_factory=list)
    seconds: float = 0.0
    reason: str = ""
    status: int = 0
    traceback: str = ""
    log: list = field(default_factory=list)

    @classmethod
    def failure(cls, path, problem):
        """Make the result of an exposure that an exception put an end to."""
        reason, status = explain(problem)
        return cls(
            path, FAILED, reason=reason, status=int(status), traceback="".join(traceback.format_exception(problem))
        )


def attempt(pipeline, path, options):
    """Process one exposure, whatever comes of it.

    Parameters
    ----------
    pipeline : Pipeline
        What to run.
    path : pathlib.Path
        The exposure.
    options : Options
        How.

    Returns
    -------
    Result
    """
    begun = time.perf_counter()

    def named(record):
        record.msg, record.args = f"{path.name}: {record.getMessage()}", ()
        return True

    log.addFilter(named)
    try:
        result = Result(path, files=api.process(pipeline, path, options).files)
    except Exception as problem:  # a defect ends one exposure, not the night's work
        result = Result.failure(path, problem)
    finally:
        log.removeFilter(named)
    result.seconds = time.perf_counter() - begun
    return result


def check(pipeline, inputs, options):
    """Find out before any work what would be wrong for every exposure, or for two of them together.

    Parameters
    ----------
    pipeline : Pipeline
        What is to be run.
    inputs : sequence of pathlib.Path
        The exposures.
    options : Options
        How.

    Raises
    ------
    JwpipeError
        A wrong parameter, a reference of the user's that is not there, two exposures with one name of their results.
    """
    api.check(pipeline, options)
    sources = {}
    for path in inputs:
        for target in api.results(pipeline, path, options):
            if (other := sources.setdefault(target, path)) is not path:
                what = f"{path} is given twice" if other == path else f"{other} and {path} would both become {target}"
                raise UsageError(what, "give one of them a folder of its own, with --output-dir")
            api.runner.refuse_inputs(target, inputs)


def run_batch(pipeline, inputs, options, jobs=1, skip_existing=False):
    """Process exposures.

    Parameters
    ----------
    pipeline : Pipeline
        What to run.
    inputs : sequence of pathlib.Path
        The exposures, begun in this order.
    options : Options
        How; `threads` and `max_memory` are for all together.
    jobs : int, optional
        How many at once; one: in this process.
    skip_existing : bool, optional
        Leave those whose main result exists.

    Yields
    ------
    index : int
        Place among `inputs`.
    result : Result
        What became of it, as it ends; the products' bytes do not depend on `jobs`.
    """
    tasks = deque()
    for index, path in enumerate(inputs):
        found = api.existing(pipeline, path, options) if skip_existing else None
        if found:
            yield index, Result(path, SKIPPED, [found])
        else:
            tasks.append((index, path))
    jobs = min(jobs, len(tasks))
    if jobs > 1:
        yield from _in_workers(pipeline, tasks, options, jobs)
    else:
        for index, path in tasks:
            yield index, attempt(pipeline, path, options)


def _in_workers(pipeline, tasks, options, jobs):
    budget = options.max_memory
    options = replace(options, threads=max(1, options.threads // jobs))
    idle, busy = [], []
    try:
        while tasks or busy:
            while tasks and len(busy) < jobs:
                index, path = tasks[0]
                try:
                    cost = _cost(pipeline, path, options)
                except Exception as problem:
                    tasks.popleft()
                    yield index, Result.failure(path, problem)
                    continue
                if busy and budget is not None and sum(worker.cost for worker in busy) + cost > budget:
                    break
                tasks.popleft()
                worker = idle.pop() if idle else _Worker(pipeline, options)
                busy.append(worker)
                worker.begin(index, path, cost)
            for worker in wait(busy):
                result = worker.receive()
                if result is not None:
                    busy.remove(worker)
                    if worker.alive:
                        idle.append(worker)
                    yield worker.index, result
    finally:
        for worker in idle + busy:
            worker.ask_to_end()
        for worker in idle + busy:
            worker.end()


def _cost(pipeline, path, options):
    """Bytes of the budget that an exposure takes: all of it where it is worked on in parts."""
    product, budget = api.read_input(pipeline, path, options), options.max_memory
    needed = estimate(product)
    if budget is None or needed <= budget:
        return needed
    return budget if room(product, budget) else min(estimate(product, mapped=True), budget)


class _Worker:
    """A worker process as its owner sees it."""

    def __init__(self, pipeline, options):
        self.pipeline, self.options = pipeline, options
        ours, theirs = socket.socketpair()
        command = python("jwpipe.jobs.worker", theirs.fileno(), log.getEffectiveLevel())
        with theirs, _without_interrupts():
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=environment()
            )
        self.connection = Connection(ours.detach())
        self.alive = True

    def fileno(self):
        """Descriptor to wait at for a message."""
        return self.connection.fileno()

    def begin(self, index, path, cost):
        """Hand an exposure over."""
        self.index, self.path, self.cost, self.begun, self.log = index, path, cost, time.perf_counter(), []
        with contextlib.suppress(OSError):  # it has died: `receive` will see
            self.connection.send((self.pipeline.name, path, self.options))

    def receive(self):
        """Take a message: give the result if it is one, and keep what is told on the way."""
        try:
            message = self.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            message = self._lost()
        if isinstance(message, logging.LogRecord):
            self.log.append(message)
            return None
        message.log = self.log
        return message

    def _lost(self):
        """Say how the worker ended, and remove what it was writing."""
        self.alive = False
        self.end()
        code = self.process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        advice = "perhaps memory ran out: fewer --jobs or a smaller --max-memory" if code == -signal.SIGKILL else None
        result = Result.failure(self.path, StepError(f"the process that worked on it {how}", advice))
        result.seconds = time.perf_counter() - self.begun
        return result

    def ask_to_end(self):
        """Tell the process to end, unfinished files removed."""
        self.process.terminate()

    def end(self):
        """Wait for the process to end; a patience later, make it."""
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.connection.close()
        remove_unfinished(self.options.output_dir, self.process.pid)


@contextlib.contextmanager
def _without_interrupts():
    """Hold back what a terminal sends to all processes alike: a child that is made meanwhile never gets to see it."""
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
