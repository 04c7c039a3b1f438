"""The command `jwpipe` by way of a process that is warm already: what make starts for each of a program's tasks.

Most of the time of a command on a small exposure goes into imports. `python -m jwpipe.cli.client ARGUMENTS` does what
`jwpipe ARGUMENTS` does, with the same output and exit status, but in a process (`jwpipe.cli.service`) that an earlier
command has started and that goes on for a few seconds after the last one. As many of them as there are commands at a
time. When the command is killed, the process drops its work. Where no such process can be had, the command works by
itself.

Only what is quick to import is imported here.
"""

import os
import socket
import sys
import zlib

__all__ = ["main"]

MOST = 256  # processes of one user
TAKEN, ENDED = b"T", b"E"
INTERRUPTED = 130


def main():
    """Run the command.

    Returns
    -------
    int
        Its exit status.
    """
    try:
        status = _by_service(sys.argv[1:])
    except KeyboardInterrupt:
        return INTERRUPTED
    if status is None:
        from jwpipe.cli import main as command

        return command(sys.argv[1:])
    return status


def _by_service(arguments):
    """Have the command done; None where there is nobody to do it."""
    if not hasattr(socket, "AF_UNIX") or not hasattr(socket, "send_fds"):
        return None
    try:
        base = _place()
        lock = _free(base)
    except OSError:
        return None
    if lock is None:
        return None
    slot, descriptor = lock
    try:
        for _ in range(2):  # one that is about to end may still be there
            connection = _connect(f"{base}{slot}")
            if connection is None:
                return None
            with connection:
                if (status := _ask(connection, arguments)) is not None:
                    return status
        return None
    finally:
        os.close(descriptor)


def _place():
    """Beginning of the names of sockets: in a folder that no other user can enter, one set a Python and package."""
    folder = os.path.join(os.environ.get("XDG_RUNTIME_DIR") or "/tmp", f"jwpipe-{os.getuid()}")  # noqa: PTH118
    if not os.path.isdir(folder):  # noqa: PTH112 - pathlib is slow to import
        os.makedirs(folder, 0o700, exist_ok=True)  # noqa: PTH103
    found = os.lstat(folder)
    if found.st_uid != os.getuid() or found.st_mode & 0o170077 != 0o040000:
        raise PermissionError(folder)
    return f"{folder}/{zlib.crc32(f'{sys.executable} {__file__}'.encode('utf-8', 'surrogateescape')):08x}-"


def _free(base):
    """Lock the first place that no other command has; give its number and the lock's descriptor."""
    import fcntl

    for slot in range(MOST):
        descriptor = os.open(f"{base}{slot}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
        else:
            return slot, descriptor
    return None


def _connect(path):
    """Connect to the process of a place; start it where there is none."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(path)
    except OSError:
        try:
            _start(path)
            connection.connect(path)
        except OSError:
            connection.close()
            return None
    return connection


def _start(path):
    import subprocess

    from jwpipe.jobs.processes import environment, python

    if os.path.lexists(path):
        os.unlink(path)  # noqa: PTH108
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(4)
        number = listener.fileno()
        subprocess.Popen(
            python("jwpipe.cli.service", number),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[number],
            cwd="/",
            env=environment(),
            start_new_session=True,
        )


def _ask(connection, arguments):
    """Hand the command over and wait for its end; None where it was not taken."""
    import json

    umask = os.umask(0o077)
    os.umask(umask)
    request = {"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ), "umask": umask}  # noqa: PTH109
    content = json.dumps(request).encode()
    try:
        socket.send_fds(connection, [len(content).to_bytes(8, "big")], [1, 2])
        connection.sendall(content)
        if connection.recv(1) != TAKEN:
            return None
    except OSError:
        return None
    try:
        answer = connection.recv(2)
    except OSError:
        answer = b""
    if answer[:1] == ENDED:
        return answer[1]
    print("jwpipe: the process that worked on it was killed (perhaps memory ran out)", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
