"""Whatever happens to a photo, a worker or a disk, the others are colorized, and failures are recorded."""

import errno
import json
import os
import pathlib
import sys
import time
import types

import pytest
from PIL import Image

import tf_colorize
from tf_colorize import whole
from tf_colorize.albums import work
from tf_colorize.archives import crew, failures, places, plan, workers
from tf_colorize.commands import main, ray_job


class OpError(Exception):
    """Like TensorFlow's, it is neither a ValueError nor an OSError nor a RuntimeError."""


def item(name):
    return plan.Item(name, name, None, (name,))


def failing(name):
    raise {
        "overflow.jpg": OverflowError("int too large to convert to float"),
        "op.jpg": OpError("OOM when allocating tensor\nand more"),
        "memory.jpg": MemoryError(),
        "nothing.jpg": KeyError(),
    }[name]


class Target(places.Folder):
    def has(self, name):
        if name == "has.jpg":
            raise OSError(errno.EIO, "Input/output error")
        return super().has(name)


def test_any_exception_is_its_photos_reason_for_failing(tmp_path):
    names = ("overflow.jpg", "op.jpg", "memory.jpg", "nothing.jpg", "good.jpg")
    for name in (*names, "has.jpg"):
        Image.new("L", (8, 8)).save(tmp_path / name)

    def start():
        return lambda job: work.Outcome() if job.source.name == "good.jpg" else failing(job.source.name)

    worker = workers.Worker(places.Folder(tmp_path), Target(tmp_path), start, tf_colorize.__version__)
    assert worker.ready() is None
    given = [*map(item, names), plan.Item("has.jpg", "has.jpg", None, ("has.jpg",), deaths=1)]
    reasons = dict(zip((*names, "has.jpg"), [outcome.reason for outcome in worker.run(given)]))
    assert reasons.pop("good.jpg") is None
    assert reasons["has.jpg"] == "Input/output error" and reasons["memory.jpg"] == "not enough memory"
    assert reasons["overflow.jpg"] == "int too large to convert to float (OverflowError)"
    assert reasons["op.jpg"] == "OOM when allocating tensor (OpError)" and reasons["nothing.jpg"] == "KeyError"


