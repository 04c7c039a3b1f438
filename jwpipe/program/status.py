"""How far a program has come: the state of each task, told from files and records alone."""

import json
from collections import Counter
from dataclasses import dataclass, field

from jwpipe.jobs.record import DONE, FAILED, INTERRUPTED, KILLED, RUNNING, read_record, record_path
from jwpipe.program.graph import KEY_CHANGED

__all__ = ["BLOCKED", "LEFT_OUT", "STALE", "STATES", "TO_DO", "TaskState", "status_lines", "survey"]

STALE, TO_DO, BLOCKED, LEFT_OUT = "stale", "to do", "blocked", "left out"
STATES = (DONE, RUNNING, FAILED, KILLED, STALE, TO_DO, BLOCKED, LEFT_OUT)


@dataclass
class TaskState:
    """How a task stands.

    Attributes
    ----------
    name, pipeline : str
        Of the task.
    state : str
        One of `STATES`. Stale: its products are older than what they are made from; blocked: what it takes failed.
    reason : str
        Why.
    seconds : float or None
        Time of its last run.
    ended : str
        When that ended, UTC.
    products : list of str
        What it makes.
    steps : list of dict
        Steps of its last run, as records have them.
    """

    name: str
    pipeline: str
    state: str
    reason: str = ""
    seconds: float | None = None
    ended: str = ""
    products: list = field(default_factory=list)
    steps: list = field(default_factory=list)


def survey(program):
    """Look at all tasks of a program.

    Parameters
    ----------
    program : Program
        The program.

    Returns
    -------
    list of TaskState
        In the order of tasks; what was left out of the plan at the end.
    """
    states, times = {}, {}
    for task in program.tasks:
        record = read_record(record_path(program.path(task.main))) or {}
        state, reason = _state(program, task, record, states, times)
        states[task.name] = TaskState(
            *(task.name, task.pipeline, state, reason, record.get("seconds"), record.get("ended", "")),
            products=list(task.makes),
            steps=record.get("steps", []),
        )
    left_out = [TaskState(one.name, one.kind, LEFT_OUT, one.why) for one in program.left_out]
    return [*states.values(), *left_out]


def _state(program, task, record, states, times):
    if record.get("state") == RUNNING:
        return RUNNING, f"process {record.get('pid')} on {record.get('host')}"
    before = [states[other.name] for other in program.needs(task)]
    for other in before:
        if other.state in (FAILED, BLOCKED):
            return BLOCKED, f"{other.name} failed" if other.state == FAILED else other.reason
    why = program.out_of_date(task, times)
    exists = all(times.get(file) for file in task.makes)
    if why is None:
        changed = [other.name for other in before if other.state != DONE]
        return (STALE, f"{changed[0]} is to be made") if changed else (DONE, "")
    # A failure counts as long as nothing that it came of has changed since.
    if record.get("state") in (FAILED, KILLED, INTERRUPTED):
        since = record_path(program.path(task.main)).stat().st_mtime_ns
        inputs = [times[file] if file in times else _time(program, file) for file in (*task.inputs, task.key)]
        if all(moment is not None and moment <= since for moment in inputs):
            return FAILED if record["state"] == FAILED else KILLED, record.get("reason", "")
    if not exists:
        return TO_DO, ""
    return STALE, (_what_changed(program, task, record) or why) if why == KEY_CHANGED else why


def _what_changed(program, task, record):
    from jwpipe.program.keys import changes  # the whole engine: most looks at a program do without

    try:
        return ", ".join(changes(json.loads(program.path(task.key).read_bytes()), record))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # a damaged record tells nothing
        return ""


def _time(program, file):
    try:
        return program.path(file).stat().st_mtime_ns
    except OSError:
        return None


def status_lines(states, everything=False):
    """Write states as a table.

    Parameters
    ----------
    states : list of TaskState
        As `survey` gives them.
    everything : bool
        Whether those that are done or to do are listed too.

    Returns
    -------
    list of str
    """
    shown = [state for state in STATES if any(one.state == state for one in states)]
    lines = [f"{'pipeline':<14}" + "".join(f"{state:>10}" for state in shown) + f"{'seconds':>11}{'mean':>9}"]
    pipelines = dict.fromkeys(one.pipeline for one in states)
    lines += [_row(name, [one for one in states if one.pipeline == name], shown) for name in pipelines]
    lines.append(_row("total", states, shown))
    quiet = () if everything else (DONE, TO_DO)
    listed = [one for one in states if one.state not in quiet]
    if listed:
        lines.append("")
    for one in sorted(listed, key=lambda one: STATES.index(one.state)):
        seconds = "" if one.seconds is None else f"{one.seconds:.2f} s"
        lines.append(f"{one.state:<10}{seconds:>10}  {one.name}{': ' if one.reason else ''}{one.reason}")
    return lines


def _row(title, states, shown):
    counts = Counter(one.state for one in states)
    times = [one.seconds for one in states if one.seconds is not None]
    cells = "".join(f"{counts[state] or '-':>10}" for state in shown)
    total = f"{sum(times):>11.1f}{sum(times) / len(times):>9.2f}" if times else f"{'-':>11}{'-':>9}"
    return f"{title:<14}{cells}{total}"
