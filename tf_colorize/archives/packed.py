"""Transfers models to other machines."""

from __future__ import annotations

import atexit
import dataclasses
import hashlib
import os
import pathlib
import shutil
import stat
import tempfile

from tf_colorize import whole
from tf_colorize.inference import colorizer, runtimes


@dataclasses.dataclass(frozen=True)
class PackedModel:
    """The files of a model, or the address of a server.

    Attributes:
        name: Path or address for `Colorizer.load` on the original machine.
        files: Paths relative to the model's folder, and contents; empty for an address.
    """

    name: str
    files: dict[str, bytes]

    @classmethod
    def pack(cls, model: str) -> PackedModel:
        """Reads a model, but only the files needed for loading.

        Args:
            model: As for `Colorizer.load`.

        Raises:
            ValueError: there is no such model, or it cannot be read.
        """
        if model.startswith(colorizer.ADDRESSES):
            return cls(model, {})
        path = pathlib.Path(model).absolute()
        try:
            files = {file.relative_to(path.parent).as_posix(): file.read_bytes() for file in runtimes.files_of(path)}
        except OSError as error:
            raise ValueError(f"{error.filename or model}: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), model)) from error
        return cls(str(path), files)

    def unpack(self) -> str:
        """Returns the argument of `Colorizer.load` on this machine.

        Files are used in place if this machine has the same ones and no other user can change them. Otherwise they are
        copied, once for all processes, into a folder that only this user can access.

        Raises:
            OSError: the files cannot be written.
        """
        place = pathlib.Path(self.name).parent
        if not self.files or (all(_only_ours(place / name) for name in self.files) and self._is_in(place)):
            return self.name
        content = hashlib.sha256()
        for name, data in self.files.items():
            content.update(f"{name} {len(data)} ".encode() + data)
        folder = _private_folder() / content.hexdigest()
        if not self._is_in(folder):
            for name, data in self.files.items():
                with whole.open_whole(folder / name) as file:
                    file.write(data)
        return str(folder / pathlib.Path(self.name).name)

    def _is_in(self, folder):
        try:
            return all((folder / name).read_bytes() == data for name, data in self.files.items())
        except OSError:
            return False


def _private_folder():
    """Returns a folder for models that only this user can access: the same for all processes, or one for this process.

    Its name is predictable, so another user may have created it, or a link of that name; it is not used then.
    """
    # On Windows, the temporary folder belongs to the user.
    user = str(os.geteuid()) if hasattr(os, "geteuid") else "models"
    folder = pathlib.Path(tempfile.gettempdir(), f"tf-colorize-{user}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if _is_private(folder):
            return folder
    except OSError:
        pass
    own = tempfile.mkdtemp(prefix="tf-colorize-")
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return pathlib.Path(own)


def _is_private(folder):
    found = os.lstat(folder)
    if not hasattr(os, "geteuid"):
        return stat.S_ISDIR(found.st_mode)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077


def _only_ours(path):
    """Returns whether only this user or root can change or replace a file."""
    if not hasattr(os, "geteuid"):
        return True
    try:
        places = [os.lstat(place) for place in (path, *path.parents)]
    except OSError:
        return False
    is_real = os.path.realpath(path) == str(path) and stat.S_ISREG(places[0].st_mode)
    return is_real and all(
        found.st_uid in (0, os.geteuid()) and (not found.st_mode & 0o022 or found.st_mode & stat.S_ISVTX)
        for found in places
    )