def test_a_missing_scratch_folder_is_the_reason_for_every_photo(tmp_path, monkeypatch):
    worker = workers.Worker(places.Folder(tmp_path), places.Folder(tmp_path), lambda: print, tf_colorize.__version__)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(workers.scratch, "Scratch", full)
    assert [outcome.reason for outcome in worker.run([item("a.jpg"), item("b.jpg")])] == ["No space left on device"] * 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_folder_for_temporary_files_is_named(tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    expected = f"{temporary}: No space left on device"
    with failures.Failures(places.Folder(tmp_path), places.Folder(tmp_path / "results")) as failed:
        failed._file = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115  # `failed` closes it
        failed.add("a.jpg", "damaged")
        assert failed.try_to_save() == expected
    with plan.Plan(iter([])) as jobs:
        jobs._writer = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115  # `jobs` closes it
        jobs._writer.write("a line")
        with pytest.raises(OSError, match="No space left") as caught:
            jobs.take(1)
    assert work.reason_of(caught.value) == expected
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    with pytest.raises(FileNotFoundError) as caught:
        plan.Plan(iter([]))
    assert caught.value.filename == str(tmp_path / "gone")


def test_a_job_needs_no_locks(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def flock(*_):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    scans, results = tmp_path / "scans", tmp_path / "results"
    scans.mkdir()
    for name in ("good.jpg", "op.jpg"):
        Image.new("L", (8, 8)).save(scans / name)
    source, target = places.Folder(scans), places.Folder(results)

    def start():
        def colorize(job):
            if job.source.name == "op.jpg":
                failing(job.source.name)
            with whole.new_path(job.target) as new:
                new.write_bytes(b"color")
            return work.Outcome()

        return colorize

    with failures.Failures(source, target) as failed:
        with plan.Plan(plan.items(source, target, plan.Rules(), failed.add)) as jobs:
            target.prepare()
            items = []
            while len(items) < 2:
                items += jobs.take(2)
                time.sleep(0.01)
            for one, outcome in zip(items, workers.Worker(source, target, start, tf_colorize.__version__).run(items)):
                if outcome.reason:
                    failed.add(one.source, outcome.reason)
        assert failed.finish() is None
    assert sorted(os.listdir(results)) == [failures.Failures.NAME, "good.jpg"]


def test_a_worker_that_cannot_start_reports_why(tmp_path):
    def start():
        raise OpError("no such device")

    worker = workers.Worker(places.Folder(tmp_path), places.Folder(tmp_path), start, tf_colorize.__version__)
    assert worker.ready() == "no such device (OpError)"


class TaskError(Exception):
    def __init__(self, cause):
        super().__init__(f"ray::Worker.run()\nTraceback...\n{cause}")
        self.cause = cause


def test_an_exception_that_escapes_a_worker_is_the_reason_for_its_photos(monkeypatch):
    """Ray wraps it; the worker itself goes on."""
    results = {}

    def run(items):
        reference = object()
        bad = any(one.source == "07" for one in items)
        results[reference] = TaskError(OpError("broken")) if bad else [work.Outcome()] * len(items)
        return reference

    def get(reference):
        if isinstance(results.get(reference), Exception):
            raise results[reference]
        return results.get(reference)

    ray = types.SimpleNamespace(
        wait=lambda references, num_returns, timeout: (references[:num_returns], references[num_returns:]),
        get=get,
        exceptions=types.SimpleNamespace(RayActorError=ConnectionError, RayTaskError=TaskError),
    )
    monkeypatch.setitem(sys.modules, "ray", ray)
    remote = types.SimpleNamespace
    actor = remote(ready=remote(remote=object), run=remote(remote=run))
    names = [f"{index:02d}" for index in range(20)]
    with plan.Plan(iter(map(item, names))) as jobs:
        outcomes = {one.source: outcome.reason for one, outcome in crew.Crew(lambda: actor, 2, print).outcomes(jobs)}
    assert sorted(outcomes) == names and outcomes["07"] == "broken (OpError)" and None in outcomes.values()


class FullDisk(places.Folder):
    def put(self, name, path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_failures_that_cannot_be_written_there_are_kept_on_this_machine(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    failed = failures.Failures(places.Folder("/scans"), FullDisk(tmp_path / "out"))
    failed.add("a.jpg", "broken")
    assert failed.try_to_save() == "No space left on device"
    problem = failed.finish()
    assert problem.startswith(
        f"{tmp_path}/out/failures.jsonl cannot be written: No space left on device; its lines are "
    )
    kept = pathlib.Path(problem.rpartition(" ")[2])
    assert json.loads(kept.read_text()) == {"photo": "/scans/a.jpg", "reason": "broken"}


@pytest.fixture
def scans(tmp_path, monkeypatch):
    """Photos, one of which can never have a result; the current folder is their parent."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scans").mkdir()
    for name in ("a.jpg", "a.tif", "b.jpg"):
        Image.new("L", (8, 8)).save(tmp_path / "scans" / name)
    return tmp_path / "scans"


@pytest.mark.parametrize("error", [ValueError("no Ray cluster"), KeyboardInterrupt(), OSError(5, "Input/output error")])
def test_a_job_that_ends_early_records_its_failures(scans, monkeypatch, error, capsys):
    def hired(*_):
        raise error

    monkeypatch.setattr(ray_job, "hired", hired)
    assert main.main(["cluster", "scans", "out", "--format", "png"]) in (1, 130)
    lines = (scans.parent / "out" / "failures.jsonl").read_text().splitlines()
    assert [json.loads(line)["photo"] for line in lines] == [f"{scans}/a.tif"]
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_dry_run_reports_what_cannot_be_done(scans, capsys):
    assert main.main(["cluster", "scans", "out", "--format", "png", "--dry-run"]) == 1
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 2 and not (scans.parent / "out").exists()
    assert said.err.startswith(f"tf-colorize cluster: {scans}/a.tif: a.png is already the result of {scans}/a.jpg")


def test_results_behind_a_link_are_not_taken_for_photos(scans):
    (scans.parent / "data" / "out").mkdir(parents=True)
    Image.new("L", (8, 8)).save(scans.parent / "data" / "out" / "b.jpg")
    Image.new("L", (8, 8)).save(scans.parent / "data" / "c.jpg")
    (scans / "link").symlink_to(scans.parent / "data")
    source, target = places.open_place("scans"), places.open_place("data/out")
    found = plan.items(source, target, plan.Rules(), lambda *problem: None)
    assert sorted(one.source for one in found) == ["a.jpg", "a.tif", "b.jpg", "link/c.jpg"]
