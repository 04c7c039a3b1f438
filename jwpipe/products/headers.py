"""Keywords of a file by name alone: which of its headers each stands in is known here."""

from jwpipe.errors import InputError
from jwpipe.products.keywords import COMMENTS, SCIENCE

__all__ = ["Headers", "printable"]

LONGEST = 65  # characters of a text and its comment on one card


def printable(text):
    """A text as FITS headers may hold it: names of files have characters that need an escape there."""
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in text)


class Headers:
    """Something with headers, whose keywords are read and set as those of a dictionary.

    Attributes
    ----------
    headers : dict of str to astropy.io.fits.Header
        By extension name.
    path : pathlib.Path or None
        The file, for messages.
    remedy : str or None
        What to do about a keyword that is missing.
    """

    remedy = "give it with --keyword {keyword}=..."

    def _home(self, keyword):
        return "SCI" if keyword in SCIENCE else "PRIMARY"

    def get(self, keyword, default=None):
        """Value of a keyword, wherever it stands; `default` where it is missing or undefined."""
        from astropy.io.fits.card import Undefined

        for name in (self._home(keyword), "PRIMARY", "SCI"):
            value = self.headers.get(name, {}).get(keyword)
            if value is not None and not isinstance(value, Undefined):
                return value.strip() if isinstance(value, str) else value
        return default

    def __getitem__(self, keyword):
        value = self.get(keyword)
        if value is None:
            raise InputError(
                f"{self.path} has no {keyword} keyword", self.remedy and self.remedy.format(keyword=keyword)
            )
        return value

    def __setitem__(self, keyword, value):
        from astropy.io.fits import Header

        header = self.headers.setdefault(self._home(keyword), Header())
        comment = COMMENTS.get(keyword) or (header.comments[keyword] if keyword in header else "")
        if isinstance(value, str):
            value = printable(value)
            comment = comment[: max(0, LONGEST - len(value))]  # where the card has no room for it
        header[keyword] = (value, comment)

    def __contains__(self, keyword):
        return self.get(keyword) is not None
