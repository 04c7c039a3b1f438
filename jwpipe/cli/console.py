"""What a user sees while jwpipe works: log lines, a progress line on a terminal, the table of steps."""

import logging
import sys

__all__ = ["Progress", "set_up_log", "size_text", "step_table"]

LOG = "jwpipe"


def set_up_log(quiet=False, verbose=False, log_file=None):
    """Send jwpipe's own log to stderr, and all of it to a file if one is named.

    Only the logger ``jwpipe`` is touched: other packages' logs are theirs.
    """
    from jwpipe.errors import OutputError

    logging.raiseExceptions = False  # a log that cannot be written is no reason to print tracebacks
    log = logging.getLogger(LOG)
    log.propagate = False
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    screen = logging.StreamHandler(sys.stderr)
    screen.setLevel(logging.ERROR if quiet else logging.DEBUG if verbose else logging.WARNING)
    screen.setFormatter(logging.Formatter("jwpipe: %(message)s"))
    log.addHandler(screen)
    log.setLevel(screen.level)
    if log_file is not None:
        try:
            file = logging.FileHandler(log_file)
        except OSError as problem:
            raise OutputError(f"cannot write the log {log_file}: {problem.strerror}") from None
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(file)
        log.setLevel(logging.DEBUG)
    return log


class Progress:
    """One line on a terminal that says which step of how many is at work; nothing where stderr is no terminal.

    Parameters
    ----------
    title : str
        What is being processed.
    names : sequence of str
        Steps to come, in order.
    show : bool
        Whether to show anything.
    """

    WIDTH = 24

    def __init__(self, title, names, show):
        self.title, self.names, self.show = title, list(names), show and sys.stderr.isatty()

    def __call__(self, name):
        if not self.show:
            return
        done = self.names.index(name) if name in self.names else len(self.names)
        filled = self.WIDTH * done // max(len(self.names), 1)
        bar = "#" * filled + "." * (self.WIDTH - filled)
        print(f"\r\033[K{self.title} [{bar}] {name}", end="", file=sys.stderr, flush=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.show:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def size_text(size):
    """Give a size in bytes as a user reads it."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"


def step_table(records):
    """Give the lines of the table of steps: name, status, seconds, peak memory so far."""
    lines = [f"{'step':<18}{'status':<10}{'seconds':>8}{'peak':>10}"]
    for record in records:
        reason = f"  {record.reason}" if record.reason else ""
        lines.append(
            f"{record.name:<18}{record.status:<10}{record.seconds:>8.2f}{size_text(record.peak):>10}{reason}".rstrip()
        )
    total = sum(record.seconds for record in records)
    lines.append(f"{'total':<28}{total:>8.2f}{size_text(max(record.peak for record in records)):>10}")
    return lines
