"""Names of folders and buckets: taken exactly as they are, or refused with one line."""

import os

import pytest
from PIL import Image

import tf_colorize
from tf_colorize.albums import work
from tf_colorize.archives import addresses, places, plan, workers
from tf_colorize.commands import main

# Names that programs are known to cut, decode or trim.
NAMES = ("box#3", "q?x", "pct%20x", "pct x", "100%", "sp ", " lead", "back\\x", "plus+x", "ü ß", "amp&x;y=z", "tab\tx")


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.linear_gradient("L").crop((0, 0, 40, 30)).save(path)
    return path


def keys_of(server, bucket):
    """All keys of a bucket, as the server itself has them."""
    from moto.s3 import models

    backend = next(iter(models.s3_backends.values()))["aws"]
    return sorted(backend.buckets[bucket].keys.keys())


def put(server, bucket, key, data=b""):
    from moto.s3 import models

    next(iter(models.s3_backends.values()))["aws"].put_object(bucket, key, data)


@pytest.fixture
def bucket(s3_server, request):
    name = f"b{abs(hash(request.node.name))}"
    s3_server.create(name)
    return name


@pytest.mark.parametrize("name", [name for name in NAMES if "?" not in name])
def test_a_prefix_is_used_exactly_as_given(s3_server, bucket, tmp_path, name):
    place = places.open_place(s3_server.address(f"{bucket}/{name}"))
    place.put("a.jpg", photo(tmp_path / "a.jpg"))
    assert keys_of(s3_server, bucket) == [f"{name}/a.jpg"]
    assert list(place.walk()) == [("", ["a.jpg"])]
    assert place.full_name("a.jpg") == f"s3://{bucket}/{name}/a.jpg"
    assert place.fetch("a.jpg", tmp_path).read_bytes() == (tmp_path / "a.jpg").read_bytes()
    assert place.has("a.jpg") and place.names("") == {"a.jpg"}


@pytest.mark.parametrize(
    "address, complaint",
    [
        ("s3://archive/scans?x", "after the ? must be NAME=VALUE"),
        ("s3://archive/scans?", "after the ? must be NAME=VALUE"),
        ("s3://archive/a?b?region=x", "after the ? must be NAME=VALUE"),
        ("s3://archive/scans?region=", "after the ? must be NAME=VALUE"),
        ("s3://archive/scans?region=a&region=b", "after the ? must be NAME=VALUE"),
        ("gs://archive/scans?region=a", "after the ? must be NAME=VALUE"),
        ("s3://archive/a//b", "an empty part"),
        ("s3://archive//a", "an empty part"),
        ("s3://archive//", "an empty part"),
        ("s3://archive/a//", "an empty part"),
        ("s3://archive/../other", ". or .. as a part"),
        ("s3://archive/a/../b", ". or .. as a part"),
        ("s3://archive/a/./b", ". or .. as a part"),
        ("s3://archive/a\nb", "a control character"),
        ("s3://archive/a\udcffb", "not valid UTF-8"),
        ("s3:///scans", "'' is not the name of a bucket"),
        ("s3://", "'' is not the name of a bucket"),
        ("s3:// archive/scans", "' archive' is not the name of a bucket"),
        ("s3://archive#3/scans", "'archive#3' is not the name of a bucket"),
        ("s3://user:key@archive/scans", "is not the name of a bucket"),
        ("s3:/archive/scans", "must be s3://archive/scans, or ./s3:/archive/scans for a folder"),
        ("gs:archive", "must be gs://archive, or ./gs:archive"),
        ("https://archive/scans", "must be a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"),
        ("", "is missing"),
    ],
)
def test_names_that_would_mean_another_place_are_rejected(address, complaint):
    with pytest.raises(places.PlaceError) as error:
        places.open_place(address)
    assert complaint in str(error.value) and len(str(error.value).splitlines()) == 1


