"""What decides, besides its input files, what comes of a task: parameters, references by checksum, and the program.

It is kept in a file a task, which is touched only when it changes: to make, such a file is one more prerequisite. A new
context, or a new parameter, thus makes anew what it concerns and nothing else.
"""

import json
from pathlib import Path

import jwpipe
from jwpipe.engine.pipeline import Use
from jwpipe.engine.runner import override
from jwpipe.jobs import api
from jwpipe.refs.cache import sha1
from jwpipe.report.plain import write_whole

__all__ = ["Checksums", "changes", "make_key", "write_key"]


class Checksums:
    """Checksums of files, computed once for as long as a file does not change.

    Parameters
    ----------
    path : path-like
        Where they are remembered.
    """

    def __init__(self, path):
        self.path, self.changed = Path(path), False
        try:
            self.known = {file: tuple(entry) for file, entry in json.loads(self.path.read_bytes()).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self.known = {}

    def of(self, path):
        """SHA-1 of a file, or None where there is none."""
        path = Path(path).absolute()
        try:
            found = path.stat()
            *state, value = self.known.get(str(path), (None, None, None))
            if state != [found.st_size, found.st_mtime_ns]:
                value, self.changed = sha1(path), True
                self.known[str(path)] = (found.st_size, found.st_mtime_ns, value)
        except OSError:
            return None
        return value

    def save(self):
        """Remember them."""
        if self.changed:
            write_whole(self.path, json.dumps(self.known, indent=0).encode())


def make_key(pipeline, product, options, members, finder, checksums):
    """Say what decides what comes of a task.

    Parameters
    ----------
    pipeline : Pipeline
        What it runs.
    product : Product or Exposures
        What it starts from, as far as headers tell it.
    options : Options
        How.
    members : dict
        What its association has besides, by kind.
    finder : ReferenceFinder
        Where references come from.
    checksums : Checksums
        Of reference files.

    Returns
    -------
    dict
        Plain data. A reference that is not in the cache has the checksum None.
    """
    settings, _ = api.prepare(pipeline, product, options, finder)
    uses = [use for use in pipeline.order if isinstance(use, Use) and _applies(use, product, members)]
    wanted = dict.fromkeys(
        reftype for use in uses if not settings.steps[use.step.name].skip for reftype in use.step.references
    )
    references = {}
    for reftype in wanted:
        if reftype in settings.overrides:
            chosen = override(reftype, settings.overrides[reftype])
            references[reftype] = {"name": chosen.name, "sha1": checksums.of(chosen.path) if chosen.path else None}
    asked = [reftype for reftype in wanted if reftype not in references]
    for reftype, chosen in (finder.best(product.headers["PRIMARY"], asked) if asked else {}).items():
        checksum = checksums.of(finder.cache.path(chosen.name)) if chosen.applicable else None
        references[reftype] = {"name": chosen.name, "sha1": checksum}
    parameters = {
        name if step is None else f"{step}.{name}": value
        for step, name, value, origin in settings.rows()
        if origin != "default"
    }
    return {
        "program": f"jwpipe {jwpipe.__version__}",
        "pipeline": pipeline.name,
        "parameters": parameters,
        "references": references,
    }


def _applies(use, product, members):
    try:
        return use.applies(product, members)
    except Exception:  # it looks at what only the real product has: counted as if it applied
        return True


def write_key(path, key):
    """Write what `make_key` gave, unless the file says the same already.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    key : dict
        Plain data.

    Returns
    -------
    bool
        Whether there is something new.
    """
    text = json.dumps(key, indent=1, default=str) + "\n"
    key = json.loads(text)
    try:
        before = json.loads(path.read_bytes())
    except (OSError, ValueError):
        before = None
    if before == key:
        return False
    known_now = isinstance(before, dict) and _filled(before, key) == key
    moment = path.stat().st_mtime_ns if known_now else None
    write_whole(path, text.encode())
    if known_now:  # a reference has come into the cache meanwhile: the one of that name that was meant before
        import os

        os.utime(path, ns=(moment, moment))
    return not known_now


def changes(key, record):
    """Say what has changed since a run, by its record.

    Parameters
    ----------
    key : dict
        As `make_key` gave it.
    record : dict
        As `jwpipe.jobs.record.read_record` gives it.

    Returns
    -------
    list of str
        References and parameters, as they were and as they are.
    """
    used = {t: name for step in record.get("steps", ()) for t, name in step.get("references", {}).items()}
    now = {t: entry["name"] for t, entry in key.get("references", {}).items()}
    found = [f"{t} was {used[t]}, is {now[t]}" for t in used if t in now and now[t] != used[t]]
    before = {
        one["name"] if one["step"] is None else f"{one['step']}.{one['name']}": one["value"]
        for one in record.get("parameters", ())
    }
    after = key.get("parameters", {})
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            was, new = (values.get(name, "the default") for values in (before, after))
            found.append(f"{name} was {was}, is {new}")
    return found


def _filled(before, now):
    """Give a key with checksums that were not known then taken from one that has them."""
    old, new = before.get("references"), now["references"]
    if not isinstance(old, dict):
        return before
    filled = {
        reftype: new[reftype]
        if entry.get("sha1") is None and new.get(reftype, {}).get("name") == entry.get("name")
        else entry
        for reftype, entry in old.items()
    }
    return before | {"references": filled}
