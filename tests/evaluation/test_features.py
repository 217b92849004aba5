"""Features that photos are compared by: of a backbone, of a model, of FID's Inception."""

import os
import subprocess
import sys

import evaluated
import keras
import numpy as np
import pytest
import skimage.color
import skimage.data

from tf_colorize.evaluation import features, perceptual
from tf_colorize.models import backbones


def test_resnet18_features_are_those_of_the_backbone(photos, tmp_path):
    backbone = backbones.resnet18(None)
    backbone.save_weights(tmp_path / "b.weights.h5")
    model = features.load(tmp_path / "b.weights.h5")
    assert (model.name, model.dimension) == ("Frechet distance (ResNet18 layer3)", 256)
    truth = np.stack(evaluated.crop256(photos))
    normalized = (truth / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    expected = np.asarray(backbone.predict_on_batch(normalized.astype("float32"))[3]).mean((1, 2))
    np.testing.assert_allclose(model(truth), expected, rtol=1e-3, atol=1e-4)


def test_keras_feature_model_sees_bytes_and_is_named_after_its_file(photos, tmp_path):
    inputs = keras.Input((256, 256, 3))
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="pool")(inputs)).save(tmp_path / "mean_color.keras")
    model = features.load(tmp_path / "mean_color.keras")
    assert (model.name, model.dimension) == ("Frechet distance (mean_color)", 3)
    expected = [picture.mean((0, 1)) for picture in evaluated.crop256(photos)]
    np.testing.assert_allclose(model(np.stack(evaluated.crop256(photos))), expected, rtol=1e-5)


@pytest.mark.parametrize("source", ["none", "auto", "missing.weights.h5"])
def test_untrained_features_are_refused(source):
    with pytest.raises(ValueError, match=f"`features`.*{source}"):
        features.load(source)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, b"") for name in ("x.keras", "x.npz", "x.weights.h5", "x.safetensors", "x.txt")),
        *((name, b"PK\x03\x04 cut") for name in ("x.keras", "x.npz")),  # which are zip archives
        *((name, b"{" * 3000) for name in ("x.safetensors", "x.txt")),
    ],
)
def test_files_of_other_kinds_are_reported_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: cannot be used for `features`: ") as raised:
        features.load(tmp_path / name)
    assert "\n" not in str(raised.value)
    with pytest.raises(ValueError, match=f"{name}: has no weights of LPIPS as .npz: "):
        perceptual.load(tmp_path / name)


def test_feature_model_must_give_vectors():
    inputs = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match="`model` must return one tensor"):
        features.FeatureModel("two", keras.Model(inputs, [inputs, inputs]))


@pytest.mark.slow
def test_inception_without_network_is_an_error(tmp_path):
    code = (
        "from tf_colorize.evaluation import features\ntry: features.load('inception')\nexcept ValueError as e: print(e)"
    )
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "'inception' needs weights that could not be fetched" in done.stdout


def inception_weights(path, *, leave_out=None):
    """A file of random weights shaped as FID's Inception, with few channels."""
    random, arrays = np.random.default_rng(0), {}

    def add(name, before, after, side=(1, 1), valid=0, stride=0):
        if name != leave_out:
            arrays[f"{name}/kernel"] = random.normal(0, 0.3, (*side, before, after)).astype(np.float16)
            arrays[f"{name}/bias"] = np.zeros(after, np.float16)
            arrays[f"{name}/valid_s2"] = np.int8([valid, stride])

    add("conv", 3, 2, (3, 3), 1, 1)
    add("conv_1", 2, 2, (3, 3), 1)
    add("conv_2", 2, 2, (3, 3))
    add("conv_3", 2, 2)
    add("conv_4", 2, 3, (3, 3), 1)
    channels = 3
    for block in range(8):
        name = f"mixed_{block}" if block else "mixed"
        stride = int(block == 3)
        towers = {"tower": 3 if block >= 3 else 2, "tower_1": 0 if stride else (5 if block > 3 else 3)}
        add(f"{name}_conv", channels, 1, (3, 3) if stride else (1, 1), stride, stride)
        for tower, length in towers.items():
            for index in range(length):
                last = stride and index == length - 1
                suffix = f"_{index}" if index else ""
                add(f"{name}_{tower}_conv{suffix}", 1 if index else channels, 1, (3, 3), int(last), int(last))
        if not stride:
            add(f"{name}_tower_2_conv", channels, 1)
        channels = 2 + channels if stride else 4
    np.savez(path, **arrays)


def test_features_of_inception_come_from_a_file(tmp_path):
    inception_weights(tmp_path / "inception.npz")
    model = features.load(tmp_path / "inception.npz")
    assert model.name == "Frechet distance (FID's Inception, mixed_7)" and model.dimension == 4
    pictures = np.stack([skimage.data.astronaut()[:256, :256], skimage.data.coffee()[:256, :256]])
    vectors = model(pictures)
    assert vectors.shape == (2, 4) and np.isfinite(vectors).all() and not np.allclose(*vectors)
    inception_weights(tmp_path / "broken.npz", leave_out="mixed_6_tower_1_conv_4")
    with pytest.raises(ValueError, match="up to mixed_7.*without.*mixed_6_tower_1_conv_4"):
        features.load(tmp_path / "broken.npz")
