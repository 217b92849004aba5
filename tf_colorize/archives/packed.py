"""Models on their way to other machines."""

from __future__ import annotations

import dataclasses
import getpass
import hashlib
import pathlib
import tempfile

from tf_colorize import whole


@dataclasses.dataclass(frozen=True)
class PackedModel:
    """The files of a model, or the address of a server.

    Attributes:
        name: Path or address, as `Colorizer.load` takes it where the model came from.
        files: Paths relative to the folder that the model is in, and what is in them; none for an address.
    """

    name: str
    files: dict[str, bytes]

    @classmethod
    def pack(cls, model: str) -> PackedModel:
        """Reads a model.

        Args:
            model: What `Colorizer.load` takes.

        Raises:
            ValueError: there is no such file or folder.
        """
        if "://" in model:
            return cls(model, {})
        path = pathlib.Path(model).absolute()
        if not path.exists():
            raise ValueError(f"{model}: no such model")
        files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
        return cls(str(path), {str(file.relative_to(path.parent)): file.read_bytes() for file in files})

    def unpack(self) -> str:
        """Returns what `Colorizer.load` takes on this machine.

        The files are used where they are if this machine has the same. Otherwise they are copied into the
        folder for temporary files, once for all processes of a user: they must outlive this function.
        """
        if not self.files or self._is_in(pathlib.Path(self.name).parent):
            return self.name
        content = hashlib.sha256()
        for name, data in self.files.items():
            content.update(f"{name} {len(data)} ".encode() + data)
        folder = pathlib.Path(tempfile.gettempdir(), f"tf-colorize-models-{getpass.getuser()}", content.hexdigest())
        if not self._is_in(folder):
            for name, data in self.files.items():
                with whole.open_whole(folder / name) as file:
                    file.write(data)
        return str(folder / pathlib.Path(self.name).name)

    def _is_in(self, folder):
        return all(
            (folder / name).is_file() and (folder / name).read_bytes() == data for name, data in self.files.items()
        )
