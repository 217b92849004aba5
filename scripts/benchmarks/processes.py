"""Runs measurements in separate processes, so that none affects another."""

import json
import os
import pathlib
import subprocess
import sys


def answer(module, flags, environment=None):
    """Runs a module of this package and returns the JSON on its last line.

    Raises:
        ValueError: it failed; the message contains its last error.
    """
    scripts = str(pathlib.Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [scripts, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", f"benchmarks.{module}", *flags]
    environment = {**os.environ, **(environment or {}), "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        reason = next((line for line in reversed(done.stderr.splitlines()) if "Error" in line), "no reason given")
        raise ValueError(f"a run failed: {reason.strip()} ({' '.join(command[2:])})")
    return json.loads(done.stdout.splitlines()[-1])
