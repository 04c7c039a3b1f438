"""How a user's wish to end the program comes through: as an exception, so that unfinished files are removed."""

import contextlib
import signal
import threading

__all__ = ["Interrupted", "interruptible"]

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interrupted(BaseException):
    """The user wants the program to end. No KeyboardInterrupt: typer would end the program on its own terms."""


@contextlib.contextmanager
def interruptible():
    """Turn SIGINT, SIGTERM and SIGHUP into `Interrupted`: temporary files are removed on the way out."""

    def stop(signum, frame):
        raise Interrupted

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
