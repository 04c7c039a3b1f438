"""Engineering telemetry: values of mnemonics with their times, from files; and one pointing of many values.

A source of telemetry has ``samples(mnemonic, start, end)``: what lies in that time, and its neighbours before and
after. `jwpipe.pointing.source` tells files from services.

Files are of one of these kinds.

A table
    Comma-separated values with the header ``mnemonic,time,value``, in any order of rows. Times are UTC, as
    ``2022-02-02T22:25:00.128`` or modified Julian dates; lines that begin with # are comments.
A folder
    One file a mnemonic: ``sa_zattest1_data.json`` as the engineering database's own service answers, or
    ``SA_ZATTEST1.csv`` or ``SA_ZATTEST1-*.csv`` with columns MJD and euvalue, as MAST hands them out.
"""

import csv
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from jwpipe.errors import InputError, ReferenceError

__all__ = [
    "ACQUISITION",
    "ATTITUDE",
    "DAY",
    "FINEGUIDE",
    "IDENTIFICATION",
    "MEASURED",
    "REDUCTIONS",
    "Pointing",
    "Samples",
    "average",
    "check_time",
    "chronicle",
    "clock",
    "gather",
    "mjd_of",
    "moment_of",
    "read_mast",
    "read_service",
    "select",
    "time_of",
]

DAY = 86400.0
UNIX = 40587.0  # modified Julian date of 1970
LATEST = 2.9e6  # and of the end of the calendar

