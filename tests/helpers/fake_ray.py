"""As much of Ray as a job uses, with its workers inside the process that talks to it, and with its faults.

It is written as a package into a folder of its own; `FAKE_RAY` says what is wrong with it:

- exits: its native code ends the process with exit code 1 and no word, as Ray's does where its node is lost
- killed: the system kills the process
- raises: it raises an error
- absent: it cannot be reached
- aborts: the process ends while it connects
- waits: workers never finish
- old: it is of a version without tokens
- listens: other machines can reach it
- talks: it writes to the standard streams, as Ray does when a node dies
"""

import pathlib

_CODE = r"""
import os, pathlib, signal, sys, time, types

KIND = os.environ.get("FAKE_RAY", "")
__version__ = "2.51.1" if KIND == "old" else "2.60.0"
HEAD, NODE = os.environ.get("FAKE_ADDRESSES", "127.0.0.1:1 127.0.0.1:1").split()
exceptions = types.SimpleNamespace(RayActorError=ConnectionError, RayTaskError=ArithmeticError)
util = types.SimpleNamespace(get_node_ip_address=lambda: "192.0.2.1" if KIND == "listens" else "127.0.0.1")
n_runs = 0

def init(**options):
    pathlib.Path(os.environ["FAKE_PID"]).write_text(str(os.getpid()))
    if KIND == "absent":
        raise ConnectionError("Failed to connect\nand twenty lines more")
    if KIND == "aborts":
        os._exit(1)

def get_runtime_context():
    return types.SimpleNamespace(gcs_address=HEAD, get_node_id=lambda: "node")

def nodes():
    host, port = NODE.split(":")
    return [{"NodeID": "node", "NodeManagerAddress": host, "NodeManagerPort": port}]

def put(value):
    return value

def cluster_resources():
    return {"CPU": 2.0}

def remote(**options):
    def hire(kind, *arguments):
        worker = kind(*arguments)
        call = lambda method: types.SimpleNamespace(remote=lambda *given: Call(method, given))
        return types.SimpleNamespace(ready=call(worker.ready), run=call(worker.run))
    return lambda kind: types.SimpleNamespace(remote=lambda *arguments: hire(kind, *arguments))

class Call:
    def __init__(self, method, given):
        self.method, self.given = method, given

def wait(references, num_returns, timeout):
    if KIND == "waits":
        references = [one for one in references if not one.given]
    if not references:
        time.sleep(timeout)
    return references[:num_returns], references[num_returns:]

def get(reference):
    global n_runs
    n_runs += bool(reference.given)
    if n_runs == 3:
        if KIND == "exits":
            os._exit(1)
        if KIND == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if KIND == "raises":
            raise RuntimeError("no such thing")
        if KIND == "talks":
            os.write(1, b"to the descriptor\n")
            os.write(2, b"to the descriptor\n")
            for _ in range(2):
                print("\x1b[33m(raylet)\x1b[0m A node died.\nThe end of its log:\nline\nline")
                print("2026-11-30 10:15:46,636\tWARNING worker.py:2094 -- It has", "died.", file=sys.stderr)
    return reference.method(*reference.given)

def shutdown():
    pathlib.Path(os.environ["FAKE_PID"]).unlink(missing_ok=True)
"""


def write(folder, kind, head="127.0.0.1:1", node="127.0.0.1:1"):
    """Writes the package into a folder; returns what must be in the environment of those who are to find it.

    Args:
        folder: An empty folder. While a process is connected, `pid` in it holds its number.
        kind: What is wrong, see above; "" is nothing.
        head: The address of the cluster's head.
        node: The address of this machine's node.
    """
    folder = pathlib.Path(folder)
    (folder / "ray.py").write_text(_CODE)
    addresses = {"FAKE_ADDRESSES": f"{head} {node}", "FAKE_PID": str(folder / "pid")}
    return {"PYTHONPATH": str(folder), "FAKE_RAY": kind, **addresses}
