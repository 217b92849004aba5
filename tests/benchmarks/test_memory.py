"""Benchmarks count the memory of a process, not that of the one which started it."""

import os
import pathlib
import subprocess
import sys

import numpy as np

SCRIPTS = pathlib.Path(__file__).parents[2] / "scripts"


def test_the_peak_of_a_process_is_its_own():
    parent = np.ones(400 << 20, np.uint8)  # of which `ru_maxrss` of the process started now would include 400 MB
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    program = "from benchmarks import memory; own = bytearray(b'1' * (100 << 20)); print(memory.peak())"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment)
    assert 100 << 20 < int(done.stdout) < 300 << 20
    assert parent[-1] == 1
