"""Processes of this interpreter that run one of the package's modules."""

import os
import sys
from pathlib import Path

import jwpipe

__all__ = ["environment", "python"]


def python(module, *arguments):
    """Give the command that runs a module, whatever lies in the present folder."""
    return [sys.executable, "-P", "-m", module, *map(str, arguments)]


def environment():
    """Give this process's environment, so that the package is found there too."""
    package = str(Path(jwpipe.__file__).absolute().parents[1])
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}
