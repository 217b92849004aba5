"""What `tf-colorize cluster` counts while it works."""

import contextlib
import types

from tf_colorize.albums import work
from tf_colorize.commands import cluster, progress


class Failed:
    """Failed photos; two were refused when they were listed, so no worker got them."""

    count = 2

    def add(self, photo, reason):
        self.count += 1


def test_photos_that_were_refused_are_not_among_those_done(monkeypatch):
    shown = []
    monkeypatch.setattr(progress, "of_archive", lambda jobs: contextlib.nullcontext(shown.append))
    outcomes = [work.Outcome(), work.Outcome(reason="broken"), work.Outcome(has_color=True)]
    crew = types.SimpleNamespace(outcomes=lambda jobs: ((types.SimpleNamespace(source="a"), one) for one in outcomes))
    counts = cluster._Counts()
    cluster._count(counts, crew, None, Failed())
    assert shown == [1, 2, 3] and (counts.n_done, counts.n_failed, counts.n_had_color) == (2, 1, 1)
