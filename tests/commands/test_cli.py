import contextlib
import io
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import skimage
import tiny_models
from PIL import Image

from tf_colorize import Colorizer
from tf_colorize.commands import main, photo_options
from tf_colorize.photos import files


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(tiny_models.write_tflite(tmp_path_factory.mktemp("model")))


@pytest.fixture
def album(tmp_path, monkeypatch):
    """A folder with a gray photo, one in a folder inside it, and the current directory beside it."""
    gray = skimage.data.camera()[100:160, 50:130]
    for name in ("a.jpg", "deep/er/b.PNG"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(gray).save(path, quality=95)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "album"


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*") if path.is_file())


def colorfulness(path):
    with Image.open(path) as image:
        return np.ptp(np.asarray(image.convert("RGB")).astype(int), axis=-1).mean()


def command(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "tf_colorize", *map(str, arguments)], capture_output=True, **options)


def test_a_photo_is_written_beside_it_and_said(album, model, capsys):
    assert main.main([str(album / "a.jpg"), "--model", model]) == 0
    assert tree(album) == ["a.color.jpg", "a.jpg", "deep/er/b.PNG"]
    said = capsys.readouterr()
    assert said.out.startswith(f"{album / 'a.color.jpg'}  80 x 60, 0.") and said.out.endswith(" s\n")
    assert said.err == ""
    assert colorfulness(album / "a.color.jpg") > 20
    with Image.open(album / "a.color.jpg") as image:
        result = np.asarray(image).astype(int)
    expected = Colorizer.load(model)(album / "a.jpg")
    assert np.abs(result - expected).mean() < 3  # JPEG


def test_a_folder_is_mirrored_and_done_once(album, model, capsys):
    arguments = [str(album), "-o", "out", "--model", model]
    assert main.main(arguments) == 0
    assert tree("out") == ["a.jpg", "deep/er/b.PNG"]
    assert "2 photos in" in capsys.readouterr().out
    before = os.stat("out/a.jpg").st_ino  # its time is the photo's
    os.remove("out/deep/er/b.PNG")
    assert main.main(arguments) == 0
    assert "1 of 2 photos are already done" in capsys.readouterr().out
    assert tree("out") == ["a.jpg", "deep/er/b.PNG"] and os.stat("out/a.jpg").st_ino == before
    assert main.main([*arguments, "--overwrite"]) == 0
    assert os.stat("out/a.jpg").st_ino != before


def test_results_beside_the_originals_are_not_colorized_again(album, model):
    for _ in range(2):
        assert main.main([str(album), "--compare", "--model", model]) == 0
    expected = ["a.color.jpg", "a.compare.jpg", "a.jpg"]
    assert tree(album) == [*expected, "deep/er/b.PNG", "deep/er/b.color.PNG", "deep/er/b.compare.PNG"]
    with Image.open(album / "a.compare.jpg") as image:
        assert image.size == (80 + 8 + 80, 60)
        before, after = np.asarray(image)[:, :80], np.asarray(image)[:, 88:]
    assert np.ptp(before.astype(int), axis=-1).mean() < 2 < 20 < np.ptp(after.astype(int), axis=-1).mean()


def test_a_result_folder_inside_the_album_is_not_colorized_again(album, model):
    for _ in range(2):
        assert main.main([str(album), "-o", str(album / "colored"), "--model", model]) == 0
    assert tree(album / "colored") == ["a.jpg", "deep/er/b.PNG"]


def test_patterns_formats_and_output_files(album, model):
    assert main.main(["album/**/*.PNG", "--format", "jpg", "-o", "out", "--model", model]) == 0
    assert tree("out") == ["deep/er/b.jpg"]
    assert files.read("out/deep/er/b.jpg").format == "JPEG"
    assert main.main(["album/a.jpg", "-o", "new/name.webp", "--quality", "50", "--model", model]) == 0
    assert files.read("new/name.webp").format == "WEBP"


