"""What references gain: which photos make pairs, and what the numbers are."""

import json

import numpy as np
import pytest
import skimage
from PIL import Image

from tf_colorize import Colorizer, hints
from tf_colorize.commands import evaluate
from tf_colorize.evaluation import reference_gains
from tf_colorize.inference import runtimes


@pytest.fixture
def folder(tmp_path):
    """Three sources: two of them with two photos of one thing, one with one."""
    coffee, cat = skimage.data.coffee(), skimage.data.chelsea()
    pictures = {
        "cup_1": coffee[:380, :400],
        "cup_2": coffee[10:390, 25:425],
        "cup_3": skimage.data.rocket(),
        "cat_1": cat[:280, 60:350],
        "cat_2": cat[15:295, 80:370],
        "alone_1": skimage.data.astronaut(),
    }
    for name, rgb in pictures.items():
        Image.fromarray(rgb).save(tmp_path / f"{name}.png")
    return tmp_path


def test_photos_of_one_source_and_scene_are_pairs(folder):
    paths = sorted(folder.iterdir())
    samples = reference_gains.protocols.of_each(lambda sample: sample, paths, "crop256", progress=lambda: None)
    scenes = np.stack([reference_gains._scene(sample) for sample in samples])
    pairs = {tuple(sorted(path.stem for path in pair)) for pair in reference_gains._alike(paths, scenes)}
    assert pairs == {("cup_1", "cup_2"), ("cat_1", "cat_2")}


def test_the_two_crops_of_a_photo_have_three_quarters_of_a_side_in_common(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.clip(np.arange(300)[:, None, None] * np.full((1, 400, 3), 0.8), 0, 255).astype(np.uint8)).save(
        path
    )
    first, second = reference_gains._two_crops(path)
    assert first.shape == second.shape == (256, 256, 3)
    # Rows of the photo, of which each gray is 0.8: the first crop has 0 to 243, the second 57 to 300.
    assert np.allclose(first[[0, -1], 100, 0] / 0.8, [0, 243], atol=3)
    assert np.allclose(second[[0, -1], 100, 0] / 0.8, [57, 300], atol=3)


@pytest.fixture(scope="module")
def shipped():
    return Colorizer.load(threads=1)


def test_a_copy_of_a_photo_gains(folder, shipped):
    gains = reference_gains.evaluate(shipped, sorted(folder.iterdir()), 2)
    assert {kind: len(values) for kind, values in gains.items()} == {"crop": 2, "scene": 2, "unrelated": 2}
    assert gains["crop"].mean() > 1 and gains["scene"].min() > 1


@pytest.mark.slow
def test_the_command_reports_the_gains(folder, shipped, capsys):
    gains = reference_gains.evaluate(shipped, sorted(folder.iterdir()), 2)
    model = str(runtimes.default_model())
    out = folder / "report"
    assert evaluate.main(["--model", model, "--data", str(folder), "--reference", "2", "--out", str(out)]) == 0
    assert "reference: dB over the automatic result" in capsys.readouterr().out
    kept = json.loads((out / "metrics.json").read_text())["references"]["colorizer"]
    assert kept["crop"]["gain"] == pytest.approx(gains["crop"].mean(), abs=1e-3)


def test_it_needs_a_model_with_hints_and_two_photos(tmp_path):
    def network(lightness, hints=None):
        return np.zeros((*lightness.shape[:-1], 2), np.float32)

    with pytest.raises(ValueError, match="`colorizer` must take hints"):
        reference_gains.evaluate(Colorizer(network, 16), [])
    with pytest.raises(ValueError, match="`photos` must hold two color photos"):
        reference_gains.evaluate(Colorizer(hints.WithHints(network, network), 16), [tmp_path / "none.png"])
