"""Services of engineering telemetry: MAST's, and the engineering database's own.

Environment: ENG_BASE_URL, the address; MAST_API_TOKEN, without which MAST's is not asked; ENG_TIMEOUT, seconds, and
ENG_RETRIES, attempts.
"""

import json
import os
from urllib.parse import quote, urlencode

from jwpipe.errors import ReferenceError
from jwpipe.pointing.telemetry import DAY, clock, moment_of, read_mast, read_service, select
from jwpipe.refs.web import ServerError, Web, number_of

__all__ = ["Direct", "Mast", "connect"]

MAST = "https://mast.stsci.edu"
LARGEST = 1 << 30  # bytes of an answer


class _Service(Web):
    def __init__(self, url):
        super().__init__(
            "the service of engineering telemetry",
            number_of("ENG_TIMEOUT", 600),
            number_of("ENG_RETRIES", 3),
            number_of("ENG_RETRY_DELAY", 1),
        )
        self.url = url.rstrip("/")

    def get(self, path, attempts=None, **headers):
        """Ask for a path, and give the answer as text."""
        from urllib.request import Request

        request = Request(f"{self.url}/{path}", headers=headers)

        def once():
            with self.opened(request, self.timeout) as stream:
                text = self.read(stream, LARGEST, request.full_url)
            try:
                return text.decode("utf-8")
            except UnicodeDecodeError:
                raise ServerError(f"{request.full_url} answers with no text") from None

        return self.retried(once, attempts or self.attempts)


class Direct(_Service):
    """The engineering database's own service, which answers in JSON and in milliseconds."""

    def check(self):
        """Fail where this is no such service."""
        self.get("MetaData/TlmMnemonics/", attempts=1)

    def samples(self, mnemonic, start, end):
        """Values in a time, modified Julian dates, and the nearest before and after it."""
        times = "&".join(
            f"{name}={quote(clock(mjd).replace('T', ' '))}" for name, mjd in (("sTime", start), ("eTime", end))
        )
        path = f"Data/{quote(mnemonic)}?{times}"
        try:
            document = json.loads(self.get(path))
        except ValueError:
            raise ServerError(f"{self.url}/{path} answers with no JSON") from None
        return select(*read_service(document, self.url), start, end, 1000 * DAY)


class Mast(_Service):
    """MAST's service, which answers in comma-separated values, to those who have a token."""

    def __init__(self, url, token):
        super().__init__(url)
        self.token = token

    def check(self):
        """Fail where this is no such service."""
        self.get("api/", attempts=1)

    def samples(self, mnemonic, start, end):
        """Values in a time, modified Julian dates, and the nearest before and after it."""
        # The service counts in whole seconds; as for 1.14.1, those in which the time begins and ends.
        name = "-".join([mnemonic, *(f"{moment_of(mjd):%Y%m%dT%H%M%S}" for mjd in (start, end))])
        query = urlencode({"uri": f"mast:jwstedb/{name}.csv"})
        text = self.get(f"api/v0.1/Download/file?{query}", Authorization=f"token {self.token}")
        return select(*read_mast(text, self.url), start, end)


def connect(url=None, token=None):
    """Find a service that answers.

    Parameters
    ----------
    url : str, optional
        Its address; by default ENG_BASE_URL, else MAST's.
    token : str, optional
        MAST's token; by default MAST_API_TOKEN.

    Returns
    -------
    Mast or Direct

    Raises
    ------
    ReferenceError
        Neither kind of service answers there.
    """
    url = url or os.environ.get("ENG_BASE_URL")
    token = token or os.environ.get("MAST_API_TOKEN")
    services = ([Mast(url or MAST, token)] if token else []) + ([Direct(url)] if url else [])
    if not services:
        raise ReferenceError(
            "no telemetry: neither a file nor a service is named, and MAST wants a token",
            "give --telemetry, ENG_BASE_URL or MAST_API_TOKEN",
        )
    for service in services:
        try:
            service.check()
        except ServerError as problem:
            failure = problem
        else:
            return service
    raise failure
