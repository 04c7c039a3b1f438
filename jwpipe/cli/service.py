"""A process that runs one command after another, for `jwpipe.cli.client`."""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import threading
from pathlib import Path

from jwpipe.cli import main as command
from jwpipe.cli.client import ENDED, TAKEN

__all__ = ["serve"]

IDLE = 5.0  # seconds without work after which the process ends
MOST = 1000  # commands after which it ends, whatever it may have gathered


def serve(listener):
    """Run commands until there are none for a while.

    Parameters
    ----------
    listener : socket.socket
        Where they come in.
    """
    listener.settimeout(IDLE)
    for _ in range(MOST):
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            return
        with connection, contextlib.suppress(OSError, ValueError):
            _answer(connection)


def _answer(connection):
    connection.settimeout(None)
    head, descriptors, _, _ = socket.recv_fds(connection, 8, 2)
    try:
        content = bytearray()
        while len(content) < int.from_bytes(head, "big"):
            part = connection.recv(1 << 16)
            if not part:
                return
            content += part
        request = json.loads(content)
        connection.sendall(TAKEN)
        with _as_caller(request, descriptors), _dropped_with(connection):
            status = _run(request["arguments"])
        connection.sendall(ENDED + bytes([status & 255]))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _run(arguments):
    try:
        return int(command(arguments))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except BaseException:  # with --traceback
        import traceback

        traceback.print_exc()
        return 1


@contextlib.contextmanager
def _as_caller(request, descriptors):
    """Be in the caller's folder, with its environment and its output."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.umask(request["umask"])
    os.chdir(request["folder"])
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # peak memory is to be this command's
    for number, descriptor in enumerate(descriptors, 1):
        os.dup2(descriptor, number)
    try:
        yield
    finally:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number, stream in ((1, sys.stdout), (2, sys.stderr)):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
            os.dup2(nowhere, number)
        os.close(nowhere)
        os.chdir("/")


@contextlib.contextmanager
def _dropped_with(connection):
    """Interrupt the work when the caller has gone."""
    done, tell = os.pipe()
    main = threading.main_thread().ident

    def watch():
        poll = select.poll()
        poll.register(connection, select.POLLHUP | getattr(select, "POLLRDHUP", select.POLLIN))
        poll.register(done, select.POLLIN)
        if all(number != done for number, _ in poll.poll()):
            signal.pthread_kill(main, signal.SIGTERM)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        os.write(tell, b".")
        watcher.join()
        os.close(done)
        os.close(tell)


def main():
    """Run the process."""
    # Between two commands nobody has anything to interrupt.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        serve(listener)


if __name__ == "__main__":
    main()
