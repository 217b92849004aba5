"""A training run end to end on small pictures: what it writes, what it minimizes, and how it stops."""

import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf
import trainings
from PIL import Image

from tf_colorize.models import saving
from tf_colorize.training import checkpoints, preparation, resolving, settings, stage_models, stages


@pytest.fixture(params=["small_run", pytest.param("real_run", marks=pytest.mark.slow)])
def run_dir(request):
    """The folder of a run of the small networks, and of the real ones."""
    return request.getfixturevalue(request.param)


def test_a_run_writes_its_results_and_logs(run_dir):
    generator, metadata = saving.load_generator(run_dir)
    assert metadata["image_size"] == 32 and metadata["ab_scale"] == 110.0
    assert generator(np.zeros((1, 32, 64, 1), "float32")).shape == (1, 32, 64, 2)
    logged = trainings.rows(run_dir)
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


def test_the_best_epoch_is_kept(run_dir):
    stage2 = [row for row in trainings.rows(run_dir) if row["stage"] == "stage2"]
    best = min(stage2, key=lambda row: row["val_score"])
    expected = best["val_delta_e76"] / best["val_delta_e76_gray"] + abs(
        best["val_colorfulness"] / best["val_colorfulness_truth"] - 1
    )
    np.testing.assert_allclose(best["val_score"], expected, rtol=1e-6)
    kept, _ = saving.load_generator(run_dir / "stage2.keras")
    final, _ = saving.load_generator(run_dir)
    for one, two in zip(kept.get_weights(), final.get_weights()):
        np.testing.assert_array_equal(one, two)


def test_a_loss_that_is_not_finite_is_reported_with_its_step(photos, small_networks, tmp_path):
    config = trainings.config_of(photos, tmp_path / "run", pretrain_epochs=0, lambda_l1=1e39)
    with pytest.raises(checkpoints.TrainingStopped, match=r"not finite at step \d+.*last good checkpoint"):
        trainings.trained(config)


@pytest.mark.slow
def test_stage_2_is_held_to_the_loss_of_stage_1(photos, tmp_path, small_networks):
    weights = [
        (config.lambda_l1, config.lambda_classification)
        for loss in ("l1", "classification")
        for config in [resolving.resolve(settings.TrainConfig(pretrain_loss=loss))]
    ]
    assert weights == [(100.0, 0.0), (0.0, 1.0)]
    run = stages.train(
        trainings.config_of(photos, tmp_path / "run", pretrain_loss="classification"), report=lambda line: None
    )
    stage1, *_, stage2 = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    total = stage2["g_gan_loss"] + stage2["g_classification_loss"]
    assert stage2["stage"] == "stage2" and stage2["g_loss"] == pytest.approx(total, rel=1e-4)
    # Few steps at a small rate later the distribution is about as good as stage 1 left it.
    assert stage2["val_g_classification_loss"] == pytest.approx(stage1["val_loss"], rel=0.3)


@pytest.mark.slow
def test_smoothness_counts_in_both_stages_and_is_taken_over(photos, tmp_path, small_networks, small_run):
    changes = {"pretrain_epochs": 1, "epochs": 1, "lambda_smoothness": 1000.0}
    smooth = trainings.trained(trainings.config_of(photos, tmp_path / "smooth", **changes))
    plain = [row for row in trainings.rows(small_run) if row["epoch"] == 0]
    for without, with_ in zip(plain, trainings.rows(smooth), strict=True):
        name = "loss" if without["stage"] == "stage1" else "g_loss"
        assert with_[name] > without[name] + 1.0
    assert trainings.rows(smooth)[1]["g_smoothness_loss"] > 0
    assert preparation.trained_with(str(smooth))["lambda_smoothness"] == 1000.0


def test_a_photo_that_goes_missing_is_named(photos, small_networks, tmp_path):
    copy = shutil.copytree(photos, tmp_path / "photos")

    def lose(line):
        if line.startswith("Training on"):
            for path in copy.iterdir():
                path.write_bytes(b"broken")

    with pytest.raises(checkpoints.TrainingStopped, match=r"ImageError.*\d\d\.png"):
        stages.train(trainings.config_of(copy, tmp_path / "run"), report=lose)


def test_a_run_is_not_overwritten(photos, small_run):
    before = (small_run / "generator.keras").read_bytes()
    with pytest.raises(ValueError, match="already holds a run. Resume it"):
        trainings.trained(trainings.config_of(photos, small_run))
    assert (small_run / "generator.keras").read_bytes() == before


def test_examples_need_no_source_file_that_would_stay_if_training_were_killed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    stage = stage_models.Stage(1, 1, None, lambda lightness, ab: (lightness, {"ab": 2 * ab}), min, 0.0)
    dataset = tf.data.Dataset.from_tensors((tf.zeros([4, 4, 1]), tf.ones([4, 4, 2])))
    ((lightness, targets),) = stage.examples(dataset)
    assert not os.listdir(tmp_path)
    assert lightness.shape == (4, 4, 1) and np.all(targets["ab"] == 2)
