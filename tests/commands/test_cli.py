"""`tf-colorize`: what becomes of photos, folders, patterns and pipes."""

import io
import os

import command_line
import numpy as np
import skimage
from PIL import Image

from tf_colorize import Colorizer
from tf_colorize.commands import main, photo_options
from tf_colorize.photos import files


def test_a_result_is_written_beside_the_photo_and_reported(album, model, capsys):
    assert main.main([str(album / "a.jpg"), "--model", model]) == 0
    assert command_line.tree(album) == ["a.color.jpg", "a.jpg", "deep/er/b.PNG"]
    said = capsys.readouterr()
    assert said.out.startswith(f"{album / 'a.color.jpg'}  80 x 60, 0.") and said.out.endswith(" s\n")
    assert said.err == ""
    assert command_line.colorfulness(album / "a.color.jpg") > 20
    with Image.open(album / "a.color.jpg") as image:
        result = np.asarray(image).astype(int)
    expected = Colorizer.load(model)(album / "a.jpg")
    assert np.abs(result - expected).mean() < 3  # JPEG


def test_a_folder_is_mirrored_and_done_once(album, model, capsys):
    arguments = [str(album), "-o", "out", "--model", model]
    assert main.main(arguments) == 0
    assert command_line.tree("out") == ["a.jpg", "deep/er/b.PNG"]
    assert "2 photos in" in capsys.readouterr().out
    before = os.stat("out/a.jpg").st_ino  # its time is the photo's
    os.remove("out/deep/er/b.PNG")
    assert main.main(arguments) == 0
    assert "1 of 2 photos are already done" in capsys.readouterr().out
    assert command_line.tree("out") == ["a.jpg", "deep/er/b.PNG"] and os.stat("out/a.jpg").st_ino == before
    assert main.main([*arguments, "--overwrite"]) == 0
    assert os.stat("out/a.jpg").st_ino != before


def test_results_beside_the_originals_are_not_colorized_again(album, model):
    for _ in range(2):
        assert main.main([str(album), "--compare", "--model", model]) == 0
    expected = ["a.color.jpg", "a.compare.jpg", "a.jpg"]
    assert command_line.tree(album) == [*expected, "deep/er/b.PNG", "deep/er/b.color.PNG", "deep/er/b.compare.PNG"]
    with Image.open(album / "a.compare.jpg") as image:
        assert image.size == (80 + 8 + 80, 60)
        before, after = np.asarray(image)[:, :80], np.asarray(image)[:, 88:]
    assert np.ptp(before.astype(int), axis=-1).mean() < 2 < 20 < np.ptp(after.astype(int), axis=-1).mean()


def test_a_result_folder_inside_the_album_is_not_colorized_again(album, model):
    for _ in range(2):
        assert main.main([str(album), "-o", str(album / "colored"), "--model", model]) == 0
    assert command_line.tree(album / "colored") == ["a.jpg", "deep/er/b.PNG"]


def test_patterns_formats_and_output_files(album, model):
    assert main.main(["album/**/*.PNG", "--format", "jpg", "-o", "out", "--model", model]) == 0
    assert command_line.tree("out") == ["deep/er/b.jpg"]
    assert files.read("out/deep/er/b.jpg").format == "JPEG"
    assert main.main(["album/a.jpg", "-o", "new/name.webp", "--quality", "50", "--model", model]) == 0
    assert files.read("new/name.webp").format == "WEBP"


def test_a_pipe(album, model):
    data = (album / "deep/er/b.PNG").read_bytes()
    result = command_line.command("-", "--model", model, input=data, check=True)
    assert result.stderr == b""
    with Image.open(io.BytesIO(result.stdout)) as image:
        assert image.format == "PNG" and image.size == (80, 60)
        np.testing.assert_array_equal(np.asarray(image), Colorizer.load(model)(data))
    assert command_line.command("-", "--model", model, "-o", "x.jpg", input=data, check=True).stdout == b""
    assert files.read("x.jpg").format == "JPEG"
    result = command_line.command("-", "--model", model, "--format", "webp", input=data, check=True)
    assert files.read(result.stdout).format == "WEBP"
    result = command_line.command("-", "--model", model, input=b"text")
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr == b"tf-colorize: standard input: not a picture in a readable format\n"


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


def test_use_of_the_first_frame_is_reported(album, model, capsys):
    frames = [Image.new("L", (20, 20), gray) for gray in (50, 200)]
    frames[0].save("x.tif", save_all=True, append_images=frames[1:])
    assert main.main(["x.tif", "--model", model]) == 0
    assert "only the first of 2 frames" in capsys.readouterr().out


def test_file_names_need_not_be_text(album, model):
    name = os.fsencode(album) + b"/\xff[1].jpg"
    os.rename(album / "a.jpg", name)
    result = command_line.command(os.fsdecode(name), "--model", model, check=True)
    assert result.stdout.startswith(os.fsencode(album) + b"/\\udcff[1].color.jpg  80 x 60")
    assert os.path.exists(os.fsencode(album) + b"/\xff[1].color.jpg")


def test_results_named_by_a_shell_are_not_colorized_again(album, model, capsys):
    assert main.main(["album/a.jpg", "--model", model]) == 0
    assert main.main(["album/a.jpg", "album/a.color.jpg", "--overwrite", "--model", model]) == 0
    (album / "a.jpg").rename(album / "b.jpg")
    capsys.readouterr()
    assert main.main(["album/a.color.jpg", "--model", model]) == 1
    assert "album/a.color.jpg: its name says that it is already colorized" in capsys.readouterr().err
    assert command_line.tree(album) == ["a.color.jpg", "b.jpg", "deep/er/b.PNG"]


def test_replaced_color_is_reported_and_can_be_kept(album, model, capsys):
    Image.fromarray(skimage.data.chelsea()).save(album / "cat.jpg")
    arguments = [str(album), "-o", "out", "--model", model]
    assert main.main([*arguments, "--skip-color"]) == 0
    assert command_line.tree("out") == ["a.jpg", "deep/er/b.PNG"]
    assert f"{album / 'cat.jpg'}  already has color, left unchanged" in capsys.readouterr().out
    assert main.main(arguments) == 0
    said = capsys.readouterr().err
    assert said == f"tf-colorize: {album / 'cat.jpg'}: {photo_options.HAS_COLOR}\n"


def test_a_dry_run_lists_and_writes_nothing(album, capsys):
    assert main.main([str(album), "-o", "out", "--compare", "--dry-run", "--model", "nowhere.tflite"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{album / 'a.jpg'} -> out/a.jpg and out/a.compare.jpg",
        f"{album / 'deep/er/b.PNG'} -> out/deep/er/b.PNG and out/deep/er/b.compare.PNG",
    ]
    assert not os.path.exists("out") and len(command_line.tree(album)) == 2


def test_pillow_has_its_limit_back(album, model):
    before = Image.MAX_IMAGE_PIXELS
    assert before
    assert main.main([str(album / "a.jpg"), "--model", model]) == 0
    assert before == Image.MAX_IMAGE_PIXELS
