"""Archives without a cluster: buckets, a worker in this process, models sent to workers, and the command."""

import json
import pathlib
import sys

import archive_plans
import pytest
import tiny_models

import tf_colorize
from tf_colorize.albums import work
from tf_colorize.archives import failures, packed, places, plan, workers
from tf_colorize.commands import main, ray_job


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


def test_buckets_and_folders_behave_alike(s3_server, scans, tmp_path):
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
def test_a_worker_gives_the_results_of_the_local_command(scans, tmp_path, request, kind):
    model = tiny_models.write_tflite(tmp_path)
    main.main([str(scans), "-o", str(tmp_path / "local"), "--compare", "--model", str(model)])
    address = str(tmp_path / "out") if kind == "folder" else request.getfixturevalue("s3_server").address("archive/out")
    target = places.open_place(address)
    target.prepare()
    found, _ = archive_plans.planned(scans, address, compare=True)
    worker = workers.Worker(places.open_place(str(scans)), target, started(model), tf_colorize.__version__)
    assert worker.ready() is None
    outcomes = dict(zip([item.source for item in found], worker.run(found)))
    assert outcomes.pop("broken.jpg").reason == "not a picture in a readable format"
    assert all(outcome.reason is None and outcome.size == (40, 30) for outcome in outcomes.values())
    made = {path: path.read_bytes() for path in (tmp_path / "local").rglob("*.*")}
    assert len(made) == 6
    for path, data in made.items():
        name = path.relative_to(tmp_path / "local").as_posix()
        assert target.fetch(name, tmp_path).read_bytes() == data
    again = [item for item in found if item.source == "b.jpg"]
    assert worker.run([plan.Item(**{**vars(again[0]), "deaths": 1})]) == [work.Outcome()]


def test_a_worker_reports_why_it_cannot_work(scans, tmp_path):
    model = tiny_models.write_tflite(tmp_path)
    source, target, version = places.Folder(scans), places.Folder(tmp_path), tf_colorize.__version__

    def ready(*arguments):
        return workers.Worker(*arguments).ready()

    assert "the same version on all machines: 0.0.1 where" in ready(source, target, started(model), "0.0.1")
    assert ready(places.Folder(scans / "no"), target, started(model), version) == f"{scans}/no: no such folder"
    (tmp_path / "cut.tflite").write_bytes(model.read_bytes()[:-100])
    assert ready(source, target, started(tmp_path / "cut.tflite"), version).startswith(f"{tmp_path}/cut.tflite: ")


def test_a_model_is_sent_to_workers(tmp_path, monkeypatch):
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


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["none", "out"], "none: no such folder"),
        (["scans", "scans"], "scans: the photos would be overwritten; choose an OUT that does not contain IN"),
        (["ftp://host/scans", "out"], "ftp://host/scans: must be a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"),
        (["s3:///scans", "out"], "must be s3://BUCKET/PREFIX"),
        (["s3://b/scans?color=red", "out"], "after the ? must be NAME=VALUE"),
        (["scans", "out", "--model", "none.tflite"], "none.tflite: no such model"),
        (["scans", "scans/b.jpg/out"], "scans/b.jpg/out: cannot be created: "),
    ],
)
def test_errors_are_reported_in_one_line_with_exit_code_1(scans, monkeypatch, capsys, arguments, complaint):
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


def test_an_archive_that_is_finished_needs_no_cluster(scans, tmp_path, capsys, monkeypatch):
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
