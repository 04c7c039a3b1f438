"""Where telemetry comes from: a table, a folder, or a service."""

import re
from pathlib import Path

from jwpipe.errors import UsageError
from jwpipe.pointing.service import connect
from jwpipe.pointing.telemetry import Folder, Table

__all__ = ["open_telemetry"]


def open_telemetry(source=None, token=None):
    """Open a source of telemetry.

    Parameters
    ----------
    source : str or path-like, optional
        A file, a folder, or the address of a service; by default the service that ENG_BASE_URL names, or MAST's.
    token : str, optional
        MAST's token, where it is not in MAST_API_TOKEN.

    Returns
    -------
    object
        With ``samples``.

    Raises
    ------
    UsageError
        No such file.
    ReferenceError
        The service cannot be reached.
    """
    if source is None or re.match("https?://", str(source)):
        return connect(source, token)
    path = Path(source)
    if path.is_dir():
        return Folder(path)
    if path.is_file():
        return Table(path)
    raise UsageError(f"no telemetry: there is no file or folder {path}", "a service's address begins with http")
