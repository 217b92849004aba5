"""Folders for temporary files that vanish whatever happens to the process."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator

from tf_colorize import leftovers, whole

_one_at_a_time = threading.RLock()


class Scratch:
    """A new folder where the system keeps temporary files, which no other user can enter; use it in a `with` block.

    It goes with the block, with the object, or with the process. If that is killed, the next one that needs such a
    folder removes it: systems do that late or never.

    Attributes:
        path: The folder.

    Raises:
        OSError: it cannot be created.
    """

    def __init__(self) -> None:
        place = pathlib.Path(tempfile.gettempdir())
        leftovers.remove_once(str(place))
        with whole.naming(place):
            guard = leftovers.new_file(place, 0o600)  # open, and locked, as long as the folder is there
        self.path = pathlib.Path(guard.name).with_suffix(leftovers.FOLDER_SUFFIX)
        self._end = weakref.finalize(self, _remove, guard, self.path)
        try:
            with self.naming():
                self.path.mkdir(mode=0o700)
        except BaseException:
            self._end()
            raise

    def naming(self) -> contextlib.AbstractContextManager[None]:
        """Makes errors in a `with` block that uses only this folder name the one that the system gave, because users
        know that."""
        return whole.naming(self.path.parent, nameless=(*whole.NO_ROOM, errno.EIO))

    def __enter__(self) -> pathlib.Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes the folder, if it is still there."""
        self._end()


def _remove(guard, folder):
    shutil.rmtree(folder, ignore_errors=True)
    guard.close()
    with contextlib.suppress(OSError):
        os.unlink(guard.name)


@contextlib.contextmanager
def of_libraries() -> Iterator[None]:
    """Makes libraries put their temporary files into a `Scratch` during a `with` block.

    Keras and TensorFlow leave some of theirs behind if an error occurs or the process is killed. Python has one folder
    for all threads, so one block waits for the other, and no thread may create a temporary file meanwhile that must
    last longer. Errors about a file in it name the folder that the system gave, because users know that.

    Raises:
        OSError: the folder cannot be created.
    """
    with _one_at_a_time, Scratch() as folder:
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        try:
            yield
        except OSError as error:
            if error.filename and os.fsdecode(error.filename).startswith(str(folder)):
                raise OSError(error.errno, error.strerror, str(folder.parent)) from error
            raise
        finally:
            tempfile.tempdir = before
