"""The tasks of a program: what each takes and makes, in which order, and which are up to date, as make sees it."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jwpipe.errors import InputError, JwpipeError, UsageError, nearest

__all__ = ["KEY_CHANGED", "LeftOut", "Program", "Task", "plan_path", "relative"]

FORMAT = 1
KEY_CHANGED = "its parameters or references have changed"


@dataclass(frozen=True)
class Task:
    """One run of a pipeline. Paths are texts, relative to the program's folder.

    Attributes
    ----------
    name : str
        The main product's file name without its ending.
    pipeline : str
        What is run.
    source : str
        On what: an exposure or an association.
    inputs : tuple of str
        All files that it needs, the source first.
    makes : tuple of str
        Files that every run makes, the main product first.
    also : tuple of str
        Files that a run may make besides.
    key : str
        File that changes when the parameters or references of the task do.
    """

    name: str
    pipeline: str
    source: str
    inputs: tuple
    makes: tuple
    also: tuple
    key: str

    @property
    def main(self):
        """The main product."""
        return self.makes[0]


@dataclass(frozen=True)
class LeftOut:
    """What a program should make, and does not: its name, the kind of work, and why."""

    name: str
    kind: str
    why: str


@dataclass
class Program:
    """Tasks, each after those whose products it takes.

    Attributes
    ----------
    folder : pathlib.Path
        Where the plan is; paths of tasks are relative to it.
    products : str
        Folder of products.
    tasks : list of Task
        In an order in which they can be done.
    left_out : list of LeftOut
        What there is no task for.
    options : dict of str to dict
        Fields of `jwpipe.jobs.api.Options`, by pipeline.
    environment : dict of str to str
        Variables that say where references are, unless they are set otherwise when the program is run.
    """

    folder: Path
    products: str
    tasks: list = field(default_factory=list)
    left_out: list = field(default_factory=list)
    options: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)

    def __post_init__(self):
        self._makers = {file: task for task in self.tasks for file in (*task.makes, *task.also)}
        self._by_name = {task.name: task for task in self.tasks}

    def path(self, text):
        """Path of a file of the plan."""
        return self.folder / text

    def find(self, name):
        """Look a task up by its name, or by a file that it makes.

        Raises
        ------
        UsageError
            There is none.
        """
        name = Path(name).name
        for known in (name, name.removesuffix(".fits")):
            if known in self._by_name:
                return self._by_name[known]
        made = {Path(file).name: task for file, task in self._makers.items()}
        if name in made:
            return made[name]
        raise UsageError(f"nothing in the program makes {name}", nearest(name, self._by_name))

    def needs(self, task):
        """Tasks whose products a task takes."""
        makers = [self._makers[file] for file in task.inputs if file in self._makers]
        return list(dict.fromkeys(makers))

    def waves(self):
        """Sort tasks by how many others come before them: those of a wave do not wait for each other.

        Returns
        -------
        list of list of Task
        """
        depth, waves = {}, {}
        for task in self.tasks:
            depth[task.name] = max((depth[other.name] + 1 for other in self.needs(task)), default=0)
            waves.setdefault(depth[task.name], []).append(task)
        return [waves[number] for number in sorted(waves)]

    def out_of_date(self, task, times=None):
        """Say why a task is to be done, by the rule of make: a product is missing, or older than what it is made from.

        Parameters
        ----------
        task : Task
            The task.
        times : dict, optional
            Times of files that were looked up before; is added to.

        Returns
        -------
        str or None
            The reason; None where its products are up to date.
        """
        times = {} if times is None else times

        def when(file):
            if file not in times:
                try:
                    times[file] = self.path(file).stat().st_mtime_ns
                except OSError:
                    times[file] = None
            return times[file]

        missing = [file for file in task.makes if when(file) is None]
        if missing:
            return f"{Path(missing[0]).name} is missing"
        oldest = min(when(file) for file in task.makes)
        for file in (*task.inputs, task.key):
            if when(file) is not None and when(file) > oldest:
                return KEY_CHANGED if file == task.key else f"{Path(file).name} is newer"
        return None

    def missing_inputs(self, task):
        """Files that a task needs, and that are not there."""
        return [file for file in task.inputs if not self.path(file).exists()]

    def write(self, path):
        """Write the program as JSON, whole or not at all.

        Parameters
        ----------
        path : path-like
            Target.
        """
        from jwpipe.report.plain import write_whole

        data = {"format": FORMAT, "products": self.products, "environment": self.environment, "options": self.options}
        data |= {"tasks": [asdict(task) for task in self.tasks], "left_out": [asdict(one) for one in self.left_out]}
        write_whole(path, json.dumps(data, indent=1).encode() + b"\n")

    @classmethod
    def read(cls, path):
        """Read the program that goes with a Makefile.

        Parameters
        ----------
        path : path-like
            The Makefile, or the JSON beside it.

        Returns
        -------
        Program

        Raises
        ------
        InputError
            There is no program at this place.
        """
        file = plan_path(path)
        try:
            data = json.loads(file.read_bytes())
            if data["format"] != FORMAT:
                raise InputError(f"{file} was written by another release of jwpipe", "plan the program anew")
            tasks = [
                Task(**{k: tuple(v) if isinstance(v, list) else v for k, v in one.items()}) for one in data["tasks"]
            ]
            left_out = [LeftOut(**one) for one in data["left_out"]]
            return cls(file.parent, data["products"], tasks, left_out, data["options"], data["environment"])
        except JwpipeError:
            raise
        except OSError as problem:
            raise InputError(f"cannot read the program {file}: {problem.strerror}", "jwpipe plan writes it") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(f"{file} is no program", "jwpipe plan writes it") from None


def plan_path(path):
    """Path of the JSON that goes with a Makefile."""
    path = Path(path)
    return path if path.suffix == ".json" else path.with_name(f"{path.name.removesuffix('.mk')}.plan.json")


def relative(path, folder):
    """Give a path as seen from a folder, so that a tree can be moved; never one that looks like an option."""
    text = os.path.relpath(path, folder)
    return f"./{text}" if text.startswith(("-", "~")) else text
