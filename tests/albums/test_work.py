"""One photo and what its file contains: pipes, private photos, formats with limits."""

import os
import pathlib
import stat
import threading

import numpy as np
import photo_bytes as made
import pytest
from PIL import Image

from tf_colorize.albums import plan, work


class Painter:
    """Colors every picture in one color, and counts."""

    takes_hints = False

    def __init__(self):
        self.n_pictures = 0

    def __call__(self, picture, **options):
        self.n_pictures += 1
        return np.full((*picture.image.size[::-1], 3), (200, 90, 30), np.uint8)


def test_a_pipe_becomes_a_photo(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    (job,), problems = plan.plan_photos([str(pipe)], str(tmp_path / "out.png"))
    writer = threading.Thread(target=pipe.write_bytes, args=(made.encoded(made.gray(), "JPEG"),))
    writer.start()
    outcome = work.colorize_file(Painter(), job, work.Options())
    writer.join()
    assert problems == [] and outcome.reason is None and Image.open(job.target).size == (64, 48)


@pytest.mark.skipif(not os.path.exists("/dev/stdin"), reason="pipes have such names on POSIX")
def test_no_result_is_written_to_the_device_folder():
    reading, writing = os.pipe()
    try:
        jobs, problems = plan.plan_photos([f"/dev/fd/{reading}"])
        assert jobs == []
        assert problems == [
            f"/dev/fd/{reading}: no result can be written beside it; choose a file or folder for the result"
        ]
    finally:
        os.close(reading)
        os.close(writing)


def test_a_photo_too_large_for_the_format_is_refused_before_it_is_colored(tmp_path):
    Image.new("L", (70_000, 2)).save(tmp_path / "wide.png")
    painter = Painter()
    job = work.Job(tmp_path / "wide.png", tmp_path / "wide.jpg")
    outcome = work.colorize_file(painter, job, work.Options())
    wanted = "70000 x 2 pixels are more than JPEG supports, 65,500 a side; choose PNG or TIFF"
    assert outcome.reason == f"{tmp_path / 'wide.png'}: {wanted}" and painter.n_pictures == 0


def test_metadata_that_the_format_does_not_support_gives_a_note(tmp_path):
    data = made.with_segments(made.encoded(made.gray(), "JPEG"), made.segment(0xFE, b"a comment"))
    (tmp_path / "a.jpg").write_bytes(data)
    outcome = work.colorize_file(Painter(), work.Job(tmp_path / "a.jpg", tmp_path / "a.tif"), work.Options())
    assert outcome.notes == ("TIFF cannot hold the photo's comment: left out",)


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_everything_made_from_a_private_photo_is_private(tmp_path):
    photo = tmp_path / "a.jpg"
    photo.write_bytes(made.with_segments(made.encoded(made.gray(), "JPEG"), made.segment(0xFE, b"a comment")))
    photo.chmod(0o600)
    job = work.Job(photo, tmp_path / "a.color.jpg", pathlib.Path(tmp_path / "a.compare.jpg"))
    assert work.colorize_file(Painter(), job, work.Options()).reason is None
    for path in (job.target, job.compare):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600 and path.stat().st_mtime_ns == photo.stat().st_mtime_ns
    assert b"a comment" in job.target.read_bytes() and b"a comment" not in job.compare.read_bytes()
