"""A process that takes exposures one after another from the one that started it (`jwpipe.jobs.batch`)."""

import logging
import select
import signal
import sys
import threading
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection

from jwpipe.errors import ExitStatus
from jwpipe.jobs.interrupt import Interrupted, interruptible

__all__ = ["serve"]


class _Tell(QueueHandler):
    """Sends log records to the owner."""

    def enqueue(self, record):
        self.queue.send(record)

    def handleError(self, record):  # noqa: N802 - logging's name
        """Keep quiet: an owner that has gone ends the process anyway."""


def _end_with_owner(descriptor):
    """End this process when the other end of the connection is closed: its owner has gone."""
    poll = select.poll()
    poll.register(descriptor, select.POLLHUP)
    poll.poll()
    signal.pthread_kill(threading.main_thread().ident, signal.SIGTERM)


def serve(descriptor, level):
    """Process what is asked for, until there is nobody to ask.

    Parameters
    ----------
    descriptor : int
        Of the connection.
    level : int
        From which on log records are of interest.
    """
    from jwpipe.jobs import api
    from jwpipe.jobs.batch import attempt

    connection = Connection(descriptor)
    log = logging.getLogger("jwpipe")
    log.propagate = False
    log.setLevel(level)
    log.addHandler(_Tell(connection))
    threading.Thread(target=_end_with_owner, args=[descriptor], daemon=True).start()
    while True:
        try:
            name, path, options = connection.recv()
            connection.send(attempt(api.load(name), path, options))
        except (EOFError, OSError):
            return


def main():
    """Run a worker.

    Returns
    -------
    int
        Exit status.
    """
    try:
        with interruptible():
            serve(*map(int, sys.argv[1:]))
    except Interrupted:
        return ExitStatus.INTERRUPTED
    return ExitStatus.DONE


if __name__ == "__main__":
    sys.exit(main())
