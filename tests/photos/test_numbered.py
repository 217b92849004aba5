"""Patterns of numbered images."""

import pytest

from tf_colorize.photos import numbered


def made(folder, *names):
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("names", "pattern", "expected"),
    [
        (["1.png", "2.png", "10.png", "x.png", "02.png"], "%d.png", ["1.png", "2.png", "10.png"]),
        (["0001.png", "12345.png"], "%04d.png", ["0001.png", "12345.png"]),
        (["0001.png", "1.png"], "%4d.png", ["0001.png"]),  # FFmpeg pads with zeros here, too
        (["5%1.png"], "5%%%d.png", ["5%1.png"]),
        (["5%1.png"], "5%%d.png", ["5%1.png"]),  # the percent sign as it is in the names
        (["5%%1.png", "5%1.png"], "5%%%d.png", ["5%%1.png"]),
        (["1%d.png", "2%d.png"], "%d%d.png", ["1%d.png", "2%d.png"]),
        (["\\u0661.png"], "%d.png", None),  # a digit, but not one that FFmpeg writes
        (["1_1.png", "2_1.png"], "%d_%d.png", None),
        ([], "%099999999999d.png", None),
    ],
)
def test_images_that_a_pattern_names(tmp_path, names, pattern, expected):
    names = [name.encode().decode("unicode_escape") for name in names]
    images = numbered.find(made(tmp_path, *names) / pattern)
    assert (images and [path.name for path in images.files()]) == expected


def test_the_first_missing_image_of_a_huge_gap(tmp_path):
    images = numbered.find(made(tmp_path, "7.png", "90000000000000.png") / "%d.png")
    assert images.missing() == 8  # no list of all numbers between them
