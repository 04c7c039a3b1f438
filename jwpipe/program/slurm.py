"""A program for Slurm: a script that submits it as arrays of jobs, each array after those whose products it takes."""

import os
import shlex
import sys
from pathlib import Path

from jwpipe.errors import UsageError
from jwpipe.program.graph import plan_path
from jwpipe.report.plain import write_whole

__all__ = ["LARGEST", "script", "write_script"]

LARGEST = 1000  # jobs of an array: what Slurm takes unless it is set up otherwise

HEAD = """\
#!/bin/sh
# Made by `jwpipe plan --engine slurm`: submits what is to be done, as arrays of jobs. To be run where sbatch is.
# A job whose products are up to date ends at once: after a failure, or when jobs were lost, run it again.
#   jwpipe status {name}     says how far it has come
# SBATCH_OPTIONS adds options of sbatch, such as: --partition=NAME --time=1:00:00 --mem=8G
set -eu
cd "$(dirname "$0")"
logs={logs}
mkdir -p "$logs"
submit() {{ # NAME RANGE AFTER FIRST
    sbatch --parsable --job-name="$1" --array="$2" --output="$logs/$1_%A_%a.log" --cpus-per-task={threads} \\
        ${{3:+--dependency=afterany:$3}} {options} ${{SBATCH_OPTIONS:-}} --wrap {task}
}}
"""


def script(program, name, options="", threads=None):
    """Write the script.

    Parameters
    ----------
    program : Program
        The program.
    name : str
        File name of its Makefile.
    options : str, optional
        Options of sbatch.
    threads : int, optional
        Processors of a job.

    Returns
    -------
    str

    Raises
    ------
    UsageError
        The options are no words.
    """
    try:
        words = " ".join(map(shlex.quote, shlex.split(options)))
    except ValueError:
        raise UsageError(f"--sbatch {options!r} has a quote that does not end") from None
    threads = threads or 1
    # What is inside the quotes is expanded when submitting, but for the number of the job within its array.
    command = shlex.join([sys.executable, "-P", "-m", "jwpipe", "task", plan_path(name).name])
    wrapped = f"{_double(command)} --number \\$((SLURM_ARRAY_TASK_ID + $4)) --threads {threads} -q"
    lines = [
        HEAD.format(
            name=shlex.quote(name),
            logs=shlex.quote(f"{program.products}/.plan/slurm"),
            threads=threads,
            options=words,
            task=f'"{wrapped}"',
        )
    ]
    numbers = {task.name: number for number, task in enumerate(program.tasks, 1)}
    for wave, tasks in enumerate(program.waves(), 1):
        own = sorted(numbers[task.name] for task in tasks)
        lines.append(f"# wave {wave}: {', '.join(sorted({task.pipeline for task in tasks}))}")
        after = f"$wave{wave - 1}" if wave > 1 else ""
        for part, (first, ranges) in enumerate(_arrays(own)):
            joined = f"wave{wave}=" if part == 0 else f"wave{wave}=$wave{wave}:"
            lines.append(f'{joined}$(submit wave{wave} {ranges} "{after}" {first})')
    lines.append('echo "submitted; jwpipe status says how far it has come"')
    return "\n".join(lines) + "\n"


def _double(text):
    """Write a text for inside double quotes of the shell."""
    for special in '\\"$`':
        text = text.replace(special, "\\" + special)
    return text


def _arrays(numbers):
    """Part numbers into arrays; give for each what is to be added to its indices, and its indices as Slurm has them."""
    for start in range(0, len(numbers), LARGEST):
        part = numbers[start : start + LARGEST]
        first = part[0] - 1
        ranges, run = [], [part[0], part[0]]
        for number in [*part[1:], None]:
            if number == run[1] + 1:
                run[1] = number
                continue
            low, high = run[0] - first, run[1] - first
            ranges.append(f"{low}-{high}" if high > low else f"{low}")
            run = [number, number]
        yield first, ",".join(ranges)


def write_script(program, output, options="", threads=None):
    """Write the script beside the Makefile; give its path."""
    path = Path(output).with_suffix(".slurm.sh")
    write_whole(path, os.fsencode(script(program, Path(output).name, options, threads)))
    path.chmod(path.stat().st_mode | 0o111)
    return path
