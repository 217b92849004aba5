"""What can go wrong between a client and TF Serving."""

from __future__ import annotations

import re


class ServingError(ValueError):
    """The server cannot be reached, refuses or answers wrongly; the message is one line with address and reason."""


class MissingSignature(ServingError):
    """The served model has no such signature, or the signature no such input."""


class Unavailable(Exception):
    """The server is starting, restarting or overloaded: worth another try."""


def line(reason: object) -> str:
    """Returns the sentence of a server's error that matters: that of the failed check, or the first line."""
    text = str(reason)
    check = re.search(r"assertion failed: \[(.*?)\]", text)
    return check[1] if check else (text.strip().splitlines() or ["no reason given"])[0]
