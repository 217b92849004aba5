"""Reports of a run: right figures, also of an incomplete last batch, no warnings about how they are made, and the
line that shows how far it is."""

import io
import logging

import keras
import numpy as np
import pytest
import skimage.color
import tensorflow as tf

from tf_colorize.training import reports


def generator(a_star):
    """A network that makes every pixel of one color: ab = (a_star, 0) / 110."""
    inputs = keras.Input((None, None, 1))
    layer = keras.layers.Conv2D(2, 1, kernel_initializer="zeros", name="ab")
    model = keras.Model(inputs, layer(inputs))
    layer.bias.assign([a_star / 110, 0.0])
    return model


@pytest.fixture(scope="module")
def batches():
    """Seven gray photos, in batches of four and three."""
    lightness = np.random.default_rng(0).uniform(-0.8, 0.8, (7, 6, 8, 1)).astype("float32")
    return tf.data.Dataset.from_tensor_slices((lightness, np.zeros((7, 6, 8, 2), "float32"))).batch(4)


def test_figures_are_means_over_all_photos(batches):
    figures, (gray, prediction, truth) = reports.ColorReport(generator(20), batches).measure()
    assert figures["delta_e76"] == pytest.approx(20, rel=1e-5) and figures["delta_e76_gray"] == 0
    assert gray.shape == prediction.shape == truth.shape == (7, 6, 8, 3)
    lab = skimage.color.rgb2lab(prediction)
    in_gamut = (prediction > 0.001).all(-1) & (prediction < 0.999).all(-1)
    np.testing.assert_allclose(lab[in_gamut][:, 1:], np.broadcast_to([20, 0], (in_gamut.sum(), 2)), atol=0.1)


def test_many_reports_in_a_process_give_no_warning(batches, caplog):
    """TensorFlow warns if one function is traced five times in a few calls."""
    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.WARNING, logger.name):
            for a_star in range(6):
                figures, _ = reports.ColorReport(generator(a_star), batches).measure()
                assert figures["delta_e76"] == pytest.approx(a_star, abs=1e-4)
    finally:
        logger.removeHandler(caplog.handler)
    assert caplog.messages == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream, monkeypatch):
    """What a line of two epochs of three steps writes to a stream."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "50")
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(reports.time, "monotonic", lambda: next(clock))
    line = reports.StateLine("stage1", 2, 3, 4, stream)
    for epoch in range(2):
        line.on_epoch_begin(epoch)
        for step in range(3):
            line.on_train_batch_end(step, {"loss": 0.25, "delta_e": 7.0})
        line.on_epoch_end(epoch, {"loss": 0.25, "val_loss": 0.5})
    return stream.getvalue()


def test_a_terminal_shows_one_line_that_fits_and_an_epoch_stays(monkeypatch):
    text = shown(Terminal(), monkeypatch)
    *epochs, last = text.split("\n")
    assert last == "" and len(epochs) == 2
    for number, epoch in enumerate(epochs, 1):
        lines = [line.removeprefix("\x1b[2K") for line in epoch.split("\r")]
        assert len(lines) == 3 and all(0 < len(line) < 50 for line in lines)
        assert all(line.startswith(f"stage1  epoch {number}/2  step ") for line in lines)
        assert epoch.count("\x1b") == epoch.count("\x1b[2K") == 3  # nothing but erasing, so nothing to restore


def test_a_file_gets_whole_lines(monkeypatch):
    lines = shown(io.StringIO(), monkeypatch).splitlines()
    assert "\x1b" not in "".join(lines) and len(lines) == 2 + 1  # 30 s pass once within the 60
    assert lines[-1] == "stage1  epoch 2/2  step 3/3  0.4 images/s  0.0 min left  loss 0.25  val_loss 0.5"
