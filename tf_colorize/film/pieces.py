"""Keeps the finished pieces of a film in a hidden folder beside the result, and the state to continue after them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pathlib
import shutil
import zipfile
from typing import Any

import numpy as np

from tf_colorize import whole
from tf_colorize.film import encoding, frames, muxing, steadying

_STATE = "state.npz"
_JOINED = "joined"
_LONGEST_NAME = 255  # bytes of a name in most file systems


class OtherWork(frames.FilmError):
    """There are pieces of another job beside the result: with other options, or of a film that has changed since."""


class Pieces:
    """The progress of the work on one film. Use it as a context manager.

    Args:
        target: The result.
        job: Everything that the work depends on, by name; only pieces of an equal job are resumed.
        starts_anew: Whether to remove the pieces of another job.

    Attributes:
        target: The result.
        finished: The pieces.
        n_frames: Their number of frames.
        n_damaged: Number of these that are damaged in the film.
        is_scaled: Whether a frame of this run had another size than the first one.
        next_number: Number of the first missing frame, or None without finished pieces.
        state: The steadier's state to continue with.
        tracks: The argument of `keep_tracks`, or None.

    Raises:
        OtherWork: pieces of another job exist; nothing was removed.
        FilmError: another run is working on them, or they cannot be written.
    """

    def __init__(self, target: pathlib.Path, job: dict[str, Any], *, starts_anew: bool = False) -> None:
        self.folder = folder_of(target)
        self.target, self._starts_anew = target, starts_anew
        self._job = json.loads(json.dumps(job))
        self.finished: list[encoding.Piece] = []
        self.n_frames = self.n_damaged = 0
        self.is_scaled = False
        self.next_number: int | None = None
        self.state: steadying.State | None = None
        self.tracks: Any = None
        self._is_joined = False
        self._numbers: list[
            tuple[int, int, int]
        ] = []  # for each piece: first number, number of frames, number of damaged ones

    def __enter__(self) -> Pieces:
        with encoding.written(self.target):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)  # the film may be private
            self._lock = _locked(self.folder, self.target)
            try:
                whole.remove_dead(self.folder)
                self._take_up()
            except BaseException:
                self._lock.close()
                raise
        return self

    def __exit__(self, *error: Any) -> None:
        self._lock.close()
        if not self.finished:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _take_up(self):
        saved = _read(self.folder / _STATE)
        paths = sorted(self.folder.glob("*.mp4"))
        job = saved["job"] if saved else None
        # Pieces without any record are from a run that ended before it could record the first one.
        is_of_another = (self.folder / _STATE).exists() or any(self.folder.glob("*.json"))
        n_pieces = len(saved["pieces"]) if saved else len(paths) if is_of_another else 0
        is_there = all(self.path(number).is_file() for number in range(n_pieces))
        if job == self._job and is_there:
            self._restore(saved)
        elif n_pieces and is_there and not self._starts_anew:
            raise OtherWork(
                f"{self.target}: {_difference(job, self._job)}; the finished pieces of an earlier run are kept"
            )
        for path in [*self.folder.glob("*.mp4"), *self.folder.glob("*.npz"), *self.folder.glob("*.json")]:
            number = int(path.stem) if path.stem.isdigit() and path.suffix == ".mp4" else None
            if path.name != _STATE and (number is None or number >= len(self.finished)):
                path.unlink()

    def _restore(self, saved):
        self.tracks = saved["tracks"]
        for number, (time, *numbers) in enumerate(saved["pieces"]):
            self.finished.append(encoding.Piece(self.path(number), time))
            self._count(*numbers)
        self.next_number, self.state = saved["next_number"], saved["state"]

    def path(self, number: int) -> pathlib.Path:
        """Returns the path of a piece."""
        return self.folder / f"{number:06}.mp4"

    def _count(self, first, n_frames, n_damaged):
        self._numbers.append((first, n_frames, n_damaged))
        self.n_frames += n_frames
        self.n_damaged += n_damaged

    def finish(
        self, writer: encoding.PieceWriter, first: int, last: int, n_frames: int, n_damaged: int, state: Any
    ) -> None:
        """Records that the newest piece is complete.

        Args:
            writer: The writer of the piece.
            first, last: Numbers of its first frame and of the frame to continue with.
            n_frames: Its number of frames.
            n_damaged: Number of them that are damaged in the film.
            state: The steadier's state after it.
        """
        self.finished.append(encoding.Piece(self.path(len(self.finished)), writer.time or 0))
        self._count(first, n_frames, n_damaged)
        self.next_number, self.state = last, state
        self._save()

    def keep_tracks(self, tracks: Any) -> None:
        """Stores data for JSON for a later run."""
        self.tracks = tracks
        self._save()

    @property
    def joined(self) -> pathlib.Path:
        """Returns the path at which the film is joined."""
        return self.folder / _JOINED

    def put(self, source: pathlib.Path) -> None:
        """Moves the joined film, made from `source`, to its final path and removes the pieces."""
        self._is_joined = True
        self._save()
        muxing.put(self.joined, self.target, source)
        self.finished.clear()  # their folder is removed at the end

    def _save(self):
        pieces = [(piece.time, *numbers) for piece, numbers in zip(self.finished, self._numbers, strict=True)]
        content = {
            "job": self._job,
            "pieces": pieces,
            "next_number": self.next_number,
            "tracks": self.tracks,
            "is_joined": self._is_joined,
        }
        arrays = {}
        if self.state is not None:
            content["steadier"] = [self.state.since_key, self.state.trust]
            arrays = {"gray": self.state.gray, "sums": self.state.sums}
        buffer = io.BytesIO()
        np.savez(buffer, content=np.frombuffer(json.dumps(content).encode(), np.uint8), **arrays)
        with encoding.written(self.target), whole.open_whole(self.folder / _STATE) as file:
            file.write(buffer.getvalue())


def folder_of(target: pathlib.Path) -> pathlib.Path:
    """Returns the folder for the pieces of a result, beside it, with its name, shortened if necessary."""
    name = f".{target.name}.pieces"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}.pieces"
    return target.with_name(name)


def remove_leftovers(target: pathlib.Path) -> None:
    """Removes the pieces of a finished result whose run was stopped before its cleanup."""
    folder = folder_of(target)
    saved = _read(folder / _STATE) if folder.is_dir() else None
    if saved and saved["is_joined"] and not (folder / _JOINED).exists():  # it was moved away
        try:
            lock = _locked(folder, target)
        except frames.FilmError:
            return
        with lock:
            shutil.rmtree(folder, ignore_errors=True)


def _locked(folder, target):
    try:
        return whole.lock(folder / "lock")
    except BlockingIOError:
        raise frames.FilmError(f"{target}: another run is writing it") from None


def _read(path):
    """Returns the data written by `_save`, or None if it is missing or of another version."""
    try:
        with np.load(path) as file:
            saved = json.loads(bytes(file["content"]))
            saved["state"] = None
            if "steadier" in saved:
                saved["state"] = steadying.State(file["gray"], file["sums"], *saved["steadier"])
        return saved
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _difference(saved, job):
    """Describes the difference between two jobs."""
    if saved is None:
        return "there are pieces of another version beside it"
    changed = sorted(key for key in {*saved, *job} if saved.get(key) != job.get(key))
    if "film" in changed:
        return "the film has changed since its pieces were made"
    shown = [f"{key} was {_short(saved.get(key))}, now {_short(job.get(key))}" for key in changed]
    return "its pieces were made with other options (" + "; ".join(shown) + ")"


def _short(value):
    if isinstance(value, dict | list) and len(str(value)) > 40:
        return f"{len(value)} entries"
    return "the default" if value is None else str(value)


def job_of(path: pathlib.Path, files: list[pathlib.Path]) -> list[Any]:
    """Identifies a film by its path, size and date."""
    stats = [file.stat() for file in files]
    return [
        str(path.absolute()),
        sum(stat.st_size for stat in stats),
        max(stat.st_mtime_ns for stat in stats),
        len(files),
    ]
