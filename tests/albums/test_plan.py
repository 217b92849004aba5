"""Planned results: no source is a target, no two results share a file, and names stay complete."""

import os

import pytest
import small_photos
from PIL import Image

from tf_colorize.albums import plan, targets

pytestmark = pytest.mark.usefixtures("here")


def planned(*arguments, **options):
    jobs, problems = plan.plan_photos(*arguments, **options)
    return [str(job.target) for job in jobs], problems


def test_a_target_that_is_a_source_is_reported_for_each_photo():
    small_photos.photo("d/a.jpg", "d/a.tif")
    made, problems = planned(["d/a.jpg", "d/a.tif"], "d", suffix=".jpg")
    assert made == []
    assert problems == [
        "d/a.jpg: would be overwritten; choose another folder for the results",
        "d/a.tif: its result would overwrite d/a.jpg; choose another folder for the results",
    ]


def test_a_source_is_recognized_under_all_its_names():
    small_photos.photo("d/a.jpg", "e/b.tif", "f/c.tif", "g/d.tif")
    os.mkdir("out")
    os.link("d/a.jpg", "out/b.jpg")
    os.symlink("../d/a.jpg", "out/c.jpg")
    os.symlink("d", "door")
    names = ["d/a.jpg", "e/b.tif", "f/c.tif"]
    made, problems = planned(names, "out", suffix=".jpg")
    assert made == ["out/a.jpg"] and len(problems) == 2
    assert all("its result would overwrite d/a.jpg" in problem for problem in problems)
    assert planned(["d/a.jpg"], "door")[1] == ["d/a.jpg: would be overwritten; choose another folder for the results"]
    assert "would be overwritten" in planned(["./d/../d/a.jpg"], os.path.abspath("d/a.jpg"))[1][0]


def test_a_link_may_hide_neither_the_photos_nor_the_results():
    small_photos.photo("album/a.jpg", "album/deep/a.jpg", "out/old.jpg")
    os.symlink("../out", "album/made")
    os.symlink("album", "again")
    assert planned(["album"], "out")[0] == ["out/a.jpg", "out/deep/a.jpg"]  # the result folder is linked in
    assert planned(["album"], "again")[0] == []  # the result folder is the album
    assert planned(["album"], "album/made")[0] == ["album/made/a.jpg", "album/made/deep/a.jpg"]


def test_an_album_inside_the_result_folder_is_read_and_never_written_to():
    small_photos.photo("scans/scans/a.jpg", "scans/scans/scans/b.jpg")
    made, problems = planned(["scans/scans"], "scans")
    assert made == ["scans/a.jpg"]
    assert problems == [
        "scans/scans/scans/b.jpg: its result would be among the photos; choose another folder for the results"
    ]


def test_names_that_differ_in_case_are_one_file_where_case_is_ignored(monkeypatch):
    small_photos.photo("a/x.jpg", "b/X.jpg")
    assert planned(["a/x.jpg", "b/X.jpg"], "out")[0] == ["out/x.jpg", "out/X.jpg"]
    assert not targets.ignores_case(".")
    lexists = os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda path: lexists(path) or lexists(os.fspath(path).lower()))
    assert targets.ignores_case(".")
    made, problems = planned(["a/x.jpg", "b/X.jpg"], "out")
    assert made == ["out/x.jpg"] and "b/X.jpg: out/X.jpg is already the result of a/x.jpg" in problems[0]


def test_side_by_side_pictures_are_targets_too():
    small_photos.photo("a.jpg", "a.compare")
    made, problems = planned(["a.jpg", "a.compare"], "out", compare=True)
    assert made == ["out/a.jpg"] and "a.compare: out/a.compare.jpg is already the result of a.jpg" in problems[0]


def test_a_dot_alone_is_not_a_suffix():
    small_photos.photo("Reel No. 5", "Reel No. 6", "St. Louis.JPG", "v1.2.png")
    small_photos.photo("Reel No. 5.hints.json")
    names = ["Reel No. 5", "Reel No. 6", "St. Louis.JPG", "v1.2.png"]
    made, problems = planned(names)
    assert made == ["Reel No. 5.color.jpg", "Reel No. 6.color.jpg", "St. Louis.color.JPG", "v1.2.color.png"]
    assert problems == []
    jobs, _ = plan.plan_photos(names, "Box No. 7", suffix=".webp", compare=True)
    assert [str(job.target) for job in jobs][:2] == ["Box No. 7/Reel No. 5.webp", "Box No. 7/Reel No. 6.webp"]
    assert [str(job.compare) for job in jobs][:2] == [
        "Box No. 7/Reel No. 5.compare.webp",
        "Box No. 7/Reel No. 6.compare.webp",
    ]
    assert [job.hints and job.hints.name for job in jobs][:2] == ["Reel No. 5.hints.json", None]


