"""data.py: what is found, what a sample is, and that a stream can be entered anywhere."""

import itertools
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import skimage.color
import skimage.data
import tensorflow as tf
from PIL import Image

from tf_colorize.data import pipeline, selection
from tf_colorize.photos import files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seven color photos (nested, several formats, not square) and what else lies about."""
    root = tmp_path_factory.mktemp("photos")
    (root / "deep" / "er").mkdir(parents=True)
    sources = [skimage.data.coffee(), skimage.data.chelsea(), skimage.data.astronaut()[:, :300]]
    names = ["a.jpg", "b.PNG", "deep/c.webp", "deep/d.bmp", "deep/er/e.tiff", "deep/er/f.gif", "g.jpeg"]
    for position, name in enumerate(names):
        photo = Image.fromarray(sources[position % 3])
        photo.resize((photo.width // 2, photo.height // 3)).save(root / name)
    Image.fromarray(skimage.data.camera()).save(root / "gray.png")
    (root / "broken.jpg").write_bytes((root / "a.jpg").read_bytes()[:2000])
    (root / "notes.txt").write_text("not a picture")
    return root


@pytest.fixture(scope="module")
def paths(folder):
    with pytest.warns(UserWarning):
        return selection.find_photos(folder).paths


def take(dataset, n):
    return [tuple(part.numpy() for part in batch) for batch in dataset.take(n)]


def same(first, second):
    return len(first) == len(second) and all(np.array_equal(x, y) for pair in zip(first, second) for x, y in zip(*pair))


def test_find_photos_counts_what_it_leaves_out(folder):
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


def test_validation_is_the_centre_in_lab(tmp_path):
    # 64 x 32, so that the center square is cut without any resampling.
    rgb = np.random.default_rng(0).integers(0, 256, (32, 64, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "photo.png")
    dataset = pipeline.image_dataset([tmp_path / "photo.png"], 32, 4)
    (lightness, ab) = take(dataset, 1)[0]
    expected = skimage.color.rgb2lab(rgb[:, 16:48])
    assert lightness.shape == (1, 32, 32, 1) and ab.shape == (1, 32, 32, 2)
    np.testing.assert_allclose((lightness[0] + 1) * 50, expected[..., :1], atol=1e-3)
    np.testing.assert_allclose(ab[0] * 110, expected[..., 1:], atol=1e-3)


def test_validation_is_deterministic_and_keeps_the_last_batch(paths):
    dataset = pipeline.image_dataset(paths, 32, 4)
    assert dataset.element_spec[0].shape == (None, 32, 32, 1)
    assert dataset.element_spec[1].shape == (None, 32, 32, 2)
    assert dataset.cardinality() == 2
    batches = take(dataset, -1)
    assert [len(lightness) for lightness, _ in batches] == [4, 3]
    assert same(batches, take(dataset, -1))
    assert same(batches, take(pipeline.image_dataset(paths, 32, 4, seed=9), -1))


def test_training_data_set_changes_from_epoch_to_epoch_and_repeats_from_a_seed(paths):
    dataset = pipeline.image_dataset(paths, 32, 3, training=True, seed=1)
    assert dataset.cardinality() == 2
    assert dataset.element_spec[0].shape == (3, 32, 32, 1)
    first, second = take(dataset, -1), take(dataset, -1)
    assert len(first) == len(second) == 2 and not same(first, second)
    again = pipeline.image_dataset(paths, 32, 3, training=True, seed=1)
    assert same(take(again, -1), first) and same(take(again, -1), second)
    assert not same(take(pipeline.image_dataset(paths, 32, 3, training=True, seed=2), -1), first)


def test_a_stream_is_the_same_wherever_it_is_entered(paths):
    whole = take(pipeline.training_batches(paths, 32, 4, seed=5), 6)
    for step in (1, 4):
        late = pipeline.training_batches(paths, 32, 4, seed=5, first_step=step)
        assert same(take(late, 6 - step), whole[step:])
    assert not same(take(pipeline.training_batches(paths, 32, 4, seed=6), 6), whole)


def test_workers_together_read_the_batches_of_one_and_each_only_its_own(paths, monkeypatch, tmp_path):
    whole = take(pipeline.training_batches(paths, 32, 6, seed=5), 2)
    for count in (2, 3):
        streams = [pipeline.training_batches(paths, 32, 6, seed=5, share=(i, count)) for i in range(count)]
        for step, parts in enumerate(zip(*(take(stream, 2) for stream in streams))):
            assert same([tuple(map(np.concatenate, zip(*parts)))], [whole[step]])
    read, crop = [], pipeline._crop
    monkeypatch.setattr(pipeline, "_crop", lambda path, *more: read.append(path) or crop(path, *more))
    # Copies, because other streams may still read ahead.
    few = [shutil.copy(path, tmp_path) for path in paths[:5]]
    # Of 5 photos in batches of 4, the second worker has photos 2 and 3, and nothing of the last batch.
    for index, expected in ((0, [few[0], few[1], few[4]]), (1, [few[2], few[3]])):
        dataset = pipeline.image_dataset(few, 32, 4, share=(index, 2))
        assert len(dataset) == (2, 1)[index] and sum(len(ab) for _, ab in dataset) == len(expected)
        assert sorted(path for path in read if path in few) == sorted(expected)
        read.clear()


def test_two_iterators_do_not_disturb_each_other(paths):
    dataset = pipeline.training_batches(paths, 32, 2, seed=5)
    first, second = iter(dataset), iter(dataset)
    next(second)
    pairs = [(next(first), next(second)) for _ in range(4)]
    whole = take(dataset, 5)
    assert same([pair[0] for pair in pairs], whole[:4])
    assert same([pair[1] for pair in pairs], whole[1:])


def test_an_epoch_holds_every_photo_once(tmp_path):
    # Each photo has its own gray value (no color), which a crop and a flip keep.
    for value in range(10):
        Image.new("RGB", (40, 30), (value * 20,) * 3).save(tmp_path / f"{value}.png")
    stream = pipeline.training_batches(sorted(tmp_path.iterdir()), 8, 5, seed=0)
    values = [lightness[:, 0, 0, 0] for lightness, _ in take(stream, 6)]
    epochs = np.concatenate(values).reshape(3, 10)
    assert all(len(np.unique(epoch)) == 10 for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1])


def test_fewer_photos_than_a_batch_are_repeated(paths):
    (lightness, _), *_ = take(pipeline.training_batches(paths[:1], 32, 4, seed=0), 2)
    assert lightness.shape == (4, 32, 32, 1)
    assert len(np.unique(lightness.reshape(4, -1), axis=0)) == 4  # other crops of it
    assert len(take(pipeline.image_dataset(paths[:2], 32, 8, training=True), -1)) == 1


def test_crops_are_square_undistorted_and_flipped_half_of_the_time(tmp_path):
    # Red grows along x and green along y, both by 4 per pixel: distortion would show as
    # a difference between the two slopes.
    y, x = np.mgrid[:50, :60]
    rgb = np.stack([x * 4, y * 4, np.full_like(x, 128)], axis=-1).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "ramp.png")
    reader = pipeline._Reader([tmp_path / "ramp.png"], 16, 1)
    random = np.random.default_rng(0)
    for _ in range(20):
        side, left, top = random.uniform(0.71, 1), *random.uniform(size=2)
        crop = np.asarray(pipeline._crop(tmp_path / "ramp.png", 16, side, left, top)).astype(float)
        slope = side * 50 * 4 / 16
        np.testing.assert_allclose((crop[3, -3, 0] - crop[3, 2, 0]) / 11, slope, atol=0.25)
        np.testing.assert_allclose((crop[-3, 3, 1] - crop[2, 3, 1]) / 11, slope, atol=0.25)
    slopes = []
    for position in range(200):
        _, ab = reader.random_sample(0, position)
        slopes.append(ab[8, -1, 0] - ab[8, 0, 0])
    assert 70 < (np.array(slopes) > 0).sum() < 130


def test_luma_gray_changes_the_lightness_of_its_share_only(tmp_path):
    Image.new("RGB", (20, 20), (255, 0, 0)).save(tmp_path / "red.png")
    stream = pipeline.training_batches([tmp_path / "red.png"], 8, 100, seed=0, luma_gray=0.3)
    lightness, ab = take(stream, 1)[0]
    # L* of pure red is 53.24; its Rec. 601 luma is gray 76, of which L* is 32.30.
    levels = (lightness[:, 0, 0, 0] + 1) * 50
    expected = skimage.color.rgb2lab(np.full((1, 1, 3), 76, np.uint8))[0, 0, 0]
    is_gray = levels < 40
    np.testing.assert_allclose(levels[is_gray], expected, atol=1e-3)
    np.testing.assert_allclose(levels[~is_gray], 53.24, atol=1e-2)
    assert 15 < is_gray.sum() < 45
    np.testing.assert_allclose(ab * 110, np.broadcast_to([80.09, 67.20], ab.shape), atol=0.01)
    none = take(pipeline.training_batches([tmp_path / "red.png"], 8, 50, seed=0, luma_gray=0.0), 1)
    assert none[0][0].min() > 0


def test_hints_come_with_the_same_photos_and_are_true(paths):
    plain = pipeline.training_batches(paths, 32, 4, seed=3)
    hinted = pipeline.training_batches(paths, 32, 4, seed=3, hints=True)
    shares = []
    for (lightness, ab), (given, targets) in itertools.islice(zip(plain, hinted), 12):
        np.testing.assert_array_equal(given["lightness"], lightness)
        np.testing.assert_array_equal(targets[..., :2], ab)
        is_own = targets[..., 4].numpy().min(axis=(1, 2)) == 1  # hints with the photo's own colors, for all of it
        np.testing.assert_array_equal(targets[..., 2:4].numpy()[is_own], ab.numpy()[is_own])
        shares.append(is_own.mean())
        assert given["hints"].shape == (4, 32, 32, 3) and given["hints"].dtype == tf.float32
    assert 0.25 < np.mean(shares) < 0.75
    later = pipeline.training_batches(paths, 32, 4, seed=3, first_step=11, hints=True)
    np.testing.assert_array_equal(next(iter(later))[0]["hints"], given["hints"])
    validation = pipeline.image_dataset(paths, 32, 4, hints=True)
    first, again = ([x["hints"].numpy() for x, _ in validation] for _ in range(2))
    assert all(np.array_equal(one, other) for one, other in zip(first, again)) and any(one.any() for one in first)


def test_a_file_that_broke_since_it_was_found_is_an_error_that_names_it(tmp_path):
    Image.fromarray(skimage.data.coffee()).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "good.png").read_bytes()[:9000])
    for broken in ("bad.png", "gone.png"):
        paths = [tmp_path / "good.png", tmp_path / broken]
        with pytest.raises(tf.errors.OpError, match=broken):
            take(pipeline.training_batches(paths, 32, 4, seed=0), 2)


def test_works_with_keras_fit(paths):
    import keras

    dataset = pipeline.image_dataset(paths, 32, 2, training=True)
    model = keras.Sequential([keras.layers.Conv2D(2, 1)])
    model.compile("sgd", "mae")
    history = model.fit(dataset, validation_data=pipeline.image_dataset(paths, 32, 4), epochs=2, verbose=0)
    assert np.isfinite(history.history["val_loss"]).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda: pipeline.training_batches([], 32, 4, seed=0),
        lambda: pipeline.training_batches(["a.jpg"], 0, 4, seed=0),
        lambda: pipeline.training_batches(["a.jpg"], 32, 2.0, seed=0),
        lambda: pipeline.training_batches(["a.jpg"], 32, 4, seed=0, first_step=-1),
        lambda: pipeline.training_batches(["a.jpg"], 32, 4, seed=0, luma_gray=30),
        lambda: pipeline.training_batches(["a.jpg"], 32, 4, seed=-1),
        lambda: pipeline.training_batches(["a.jpg"], 32, 4, seed=0, share=(0, 3)),
        lambda: pipeline.training_batches(["a.jpg"], 32, 4, seed=0, share=(2, 2)),
    ],
)
def test_wrong_arguments_are_errors(call):
    with pytest.raises(ValueError, match="Received: .*"):
        call()


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


def start_python(code, tmp_path):
    """Runs code in a process of its own; TensorFlow Datasets wants it to be in a file."""
    (tmp_path / "script.py").write_text(code)
    folders = {"TFDS_DATA_DIR": tmp_path / "tfds", "TF_COLORIZE_CACHE": tmp_path / "cache"}
    environment = os.environ | {name: str(path) for name, path in folders.items()}
    environment["PYTHONPATH"] = str(pathlib.Path(pipeline.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "script.py")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_tfds_data_sets_become_folders(tmp_path):
    process = start_python(TFDS_SCRIPT, tmp_path)
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


EXIT_SCRIPT = """
import sys
from tf_colorize import data
iterator = iter(data.training_batches(PATHS, 256, 8, seed=0))
next(iterator)
print("READY", flush=True)
if INTERRUPTED:
    while True:
        next(iterator)
