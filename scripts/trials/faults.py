"""Makes file system requests fail, or kills the process at one: the Python side of faults.c."""

import ctypes
import errno
import mmap
import pathlib
import shutil
import subprocess

from trials import trial as trials

KINDS = {"open": 1, "write": 2, "fsync": 4, "rename": 8, "mkdir": 16}
ALL = sum(KINDS.values())
# name -> (errno or 0 to kill, kinds of requests, whether all that follow fail, too)
MODES = {
    "full": (errno.ENOSPC, ALL, True),
    "broken": (errno.EIO, ALL, False),
    "forbidden": (errno.EACCES, KINDS["open"] | KINDS["rename"] | KINDS["mkdir"], True),
}
KILLED = (0, ALL, False)


class _State(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_long) for name in ("count", "first", "last", "error", "kinds")),
        ("root", ctypes.c_char * 1000),
        ("what", ctypes.c_char * 1000),
    ]


class Faults:
    """A preloaded library and the memory that it shares with this process.

    Args:
        folder: Folder for both.

    Attributes:
        environment: Variables for the environment of commands.

    Raises:
        trials.Impossible: there is no C compiler.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        if not shutil.which("gcc"):
            raise trials.Impossible("needs a C compiler. Run: apt-get install gcc libc6-dev")
        library, shared = folder / "faults.so", folder / "faults.state"
        source = pathlib.Path(__file__).with_name("faults.c")
        command = ["gcc", "-O2", "-Wall", "-shared", "-fPIC", str(source), "-o", str(library), "-ldl"]
        subprocess.run(command, check=True)
        shared.write_bytes(bytes(ctypes.sizeof(_State)))
        with open(shared, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._state = _State.from_buffer(self._memory)
        self.environment = {"LD_PRELOAD": str(library), "TRIALS_FAULTS": str(shared)}

    def watch(self, root: pathlib.Path, kinds: int = ALL) -> None:
        """Starts counting requests below a folder, without failures."""
        self._state.count = self._state.first = self._state.last = 0
        self._state.root, self._state.kinds, self._state.what = str(root.resolve()).encode(), kinds, b""

    def plan(self, root: pathlib.Path, number: int, mode: tuple[int, int, bool]) -> None:
        """Makes the request with this number, counted from 1, fail according to `MODES`."""
        self.watch(root, mode[1])
        self._state.error, self._state.last = mode[0], 1 << 40 if mode[2] else number
        self._state.first = number

    def stop(self) -> None:
        """Stops failing and counting requests."""
        self._state.first, self._state.root = 0, b""

    @property
    def count(self) -> int:
        """Returns the number of requests."""
        return self._state.count

    @property
    def what(self) -> str:
        """Returns the first failed request."""
        return self._state.what.decode(errors="replace")
