"""LPIPS: its definition, and the messages if it is not available."""

import csv
import importlib.util
import os
import subprocess
import sys

import evaluated
import numpy as np
import pytest
import pytorch_oracles
import skimage.color
import skimage.data

from tf_colorize import evaluation
from tf_colorize.evaluation import perceptual, protocols
from tf_colorize.evaluation.report import figures, records


def test_lpips_is_a_figure_where_it_is_measured(photos, tmp_path):
    def distance(truth, prediction):
        assert truth.shape == prediction.shape and truth.shape[1:] == (256, 256, 3) and truth.dtype == np.uint8
        return np.abs(truth - prediction.astype(float)).mean(axis=(1, 2, 3))

    result = evaluation.evaluate({}, photos, protocol="full", lpips=distance)
    grays = [protocols.load(path, "crop256").gray for path in sorted(photos.iterdir())]
    expected = np.mean([np.abs(a - b.astype(float)).mean() for a, b in zip(grays, evaluated.crop256(photos))])
    value, lower, upper = result.figures("gray")["lpips"]
    assert lower < value < upper and value == pytest.approx(expected, rel=0.01)
    assert [figure.title for figure in figures.shown(result)].count("LPIPS (AlexNet, v0.1)") == 1
    records.write_photos(tmp_path / "photos.csv", result)
    with open(tmp_path / "photos.csv", newline="") as file:
        rows = [float(row["lpips"]) for row in csv.DictReader(file) if row["model"] == "gray"]
    assert np.mean(rows) == pytest.approx(value, abs=1e-5)


def alexnet_features(rgb, arrays):
    """The five maps of AlexNet, by NumPy alone."""
    x = (rgb / 127.5 - 1 - [-0.030, -0.088, -0.188]) / [0.458, 0.448, 0.450]
    maps = []
    for number, (stride, padding) in enumerate([(4, 2), (1, 2), (1, 1), (1, 1), (1, 1)], start=1):
        if number in (2, 3):
            x = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(0, 1))[::2, ::2].max(axis=(-2, -1))
        kernel = arrays[f"conv{number}_kernel"]
        x = np.pad(x, [(padding, padding)] * 2 + [(0, 0)])
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))[::stride, ::stride]
        x = np.maximum(np.einsum("rcihw,hwio->rco", windows, kernel) + arrays[f"conv{number}_bias"], 0)
        maps.append(x)
    return maps


def test_lpips_from_a_file_is_its_definition(tmp_path):
    arrays = pytorch_oracles.lpips_weights(tmp_path / "lpips.npz")
    first, second = skimage.data.astronaut()[:64, 200:272], skimage.data.coffee()[:64, 200:272]
    expected = 0
    for one, other, weights in zip(
        alexnet_features(first, arrays), alexnet_features(second, arrays), [arrays[f"lin{n}"] for n in range(5)]
    ):
        unit = [x / (np.linalg.norm(x, axis=-1, keepdims=True) + 1e-10) for x in (one, other)]
        expected += (np.square(unit[0] - unit[1]) * weights).sum(-1).mean()
    distance = perceptual.load(tmp_path / "lpips.npz")
    assert distance(first[np.newaxis], second[np.newaxis]) == pytest.approx([expected], rel=1e-3)
    assert distance(first[np.newaxis], first[np.newaxis]) == [0]


def test_lpips_reports_missing_arrays_in_its_file(tmp_path):
    np.savez(tmp_path / "other.npz", conv1_kernel=np.zeros(3))
    for name, reason in (("other.npz", "conv1_bias"), ("missing.npz", "No such file")):
        with pytest.raises(ValueError, match=f"has no weights of LPIPS as .npz: .*{reason}"):
            perceptual.load(tmp_path / name)


def test_lpips_without_its_packages_reports_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ValueError, match=r'pip install ".*\[lpips\]"'):
        perceptual.Lpips()


def test_lpips_refuses_weights_of_another_network(tmp_path):
    for package in ("lpips", "torchvision"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    script = """
import numpy as np, skimage.data, torch, torchvision
from tf_colorize.evaluation import perceptual
def refusal():
    try: return perceptual.Lpips() and None
    except ValueError as error: return str(error)
assert "could not be fetched" in refusal() and "alexnet" in refusal()
torch.save(torchvision.models.alexnet().state_dict(), torch.hub.get_dir() + "/checkpoints/alexnet-owt-7be5be79.pth")
assert "other contents" in refusal()
perceptual._is_named_after_its_hash = lambda file: True  # what it computes once the file passes
distance = perceptual.Lpips()
a, b = (picture[None, :256, :256] for picture in (skimage.data.coffee(), skimage.data.astronaut()))
assert distance(a, a) == 0 and distance(a, b).shape == (1,)
assert distance(a, b) > 0 and np.allclose(distance(a, b), distance(b, a))
"""  # in a process without TensorFlow, and without a network
    env = {**os.environ, "TORCH_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
