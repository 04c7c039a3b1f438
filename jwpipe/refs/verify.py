"""Checks that the files of the cache are whole."""

from dataclasses import dataclass
from pathlib import Path

from jwpipe.errors import ReferenceError
from jwpipe.refs import rules
from jwpipe.refs.cache import sha1
from jwpipe.refs.client import ServerError, decoded, size_and_checksum

__all__ = ["Finding", "verify"]

_FITS_BLOCK = 2880


@dataclass(frozen=True)
class Finding:
    """What is known of one file of the cache.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    problem : str or None
        What is wrong with it.
    checked : bool
        Whether there was a checksum to hold it against.
    """

    path: Path
    problem: str | None
    checked: bool


def verify(cache, server):
    """Look at every file of a cache.

    Sizes and checksums are those that the server gives, or gave when it was last asked. Rules files carry a checksum of
    their own. Where neither is to be had a file is looked at for signs of having been cut short.

    Parameters
    ----------
    cache : jwpipe.refs.cache.Cache
        The cache.
    server : jwpipe.refs.client.Server
        Asked for its list of files if it can be reached.

    Yields
    ------
    Finding
        Of each file.
    """
    known = _known_files(cache, server)
    for path in cache.rules():
        problem, checked = _against(path, known)
        yield Finding(path, problem or _rules_problem(path), True)
    for path in cache.files():
        problem, checked = _against(path, known)
        yield Finding(path, problem or (None if checked else _cut_short(path)), checked)
    for path in cache.abandoned():
        yield Finding(path, "a download that was broken off (it may be removed)", True)


def _known_files(cache, server):
    """Give the server's list of files, else the one that the cache keeps, else none."""
    info = {}
    if not server.offline:
        try:
            info = server.info(patient=False)
            cache.store_server_config(info)
        except ServerError:
            pass
    known = decoded((info or cache.server_config()).get("download_metadata"))
    return known if isinstance(known, dict) else {}


def _against(path, known):
    expected = size_and_checksum(known.get(path.name))
    if expected is None:
        return None, False
    size, checksum = expected
    if path.stat().st_size != size:
        return f"{path.stat().st_size} bytes where the server has {size}", True
    if checksum != "none" and sha1(path) != checksum:
        return "its checksum is not the server's", True
    return None, checksum != "none"


def _rules_problem(path):
    try:
        text = path.read_text(encoding="utf-8")
        carried = rules.header_checksum(text, path.name)
    except (UnicodeDecodeError, ReferenceError) as exc:
        return f"it cannot be read: {exc.args[0]}"
    return None if carried == rules.checksum(text) else "its checksum is not the one that it carries"


def _cut_short(path):
    size = path.stat().st_size
    if size == 0:
        return "it is empty"
    if path.suffix == ".fits" and size % _FITS_BLOCK:
        return "it is cut short: a FITS file has whole blocks of 2880 bytes"
    return None
