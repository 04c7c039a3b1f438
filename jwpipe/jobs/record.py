"""The record of a run, kept beside its products: what was run and with what, how it ended, its times and its log.

``x_rate.run.json`` stands beside ``x_rate.fits``. It is written when the run begins and again when it ends, and is
locked in between: no two runs that keep records make one product at once, and who reads it can tell a run that is at
work from one that was killed.

A record has

    format          1
    program         "jwpipe VERSION"
    request         what was asked for: pipeline, input, and the options that decide what comes of it
    host, pid       where it ran
    threads         threads of its kernels
    begun, ended    UTC
    seconds         time that it took
    state           running, done, failed or interrupted; `read_record` says killed where a running one is not locked
    step            (not done) the step that it had come to
    status          exit status of a command
    reason          why it failed, in one line
    context         CRDS context, null where no reference was asked for
    products        names of the files that were written, the main product first
    parameters      [{step, name, value, origin}]: those that are no defaults; step is null for a pipeline's own
    steps           [{name, status, seconds, peak, reason, references}]: peak memory so far in bytes; reference files
                    used, by type
    peak            peak memory in bytes
    log             [{time, level, message}]
"""

import contextlib
import datetime
import json
import logging
import os
import socket
import threading
import time
from pathlib import Path

import jwpipe
from jwpipe.errors import ExitStatus, OutputError, explain
from jwpipe.products.fitsfile import remove_unfinished

__all__ = ["DONE", "FAILED", "INTERRUPTED", "KILLED", "RUNNING", "Record", "read_record", "record_path"]

ENDING = ".run.json"
RUNNING, DONE, FAILED, INTERRUPTED, KILLED = "running", "done", "failed", "interrupted", "killed"
REQUEST = "assignments skip save overrides members keywords pars context suffix".split()

log = logging.getLogger("jwpipe")


def record_path(product):
    """Path of the record of the run whose main product is at a path."""
    product = Path(product)
    return product.with_name(product.name.removesuffix(product.suffix) + ENDING)


def read_record(path):
    """Read a record.

    Parameters
    ----------
    path : path-like
        The record.

    Returns
    -------
    dict or None
        As the module says; None where there is no record.
    """
    try:
        with Path(path).open("rb") as stream:
            at_work = not _lock(stream, wait=False, shared=True)
            content = stream.read()
    except OSError:
        return None
    try:
        record = json.loads(content)
    except ValueError:
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("state"), str):
        record = {"state": RUNNING}  # cut short: between two writes, or by a crash
    if record["state"] == RUNNING and not at_work:
        record["state"] = KILLED
    return record


