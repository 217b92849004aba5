"""References on a cluster: workers that see neither the user's folder nor the neighbors of a file in a bucket."""

import json
import pickle
import shutil

import pytest
import skimage
from PIL import Image

import tf_colorize
from tf_colorize import hints
from tf_colorize.albums import work
from tf_colorize.archives import places, plan, workers
from tf_colorize.commands import cluster, photo_options


class Remote(places.Folder):
    """A place whose files are copied to be read, as those of a bucket are."""

    def fetch(self, name, scratch):
        return shutil.copy(super().fetch(name, scratch), scratch / f"photo{name[name.rindex('.') :]}")


@pytest.fixture
def album(tmp_path):
    folder = tmp_path / "album"
    (folder / "deep").mkdir(parents=True)
    Image.fromarray(skimage.data.coffee()).save(folder / "color.png")
    Image.fromarray(skimage.data.camera()).save(folder / "deep" / "gray.png")
    return folder


def worked(album, reference):
    """The looks that a worker finds in the hints file of a photo, which has a reference, and the outcome."""
    content = {"version": 1, "hints": [], "look": {"warmth": 0.5, "reference": reference}}
    (album / "deep" / "gray.hints.json").write_text(json.dumps(content))
    looks = []

    def colorize(job):
        looks.append(hints.read_with_look(job.hints)[1])
        return work.Outcome()

    item = plan.Item("deep/gray.png", "gray.png", None, ("gray.png",), "deep/gray.hints.json")
    worker = workers.Worker(Remote(album), places.Folder(album), lambda: colorize, tf_colorize.__version__)
    (outcome,) = worker.run([item])
    return looks, outcome


def test_photos_beside_a_hints_file_are_fetched_with_it(album):
    looks, outcome = worked(album, ["../color.png", {"photo": "../color.png", "time": 3.0}])
    assert outcome == work.Outcome()
    ((first, second),) = (look["reference"] for look in looks)
    expected = tf_colorize.open_reference(album / "color.png")
    assert (first.pixels, first.time, second.time) == (expected.pixels, None, 3.0)


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("none.jpg", "reference none.jpg: No such file or directory"),
        ("../../../secret.jpg", "reference ../../../secret.jpg: is not in "),
        ("/etc/hosts", "reference /etc/hosts: is not in "),
    ],
)
def test_a_missing_reference_is_reported_in_one_line(album, reference, reason):
    looks, outcome = worked(album, [reference])
    assert looks == [] and len(outcome.reason.splitlines()) == 1
    assert outcome.reason.startswith(f"{album}/deep/gray.hints.json: ") and reason in outcome.reason


def test_those_of_the_command_and_of_its_look_file_travel_with_the_job(album, monkeypatch):
    monkeypatch.chdir(album)
    look = {"version": 1, "look": {"vividness": 1.2, "reference": ["color.png"]}}
    (album / "look.json").write_text(json.dumps(look))
    expected = tf_colorize.open_reference("color.png").pixels
    for arguments in (["--reference", "color.png"], ["--look", "look.json"]):
        options = cluster._parser().parse_args(["in", "out", *arguments])
        settings = pickle.dumps(photo_options.settings(options))
        (found,) = pickle.loads(settings).adjustments["reference"]
        assert found.pixels == expected
