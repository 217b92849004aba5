"""`tf-colorize` as a process: what it loads, what a terminal sees, and how it is stopped."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import command_line
import numpy as np
import pytest
import skimage
from PIL import Image

from tf_colorize.commands import main
from tf_colorize.photos import files


def test_demo_is_a_command_of_its_own():
    assert command_line.command("demo", "--help", check=True).stdout.startswith(b"usage: tf-colorize demo")


def test_neither_help_nor_a_photo_loads_tensorflow(album, model):
    code = "import sys; from tf_colorize.commands.main import main; main({!r}); print([*sys.modules], file=sys.stderr)"
    run = [sys.executable, "-c", code.format([str(album / "a.jpg"), "--model", model])]
    result = subprocess.run(run, capture_output=True, text=True, check=True)
    modules = result.stderr
    assert "'PIL.Image'" in modules
    assert not any(f"'{name}'" in modules for name in ("tensorflow", "keras", "rich", "scipy", "skimage"))
    assert command_line.command("--help").stdout.startswith(b"usage: tf-colorize")


@pytest.mark.parametrize("script", ["train", "export", "evaluate"])
def test_help_of_the_scripts_needs_no_extra(script):
    path = pathlib.Path(__file__).resolve().parents[2] / "scripts" / f"{script}.py"
    code = (
        "import runpy, sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'scipy', 'skimage'])); "
        f"sys.argv = ['{script}.py', '--help']; runpy.run_path({str(path)!r}, run_name='__main__')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.startswith(f"usage: {script}.py") and result.stderr == ""


def test_a_killed_run_leaves_complete_files_and_continues(tmp_path, model):
    photo = np.asarray(Image.fromarray(skimage.data.camera()).resize((1200, 1200)))
    for index in range(40):
        path = tmp_path / "in" / f"{index:02d}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(photo).save(path)
    arguments = [sys.executable, "-m", "tf_colorize", tmp_path / "in", "-o", tmp_path / "out", "--model", model]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL)
    while len(list((tmp_path / "out").glob("*.jpg"))) < 5:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = sorted((tmp_path / "out").glob("*.jpg"))
    assert 5 <= len(done) < 40
    for path in done:
        assert files.read(path).image.size == (1200, 1200)
    before = {path: path.stat().st_ino for path in done}
    result = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert f"{len(done)} of 40 photos are already done" in result.stdout
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 40
    assert {path: path.stat().st_ino for path in done} == before


def test_an_interrupted_run_stops_with_a_line(tmp_path, model):
    photo = np.asarray(Image.fromarray(skimage.data.camera()).resize((1200, 1200)))
    (tmp_path / "in").mkdir()
    for index in range(60):
        Image.fromarray(photo).save(tmp_path / "in" / f"{index:02d}.jpg")
    arguments = [sys.executable, "-m", "tf_colorize", tmp_path / "in", "-o", tmp_path / "out", "--model", model]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(list((tmp_path / "out").glob("*.jpg"))) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said == "tf-colorize: stopped; run the same command again to continue\n"
    assert not list((tmp_path / "out").glob(".*"))


def test_a_terminal_gets_a_bar_with_the_time_left(album, model):
    listener, terminal = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tf_colorize", str(album), "-o", "out", "--model", model],
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
    )
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that nobody writes any more
        while data := os.read(listener, 4096):
            shown += data
    os.close(listener)
    assert process.wait() == 0
    assert b"0/2" in shown and b"2/2" in shown and b"left" in shown
    assert b"out/a.jpg  80 x 60" in shown and shown.rstrip().endswith(b"photos/s")


def test_temporary_files_of_a_killed_run_are_removed(album, model):
    left = album / ".tf-colorize-0123.part"
    left.touch()
    assert main.main([str(album), "--model", model]) == 0
    assert not left.exists()
