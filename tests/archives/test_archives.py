"""Archives without a cluster: places, plans, failures, a worker in this process, a crew that loses workers."""

import json
import pathlib
import sys
import threading
import time
import tracemalloc
import types

import pytest
import tiny_models
from PIL import Image

import tf_colorize
from tf_colorize.albums import plan as albums
from tf_colorize.albums import work
from tf_colorize.archives import crew, failures, packed, places, plan, workers
from tf_colorize.commands import main, ray_job


@pytest.fixture(autouse=True)
def limit_of_pillow(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # a worker removes it for good


@pytest.fixture
def scans(tmp_path):
    """Photos, and what is none."""
    root = tmp_path / "scans"
    for name in ("b.jpg", "a.PNG", "deep/er/c.tif", ".hidden/d.jpg", "e.color.jpg", "notes.txt", "deep/.f.jpg"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.linear_gradient("L").crop((0, 0, 40, 30)).save(path) if path.suffix != ".txt" else path.touch()
    (root / "broken.jpg").write_bytes(b"\xff\xd8 and no more")
    return root


def planned(source, target, **rules):
    refused = []
    found = plan.items(
        places.open_place(str(source)), places.open_place(str(target)), plan.Rules(**rules), refused.append
    )
    return list(found), refused


@pytest.mark.parametrize("rules", [{}, {"compare": True}, {"suffix": ".webp"}])
def test_a_folder_is_planned_as_the_local_command_plans_it(scans, tmp_path, rules):
    (scans / "out").mkdir()
    (scans / "out" / "x.jpg").touch()
    (scans / "link").symlink_to(scans / "deep")
    for out in (tmp_path / "out", scans / "out"):
        jobs, problems = albums.plan_photos([str(scans)], out, **rules)
        found, refused = planned(scans, out, **rules)
        expected = {(job.source, job.target, job.compare) for job in jobs}
        assert problems == refused == [] and len(found) >= 4
        assert expected == {
            (scans / item.source, out / item.target, item.compare and out / item.compare) for item in found
        }


def test_two_photos_for_one_result_are_refused(tmp_path):
    for name in ("a.jpg", "a.png"):
        Image.new("L", (9, 9)).save(tmp_path / name)
    refused = {}
    source, target = places.open_place(str(tmp_path)), places.open_place(str(tmp_path / "out"))
    found = list(plan.items(source, target, plan.Rules(".webp"), refused.__setitem__))
    assert [item.source for item in found] == ["a.jpg"]
    assert refused == {"a.png": f"a.webp is already the result of {tmp_path}/a.jpg; choose another format"}


def test_only_what_is_missing_is_needed(scans, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("b.jpg", "b.compare.jpg", "a.PNG"):
        (out / name).touch()
    found = {item.source: item.needed for item in planned(scans, out, compare=True)[0]}
    assert found["b.jpg"] == () and found["a.PNG"] == ("a.compare.PNG",)
    assert found["deep/er/c.tif"] == ("deep/er/c.tif", "deep/er/c.compare.tif")
    assert all(len(item.needed) == 2 for item in planned(scans, out, compare=True, overwrite=True)[0])


def test_a_plan_gives_photos_while_it_lists_and_keeps_them_on_disk():
    more = threading.Event()

    def endless_folder():
        for index in range(20_000):
            if index == 1000:
                assert more.wait(20)
            name = f"a folder with a long name/{index:06d}.jpg"
            yield plan.Item(name, name, None, () if index % 3 == 0 else (name,))

    with plan.Plan(endless_folder()) as jobs:
        taken = []
        while len(taken) < 600:
            taken += jobs.take(100)
        assert not jobs.is_complete
        tracemalloc.start()
        more.set()
        while not jobs.is_complete:
            time.sleep(0.01)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
        tracemalloc.stop()
        while batch := jobs.take(1000):
            taken += batch
        assert (jobs.n_found, jobs.n_finished, jobs.n_left) == (20_000, 6_667, 0)
    assert [int(item.source[-10:-4]) for item in taken] == [index for index in range(20_000) if index % 3]


def test_what_stops_the_listing_is_raised_after_the_photos_before_it():
    def found():
        yield plan.Item("a", "a", None, ("a",))
        raise places.PlaceError("gone")

    with plan.Plan(found()) as jobs:
        while not jobs.is_complete:
            time.sleep(0.01)
        assert len(jobs.take(5)) == 1
        with pytest.raises(places.PlaceError, match="gone"):
            jobs.take(5)


def test_failures_are_a_file_beside_the_results(tmp_path):
    source, target = places.Folder("/scans"), places.Folder(tmp_path)
    failed = failures.Failures(source, target)
    failed.add("a\udcff.jpg", "broken")
    failed.save()
    failed.add("b.jpg", "broken, too")
    failed.finish()
    lines = [json.loads(line) for line in (tmp_path / "failures.jsonl").read_text().splitlines()]
    assert [line["photo"] for line in lines] == ["/scans/a\udcff.jpg", "/scans/b.jpg"]
    assert [line["reason"] for line in lines] == ["broken", "broken, too"]
    failures.Failures(source, target).finish()
    assert not (tmp_path / "failures.jsonl").exists()


def test_a_bucket_is_a_folder_elsewhere(s3_server, scans, tmp_path):
    def bucket(prefix):
        return s3_server.address(f"archive/{prefix}")

    place = places.open_place(bucket("scans"))
    for path in scans.rglob("*"):
        if path.is_file():
            place.put(path.relative_to(scans).as_posix(), path)
    place.check()
    assert list(place.walk()) == [
        ("", ["a.PNG", "b.jpg", "broken.jpg", "e.color.jpg", "notes.txt"]),
        ("deep", []),
        ("deep/er", ["c.tif"]),
    ]
    assert place.names("deep/er") == {"c.tif"} and place.names("none") == set()
    assert place.has("b.jpg") and not place.has("deep")
    assert place.fetch("b.jpg", tmp_path).read_bytes() == (scans / "b.jpg").read_bytes()
    assert place.full_name("b.jpg") == "s3://archive/scans/b.jpg"
    assert places.open_place(bucket("scans/deep")).inside(place) == "deep"
    assert places.open_place(bucket("scansion")).inside(place) is None
    place.remove("b.jpg")
    place.remove("b.jpg")
    assert not place.has("b.jpg")
    with pytest.raises(FileNotFoundError):
        place.fetch("b.jpg", tmp_path)
    with pytest.raises(places.PlaceError, match="s3://nobody: no such bucket"):
        places.open_place(bucket("").replace("archive", "nobody")).check()


def started(model, **options):
    return ray_job.Start(packed.PackedModel.pack(str(model)), work.Options(**options))


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_worker_makes_what_the_local_command_makes(scans, tmp_path, request, kind):
    model = tiny_models.write_tflite(tmp_path)
    main.main([str(scans), "-o", str(tmp_path / "local"), "--compare", "--model", str(model)])
    address = str(tmp_path / "out") if kind == "folder" else request.getfixturevalue("s3_server").address("archive/out")
    target = places.open_place(address)
    target.prepare()
    found, _ = planned(scans, address, compare=True)
    worker = workers.Worker(places.open_place(str(scans)), target, started(model), tf_colorize.__version__)
    assert worker.ready() is None
    outcomes = dict(zip([item.source for item in found], worker.run(found)))
    assert outcomes.pop("broken.jpg").reason == "not a picture in a format that can be read"
    assert all(outcome.reason is None and outcome.size == (40, 30) for outcome in outcomes.values())
    made = {path: path.read_bytes() for path in (tmp_path / "local").rglob("*.*")}
    assert len(made) == 6
    for path, data in made.items():
        name = path.relative_to(tmp_path / "local").as_posix()
        assert target.fetch(name, tmp_path).read_bytes() == data
    again = [item for item in found if item.source == "b.jpg"]
    assert worker.run([plan.Item(**{**vars(again[0]), "deaths": 1})]) == [work.Outcome()]


def test_a_worker_says_why_it_cannot_work(scans, tmp_path):
    model = tiny_models.write_tflite(tmp_path)
    source, target, version = places.Folder(scans), places.Folder(tmp_path), tf_colorize.__version__

    def ready(*arguments):
        return workers.Worker(*arguments).ready()

    assert "the same on all machines: 0.0.1 where" in ready(source, target, started(model), "0.0.1")
    assert ready(places.Folder(scans / "no"), target, started(model), version) == f"{scans}/no: no such folder"
    (tmp_path / "cut.tflite").write_bytes(model.read_bytes()[:-100])
    assert ready(source, target, started(tmp_path / "cut.tflite"), version).startswith(f"{tmp_path}/cut.tflite: ")


def test_a_model_travels(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "temporary").mkdir()
    run = tmp_path / "run"
    (run / "variables").mkdir(parents=True)
    (run / "saved_model.pb").write_bytes(b"graph")
    (run / "variables" / "data").write_bytes(b"weights")
    model = packed.PackedModel.pack(str(run))
    assert model.unpack() == str(run)  # the same files are here
    (run / "variables" / "data").write_bytes(b"others")
    there = pathlib.Path(model.unpack())
    assert there.parent.parent.parent == tmp_path / "temporary"
    assert (there / "saved_model.pb").read_bytes() == b"graph"
    assert (there / "variables" / "data").read_bytes() == b"weights"
    assert packed.PackedModel.pack("grpc://host:8500/colorizer").unpack() == "grpc://host:8500/colorizer"
    with pytest.raises(ValueError, match="no such model"):
        packed.PackedModel.pack(str(tmp_path / "none"))


ITEM = plan.Item("a", "a", None, ("a",))


class Cluster:
    """As much of Ray as a crew uses; a worker dies of the photos in `deadly`, as often as they say."""

    def __init__(self, deadly):
        self.deadly, self.results, self.killed = deadly, {}, []
        self.exceptions = types.SimpleNamespace(RayActorError=ConnectionError, RayTaskError=ArithmeticError)

    def hire(self):
        return types.SimpleNamespace(
            ready=types.SimpleNamespace(remote=lambda: self.call(lambda: None)),
            run=types.SimpleNamespace(remote=lambda items: self.call(lambda: self.work(items))),
        )

    def call(self, function):
        reference = object()
        try:
            self.results[reference] = function()
        except ConnectionError as error:
            self.results[reference] = error
        return reference

    def work(self, items):
        for item in items:
            if self.deadly.get(item.source, 0) > 0:
                self.deadly[item.source] -= 1
                raise ConnectionError("the worker died")
        return [work.Outcome(notes=(item.source,)) for item in items]

    def wait(self, references, num_returns, timeout):
        return references[:num_returns], references[num_returns:]

    def get(self, reference):
        if isinstance(self.results[reference], Exception):
            raise self.results[reference]
        return self.results[reference]

    def kill(self, actor):
        self.killed.append(actor)


def outcomes_with(deadly, monkeypatch, size=3, count=200):
    ray = Cluster(deadly)
    monkeypatch.setitem(sys.modules, "ray", ray)
    names = [f"{index:03d}" for index in range(count)]
    with plan.Plan(iter([plan.Item(name, name, None, (name,)) for name in names])) as jobs:
        hired = crew.Crew(ray.hire, size, print)
        found = [(item.source, outcome) for item, outcome in hired.outcomes(jobs)]
    assert sorted(name for name, _ in found) == names  # nothing lost, nothing double
    return {name: outcome.reason for name, outcome in found if outcome.reason}, hired


def test_photos_of_a_worker_that_died_are_done_by_another(monkeypatch):
    failed, hired = outcomes_with({"005": 1, "100": 1, "199": 1}, monkeypatch)
    assert failed == {} and hired.n_deaths == 3


def test_a_photo_that_kills_every_worker_fails_and_takes_nothing_along(monkeypatch):
    failed, hired = outcomes_with({"007": 99, "008": 2}, monkeypatch)
    assert list(failed) == ["007"] and "all 4 workers that took it died" in failed["007"]
    assert hired.n_deaths <= 4 + 2


def test_workers_that_die_while_they_start_end_the_job(monkeypatch):
    def lost(reference):
        raise ConnectionError("out of memory")

    ray = Cluster({})
    monkeypatch.setattr(ray, "get", lost)
    monkeypatch.setitem(sys.modules, "ray", ray)
    with plan.Plan(iter([ITEM])) as jobs, pytest.raises(crew.CrewError, match="die while they start: out of memory"):
        list(crew.Crew(ray.hire, 2, print).outcomes(jobs))


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["none", "out"], "none: no such folder"),
        (["scans", "scans"], "scans: the photos would be overwritten; choose an OUT that IN does not lie in"),
        (["ftp://host/scans", "out"], "ftp://host/scans: must be a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"),
        (["s3:///scans", "out"], "must be s3://BUCKET/PREFIX"),
        (["s3://b/scans?color=red", "out"], "after the ? must be NAME=VALUE"),
        (["scans", "out", "--model", "none.tflite"], "none.tflite: no such model"),
        (["scans", "scans/b.jpg/out"], "scans/b.jpg/out: cannot be created: "),
    ],
)
def test_what_cannot_work_is_one_line_and_exit_code_1(scans, monkeypatch, capsys, arguments, complaint):
    monkeypatch.chdir(scans.parent)
    assert main.main(["cluster", *arguments]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("tf-colorize cluster: ") and complaint in lines[0]


def test_a_dry_run_needs_no_cluster(scans, tmp_path, capsys):
    out = tmp_path / "out"
    assert main.main(["cluster", str(scans), str(out), "--dry-run", "--compare"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and f"{scans}/b.jpg -> {out}/b.jpg and {out}/b.compare.jpg" in lines
    assert not out.exists()


def test_nothing_to_do_needs_no_cluster(scans, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    for name in ("b.jpg", "a.PNG", "broken.jpg", "deep/er/c.tif"):
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).touch()
    assert main.main(["cluster", str(scans), str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "4 photos were already done; --overwrite does them again"
    (tmp_path / "empty").mkdir()
    assert main.main(["cluster", str(tmp_path / "empty"), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == f"tf-colorize cluster: {tmp_path}/empty: no pictures in it\n"
    assert main.main(["cluster", str(scans), str(tmp_path / "new")]) == 1
    assert "needs ray, which is not installed" in capsys.readouterr().err