def test_a_pipe(album, model):
    data = (album / "deep/er/b.PNG").read_bytes()
    result = command("-", "--model", model, input=data, check=True)
    assert result.stderr == b""
    with Image.open(io.BytesIO(result.stdout)) as image:
        assert image.format == "PNG" and image.size == (80, 60)
        np.testing.assert_array_equal(np.asarray(image), Colorizer.load(model)(data))
    assert command("-", "--model", model, "-o", "x.jpg", input=data, check=True).stdout == b""
    assert files.read("x.jpg").format == "JPEG"
    result = command("-", "--model", model, "--format", "webp", input=data, check=True)
    assert files.read(result.stdout).format == "WEBP"
    result = command("-", "--model", model, input=b"text")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr == b"tf-colorize: standard input: not a picture in a format that can be read\n"


def test_alpha_and_metadata_go_through(album, model, capsys):
    exif = Image.Exif()
    exif[270], exif[274] = "Grandma", 6
    image = Image.fromarray(np.dstack([np.full((20, 30, 3), 90), np.full((20, 30), 77)]).astype(np.uint8))
    image.save("x.png", exif=exif.tobytes(), dpi=(300, 300))
    assert main.main(["x.png", "--model", model]) == 0
    with Image.open("x.color.png") as result:
        assert result.size == (20, 30) and result.mode == "RGBA"
        assert result.getchannel("A").getextrema() == (77, 77)
        assert result.getexif()[270] == "Grandma" and 274 not in result.getexif()
        assert round(result.info["dpi"][0]) == 300
    assert main.main(["x.png", "--format", "jpg", "--model", model]) == 0
    assert "transparency flattened onto white" in capsys.readouterr().out


def test_the_first_frame_is_said(album, model, capsys):
    frames = [Image.new("L", (20, 20), gray) for gray in (50, 200)]
    frames[0].save("x.tif", save_all=True, append_images=frames[1:])
    assert main.main(["x.tif", "--model", model]) == 0
    assert "only the first of 2 frames" in capsys.readouterr().out


