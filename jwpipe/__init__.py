"""jwpipe: the JWST science calibration pipeline as one fast command."""

__all__ = ["__version__", "run"]

__version__ = "0.1.0"


def __getattr__(name):
    # `run` pulls in the whole engine, which takes longer than a help page may: it waits to be asked.
    if name == "run":
        from jwpipe.jobs.api import run

        globals()["run"] = run
        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
