"""Folders for temporary files are private and vanish, those of libraries, too."""

import concurrent.futures
import errno
import os
import subprocess
import sys
import tempfile
import textwrap
import threading

import pytest

from tf_colorize import leftovers, scratch


def test_errors_of_a_scratch_folder_name_the_one_of_the_system(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    monkeypatch.setattr("tempfile.tempdir", str(gone))
    with pytest.raises(FileNotFoundError) as caught:
        scratch.Scratch()
    assert caught.value.filename == str(gone)
    gone.mkdir()
    folder = scratch.Scratch()
    for error, name in (
        (OSError(errno.EACCES, "Permission denied", str(folder.path / "photos")), str(gone)),
        (OSError(errno.EACCES, "Permission denied", "photo.jpg"), "photo.jpg"),
        (OSError(errno.EIO, "Input/output error"), str(gone)),
    ):
        with pytest.raises(OSError, match=error.strerror) as caught, folder.naming():
            raise error
        assert caught.value.filename == name and caught.value.errno == error.errno

    def refuse(path, **_):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(OSError, match="No space") as caught:
        scratch.Scratch()
    assert caught.value.filename == str(gone)


@pytest.mark.skipif(os.name == "nt", reason="kills processes and locks files as other systems do")
def test_a_scratch_folder_is_private_and_removed_even_after_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = """
        import signal, time
        from tf_colorize import scratch
        with scratch.Scratch() as folder:
            (folder / "photo").touch()
            print("writing", flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    others = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)})
        for _ in range(2)
    ]
    try:
        assert [other.stdout.readline() for other in others] == ["writing\n"] * 2
        others[0].kill()
        others[0].wait()
        leftovers.remove_once.cache_clear()
        with scratch.Scratch() as folder:
            assert folder.stat().st_mode & 0o777 == 0o700 and folder.parent == tmp_path
            left = {name for name in os.listdir(tmp_path) if not name.startswith(folder.stem)}
            assert len(left) == 2 and all(f"-{others[1].pid}-" in name for name in left)
            (folder / "deep").mkdir()
        assert set(os.listdir(tmp_path)) == left
        forgotten = scratch.Scratch().path  # nobody holds it
        assert not forgotten.exists()
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_temporary_files_of_libraries_vanish(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ValueError, match="inner"), scratch.of_libraries():
        careless = tempfile.mkdtemp()
        with scratch.of_libraries():
            assert os.path.dirname(tempfile.mkdtemp()) != os.path.dirname(careless)
        assert os.path.exists(careless)
        raise ValueError("inner")
    assert tempfile.tempdir == str(tmp_path) and not os.listdir(tmp_path)


def test_an_error_in_the_folder_of_libraries_names_the_one_that_users_know(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(FileNotFoundError) as raised, scratch.of_libraries():
        open(os.path.join(tempfile.gettempdir(), "missing", "config.json")).close()
    assert raised.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError) as raised, scratch.of_libraries():
        open(tmp_path / "model.keras").close()
    assert raised.value.filename == str(tmp_path / "model.keras")


def test_threads_take_turns_with_the_folder_of_libraries(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    both = threading.Barrier(2)

    def uses_it(_):
        both.wait()
        for _ in range(20):
            with scratch.of_libraries():
                assert os.path.dirname(tempfile.mkdtemp()) == tempfile.gettempdir() != str(tmp_path)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(uses_it, range(2)))
    assert tempfile.tempdir == str(tmp_path) and not os.listdir(tmp_path)
