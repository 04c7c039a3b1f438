"""One task of a program, as schedulers other than make run it."""

import os
from dataclasses import dataclass

from jwpipe.errors import ExitStatus, InputError, explain
from jwpipe.jobs import api

__all__ = ["BLOCKED", "DONE", "FAILED", "UP_TO_DATE", "Ending", "perform"]

DONE, UP_TO_DATE, FAILED, BLOCKED = "done", "up to date", "failed", "blocked"


@dataclass
class Ending:
    """How a task ended: `DONE`, `UP_TO_DATE`, `FAILED` or `BLOCKED`, why, and the exit status of a command."""

    name: str
    state: str
    reason: str = ""
    status: int = 0


def perform(program, task, threads=None, max_memory=None, upstream=()):
    """Do a task, if it is to be done and can be.

    Parameters
    ----------
    program : Program
        The program.
    task : Task
        One of its tasks.
    threads : int, optional
        Threads of the kernels; by default all processors.
    max_memory : int, optional
        Bytes that it may take.
    upstream : sequence of Ending, optional
        How the tasks ended whose products it takes.

    Returns
    -------
    Ending
        A task whose inputs failed, or are not there, is blocked.
    """
    from jwpipe.jobs.memory import available_memory

    bad = [ending.name for ending in upstream if ending.state in (FAILED, BLOCKED)]
    missing = program.missing_inputs(task)
    if bad or missing:
        why = f"{bad[0]} failed" if bad else f"{missing[0]} is not there"
        return Ending(task.name, BLOCKED, why, int(ExitStatus.BAD_INPUT))
    if program.out_of_date(task) is None:
        return Ending(task.name, UP_TO_DATE)
    for variable, value in program.environment.items():
        os.environ.setdefault(variable, value)
    try:
        options = api.Options(
            **program.options[task.pipeline],
            output_dir=program.path(program.products),
            threads=threads or api.available_threads(),
            max_memory=max_memory or available_memory(),
            record=True,
        )
        api.process(api.load(task.pipeline), program.path(task.source), options)
        lacking = [file for file in task.makes if not program.path(file).exists()]
        if lacking:
            raise InputError(f"{task.pipeline} has not made {lacking[0]}", "plan the program anew")
    except Exception as problem:  # a defect ends one task, not the program
        return Ending(task.name, FAILED, *explain(problem))
    return Ending(task.name, DONE)
