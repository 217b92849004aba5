"""Errors between a client and TF Serving."""

from __future__ import annotations

import re

_LONGEST = 400  # characters of what a server says


class ServingError(ValueError):
    """The server cannot be reached, rejects a request or returns an unexpected answer; the message is one line with
    address and reason."""


class MissingSignature(ServingError):
    """The served model has no such signature, or the signature no such input."""


class Unavailable(Exception):
    """The server is starting, restarting or overloaded, so that a retry may succeed."""


def line(reason: object) -> str:
    """Returns the relevant sentence of a server's error: that of the failed check, or the first line.

    Whatever the server says, it is not endless, and has nothing that a terminal obeys.
    """
    text = str(reason)
    check = re.search(r"assertion failed: \[(.*?)\]", text)
    found = check[1] if check else (text.strip().splitlines() or ["no reason given"])[0]
    found = found if found.isprintable() else repr(found)
    return found if len(found) <= _LONGEST else f"{found[:_LONGEST]}..."
