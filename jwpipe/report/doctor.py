"""What is installed and whether it can work: one line a finding, with what to do where something is amiss."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from jwpipe.errors import JwpipeError

__all__ = ["Finding", "examine"]

REQUIRED = ("numpy", "astropy", "scipy", "photutils", "gwcs", "typer")
OPTIONAL = {"matplotlib": "pictures: pip install 'jwpipe[plot]'"}


@dataclass
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    topic : str
        What.
    state : str
        How it stands.
    good : bool
        Whether jwpipe can work with it.
    advice : str
        What to do where it is not good, or could be better.
    """

    topic: str
    state: str
    good: bool = True
    advice: str = ""


def examine():
    """Look at everything.

    Returns
    -------
    list of Finding
    """
    return [*_software(), *_threads(), *_references()]


def _software():
    import jwpipe

    yield Finding("jwpipe", f"{jwpipe.__version__} on Python {platform.python_version()}, {platform.machine()}")
    found, missing = [], []
    for name in REQUIRED:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    advice = f"pip install {' '.join(missing)}" if missing else ""
    yield Finding("packages", ", ".join(found), not missing, advice)
    for name, purpose in OPTIONAL.items():
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "not installed", True, purpose)


def _threads():
    from jwpipe.jobs.api import available_threads

    try:
        from jwpipe.cext.convert import openmp_processors
    except ImportError:
        yield Finding("kernels", "not built", False, "pip install .")
        return
    if openmp_processors():
        yield Finding("kernels", f"OpenMP; {available_threads()} threads by default")
    else:
        yield Finding("kernels", "built without OpenMP: one thread", True, "build with a compiler that has OpenMP")


def _references():
    from jwpipe.refs import ReferenceFinder
    from jwpipe.refs.client import DEFAULT_SERVER, Server, ServerError

    try:
        finder = ReferenceFinder(server=Server(timeout=5, attempts=1))  # a check-up does not wait
        root = finder.cache.root
    except JwpipeError as problem:
        yield Finding("cache", str(problem), False)
        return
    if root.is_dir():
        writable = os.access(root, os.W_OK)
        free = shutil.disk_usage(root).free / 1e9
        yield Finding("cache", f"{root}, {'writable' if writable else 'read only'}, {free:.0f} GB free")
    elif root.exists():
        yield Finding("cache", f"{root} is no folder", False, "set CRDS_PATH to the folder of the cache")
    else:
        yield Finding("cache", f"{root} does not exist", True, "set CRDS_PATH; it is made when references are fetched")
    if finder.server.offline:
        yield Finding("server", "none: the cache alone serves")
    elif not _is_address(finder.server.url):
        advice = f"set CRDS_SERVER_URL to an address such as {DEFAULT_SERVER}"
        yield Finding("server", f"{finder.server.url} is no address", False, advice)
        return  # nothing can be asked of it, the context least of all
    else:
        try:
            finder.server.info()
        except ServerError:
            yield Finding("server", f"{finder.server.url} does not answer: the cache alone serves")
        else:
            yield Finding("server", f"{finder.server.url} answers")
    try:
        yield Finding("context", finder.context)
    except JwpipeError as problem:
        yield Finding("context", str(problem), False)


def _is_address(url):
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return (
            url.isascii()
            and len(url.split()) == 1
            and parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (parts.port or 1) > 0
        )
    except ValueError:  # half a bracket, a port that is no number
        return False
