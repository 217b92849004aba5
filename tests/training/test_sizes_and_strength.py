"""Settings of the recipe for several sizes: batches of several sizes, and strength by certainty."""

import json

import keras
import numpy as np
import pytest
import small_networks

from tf_colorize.data import pipeline
from tf_colorize.models import anatomy, blocks, saving
from tf_colorize.training import checkpoints, objectives, preparation, resolving, settings, stages

SMALL = {
    "mode": "pretrain",
    "encoder_weights": "none",
    "image_size": 32,
    "batch_size": 4,
    "pretrain_epochs": 1,
    "steps_per_epoch": 6,
    "precision": "float32",
    "pretrain_loss": "classification",
}


def silent(line):
    pass


def with_gains(config, report=silent):
    generator = small_networks.generator(config)
    chroma = generator.get_layer("chroma").output
    contrasted = blocks.ChromaContrast(0.8, 1.2, name="chroma_contrast")(chroma)
    return keras.Model(generator.input, blocks.BilinearUpsampling(4, name="ab")(contrasted), name="resnet18_unet")


@pytest.mark.slow
def test_a_stopped_run_on_several_sizes_resumes_where_it_was(tmp_path, photo_folder, monkeypatch):
    monkeypatch.setattr(preparation, "build_generator", small_networks.generator)
    monkeypatch.setattr(checkpoints, "CHECKPOINT_MINUTES", 0.0)
    whole, parts = (
        settings.TrainConfig(**SMALL, largest_size=64, data=str(photo_folder), run_dir=str(tmp_path / name))
        for name in ("whole", "parts")
    )
    stages.train(whole, report=silent)
    seen = []

    class Stopped(Exception):
        pass

    read = pipeline._Reader.read

    def failing(self, seed, step):
        lightness, ab = read(self, seed, step)
        if self.training:
            seen.append(lightness.shape[1])
            if step == 4 and "again" not in seen:
                raise Stopped
        return lightness, ab

    monkeypatch.setattr(pipeline._Reader, "read", failing)
    with pytest.raises((checkpoints.TrainingStopped, Stopped)):
        stages.train(parts, report=silent)
    seen.append("again")
    stages.train(settings.load(parts.run_dir), resume=True, report=silent)
    one, other = (saving.load_generator(tmp_path / name / "stage1.keras")[0] for name in ("whole", "parts"))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert len({size for size in seen if size != "again"}) > 1


def test_only_the_strength_is_trained(tmp_path, photo_folder):
    start = tmp_path / "start.keras"
    saving.save_generator(with_gains(settings.TrainConfig(pretrain_loss="classification")), start, {"image_size": 32})
    config = settings.TrainConfig(
        **SMALL, strength=True, init=str(start), data=str(photo_folder), run_dir=str(tmp_path / "run")
    )
    stages.train(config, report=silent)
    before, after = (saving.load_generator(path)[0] for path in (start, tmp_path / "run" / "generator.keras"))
    assert anatomy.predicts_strength(after)
    kept = {weight.path: weight.numpy() for weight in after.weights}
    for weight in before.weights:
        np.testing.assert_array_equal(kept[weight.path], weight.numpy())
    assert np.abs(kept["strength_factor/kernel"]).max() > 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert np.isfinite(rows[0]["val_loss"])
    again = resolving.resolve(
        settings.TrainConfig(**SMALL, init=str(tmp_path / "run")), preparation.trained_with(str(tmp_path / "run"))
    )
    trained = preparation.build_generator(again, silent)
    assert all("strength" not in weight.path for weight in trained.trainable_weights)
    assert any("conv" in weight.path for weight in trained.trainable_weights)


def test_the_error_of_a_photo_is_its_psnr():
    target = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 8, 8, 2)).astype("float32")
    result = target + np.float32([[[[0.1, -0.1]]], [[[0.5, 0.0]]]])
    expected = np.log([0.01 + 2e-4, 0.125 + 2e-4])
    np.testing.assert_allclose(objectives.log_squared_error(target, result), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"largest_size": 48}, "`largest_size` must be image_size .32. plus a multiple of 32"),
        ({"largest_size": 512, "image_size": 256, "generator": "unet", "pretrain_loss": "l1"}, "that takes such sizes"),
        ({"strength": True}, "`strength` needs mode pretrain and a trained generator"),
        ({"strength": True, "hints": True, "init": "x.weights.h5"}, "`strength` must be trained before `hints`"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        resolving.resolve(settings.TrainConfig(**{**SMALL, **changes}))
