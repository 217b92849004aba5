"""Models sent to workers: only what loading needs, in a folder that no other user can change."""

import gc
import os
import pathlib
import pickle
import shutil
import stat
import weakref

import numpy as np
import pytest
import tiny_models

import tf_colorize
from tf_colorize.albums import work
from tf_colorize.archives import packed, places, workers
from tf_colorize.commands import ray_job


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def model(tmp_path):
    """A packed model that is no longer where it was."""
    file = tiny_models.write_tflite(tmp_path)
    model = packed.PackedModel.pack(str(file))
    file.rename(tmp_path / "elsewhere.tflite")
    return model


def run_folder(folder):
    for name in ("generator.keras", "checkpoints/1.keras", "logs/events", "settings.json", "contact_sheet.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def saved_model(folder):
    parts = ("saved_model.pb", "fingerprint.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
    more = ("assets/words.txt", "assets.extra/tf_colorize.json", "assets.extra/tf_serving_warmup_requests", "notes.txt")
    for name in (*parts, *more):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def test_a_run_folder_travels_without_its_checkpoints_and_logs(tmp_path):
    model = packed.PackedModel.pack(str(run_folder(tmp_path / "run")))
    assert model.files == {"run/generator.keras": b"generator.keras"} and model.name == str(tmp_path / "run")


def test_only_the_needed_files_of_a_saved_model_are_transferred(tmp_path):
    model = packed.PackedModel.pack(str(saved_model(tmp_path / "1")))
    assert sorted(model.files) == [
        "1/assets.extra/tf_colorize.json",
        "1/assets/words.txt",
        "1/fingerprint.pb",
        "1/saved_model.pb",
        "1/variables/variables.data-00000-of-00001",
        "1/variables/variables.index",
    ]


@pytest.mark.parametrize("kind", ["run folder", "SavedModel"])
def test_the_transferred_files_are_enough_for_loading(tmp_path, temporary, kind):
    pytest.importorskip("tensorflow")
    import exports

    from tf_colorize.models import saving

    folder = run_folder(tmp_path / "model")
    if kind == "SavedModel":
        folder = shutil.copytree(exports.exported().saved_model, tmp_path / "saved")
    else:
        about = {"image_size": exports.IMAGE_SIZE}
        saving.save_generator(exports.generator(), folder / "generator.keras", about)
    model = packed.PackedModel.pack(str(folder))
    folder.rename(tmp_path / "elsewhere")
    colorizer = tf_colorize.Colorizer.load(model.unpack())
    gray = np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))
    expected = tf_colorize.Colorizer.load(tmp_path / "elsewhere")(gray)
    assert np.array_equal(colorizer(gray), expected) and np.ptp(expected) > 0


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no model in this folder: neither generator.keras nor saved_model.pb"):
        packed.PackedModel.pack(str(tmp_path))


def test_a_worker_frees_the_bytes(tmp_path, temporary, model):
    start = pickle.loads(pickle.dumps(ray_job.Start(model, work.Options())))
    place = places.Folder(tmp_path)
    worker = workers.Worker(place, place, start, tf_colorize.__version__)
    assert worker.ready() is None
    data = next(iter(start.model.files.values()))
    held = [weakref.ref(start), weakref.ref(start.model)]
    del start
    gc.collect()
    holders = [one for one in gc.get_referrers(data) if isinstance(one, dict) and "tiny.tflite" in str(list(one))]
    assert holders == [] and [one() for one in held] == [None, None]


def test_the_folder_belongs_to_this_user_alone(temporary, model):
    path = pathlib.Path(model.unpack())
    folder = path.parent.parent
    assert folder.parent == temporary and stat.S_IMODE(folder.stat().st_mode) == 0o700
    before = path.stat()
    assert model.unpack() == str(path) and path.stat().st_mtime_ns == before.st_mtime_ns  # once for all processes
    path.write_bytes(b"somebody else's")
    assert pathlib.Path(model.unpack()).read_bytes() == next(iter(model.files.values()))


def expected_folder(temporary):
    return temporary / f"tf-colorize-{os.geteuid()}"


def trap_link(temporary, trap):
    expected_folder(temporary).symlink_to(trap)


def trap_open(temporary, trap):
    expected_folder(temporary).mkdir()
    expected_folder(temporary).chmod(0o777)


def trap_owner(temporary, trap):
    expected_folder(temporary).mkdir(mode=0o700)
    os.chown(expected_folder(temporary), 65534, 65534)


def trap_file(temporary, trap):
    expected_folder(temporary).write_bytes(b"")


@pytest.mark.parametrize("trap", [trap_link, trap_open, trap_owner, trap_file])
def test_a_folder_prepared_by_another_user_is_not_used(tmp_path, temporary, model, trap):
    if trap is trap_owner and os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    (tmp_path / "trap").mkdir(mode=0o700)
    trap(temporary, tmp_path / "trap")
    path = pathlib.Path(model.unpack())
    assert path.read_bytes() == next(iter(model.files.values()))
    assert expected_folder(temporary) not in path.parents and temporary in path.parents
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    assert list((tmp_path / "trap").iterdir()) == []
    if expected_folder(temporary).is_dir():
        assert list(expected_folder(temporary).iterdir()) == []


def test_a_model_that_others_can_change_is_not_used_where_it_is(tmp_path, temporary):
    file = tiny_models.write_tflite(tmp_path)
    for place, mode in ((file, 0o666), (tmp_path, 0o777)):
        before = place.stat().st_mode
        model = packed.PackedModel.pack(str(file))
        place.chmod(mode)
        assert temporary in pathlib.Path(model.unpack()).parents
        place.chmod(before)
    (tmp_path / "link.tflite").symlink_to(file)
    assert temporary in pathlib.Path(packed.PackedModel.pack(str(tmp_path / "link.tflite")).unpack()).parents
