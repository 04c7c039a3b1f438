"""A program on Dask: the same graph, on workers of this machine or of a scheduler that exists.

A task looks first whether its products are up to date. When a worker dies, Dask does again all tasks whose results it
held; those that were done find nothing to do, and the one that was at work is done anew.
"""

import contextlib
from pathlib import Path

from jwpipe.errors import ExitStatus, InputError, UsageError
from jwpipe.program.graph import Program
from jwpipe.program.running import BLOCKED, DONE, FAILED, UP_TO_DATE, Ending, perform

__all__ = ["run_on_dask"]

DEATHS = 3  # workers that a task may cost before it counts as failed


def run_on_dask(plan, local=None, scheduler=None, threads=None, say=print):
    """Run a program.

    Parameters
    ----------
    plan : path-like
        The program as JSON, where all workers can read it.
    local : int, optional
        Workers to start on this machine.
    scheduler : str, optional
        Address of a scheduler; without either, the one that Dask is set up for.
    threads : int, optional
        Threads of one task; by default the processors shared among the workers.
    say : callable, optional
        Told of each task as it ends.

    Returns
    -------
    int
        Exit status: 0 if nothing failed.

    Raises
    ------
    UsageError
        Dask is not installed, or there is no scheduler.
    """
    if local and scheduler:
        raise UsageError("--local and --scheduler exclude each other")
    try:
        import dask
        import distributed
    except ImportError:
        raise UsageError("--engine dask needs dask and distributed", "pip install 'jwpipe[dask]'") from None
    scheduler = scheduler or dask.config.get("scheduler-address", None)
    if not local and not scheduler:
        raise UsageError("there is no Dask scheduler", "give --local N, or --scheduler ADDRESS")
    plan = Path(plan).absolute()
    program = Program.read(plan)
    with contextlib.ExitStack() as stack:
        settings = {"distributed.scheduler.allowed-failures": DEATHS, "distributed.admin.log-format": "%(message)s"}
        stack.enter_context(dask.config.set(settings))
        if local:
            from jwpipe.jobs.api import available_threads

            threads = threads or max(1, available_threads() // local)
            cluster = distributed.LocalCluster(
                n_workers=local, threads_per_worker=1, memory_limit=0, dashboard_address=None, silence_logs="CRITICAL"
            )
            scheduler = stack.enter_context(cluster)
        try:
            client = stack.enter_context(distributed.Client(scheduler, timeout=20))
        except (OSError, ValueError) as problem:
            raise UsageError(f"no Dask scheduler answers at {scheduler}: {problem}") from None
        return _run(program, plan, client, threads or 1, say)


def _run(program, plan, client, threads, say):
    from distributed import as_completed

    futures = {}
    for task in program.tasks:
        upstream = [futures[other.name] for other in program.needs(task)]
        # Not pure: what a task of this name gave in another run counts for nothing.
        futures[task.name] = client.submit(
            work, str(plan), task.name, threads, upstream, key=f"{task.name}-{id(futures)}", pure=False
        )
    names = {future.key: name for name, future in futures.items()}
    endings = []
    for future in as_completed(list(futures.values())):
        if future.status == "finished":
            ending = future.result()
        else:
            problem = " ".join(str(future.exception()).split())
            ending = Ending(names[future.key], FAILED, problem, int(ExitStatus.STEP_FAILED))
        endings.append(ending)
        if ending.state != UP_TO_DATE:
            say(f"{ending.name}: {ending.state}{': ' if ending.reason else ''}{ending.reason}")
    counts = {state: sum(ending.state == state for ending in endings) for state in (DONE, UP_TO_DATE, FAILED, BLOCKED)}
    say(", ".join(f"{number} {state}" for state, number in counts.items()))
    return int(ExitStatus.STEP_FAILED) if counts[FAILED] or counts[BLOCKED] else int(ExitStatus.DONE)


def work(plan, name, threads, upstream):
    """Do one task, on a worker."""
    try:
        program = Program.read(plan)
    except InputError as problem:
        return Ending(name, FAILED, str(problem), int(problem.status))
    return perform(program, program.find(name), threads, upstream=upstream)
