"""Dates as the CRDS client compares them: text of one fixed form."""

import re
from datetime import datetime

__all__ = ["normalised"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO_T = re.compile(r"\d{4}[-/]\d\d[-/]\d\dT\d\d(:\d\d){1,2}(\.\d{1,6})?")
_MONTH_NAME = re.compile(r"[A-Za-z]{3,10}")
_FORMS = tuple(
    re.compile(form)
    for form in (
        r"(?P<month>\d\d)/(?P<day>\d\d)/(?P<year>\d{4})",
        r"(?P<year>\d{4})/(?P<month>\d\d)/(?P<day>\d\d)",
        r"(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>9\d)",
        r"(?P<day>\d\d)/(?P<month>\d\d)/(?P<year>[0-3]\d)",
    )
)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d):(\d\d)(\d\d)(\d\d)")


def normalised(text):
    """Write a date and time as ``YYYY-MM-DD hh:mm:ss[.ffffff]``.

    Parameters
    ----------
    text : str
        DATE-OBS and TIME-OBS joined by a space, or any other form that the CRDS client reads.

    Returns
    -------
    str
        The form in which rules give their dates, so that text order is time order.

    Raises
    ------
    ValueError
        If the text is no date.
    """
    text = text.removesuffix(" UT")
    if _ISO_T.fullmatch(text):
        text = text.replace("T", " ")
    year, month, day, clock = (_named if _MONTH_NAME.search(text) else _numbered)(text)
    return datetime(year, month, day, *clock).isoformat(" ")


def _numbered(text):
    date, *clock = text.replace("-", "/").split() or [""]
    clock = _clock(" ".join(clock)) if clock else (0, 0, 0, 0)
    if match := _COMPACT.fullmatch(date):
        year, month, day, *hms = map(int, match.groups())
        return year, month, day, (*hms, 0)
    for form in _FORMS:
        if match := form.fullmatch(date):
            year = match["year"]
            century = "" if len(year) == 4 else "19" if year[0] == "9" else "20"
            return int(century + year), int(match["month"]), int(match["day"]), clock
    raise ValueError(f"{text!r:.60} is no date")


def _named(text):
    text = re.sub(r"( +)([ap]m)$", r"\2", text, flags=re.IGNORECASE)
    fields = text.replace("-", " ").replace("/", " ").split()
    if len(fields) == 3:
        fields.append("00:00")
    if len(fields) != 4:
        raise ValueError(f"{text!r:.60} is no date")
    first, second, year, clock = fields
    second = second.removesuffix(",")
    month, day = (first, second) if first[:3].lower() in _MONTHS and second.isdigit() else (second, first)
    return int(year), _MONTHS.index(month[:3].lower()) + 1, int(day), _clock(clock)


def _clock(text):
    text = text.strip()
    half = text[-2:].upper()
    if half in ("AM", "PM"):
        text = text[:-2]
    parts = text.split(":")
    if len(parts) not in (2, 3, 4):
        raise ValueError(f"{text!r:.60} is no time")
    hour, minute = int(parts[0]), int(parts[1])
    seconds = float(parts[2]) if len(parts) > 2 else 0.0
    if not 0 <= seconds < 60:
        raise ValueError(f"{text!r:.60} is no time")
    if half == "PM" and hour < 12:
        hour += 12
    elif half == "AM" and hour == 12:
        hour = 0
    return hour, minute, int(seconds), int((seconds - int(seconds)) * 10**6)
