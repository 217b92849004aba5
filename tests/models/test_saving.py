"""Files of generators: whatever fails, Keras leaves no temporary files, and the reason is clear."""

import errno
import os

import keras
import pytest
import tiny_models

from tf_colorize.models import saving


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    return tmp_path / "tmp"


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path, temporary, monkeypatch):
    def fails(*_):
        raise OSError(errno.EIO, "Input/output error")

    generator = tiny_models.keras_model()
    monkeypatch.setattr(keras.layers.Layer, "save_own_variables", fails)
    with pytest.raises(OSError, match="Input/output error"):
        saving.save_generator(generator, tmp_path / "generator.keras", {"image_size": 32})
    assert os.listdir(tmp_path) == ["tmp"] and not os.listdir(temporary)


def test_a_full_disk_is_the_reason_that_a_file_cannot_be_loaded(tmp_path, temporary, monkeypatch):
    path = tmp_path / "generator.keras"
    saving.save_generator(tiny_models.keras_model(), path, {"image_size": 32})

    def is_full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(temporary))

    monkeypatch.setattr(keras.saving, "load_model", is_full)
    with pytest.raises(ValueError) as caught:
        saving.load_generator(path)
    assert str(caught.value) == f"{path}: cannot be loaded: No space left on device: {temporary}"
    temporary.rmdir()
    with pytest.raises(ValueError, match=f"{path}: cannot be loaded: No such file or directory: {temporary}"):
        saving.load_generator(path)


def test_a_killed_process_leaves_nothing_that_the_next_does_not_remove(tmp_path, temporary, monkeypatch):
    path = tmp_path / "generator.keras"
    saving.save_generator(tiny_models.keras_model(), path, {"image_size": 32})
    places = []
    load_model = keras.saving.load_model

    def watched(*arguments, **options):
        model = load_model(*arguments, **options)
        places.extend(os.listdir(temporary))
        return model

    monkeypatch.setattr(keras.saving, "load_model", watched)
    saving.load_generator(path)
    assert places and all(name.startswith(".tf-colorize-") for name in places) and not os.listdir(temporary)
