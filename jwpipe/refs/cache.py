"""The reference cache on disk, in the CRDS client's layout, so that both programs share one.

::

    $CRDS_PATH/config/jwst/server_config           what the server last said, a Python literal
    $CRDS_PATH/config/jwst/ref_cache_subdir_mode   "instrument" or "flat"
    $CRDS_PATH/mappings/jwst/*.pmap .imap .rmap    rules
    $CRDS_PATH/references/jwst/<instrument>/*      reference files ("flat": all in one folder)
"""

import errno
import hashlib
import os
import re
import time
from contextlib import contextmanager
from pathlib import Path

from jwpipe.errors import ReferenceError
from jwpipe.refs import literal
from jwpipe.refs.client import OBSERVATORY, ServerError
from jwpipe.refs.literal import LiteralError

__all__ = ["INSTRUMENTS", "Cache", "default_root", "is_rules", "sha1"]

INSTRUMENTS = ("fgs", "miri", "nircam", "niriss", "nirspec", "system")
PART_SUFFIX = ".part"

# Seconds without progress, beyond two time-outs, after which another process's download counts as stalled.
PATIENCE = 10

_SHARED_CACHE = Path("/grp/crds/cache")


def default_root():
    """Find the folder of the cache.

    Returns
    -------
    pathlib.Path
        ``CRDS_PATH``; else the client's own default (``CRDS_DEFAULT_CACHE``, or the cache of STScI's file system where
        there is one); else ``~/crds_cache``, the place that the client's manual proposes.
    """
    root = os.environ.get("CRDS_PATH") or os.environ.get("CRDS_DEFAULT_CACHE")
    if root:
        return Path(root)
    return _SHARED_CACHE if _SHARED_CACHE.is_dir() else Path.home() / "crds_cache"


def is_rules(name):
    """Tell whether a file name is that of a rules file.

    Parameters
    ----------
    name : str
        A file name.

    Returns
    -------
    bool
        Whether it ends with .pmap, .imap or .rmap.
    """
    return name.endswith((".pmap", ".imap", ".rmap"))


def sha1(path):
    """Compute the SHA-1 of a file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    str
        In hexadecimal.
    """
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha1").hexdigest()


