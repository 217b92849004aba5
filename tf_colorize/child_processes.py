"""Processes that a command starts and stops itself: signals of the terminal reach only the command."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from typing import Any


def apart() -> dict[str, Any]:
    """Returns options for `subprocess.Popen`, so that Ctrl-C on the terminal does not reach the process."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def stopping_signals() -> list[int]:
    """Returns the signals that ask a process to stop: Ctrl-C, and those of schedulers and closed terminals, as far as
    the system has them."""
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def ask_to_stop(process: subprocess.Popen[Any], number: int) -> None:
    """Sends a stopping signal to a process that was started with `apart`; does nothing if it has ended.

    Windows can send such a process only Ctrl-Break, which arrives as SIGBREAK, or end it at once.
    """
    if sys.platform == "win32":
        number = signal.CTRL_BREAK_EVENT
    with contextlib.suppress(OSError):  # it has ended
        process.send_signal(number)
