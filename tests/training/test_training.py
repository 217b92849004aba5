"""The recipe end to end on small pictures: it resumes exactly, stops cleanly and refuses bad input."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal

import keras
import numpy as np
import pytest
import small_networks as small
from PIL import Image

from tf_colorize.models import anatomy, grafts, saving
from tf_colorize.training import checkpoints, preparation, reports, settings, stages


def config_of(photo_folder, run_dir, **changes):
    return settings.TrainConfig(
        **{
            "data": str(photo_folder),
            "val_fraction": 0.25,
            "run_dir": str(run_dir),
            "encoder_weights": "none",
            "image_size": 32,
            "batch_size": 4,
            "pretrain_epochs": 2,
            "epochs": 2,
            "steps_per_epoch": 3,
            "precision": "float32",
            "deterministic": True,
            **changes,
        }
    )


def rows(run_dir):
    text = (pathlib.Path(run_dir) / "history.jsonl").read_text()
    timing = "images_per_second"
    return [{k: v for k, v in json.loads(line).items() if k != timing} for line in text.splitlines()]


# Runs a training in a process of its own, with a checkpoint at every step, and ends the process with
# a signal in the middle of an epoch: after so many steps of both stages together.
INTERRUPTED = f"""
    import os, signal, sys
    sys.path.insert(0, {str(pathlib.Path(__file__).parents[1] / "helpers")!r})
    import small_networks
    small_networks.install()
    from tf_colorize.training import checkpoints, reports, stages
    from tf_colorize.training import settings
    checkpoints.CHECKPOINT_MINUTES = 0.0
    class Line(reports.StateLine):
        steps = 0
        def on_train_batch_end(self, batch, logs=None):
            Line.steps += 1
            if Line.steps == STEPS:
                os.kill(os.getpid(), signal.SIGNAL)
    reports.StateLine = Line
    try:
        stages.train(settings.TrainConfig(**CONFIG), report=lambda line: None)
    except checkpoints.TrainingStopped as stop:
        print("stopped:", stop)
