"""Trainings that cannot work are refused before anything is written."""

import os

import pytest
import trainings

from tf_colorize.training import preparation, settings, stages


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"mode": "both"}, r"`mode` must be one of gan, pretrain. Received: mode='both'"),
        ({"image_size": 100}, r"`image_size` must be a multiple of 32 for resnet18_unet. Received: image_size=100"),
        ({"generator": "unet", "image_size": 128}, r"multiple of 256 for unet"),
        ({"lambda_classification": 1.0}, r"`lambda_classification` needs pretrain_loss classification"),
        ({"lambda_l1": -1.0}, r"`lambda_l1` must not be negative"),
        ({"lambda_smoothness": -1.0}, r"`lambda_smoothness` must not be negative"),
        ({"freeze_encoder": True}, r"`freeze_encoder` needs .* a trained encoder.*encoder_weights='none'"),
        ({"freeze_encoder": True, "generator": "unet", "image_size": 256}, r"`freeze_encoder` needs .*'unet'"),
        ({"gan_loss": "wgan"}, r"`gan_loss` must be one of vanilla, lsgan, hinge"),
        ({"pretrain_epochs": 0, "mode": "pretrain"}, r"`pretrain_epochs` must be at least 1 with mode pretrain"),
        ({"steps_per_epoch": -1}, r"`steps_per_epoch` must be over 0"),
        ({"average": 2.0}, r"`average` must be in \[0, 1\)"),
        ({"precision": "mixed_float16"}, r"`precision` must be one of auto, float32, mixed_bfloat16"),
        ({"learning_rate": -1.0}, r"`learning_rate` must be over 0"),
        ({"data": "no/such/folder"}, r"no/such/folder"),
        ({"encoder_weights": "no.weights.h5"}, r"no\.weights\.h5"),
        ({"init": "no/run"}, r"no/run"),
        ({"val_fraction": 1.0}, r"`val_fraction` must be in \(0, 1\). Received: val_fraction=1.0"),
        ({"seed": -1}, r"`seed` must not be negative. Received: seed=-1"),
    ],
)
def test_bad_values_are_named_before_anything_is_written(photos, tmp_path, changes, message):
    with pytest.raises((ValueError, OSError), match=message):
        stages.train(trainings.config_of(photos, tmp_path / "run", **changes), report=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_validation_photos_are_not_trained_on(photos, tmp_path):
    (tmp_path / "val").mkdir()
    for name in ("00.png", "01.png"):
        os.symlink(photos / name, tmp_path / "val" / name)
    said = []
    config = trainings.config_of(photos, tmp_path / "run", val_data=str(tmp_path / "val"))
    train_paths, val_paths = preparation.choose_photos(config, said.append)
    assert len(train_paths) == 10 and len(val_paths) == 2
    assert any("2 photos are also in the validation data" in line for line in said)


def test_a_config_with_unknown_keys_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"mode": "gan", "learning_rat": 1}')
    with pytest.raises(ValueError, match="learning_rat"):
        settings.load(tmp_path)
    with pytest.raises(ValueError, match="nowhere: not a run folder"):
        settings.load("nowhere")