class Cache:
    """A reference cache.

    Parameters
    ----------
    root : path-like, optional
        Its folder; by default see `default_root`.
    """

    def __init__(self, root=None):
        self.root = Path(root) if root else default_root()
        self.mappings = self.root / "mappings" / OBSERVATORY
        self.references = self.root / "references" / OBSERVATORY
        self.config = self.root / "config" / OBSERVATORY
        self.readonly = os.environ.get("CRDS_READONLY_CACHE", "").upper() in ("1", "T", "TRUE", "Y", "YES", "ON")
        self._mode = None

    @property
    def derived(self):
        """Folder for what jwpipe derives from references at a cost; None where the cache is not to be written to."""
        return None if self.readonly else self.root / "derived" / OBSERVATORY

    @property
    def mode(self):
        """How reference files are laid out: ``"instrument"`` (one folder each) or ``"flat"``."""
        if self._mode is None:
            try:
                mode = (self.config / "ref_cache_subdir_mode").read_text().strip()
            except OSError:
                # As the client guesses: many entries at the top are files, not the few instruments' folders.
                crowded = self.references.is_dir() and sum(1 for _ in self.references.iterdir()) > 20
                mode = "flat" if crowded else "instrument"
            if mode not in ("instrument", "flat"):
                raise ReferenceError(
                    f"{self.config / 'ref_cache_subdir_mode'} says {mode!r:.40}", "it should say instrument or flat"
                )
            self._mode = mode
        return self._mode

    def path(self, name):
        """Give the place of a file in the cache, whether it is there or not.

        Parameters
        ----------
        name : str
            Name of a rules or reference file, without folder.

        Returns
        -------
        pathlib.Path
            Its place.

        Raises
        ------
        ReferenceError
            If the name is no plain name, or does not say of which instrument the file is.
        """
        if not name or Path(name).name != name or name.startswith("."):
            raise ReferenceError(f"{name!r:.100} is not the name of a file in the cache", "give it without folder")
        if is_rules(name):
            return self.mappings / name
        if self.mode == "flat":
            return self.references / name
        lower = name.lower()
        for instrument in INSTRUMENTS:
            if f"_{instrument}_" in lower or lower.startswith(f"{instrument}_"):
                return self.references / instrument / name
        raise ReferenceError(
            f"the name of the reference file {name} does not say of which instrument it is",
            "the cache has one folder an instrument; names are like jwst_nircam_dark_0001.fits",
        )

    def server_config(self):
        """Read what the server said when it was last asked, by jwpipe or by the CRDS client.

        Returns
        -------
        dict
            Empty where it was never asked.

        Raises
        ------
        ReferenceError
            If the file is damaged.
        """
        text = self._config_text()
        info = self._config_value(text) if text else {}
        if not isinstance(info, dict):
            raise self._damaged_config("it holds no table")
        return info

    def setting(self, key):
        """Read one entry of the server's configuration, without the long list of files in it.

        Parameters
        ----------
        key : str
            Name of an entry that is text or a list of text.

        Returns
        -------
        str, list or None
            None where there is no such entry.

        Raises
        ------
        ReferenceError
            If the file is damaged.
        """
        entry = re.search(rf"""'{key}'\s*:\s*('[^'\n]*'|\[[^][{{}}()]*\])\s*[,}}]""", self._config_text())
        return self._config_value(entry[1]) if entry else self.server_config().get(key)

    def _config_text(self):
        try:
            return (self.config / "server_config").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as exc:
            raise self._damaged_config(getattr(exc, "strerror", None) or exc) from None

    def _config_value(self, text):
        try:
            return literal.value(literal.parse(text, mode="eval", max_chars=64_000_000).body)
        except LiteralError as exc:
            raise self._damaged_config(exc) from None

    def _damaged_config(self, reason):
        path = self.config / "server_config"
        return ReferenceError(f"{path} cannot be read: {reason}", "remove it; the next run with network renews it")

    def store_server_config(self, info):
        """Keep what the server says for runs without network; a cache that cannot be written to stays as it is.

        Parameters
        ----------
        info : dict
            The server's configuration.
        """
        import pprint

        if self.readonly:
            return
        try:
            self._write_text("server_config", pprint.pformat(info))
            self._write_text("bad_files.txt", "\n".join(map(str, info.get("bad_files_list") or [])))
            if not (self.config / "ref_cache_subdir_mode").exists():
                self._write_text("ref_cache_subdir_mode", self.mode)
        except OSError:
            pass  # a shared cache of another user: reading from it is all that is needed

    def _write_text(self, name, text):
        path = self.config / name
        try:
            if path.read_text() == text:
                return
        except (OSError, UnicodeDecodeError):
            pass
        self.config.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{name}.{os.getpid()}{PART_SUFFIX}")
        try:
            temporary.write_text(text)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def fetch(self, name, server, progress=None):
        """Get a file from the server into the cache.

        The file is written beside its place, held against the server's size and checksum, and renamed. Of several
        processes that want the same file, one downloads it and the others wait for it; a process that dies leaves
        nothing that others would wait for.

        Parameters
        ----------
        name : str
            Name of a rules or reference file.
        server : jwpipe.refs.client.Server
            Where to get it.
        progress : callable, optional
            ``progress(name, done, total)`` is called as bytes come in; both numbers in bytes.

        Returns
        -------
        pathlib.Path
            Its place in the cache.

        Raises
        ------
        ReferenceError
            If it cannot be had or the cache cannot be written to.
        """
        target = self.path(name)
        if self.readonly:
            raise ReferenceError(f"{name} is not in the cache, which CRDS_READONLY_CACHE says not to change")
        size, checksum = server.file_info(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with _half_file(target, patience=2 * server.timeout + PATIENCE) as half:
                if half:
                    server.download(name, lambda chunks: _store(chunks, half, name, size, checksum, progress))
                    os.fsync(half.fileno())
                    Path(half.name).replace(target)
        except OSError as exc:
            full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
            advice = "free some space" if full else "set CRDS_PATH to a folder that you may write to"
            raise ReferenceError(f"{target} cannot be written: {exc.strerror or exc}", advice) from None
        return target

    def files(self):
        """List the reference files in the cache.

        Returns
        -------
        list of pathlib.Path
            Sorted by name; without files that are still coming in.
        """
        found = self.references.rglob("*") if self.references.is_dir() else ()
        return sorted((p for p in found if p.is_file() and not p.name.startswith(".")), key=lambda p: p.name)

    def rules(self):
        """List the rules files in the cache.

        Returns
        -------
        list of pathlib.Path
            Sorted by name.
        """
        found = self.mappings.iterdir() if self.mappings.is_dir() else ()
        return sorted(path for path in found if is_rules(path.name) and not path.name.startswith("."))

    def abandoned(self):
        """List half files that runs which were killed have left behind.

        Returns
        -------
        list of pathlib.Path
            Sorted; without those of downloads under way.
        """
        folders = [folder for folder in (self.mappings, self.references) if folder.is_dir()]
        halves = sorted(path for folder in folders for path in folder.rglob(f".*{PART_SUFFIX}"))
        return [path for path in halves if not _in_use(path)]


def _store(chunks, half, name, size, checksum, progress):
    """Write chunks into the half file and hold them against what the server says the file is."""
    half.truncate(0)
    digest, done = hashlib.sha1(), 0
    for chunk in chunks:
        done += len(chunk)
        if done > size:
            raise ServerError(f"{name} comes longer than the {size} bytes that the server says it has")
        half.write(chunk)
        digest.update(chunk)
        if progress:
            progress(name, done, size)
    half.flush()
    if done != size:
        raise ServerError(f"{name} came cut short: {done} of {size} bytes")
    if checksum != "none" and digest.hexdigest() != checksum:
        raise ServerError(f"{name} came damaged: its checksum is not the one that the server gives")


@contextmanager
def _half_file(target, patience):
    """Open the half file beside `target` for this process alone.

    The lock is on the half file itself, so it goes with the process that holds it and leaves no litter. Yields None
    where another process has brought the whole file meanwhile. A holder that makes no progress for `patience` seconds
    is no longer waited for: the file is then fetched under a name of our own, which the rename makes harmless.
    """
    path = target.with_name(f".{target.name}{PART_SUFFIX}")
    since, seen, stuck = time.monotonic(), None, False
    while not target.exists():
        with path.open("ab+") as half:
            if stuck or (_locked(half) and _same(half, path)):
                try:
                    yield None if target.exists() else half
                finally:
                    path.unlink(missing_ok=True)
                return
            size = os.fstat(half.fileno()).st_size
        if size != seen:
            since, seen = time.monotonic(), size
        elif time.monotonic() - since > patience:
            path, stuck = target.with_name(f".{target.name}.{os.getpid()}{PART_SUFFIX}"), True
        else:
            time.sleep(0.1)
    yield None


def _locked(stream):
    """Take the lock on a file without waiting; a file system that has no locks counts as giving it."""
    try:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True
    return True


def _in_use(path):
    try:
        with path.open("rb") as half:
            return not _locked(half)
    except FileNotFoundError:
        return True


def _same(stream, path):
    """Tell whether the opened file is still the one at its path (a finished download has renamed it)."""
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False
