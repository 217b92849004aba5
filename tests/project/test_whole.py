"""Files and folders appear whole or not at all, on every kind of file system."""

import errno
import os
import shutil
import stat
import subprocess
import sys
import threading

import pytest

from tf_colorize import durable, leftovers, whole

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows is stood in for, by what only other systems have")


def written(path, data=b"new", **options):
    with whole.open_whole(path, **options) as file:
        file.write(data)


def open_paths():
    """The files that this process has open, by name."""
    names = set()
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            names.add(os.readlink(f"/proc/self/fd/{descriptor}"))
        except OSError:
            continue
    return names


@pytest.fixture
def refuses_open_files(monkeypatch):
    """Simulates Windows: no locks, folders cannot be opened, and open files can be neither renamed nor removed."""
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("knows open files from /proc")
    replace, unlink, real_open = os.replace, os.unlink, os.open

    def refuse(path):
        if os.path.realpath(path) in open_paths():
            raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))

    def replace_closed(source, target, **options):
        refuse(source)
        refuse(target)
        replace(source, target, **options)

    def unlink_closed(path, **options):
        refuse(path)
        unlink(path, **options)

    def open_file(path, *arguments, **options):
        if isinstance(path, str | os.PathLike) and os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(leftovers, "fcntl", None)
    monkeypatch.setattr(shutil, "_use_fd_functions", False)  # as there
    for name in ("fchmod", "fchown"):
        monkeypatch.delattr(os, name)
    monkeypatch.setattr(os, "replace", replace_closed)
    monkeypatch.setattr(os, "unlink", unlink_closed)
    monkeypatch.setattr(os, "open", open_file)


def test_files_and_folders_are_written_where_open_files_cannot_be_replaced(refuses_open_files, tmp_path):
    for data in (b"first", b"second"):
        written(tmp_path / "file", data)
        with whole.new_path(tmp_path / "folder") as new:
            new.mkdir()
            (new / "inside").write_bytes(data)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == (tmp_path / "folder" / "inside").read_bytes() == b"second"


