"""Which files are photos, and how results are written."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

from tf_colorize import evaluation, whole
from tf_colorize.color import colorfulness
from tf_colorize.data import selection
from tf_colorize.photos import files, find


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [folder / name for name in names]


def test_folders_are_walked_in_order_in_any_case_without_hidden_files(tmp_path):
    touched(tmp_path, "b.JPG", "a.png", "sub/c.TiFf", "sub/notes.txt", ".hidden/d.jpg", ".e.jpg", "f.jpg.part")
    found = find.find_photos(tmp_path)
    assert found.photos == [tmp_path / name for name in ("a.png", "b.JPG", "sub/c.TiFf")]
    assert found.results == []
    assert find.find_photos(tmp_path / "sub/notes.txt").photos == [tmp_path / "sub/notes.txt"]
    with pytest.raises(files.ImageError, match="nowhere: no such file or folder"):
        find.find_photos(tmp_path / "nowhere")


def test_earlier_results_are_not_photos(tmp_path):
    touched(tmp_path, "x.jpg", "x.color.jpg", "x.compare.jpg", "deep/y.color.png", "color.jpg")
    found = find.find_photos(tmp_path)
    assert found.photos == [tmp_path / "color.jpg", tmp_path / "x.jpg"]
    assert found.results == [tmp_path / name for name in ("deep/y.color.png", "x.color.jpg", "x.compare.jpg")]


def test_linked_folders_are_walked_once_and_loops_end(tmp_path):
    touched(tmp_path, "album/a.jpg", "elsewhere/b.jpg")
    os.symlink(tmp_path / "elsewhere", tmp_path / "album" / "link")
    os.symlink(tmp_path / "elsewhere", tmp_path / "album" / "link2")
    os.symlink(tmp_path / "album", tmp_path / "elsewhere" / "back")
    found = find.find_photos(tmp_path / "album").photos
    assert found == [tmp_path / "album" / "a.jpg", tmp_path / "album" / "link" / "b.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_pipes_and_devices_in_a_folder_are_named_and_not_waited_for(tmp_path):
    photo, *_ = touched(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe.log")
    os.symlink(tmp_path / "pipe.jpg", tmp_path / "to_pipe.jpg")
    os.symlink("/dev/null", tmp_path / "device.jpg")
    os.symlink("nowhere", tmp_path / "dangling.jpg")  # reading it says why it cannot be read
    os.symlink("loop.jpg", tmp_path / "loop.jpg")
    said = []
    expected = [photo, tmp_path / "dangling.jpg", tmp_path / "loop.jpg"]
    assert find.find_photos(tmp_path, said.append).photos == expected
    assert [line.partition(": ")[0] for line in said] == [
        str(tmp_path / name) for name in ("device.jpg", "pipe.jpg", "to_pipe.jpg")
    ]
    assert find.find_photos(tmp_path).photos == expected


def test_training_and_evaluation_leave_results_out(tmp_path):
    for name in ("cat.png", "cat.color.png", "cat.compare.png"):
        Image.fromarray(skimage.data.chelsea()).save(tmp_path / name)
    found = selection.find_photos(tmp_path)
    assert found.paths == [str(tmp_path / "cat.png")] and found.n_results == 2
    assert len(evaluation.evaluate({}, tmp_path).truth) == 1


def test_only_photos_of_many_colors_have_color():
    cat = Image.fromarray(skimage.data.chelsea())
    gray = ImageOps.grayscale(cat)
    sepia = ImageOps.colorize(gray, "#2b1a08", "#f5e6c8", mid="#9a7b4f")
    assert colorfulness.has_color(cat) and colorfulness.has_color(cat.convert("RGBA"))
    assert not any(map(colorfulness.has_color, (gray, gray.convert("LA"), gray.convert("RGB"), sepia)))


def test_a_name_of_250_bytes_can_be_written(tmp_path):
    target = tmp_path / ("x" * 246 + ".png")
    files.save(Image.new("RGB", (3, 3)), target)
    assert files.read(target).image.size == (3, 3)


def test_results_have_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "any").touch()
    with whole.open_whole(tmp_path / "result") as file:
        file.write(b"x")
    assert (tmp_path / "result").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_an_error_leaves_the_older_file(tmp_path):
    (tmp_path / "result").write_bytes(b"old")
    with pytest.raises(KeyError), whole.open_whole(tmp_path / "result") as file:
        file.write(b"new")
        raise KeyError
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_unfinished_files_of_dead_processes_are_removed_and_those_of_running_ones_stay(tmp_path):
    code = f"""
        import pathlib, time
        from tf_colorize import whole
        with whole.open_whole(pathlib.Path({str(tmp_path / "result")!r})) as file:
            file.write(b"half")
            print("writing", flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    living, dead = (subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2))
    try:
        assert living.stdout.readline() == dead.stdout.readline() == "writing\n"
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert len(list(tmp_path.iterdir())) == 2  # one process id or another: never the same name
        whole.remove_dead(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
    finally:
        living.kill()
        living.wait()
    whole.remove_dead(tmp_path)
    assert list(tmp_path.iterdir()) == []
    whole.remove_dead(tmp_path / "nowhere")


def test_the_files_of_others_are_not_touched(tmp_path):
    others = touched(tmp_path, ".x.jpg.123.part", ".tf-colorize", "x.part")
    whole.remove_dead(tmp_path)
    assert all(path.exists() for path in others)


def test_sepia_in_a_scan_does_not_count_as_color(tmp_path):
    gray = np.asarray(ImageOps.grayscale(Image.fromarray(skimage.data.astronaut())), np.float64)
    toned = np.stack([gray * 1.0, gray * 0.9, gray * 0.7], axis=-1).astype(np.uint8)
    Image.fromarray(toned).save(tmp_path / "x.jpg", quality=85)
    assert not colorfulness.has_color(files.read(tmp_path / "x.jpg").image)
