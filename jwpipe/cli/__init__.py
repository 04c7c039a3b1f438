"""The command line: thin modules, no science, nothing heavy at import."""

import sys

__all__ = ["main"]


def main(arguments=None):
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.

    Returns
    -------
    int
        The exit status (`jwpipe.errors.ExitStatus`).
    """
    # First of all, so that an interrupt while modules are imported ends as any other.
    from jwpipe.jobs.interrupt import Interrupted, interruptible

    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with interruptible():
            return _run(arguments)
    except Interrupted:
        from jwpipe.errors import ExitStatus

        return _say("interrupted", ExitStatus.INTERRUPTED)


def _run(arguments):
    import typer

    from jwpipe.cli.app import app
    from jwpipe.errors import ExitStatus, explain
    from jwpipe.jobs.interrupt import Interrupted

    try:
        return app(arguments, prog_name="jwpipe", standalone_mode=False) or ExitStatus.DONE
    except typer.Abort:
        raise Interrupted from None
    except BrokenPipeError:
        sys.stderr.close()  # who read our output has gone: nothing to tell, nobody to tell it to
        return ExitStatus.STEP_FAILED
    except Exception as problem:
        if hasattr(problem, "format_message"):  # typer's own errors: a wrong option, a missing argument
            return _say(problem.format_message(), ExitStatus.USAGE)
        if "--traceback" in arguments:
            raise
        return _say(*explain(problem))


def _say(message, status):
    print(f"jwpipe: {' '.join(str(message).split())}", file=sys.stderr)
    return int(status)
