"""The share of old photos in a training: a setting that reaches the stream of both stages, and not validation."""

import numpy as np
import pytest
from PIL import Image

from tf_colorize.data import pipeline
from tf_colorize.training import batches, resolving, settings


def batches_of(tmp_path, stage, **changes):
    """The first training batch of a stage, and all of validation."""
    path = tmp_path / "photo.png"
    if not path.exists():
        colors = np.random.default_rng(0).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(colors).resize((80, 60), Image.Resampling.BICUBIC).save(path)
    config = resolving.resolve(
        settings.TrainConfig(encoder_weights="none", image_size=32, batch_size=4, precision="float32", **changes)
    )
    data = batches.Batches(config, {"train": [str(path)], "validation": [str(path)]})
    return [[part.numpy() for part in next(iter(one))] for one in (data.training(stage, 0), data.validation())]


@pytest.mark.parametrize("stage", [1, 2])
def test_the_share_reaches_training_and_leaves_validation(tmp_path, stage):
    (plain, _), validation = batches_of(tmp_path, stage)
    (old, _), same = batches_of(tmp_path, stage, old_photos=1.0)
    assert all(np.abs(one - other).max() > 0.01 for one, other in zip(plain, old))
    for one, other in zip(validation, same):
        np.testing.assert_array_equal(one, other)
    expected = pipeline.training_batches([tmp_path / "photo.png"], 32, 4, seed=stage - 1, old_photos=1.0)
    np.testing.assert_array_equal(next(iter(expected))[0], old)


def test_no_photo_is_aged_by_default():
    assert settings.TrainConfig().old_photos == 0


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), True])
def test_an_invalid_share_is_refused(share):
    with pytest.raises(ValueError, match="`old_photos` must be"):
        resolving.resolve(settings.TrainConfig(encoder_weights="none", old_photos=share))
