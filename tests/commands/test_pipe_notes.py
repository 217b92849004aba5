"""A photo from a pipe gets the same notices as one from a file, on standard error."""

import json
import os
import pathlib
import threading

import command_line
import pytest
import skimage
from PIL import Image

from tf_colorize.commands import main

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"


def test_notices_about_the_hints_file_and_transparency(here):
    Image.new("LA", (40, 30), (90, 128)).save("a.png")
    look = {"version": 1, "hints": [], "look": {"vividness": 1.4}}
    (here / "w.hints.json").write_text(json.dumps(look))
    options = ["--hints", "w.hints.json", "--format", "jpg", "--model", str(MODEL)]
    filed = command_line.command("a.png", *options, check=True).stdout.decode()
    piped = command_line.command("-", *options, input=(here / "a.png").read_bytes(), check=True)
    assert piped.stdout.startswith(b"\xff\xd8")
    for note in ("vividness 1.4 from w.hints.json", "transparency flattened onto white"):
        assert note in filed and f"tf-colorize: standard input: {note}\n" in piped.stderr.decode()


def test_replaced_color_is_reported_without_naming_an_option_that_pipes_lack(here):
    Image.fromarray(skimage.data.chelsea()[100:160, 100:180]).save("b.png")
    piped = command_line.command("-", "--model", str(MODEL), input=(here / "b.png").read_bytes(), check=True)
    assert piped.stderr.decode() == "tf-colorize: standard input: already had color, which was replaced\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_hints_of_a_film_may_come_from_a_pipe(here, capsys):
    films = pytest.importorskip("films")
    films.write("film.mp4", n_frames=3, audio=None)
    os.mkfifo("wishes")

    def give():
        with open("wishes", "w") as pipe:
            pipe.write(json.dumps({"version": 1, "hints": [], "look": {"vividness": 1.4}}))

    giver = threading.Thread(target=give, daemon=True)  # once: a second reader would wait forever
    giver.start()
    assert main.main(["film", "film.mp4", "--hints", "wishes", "--model", str(MODEL)]) == 0
    giver.join()
    assert "vividness 1.4 from wishes" in capsys.readouterr().out
