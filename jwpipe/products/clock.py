"""The time that products say they were written at."""

import datetime
import os

from jwpipe.errors import UsageError

__all__ = ["written_at"]

VARIABLE = "SOURCE_DATE_EPOCH"


def written_at():
    """Give the present time, or the one that SOURCE_DATE_EPOCH names, so that the same work gives the same bytes.

    Returns
    -------
    str
        UTC, as ``2024-01-02T03:04:05.678``.

    Raises
    ------
    UsageError
        The variable is set, to no number of seconds.
    """
    stated = os.environ.get(VARIABLE)
    if stated:
        try:
            moment = datetime.datetime.fromtimestamp(int(stated), datetime.UTC)
        except (ValueError, OverflowError, OSError):
            raise UsageError(f"{VARIABLE} = {stated!r} is no time", "give seconds since 1970") from None
    else:
        moment = datetime.datetime.now(datetime.UTC)
    return moment.isoformat(timespec="milliseconds")[:-6]
