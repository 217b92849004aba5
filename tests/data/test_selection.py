"""Which photos a data set consists of: folders, the sample, TensorFlow Datasets."""

import pathlib

import data_process
import numpy as np
import pytest
import skimage.color
import skimage.data
from PIL import Image

from tf_colorize.data import selection


def test_find_photos_counts_the_photos_left_out(folder):
    seen = []
    with pytest.warns(UserWarning, match="1 picture files cannot be read(.|\n)*broken.jpg"):
        photos = selection.find_photos(folder, progress=lambda done, total: seen.append((done, total)))
    assert [pathlib.Path(path).stem for path in photos.paths] == list("abcdefg")
    assert photos.n_gray == 1 and len(photos.unreadable) == 1
    assert seen == [(done, 9) for done in range(1, 10)]
    with pytest.warns(UserWarning):
        assert len(selection.find_photos(folder, min_colorfulness=0).paths) == 8


def test_many_unreadable_files_are_one_short_warning(tmp_path):
    for position in range(30):
        (tmp_path / f"{position}.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning) as seen, pytest.raises(ValueError, match="30 cannot be read"):
        selection.find_photos(tmp_path)
    assert len(seen) == 1 and "and 10 more" in str(seen[0].message)


def test_a_folder_without_usable_photos_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"0 picture files \(.jpg"):
        selection.find_photos(tmp_path)
    Image.fromarray(skimage.data.camera()).save(tmp_path / "gray.png")
    with pytest.raises(ValueError, match="1 are gray"):
        selection.find_photos(tmp_path)
    with pytest.raises(ValueError, match="no such file or folder"):
        selection.find_photos(tmp_path / "absent")


def test_split_is_a_partition_and_deterministic():
    names = [f"{position:03}.jpg" for position in range(50)]
    train, validation = selection.split(names, 0.2, seed=3)
    assert len(validation) == 10 and sorted(train + validation) == names
    assert selection.split(names, 0.2, seed=3) == (train, validation)
    assert selection.split(names, 0.2, seed=4) != (train, validation)
    assert [len(part) for part in selection.split(names[:2], 0.01)] == [1, 1]
    assert [len(part) for part in selection.split(names[:2], 0.99)] == [1, 1]
    for fraction, some in ((0.0, names), (1.0, names), (0.5, names[:1])):
        with pytest.raises(ValueError, match="Received"):
            selection.split(some, fraction)


def test_sample_photos_have_a_held_out_part(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_COLORIZE_CACHE", str(tmp_path / "cache"))
    train = selection.find_photos("sample").paths
    validation = selection.find_photos("sample@validation").paths
    assert len(train) == len(validation) == 5
    for name, photo in (("astronaut", skimage.data.astronaut()), ("coffee", skimage.data.coffee())):
        parts = [Image.open(next(path for path in some if name in path)) for some in (train, validation)]
        if name == "astronaut":  # held out on the left
            parts.reverse()
        np.testing.assert_array_equal(np.concatenate([np.asarray(part) for part in parts], axis=1), photo)
    with pytest.raises(ValueError, match="train, validation"):
        selection.find_photos("sample@test")


TFDS_SCRIPT = """
import numpy as np, tensorflow_datasets as tfds, skimage.data
from PIL import Image
from tf_colorize import data

class TinyPhotos(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    FEATURES = {"photo": tfds.features.Image(shape=(None, None, 3)), "label": np.int64}
    def _info(self):
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(self.FEATURES))
    def _split_generators(self, manager):
        return {"train": self._generate_examples(3), "test": self._generate_examples(1)}
    def _generate_examples(self, n):
        for position in range(n):
            yield position, {"photo": skimage.data.coffee()[: 50 + position], "label": 0}

class TinyNumbers(TinyPhotos):
    FEATURES = {"x": np.int64}

for name in ("tiny_photos", "tiny_photos@test", "tiny_photos@train[:2]", "tiny_photos"):
    paths = data.find_photos("tfds:" + name).paths
    heights = sorted(np.shape(Image.open(path))[0] for path in paths)
    print("FOUND", len(paths), heights)
for name in ("tiny_photos@nothing", "tiny_photos:7.0.0", "tiny_numbers", "no_such_data_set"):
    try:
        data.find_photos("tfds:" + name)
    except ValueError as error:
        print("ERROR", error)
"""


@pytest.mark.slow
def test_tfds_data_sets_become_folders(tmp_path):
    process = data_process.started(TFDS_SCRIPT, tmp_path)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    lines = [line for line in output.splitlines() if line.startswith(("FOUND", "ERROR"))]
    assert lines[:2] == ["FOUND 3 [50, 51, 52]", "FOUND 1 [50]"]
    assert lines[2].startswith("FOUND 2") and lines[3] == lines[0]
    assert "nothing" in lines[4] and "train, test" in lines[4]
    assert "7.0.0" in lines[5]
    assert "must be a data set with RGB images" in lines[6]
    assert "no_such_data_set" in lines[7]
    assert len(lines) == 8
    assert not list((tmp_path / "cache" / "tfds").glob(".writing-*"))
