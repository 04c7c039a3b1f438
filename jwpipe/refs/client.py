"""The CRDS server: its JSON-RPC service and its file addresses."""

import os

from jwpipe.refs.web import RefusedError, ServerError, Web, number_of

__all__ = ["DEFAULT_SERVER", "Server", "ServerError"]

DEFAULT_SERVER = "https://jwst-crds.stsci.edu"
OBSERVATORY = "jwst"

_CHUNK = 1 << 20
_MAX_REPLY = 256 << 20
_IMPATIENT = 10  # seconds


class Server(Web):
    """A CRDS server.

    Parameters
    ----------
    url : str, optional
        Address; by default ``CRDS_SERVER_URL``, or STScI's server. An address with ``serverless`` in it means that
        there is none, as for the CRDS client.
    timeout : float, optional
        Seconds without a byte after which an attempt is given up; by default ``CRDS_CLIENT_TIMEOUT_SECONDS``, or 60.
    attempts : int, optional
        Attempts for one request; by default ``CRDS_CLIENT_RETRY_COUNT``, or 3.
    delay : float, optional
        Seconds before the second attempt, doubled for each further one; by default
        ``CRDS_CLIENT_RETRY_DELAY_SECONDS``, or 1.
    """

    def __init__(self, url=None, timeout=None, attempts=None, delay=None):
        self.url = (url or os.environ.get("CRDS_SERVER_URL") or DEFAULT_SERVER).rstrip("/")
        super().__init__(
            "the CRDS server",
            number_of("CRDS_CLIENT_TIMEOUT_SECONDS", 60) if timeout is None else timeout,
            number_of("CRDS_CLIENT_RETRY_COUNT", 3) if attempts is None else attempts,
            number_of("CRDS_CLIENT_RETRY_DELAY_SECONDS", 1) if delay is None else delay,
        )
        self._info = None
        self._files = None
        self._failure = None

    @property
    def offline(self):
        """Whether the address says that there is no server."""
        return "serverless" in self.url or "server-less" in self.url

    def info(self, patient=True):
        """Ask the server for its configuration, once.

        Parameters
        ----------
        patient : bool
            Whether to try as often and wait as long as for a file; not to is for what the cache knows as well.

        Returns
        -------
        dict
            Contexts, file addresses, files known to be bad, sizes and checksums, as the CRDS client keeps it in the
            cache's ``server_config``.

        Raises
        ------
        ServerError
            If there is no server or no usable answer; raised again at once when asked again.
        """
        if self._failure:
            raise self._failure
        if self._info is None:
            try:
                info = self.call("get_server_info", patient=patient)
                if not isinstance(info, dict) or not isinstance(info.get("operational_context"), str):
                    raise ServerError(f"the CRDS server {self.url} sends no usable configuration")
            except ServerError as exc:
                self._failure = exc if patient else None
                raise
            for section in ("reference_url", "mapping_url", "config_url", "pickle_url"):
                if isinstance(info.get(section), dict) and "unchecked" in info[section]:
                    info[section] = info[section]["unchecked"]
            self._info = info | {"server": self.url, "status": "server", "connected": True}
        return self._info

    def context_by_date(self, date):
        """Ask which context was operational at a date.

        Parameters
        ----------
        date : str
            Such as ``jwst-2024-06-01T00:00:00``.

        Returns
        -------
        str
            Name of the context.

        Raises
        ------
        ServerError
            If the server does not say.
        """
        return str(self.call("get_context_by_date", date, OBSERVATORY))

    def file_info(self, name):
        """Tell the size and checksum of a file that the server holds.

        Parameters
        ----------
        name : str
            Name of a rules or reference file.

        Returns
        -------
        tuple of (int, str)
            Size in bytes, and SHA-1 in hexadecimal or ``"none"`` where the server does not know it.

        Raises
        ------
        ServerError
            If the server does not know the file.
        """
        if self._files is None:
            self._files = decoded(self.info().get("download_metadata")) or {}
        entry = self._files.get(name)
        if entry is None:
            entry = (self.call("get_file_info_map", OBSERVATORY, [name], ["sha1sum", "size"]) or {}).get(name)
        known = size_and_checksum(entry)
        if known is None:
            raise RefusedError(f"the CRDS server {self.url} knows no file {name}")
        return known

    def file_url(self, name):
        """Give the address of a file.

        Parameters
        ----------
        name : str
            Name of a rules or reference file.

        Returns
        -------
        str
            From ``CRDS_MAPPING_URI`` or ``CRDS_REFERENCE_URI`` where set, else as the server says.
        """
        kind = "mapping" if name.endswith((".pmap", ".imap", ".rmap")) else "reference"
        base = os.environ.get(f"CRDS_{kind.upper()}_URI")
        if not base:
            base = self.info().get(f"{kind}_url")
            base = base.get(OBSERVATORY) if isinstance(base, dict) else base
        return f"{str(base or f'{self.url}/unchecked_get/{kind}s/{OBSERVATORY}').rstrip('/')}/{name}"

    def call(self, method, *parameters, patient=True):
        """Call a method of the JSON-RPC service.

        Parameters
        ----------
        method : str
            Its name.
        *parameters
            What JSON can say.
        patient : bool
            Whether to try more than once, and to wait for more than a few seconds.

        Returns
        -------
        object
            The result.

        Raises
        ------
        ServerError
            If there is no server, no answer, or the answer is an error.
        """
        if self.offline:
            raise RefusedError("there is no CRDS server to ask (CRDS_SERVER_URL says serverless)")
        timeout = self.timeout if patient else min(self.timeout, _IMPATIENT)
        return self.retried(lambda: self._call(method, parameters, timeout), self.attempts if patient else 1)

    def _call(self, method, parameters, timeout):
        import html
        import json
        import uuid
        from urllib.request import Request

        identifier = f"jwpipe-{uuid.uuid4()}"
        body = {"jsonrpc": "1.0", "method": method, "params": parameters, "id": identifier}
        request = Request(f"{self.url}/json/{method}/{identifier}/", json.dumps(body).encode())
        with self.opened(request, timeout) as stream:
            text = self.read(stream, _MAX_REPLY, request.full_url)
        try:
            reply = json.loads(text)
            error, result = reply.get("error"), reply["result"] if not reply.get("error") else None
        except (ValueError, KeyError, AttributeError, RecursionError):
            raise ServerError(
                f"the CRDS server {self.url} answers {method} with something else than JSON-RPC"
            ) from None
        if error:
            message = error.get("message") if isinstance(error, dict) else error
            raise RefusedError(
                f"the CRDS server answers {method} with: {' '.join(html.unescape(str(message)).split())}"
            )
        return decoded(result)

    def download(self, name, attempt):
        """Get a file, trying again when the connection or the file is bad.

        Parameters
        ----------
        name : str
            Name of a rules or reference file.
        attempt : callable
            ``attempt(chunks)`` stores the chunks of bytes that it is given to iterate over, and raises `ServerError`
            where they are not the file. It is called anew for each attempt.

        Returns
        -------
        object
            What the successful `attempt` returns.

        Raises
        ------
        ServerError
            If no attempt succeeds.
        """
        url = self.file_url(name)

        def once():
            with self.opened(url, self.timeout) as stream:
                return attempt(iter(lambda: self.read(stream, _CHUNK, url), b""))

        return self.retried(once, self.attempts)


def decoded(result):
    """Undo the compression that the server puts on large results.

    Parameters
    ----------
    result : object
        A result, or a dict with ``crds_encoded`` and ``crds_payload`` (base64 of gzip of JSON).

    Returns
    -------
    object
        The result in plain.

    Raises
    ------
    ServerError
        If the payload is broken.
    """
    if not (isinstance(result, dict) and "crds_encoded" in result):
        return result
    import base64
    import gzip
    import json
    import zlib

    try:
        return json.loads(gzip.decompress(base64.b64decode(result["crds_payload"])))
    except (KeyError, TypeError, ValueError, OSError, EOFError, zlib.error, RecursionError):
        raise ServerError("the list of files that the CRDS server sends is broken") from None


def size_and_checksum(entry):
    """Read what a server's list of files says about one file.

    Parameters
    ----------
    entry : object
        A dict with ``size`` and ``sha1sum``, or anything else where the file is not known.

    Returns
    -------
    tuple of (int, str) or None
        Size in bytes and SHA-1 (``"none"`` where not known).
    """
    try:
        return int(entry["size"]), str(entry.get("sha1sum") or "none").lower()
    except (TypeError, KeyError, ValueError, AttributeError):
        return None
