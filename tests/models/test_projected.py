"""The discriminator on frozen features: what it sees, what it learns, and runs that use it."""

import json

import keras
import numpy as np
import pytest
import small_networks

from tf_colorize import models
from tf_colorize.color import lab
from tf_colorize.models import backbone_weights, backbones
from tf_colorize.models.projected import EncoderInput
from tf_colorize.training import preparation, resolving, settings, stages


def batch():
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (2, 64, 64, 1)).astype("float32"), rng.uniform(-1, 1, (2, 64, 64, 2)).astype("float32")


def test_the_encoder_sees_the_picture_in_color():
    rgb = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    lightness, ab = lab.rgb_to_lightness_ab(rgb)
    seen = EncoderInput()([lightness[None], ab[None]]).numpy()[0]
    back = 255 * (seen * backbones.IMAGENET_STD + backbones.IMAGENET_MEAN)
    np.testing.assert_allclose(back, rgb, atol=1.0)


@pytest.mark.parametrize("policy", ["float32", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)])
def test_a_step_changes_its_heads_and_nothing_else(policy):
    before_policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        keras.utils.set_random_seed(0)
        inputs = keras.Input((None, None, 1))
        generator = keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same", name="ab", dtype="float32")(inputs))
        model = models.Pix2Pix(generator, models.projected(None, filters=8), lambda_l1=0.0)
        optimizers = {"optimizer": keras.optimizers.SGD(1.0), "discriminator_optimizer": keras.optimizers.SGD(0.1)}
        model.compile(**optimizers, gan_loss="hinge", run_eagerly=True)  # for two steps, faster
    finally:
        keras.config.set_dtype_policy(before_policy)
    weights = [*model.discriminator.weights, *model.generator.weights]
    before = [weight.numpy() for weight in weights]
    condition, target = batch()
    for _ in range(2):  # a first step of the hinge loss may have no gradient in a bias
        model.train_on_batch(condition, target)
    changed = {weight.path.split("/")[0] for weight, old in zip(weights, before) if np.any(weight.numpy() != old)}
    heads = {"head4_conv8", "head4_conv16", "head4_conv32", "head8_conv16", "head8_conv32", "head16_conv32"}
    # "ab": without L1, the generator learns from what passes through the frozen encoder.
    assert changed == {*heads, "head4_logits", "head8_logits", "head16_logits", "ab"}


def test_another_discriminator_brings_its_own_loss():
    resolve, config = resolving.resolve, settings.TrainConfig
    assert resolve(config(discriminator="projected")).gan_loss == "hinge"
    earlier = {"gan_loss": "lsgan", "spectral_norm": True}  # of a file that knows of one discriminator only
    same, other = (resolve(config(init="a", discriminator=name), earlier) for name in (None, "projected"))
    assert (same.discriminator, same.gan_loss, same.spectral_norm) == ("patchgan", "lsgan", True)
    assert (other.discriminator, other.gan_loss, other.spectral_norm) == ("projected", "hinge", False)
    # Someone who fine-tunes a model that it trained may be offline, without the encoder's weights.
    earlier = {**settings.recipe(other), "gan_loss": "lsgan"}
    offline, again = (resolve(config(init="a", discriminator=name), earlier) for name in (None, "projected"))
    assert (offline.discriminator, offline.gan_loss) == ("patchgan", "vanilla")
    assert (again.discriminator, again.gan_loss) == ("projected", "lsgan")


def test_unavailable_weights_are_reported_before_stage_1(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(backbone_weights, "IMAGENET_URL", "http://127.0.0.1:9/model.safetensors")
    config = settings.TrainConfig(init="a", discriminator="projected")
    with pytest.raises(ValueError, match="`weights` 'imagenet' must be cached or downloadable"):
        preparation.with_discriminator_weights(config)
    alone = settings.TrainConfig(mode="pretrain", init="a", discriminator="projected")
    assert preparation.with_discriminator_weights(alone) is alone
    with pytest.raises(ValueError, match="`discriminator` projected needs ImageNet weights.*'none'"):
        resolving.resolve(settings.TrainConfig(discriminator="projected", encoder_weights="none"))
    with pytest.raises(ValueError, match="`discriminator` must be one of patchgan, projected. Received: .*'gan'"):
        resolving.resolve(settings.TrainConfig(discriminator="gan"))


@pytest.mark.slow
def test_stage_2_trains_against_it(photo_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(preparation, "build_generator", small_networks.generator)
    keras.utils.set_random_seed(0)
    backbones.resnet18().save_weights(tmp_path / "resnet18.weights.h5")
    config = settings.TrainConfig(
        data=str(photo_folder),
        val_fraction=0.25,
        run_dir=str(tmp_path / "run"),
        encoder_weights=str(tmp_path / "resnet18.weights.h5"),
        discriminator="projected",
        image_size=32,
        batch_size=4,
        pretrain_epochs=0,
        epochs=1,
        steps_per_epoch=2,
        precision="float32",
    )
    run_dir = stages.train(config, report=lambda line: None)
    (row,) = [json.loads(line) for line in (run_dir / "history.jsonl").read_text().splitlines()]
    assert row["stage"] == "stage2" and 0 < row["d_loss"] < 3 and np.isfinite(row["val_g_gan_loss"])
    assert json.loads((run_dir / "config.json").read_text())["gan_loss"] == "hinge"
