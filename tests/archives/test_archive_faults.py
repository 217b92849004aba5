"""Archives that lose nothing: places that overlap, photos that fail in unusual ways, plans that are slow to list."""

import os
import pathlib
import threading
import time

import archive_plans
import pytest
import small_photos
from PIL import Image

import tf_colorize
from tf_colorize.albums import targets, work
from tf_colorize.archives import places, plan, workers
from tf_colorize.commands import main

pytestmark = pytest.mark.usefixtures("here")


@pytest.mark.parametrize("out", ["scans", "scans/.", "link", "scans/scans", "."])
def test_photos_in_the_result_place_are_rejected(capsys, out):
    small_photos.photo("scans/scans/x.jpg")
    os.symlink("scans", "link")
    before = pathlib.Path("scans/scans/x.jpg").read_bytes()
    assert main.main(["cluster", "scans/scans", out, "--overwrite"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert (
        line == f"tf-colorize cluster: {out}: the photos would be overwritten; choose an OUT that does not contain IN"
    )
    assert pathlib.Path("scans/scans/x.jpg").read_bytes() == before


def test_nested_buckets_are_rejected():
    source, target = map(places.open_place, ("s3://archive/scans/scans", "s3://archive/scans"))
    assert plan.would_mix(source, target) and plan.would_mix(source, source) and not plan.would_mix(target, source)


def test_a_link_in_the_result_place_never_leads_back_to_the_photos():
    small_photos.photo("in/a.jpg", "in/deep/b.jpg")
    os.mkdir("out")
    os.symlink("../in/deep", "out/deep")
    found, refused = archive_plans.planned("in", "out", overwrite=True)
    assert [item.source for item in found] == ["a.jpg"] and list(refused) == ["deep/b.jpg"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_result_that_is_a_link_to_a_photo_is_refused(overwrite):
    small_photos.photo("in/a.jpg", "in/b.jpg", "in/deep/c.jpg", "in/d.jpg", "elsewhere/d.jpg")
    os.makedirs("out/deep")
    os.symlink("../in/a.jpg", "out/a.jpg")
    os.symlink("../in/b.compare.jpg", "out/b.compare.jpg")  # does not exist yet
    os.symlink(os.path.abspath("in/a.jpg"), "out/deep/c.jpg")
    os.symlink("../elsewhere/d.jpg", "out/d.jpg")
    found, refused = archive_plans.planned("in", "out", overwrite=overwrite, compare=True)
    assert [item.source for item in found] == ["d.jpg"]
    assert set(refused) == {"a.jpg", "b.jpg", "deep/c.jpg"}
    assert set(refused.values()) == {"its result is a link to one of the photos; remove the link"}


def test_names_follow_the_rules_of_albums():
    small_photos.photo(
        "in/Reel No. 5.jpg",
        "in/Reel No. 6.jpg",
        "in/x.variants.jpg",
        "in/Reel No. 5.hints.json",
        "in/A.jpg",
        "in/a.jpg",
    )
    found, refused = archive_plans.planned("in", "out", suffix=".png", compare=True)
    assert not refused
    assert [(item.target, item.compare, item.hints) for item in found] == [
        ("A.png", "A.compare.png", None),
        ("Reel No. 5.png", "Reel No. 5.compare.png", "Reel No. 5.hints.json"),
        ("Reel No. 6.png", "Reel No. 6.compare.png", None),
        ("a.png", "a.compare.png", None),
    ]


def test_a_place_that_ignores_case_has_one_result_for_both(monkeypatch):
    small_photos.photo("in/A.jpg", "in/a.jpg")
    monkeypatch.setattr(targets, "ignores_case", lambda folder: True)
    found, refused = archive_plans.planned("in", "out")
    assert [item.source for item in found] == ["A.jpg"] and "already the result of" in refused["a.jpg"]


def test_a_dry_run_lists_rejected_photos(capsys):
    small_photos.photo("in/a.jpg")
    Image.linear_gradient("L").save("in/a.png")
    assert main.main(["cluster", "in", "out", "--format", "webp", "--dry-run"]) == 1
    said = capsys.readouterr()
    assert said.out == f"{os.getcwd()}/in/a.jpg -> {os.getcwd()}/out/a.webp\n"
    assert said.err.startswith(f"tf-colorize cluster: {os.getcwd()}/in/a.png: a.webp is already the result of ")
    os.mkdir("empty")
    assert main.main(["cluster", "empty", "out", "--dry-run"]) == 1
    assert "no pictures in it" in capsys.readouterr().err and not os.path.exists("out")


def test_the_first_photo_goes_to_a_worker_before_the_second_is_listed():
    more = threading.Event()

    def slow():
        yield plan.Item("a", "a", None, ("a",))
        assert more.wait(20)
        yield plan.Item("b", "b", None, ("b",))

    with plan.Plan(slow()) as jobs:
        assert jobs.has_work()
        limit = time.monotonic() + 20
        while not (taken := jobs.take(10)):
            assert time.monotonic() < limit
        assert [item.source for item in taken] == ["a"] and not jobs.is_complete
        more.set()
        while not (taken := jobs.take(10)):
            assert time.monotonic() < limit
        assert [item.source for item in taken] == ["b"]


def test_every_error_in_the_listing_is_reported_in_one_line():
    def broken():
        yield plan.Item("a", "a", None, ("a",))
        raise PermissionError(13, "Permission denied", "/theirs")

    with plan.Plan(broken()) as jobs:
        while not jobs.is_complete:
            time.sleep(0.01)
        assert len(jobs.take(5)) == 1
        with pytest.raises(ValueError, match="/theirs: Permission denied"):
            jobs.take(5)


class Unlucky(places.Folder):
    """A result place that fails for one photo."""

    def has(self, name):
        if name == "b.jpg":
            raise TimeoutError("the bucket does not answer")
        return False

    def path_for(self, name, scratch):
        if name == "c.jpg":
            raise RuntimeError("no credentials")
        return super().path_for(name, scratch)


def test_one_photo_never_ends_a_worker(monkeypatch):
    names = [f"{letter}.jpg" for letter in "abcde"]
    small_photos.photo(*(f"in/{name}" for name in names))

    def start():
        def do(job):
            if job.source.name == "d.jpg":
                raise OverflowError(f"{job.source}: int too large")  # the place is named by whoever reports it
            if job.source.name == "e.jpg":
                return work.Outcome(reason=f"{job.source}: broken")
            return work.Outcome(size=(1, 1))

        return do

    os.mkdir("out")
    worker = workers.Worker(places.Folder("in"), Unlucky("out"), start, tf_colorize.__version__)
    outcomes = worker.run([plan.Item(name, name, None, (name,), deaths=1) for name in names])
    assert [outcome.reason for outcome in outcomes] == [
        None,
        "the bucket does not answer (TimeoutError)",
        "no credentials (RuntimeError)",
        "int too large (OverflowError)",
        "broken",
    ]
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    (outcome,) = worker.run([plan.Item("a.jpg", "a.jpg", None, ("a.jpg",))])
    assert "/nowhere" in outcome.reason and "No such file" in outcome.reason


def test_a_folder_that_cannot_be_listed_is_refused_and_the_others_are_colorized(monkeypatch):
    small_photos.photo("in/a.jpg", "in/theirs/b.jpg", "in/full/c.jpg")
    listed = os.scandir

    def scandir(path="."):
        if os.path.basename(path) == "theirs":
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found, refused = archive_plans.planned("in", "out")
    assert sorted(item.source for item in found) == ["a.jpg", "full/c.jpg"]
    assert refused == {"theirs": "Permission denied"}


def test_an_inaccessible_result_folder_is_the_reason_for_its_photos(monkeypatch):
    small_photos.photo("in/a.jpg", "in/theirs/b.jpg")

    def names(self, folder):
        if folder == "theirs":
            raise PermissionError(13, "Permission denied", "out/theirs")
        return set()

    monkeypatch.setattr(places.Folder, "names", names)
    found, refused = archive_plans.planned("in", "out")
    assert [item.source for item in found] == ["a.jpg"]
    assert refused == {"theirs/b.jpg": "its result cannot be written: out/theirs: Permission denied"}
