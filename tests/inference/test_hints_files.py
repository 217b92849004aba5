"""Hints files as editors write them, and messages about those that cannot be read."""

import json
import os
import threading

import numpy as np
import pytest

from tf_colorize import documents, hints
from tf_colorize.albums import hints_beside


def content(**changes):
    return json.dumps({"version": 1, "hints": [{"x": 120, "y": "40%", "color": "#7a4b2c", **changes}]})


def test_a_byte_order_mark_is_ignored(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + content().encode())
    assert hints.read(tmp_path / "a.json") == [hints.Hint(120, "40%", "#7a4b2c")]


@pytest.mark.parametrize("key", ["x", "y", "color", "size", "time"])
@pytest.mark.parametrize("value", [-(10**400), "\x1b]0;title\x07\n", "red" * 1000, [[0] * 1000]])
def test_a_message_is_short_and_has_no_terminal_control_characters(tmp_path, key, value):
    (tmp_path / "a.json").write_text(content(**{key: value}), encoding="utf-8")
    with pytest.raises(ValueError) as error:
        hints.read(tmp_path / "a.json")
    message = str(error.value).removeprefix(f"{tmp_path / 'a.json'}: hint ")
    assert message != str(error.value) and message.isprintable() and len(message) < 250 and "must be" in message


@pytest.mark.parametrize("color", ["rgb(300, 0, 0)", "rgb(0%, 200%, 0%)", "rgba(0, 0, 256, 255)"])
def test_a_color_beyond_the_range_is_not_a_color(tmp_path, color):
    (tmp_path / "a.json").write_text(content(color=color), encoding="utf-8")
    with pytest.raises(ValueError, match="numbers from 0 to 255"):
        hints.read(tmp_path / "a.json")
    assert hints.hint((1, 1, "rgb(122, 75, 44)")).rgb() == hints.hint((1, 1, "#7a4b2c")).rgb()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_pipe_is_read_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=(content(),), daemon=True)
    writer.start()
    found = []
    reader = threading.Thread(target=lambda: found.append(hints_beside.read(tmp_path / "pipe")), daemon=True)
    reader.start()
    reader.join(20)
    assert [one.hints for one in found] == [[hints.Hint(120, "40%", "#7a4b2c")]]


def test_a_further_hint_takes_precedence_over_one_at_the_same_place_in_the_file(tmp_path):
    (tmp_path / "a.json").write_text(content(x=5, y=5, color="red"), encoding="utf-8")
    gray = np.zeros((1, 32, 32, 1), np.float32)
    both = hints_beside.read(tmp_path / "a.json", (hints.Hint(5, 5, "navy"),)).hints
    assert len(both) == 2
    painted, navy = (hints.raster(given, (32, 32), gray) for given in (both, [hints.Hint(5, 5, "navy")]))
    np.testing.assert_array_equal(painted, navy)


def test_a_file_without_end_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "_MOST_BYTES", 1000)
    (tmp_path / "a.json").write_text(content() + " " * 1000)
    with pytest.raises(ValueError, match="a.json: has more than 1,000 bytes"):
        hints.read(tmp_path / "a.json")
