"""Differences on Windows and macOS, as far as they can be simulated here."""

import errno
import gc
import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

from tf_colorize import child_processes, processors
from tf_colorize.archives import addresses, failures, packed, places, plan
from tf_colorize.commands import cluster, launcher
from tf_colorize.inference.colorizer import Colorizer


@pytest.mark.parametrize("folder", ["C:\\scans", "C:/scans", "C://scans", "z:\\", "\\\\server\\share\\scans"])
def test_a_drive_or_a_share_is_not_an_address(folder):
    assert addresses.parse(folder) == os.path.abspath(folder)


@pytest.mark.parametrize("model", ["C:\\models\\x.tflite", "C://models/x.tflite"])
def test_a_model_on_a_drive_is_a_file(model):
    with pytest.raises(ValueError, match="no such"):
        Colorizer.load(model)
    with pytest.raises(ValueError, match="no such"):
        packed.PackedModel.pack(model)
    assert packed.PackedModel.pack("grpc://server/colorizer").files == {}


@pytest.fixture
def keeps_open_files(monkeypatch, tmp_path):
    """Simulates Windows, where an open file cannot be removed. Returns the folder for temporary files."""
    unlink = os.unlink

    def refuse(path, **options):
        inside = f"/proc/self/fd/{options['dir_fd']}" if options.get("dir_fd") is not None else ""
        for descriptor in os.listdir("/proc/self/fd"):
            try:
                is_open = os.path.samefile(f"/proc/self/fd/{descriptor}", os.path.join(inside, path))
            except OSError:
                continue
            if is_open:
                raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", refuse)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    return tmp_path / "temporary"


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="knows open files from /proc")
def test_the_plan_and_the_failures_of_an_archive_clean_up(keeps_open_files, tmp_path):
    found = [plan.Item(f"{index}.jpg", f"{index}.jpg", None, (f"{index}.jpg",)) for index in range(3)]
    with plan.Plan(iter(found)) as waiting:
        assert waiting.has_work()
        taken = []
        while not (waiting.is_complete and len(taken) == 3):
            taken += waiting.take(2)
    assert taken == found and os.listdir(keeps_open_files) == []
    source, target = places.Folder(str(tmp_path / "in")), places.Folder(str(tmp_path / "out"))
    failed = failures.Failures(source, target)
    failed.add("größe.jpg", "broken")
    failed.finish()
    (line,) = pathlib.Path(target.full_name(failures.Failures.NAME)).read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["reason"] == "broken" and os.listdir(keeps_open_files) == []


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="knows open files from /proc")
@pytest.mark.parametrize("error", [ValueError("no worker can start"), KeyboardInterrupt()])
def test_a_job_that_fails_leaves_no_temporary_files(keeps_open_files, tmp_path, monkeypatch, error):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").touch()

    def fail(*arguments):
        raise error

    monkeypatch.setattr(cluster.ray_job, "hired", fail)
    assert cluster.main([str(tmp_path / "in"), str(tmp_path / "out")]) in (1, 130)
    gc.collect()
    assert os.listdir(keeps_open_files) == []


class ProcessOnWindows:
    """Stands in for `subprocess.Popen` there."""

    def __init__(self, *arguments, **options):
        self.options, self.received = options, []

    def send_signal(self, number):
        if number != "CTRL_BREAK_EVENT":
            raise ValueError(f"Unsupported signal: {number}")
        if self.received:
            raise PermissionError(errno.EACCES, "Access is denied")  # it has ended
        self.received.append(number)


def test_windows_gets_ctrl_break(monkeypatch):
    """Windows has no sessions, and other signals cannot be sent to a process of another group."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 512, raising=False)
    monkeypatch.setattr(signal, "CTRL_BREAK_EVENT", "CTRL_BREAK_EVENT", raising=False)
    process = ProcessOnWindows(["train.py"], **child_processes.apart())
    assert process.options == {"creationflags": 512}
    with launcher._forwarded([process]):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert process.received == ["CTRL_BREAK_EVENT"]


def test_ctrl_break_stops_a_training_cleanly(monkeypatch):
    pytest.importorskip("tensorflow")
    from tf_colorize.training import checkpoints

    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    asked, before = [], signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    with checkpoints.stop_signals(lambda: asked.append(True)):
        signal.raise_signal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)
    assert asked == [True]


def test_processors_are_counted_without_affinity(monkeypatch, tmp_path):
    monkeypatch.setattr(processors, "_CGROUP", tmp_path)
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert processors.usable() == 6


def test_the_base_can_be_imported_without_the_modules_of_posix(run_python):
    said = run_python("""
        import sys
        for name in ("fcntl", "resource", "pwd", "grp", "termios"):
            sys.modules[name] = None
        from tf_colorize import Colorizer, whole
        from tf_colorize.commands import demo, launcher, main, photos, streams
        from tf_colorize.photos import files
        print(whole.leftovers.fcntl)
    """)
    assert said == "None\n"


def test_text_files_state_their_encoding():
    pytest.importorskip("ruff")
    root = pathlib.Path(__file__).parents[2]
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--preview", "--select", "PLW1514", "--no-cache"]
    done = subprocess.run([*command, "tf_colorize", "scripts", "web"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_a_console_that_is_not_utf_8_shows_any_name(run_python):
    said = run_python(
        """
        from tf_colorize.commands import streams
        @streams.usable
        def main():
            print("a \\u2192 \\udcff.jpg")
            return 0
        main()
        """,
        PYTHONIOENCODING="cp1252:strict",
        PYTHONUTF8="0",
    )
    assert "\\u2192 \\udcff.jpg" in said