def test_failures_are_listed_and_the_others_are_done(album, model, capsys):
    (album / "broken.jpg").write_bytes((album / "a.jpg").read_bytes()[:-700])
    (album / "empty.png").touch()
    (album / "text.gif").write_text("hello")
    assert main.main([str(album), "nowhere.jpg", "-o", "out", "--model", model]) == 1
    said = capsys.readouterr()
    assert tree("out") == ["album/a.jpg", "album/deep/er/b.PNG"]
    lines = said.err.splitlines()
    assert lines[:2] == ["tf-colorize: nowhere.jpg: no such file or folder", "tf-colorize: 3 photos failed:"]
    broken, *others = sorted(lines[2:])
    assert broken.startswith(f"tf-colorize: {album / 'broken.jpg'}: image file is truncated")
    assert others == [
        f"tf-colorize: {album / 'empty.png'}: the file is empty",
        f"tf-colorize: {album / 'text.gif'}: not a picture in a format that can be read",
    ]
    assert main.main([str(album / "broken.jpg"), "-o", "out", "--allow-truncated", "--model", model]) == 0
    assert "truncated, read as far as it goes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["album/none"], "album/none: no such file or folder"),
        (["bare"], "bare: no pictures in it (.jpg, .jpeg"),
        (["album/a.jpg", "--max-pixels", "4799"], "album/a.jpg: 80 x 60 pixels are over the limit of 4,799"),
        (["album/a.jpg", "--model", "album/a.jpg"], "`model` must be a .tflite or .keras file"),
        (["album/a.jpg", "--model", "cut.tflite"], "cut.tflite: "),
        (["album/a.jpg", "-o", "album"], "album/a.jpg: would be overwritten; choose another folder for the results"),
        (["album/a.jpg", "-o", "album/a.jpg"], "album/a.jpg: would be overwritten"),
        (["album/a.jpg", "-o", "album/a.jpg/x"], "album/a.jpg: is a file, not a folder"),
        (["album", "-o", "x.jpg"], "x.jpg: must be a folder for 2 pictures"),
        (["album/a.jpg", "album/deep/er/b.PNG", "same/a.png", "--format", "webp", "-o", "o"], "already the result of"),
    ],
)
def test_what_cannot_work_is_one_line_and_exit_code_1(album, model, capsys, arguments, complaint):
    pathlib.Path("bare").mkdir()
    pathlib.Path("same").mkdir()
    Image.new("L", (9, 9)).save("same/a.png")
    pathlib.Path("cut.tflite").write_bytes(pathlib.Path(model).read_bytes()[:-100])
    before = {path: pathlib.Path(path).read_bytes() for path in tree(".")}
    arguments = arguments if "--model" in arguments else [*arguments, "--model", model]
    assert main.main(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("tf-colorize: ") and complaint in lines[0]
    after = {path: pathlib.Path(path).read_bytes() for path in tree(".")}
    assert {path: after[path] for path in before} == before
    assert not [path for path in after if path.endswith(".part")]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.jpg", "--vividness", "3"],
        ["a.jpg", "--vividness", "nan"],
        ["a.jpg", "--quality", "0"],
        ["a.jpg", "--jobs", "0"],
        ["a.jpg", "--format", "bpg"],
        ["a.jpg", "--color"],
        ["a.jpg", "-"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_exit_code_2(arguments):
    result = command(*arguments)
    assert result.returncode == 2 and result.stdout == b""
    assert b"Traceback" not in result.stderr


def test_demo_is_a_command_of_its_own():
    assert command("demo", "--help", check=True).stdout.startswith(b"usage: tf-colorize demo")


def test_without_a_model_it_says_how_to_get_one(album, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("tf_colorize.__file__", str(tmp_path / "tf_colorize" / "__init__.py"))
    assert main.main([str(album / "a.jpg")]) == 1
    assert "no model: " in capsys.readouterr().err
    (tmp_path / "saved_models").mkdir()
    (tmp_path / "saved_models" / "colorizer.tflite").write_bytes(tiny_models.tflite_bytes())
    assert main.main([str(album / "a.jpg")]) == 0


def test_neither_help_nor_a_photo_loads_tensorflow(album, model):
    code = "import sys; from tf_colorize.commands.main import main; main({!r}); print([*sys.modules], file=sys.stderr)"
    run = [sys.executable, "-c", code.format([str(album / "a.jpg"), "--model", model])]
    result = subprocess.run(run, capture_output=True, text=True, check=True)
    modules = result.stderr
    assert "'PIL.Image'" in modules
    assert not any(f"'{name}'" in modules for name in ("tensorflow", "keras", "rich", "scipy", "skimage"))
    assert command("--help").stdout.startswith(b"usage: tf-colorize")


@pytest.mark.parametrize("script", ["train", "export", "evaluate"])
def test_help_of_the_scripts_needs_no_extra(script):
    path = pathlib.Path(__file__).resolve().parents[2] / "scripts" / f"{script}.py"
    code = (
        "import runpy, sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'scipy', 'skimage'])); "
        f"sys.argv = ['{script}.py', '--help']; runpy.run_path({str(path)!r}, run_name='__main__')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.startswith(f"usage: {script}.py") and result.stderr == ""


def test_a_killed_run_leaves_whole_files_and_goes_on(tmp_path, model):
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


def test_file_names_need_not_be_text(album, model):
    name = os.fsencode(album) + b"/\xff[1].jpg"
    os.rename(album / "a.jpg", name)
    result = command(os.fsdecode(name), "--model", model, check=True)
    assert result.stdout.startswith(os.fsencode(album) + b"/\\udcff[1].color.jpg  80 x 60")
    assert os.path.exists(os.fsencode(album) + b"/\xff[1].color.jpg")


def test_equal_names_in_the_folders_of_a_pattern_do_not_meet(album, model, capsys):
    for year in ("1950", "1951"):
        (album / year).mkdir()
        (album / "a.jpg").rename(album / year / "001.jpg") if year == "1950" else None
    (album / "1951" / "001.jpg").write_bytes((album / "1950" / "001.jpg").read_bytes())
    assert main.main(["album/*/*.jpg", "-o", "out", "--model", model]) == 0
    assert tree("out") == ["1950/001.jpg", "1951/001.jpg"]
    names = ["album/1950/001.jpg", "album/1951/001.jpg"]
    assert main.main([*names, "-o", "flat", "--model", model]) == 1
    assert "001.jpg is already the result of album/1950/001.jpg" in capsys.readouterr().err


def test_a_pipe_overwrites_only_when_told(album, model):
    data = (album / "a.jpg").read_bytes()
    pathlib.Path("keep.png").write_bytes(b"precious")
    result = command("-", "--model", model, "-o", "keep.png", input=data)
    assert (result.returncode, pathlib.Path("keep.png").read_bytes()) == (1, b"precious")
    assert result.stderr == b"tf-colorize: keep.png exists; --overwrite replaces it\n"
    assert command("-", "--model", model, "-o", "keep.png", "--overwrite", input=data).returncode == 0
    assert files.read("keep.png").format == "PNG"


@pytest.mark.parametrize("source", ["-", "album/a.jpg"])
def test_a_suffix_and_a_format_that_disagree_are_wrong_usage(album, model, source):
    data = (album / "a.jpg").read_bytes()
    result = command(source, "--model", model, "-o", "x.png", "--format", "jpg", "--overwrite", input=data)
    assert (result.returncode, os.path.exists("x.png")) == (2, False)
    assert result.stderr == b"tf-colorize: -o x.png and --format jpg disagree; give one of them\n"
    agreeing = ("-o", "x.jpeg", "--format", "jpg")
    assert command(source, "--model", model, *agreeing, input=data).returncode == 0


def test_results_named_by_a_shell_are_not_colorized_again(album, model, capsys):
    assert main.main(["album/a.jpg", "--model", model]) == 0
    assert main.main(["album/a.jpg", "album/a.color.jpg", "--overwrite", "--model", model]) == 0
    (album / "a.jpg").rename(album / "b.jpg")
    capsys.readouterr()
    assert main.main(["album/a.color.jpg", "--model", model]) == 1
    assert "album/a.color.jpg: its name says that it is already colorized" in capsys.readouterr().err
    assert tree(album) == ["a.color.jpg", "b.jpg", "deep/er/b.PNG"]


def test_what_a_killed_run_left_is_removed(album, model):
    left = album / ".tf-colorize-0123.part"
    left.touch()
    assert main.main([str(album), "--model", model]) == 0
    assert not left.exists()


def test_color_that_is_replaced_is_said_and_can_be_kept(album, model, capsys):
    Image.fromarray(skimage.data.chelsea()).save(album / "cat.jpg")
    arguments = [str(album), "-o", "out", "--model", model]
    assert main.main([*arguments, "--skip-color"]) == 0
    assert tree("out") == ["a.jpg", "deep/er/b.PNG"]
    assert f"{album / 'cat.jpg'}  already has color, left as it is" in capsys.readouterr().out
    assert main.main(arguments) == 0
    said = capsys.readouterr().err
    assert said == f"tf-colorize: {album / 'cat.jpg'}: {photo_options.HAS_COLOR}\n"


def test_a_dry_run_lists_and_writes_nothing(album, capsys):
    assert main.main([str(album), "-o", "out", "--compare", "--dry-run", "--model", "nowhere.tflite"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{album / 'a.jpg'} -> out/a.jpg and out/a.compare.jpg",
        f"{album / 'deep/er/b.PNG'} -> out/deep/er/b.PNG and out/deep/er/b.compare.PNG",
    ]
    assert not os.path.exists("out") and len(tree(album)) == 2


def test_pillow_has_its_limit_back(album, model):
    before = Image.MAX_IMAGE_PIXELS
    assert before
    assert main.main([str(album / "a.jpg"), "--model", model]) == 0
    assert before == Image.MAX_IMAGE_PIXELS
