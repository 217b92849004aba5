"""What a stream reads ahead belongs to its iterator, and goes with it."""

import gc
import time
import weakref

import keras
import numpy as np
import pytest
from PIL import Image

from tf_colorize.data import pipeline


@pytest.fixture
def paths(tmp_path):
    random = np.random.default_rng(0)
    for index in range(6):
        Image.fromarray(random.integers(0, 256, (40, 48, 3), "uint8")).save(tmp_path / f"{index}.png")
    return sorted(tmp_path.iterdir())


@pytest.fixture
def batches_held(monkeypatch):
    """A function that counts the batches that were read and are still in memory."""
    made, read = [], pipeline._Reader.read

    def remembered(self, seed, step):
        parts = read(self, seed, step)
        made.extend(map(weakref.ref, parts))
        return parts

    monkeypatch.setattr(pipeline._Reader, "read", remembered)

    def count():
        assert made
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:  # threads may be in the middle of a batch
            gc.collect()
            if not any(reference() is not None for reference in made):
                return 0
            time.sleep(0.05)
        return sum(reference() is not None for reference in made)

    return count


@pytest.mark.parametrize("hints", [False, True])
def test_abandoned_streams_hold_no_memory(paths, batches_held, hints):
    for seed in range(3):
        stream = iter(pipeline.training_batches(paths, 32, 4, seed=seed, hints=hints))
        next(stream)
        del stream
    assert batches_held() == 0


def test_an_epoch_that_was_left_early_holds_nothing(paths, batches_held):
    for training in (True, False):
        epoch = iter(pipeline.image_dataset(paths, 32, 1, training=training))
        next(epoch)
        del epoch
    assert batches_held() == 0


def test_training_holds_nothing_afterwards(paths, batches_held):
    model = keras.Sequential([keras.Input((32, 32, 1)), keras.layers.Conv2D(2, 1)])
    model.compile("sgd", "mse")
    model.fit(pipeline.training_batches(paths, 32, 4, seed=0), steps_per_epoch=2, epochs=2, verbose=0)
    assert batches_held() == 0


def test_a_stream_continues_while_another_ends(paths):
    def values(stream, count):
        return [next(stream)[1].numpy() for _ in range(count)]

    expected = values(iter(pipeline.training_batches(paths, 32, 4, seed=1)), 6)
    data = pipeline.training_batches(paths, 32, 4, seed=1)
    one, other = iter(data), iter(data)
    found = values(one, 3)
    next(other)
    del other
    gc.collect()
    np.testing.assert_array_equal(found + values(one, 3), expected)