def test_one_slash_at_the_end_means_nothing():
    assert addresses.parse("s3://archive/a/b/") == addresses.BucketAddress("s3", "archive", "a/b", {})
    assert addresses.parse("gcs://archive/") == addresses.BucketAddress("gs", "archive", "", {})


@pytest.mark.parametrize("name", ["..", "a/../../b.jpg", ".", "a//b.jpg", "/a.jpg", "a/", "x\ny.jpg"])
def test_a_key_that_would_become_another_is_never_used(s3_server, bucket, tmp_path, name):
    place = places.open_place(s3_server.address(f"{bucket}/p"))
    source = photo(tmp_path / "a.jpg")
    for use in (
        place.has,
        place.remove,
        lambda name: place.fetch(name, tmp_path),
        lambda name: place.put(name, source),
    ):
        with pytest.raises(places.PlaceError, match="its name (has|contains)"):
            use(name)
    assert keys_of(s3_server, bucket) == []


@pytest.mark.parametrize("name", ["../b.jpg", "a/../../b.jpg", "a//b.jpg", "/etc/b.jpg"])
def test_a_name_never_leads_out_of_a_folder(tmp_path, name):
    place = places.Folder(tmp_path / "out")
    source = photo(tmp_path / "a.jpg")
    with pytest.raises(places.PlaceError, match="cannot be the name of a file here"):
        place.put(name, source)
    with pytest.raises(places.PlaceError, match="cannot be the name of a file here"):
        place.path_for(name, tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_used_exactly_as_given(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / name / "a.jpg")
    place = places.open_place(name)
    place.check()
    assert place.full_name("a.jpg") == str(tmp_path / name / "a.jpg")
    assert list(place.walk()) == [("", ["a.jpg"])]


def test_dots_after_a_link_are_resolved_by_the_system(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "real" / "scans" / "right.jpg")
    photo(tmp_path / "scans" / "wrong.jpg")
    (tmp_path / "real" / "deep").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep")
    assert os.listdir("link/../scans") == ["right.jpg"]
    place = places.open_place("link/../scans")
    assert list(place.walk()) == [("", ["right.jpg"])]
    assert place.full_name("") == str(tmp_path / "real" / "scans")
    assert places.open_place("x..y/..z").full_name("") == str(tmp_path / "x..y" / "..z")


def test_a_folder_may_be_called_like_an_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "s3:box" / "a.jpg")
    for text in ("s3:box", "./s3:box", "./a://b"):
        assert places.open_place(text).full_name("") == os.path.abspath(text)


@pytest.mark.parametrize("inner, outer", [("a/b/c", "a"), ("a", "a"), ("a", ""), ("a/b", "a/")])
def test_a_bucket_folder_inside_another_is_recognized(inner, outer):
    def opened(path, options=""):
        return places.open_place(f"s3://archive/{path}{options}")

    for options in ("", "?region=eu-west-1", "?endpoint_override=http://localhost:9000"):
        assert opened(inner, options).inside(opened(outer)) is not None
    assert places.open_place("gs://archive/a").inside(
        places.open_place("s3://archive?endpoint_override=https://storage.googleapis.com")
    )
    assert opened("ab").inside(opened("a")) is None
    assert places.open_place("s3://other/a").inside(opened("a")) is None
    assert places.open_place("gs://archive/a").inside(opened("a")) is None


def test_a_folder_in_another_is_recognized_under_any_path(tmp_path):
    (tmp_path / "scans" / "box").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "scans")
    (tmp_path / "deep").symlink_to(tmp_path / "scans" / "box")

    def inside(inner, outer):
        return places.Folder(tmp_path / inner).inside(places.Folder(tmp_path / outer))

    assert inside("scans", "link") == inside("link", "scans") == "."
    assert inside("link/box", "scans") == inside("deep", "scans") == inside("deep", "link") == "box"
    assert inside("deep/new/out", "scans") == "box/new/out"
    assert inside("scans", "deep") is None and inside("scansion", "scans") is None
    assert inside("none/a", "none") == "a"


