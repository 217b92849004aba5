"""Leftovers of killed writers: the next run removes them, and nothing else."""

import errno
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from tf_colorize import leftovers, whole

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills processes and locks files as other systems do")

WRITER = """
    import os, pathlib, signal, time
    from tf_colorize import leftovers, whole
    if {without_locks}:
        leftovers.fcntl.flock = lambda *_: (_ for _ in ()).throw(OSError({number}, "no locks"))
    with whole.open_whole({file!r}) as file, whole.new_path({folder!r}) as folder:
        file.write(b"half")
        folder.mkdir()
        print("writing", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path):
    """Starts a process that writes a file and a folder, and stays in the middle of it."""
    started = []

    def start(without_locks):
        code = WRITER.format(
            without_locks=without_locks, number=errno.ENOSYS, file=str(tmp_path / "file"), folder=str(tmp_path / "out")
        )
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "writing\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def no_locks(*_):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


@pytest.mark.parametrize("without_locks", [False, True])
def test_the_next_run_removes_files_of_a_killed_one(writer, tmp_path, monkeypatch, without_locks):
    if without_locks:
        monkeypatch.setattr(leftovers.fcntl, "flock", no_locks)
    living, dead = writer(without_locks), writer(without_locks)
    dead.send_signal(signal.SIGKILL)
    dead.wait()
    assert len(os.listdir(tmp_path)) == 6
    whole.write_text(tmp_path / "next", "text")  # without being asked to
    left = set(os.listdir(tmp_path))
    assert len(left) == 4 and "next" in left and all(f"-{living.pid}-" in name for name in left - {"next"})


def test_without_the_old_folder_a_killed_exchange_is_undone(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_bytes(b"old")
    code = f"""
        import os, signal
        from tf_colorize import whole
        replace = os.replace
        def once(source, target):
            replace(source, target)
            os.kill(os.getpid(), signal.SIGKILL)
        os.replace = once
        with whole.new_path({str(tmp_path / "out")!r}) as folder:
            folder.mkdir()
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(code)]).returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    whole.remove_dead(tmp_path)
    assert os.listdir(tmp_path) == ["out"] and (tmp_path / "out" / "a").read_bytes() == b"old"


def aged(path, seconds):
    now = path.stat().st_mtime
    os.utime(path, (now - seconds, now - seconds))


def test_old_files_of_other_machines_are_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(leftovers, "_machine", lambda: "0123456789ab")
    name = leftovers.new_name() + leftovers.FILE_SUFFIX
    monkeypatch.undo()
    (tmp_path / name).touch()
    whole.remove_dead(tmp_path)
    assert os.listdir(tmp_path) == [name]  # it may be between unlocking and renaming
    aged(tmp_path / name, 900)
    with whole.lock(tmp_path / name):
        whole.remove_dead(tmp_path)
    with monkeypatch.context() as context:
        context.setattr(leftovers.fcntl, "flock", no_locks)
        whole.remove_dead(tmp_path)
    assert os.listdir(tmp_path) == [name]
    whole.remove_dead(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_locked_file_is_kept_whatever_its_name(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    name = f"{leftovers.PREFIX}{leftovers._machine()}-{dead.pid}-00ff{leftovers.FILE_SUFFIX}"
    with whole.lock(tmp_path / name):  # as by a container that shares the name of its machine
        whole.remove_dead(tmp_path)
        assert os.listdir(tmp_path) == [name]
    whole.remove_dead(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_file_of_a_dead_process_is_removed_even_if_read_only(tmp_path, monkeypatch):
    dead = subprocess.Popen(["true"])
    dead.wait()
    path = tmp_path / f"{leftovers.PREFIX}{leftovers._machine()}-{dead.pid}-00ff{leftovers.FILE_SUFFIX}"
    path.touch(mode=0o444)

    def refuse(name, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(name))

    monkeypatch.setattr(leftovers, "open", refuse, raising=False)
    whole.remove_dead(tmp_path)
    assert not path.exists()


def test_a_folder_without_its_file_is_removed_after_its_process_ends(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    machine = leftovers._machine()
    for process in (dead.pid, os.getpid()):
        (tmp_path / f"{leftovers.PREFIX}{machine}-{process}-00ff{leftovers.FOLDER_SUFFIX}" / "new").mkdir(parents=True)
    whole.remove_dead(tmp_path)
    assert [name.split("-")[3] for name in os.listdir(tmp_path)] == [str(os.getpid())]


def test_open_files_that_cannot_be_removed_have_live_writers(tmp_path, monkeypatch):
    monkeypatch.setattr(leftovers, "fcntl", None)
    unlink, in_use = os.unlink, tmp_path / f"{leftovers.PREFIX}0a{leftovers.FILE_SUFFIX}"

    def refuse(path, **options):
        if os.fspath(path) == os.fspath(in_use):
            raise PermissionError(errno.EACCES, "in use", str(path))
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", refuse)
    for path in (in_use, tmp_path / f"{leftovers.PREFIX}0b{leftovers.FILE_SUFFIX}"):
        path.touch()
    whole.remove_dead(tmp_path)
    assert list(tmp_path.iterdir()) == [in_use]
