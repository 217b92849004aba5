"""How many processors may be used, and how training uses them."""

import os
import subprocess
import sys

import pytest
import tiny_models

from tf_colorize import Colorizer, processors


def test_affinity_counts():
    one = min(os.sched_getaffinity(0))
    code = f"import os; os.sched_setaffinity(0, [{one}]); from tf_colorize.processors import usable; print(usable())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


@pytest.mark.parametrize(
    ("written", "quota"),
    [
        ({"cpu.max": "150000 100000\n"}, (150000, 100000)),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, (50000, 100000)),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_the_quota_of_the_control_group_counts(tmp_path, monkeypatch, written, quota):
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(processors, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    assert processors.usable() == (8 if quota is None else -(-quota[0] // quota[1]))


def test_one_thread_makes_no_pool(monkeypatch, tmp_path):
    import concurrent.futures

    import numpy as np

    path = tiny_models.write_tflite(tmp_path)
    large = np.zeros((1200, 1000), np.uint8)
    expected = Colorizer.load(path, threads=3)(large)
    alone = Colorizer.load(path, threads=1)
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", None)
    np.testing.assert_array_equal(alone(large), expected)


@pytest.mark.parametrize(
    ("machine", "given", "expected"),
    [("x86_64", {}, "1"), ("x86_64", {"TF_ENABLE_ONEDNN_OPTS": "0"}, "0"), ("aarch64", {}, "None")],
)
def test_training_enables_onednn_unless_it_is_configured(machine, given, expected):
    environment = {key: value for key, value in os.environ.items() if key != "TF_ENABLE_ONEDNN_OPTS"} | given
    code = f"import contextlib, io, os, platform; platform.machine = lambda: {machine!r}\n"
    code += "from tf_colorize.commands import train\n"
    code += "with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()): train.main(['--help'])\n"
    code += "print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == (expected, "")
