"""The finished pieces of a film in a hidden folder beside the result, and how to go on behind them."""

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
_LONGEST_NAME = 255  # bytes, in most file systems


class OtherWork(frames.FilmError):
    """Pieces of another job wait beside the result: with other options, or of a film that has changed since."""


class Pieces:
    """The work on one film, as far as it is done. Use it as a context manager.

    Args:
        target: The result.
        job: What the work depends on, by name: pieces of an equal job are taken up again.
        starts_anew: Removes what is finished of another job.

    Attributes:
        target: The result.
        finished: The pieces.
        n_frames: How many frames they have.
        n_damaged: How many of these are damaged in the film.
        next_number: Of the first frame that is missing, or None where none is finished.
        state: What the steadier needs to go on.
        tracks: What `keep_tracks` was given, or None.

    Raises:
        OtherWork: another job's pieces are there. Nothing was removed.
        FilmError: another run works on them, or they cannot be written.
    """

    def __init__(self, target: pathlib.Path, job: dict[str, Any], *, starts_anew: bool = False) -> None:
        self.folder = folder_of(target)
        self.target, self._starts_anew = target, starts_anew
        self._job = json.loads(json.dumps(job))
        self.finished: list[encoding.Piece] = []
        self.n_frames = self.n_damaged = 0
        self.next_number: int | None = None
        self.state: steadying.State | None = None
        self.tracks: Any = None
        self._is_joined = False
        self._numbers: list[tuple[int, int, int]] = []  # of each piece: first number, frames, damaged ones

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
        # Without any account of them, pieces are those of a run that ended before it could note the first one.
        is_of_another = (self.folder / _STATE).exists() or any(self.folder.glob("*.json"))
        n_pieces = len(saved["pieces"]) if saved else len(paths) if is_of_another else 0
        is_there = all(self.path(number).is_file() for number in range(n_pieces))
        if job == self._job and is_there:
            self._restore(saved)
        elif n_pieces and is_there and not self._starts_anew:
            raise OtherWork(f"{self.target}: {_difference(job, self._job)}; what an earlier run had finished is kept")
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
        """Of a piece."""
        return self.folder / f"{number:06}.mp4"

    def _count(self, first, n_frames, n_damaged):
        self._numbers.append((first, n_frames, n_damaged))
        self.n_frames += n_frames
        self.n_damaged += n_damaged

    def finish(
        self, writer: encoding.PieceWriter, first: int, last: int, n_frames: int, n_damaged: int, state: Any
    ) -> None:
        """Notes that the newest piece is complete.

        Args:
            writer: What wrote it.
            first, last: Numbers of its first frame and of the frame to go on with.
            n_frames: Its frames.
            n_damaged: How many of them are damaged in the film.
            state: Of the steadier behind it.
        """
        self.finished.append(encoding.Piece(self.path(len(self.finished)), writer.time or 0))
        self._count(first, n_frames, n_damaged)
        self.next_number, self.state = last, state
        self._save()

    def keep_tracks(self, tracks: Any) -> None:
        """Keeps something that JSON can hold for a later run."""
        self.tracks = tracks
        self._save()

    @property
    def joined(self) -> pathlib.Path:
        """Where the film is joined."""
        return self.folder / _JOINED

    def put(self, source: pathlib.Path) -> None:
        """Moves the joined film, which was made of `source`, to its place and removes the pieces."""
        self._is_joined = True
        self._save()
        muxing.put(self.joined, self.target, source)
        self.finished.clear()  # their folder goes at the end

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
    """Where the pieces of a result wait: a folder beside it, named after it as far as a name can be that long."""
    name = f".{target.name}.pieces"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}.pieces"
    return target.with_name(name)


def remove_leftovers(target: pathlib.Path) -> None:
    """Removes the pieces of a result that was finished by a run that was stopped before it could clear up."""
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
    """What `_save` wrote, or None where it is not there or is of another version."""
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
    """What tells two jobs apart, in words."""
    if saved is None:
        return "pieces of another version wait beside it"
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
    """What tells a film from another: its place, size and date."""
    stats = [file.stat() for file in files]
    return [
        str(path.absolute()),
        sum(stat.st_size for stat in stats),
        max(stat.st_mtime_ns for stat in stats),
        len(files),
    ]
