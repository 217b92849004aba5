"""The tables that evaluations print: the short one fits a terminal of 80 columns, and no heading is cut."""

import io

import keras
import numpy as np
import pytest
import rich.console
from PIL import Image

from tf_colorize import evaluation
from tf_colorize.commands import evaluate
from tf_colorize.evaluation import features
from tf_colorize.evaluation.report import figures

LONG = "runs/the-second-attempt-with-classification/generator"


@pytest.fixture
def photos(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for index in range(3):
        small = Image.fromarray(random.integers(0, 256, (4, 5, 3), "uint8"))
        small.resize((80, 64), Image.Resampling.BICUBIC).save(tmp_path / "photos" / f"{index}.png")
    return tmp_path / "photos"


def printed(table, width):
    console = rich.console.Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


@pytest.mark.parametrize("names", [["model"], [LONG, "other"], [f"{LONG}-{index}" for index in range(6)]])
def test_the_short_table_fits_80_columns(photos, names):
    colorizers = {name: lambda gray: gray for name in names}
    pixels = keras.Input((256, 256, 3))
    measured = features.FeatureModel("mean pixel", keras.Model(pixels, keras.layers.Identity()(pixels)))
    result = evaluation.evaluate(colorizers, photos, features=measured)
    text = printed(figures.short_table(result), 80)
    assert max(map(len, text.splitlines())) <= 80 and "…" not in text
    for heading in ("PSNR, dB ↑", "CIEDE2000 ↓", "colorfulness", "KID x 1000 ↓", "photos/s"):
        assert heading in text
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert float(rows["gray"][2]) == 0
    assert float(rows["truth"][0]) == pytest.approx(figures.of_truth(result)["colorfulness"], abs=0.05)
    assert all(name[:9] in text for name in names)


def test_the_command_prints_the_short_table_unless_all_figures_are_asked_for(photos, monkeypatch, capsys):
    from tf_colorize.inference import colorizer

    class Gray:
        takes_hints = False

        def __call__(self, gray, **_):
            return gray

    def without_weights(source):
        raise ValueError("no weights here")

    monkeypatch.setattr(features, "load", without_weights)
    monkeypatch.setattr(colorizer.Colorizer, "load", lambda *_, **__: Gray())
    monkeypatch.setenv("COLUMNS", "80")
    arguments = ["--model", "gray.tflite", "--data", str(photos)]
    assert evaluate.main(arguments) == 0
    short = capsys.readouterr().out
    assert "SSIM" not in short and "CIEDE2000" in short and max(map(len, short.splitlines())) <= 80
    assert evaluate.main([*arguments, "--all-figures"]) == 0
    whole = capsys.readouterr().out
    assert "SSIM" in whole and "±" in whole and "…" not in whole


def test_a_missing_folder_is_reported_in_one_line_before_any_model_loads(monkeypatch, capsys):
    monkeypatch.setattr(
        "tf_colorize.inference.colorizer.Colorizer.load", lambda path: pytest.fail("a model was loaded")
    )
    assert evaluate.main(["--data", "nowhere", "--model", "a.tflite"]) == 1
    assert capsys.readouterr().err == "tf-colorize evaluate: nowhere: no such file or folder\n"
