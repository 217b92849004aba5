"""A Ray cluster of several nodes on this machine, each with one processor."""

import contextlib
import os
import pathlib
import signal

from benchmarks import memory

OBJECT_STORE = 100 << 20  # bytes of object store; a colorizing job uses little of it


class Nodes:
    """A head without processors, and nodes with one processor each.

    Args:
        cores: The core of each node, or None.
    """

    def __init__(self, cores):
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        from ray import cluster_utils

        self._cluster = cluster_utils.Cluster()
        self.head = self._add(None, num_cpus=0, include_dashboard=False)
        self.nodes = [self._add(core, num_cpus=1) for core in cores]
        self.address = self._cluster.address

    def add(self, core: int | None) -> object:
        """Adds a node with one processor, bound to a core or not; returns it."""
        return self._add(core, num_cpus=1)

    def _add(self, core, **options):
        node = self._patiently(lambda: self._cluster.add_node(object_store_memory=OBJECT_STORE, **options))
        if core is not None:
            # Bound only now, because a node with one core takes long to start. Its workers inherit the core.
            for process in (process for running in node.all_processes.values() for process in running):
                for pid in descendants(process.process.pid):
                    bind(pid, core)
        return node

    def _patiently(self, add):
        """Retries if the machine is so busy that a node takes more than the 30 seconds that Ray allows."""
        for tries_left in (2, 1, 0):
            before = set(descendants(os.getpid()))
            try:
                return add()
            except Exception as error:  # Ray has no specific class for it
                if not tries_left or "timed out during startup" not in str(error):
                    raise
                kill_all(pid for pid in descendants(os.getpid()) if pid not in before)

    def kill(self, node):
        """Kills all processes of a node at once, as a power cut does."""
        for running in node.all_processes.values():
            for process in running:
                kill_all(descendants(process.process.pid))

    def stop(self):
        self._cluster.shutdown()


@contextlib.contextmanager
def started(cores):
    """Yields `Nodes`."""
    nodes = Nodes(cores)
    try:
        yield nodes
    finally:
        nodes.stop()


def bind(pid, core):
    """Binds all threads of a process to a core."""
    for thread in pathlib.Path("/proc", str(pid), "task").glob("*"):
        with contextlib.suppress(OSError):  # it has ended
            os.sched_setaffinity(int(thread.name), [core])


def kill_all(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def descendants(pid):
    """Returns a process and its descendants, the latest first."""
    children = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(status.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(status.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found[::-1]


def peak_memory(title):
    """Returns the peak memory in bytes of each process with this text in its command line, by process number."""
    peaks = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if title.encode() in (folder / "cmdline").read_bytes():
                peaks[int(folder.name)] = memory.peak(folder.name)
    return peaks
