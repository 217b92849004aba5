"""The photos of an archive that failed, with their reasons, in a file beside the results."""

from __future__ import annotations

import json
import tempfile
import threading

from tf_colorize import whole
from tf_colorize.albums import work
from tf_colorize.archives import places


class Failures:
    """The photos that failed, with their reasons: `failures.jsonl` in the result place.

    Args:
        source: Where the photos are.
        target: Where the results go.
    """

    NAME = "failures.jsonl"

    def __init__(self, source: places.Folder | places.Bucket, target: places.Folder | places.Bucket) -> None:
        self.count = self._n_saved = 0
        self._source, self._target = source, target
        self._lock = threading.Lock()
        # A folder, because Windows does not open a temporary file a second time.
        self._scratch = whole.Scratch()
        self._local = self._scratch.path / self.NAME
        self._file = open(self._local, "w", encoding="utf-8")  # noqa: SIM115  # lives as long as this

    @property
    def path(self) -> str:
        """What people know the file by."""
        return self._target.full_name(self.NAME)

    def add(self, photo: str, reason: str) -> None:
        """Notes that a photo failed; may be called from any thread."""
        with self._lock:
            self._file.write(json.dumps({"photo": self._source.full_name(photo), "reason": reason}) + "\n")
            self.count += 1

    def save(self) -> None:
        """Writes the file into the result place if there is anything new; an earlier run's file goes.

        Raises:
            OSError: that is impossible.
        """
        with self._lock:
            if self.count == self._n_saved:
                return
            self._file.flush()
            self._target.put(self.NAME, self._local)
            self._n_saved = self.count

    def try_to_save(self) -> str | None:
        """Saves what is new where that is possible; returns one line about why it is not, or None."""
        try:
            self.save()
        except Exception as error:  # a full disk, a bucket that does not answer, a library's own: nothing is lost yet
            return work.reason_of(error)
        return None

    def finish(self) -> str | None:
        """Saves the last ones, or removes the file of an earlier run where nothing failed.

        Returns:
            None, or one line about why that is impossible and where on this machine the file is instead.
        """
        problem = self.try_to_save()
        if problem is None and not self.count:
            try:
                self._target.remove(self.NAME)
            except Exception as error:
                problem = f"an earlier run's {self.path} cannot be removed: {work.reason_of(error)}"
        elif problem is not None:
            problem = f"{self.path} cannot be written: {problem}; its lines are in {self._kept()}"
        self._file.close()
        self._scratch.close()
        return problem

    def _kept(self):
        with tempfile.NamedTemporaryFile("wb", prefix="tf-colorize-", suffix=f"-{self.NAME}", delete=False) as kept:
            kept.write(self._local.read_bytes())
        return kept.name
