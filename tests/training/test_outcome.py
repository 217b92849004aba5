"""What a training reports at its end: which epoch was kept, how good the result is, and whether it got worse."""

import json

import pytest
import small_networks

from tf_colorize import models
from tf_colorize.commands import train
from tf_colorize.models import saving
from tf_colorize.training import outcome, preparation, settings, stages

GOOD = {"delta_e76": 6.0, "delta_e76_gray": 12.0, "psnr": 24.0, "colorfulness": 38.0, "colorfulness_truth": 40.0}


def result(**changes):
    return outcome.Outcome("stage2", 3, 8, 25, {**GOOD, **changes}, GOOD)


def test_the_figures_and_the_best_epoch_are_reported():
    lines = outcome.Outcome("stage1", 3, 8, 1, GOOD).lines()
    assert lines == [
        "kept              epoch 3 of 8 of stage 1, the best on validation",
        "result            delta E 6.00 (gray 12.00), PSNR 24.00 dB, colorfulness 38.0 (truth 40.0), "
        "on 1 validation photo",
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"delta_e76": 7.92}, "WORSE than before: delta E rose from 6.00 to 7.92"),
        ({"colorfulness": 10.0}, "colorfulness is 30.0 away from that of the photos, which was 2.0"),
        ({"colorfulness": 70.0}, "colorfulness is 30.0 away"),
        ({"delta_e76": 8.0, "colorfulness": 0.0}, "delta E rose from 6.00 to 8.00 and colorfulness is 40.0 away"),
    ],
)
def test_worse_figures_are_reported(changes, reason):
    (*_, last) = result(**changes).lines()
    assert reason in last and "start.keras" in last


@pytest.mark.parametrize(
    "changes", [{}, {"delta_e76": 5.0}, {"delta_e76": 6.05}, {"delta_e76": 5.0, "colorfulness": 37.5}]
)
def test_better_or_equal_figures_give_no_warning(changes):
    (*_, before, compared) = result(**changes).lines()
    assert before.startswith("before            delta E 6.00") and "no worse" in compared


@pytest.fixture
def run(tmp_path, photo_folder, monkeypatch):
    """A function that trains the small networks and returns the folder and the reported lines."""
    patchgan = models.patchgan
    monkeypatch.setattr(preparation, "build_generator", small_networks.generator)
    monkeypatch.setattr(models, "patchgan", lambda spectral_norm=False: patchgan(filters=4))

    def trained(name, **changes):
        lines = []
        fixed = {"encoder_weights": "none", "image_size": 32, "batch_size": 4, "steps_per_epoch": 2}
        fixed |= {"pretrain_epochs": 3, "epochs": 2, "val_fraction": 0.25, "precision": "float32"}
        config = settings.TrainConfig(data=str(photo_folder), run_dir=str(tmp_path / name), **{**fixed, **changes})
        return stages.train(config, report=lines.append), lines

    return trained


def test_a_run_reports_its_best_epoch_and_figures(run):
    folder, lines = run("run", mode="pretrain")
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    best = min(rows, key=lambda row: row["val_loss"])
    assert f"kept              epoch {best['epoch'] + 1} of 3 of stage 1, the best on validation" in lines
    (said,) = [line for line in lines if line.startswith("result ")]
    assert f"delta E {best['val_delta_e76']:.2f} (gray {best['val_delta_e76_gray']:.2f})" in said
    assert f"colorfulness {best['val_colorfulness']:.1f}" in said and "on 3 validation photos" in said
    assert not any(line.startswith(("before", "compared")) for line in lines)


@pytest.mark.slow
def test_fine_tuning_reports_a_worse_result(run, tmp_path, monkeypatch):
    first, _ = run("first", mode="pretrain", pretrain_epochs=20, steps_per_epoch=10, pretrain_learning_rate=0.01)
    monkeypatch.setattr(preparation, "build_generator", lambda config, _: saving.load_generator(config.init)[0])
    spoiled = {"mode": "pretrain", "pretrain_epochs": 1, "pretrain_learning_rate": 3.0, "average": 0.0}
    _, lines = run("worse", init=str(first), **spoiled)
    (said,) = [line for line in lines if line.startswith("compared")]
    assert "WORSE than before: delta E rose from" in said
    calm = {"mode": "pretrain", "pretrain_epochs": 1, "pretrain_learning_rate": 1e-9, "average": 0.0, "hints": False}
    _, lines = run("same", init=str(first), **calm)
    before, after = ([line.split(",")[0] for line in lines if line.startswith(name)] for name in ("before", "result"))
    assert before and after


def test_the_command_prints_the_next_commands(run, tmp_path, photo_folder, monkeypatch, capsys):
    given = ["--mode", "pretrain", "--data", str(photo_folder), "--run-dir", str(tmp_path / "my run")]
    given += [
        "--encoder-weights",
        "none",
        "--image-size",
        "32",
        "--pretrain-epochs",
        "1",
        "--steps-per-epoch",
        "1",
        "--precision",
        "float32",
    ]
    assert train.main(given) == 0
    *_, first, second, third = capsys.readouterr().out.splitlines()
    assert first == f"  tf-colorize photo.jpg --model '{tmp_path}/my run'"
    assert second == f"  tf-colorize evaluate --model '{tmp_path}/my run' --data PHOTOS"
    assert third == f"  tf-colorize export --model '{tmp_path}/my run' --tflite '{tmp_path}/my run/colorizer.tflite'"
