"""Simulates several machines, as root: each has its own network, processes, home folder and Ray folder."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys

# The first process of a machine: it also buries the processes that lost their parents, as a real one does.
_FIRST = """
mount --bind "$1" /tmp/ray && ip link set lo up && echo up || exit
sleep infinity & wait
"""
_SCP = """#!/bin/bash
# scp -rp FROM HOST: between machines of one test
for last; do :; done
cp -rp "${@: -2:1}" "{folder}/${last%%:*}/home/"
"""


def reason_against():
    """Why there can be no machines here, or None."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "needs Linux and root"
    missing = [program for program in ("unshare", "nsenter", "ip") if not shutil.which(program)]
    if missing:
        return f"needs {', '.join(missing)}"
    made = subprocess.run(["unshare", "--net", "--pid", "--mount", "--fork", "true"], capture_output=True)
    return None if made.returncode == 0 else "needs namespaces"


class Machine:
    """Runs commands as a user types them, in one folder that all machines see."""

    def __init__(self, folder, address, pid, environment):
        self.address, self.home = address, folder / address / "home"
        self._folder, self._pid = folder, pid
        path = f"{folder / 'bin'}:{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "HOME": str(self.home), "PATH": path, **environment}
        for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
            self.environment.pop(name, None)

    def start(self, command):
        inside = ["nsenter", "--target", str(self._pid), "--net", "--pid", "--mount", f"--wdns={self._folder}"]
        return subprocess.Popen(
            [*inside, "bash", "-c", command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command, timeout=120):
        """Returns `(exit code, output, complaints)`."""
        process = self.start(command)
        try:
            said, complaints = process.communicate(timeout=timeout)
        finally:
            process.kill()
        return process.returncode, said, complaints

    def pids(self, name):
        """The numbers of this machine's own processes whose command line has a text in it, as the host counts."""
        namespace = os.readlink(f"/proc/{self._pid}/ns/pid")
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(process / "ns/pid") == namespace and name in (process / "cmdline").read_text():
                    found.append(int(process.name))
        return found


@contextlib.contextmanager
def started(folder, count, **environment):
    """Yields `Machine`s at 10.0.0.1, 10.0.0.2 and so on, in a network of their own."""
    (folder / "bin").mkdir(parents=True)
    # The script of the environment that the tests run in may be missing, or another's.
    ray = f'#!/bin/sh\nexec {sys.executable} -m ray.scripts.scripts "$@"\n'
    for name, text in (("ray", ray), ("scp", _SCP.replace("{folder}", str(folder)))):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    os.makedirs("/tmp/ray", exist_ok=True)
    namespaces = ["--net", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"]
    holders, machines = [], []
    try:
        for index in range(count):
            address = f"10.0.0.{index + 1}"
            for part in ("home", "ray"):
                (folder / address / part).mkdir(parents=True)
            command = ["unshare", *namespaces, "bash", "-c", _FIRST, "bash", str(folder / address / "ray")]
            holders.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            assert holders[-1].stdout.readline() == "up\n"
            children = pathlib.Path(f"/proc/{holders[-1].pid}/task/{holders[-1].pid}/children").read_text()
            machines.append(Machine(folder, address, int(children.split()[0]), environment))
        _connect(machines)
        yield machines
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def _connect(machines):
    def ip(machine, *arguments):
        subprocess.run(["nsenter", "--target", str(machine._pid), "--net", "ip", *arguments], check=True)

    first, *others = machines
    ip(first, "link", "add", "net", "type", "bridge")
    for index, machine in enumerate(others):
        ip(machine, "link", "add", "net", "type", "veth", "peer", "name", f"to{index}", "netns", str(first._pid))
        ip(first, "link", "set", f"to{index}", "master", "net", "up")
    for machine in machines:
        ip(machine, "addr", "add", f"{machine.address}/24", "dev", "net")
        ip(machine, "link", "set", "net", "up")
        ip(machine, "route", "add", "default", "dev", "net")  # Ray takes its own address from there
