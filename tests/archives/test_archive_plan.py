"""What is planned for an archive: the same as the local command plans, a photo at a time."""

import threading
import time
import tracemalloc

import archive_plans
import pytest
from PIL import Image

from tf_colorize.albums import plan as albums
from tf_colorize.archives import places, plan


@pytest.mark.parametrize("rules", [{}, {"compare": True}, {"suffix": ".webp"}])
def test_a_folder_is_planned_as_the_local_command_plans_it(scans, tmp_path, rules):
    (scans / "out").mkdir()
    (scans / "out" / "x.jpg").touch()
    (scans / "link").symlink_to(scans / "deep")
    for out in (tmp_path / "out", scans / "out"):
        jobs, problems = albums.plan_photos([str(scans)], out, **rules)
        found, refused = archive_plans.planned(scans, out, **rules)
        expected = {(job.source, job.target, job.compare) for job in jobs}
        assert problems == [] and refused == {} and len(found) >= 4
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


def test_only_missing_results_are_needed(scans, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("b.jpg", "b.compare.jpg", "a.PNG"):
        (out / name).touch()
    found = {item.source: item.needed for item in archive_plans.planned(scans, out, compare=True)[0]}
    assert found["b.jpg"] == () and found["a.PNG"] == ("a.compare.PNG",)
    assert found["deep/er/c.tif"] == ("deep/er/c.tif", "deep/er/c.compare.tif")
    assert all(len(item.needed) == 2 for item in archive_plans.planned(scans, out, compare=True, overwrite=True)[0])


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


def test_an_error_in_the_listing_is_raised_after_the_photos_before_it():
    def found():
        yield plan.Item("a", "a", None, ("a",))
        raise places.PlaceError("gone")

    with plan.Plan(found()) as jobs:
        while not jobs.is_complete:
            time.sleep(0.01)
        assert len(jobs.take(5)) == 1
        with pytest.raises(places.PlaceError, match="gone"):
            jobs.take(5)
