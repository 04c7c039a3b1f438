"""What every test may rely on."""

import logging

import pytest


@pytest.fixture(autouse=True)
def log_as_it_comes():
    """The program's log as a fresh process has it: the command turns it to the terminal, for good."""
    log = logging.getLogger("jwpipe")
    log.propagate = True
    log.setLevel(logging.NOTSET)
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
