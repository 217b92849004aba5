"""Folders and buckets as the same thing: names below them, files that come and go whole.

A place travels to other machines: it holds no connection, only what is needed to make one there.
Names are relative to the place and have "/" between their parts; "" is the place itself.
"""

from __future__ import annotations

import os
import pathlib
import posixpath
import urllib.parse
from collections.abc import Iterator

from tf_colorize import installation, whole
from tf_colorize.photos import find

_SCHEMES = {"s3": "s3", "gs": "gs", "gcs": "gs"}
_ATTEMPTS = 8  # of a request to a bucket; with pauses between them that grow, about a minute


class PlaceError(ValueError):
    """A folder or bucket cannot be used; the message is one line that names it."""


def open_place(text: str) -> Folder | Bucket:
    """Returns the folder or bucket that a text names.

    Args:
        text: Path of a folder, or `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`. An address may end with
            `?region=...&endpoint_override=...&scheme=http`, for servers other than Amazon's and Google's.

    Raises:
        PlaceError: it is an address of another kind, or pyarrow is missing.
    """
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Folder(text)
    if scheme not in _SCHEMES:
        raise PlaceError(f"{text}: must be a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")
    return Bucket(text)


class Folder:
    """A folder that every machine of the cluster sees under the same path.

    Args:
        path: The folder; a result folder need not exist.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = pathlib.Path(os.path.abspath(path))

    def full_name(self, name: str) -> str:
        """Returns the name that people know a file by."""
        return str(self._path / name)

    def check(self) -> None:
        """Raises PlaceError if the folder is not there."""
        if not self._path.is_dir():
            raise PlaceError(f"{self._path}: no such folder")

    def prepare(self) -> None:
        """Creates the folder.

        Raises:
            PlaceError: that is impossible.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PlaceError(f"{self._path}: cannot be created: {error.strerror}") from error

    def inside(self, other: Folder | Bucket) -> str | None:
        """Returns the name of this place in another that it lies in, or None."""
        return _below(self._path, other._path) if isinstance(other, Folder) else None

    def walk(self) -> Iterator[tuple[str, list[str]]]:
        """Yields `(folder, file names in it)`, without hidden ones, folder by folder.

        Raises:
            ImageError: a folder cannot be listed.
        """
        for folder, names in find.walk(self._path):
            relative = folder.relative_to(self._path).as_posix()
            yield "" if relative == "." else relative, names

    def names(self, folder: str) -> set[str]:
        """Returns the names of the files in a folder, none if it does not exist."""
        try:
            return {entry.name for entry in os.scandir(self._path / folder) if entry.is_file()}
        except (FileNotFoundError, NotADirectoryError):
            return set()

    def has(self, name: str) -> bool:
        """Returns whether a file exists."""
        return (self._path / name).exists()

    def fetch(self, name: str, scratch: pathlib.Path) -> pathlib.Path:
        """Returns where a file can be read."""
        return self._path / name

    def path_for(self, name: str, scratch: pathlib.Path) -> pathlib.Path:
        """Returns where to write a file that `store` then takes; writing must be all or nothing."""
        return self._path / name

    def store(self, name: str, path: pathlib.Path) -> None:
        """Makes a file that was written to `path_for` visible under its name."""

    def put(self, name: str, path: pathlib.Path) -> None:
        """Copies a file to the place, whole or not at all."""
        whole.copy(path, self._path / name)

    def remove(self, name: str) -> None:
        """Removes a file if it exists."""
        (self._path / name).unlink(missing_ok=True)

    def clean(self, folder: str) -> None:
        """Removes what killed writers left unfinished in a folder."""
        whole.remove_dead(self._path / folder)


