"""Records the failed photos of an archive, with their reasons, in a file beside the results."""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading

from tf_colorize import scratch
from tf_colorize.albums import work
from tf_colorize.archives import places


class Failures:
    """The failed photos with their reasons: `failures.jsonl` in the result place.

    Args:
        source: The place of the photos.
        target: The place for the results.
    """

    NAME = "failures.jsonl"

    def __init__(self, source: places.Folder | places.Bucket, target: places.Folder | places.Bucket) -> None:
        self.count = self._n_saved = 0
        self._source, self._target = source, target
        self._lock = threading.Lock()
        # A folder, because Windows cannot open a temporary file twice.
        self._scratch = scratch.Scratch()
        self._local = self._scratch.path / self.NAME
        with self._scratch.naming():
            self._file = open(self._local, "w", encoding="utf-8")  # noqa: SIM115  # lives as long as this

    def __enter__(self) -> Failures:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> str:
        """Returns the full name of the file."""
        return self._target.full_name(self.NAME)

    def add(self, photo: str, reason: str) -> None:
        """Records a failed photo; may be called from any thread."""
        with self._lock, self._scratch.naming():
            self._file.write(json.dumps({"photo": self._source.full_name(photo), "reason": reason}) + "\n")
            self.count += 1

    def save(self) -> None:
        """Writes the file into the result place if there are new failures; it replaces that of an earlier run.

        Raises:
            OSError: the file cannot be written.
        """
        with self._lock:
            if self.count == self._n_saved:
                return
            with self._scratch.naming():
                self._file.flush()
            self._target.put(self.NAME, self._local)
            self._n_saved = self.count

    def try_to_save(self) -> str | None:
        """Tries to save new failures; returns a one-line message if that is impossible, or None."""
        try:
            self.save()
        except Exception as error:  # a full disk, an unreachable bucket, an exception of a library: nothing is lost yet
            return work.reason_of(error)
        return None

    def finish(self) -> str | None:
        """Saves the last failures, or removes the file of an earlier run if nothing failed.

        Returns:
            None, or a one-line message with the reason and the local path of the file instead.
        """
        problem = self.try_to_save()
        if problem is None and not self.count:
            try:
                self._target.remove(self.NAME)
            except Exception as error:
                problem = f"an earlier run's {self.path} cannot be removed: {work.reason_of(error)}"
        elif problem is not None:
            problem = f"{self.path} cannot be written: {problem}; its lines are in {self._kept()}"
        self.close()
        return problem

    def close(self) -> None:
        """Removes the local file; failures that were not saved are lost."""
        with contextlib.suppress(OSError):  # a full disk
            self._file.close()
        self._scratch.close()  # after the file, because Windows cannot remove an open one

    def _kept(self):
        with tempfile.NamedTemporaryFile("wb", prefix="tf-colorize-", suffix=f"-{self.NAME}", delete=False) as kept:
            kept.write(self._local.read_bytes())
        return kept.name
