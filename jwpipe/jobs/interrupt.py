"""How a user's wish to end the program comes through: as an exception, so that unfinished files are removed."""

import contextlib
import signal
import threading

__all__ = ["Interrupted", "interruptible"]


class Interrupted(BaseException):
    """The user wants the program to end. No KeyboardInterrupt: typer would end the program on its own terms."""


@contextlib.contextmanager
def interruptible():
    """Turn SIGINT and SIGTERM into `Interrupted`: temporary files are removed on the way out."""

    def stop(signum, frame):
        raise Interrupted

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