sys.exit(3)
"""


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_process_ends_while_batches_are_being_read(paths, tmp_path, interrupted):
    header = f"PATHS = {paths!r}\nINTERRUPTED = {interrupted}\n"
    process = start_python(header + EXIT_SCRIPT, tmp_path)
    assert process.stdout.readline() == "READY\n"
    if interrupted:
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    if interrupted:
        assert "KeyboardInterrupt" in errors
    else:
        assert process.returncode == 3


REPLICAS_SCRIPT = """
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from tf_colorize import data
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    model = keras.Sequential([keras.layers.Conv2D(2, 1)])
    model.compile("sgd", "mae")
model.fit(data.image_dataset(PATHS, 32, 4, training=True), validation_data=data.image_dataset(PATHS, 32, 4), verbose=0)
for _ in range(3):  # the iterator is given up in mid-stream
    model.fit(data.training_batches(PATHS, 128, 4, seed=0), steps_per_epoch=2, verbose=0)
print("DONE")
"""


@pytest.mark.slow
def test_feeds_two_replicas(paths, tmp_path):
    output, errors = start_python(f"PATHS = {paths!r}\n{REPLICAS_SCRIPT}", tmp_path).communicate(timeout=120)
    assert "DONE" in output, errors


@pytest.mark.slow
def test_benchmark_prints_the_ratio(tmp_path):
    script = pathlib.Path(__file__).parents[2] / "scripts" / "benchmark.py"
    command = [sys.executable, script, "data", "--images", "20", "--batch-size", "5", "--image-size", "64"]
    environment = os.environ | {"TF_COLORIZE_CACHE": str(tmp_path), "PYTHONPATH": str(script.parents[1])}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    ratio = output.splitlines()[-1].split()
    assert ratio[0] == "ratio" and float(ratio[1]) > 0


def test_reading_never_decodes_below_the_size_that_is_asked_for(tmp_path):
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "photo.jpg")
    sharp = np.asarray(pipeline._crop(tmp_path / "photo.jpg", 200, side=0.8))
    full = files.open_rgb(tmp_path / "photo.jpg")
    box = (51.2, 51.2, 460.8, 460.8)
    expected = np.asarray(full.resize((200, 200), Image.Resampling.BILINEAR, box=box))
    assert np.abs(sharp.astype(int) - expected).mean() < 2
