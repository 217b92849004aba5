"""Batches of several sizes: which sizes occur and how often, and that a stream can be entered anywhere."""

import collections

import numpy as np
import pytest
from PIL import Image

from tf_colorize.data import pipeline


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for index in range(3):
        colors = np.random.default_rng(index).integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(colors).resize((80, 60), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return sorted(folder.iterdir())


def taken(stream, count):
    return [tuple(np.asarray(part) for part in batch) for batch in stream.take(count)]


def test_each_batch_has_one_of_the_sizes_and_the_stream_can_be_entered_anywhere(paths):
    options = {"seed": 5, "largest_size": 96, "hints": False}
    stream = pipeline.training_batches(paths, 32, 2, **options)
    assert stream.element_spec[0].shape.as_list() == [2, None, None, 1]
    whole = taken(stream, 12)
    assert {lightness.shape for lightness, _ in whole} == {(2, side, side, 1) for side in (32, 64, 96)}
    assert all(ab.shape == (*lightness.shape[:3], 2) for lightness, ab in whole)
    later = taken(pipeline.training_batches(paths, 32, 2, **options, first_step=7), 5)
    for one, other in zip(whole[7:], later, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_workers_have_parts_of_one_size(paths):
    options = {"seed": 5, "largest_size": 64}
    whole = taken(pipeline.training_batches(paths, 32, 4, **options), 4)
    halves = [taken(pipeline.training_batches(paths, 32, 4, **options, share=(i, 2)), 4) for i in range(2)]
    for batch, first, second in zip(whole, *halves, strict=True):
        np.testing.assert_array_equal(batch[0], np.concatenate([first[0], second[0]]))


def test_all_sizes_get_the_same_number_of_pixels(paths):
    reader = pipeline._Reader(paths, 160, 1)
    reader.grow(320)
    counts = collections.Counter(reader.size_at(3, step) for step in range(6000))
    assert sorted(counts) == [160, 192, 224, 256, 288, 320]
    pixels = np.array([count * side**2 for side, count in counts.items()])
    np.testing.assert_allclose(pixels / pixels.mean(), 1.0, atol=0.15)


def test_without_a_largest_size_batches_are_as_before(paths):
    (one,), (same,) = (taken(pipeline.training_batches(paths, 32, 2, seed=1, largest_size=n), 1) for n in (None, 32))
    np.testing.assert_array_equal(one[0], same[0])


@pytest.mark.parametrize("largest", [16, 48, 100])
def test_an_invalid_largest_size_is_refused(paths, largest):
    with pytest.raises(
        ValueError, match=f"`largest_size` must be .* a multiple of 32. Received: largest_size={largest}"
    ):
        pipeline.training_batches(paths, 32, 2, seed=0, largest_size=largest)
