"""Hints files as editors write them, and what is said of those that cannot be read."""

import json

import pytest

from tf_colorize import hints


def content(**changes):
    return json.dumps({"version": 1, "hints": [{"x": 120, "y": "40%", "color": "#7a4b2c", **changes}]})


def test_a_byte_order_mark_is_ignored(tmp_path):
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + content().encode())
    assert hints.read(tmp_path / "a.json") == [hints.Hint(120, "40%", "#7a4b2c")]


@pytest.mark.parametrize("key", ["x", "y", "color", "size", "time"])
@pytest.mark.parametrize("value", [-(10**400), "\x1b]0;title\x07\n", "red" * 1000, [[0] * 1000]])
def test_a_message_is_short_and_nothing_that_a_terminal_obeys(tmp_path, key, value):
    (tmp_path / "a.json").write_text(content(**{key: value}), encoding="utf-8")
    with pytest.raises(ValueError) as error:
        hints.read(tmp_path / "a.json")
    message = str(error.value).removeprefix(f"{tmp_path / 'a.json'}: hint ")
    assert message != str(error.value) and message.isprintable() and len(message) < 250 and "must be" in message