def test_it_waits_for_a_scanner_that_has_the_older_file_open(refuses_open_files, tmp_path):
    written(tmp_path / "file", b"old")
    scanner = open(tmp_path / "file", "rb")  # noqa: SIM115
    threading.Timer(0.2, scanner.close).start()
    written(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_file_that_stays_open_is_named_and_stays_as_it_was(refuses_open_files, tmp_path, monkeypatch):
    written(tmp_path / "file", b"old")
    monkeypatch.setattr(durable, "_PATIENCE", 0.05)
    with (
        open(tmp_path / "file", "rb"),
        pytest.raises(PermissionError, match="another program has it open.*file'") as caught,
    ):
        written(tmp_path / "file")
    assert leftovers.PREFIX not in str(caught.value)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks_and_link_counts(tmp_path, monkeypatch, number):
    import fcntl

    def flock(*_):
        raise OSError(number, os.strerror(number))

    real = os.fstat

    def fstat(descriptor):
        found = real(descriptor)
        return os.stat_result((*found[:3], 0, *found[4:]))

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(os, "fstat", fstat)
    written(tmp_path / "deep" / "file")
    with whole.new_path(tmp_path / "folder") as new:
        new.mkdir()
    whole.lock(tmp_path / "lock").close()
    assert sorted(os.listdir(tmp_path)) == ["deep", "folder", "lock"]
    assert os.listdir(tmp_path / "deep") == ["file"]


def test_a_lock_that_is_held_is_refused(tmp_path):
    with whole.lock(tmp_path / "lock"), pytest.raises(BlockingIOError):
        whole.lock(tmp_path / "lock")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
def test_a_file_system_that_cannot_flush(tmp_path, monkeypatch, number):
    def fsync(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    written(tmp_path / "file")
    assert os.listdir(tmp_path) == ["file"]


def test_the_file_is_flushed_before_it_has_its_name_and_the_folder_after(tmp_path, monkeypatch):
    events, fsync, replace = [], os.fsync, os.replace

    def noted_fsync(descriptor):
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def noted_replace(source, target):
        events.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    written(tmp_path / "file")
    assert events == ["file", "replace", "folder"]
    events.clear()
    with whole.new_path(tmp_path / "export") as new:
        (new / "deep").mkdir(parents=True)
        (new / "deep" / "a").write_bytes(b"a")
        (new / "b").write_bytes(b"b")
    assert events == ["file", "folder", "file", "folder", "replace", "folder"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_or_read_only_disk_is_reported_in_one_line_that_names_the_file(tmp_path, monkeypatch, number):
    (tmp_path / "file").write_bytes(b"old")

    def fsync(_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError) as caught:
        written(tmp_path / "file")
    assert caught.value.errno == number and "\n" not in str(caught.value)
    assert str(caught.value).endswith(f"'{tmp_path / 'file'}'")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_folder_that_cannot_be_written_is_named_and_not_the_temporary_file(tmp_path, monkeypatch):
    def refuse(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError) as caught:
        written(tmp_path / "file")
    assert caught.value.filename == str(tmp_path / "file")


def test_links_are_followed_and_stay(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "old").write_bytes(b"old")
    for name, destination in {"link": "far/old", "dangling": "far/new"}.items():
        (tmp_path / name).symlink_to(tmp_path / destination)
        written(tmp_path / name)
        assert (tmp_path / name).is_symlink() and (tmp_path / destination).read_bytes() == b"new"
    (tmp_path / "to folder").symlink_to(tmp_path / "version")
    for data in (b"1", b"2"):
        with whole.new_path(tmp_path / "to folder") as new:
            new.mkdir()
            (new / "a").write_bytes(data)
        assert (tmp_path / "to folder").is_symlink() and (tmp_path / "version" / "a").read_bytes() == data
    assert sorted(os.listdir(tmp_path / "far")) == ["new", "old"]
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match="loop"):
        written(tmp_path / "loop")


def test_pipes_and_devices_are_written_to_and_stay(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE)
    written(tmp_path / "pipe", b"through")
    assert reader.communicate(timeout=20)[0] == b"through"
    assert os.listdir(tmp_path) == ["pipe"] and stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    (tmp_path / "null").symlink_to("/dev/null")
    written(tmp_path / "null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    code = "from tf_colorize import whole\nwith whole.open_whole('/dev/stdout') as file: file.write(b'piped')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"piped"


def test_permissions(tmp_path):
    before = os.umask(0o027)
    try:
        written(tmp_path / "new")
        written(tmp_path / "secret", mode=0o600)
        for name, mode in {"kept": 0o604, "set": 0o777}.items():
            (tmp_path / name).touch()
            (tmp_path / name).chmod(mode)
        written(tmp_path / "kept")
        written(tmp_path / "set", mode=0o444)
        with whole.new_path(tmp_path / "kept") as new:
            new.write_bytes(b"again")
    finally:
        os.umask(before)
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert found == {"new": 0o640, "secret": 0o600, "kept": 0o604, "set": 0o444}


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root may give files away")
def test_a_replaced_file_stays_its_owners(tmp_path):
    (tmp_path / "theirs").touch()
    os.chown(tmp_path / "theirs", 1234, 2345)
    written(tmp_path / "theirs")
    assert ((tmp_path / "theirs").stat().st_uid, (tmp_path / "theirs").stat().st_gid) == (1234, 2345)


def test_folders_are_never_replaced_by_files(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        written(tmp_path / "folder")
    with pytest.raises(IsADirectoryError), whole.new_path(tmp_path / "folder") as new:
        new.write_bytes(b"file")
    assert os.listdir(tmp_path) == ["folder"]


def test_text_is_utf_8_everywhere(tmp_path):
    whole.write_text(tmp_path / "text", "Großmutter\n")
    assert (tmp_path / "text").read_bytes() == "Großmutter\n".encode()


@pytest.mark.skipif(os.name == "nt", reason="Windows does not replace read-only files")
def test_a_read_only_file_is_replaced_and_stays_read_only(tmp_path, monkeypatch):
    (tmp_path / "kept").touch(mode=0o444)
    flushed = []
    # Root may open any file, so the permissions are looked at.
    monkeypatch.setattr(durable, "sync", lambda path: flushed.append(path.stat().st_mode & stat.S_IWUSR))
    with whole.new_path(tmp_path / "kept") as new:
        new.write_bytes(b"again")
    assert flushed == [stat.S_IWUSR]
    assert (tmp_path / "kept").read_bytes() == b"again"
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o444
