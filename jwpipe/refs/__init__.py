"""Reference files: the rules that choose them, the cache that holds them, their contents.

Source: the CRDS client and its documentation (https://jwst-crds.stsci.edu/static/users_guide).
"""

__all__ = ["ReferenceFinder", "Resolved", "best_references"]


def __getattr__(name):
    # Rules are read when references are chosen; steps, which only open files, need none of that.
    if name in __all__:
        from jwpipe.refs import references

        return getattr(references, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
