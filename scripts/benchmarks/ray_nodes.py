"""A Ray cluster of several nodes on this machine, each with one processor."""

import contextlib
import os
import pathlib
import signal

OBJECT_STORE = 100 << 20  # bytes; a colorizing job sends little through it


class Nodes:
    """A head without processors, and nodes that do the work.

    Args:
        cores: For each node, the core that it is bound to, or None.
    """

    def __init__(self, cores):
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        from ray import cluster_utils

        self._cluster = cluster_utils.Cluster()
        self.head = self._add(None, num_cpus=0, include_dashboard=False)
        self.nodes = [self._add(core, num_cpus=1) for core in cores]
        self.address = self._cluster.address

    def _add(self, core, **options):
        before = os.sched_getaffinity(0)
        if core is not None:
            os.sched_setaffinity(0, [core])  # which the node's processes inherit
        try:
            return self._cluster.add_node(object_store_memory=OBJECT_STORE, **options)
        finally:
            os.sched_setaffinity(0, before)

    def kill(self, node):
        """Kills all processes of a node at once, as a power cut does."""
        for running in node.all_processes.values():
            for process in running:
                for pid in descendants(process.process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)

    def stop(self):
        self._cluster.shutdown()


@contextlib.contextmanager
def started(cores):
    """Gives `Nodes`."""
    nodes = Nodes(cores)
    try:
        yield nodes
    finally:
        nodes.stop()


def descendants(pid):
    """Returns a process and all that it started, the latest first."""
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
    """Returns the most bytes that each process with this title has held, by process number."""
    peaks = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended
            if (folder / "cmdline").read_bytes().startswith(title.encode()):
                # ru_maxrss inherits the greatest size of the parent process; this does not.
                line = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("VmHWM"))
                peaks[int(folder.name)] = int(line.split()[1]) * 1024
    return peaks