# Mnemonics of the attitude; those of the first two lines are zero only where they were not measured.
REQUIRED = (
    *(f"SA_ZATTEST{i}" for i in (1, 2, 3, 4)),
    *(f"SA_ZRFGS2J{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3)),
)
ATTITUDE = (*REQUIRED, "SA_ZADUCMDX", "SA_ZADUCMDY", "SA_ZFGGSCMDX", "SA_ZFGGSCMDY", "SA_ZFGDETID")
MEASURED = (*ATTITUDE, "SA_ZFGGSPOSX", "SA_ZFGGSPOSY")

# Of the guiders' own exposures: place of the guide star, corner and size of the window on the detector.
ACQUISITION = tuple(f"IFGS_ACQ_{part}" for part in "XPOSG YPOSG DETXCOR DETYCOR DETXSIZ DETYSIZ".split())
IDENTIFICATION = tuple(f"IFGS_ID_{part}" for part in "XPOSG YPOSG DETXCOR DETYCOR DETXSIZ DETYSIZ".split())
FINEGUIDE = ("IFGS_TFGGS_X", "IFGS_TFGGS_Y", *(f"IFGS_TFGDET_{part}" for part in "XCOR YCOR XSIZ YSIZ".split()))


@dataclass(frozen=True)
class Samples:
    """Values of one mnemonic, in the order of their times.

    Attributes
    ----------
    times : ndarray of float64
        Modified Julian dates, UTC.
    values : ndarray of float64
        Values in engineering units.
    inside : ndarray of bool
        Whether each lies in the time that was asked for.
    """

    times: np.ndarray
    values: np.ndarray
    inside: np.ndarray

    def __getitem__(self, chosen):
        return Samples(self.times[chosen], self.values[chosen], self.inside[chosen])

    def __len__(self):
        return len(self.times)


@dataclass(frozen=True)
class Pointing:
    """Telemetry of one moment, or of a time, reduced.

    Attributes
    ----------
    time : float
        Modified Julian date.
    quaternion : ndarray
        Attitude of the spacecraft.
    j2fgs1 : ndarray
        Nine elements of the matrix of guider 1.
    fine_steering : ndarray
        Correction of the fine steering mirror. No method of 1.14.1 uses it, yet all want it to be there.
    commanded : ndarray
        Where the guide star was to be, arcseconds on guider 1.
    fgsid : int or None
        The guider in use, 1 or 2; None where telemetry names none.
    measured : ndarray or None
        Where the guide star was found, arcseconds on the guider in use.
    """

    time: float
    quaternion: np.ndarray
    j2fgs1: np.ndarray
    fine_steering: np.ndarray
    commanded: np.ndarray
    fgsid: int | None = None
    measured: np.ndarray | None = None

    @classmethod
    def of(cls, time, values, fgsid):
        """Make one of values by mnemonic."""
        measured = ("SA_ZFGGSPOSX", "SA_ZFGGSPOSY")
        return cls(
            time,
            np.array([values[name] for name in REQUIRED[:4]]),
            np.array([values[name] for name in REQUIRED[4:]]),
            np.array([values["SA_ZADUCMDX"], values["SA_ZADUCMDY"]]),
            np.array([values["SA_ZFGGSCMDX"], values["SA_ZFGGSCMDY"]]),
            int(fgsid) if fgsid in (1, 2) else None,
            np.array([values[name] for name in measured]) if all(name in values for name in measured) else None,
        )


def select(times, values, start, end, per_day=None):
    """Cut a series to a time and its neighbours.

    Parameters
    ----------
    times, values : ndarray
        Sorted; times are modified Julian dates, or whole units since 1970.
    start, end : float
        The time, modified Julian dates.
    per_day : float, optional
        Units a day, where times are whole units since 1970: ends are rounded to them, as the service does.

    Returns
    -------
    Samples
    """
    if per_day is not None:
        start, end = (round((mjd - UNIX) * per_day) for mjd in (start, end))
    first, last = np.searchsorted(times, start, "left"), np.searchsorted(times, end, "right")
    part = slice(max(0, first - 1), last + 1)
    cut = times[part]
    inside = (cut >= start) & (cut <= end)
    return Samples(cut if per_day is None else cut / per_day + UNIX, values[part], inside)


class Table:
    """Telemetry of a file of comma-separated values."""

    def __init__(self, path):
        self.path = path
        rows = {}
        for number, row in _rows(path, ("mnemonic", "time", "value")):
            name = row["mnemonic"].strip().upper()
            line = f"{path}, line {number}"
            time, value = time_of(row["time"], line), _value(row["value"], line)
            rows.setdefault(name, []).append((time, value))
        self.series = {name: _sorted(*zip(*values, strict=True)) for name, values in rows.items()}

    def samples(self, mnemonic, start, end):
        """Values in a time, modified Julian dates, and the nearest before and after it."""
        if mnemonic not in self.series:
            raise ReferenceError(f"{self.path} has no {mnemonic}")
        return select(*self.series[mnemonic], start, end)


class Folder:
    """Telemetry of a folder with one file a mnemonic."""

    def __init__(self, path):
        self.path = path
        self.series = {}

    def samples(self, mnemonic, start, end):
        """Values in a time, modified Julian dates, and the nearest before and after it."""
        if mnemonic not in self.series:
            self.series[mnemonic] = self._find(mnemonic)
        times, values, per_day = self.series[mnemonic]
        return select(times, values, start, end, per_day)

    def _find(self, mnemonic):
        file = self.path / f"{mnemonic.lower()}_data.json"
        if file.is_file():
            try:
                document = json.loads(_text(file))
            except ValueError:
                raise InputError(f"{file} is no JSON") from None
            return (*read_service(document, file), 1000 * DAY)
        file = next((f for pattern in (".csv", "-*.csv") for f in sorted(self.path.glob(mnemonic + pattern))), None)
        if file is None:
            raise ReferenceError(f"{self.path} has no file of {mnemonic}")
        return (*read_mast(_text(file), file), None)


def read_service(document, source):
    """Read an answer of the engineering database's own service.

    Parameters
    ----------
    document : object
        As JSON has it: ``Data`` is a list of records with ``ObsTime``, ``/Date(milliseconds)/``, and ``EUValue``.
    source : object
        What to call it.

    Returns
    -------
    times : ndarray of int64
        Milliseconds since 1970.
    values : ndarray of float64
        Values.
    """
    try:
        records = document["Data"] or []
        times = [int(re.match(r"/Date\((-?\d+)", record["ObsTime"]).group(1)) for record in records]
        values = [record["EUValue"] for record in records]
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{source} is no telemetry: no Data with ObsTime and EUValue") from None
    return _sorted(times, [_value(value, source) for value in values])


def read_mast(text, source):
    """Read a table of telemetry as MAST hands it out.

    Parameters
    ----------
    text : str
        Comma-separated values with columns MJD and euvalue.
    source : object
        What to call it.

    Returns
    -------
    times, values : ndarray of float64
        Modified Julian dates and values.
    """
    rows = list(csv.DictReader(text.splitlines()))
    if rows and not {"MJD", "euvalue"} <= set(rows[0]):
        raise InputError(f"{source} is no telemetry: no columns MJD and euvalue")
    return _sorted(
        [_value(row["MJD"], source, "time") for row in rows], [_value(row["euvalue"], source) for row in rows]
    )


def _sorted(times, values):
    times, values = np.asarray(times), np.asarray(values, "f8")
    order = np.argsort(times, kind="stable")
    return times[order], values[order]


def _value(value, source, what="value"):
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise InputError(f"{source}: {what} {value!r} of telemetry is no number")
    return number


def time_of(text, source):
    """Modified Julian date of a time that is one, or is as people write it; parameters as for `mjd_of`."""
    try:
        number = float(text)
    except ValueError:
        return mjd_of(text, source)
    if not np.isfinite(number):
        raise InputError(f"{source}: {text!r} is no time")
    return number


def mjd_of(text, source):
    """Modified Julian date of a time as people write it.

    Parameters
    ----------
    text : str
        Such as ``2022-02-02T22:25:00.128``; UTC where it does not say.
    source : str
        Where it stands.

    Returns
    -------
    float
    """
    try:
        moment = datetime.fromisoformat(str(text).strip())
    except ValueError:
        raise InputError(f"{source}: {text!r} is no time", "such as 2022-02-02T22:25:00.128") from None
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.timestamp() / DAY + UNIX


def _text(path):
    try:
        return path.read_text("utf-8")
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is no text") from None


def _rows(path, columns):
    """Rows of a table of comma-separated values, with their lines."""
    lines = [(n, line) for n, line in enumerate(_text(path).splitlines(), 1) if line.strip() and line[0] != "#"]
    reader = csv.reader(line for _, line in lines)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        if not set(columns) <= set(header):
            raise InputError(f"{path} is no telemetry: its first line is not {','.join(columns)}")
        for (number, _), row in zip(lines[1:], reader, strict=False):
            if len(row) != len(header):
                raise InputError(f"{path}, line {number}: {len(row)} values where {len(header)} are wanted")
            yield number, dict(zip(header, row, strict=True))
    except csv.Error as problem:
        raise InputError(f"{path} cannot be read as a table: {problem}") from None


def gather(source, mnemonics, start, end, tolerance=60.0):
    """Collect telemetry of a time.

    Parameters
    ----------
    source : object
        As `jwpipe.pointing.source.open_telemetry` gives it.
    mnemonics : iterable of str
        Which.
    start, end : float
        Modified Julian dates.
    tolerance : float, optional
        Seconds. Where fewer than two values of a mnemonic lie in the time, its neighbours count too, if so near.

    Returns
    -------
    dict of str to Samples
        None is empty.

    Raises
    ------
    InputError
        The end is before the start, or no date.
    ReferenceError
        There is nothing of a mnemonic.
    """
    check_time(start, end)
    collected = {}
    for mnemonic in mnemonics:
        samples = source.samples(mnemonic, start, end)
        if samples.inside.sum() >= 2:
            samples = samples[samples.inside]
        else:
            near = tolerance / DAY
            samples = samples[(start - near <= samples.times) & (samples.times <= end + near)]
        if not len(samples):
            raise ReferenceError(
                f"no telemetry of {mnemonic} from {clock(start)} to {clock(end)}, nor within {tolerance:g} s of it"
            )
        collected[mnemonic] = samples
    return collected


def check_time(start, end):
    """Check that there is a time between two modified Julian dates."""
    if not 0 <= start <= end < LATEST:
        raise InputError(f"from {start} to {end} is no time: modified Julian dates are wanted")


def moment_of(mjd):
    """A modified Julian date as a `datetime`, to the millisecond."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=round((mjd - UNIX) * DAY * 1000))


def clock(mjd):
    """A modified Julian date as people write it, to the millisecond."""
    return moment_of(mjd).isoformat(timespec="milliseconds")[:-6]


def chronicle(telemetry):
    """Go through telemetry in the order of time, each mnemonic keeping its last value.

    Parameters
    ----------
    telemetry : dict of str to Samples
        As `gather` gives it.

    Returns
    -------
    times : list of float
        Modified Julian dates at which something was told and all mnemonics have a value, not all zero.
    values : list of dict of str to float
        What was last told of each.
    """
    told = sorted(
        (time, order, index, name, value)
        for order, (name, samples) in enumerate(telemetry.items())
        for index, (time, value) in enumerate(zip(samples.times.tolist(), samples.values.tolist(), strict=True))
    )
    times, values, last = [], [], {}
    for position, (time, _, _, name, value) in enumerate(told):
        last[name] = value
        more = position + 1 < len(told) and told[position + 1][0] == time
        if not more and len(last) == len(telemetry) and any(last.values()):
            times.append(time)
            values.append(dict(last))
    return times, values


def average(telemetry):
    """Average telemetry of the attitude, each mnemonic alone.

    Parameters
    ----------
    telemetry : dict of str to Samples
        As `gather` gives it.

    Returns
    -------
    list of Pointing
        One. Zeros are left out where they mean that nothing was measured; the guider is the first.

    Raises
    ------
    ReferenceError
        A mnemonic that cannot be zero is nothing else.
    """
    means, zero = {}, []
    for name, samples in telemetry.items():
        values = samples.values[samples.values != 0] if name in REQUIRED else samples.values
        if len(values):
            means[name] = float(np.mean(values))
        else:
            zero.append(name)
    if zero:
        raise ReferenceError(f"bad telemetry: nothing but zeros in {', '.join(zero)}")
    time = float(np.mean(np.concatenate([samples.times for samples in telemetry.values()])))
    return [Pointing.of(time, means, telemetry["SA_ZFGDETID"].values[0])]


def every(telemetry):
    """Tell the pointing at each moment at which telemetry says something.

    Parameters
    ----------
    telemetry : dict of str to Samples
        As `gather` gives it.

    Returns
    -------
    list of Pointing

    Raises
    ------
    ReferenceError
        At no moment all mnemonics have a value.
    """
    found = [
        Pointing.of(time, values, values["SA_ZFGDETID"]) for time, values in zip(*chronicle(telemetry), strict=True)
    ]
    if not found:
        raise ReferenceError("bad telemetry: at no time have all its mnemonics a value")
    return found


def first(telemetry):
    """Tell the first of `every` pointing, in a list."""
    return every(telemetry)[:1]


REDUCTIONS = {"average": average, "first": first, "all": every}
