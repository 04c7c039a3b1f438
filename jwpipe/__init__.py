"""jwpipe: the JWST science calibration pipeline as one fast command."""

__all__ = ["__version__", "run"]


def __getattr__(name):
    # `run` pulls in the whole engine, and asking for a version takes longer than a help page may: both wait to be asked.
    if name == "run":
        from jwpipe.engine.api import run

        return run
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("jwpipe")
        except PackageNotFoundError:  # a source tree that was never installed
            return "0+unknown"
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
