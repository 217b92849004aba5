"""Many photos at once: memory is bounded, and one photo never ends a run."""

import time

import pytest
from PIL import Image

from tf_colorize.albums import crowd, work


def test_large_pictures_wait_for_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(crowd, "_PIXELS_IN_WORK", 100)
    jobs = []
    for index, side in enumerate((20, 8, 8, 5, 20, 2)):
        Image.new("L", (side, side)).save(tmp_path / f"{index}.png")
        jobs.append(work.Job(tmp_path / f"{index}.png", tmp_path / "out.png"))
    in_work, most = [], []

    def do(job):
        with Image.open(job.source) as image:
            pixels = image.width * image.height
        in_work.append(pixels)
        most.append(sum(min(pixels, 100) for pixels in in_work))
        time.sleep(0.02)
        in_work.remove(pixels)
        return job

    assert {job for job, outcome in crowd.run(jobs, do, 4) if outcome is job} == set(jobs)
    assert max(most) <= 100


@pytest.mark.parametrize(
    "error", [OverflowError("int too large"), MemoryError(), RecursionError("deep"), KeyError("x")]
)
def test_any_failure_affects_only_one_photo(tmp_path, error):
    jobs = [work.Job(tmp_path / f"{index}.png", tmp_path / f"out{index}.png") for index in range(5)]

    def do(job):
        if job is jobs[2]:
            raise error
        return work.Outcome(size=(1, 1))

    outcomes = dict(crowd.run(jobs, do, 2))
    assert [outcomes[job].reason is None for job in jobs] == [True, True, False, True, True]
    assert outcomes[jobs[2]].reason.startswith(f"{jobs[2].source}: ")


def test_stopping_is_not_a_failure(tmp_path):
    def do(job):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(crowd.run([work.Job(tmp_path / "a.png", tmp_path / "b.png")], do, 1))
