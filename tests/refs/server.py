"""A CRDS server on loopback, with faults on demand."""

import base64
import gzip
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class CrdsServer:
    """Serves files and the JSON-RPC service.

    `faults` gives, by file or method name, what goes wrong in the next requests, in turn: "cut" (the connection ends
    in the middle), "short" (a whole reply of half the file), "long", "wrong" (a byte changed), "slow" (nothing for
    `pause` seconds), "refused" (404), "busy" (503), "error" and "garbage" (RPC replies).
    """

    def __init__(self, files, context="jwst_9001.pmap", pause=3.0):
        self.files = {name: data if isinstance(data, bytes) else data.encode() for name, data in files.items()}
        self.context = context
        self.faults = {}
        self.requests = []
        self.pause = pause
        self.trickle = 0.0
        self.metadata_in_info = True
        self.dates = {}
        handler = type("Handler", (_Handler,), {"crds": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def metadata(self):
        return {
            name: {"size": str(len(data)), "sha1sum": hashlib.sha1(data).hexdigest()}
            for name, data in self.files.items()
        }

    def info(self):
        info = {
            "operational_context": self.context,
            "edit_context": "jwst_9999.pmap",
            "observatory": "jwst",
            "bad_files_list": [],
            "force_remote_mode": False,
            "last_synced": "2024-01-01 00:00:00",
            "reference_url": {"unchecked": {"jwst": f"{self.url}/unchecked_get/references/jwst"}},
            "mapping_url": {"unchecked": {"jwst": f"{self.url}/unchecked_get/mappings/jwst/"}},
            "crds_version": {"str": "11.17.22"},
        }
        if self.metadata_in_info:
            payload = base64.b64encode(gzip.compress(json.dumps(self.metadata()).encode())).decode()
            info["download_metadata"] = {"crds_encoded": "1.0", "crds_payload": payload}
        return info

    def call(self, method, parameters):
        if method == "get_server_info":
            return self.info()
        if method == "get_context_by_date":
            return self.dates[parameters[0]]
        if method == "get_mapping_names":
            return [name for name in self.files if name.endswith("map")]
        if method == "get_file_info_map":
            return {name: self.metadata().get(name, "NOT FOUND") for name in parameters[1]}
        raise KeyError(method)


class _Handler(BaseHTTPRequestHandler):
    crds = None

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        method = body["method"]
        try:
            reply = {"result": self.crds.call(method, body["params"]), "error": None, "id": body["id"]}
        except KeyError as exc:
            reply = {"result": None, "error": {"message": f"no such thing &amp; {exc}"}, "id": body["id"]}
        self._reply(method, json.dumps(reply).encode())

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if name not in self.crds.files:
            self.send_error(404)
            return
        self._reply(name, self.crds.files[name])

    def _reply(self, name, data):
        self.crds.requests.append(name)
        faults = self.crds.faults.get(name, [])
        fault = faults.pop(0) if faults else None
        if fault == "slow":
            time.sleep(self.crds.pause)
        if fault in ("refused", "busy"):
            self.send_error(404 if fault == "refused" else 503)
            return
        if fault == "error":
            data = json.dumps({"result": None, "error": {"message": "out of\norder &gt; here"}, "id": "1"}).encode()
        elif fault == "garbage":
            data = b"<html>hello</html>"
        elif fault == "short":
            data = data[: len(data) // 2]
        elif fault == "long":
            data = data + b"more"
        elif fault == "wrong":
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        sent = data[: len(data) // 2] if fault == "cut" else data
        step = max(1, len(sent) // 10) if self.crds.trickle else max(1, len(sent))
        try:
            for start in range(0, len(sent), step):
                self.wfile.write(sent[start : start + step])
                self.wfile.flush()
                time.sleep(self.crds.trickle)
        except (BrokenPipeError, ConnectionResetError):
            pass
        if fault == "cut":
            self.close_connection = True
