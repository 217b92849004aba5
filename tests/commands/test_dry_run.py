"""What --dry-run does: it says what would be written, and changes nothing, not even by cleaning up."""

import os
import pathlib

import pytest
from PIL import Image

from tf_colorize import leftovers
from tf_colorize.commands import main


@pytest.fixture
def photos(here):
    (here / "in").mkdir()
    Image.new("L", (40, 30), 90).save(here / "in" / "a.png")
    return here


def everything():
    return sorted(str(path) for path in pathlib.Path(".").rglob("*"))


@pytest.mark.parametrize("command", [["in", "-o", "out"], ["in/a.png"], ["cluster", "in", "out"]])
def test_a_look_is_not_saved(photos, command, capsys):
    before = everything()
    assert main.main([*command, "--vividness", "1.4", "--save-look", "look.json", "--dry-run"]) == 0
    assert everything() == before
    assert "the look of these options -> look.json" in capsys.readouterr().out


def test_the_files_of_a_killed_job_stay(photos, capsys):
    (photos / "out").mkdir()
    old = photos / "out" / (leftovers.PREFIX + "abc" + leftovers.FILE_SUFFIX)  # without a process: an earlier version's
    old.touch()
    os.utime(old, (0, 0))
    for command in (["in", "-o", "out"], ["cluster", "in", "out"]):
        assert main.main([*command, "--dry-run"]) == 0
        assert old.exists()
