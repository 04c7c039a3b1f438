"""jwpipe: the JWST science calibration pipeline as one fast command."""

__all__ = ["__version__", "run"]


def __getattr__(name):
    # `run` pulls in the whole engine, and finding the version takes longer than a help page may: both wait to be asked.
    if name == "run":
        from jwpipe.jobs.api import run as value
    elif name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            value = version("jwpipe")
        except PackageNotFoundError:  # a source tree that was never installed
            value = "0+unknown"
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value
