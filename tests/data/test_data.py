"""Streams of training and validation data: what a sample is, and that a stream can be entered anywhere."""

import itertools
import shutil

import numpy as np
import pytest
import skimage.color
import skimage.data
import tensorflow as tf
from PIL import Image

from tf_colorize.data import pipeline
from tf_colorize.photos import files


def take(dataset, n):
    return [tuple(part.numpy() for part in batch) for batch in dataset.take(n)]


def same(first, second):
    return len(first) == len(second) and all(np.array_equal(x, y) for pair in zip(first, second) for x, y in zip(*pair))


def test_validation_is_the_center_in_lab(tmp_path):
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


def test_workers_read_only_their_parts_which_make_up_the_batches_of_one(paths, monkeypatch, tmp_path):
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
    # Red grows along x and green along y, both by 4 per pixel: distortion would show as a difference between the two
    # slopes.
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
        _, ab = reader.random_sample(0, position, 16)
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


def test_an_error_names_a_file_that_broke_since_it_was_found(tmp_path):
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


def test_reading_never_decodes_below_the_size_that_is_asked_for(tmp_path):
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "photo.jpg")
    sharp = np.asarray(pipeline._crop(tmp_path / "photo.jpg", 200, side=0.8))
    full = files.open_rgb(tmp_path / "photo.jpg")
    box = (51.2, 51.2, 460.8, 460.8)
    expected = np.asarray(full.resize((200, 200), Image.Resampling.BILINEAR, box=box))
    assert np.abs(sharp.astype(int) - expected).mean() < 2
