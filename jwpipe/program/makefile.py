"""A program as a Makefile."""

import os
import re
import shlex
import sys
from pathlib import Path

from jwpipe.report.plain import write_whole

__all__ = ["arguments", "makefile", "quoted", "unfit", "write_makefile"]

HEAD = """\
# Made by `jwpipe plan`; plan anew instead of editing. {counts}
#   make -f {name} -j4         makes what is missing or older than what it is made from
#   make -f {name} -j4 -k      goes on where something fails
#   make -f {name} -n          says what would be done
#   jwpipe status {name}       says how far it has come
# Variables: JWPIPE, THREADS (of one task; by default the processors shared among the tasks), MEMORY (of one task).

ifeq (,$(filter grouped-target,$(.FEATURES)))
$(error GNU make 4.3 or later is needed)
endif
ifeq (,$(wildcard {hidden}))
$(error make is to be run in the folder of this file, as in: make -C FOLDER -f {name})
endif
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

JWPIPE ?= {command}
PROCESSORS := $(shell getconf _NPROCESSORS_ONLN)
TASKS = $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),1)
THREADS ?= $(shell echo $$(( ($(PROCESSORS) + $(TASKS) - 1) / $(TASKS) )))
MEMORY ?=
SETTINGS = -q --record --threads $(THREADS) $(if $(MEMORY),--max-memory $(MEMORY))
eq := =
"""
SPECIAL = re.compile(r"([ #:])")
UNFIT = ";%|*?[]\\"  # for which make has no way that works in targets and prerequisites alike


def unfit(path):
    """Say which character of a path make cannot take, None where it can take all of them."""
    return next((repr(c) for c in str(path) if c in UNFIT or not c.isprintable()), None)


def quoted(path):
    """Write a path as a target or prerequisite.

    Parameters
    ----------
    path : str
        Of which make can take all characters.

    Returns
    -------
    str
    """
    return SPECIAL.sub(r"\\\1", path.replace("$", "$$")).replace("=", "$(eq)")


def arguments(options):
    """Write fields of `jwpipe.jobs.api.Options` as options of a command.

    Parameters
    ----------
    options : dict
        Those of a pipeline's tasks, as `Program` keeps them.

    Returns
    -------
    list of str
    """
    words = ["--context", options["context"]] if options.get("context") else []
    words += ["--pars", options["pars"]] if options.get("pars") else []
    for flag, name in (("--set", "assignments"), ("--skip", "skip"), ("--save", "save")):
        for value in options.get(name, ()):
            words += [flag, value]
    for reftype, file in options.get("overrides", {}).items():
        words += ["--override", f"{reftype}={file}"]
    return words


def makefile(program, name):
    """Write a program for make.

    Parameters
    ----------
    program : Program
        The program.
    name : str
        File name of the Makefile.

    Returns
    -------
    str
    """
    kinds = [task.pipeline for task in program.tasks]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    hidden = os.path.dirname(program.tasks[0].key) if program.tasks else program.products  # noqa: PTH120 - text
    lines = [
        HEAD.format(
            counts=counts or "nothing to make",
            name=shlex.quote(name),
            hidden=quoted(hidden),
            command=_shell(sys.executable, "-P", "-m", "jwpipe.cli.client"),
        )
    ]
    for variable, value in program.environment.items():
        lines += [f"{variable} ?= {value.replace('$', '$$').replace('#', chr(92) + '#')}", f"export {variable}"]
    groups = {kind: [] for kind in kinds}
    for task in program.tasks:
        groups[task.pipeline] += task.makes
    lines += ["", f".PHONY: all {' '.join(groups)}", f"all: {' '.join(groups)}"]
    for kind, products in groups.items():
        lines.append(f"{kind}: " + " ".join(map(quoted, products)))
    if program.left_out:
        lines += ["", "# Left out:"]
        lines += [f"#   {one.kind}: {one.name}: {' '.join(one.why.split())}" for one in program.left_out]
    for task in program.tasks:
        targets, needed = " ".join(map(quoted, task.makes)), " ".join(map(quoted, (*task.inputs, task.key)))
        command = _shell(task.pipeline, task.source, "-o", program.products, *arguments(program.options[task.pipeline]))
        lines += [
            "",
            f"{targets} {'&:' if len(task.makes) > 1 else ':'} {needed}",
            f"\t$(JWPIPE) {command} $(SETTINGS)",
        ]
        if task.also:
            # By-products come with the main product, or not at all: nothing is to be done for them alone.
            lines.append(f"{' '.join(map(quoted, task.also))}: | {quoted(task.main)} ;")
    return "\n".join(lines) + "\n"


def _shell(*words):
    return " ".join(map(shlex.quote, words)).replace("$", "$$")


def write_makefile(program, path):
    """Write a program's Makefile, and the JSON that other commands read, unless they say the same already.

    Parameters
    ----------
    program : Program
        The program.
    path : pathlib.Path
        The Makefile.
    """
    from jwpipe.program.graph import plan_path

    program.write(plan_path(path))
    write_whole(Path(path), os.fsencode(makefile(program, Path(path).name)))
