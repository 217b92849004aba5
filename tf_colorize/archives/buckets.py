"""A bucket as a place: names below a prefix, whose objects appear only when complete."""

from __future__ import annotations

import pathlib
import posixpath
from collections.abc import Callable, Iterator

from tf_colorize import installation
from tf_colorize.archives import addresses, bucket_protocols


class Bucket:
    """A bucket, or a prefix in one. Objects appear only when they are complete, as always in buckets.

    Each machine finds its own credentials: in environment variables, files in the home folder or the machine's role.

    Args:
        address: Its address.
    """

    def __init__(self, address: addresses.BucketAddress) -> None:
        self._scheme, self._bucket, self._prefix = address.scheme, address.bucket, address.prefix
        self._options = bucket_protocols.PROTOCOLS[address.scheme].settled(address.options)
        self._files = None

    def __getstate__(self):
        return {**self.__dict__, "_files": None}  # the connection is not pickled

    @property
    def _file_system(self):
        if self._files is None:
            try:
                with installation.explained():
                    from pyarrow import fs
            except installation.MissingPackage as error:
                raise addresses.PlaceError(f"{self.full_name('')}: {error}") from error
            try:
                self._files = bucket_protocols.PROTOCOLS[self._scheme].file_system(fs, self._bucket, self._options)
            except ValueError as error:  # raised by pyarrow for invalid options
                raise addresses.PlaceError(f"{self.full_name('')}: {bucket_protocols.first_line(error)}") from error
        return self._files

    def full_name(self, name: str) -> str:
        """Returns the address of a file."""
        place = f"{self._scheme}://{self._bucket}" + (f"/{self._prefix}" if self._prefix else "")
        return f"{place}/{name}" if name else place

    def check(self) -> None:
        """Raises PlaceError if the bucket does not exist; takes one request for any number of objects."""
        name = f"{self._scheme}://{self._bucket}"
        try:
            found = self._file_system.get_file_info(self._bucket)
        except OSError as error:
            raise addresses.PlaceError(f"{name}: {bucket_protocols.first_line(error)}") from error
        if found.type.name == "NotFound":
            raise addresses.PlaceError(f"{name}: no such bucket")

    def prepare(self) -> None:
        """Raises PlaceError if the bucket does not exist; folders in it need not be created."""
        self.check()

    def inside(self, other: object) -> str | None:
        """Returns the name of this place relative to another that contains it, or None.

        Equal bucket names on different servers count as the same bucket, because one server can have several addresses.
        """
        if not isinstance(other, Bucket) or (other._server, other._bucket) != (self._server, self._bucket):
            return None
        path, folder = pathlib.PurePosixPath(self._prefix), pathlib.PurePosixPath(other._prefix)
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else None

    @property
    def _server(self):
        """Returns the name space of the bucket: Google's buckets can also be reached through S3's interface."""
        return "gs" if "storage.googleapis.com" in self._options.get("endpoint_override", "") else self._scheme

    def walk(self, refuse: Callable[[str, str], None] | None = None) -> Iterator[tuple[str, list[str]]]:
        """Yields `(folder, file names in it)`, without hidden ones, folder by folder.

        Args:
            refuse: Called with the name of a folder that cannot be read unchanged, and the reason; None skips the
                folder.

        Raises:
            PlaceError: a folder cannot be listed.
        """
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            names: list[str] = []
            folders: list[str] = []
            for info in self._list(folder):
                # pyarrow lists an empty folder name, as in "a//b", as the parent folder.
                name = "" if info.path.rstrip("/") == self._key(folder) else info.base_name
                problem = None if info.is_file else addresses.problem_of(name)
                if problem:
                    if refuse:
                        refuse(f"{posixpath.join(folder, name)}/", problem)
                elif not name.startswith("."):
                    (names if info.is_file else folders).append(name)
            yield folder, sorted(names)
            waiting += [posixpath.join(folder, name) for name in sorted(folders, reverse=True)]

    def names(self, folder: str) -> set[str]:
        """Returns the names of the files in a folder, or an empty set if it does not exist."""
        return {info.base_name for info in self._list(folder) if info.is_file}

    def has(self, name: str) -> bool:
        """Returns whether a file exists."""
        return self._file_system.get_file_info(self._key(name)).is_file

    def fetch(self, name: str, scratch: pathlib.Path) -> pathlib.Path:
        """Copies a file into the folder `scratch` and returns its path.

        Raises:
            OSError: it cannot be read.
        """
        path = scratch / f"photo{pathlib.PurePosixPath(name).suffix}"
        with self._file_system.open_input_file(self._key(name)) as file:
            path.write_bytes(file.readall())
        return path

    def path_for(self, name: str, scratch: pathlib.Path) -> pathlib.Path:
        """Returns where to write a file that `store` then copies."""
        return scratch / "results" / pathlib.PurePosixPath(name).name

    def store(self, name: str, path: pathlib.Path) -> None:
        """Copies a file that was written to `path_for` into the bucket."""
        self.put(name, path)

    def put(self, name: str, path: pathlib.Path) -> None:
        """Copies a file into the bucket, completely or not at all.

        Raises:
            OSError: it cannot be written.
        """
        data = path.read_bytes()  # read completely first, because closing the stream would store a partial object
        with self._file_system.open_output_stream(self._key(name)) as target:
            target.write(data)

    def remove(self, name: str) -> None:
        """Removes a file if it exists."""
        if self.has(name):
            self._file_system.delete_file(self._key(name))

    def clean(self, folder: str) -> None:
        """Does nothing: a bucket shows no unfinished files."""

    def _key(self, name):
        """Returns the path of a file or folder for pyarrow; rejects names that pyarrow would normalize."""
        problem = addresses.problem_of(name) if name else None
        if problem:
            raise addresses.PlaceError(f"{addresses.shown(self.full_name(name))}: its name {problem}")
        return "/".join(part for part in (self._bucket, self._prefix, name) if part)

    def _list(self, folder):
        from pyarrow import fs

        try:
            return self._file_system.get_file_info(fs.FileSelector(self._key(folder), allow_not_found=True))
        except OSError as error:
            reason = f"cannot be listed: {bucket_protocols.first_line(error)}"
            raise addresses.PlaceError(f"{self.full_name(folder)}: {reason}") from error