def test_a_name_that_would_be_too_long_affects_only_its_photo():
    long = "x" * 248 + ".jpg"
    small_photos.photo(f"d/{long}", "d/ok.jpg")
    made, problems = planned(["d"])
    assert made == ["d/ok.color.jpg"] and len(problems) == 1 and "too long" in problems[0]
    assert planned(["d"], "out") == (["out/ok.jpg", f"out/{long}"], [])
    assert len(planned(["d"], "out", compare=True)[1]) == 1
    film = "x" * 248 + ".mp4"
    small_photos.photo(f"d/{film}")
    made, problems = film_targets([f"d/{film}"])
    assert made == [] and len(problems) == 1 and "too long" in problems[0]
    assert film_targets([f"d/{film}"], "out") == ([f"out/{film}"], [])


def test_an_unusable_result_folder_is_reported_once():
    small_photos.photo("d/a.jpg", "d/b.jpg", "file", "d/deep/c.jpg")
    os.symlink("nowhere", "dangling")
    for output, reason in (("file", "is a file"), ("file/x", "is a file"), ("dangling", "does not exist")):
        made, problems = planned(["d"], output)
        assert made == [] and len(problems) == 1 and reason in problems[0]
    assert planned(["d"], "x.jpg")[1] == ["x.jpg: must be a folder for 3 pictures"]
    small_photos.photo("one/a.jpg")
    assert planned(["one"], "x.jpg")[1] == ["x.jpg: must be a folder for 1 pictures"]


@pytest.mark.parametrize("output", ["out.txt", "out.mp4", "out.tar.gz", "s3://bucket/x", "https://host/x", ""])
def test_an_output_must_be_a_folder_or_a_picture(output):
    small_photos.photo("a.jpg")
    made, problems = planned(["a.jpg"], output)
    assert made == [] and len(problems) == 1
    assert os.listdir() == ["a.jpg"]


def test_a_folder_may_be_called_anything():
    small_photos.photo("a.jpg")
    assert planned(["a.jpg"], "out.txt/")[0] == ["out.txt/a.jpg"]
    os.mkdir("b.txt")
    assert planned(["a.jpg"], "b.txt")[0] == ["b.txt/a.jpg"]
    assert planned(["a.jpg"], "Box No. 5")[0] == ["Box No. 5/a.jpg"]


def test_a_link_given_as_the_output_stays():
    small_photos.photo("a.jpg")
    os.symlink("elsewhere.jpg", "x.jpg")
    assert planned(["a.jpg"], "x.jpg")[0] == [os.path.abspath("elsewhere.jpg")]


def test_a_photo_named_twice_is_done_once():
    small_photos.photo("d/a.jpg")
    assert planned(["d/a.jpg", "d/../d/a.jpg", "d"], "out") == (["out/a.jpg"], [])


FILMS = (".mp4", ".mkv")


def film_targets(films, output=None, **options):
    jobs, problems = plan.plan_films(films, output, FILMS, ".mkv", **options)
    return [str(job.target) for job in jobs], problems


def test_films_with_the_same_result_are_found_before_the_work_starts():
    small_photos.photo("a.avi", "a.mpg", "b.mp4", "Reel No. 5", "Reel No. 6")
    for output in (None, "out"):
        made, problems = film_targets(["a.avi", "a.mpg", "b.mp4"], output)
        assert len(made) == 2 and len(problems) == 1 and "is already the result of a.avi" in problems[0]
    assert film_targets(["a.avi"], "b.mkv")[0] == ["b.mkv"]
    assert film_targets(["a.avi"], "b.avi")[0] == []
    assert film_targets(["b.mp4"], ".")[1] == ["b.mp4: would be overwritten; choose another folder for the results"]
    small_photos.photo("deep/b.mpg", "b.mkv")
    assert "its result would overwrite b.mkv" in film_targets(["deep/b.mpg", "b.mkv"], ".")[1][0]
    assert film_targets(["Reel No. 5", "Reel No. 6"])[0] == ["Reel No. 5.color.mkv", "Reel No. 6.color.mkv"]
    assert film_targets(["Reel No. 5"], "Reel No. 5/")[1]  # is a file
    assert film_targets(["a.avi"], "Box No. 7")[0] == ["Box No. 7/a.mkv"]
    assert film_targets(["a.avi"], preview=True)[0] == ["a.compare.jpg"]
    assert len(film_targets(["a.avi", "a.mpg"], preview=True)[1]) == 1
    assert film_targets(["a.avi"], "x.mp4", preview=True)[0] == []


def test_films_may_not_be_addresses_or_results():
    small_photos.photo("b.color.mp4")
    assert film_targets(["https://host/a.mp4", "b.color.mp4"])[0] == []
    assert "is an address" in film_targets(["https://host/a.mp4"])[1][0]


def test_planning_reads_no_pictures(monkeypatch):
    small_photos.photo("a.jpg")
    monkeypatch.setattr(Image, "open", None)
    assert planned(["a.jpg"])[0] == ["a.color.jpg"]
