"""Runs that were killed, stopped or damaged resume to the same result."""

import json
import os
import shutil
import signal

import keras
import pytest
import trainings

from tf_colorize.models import saving
from tf_colorize.training import checkpoints, preparation, reports


class Killed(BaseException):
    """In place of a signal."""


@pytest.fixture(scope="module")
def killed_run(photos, tmp_path_factory):
    """What a run that is killed at step 5, in the middle of the second epoch, leaves on the disk."""
    run_dir, left = (tmp_path_factory.mktemp("killed") / name for name in ("run", "left"))
    steps = []

    def kill(line, batch, logs=None):
        steps.append(batch)
        if len(steps) == 5:
            shutil.copytree(run_dir, left)  # without what it may write when it ends
            raise Killed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        trainings.put_small_networks(patch)
        patch.setattr(checkpoints, "CHECKPOINT_MINUTES", 0.0)
        patch.setattr(reports.StateLine, "on_train_batch_end", kill)
        trainings.trained(trainings.config_of(photos, run_dir))
    assert not (left / "generator.keras").exists()
    return left


@pytest.fixture
def killed(killed_run, tmp_path):
    """A copy of it."""
    return shutil.copytree(killed_run, tmp_path / "run")


# Resumed, runs log the same to the last bit: same seed, deterministic operations.


def test_a_killed_and_resumed_run_logs_the_same(killed, small_run, small_networks):
    assert trainings.resumed(killed) == trainings.rows(small_run)


@pytest.mark.slow
def test_an_interrupted_and_resumed_run_logs_the_same(photos, small_run, small_networks, monkeypatch, tmp_path):
    steps = []

    def interrupt(line, batch, logs=None):
        steps.append(batch)
        if len(steps) == 6:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(checkpoints.TrainingStopped, match="stopped at step"):
        patch.setattr(reports.StateLine, "on_train_batch_end", interrupt)
        trainings.trained(trainings.config_of(photos, tmp_path / "run"))
    assert not (tmp_path / "run" / "generator.keras").exists()
    assert trainings.resumed(tmp_path / "run") == trainings.rows(small_run)


@pytest.mark.slow
@pytest.mark.parametrize("name, steps", [("SIGKILL", 11), ("SIGTERM", 2), ("SIGINT", 6)])
def test_a_process_resumes_after_a_signal_at_any_step(
    photos, small_run, small_networks, run_python, tmp_path, name, steps
):
    code = trainings.interrupted(trainings.config_of(photos, tmp_path / "run"), steps, name)
    if name == "SIGKILL":
        with pytest.raises(AssertionError):
            run_python(code)
    else:
        assert "stopped: stopped at step" in run_python(code)
    assert trainings.resumed(tmp_path / "run") == trainings.rows(small_run)


def test_the_newest_checkpoint_that_can_be_read_is_found(tmp_path):
    def checkpoints_of(folder):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
        model.compile("sgd", "mse")
        found = checkpoints.Checkpoints(folder, [], steps_per_epoch=10)
        found.attach(model)
        return found

    saver = checkpoints_of(tmp_path)
    assert saver.find() == 0
    for step in (3, 7):
        saver.position.assign(step)
        saver.save()
    assert checkpoints_of(tmp_path).find() == 7
    older, newer = sorted(tmp_path.glob("*.data-*"), key=os.path.getmtime)
    newer.write_bytes(newer.read_bytes()[: newer.stat().st_size // 2])
    assert checkpoints_of(tmp_path).find() == 3
    older.write_bytes(b"")
    with pytest.raises(ValueError, match="all are damaged"):
        checkpoints_of(tmp_path).find()


@pytest.mark.slow
def test_a_run_with_a_damaged_checkpoint_logs_the_same(killed, small_run, small_networks):
    newest = max((killed / "checkpoints" / "stage1").glob("*.data-*"), key=os.path.getmtime)
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    assert trainings.resumed(killed) == trainings.rows(small_run)


def test_a_checkpoint_of_another_configuration_is_refused(killed, small_networks):
    path = killed / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pretrain_loss": "classification"}))
    with pytest.raises(ValueError, match="another configuration"):
        trainings.resumed(killed)


def test_a_full_disk_stops_the_run_and_keeps_the_last_checkpoint(tmp_path):
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


@pytest.mark.slow
def test_a_run_is_resumed_without_the_file_it_started_from(photos, tmp_path, small_networks, monkeypatch):
    first = trainings.trained(trainings.config_of(photos, tmp_path / "first"))
    monkeypatch.chdir(tmp_path)
    # Small networks are none of those that `init` may hold.
    monkeypatch.setattr(preparation, "build_generator", lambda config, _: saving.load_generator(config.init)[0])
    whole = trainings.trained(trainings.config_of(photos, tmp_path / "whole", init="first"))
    with monkeypatch.context() as patch, pytest.raises(checkpoints.TrainingStopped):
        patch.setattr(reports.StateLine, "on_train_batch_end", lambda *_, **__: os.kill(os.getpid(), signal.SIGINT))
        trainings.trained(trainings.config_of(photos, tmp_path / "run", init="first"))
    shutil.rmtree(first)
    assert trainings.resumed(tmp_path / "run") == trainings.rows(whole)


def test_a_resumed_run_keeps_its_photos_and_finishes_only_once(photos, small_networks, tmp_path):
    copy = shutil.copytree(photos, tmp_path / "photos")
    brief = {"mode": "pretrain", "pretrain_epochs": 1, "steps_per_epoch": 1}
    run_dir = trainings.trained(trainings.config_of(copy, tmp_path / "run", **brief))
    before = trainings.rows(run_dir)
    shutil.copy(copy / "00.png", copy / "new.png")
    assert trainings.resumed(run_dir) == before
    held_out = set(json.loads((run_dir / "photos.json").read_text())["validation"])
    assert len(held_out) == 3 and not held_out & set(json.loads((run_dir / "photos.json").read_text())["train"])