class Record:
    """The record of one run; a context in which the run takes place.

    Parameters
    ----------
    path : pathlib.Path
        Where it is kept.
    pipeline : Pipeline
        What is run.
    source : pathlib.Path
        The exposure or association.
    options : Options
        How.

    Attributes
    ----------
    made : list of pathlib.Path or None
        Products, where another run has just made what is asked for, while this one waited for it: there is nothing
        left to do.
    """

    def __init__(self, path, pipeline, source, options):
        self.path, self.made = path, None
        request = {"pipeline": pipeline.name, "input": str(source)}
        request |= {name: value for name in REQUEST if (value := getattr(options, name))}
        self.data = {
            "format": 1,
            "program": f"jwpipe {jwpipe.__version__}",
            "request": json.loads(json.dumps(request, default=str)),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "threads": options.threads,
        }

    def __enter__(self):
        waited = self._open()
        previous = self._previous()
        if waited and previous.get("state") == DONE and previous.get("request") == self.data["request"]:
            self.made = [self.path.parent / name for name in previous["products"]]
            self.stream.close()
            return self
        if previous.get("state") == RUNNING and previous.get("host") == self.data["host"]:
            _clear_after(self.path.parent, previous.get("pid"))
        self.begun = time.perf_counter()
        self.data |= {"begun": _now(), "state": RUNNING}
        self._write()
        self.handler = _Keep()
        self.level = log.level
        log.addHandler(self.handler)
        log.setLevel(min(log.getEffectiveLevel(), logging.INFO))
        return self

    def note(self, step):
        """Take down which step has begun."""
        self.data["step"] = step

    def finish(self, outcome):
        """Take down what came of it."""
        steps = [
            {
                "name": one.name,
                "status": one.status,
                "seconds": round(one.seconds, 4),
                "peak": one.peak,
                "reason": one.reason,
                "references": one.references,
            }
            for one in outcome.records
        ]
        self.data.pop("step", None)
        self.data |= {
            "state": DONE,
            "status": int(ExitStatus.DONE),
            "context": outcome.context,
            "products": [file.name for file in outcome.files],
            "parameters": [
                {"step": step, "name": name, "value": value, "origin": origin}
                for step, name, value, origin in (outcome.settings.rows() if outcome.settings else ())
                if origin != "default"
            ],
            "steps": steps,
            "peak": max((step["peak"] for step in steps), default=0),
        }

    def __exit__(self, kind, problem, trace):
        if self.made is not None:
            return
        log.removeHandler(self.handler)
        log.setLevel(self.level)
        if isinstance(problem, Exception):
            reason, status = explain(problem)
            self.data |= {"state": FAILED, "status": int(status), "reason": reason}
        elif problem is not None:
            self.data |= {"state": INTERRUPTED, "status": int(ExitStatus.INTERRUPTED), "reason": "interrupted"}
        self.data |= {"ended": _now(), "seconds": round(time.perf_counter() - self.begun, 4), "log": self.handler.lines}
        with self.stream, contextlib.suppress(OutputError) if problem else contextlib.nullcontext():
            self._write()

    def _open(self):
        """Open the record's file and lock it; tell whether another run had it."""
        waited = False
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            while True:
                self.stream = self.path.open("a+b")
                if not _lock(self.stream, wait=False):
                    log.warning("waiting for another run that makes %s", self.path.name.removesuffix(ENDING))
                    waited = True
                    _lock(self.stream, wait=True)
                with contextlib.suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(self.stream.fileno()), self.path.stat()):
                        return waited
                self.stream.close()  # removed while we waited: the lock is on nothing
        except OSError as problem:
            raise OutputError(
                f"cannot keep a record at {self.path}: {problem.strerror}", "give another folder with --output-dir"
            ) from None

    def _previous(self):
        self.stream.seek(0)
        try:
            previous = json.loads(self.stream.read())
        except ValueError:
            previous = None
        return previous if isinstance(previous, dict) else {}

    def _write(self):
        try:
            self.stream.seek(0)
            self.stream.truncate()
            self.stream.write(json.dumps(self.data, indent=1, default=str).encode() + b"\n")
            self.stream.flush()
        except OSError as problem:
            raise OutputError(f"cannot keep a record at {self.path}: {problem.strerror}") from None


class _Keep(logging.Handler):
    """Keeps what this thread tells, as plain data: other threads may run pipelines of their own."""

    def __init__(self):
        super().__init__(logging.INFO)
        self.lines, self.thread = [], threading.get_ident()

    def emit(self, record):
        if record.thread == self.thread:
            moment = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
            line = {"time": _text(moment), "level": record.levelname.lower(), "message": record.getMessage()}
            self.lines.append(line)


def _now():
    return _text(datetime.datetime.now(datetime.UTC))


def _text(moment):
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def _lock(stream, wait, shared=False):
    """Lock an open file; where the file system has no locks, act as if it were locked."""
    try:
        import fcntl

        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(stream, kind if wait else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True
    return True


def _clear_after(folder, pid):
    """Remove what a run that was killed has left of files that it was writing."""
    if not isinstance(pid, int) or pid <= 0:
        return
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        remove_unfinished(folder, pid)
    except OSError:
        pass  # there is such a process
