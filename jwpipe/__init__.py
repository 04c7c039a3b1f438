"""jwpipe: the JWST science calibration pipeline as one fast command."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__", "run"]

try:
    __version__ = version("jwpipe")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"


def __getattr__(name):
    # `run` pulls in the whole engine; `jwpipe --help` must not pay for it.
    if name == "run":
        from jwpipe.engine.api import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
