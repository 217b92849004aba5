"""A folder for what is made once in a session and used by all processes that run its tests."""

import contextlib
import fcntl
import os
import pathlib


def folder():
    folder = pathlib.Path(os.environ["FOLDER_OF_THE_SESSION"], "shared")
    folder.mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def once(name):
    """Yields whether this process is the first to get here; the others wait until it is done."""
    done = folder() / f"{name}.done"
    with open(folder() / f"{name}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield not done.exists()
        done.touch()
