"""What the chief sends: any bytes arrive as they are, although workers can only sum numbers."""

import numpy as np
import pytest

from tf_colorize.training import distribution


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff", b"\xff" * 7, bytes(range(256)) * 3, b"\0\xff\xfe"])
@pytest.mark.parametrize("chunk", [1, 3, 2**22])
def test_bytes_arrive_as_they_are(monkeypatch, content, chunk):
    monkeypatch.setattr(distribution, "_CHUNK", chunk)
    chief, other = distribution.Workers(), distribution.Workers()
    other.is_chief = False
    sent = []

    def sum_on_chief(numbers):
        assert numbers.dtype == np.float32
        sent.append(numbers)
        return numbers + np.zeros_like(numbers)

    monkeypatch.setattr(chief, "total", sum_on_chief)
    assert chief._bytes_from_chief(content) == content
    waiting = iter(sent)
    monkeypatch.setattr(other, "total", lambda numbers: numbers + next(waiting))
    assert other._bytes_from_chief(b"what this worker would say") == content
    assert next(waiting, None) is None  # both made as many sums
