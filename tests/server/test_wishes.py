"""Options of a request, read without a server: invalid ones are refused in one line that a terminal can show."""

import pytest

from tf_colorize.server import wishes


@pytest.mark.parametrize(
    "query",
    [
        [("format", "\x1f[31m" * 50)],
        [("vividness", "\x1b]0;title\x07")],
        [("quality", "1.5\x00")],
        [("\x1b[2J", "1")],
        [("\x85" * 200, "1"), ("\x85" * 200, "2")],
        [("hint", "\x1b[2J")],
        [("hints", '["\\u001b[2J"]')],
        [("hints", "\x1b")],
    ],
)
def test_invalid_input_is_quoted_without_terminal_control_characters(query):
    with pytest.raises(wishes.WishError) as error:
        wishes.wish_of(b"a photo", query, is_json=False)
    assert str(error.value).isprintable() and len(str(error.value)) < 300