class Bucket:
    """A bucket, or a prefix in one. Objects appear when they are complete; that is how buckets work.

    Credentials are found on each machine by itself: in environment variables, files in the home folder or
    the machine's role.

    Args:
        address: What `open_place` takes.
    """

    def __init__(self, address: str) -> None:
        parts = urllib.parse.urlsplit(address.replace("gcs://", "gs://", 1))
        self._scheme, self._options = parts.scheme, dict(urllib.parse.parse_qsl(parts.query))
        known = {"region", "endpoint_override", "scheme"}
        if not parts.netloc or set(self._options) - known:
            raise PlaceError(f"{address}: must be {parts.scheme}://BUCKET/PREFIX?NAME=VALUE with {', '.join(known)}")
        if self._scheme == "s3" and "endpoint_override" not in self._options:
            endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
            self._options.update({"endpoint_override": endpoint} if endpoint else {})
        self._path = pathlib.PurePosixPath(parts.netloc, parts.path.strip("/"))
        self._files = None

    def __getstate__(self):
        return {**self.__dict__, "_files": None}  # the connection stays here

    @property
    def _file_system(self):
        if self._files is None:
            try:
                with installation.explained():
                    from pyarrow import fs
            except installation.MissingPackage as error:
                raise PlaceError(f"{self.full_name('')}: {error}") from error
            self._files = (_s3 if self._scheme == "s3" else _gcs)(fs, self._path.parts[0], self._options)
        return self._files

    def full_name(self, name: str) -> str:
        """Returns the address of a file."""
        return f"{self._scheme}://{self._path / name}"

    def check(self) -> None:
        """Raises PlaceError if the bucket is not there; one request, however much is in it."""
        bucket = self._path.parts[0]
        try:
            found = self._file_system.get_file_info(bucket)
        except OSError as error:
            raise PlaceError(f"{self._scheme}://{bucket}: {_first_line(error)}") from error
        if found.type.name == "NotFound":
            raise PlaceError(f"{self._scheme}://{bucket}: no such bucket")

    def prepare(self) -> None:
        """Raises PlaceError if the bucket is not there; folders in it need not be made."""
        self.check()

    def inside(self, other: Folder | Bucket) -> str | None:
        """Returns the name of this place in another that it lies in, or None."""
        is_same_kind = isinstance(other, Bucket) and other._scheme == self._scheme
        return _below(self._path, other._path) if is_same_kind else None

    def walk(self) -> Iterator[tuple[str, list[str]]]:
        """Yields `(folder, file names in it)`, without hidden ones, folder by folder.

        Raises:
            PlaceError: a folder cannot be listed.
        """
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            names: list[str] = []
            folders: list[str] = []
            for info in self._list(folder):
                if not info.base_name.startswith("."):
                    (names if info.is_file else folders).append(info.base_name)
            yield folder, sorted(names)
            waiting += [posixpath.join(folder, name) for name in sorted(folders, reverse=True)]

    def names(self, folder: str) -> set[str]:
        """Returns the names of the files in a folder, none if it does not exist."""
        return {info.base_name for info in self._list(folder) if info.is_file}

    def has(self, name: str) -> bool:
        """Returns whether a file exists."""
        return self._file_system.get_file_info(self._key(name)).is_file

    def fetch(self, name: str, scratch: pathlib.Path) -> pathlib.Path:
        """Copies a file into the folder `scratch` and returns where.

        Raises:
            OSError: it cannot be read.
        """
        path = scratch / f"photo{pathlib.PurePosixPath(name).suffix}"
        with self._file_system.open_input_file(self._key(name)) as file:
            path.write_bytes(file.readall())
        return path

    def path_for(self, name: str, scratch: pathlib.Path) -> pathlib.Path:
        """Returns where to write a file that `store` then takes."""
        return scratch / "results" / pathlib.PurePosixPath(name).name

    def store(self, name: str, path: pathlib.Path) -> None:
        """Copies a file that was written to `path_for` into the bucket."""
        self.put(name, path)

    def put(self, name: str, path: pathlib.Path) -> None:
        """Copies a file into the bucket, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        data = path.read_bytes()  # all of it first: closing the stream would complete half an object, too
        with self._file_system.open_output_stream(self._key(name)) as target:
            target.write(data)

    def remove(self, name: str) -> None:
        """Removes a file if it exists."""
        if self.has(name):
            self._file_system.delete_file(self._key(name))

    def clean(self, folder: str) -> None:
        """Nothing to do: a bucket shows no unfinished files."""

    def _key(self, name):
        return str(self._path / name)

    def _list(self, folder):
        from pyarrow import fs

        try:
            return self._file_system.get_file_info(fs.FileSelector(self._key(folder), allow_not_found=True))
        except OSError as error:
            raise PlaceError(f"{self.full_name(folder)}: cannot be listed: {_first_line(error)}") from error


def _s3(fs, bucket, options):
    if "region" not in options and "endpoint_override" not in options:
        try:
            options = {**options, "region": fs.resolve_s3_region(bucket)}
        except OSError as error:
            raise PlaceError(f"s3://{bucket}: no such bucket, or not reachable: {_first_line(error)}") from error
    # One request writes a file of usual size; without the option there would be three, each of them paid for.
    return fs.S3FileSystem(
        **options, allow_delayed_open=True, retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS)
    )


def _gcs(fs, bucket, options):
    options = {name: value for name, value in options.items() if name != "region"}
    return fs.GcsFileSystem(**options)


def _below(path, other):
    return path.relative_to(other).as_posix() if path.is_relative_to(other) else None


def _first_line(error):
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