@pytest.mark.parametrize(
    "source, target",
    [
        ("scans", "scans"),
        ("scans", "link"),
        ("link", "scans/"),
        ("scans/box", "scans"),
        ("scans/box", "link"),
        ("deep", "scans"),
        ("scans/box/..", "scans"),
    ],
)
def test_photos_are_never_colorized_into_a_folder_that_contains_them(tmp_path, monkeypatch, capsys, source, target):
    monkeypatch.chdir(tmp_path)
    original = photo(tmp_path / "scans" / "box" / "a.jpg").read_bytes()
    (tmp_path / "link").symlink_to("scans")
    (tmp_path / "deep").symlink_to("scans/box")
    assert main.main(["cluster", source, target, "--overwrite"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "would be overwritten" in lines[0]
    assert (tmp_path / "scans" / "box" / "a.jpg").read_bytes() == original


@pytest.mark.parametrize("source, target", [("a/b", "a"), ("a", "a"), ("a/", "a"), ("a", "")])
def test_photos_are_never_colorized_into_a_bucket_that_contains_them(s3_server, bucket, capsys, source, target):
    addresses_ = [s3_server.address(f"{bucket}/{path}") for path in (source, target)]
    assert main.main(["cluster", *addresses_, "--overwrite"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and "would be overwritten" in lines[0]


def test_folders_of_a_bucket_that_have_no_name_are_failures(s3_server, bucket, tmp_path):
    data = photo(tmp_path / "a.jpg").read_bytes()
    for key in (
        "a.jpg",
        "/lead.jpg",
        "box//in.jpg",
        "box/b.jpg",
        "box/../up.jpg",
        "box/./here.jpg",
        ".hid/c.jpg",
        "d/",
    ):
        put(s3_server, bucket, key, data)
    source = places.open_place(s3_server.address(bucket))
    refused = {}
    walked = [(folder, names) for folder, names in source.walk(refused.__setitem__) if names]
    assert walked == [("", ["a.jpg"]), ("box", ["b.jpg"])]
    assert {source.full_name(name) for name in refused} == {
        f"s3://{bucket}//",
        f"s3://{bucket}/box//",
        f"s3://{bucket}/box/../",
        f"s3://{bucket}/box/./",
    }


@pytest.mark.parametrize("where", ["bucket", "folder"])
def test_photos_with_odd_names_come_from_their_place_and_go_to_theirs(s3_server, bucket, tmp_path, where):
    names = {f"{folder}/{name}.jpg" for folder in ("box", *NAMES) for name in ("a", *NAMES)}
    data = photo(tmp_path / "a.jpg").read_bytes()
    for name in names:
        if where == "folder":
            put(s3_server, bucket, f"in/{name}", data)
        else:
            (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / name).write_bytes(data)
    ends = [s3_server.address(f"{bucket}/{place}") for place in ("in", "out")]
    source, target = map(
        places.open_place, [str(tmp_path / "in"), ends[1]] if where == "bucket" else [ends[0], str(tmp_path / "out")]
    )
    refused = []
    found = list(plan.items(source, target, plan.Rules(), lambda *problem: refused.append(problem)))
    assert not refused and {item.source for item in found} == names == {item.target for item in found}

    def start():
        def copy(job):
            job.target.parent.mkdir(parents=True, exist_ok=True)
            job.target.write_bytes(job.source.read_bytes())
            return work.Outcome()

        return copy

    target.prepare()
    worker = workers.Worker(source, target, start, tf_colorize.__version__)
    assert worker.ready() is None
    assert [outcome.reason for outcome in worker.run(found)] == [None] * len(names)
    if where == "bucket":
        assert keys_of(s3_server, bucket) == sorted(f"out/{name}" for name in names)
    else:
        out = tmp_path / "out"
        assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == names
