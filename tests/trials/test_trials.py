"""Each trial for a few seconds with a fixed seed, as users run it."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
SHORT = {
    "photos": ["--most", "250"],
    "properties": ["--most", "25"],
    "films": ["--most", "6"],
    "models": ["--most", "100"],
    "writes": ["--only", "photo", "--only", "folder", "--most", "12"],
    "kills": ["--only", "folder", "--only", "cluster", "--most", "4"],
    "soak": ["--only", "photos", "--most", "120"],
    "page": ["--most", "6"],
    "cluster": ["--only", "bucket", "--most", "40", "--minutes", "8"],  # Ray starts slowly where others work
}
NEEDS = {"films": "ffmpeg", "writes": "gcc", "kills": "gcc", "page": "chromium-headless-shell"}


def run(*arguments, **options):
    command = [sys.executable, str(ROOT / "scripts" / "trials.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=540, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_short_run_finds_nothing(tmp_path, name):
    if name in NEEDS and not shutil.which(NEEDS[name]):
        pytest.skip(f"needs {NEEDS[name]}")
    if name == "page" and not (ROOT / "tf_colorize" / "page" / "index.html").exists():
        pytest.skip("needs the page: make web")
    done = run(name, "--seed", 1, "--minutes", 2, "--keep", tmp_path, *SHORT[name])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    row = done.stdout.splitlines()[-1]
    assert row.startswith(f"| {name} | ") and row.endswith("| 0 |") and not os.listdir(tmp_path)


def test_a_trial_that_cannot_run_gives_one_line(tmp_path):
    done = run("writes", "--only", "photo", "--keep", tmp_path, env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr == "trials writes: needs a C compiler. Run: apt-get install gcc libc6-dev\n"
    done = run("kills", "--only", "nothing", "--keep", tmp_path)
    assert done.returncode == 1 and "nothing: no such part; there are folder, film" in done.stderr


def test_the_manual_has_every_trial():
    text = (ROOT / "docs" / "reliability.md").read_text()
    listed = set(re.findall(r"^\| \[?`?(\w+)`?", text, flags=re.M))
    assert set(SHORT) <= listed
