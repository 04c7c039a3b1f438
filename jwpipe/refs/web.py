"""Servers that are asked over HTTP: patience with those that fail, none with those that refuse."""

import os
import time
from contextlib import contextmanager

from jwpipe.errors import ReferenceError

__all__ = ["RefusedError", "ServerError", "Web", "number_of"]


class ServerError(ReferenceError):
    """A server cannot be reached, or what it sends cannot be used."""


class RefusedError(ServerError):
    """The server answers, and asking again would not help."""


class Web:
    """A server.

    Parameters
    ----------
    name : str
        What messages call it.
    timeout : float
        Seconds without a byte after which an attempt is given up.
    attempts : int
        Attempts for one request.
    delay : float
        Seconds before the second attempt, doubled for each further one.
    """

    def __init__(self, name, timeout, attempts, delay):
        self.name, self.timeout, self.delay = name, timeout, delay
        self.attempts = max(1, int(attempts))

    @contextmanager
    def opened(self, request, timeout):
        """Open an address, turning everything that may go wrong up to the first byte into a ServerError."""
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import urlopen

        url = request if isinstance(request, str) else request.full_url
        if not url.startswith(("http://", "https://")):
            raise RefusedError(f"{url} is no http address")
        try:
            stream = urlopen(request, timeout=timeout)
        except HTTPError as exc:
            exc.close()
            kind = RefusedError if 400 <= exc.code < 500 and exc.code not in (408, 429) else ServerError
            raise kind(f"{self.name} answers {exc.code} {exc.reason} for {url}") from None
        except (OSError, HTTPException, ValueError) as exc:
            reason = getattr(exc, "reason", None) or exc or type(exc).__name__
            raise ServerError(f"{self.name} cannot be reached at {url}: {reason}") from None
        with stream:
            yield stream

    @staticmethod
    def read(stream, size, url):
        """Read up to so many bytes of an opened address."""
        from http.client import HTTPException

        try:
            return stream.read(size)
        except (OSError, HTTPException) as exc:
            raise ServerError(f"the connection broke off while reading {url}: {exc or type(exc).__name__}") from None

    def retried(self, action, attempts):
        """Call an action again while the server fails, up to so many times."""
        attempt = 1
        while True:
            try:
                return action()
            except RefusedError:
                raise
            except ServerError as exc:
                if attempt == attempts:
                    tried = f", {attempt} times" if attempt > 1 else ""
                    raise ServerError(f"{exc.args[0]}{tried}", exc.advice) from None
            time.sleep(min(self.delay * 2 ** (attempt - 1), 60))
            attempt += 1


def number_of(variable, default):
    """Number that an environment variable holds, or a default where it is not set."""
    text = os.environ.get(variable)
    try:
        return float(text) if text else default
    except ValueError:
        raise ReferenceError(f"{variable} is {text!r}, which is no number") from None
