"""Errors between a client and TF Serving."""

from __future__ import annotations

import re


class ServingError(ValueError):
    """The server cannot be reached, rejects a request or returns an unexpected answer; the message is one line with
    address and reason."""


class MissingSignature(ServingError):
    """The served model has no such signature, or the signature no such input."""


class Unavailable(Exception):
    """The server is starting, restarting or overloaded, so that a retry may succeed."""


def line(reason: object) -> str:
    """Returns the relevant sentence of a server's error: that of the failed check, or the first line."""
    text = str(reason)
    check = re.search(r"assertion failed: \[(.*?)\]", text)
    return check[1] if check else (text.strip().splitlines() or ["no reason given"])[0]
