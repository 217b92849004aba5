"""Trainings that start from a model: what they take over, what they train and what they leave unchanged."""

import dataclasses

import numpy as np
import pytest
import small_networks
import trainings

from tf_colorize.models import anatomy, grafts, saving
from tf_colorize.training import preparation, resolving, settings, stages


@pytest.mark.slow
def test_fine_tuning_starts_from_given_weights(photos, tmp_path):
    config = resolving.resolve(trainings.config_of(photos, tmp_path / "run"))
    trained = preparation.build_generator(config, report=lambda line: None)
    saving.save_generator(trained, tmp_path / "generator.keras", preparation.about(config))
    config = trainings.config_of(photos, tmp_path / "run", init=str(tmp_path / "generator.keras"))
    generator = preparation.build_generator(resolving.resolve(config), report=lambda line: None)
    for one, two in zip(generator.get_weights(), trained.get_weights()):
        np.testing.assert_array_equal(one, two)
    trained.save_weights(tmp_path / "generator.weights.h5")
    config = dataclasses.replace(config, init=str(tmp_path / "generator.weights.h5"))
    from_h5 = preparation.build_generator(resolving.resolve(config), report=lambda line: None)
    for one, two in zip(from_h5.get_weights(), trained.get_weights()):
        np.testing.assert_array_equal(one, two)
    wrong = dataclasses.replace(config, pretrain_loss="classification")
    with pytest.raises(ValueError, match=r"`init` does not fit"):
        preparation.build_generator(resolving.resolve(wrong), report=lambda line: None)


def test_fine_tuning_takes_over_the_settings_of_the_model(photos, tmp_path):
    changes = {"pretrain_loss": "classification", "rebalance": 0.8, "lambda_l1": 40.0, "spectral_norm": True}
    config = resolving.resolve(trainings.config_of(photos, tmp_path / "first", **changes))
    first = tmp_path / "first" / "generator.keras"
    first.parent.mkdir()
    saving.save_generator(small_networks.generator(config), first, preparation.about(config))
    bare = settings.TrainConfig(init=str(first))
    resolved = resolving.resolve(bare, preparation.trained_with(bare.init))
    taken_over = {**changes, "image_size": 32, "gan_loss": "vanilla"}
    assert {name: getattr(resolved, name) for name in taken_over} == taken_over
    fresh = resolving.resolve(settings.TrainConfig())
    assert resolved.epochs < fresh.epochs and resolved.learning_rate < fresh.learning_rate
    given = dataclasses.replace(bare, rebalance=0.3, image_size=64)
    resolved = resolving.resolve(given, preparation.trained_with(bare.init))
    assert (resolved.rebalance, resolved.image_size, resolved.lambda_l1) == (0.3, 64, 40.0)


def test_another_loss_does_not_inherit_the_weights_of_the_first():
    shipped = {"pretrain_loss": "classification", "rebalance": 0.9, "lambda_l1": 0.0, "lambda_classification": 1.0}
    config = settings.TrainConfig(init="a model", pretrain_loss="l1")
    resolved = resolving.resolve(config, {**shipped, "lambda_smoothness": 300.0, "gan_loss": "hinge"})
    weights = (resolved.lambda_l1, resolved.lambda_classification, resolved.lambda_smoothness)
    assert weights == (100.0, 0.0, 0.0) and resolved.gan_loss == "hinge"


@pytest.mark.slow
def test_a_frozen_encoder_stays_as_it_is_in_both_stages_and_thaws(photos, tmp_path, real_run):
    config = trainings.config_of(photos, tmp_path / "run", init=str(real_run), freeze_encoder=True, steps_per_epoch=2)
    run = stages.train(dataclasses.replace(config, pretrain_epochs=1, epochs=1), report=lambda line: None)
    before, _ = saving.load_generator(real_run)
    after, _ = saving.load_generator(run)
    for name, is_frozen in (("resnet18", True), ("decoder1_conv", False), ("decoder1_norm", False)):
        pairs = zip(before.get_layer(name).get_weights(), after.get_layer(name).get_weights(), strict=True)
        assert all(np.array_equal(old, new) == is_frozen for old, new in pairs), name
    thawed = preparation.build_generator(
        resolving.resolve(dataclasses.replace(config, init=str(run), freeze_encoder=False)), report=lambda line: None
    )
    assert len(thawed.trainable_variables) == len(before.trainable_variables)


@pytest.mark.slow
def test_the_encoder_learns_at_its_own_rate_in_stage_2(photos, tmp_path, real_run):
    config = trainings.config_of(photos, tmp_path / "run", init=str(real_run), encoder_rate=1e-4, average=0.0)
    config = dataclasses.replace(config, pretrain_epochs=0, epochs=1, steps_per_epoch=2)
    run = stages.train(config, report=lambda line: None)
    (before, _), (after, _) = (saving.load_generator(path) for path in (real_run, run))

    def moved(network, layer):
        kernels = [generator.get_layer(network) if network else generator for generator in (before, after)]
        return np.ptp(np.subtract(*[kernel.get_layer(layer).get_weights()[0] for kernel in kernels]))

    slow, fast = moved("resnet18", "conv1_conv"), moved("resnet18", "v2_stack_3_block1_1_conv")
    assert 0 < slow < 0.01 * fast
    assert moved(None, "decoder1_conv") > 100 * slow


@pytest.mark.slow
def test_hints_train_a_branch_alone(real_run, photos, tmp_path):
    said = []
    changes = {"hints": True, "mode": "pretrain", "pretrain_epochs": 2, "steps_per_epoch": 2, "image_size": 64}
    smooth = {"lambda_smoothness": 100.0}  # a loss of the generator, not of the branch
    config = trainings.config_of(photos, tmp_path / "run", init=str(real_run), **changes, **smooth)
    run_dir = stages.train(config, report=said.append)
    before, _ = saving.load_generator(real_run)
    after, metadata = saving.load_generator(run_dir)
    assert anatomy.takes_hints(after)
    assert metadata["image_size"] == saving.load_metadata(str(real_run))["image_size"] != config.image_size
    lightness = np.random.default_rng(0).uniform(-1, 1, (1, 32, 64, 1)).astype("float32")
    np.testing.assert_array_equal(anatomy.automatic(after)(lightness), before(lightness))
    untrained = grafts.add_hints(before)
    names = [weight.path for weight in after.weights if weight.path.startswith("hints_embedding")]
    assert names and all(row["val_loss"] > 0 for row in trainings.rows(run_dir))
    assert any(not np.array_equal(one, other) for one, other in zip(after.get_weights(), untrained.get_weights()))
    # What goes on from it without hints trains the automatic part.
    config = trainings.config_of(photos, tmp_path / "next", init=str(run_dir), mode="pretrain", pretrain_epochs=1)
    following, _ = saving.load_generator(stages.train(config, report=said.append))
    assert not anatomy.takes_hints(following) and any("Dropping the hints branch" in line for line in said)


@pytest.mark.parametrize("changes", [{"mode": "gan", "init": "x"}, {"mode": "pretrain", "init": None}])
def test_hints_need_a_trained_generator_and_stage_1(changes):
    with pytest.raises(ValueError, match="`hints` needs mode pretrain and a trained generator"):
        resolving.resolve(settings.TrainConfig(hints=True, **changes))
