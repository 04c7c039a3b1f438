"""Reference files: CRDS rules, selection, the cache, downloads, and readers of the files themselves."""

from jwpipe.refs.references import ReferenceFinder, Resolved, best_references

__all__ = ["ReferenceFinder", "Resolved", "best_references"]
