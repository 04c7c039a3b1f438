"""A service of engineering telemetry on loopback, which speaks as MAST does and as the engineering database itself."""

import json
import re
import threading
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

UNIX, DAY_MS = 40587, 86400000


def read_folder(folder):
    """Series of a folder of JSON files, as `TelemetryServer` takes them."""
    series = {}
    for path in Path(folder).glob("*_data.json"):
        records = json.loads(path.read_text())["Data"]
        name = path.name.removesuffix("_data.json").upper()
        series[name] = [(int(re.search(r"-?\d+", r["ObsTime"]).group()), r["EUValue"]) for r in records]
    return series


class TelemetryServer:
    """Serves series of (milliseconds since 1970, value) by mnemonic.

    `token`: what MAST's requests must bear; None: there is no such service. `faults` counts the requests for data that
    are to fail with 503 before one succeeds.
    """

    def __init__(self, series, token=None, direct=True):
        self.series = {name: sorted(samples, key=lambda sample: sample[0]) for name, samples in series.items()}
        self.token, self.direct = token, direct
        self.faults = 0
        self.requests = []
        handler = type("Handler", (_Handler,), {"telemetry": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._http.shutdown()
        self._http.server_close()

    def between(self, mnemonic, start, end):
        """Samples in a time and their neighbours."""
        series = self.series[mnemonic.upper()]
        first = bisect_left(series, start, key=lambda sample: sample[0])
        last = bisect_right(series, end, key=lambda sample: sample[0])
        return series[max(0, first - 1) : last + 1]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url, server = urlsplit(self.path), self.telemetry
        server.requests.append(self.path)
        query = parse_qs(url.query)
        try:
            if url.path.startswith("/api/"):
                self._mast(url.path, query)
            elif server.direct and url.path.endswith("/MetaData/TlmMnemonics/"):
                self._answer(200, "{}")
            elif server.direct and url.path.startswith("/Data/"):
                self._direct(url.path.rpartition("/")[2], query)
            else:
                self._answer(404, "")
        except KeyError:
            self._answer(404, "")

    def _direct(self, mnemonic, query):
        start, end = (
            round(datetime.fromisoformat(query[key][0]).replace(tzinfo=UTC).timestamp() * 1000)
            for key in ("sTime", "eTime")
        )
        records = [
            {"ObsTime": f"/Date({time}+0000)/", "EUValue": value}
            for time, value in self.telemetry.between(mnemonic, start, end)
        ]
        if not self._fails():
            times = {"ReqSTime": f"/Date({start:013d}+0000)/", "ReqETime": f"/Date({end:013d}+0000)/"}
            self._answer(200, json.dumps({"TlmMnemonic": mnemonic, "Data": records, **times}))

    def _mast(self, path, query):
        if self.telemetry.token is None:
            return self._answer(404, "")
        if path == "/api/":
            return self._answer(200, "")
        if self.headers["Authorization"] != f"token {self.telemetry.token}":
            return self._answer(401, "")
        found = re.fullmatch(r"mast:jwstedb/(.+)-(\d{8}T\d{6})-(\d{8}T\d{6})\.csv", query["uri"][0])
        start, end = (
            round(datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC).timestamp() * 1000)
            for text in found.groups()[1:]
        )
        lines = ["theTime,MJD,euvalue,sqldataType"]
        for time, value in self.telemetry.between(found.group(1), start, end):
            moment = datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds")[:-6]
            lines.append(f"{moment},{time / DAY_MS + UNIX!r},{value!r},real")
        return None if self._fails() else self._answer(200, "\r\n".join(lines))

    def _fails(self):
        if self.telemetry.faults:
            self.telemetry.faults -= 1
            self._answer(503, "")
            return True
        return False

    def _answer(self, status, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing."""