"""


def interrupted(config, steps, name):
    """The code of a training that gets a signal after so many steps of both stages together."""
    code = INTERRUPTED.replace("STEPS", str(steps)).replace("SIGNAL", name)
    return code.replace("CONFIG", repr(dataclasses.asdict(config)))


def put_small_networks(patch):
    patch.setattr(preparation, "build_generator", small.generator)
    patchgan = stages.models.patchgan
    patch.setattr(stages.models, "patchgan", lambda **arguments: patchgan(filters=4, **arguments))


@pytest.fixture
def small_networks(monkeypatch):
    put_small_networks(monkeypatch)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for index in range(12):
        smooth = Image.fromarray(rng.integers(0, 256, (3, 4, 3), "uint8")).resize((60, 48), Image.Resampling.BICUBIC)
        smooth.save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="module")
def real_run(photos, tmp_path_factory):
    """The folder of a run of the real networks."""
    return stages.train(config_of(photos, tmp_path_factory.mktemp("real") / "run"), report=lambda line: None)


@pytest.fixture(scope="module")
def whole_rows(photos, tmp_path_factory):
    """The history of a run of the small networks that was not interrupted."""
    with pytest.MonkeyPatch.context() as patch:
        put_small_networks(patch)
        run_dir = tmp_path_factory.mktemp("whole") / "run"
        return rows(stages.train(config_of(photos, run_dir), report=lambda line: None))


def test_a_run_leaves_what_it_promises(real_run):
    run_dir = real_run
    generator, metadata = saving.load_generator(run_dir)
    assert metadata["image_size"] == 32 and metadata["ab_scale"] == 110.0
    assert generator(np.zeros((1, 32, 64, 1), "float32")).shape == (1, 32, 64, 2)
    logged = rows(run_dir)
    assert [(row["stage"], row["epoch"]) for row in logged] == [
        ("stage1", 0), ("stage1", 1), ("stage2", 0), ("stage2", 1),
    ]  # fmt: skip
    for row in logged:
        assert all(np.isfinite(value) for key, value in row.items() if key != "stage")
    assert {"loss", "val_loss", "val_delta_e76", "val_psnr", "val_colorfulness_truth"} <= set(logged[0])
    assert {"g_gan_loss", "val_d_loss", "val_score"} <= set(logged[2])
    # A quarter of twelve photos is held out.
    assert Image.open(run_dir / "contact_sheet.png").height == 24 + 3 * (160 + 6)
    for stage in ("stage1", "stage2"):
        assert list((run_dir / "logs" / stage / "train").iterdir())
        assert list((run_dir / "logs" / stage / "validation").iterdir())


def test_the_best_epoch_is_kept(real_run):
    run_dir = real_run
    stage2 = [row for row in rows(run_dir) if row["stage"] == "stage2"]
    best = min(stage2, key=lambda row: row["val_score"])
    expected = best["val_delta_e76"] / best["val_delta_e76_gray"] + abs(
        best["val_colorfulness"] / best["val_colorfulness_truth"] - 1
    )
    np.testing.assert_allclose(best["val_score"], expected, rtol=1e-6)
    kept, _ = saving.load_generator(run_dir / "stage2.keras")
    final, _ = saving.load_generator(run_dir)
    for one, two in zip(kept.get_weights(), final.get_weights()):
        np.testing.assert_array_equal(one, two)


def resumed(run_dir):
    stages.train(settings.load(run_dir), resume=True, report=lambda line: None)
    return rows(run_dir)


@pytest.mark.parametrize(
    "name, steps",
    [
        ("SIGKILL", 5),
        ("SIGINT", 6),
        *(pytest.param(name, steps, marks=pytest.mark.slow) for name, steps in (("SIGKILL", 11), ("SIGTERM", 2))),
    ],
)
def test_a_killed_and_resumed_run_logs_the_same(photos, whole_rows, small_networks, run_python, tmp_path, name, steps):
    code = interrupted(config_of(photos, tmp_path / "run"), steps, name)
    if name == "SIGKILL":
        with pytest.raises(AssertionError):  # the process died
            run_python(code)
    else:
        assert "stopped: stopped at step" in run_python(code)
    assert not (tmp_path / "run" / "generator.keras").exists()
    # To the last bit: same seed, deterministic operations.
    assert resumed(tmp_path / "run") == whole_rows


def test_a_damaged_checkpoint_gives_way_to_the_one_before(photos, whole_rows, small_networks, run_python, tmp_path):
    with pytest.raises(AssertionError):
        run_python(interrupted(config_of(photos, tmp_path / "run"), 5, "SIGKILL"))
    newest = max((tmp_path / "run" / "checkpoints" / "stage1").glob("*.data-*"), key=os.path.getmtime)
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    assert resumed(tmp_path / "run") == whole_rows


def test_a_checkpoint_of_another_configuration_is_refused(photos, small_networks, run_python, tmp_path):
    with pytest.raises(AssertionError):
        run_python(interrupted(config_of(photos, tmp_path / "run"), 2, "SIGKILL"))
    path = tmp_path / "run" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pretrain_loss": "classification"}))
    with pytest.raises(ValueError, match="another configuration"):
        resumed(tmp_path / "run")


def test_a_loss_that_is_not_finite_stops_with_the_step(photos, small_networks, tmp_path):
    config = config_of(photos, tmp_path / "run", pretrain_epochs=0, lambda_l1=1e39)
    with pytest.raises(checkpoints.TrainingStopped, match=r"not finite at step \d+.*last good checkpoint"):
        stages.train(config, report=lambda line: None)


def test_no_space_left_stops_and_keeps_the_last_checkpoint(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4000)])
    model.compile("sgd", "mse")
    saver = checkpoints.Checkpoints(tmp_path / "checkpoints", [], steps_per_epoch=10)
    saver.attach(model)
    saver.save()
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # what a full disk does to a writer
    try:
        with pytest.raises(checkpoints.TrainingStopped, match=r"cannot write a checkpoint.*last good one is .*ckpt-1"):
            saver.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, previous)
    fresh = checkpoints.Checkpoints(tmp_path / "checkpoints", [], steps_per_epoch=10)
    fresh.attach(model)
    assert fresh.latest().endswith("ckpt-1")


def test_fine_tuning_starts_from_given_weights(real_run, photos, tmp_path):
    config = config_of(photos, tmp_path / "run", init=str(real_run))
    generator = preparation.build_generator(settings.resolve(config), report=lambda line: None)
    trained, _ = saving.load_generator(real_run)
    for one, two in zip(generator.get_weights(), trained.get_weights()):
        np.testing.assert_array_equal(one, two)
    trained.save_weights(tmp_path / "generator.weights.h5")
    config = dataclasses.replace(config, init=str(tmp_path / "generator.weights.h5"))
    from_h5 = preparation.build_generator(settings.resolve(config), report=lambda line: None)
    for one, two in zip(from_h5.get_weights(), trained.get_weights()):
        np.testing.assert_array_equal(one, two)
    wrong = dataclasses.replace(config, pretrain_loss="classification")
    with pytest.raises(ValueError, match=r"`init` does not fit"):
        preparation.build_generator(settings.resolve(wrong), report=lambda line: None)


def test_fine_tuning_takes_over_what_the_model_was_trained_with(photos, tmp_path, small_networks):
    changes = {"pretrain_loss": "classification", "rebalance": 0.8, "lambda_l1": 40.0, "spectral_norm": True}
    first = stages.train(config_of(photos, tmp_path / "first", **changes), report=lambda line: None)
    bare = settings.TrainConfig(init=str(first))
    resolved = settings.resolve(bare, preparation.trained_with(bare.init))
    taken_over = {**changes, "image_size": 32, "gan_loss": "vanilla"}
    assert {name: getattr(resolved, name) for name in taken_over} == taken_over
    fresh = settings.resolve(settings.TrainConfig())
    assert resolved.epochs < fresh.epochs and resolved.learning_rate < fresh.learning_rate
    given = dataclasses.replace(bare, rebalance=0.3, image_size=64)
    resolved = settings.resolve(given, preparation.trained_with(bare.init))
    assert (resolved.rebalance, resolved.image_size, resolved.lambda_l1) == (0.3, 64, 40.0)


def test_another_loss_does_not_inherit_the_weights_of_the_first():
    shipped = {"pretrain_loss": "classification", "rebalance": 0.9, "lambda_l1": 0.0, "lambda_classification": 1.0}
    config = settings.TrainConfig(init="a model", pretrain_loss="l1")
    resolved = settings.resolve(config, {**shipped, "lambda_smoothness": 300.0, "gan_loss": "hinge"})
    weights = (resolved.lambda_l1, resolved.lambda_classification, resolved.lambda_smoothness)
    assert weights == (100.0, 0.0, 0.0) and resolved.gan_loss == "hinge"


@pytest.mark.slow
def test_a_run_is_resumed_without_the_file_it_started_from(photos, tmp_path, small_networks, monkeypatch):
    first = stages.train(config_of(photos, tmp_path / "first"), report=lambda line: None)
    monkeypatch.chdir(tmp_path)
    # Small networks are none of those that `init` may hold.
    monkeypatch.setattr(preparation, "build_generator", lambda config, _: saving.load_generator(config.init)[0])
    whole = stages.train(config_of(photos, tmp_path / "whole", init="first"), report=lambda line: None)
    with monkeypatch.context() as patch, pytest.raises(checkpoints.TrainingStopped):
        patch.setattr(reports.StateLine, "on_train_batch_end", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT))
        stages.train(config_of(photos, tmp_path / "run", init="first"), report=lambda line: None)
    shutil.rmtree(first)
    assert resumed(tmp_path / "run") == rows(whole)


@pytest.mark.slow
def test_stage_2_is_held_to_the_loss_of_stage_1(photos, tmp_path, small_networks):
    weights = [
        (config.lambda_l1, config.lambda_classification)
        for loss in ("l1", "classification")
        for config in [settings.resolve(settings.TrainConfig(pretrain_loss=loss))]
    ]
    assert weights == [(100.0, 0.0), (0.0, 1.0)]
    run = stages.train(config_of(photos, tmp_path / "run", pretrain_loss="classification"), report=lambda line: None)
    stage1, *_, stage2 = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    total = stage2["g_gan_loss"] + stage2["g_classification_loss"]
    assert stage2["stage"] == "stage2" and stage2["g_loss"] == pytest.approx(total, rel=1e-4)
    # Few steps at a small rate later the distribution is about as good as stage 1 left it.
    assert stage2["val_g_classification_loss"] == pytest.approx(stage1["val_loss"], rel=0.3)


def test_smoothness_counts_in_both_stages_and_is_taken_over(photos, tmp_path, small_networks):
    changes = {"mode": "gan", "pretrain_epochs": 1, "epochs": 1}
    plain = stages.train(config_of(photos, tmp_path / "plain", **changes), report=lambda line: None)
    changes["lambda_smoothness"] = 1000.0
    smooth = stages.train(config_of(photos, tmp_path / "smooth", **changes), report=lambda line: None)
    for without, with_ in zip(rows(plain), rows(smooth)):
        name = "loss" if without["stage"] == "stage1" else "g_loss"
        assert with_[name] > without[name] + 1.0
    assert rows(smooth)[1]["g_smoothness_loss"] > 0
    assert preparation.trained_with(str(smooth))["lambda_smoothness"] == 1000.0


@pytest.mark.slow
def test_a_frozen_encoder_stays_as_it_is_in_both_stages_and_thaws(photos, tmp_path, real_run):
    config = config_of(photos, tmp_path / "run", init=str(real_run), freeze_encoder=True, steps_per_epoch=2)
    run = stages.train(dataclasses.replace(config, pretrain_epochs=1, epochs=1), report=lambda line: None)
    before, _ = saving.load_generator(real_run)
    after, _ = saving.load_generator(run)
    for name, is_frozen in (("resnet18", True), ("decoder1_conv", False), ("decoder1_norm", False)):
        pairs = zip(before.get_layer(name).get_weights(), after.get_layer(name).get_weights(), strict=True)
        assert all(np.array_equal(old, new) == is_frozen for old, new in pairs), name
    thawed = preparation.build_generator(
        settings.resolve(dataclasses.replace(config, init=str(run), freeze_encoder=False)), report=lambda line: None
    )
    assert len(thawed.trainable_variables) == len(before.trainable_variables)


@pytest.mark.slow
def test_the_encoder_learns_at_its_own_rate_in_stage_2(photos, tmp_path, real_run):
    config = config_of(photos, tmp_path / "run", init=str(real_run), encoder_rate=1e-4, average=0.0)
    config = dataclasses.replace(config, pretrain_epochs=0, epochs=1, steps_per_epoch=2)
    run = stages.train(config, report=lambda line: None)
    (before, _), (after, _) = (saving.load_generator(path) for path in (real_run, run))

    def moved(network, layer):
        kernels = [generator.get_layer(network) if network else generator for generator in (before, after)]
        return np.ptp(np.subtract(*[kernel.get_layer(layer).get_weights()[0] for kernel in kernels]))

    slow, fast = moved("resnet18", "conv1_conv"), moved("resnet18", "v2_stack_3_block1_1_conv")
    assert 0 < slow < 0.01 * fast
    assert moved(None, "decoder1_conv") > 100 * slow


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
        stages.train(config_of(photos, tmp_path / "run", **changes), report=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_keeps_its_photos_and_finishes_only_once(photos, small_networks, tmp_path):
    copy = shutil.copytree(photos, tmp_path / "photos")
    run_dir = stages.train(config_of(copy, tmp_path / "run"), report=lambda line: None)
    before = rows(run_dir)
    shutil.copy(copy / "00.png", copy / "new.png")
    assert resumed(run_dir) == before
    held_out = set(json.loads((run_dir / "photos.json").read_text())["validation"])
    assert len(held_out) == 3 and not held_out & set(json.loads((run_dir / "photos.json").read_text())["train"])


def test_validation_photos_are_not_trained_on(photos, tmp_path):
    (tmp_path / "val").mkdir()
    for name in ("00.png", "01.png"):
        os.symlink(photos / name, tmp_path / "val" / name)
    said = []
    config = config_of(photos, tmp_path / "run", val_data=str(tmp_path / "val"))
    train_paths, val_paths = preparation.choose_photos(config, said.append)
    assert len(train_paths) == 10 and len(val_paths) == 2
    assert any("2 photos are also in the validation data" in line for line in said)


def test_a_photo_that_goes_missing_stops_with_its_name(photos, small_networks, tmp_path):
    copy = shutil.copytree(photos, tmp_path / "photos")

    def lose(line):
        if line.startswith("Training on"):
            for path in copy.iterdir():
                path.write_bytes(b"broken")

    with pytest.raises(checkpoints.TrainingStopped, match=r"ImageError.*\d\d\.png"):
        stages.train(config_of(copy, tmp_path / "run"), report=lose)


def test_a_run_is_not_overwritten(photos, real_run):
    run_dir = real_run
    before = (run_dir / "generator.keras").read_bytes()
    with pytest.raises(ValueError, match="already holds a run. Resume it"):
        stages.train(config_of(photos, run_dir), report=lambda line: None)
    assert (run_dir / "generator.keras").read_bytes() == before


def test_a_config_with_unknown_keys_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"mode": "gan", "learning_rat": 1}')
    with pytest.raises(ValueError, match="learning_rat"):
        settings.load(tmp_path)
    with pytest.raises(ValueError, match=r"`run_dir`.*nowhere"):
        settings.load("nowhere")


@pytest.mark.slow
def test_hints_train_a_branch_alone(real_run, photos, tmp_path):
    said = []
    changes = {"hints": True, "mode": "pretrain", "pretrain_epochs": 2, "steps_per_epoch": 2, "image_size": 64}
    smooth = {"lambda_smoothness": 100.0}  # a loss of the generator, not of the branch
    config = config_of(photos, tmp_path / "run", init=str(real_run), **changes, **smooth)
    run_dir = stages.train(config, report=said.append)
    before, _ = saving.load_generator(real_run)
    after, metadata = saving.load_generator(run_dir)
    assert anatomy.takes_hints(after)
    assert metadata["image_size"] == saving.load_metadata(str(real_run))["image_size"] != config.image_size
    lightness = np.random.default_rng(0).uniform(-1, 1, (1, 32, 64, 1)).astype("float32")
    np.testing.assert_array_equal(anatomy.automatic(after)(lightness), before(lightness))
    untrained = grafts.add_hints(before)
    names = [weight.path for weight in after.weights if weight.path.startswith("hints_embedding")]
    assert names and all(row["val_loss"] > 0 for row in rows(run_dir))
    assert any(not np.array_equal(one, other) for one, other in zip(after.get_weights(), untrained.get_weights()))
    # What goes on from it without hints trains the automatic part.
    config = config_of(photos, tmp_path / "next", init=str(run_dir), mode="pretrain", pretrain_epochs=1)
    following, _ = saving.load_generator(stages.train(config, report=said.append))
    assert not anatomy.takes_hints(following) and any("Leaving out the branch for hints" in line for line in said)


@pytest.mark.parametrize("changes", [{"mode": "gan", "init": "x"}, {"mode": "pretrain", "init": None}])
def test_hints_need_a_trained_generator_and_stage_1(changes):
    with pytest.raises(ValueError, match="`hints` needs mode pretrain and a trained generator"):
        settings.resolve(settings.TrainConfig(hints=True, **changes))
