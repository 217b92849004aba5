"""Checks the head of a Ray cluster before a job connects to it.

Ray itself retries for minutes if there is no answer, and its processes abort if only one side has a token.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import threading

from tf_colorize import installation

MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"
TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"
OLDEST_RAY = (2, 52)  # the first version that supports tokens
_HOST_AND_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+):(\d{1,5})")
_ANSWER = 1.5  # seconds until a silent head counts as missing
_PATIENCE = 20.0  # seconds for Ray to start in a separate process and get an answer

# Prints the address first. It uses Ray's internal modules, as Ray's commands do: no public function checks without
# connecting.
_ASK = """
from ray._private import services
import ray
address = services.canonicalize_bootstrap_address(sys.argv[1])
print(address, flush=True)
ray._raylet.GcsClient(address=address)
print("connected", flush=True)
"""


class HeadError(ValueError):
    """A cluster cannot be used; the message is one line."""


@dataclasses.dataclass(frozen=True)
class Head:
    """A head that answers.

    Attributes:
        address: HOST:PORT.
        wants_token: Whether it requires the cluster's token.
    """

    address: str
    wants_token: bool


def environment_of_own() -> dict[str, str]:
    """Returns the environment variables to set before importing Ray, to start a cluster for this machine alone.

    Its processes then listen on the loopback interface and require the token.
    """
    return {
        MODE: "token",
        TOKEN: secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # for all systems: a cluster without other machines
    }


def find(address: str) -> Head:
    """Checks that the head of a cluster answers, and that it accepts this user's token if it requires one.

    Args:
        address: HOST:PORT, or "auto" for the cluster that this machine belongs to.

    Raises:
        HeadError: nothing answers, the answer is not from Ray, or the token is wrong.
        MissingPackage: Ray is not installed.
    """
    if address != "auto":
        if not is_address(address):
            raise HeadError(f"{address}: must be auto or HOST:PORT")
        if not answers(address):
            raise HeadError(f"no Ray cluster at {address}: nothing answers there. Is its head running and reachable?")
        if _is_other_program(address):
            raise HeadError(f"no Ray cluster at {address}: another program answers there")
    check_installed()
    mode = os.environ.get(MODE, "").lower()
    has_token = mode != "disabled" and _has_token()
    if mode == "token" and not has_token:
        raise HeadError(f"{MODE} is token, but there is no token: set {TOKEN}, or copy ~/.ray/auth_token from the head")
    with_token = _asking(address, "token") if has_token else None
    without = _asking(address, "disabled")
    try:
        found, is_open = _answer(address, without)
        knows_token = with_token is not None and _answer(address, with_token)[1]
    finally:
        for process in (without, with_token):
            if process is not None:
                process.kill()
                process.communicate()
    if is_open and mode == "token":
        raise HeadError(
            f"the cluster at {found} was started without a token, but {MODE} is token here: use the same mode on both"
        )
    if not is_open and not knows_token:
        here = (
            "the one here is different"
            if has_token
            else f"{MODE} is disabled"
            if mode == "disabled"
            else "there is none here"
        )
        fix = f"copy ~/.ray/auth_token from its head, or set {TOKEN}"
        raise HeadError(f"the cluster at {found} requires its token, but {here}: {fix}")
    return Head(found, not is_open)


def check_installed() -> None:
    """Raises MissingPackage if Ray is not installed; does not import it, which takes long."""
    with installation.explained():
        if importlib.util.find_spec("ray") is None:
            raise ModuleNotFoundError("No module named 'ray'", name="ray")


def python(code: str, *arguments: str) -> list[str]:
    """Returns the command that runs code in a separate Python with the same module path.

    Otherwise, Python would look for modules in the current folder first.
    """
    return [sys.executable, "-c", f"import sys\nsys.path[:] = {sys.path!a}\n{code}", *arguments]


def is_address(text: str) -> bool:
    """Returns whether a text is HOST:PORT."""
    found = _HOST_AND_PORT.fullmatch(text)
    return found is not None and 0 < int(found[2]) < 65536


def answers(address: str) -> bool:
    """Returns whether a process listens at HOST:PORT, within one and a half seconds."""
    host, _, port = address.rpartition(":")
    is_there = threading.Event()
    ended = threading.Event()

    def connect():
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER):
                is_there.set()
        except OSError:
            pass
        ended.set()

    threading.Thread(target=connect, daemon=True).start()  # a name server may take minutes
    ended.wait(_ANSWER)
    return is_there.is_set()


def _is_other_program(address):
    """Returns whether the first answer at HOST:PORT is certainly not that of a head, which speaks HTTP/2.

    Ray itself would try for many seconds.
    """
    if os.environ.get("RAY_USE_TLS", "0").lower() not in ("0", "false", ""):
        return False
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER) as connection:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5))
            answer = b""
            while len(answer) < 4 and (part := connection.recv(4 - len(answer))):
                answer += part
    except (ConnectionResetError, BrokenPipeError):
        return True
    except OSError:  # no answer in time: it may be busy
        return False
    return answer[3:] != b"\4"  # RFC 9113: the first frame is one of settings


def _has_token():
    """Returns whether there is a token where Ray looks for it; without one, Ray would abort the process."""
    if os.environ.get(TOKEN):
        return True
    path = os.environ.get(TOKEN_PATH) or pathlib.Path.home() / ".ray" / "auth_token"
    try:
        return bool(pathlib.Path(path).read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return False


def _asking(address, mode):
    # In a separate process, because Ray's code for this cannot be interrupted and reads the mode only once.
    return subprocess.Popen(
        python(_ASK, address),
        env={**os.environ, MODE: mode},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )


def _answer(address, process):
    """Returns the address that was found, and whether the connection was accepted."""
    try:
        said, complaint = process.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise HeadError(f"no Ray cluster at {address}: another program answers there") from error
    lines = said.split()
    if "connected" in lines[1:]:
        return lines[0], True
    if "InvalidAuthToken" in complaint or "AuthenticationError" in complaint:
        return (lines or [address])[0], False
    if "Could not find any running Ray instance" in complaint:
        raise HeadError("no Ray cluster on this machine: start one, or give the address of its head")
    reason = next((line for line in reversed(complaint.splitlines()) if line.strip()), "it does not answer").strip()
    raise HeadError(f"no Ray cluster at {address}: {reason}")
