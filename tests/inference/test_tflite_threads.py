"""LiteRT's interpreters: one for all threads that take turns, and more only for calls at the same time."""

import concurrent.futures
import pathlib
import threading

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert

from tf_colorize.inference import runtimes

MODEL = pathlib.Path(__file__).parents[1] / "files" / "tiny_32.tflite"


@pytest.fixture
def made(monkeypatch):
    """Collects the interpreters that are made."""
    interpreters, original = [], litert.Interpreter

    def make(*arguments, **options):
        interpreters.append(original(*arguments, **options))
        return interpreters[-1]

    monkeypatch.setattr(litert, "Interpreter", make)
    return interpreters


def test_threads_that_take_turns_share_an_interpreter(made):
    predictor = runtimes.from_tflite(MODEL, threads=1)
    for _ in range(3):
        thread = threading.Thread(target=predictor.predict_ab, args=(np.zeros((1, 32, 32, 1), np.float32),))
        thread.start()
        thread.join()
    assert len(made) == 1


def test_calls_at_the_same_time_do_not_mix(made):
    predictor = runtimes.from_tflite(MODEL, threads=1)
    planes = [np.random.default_rng(seed).uniform(-1, 1, (1, 32, 32, 1)).astype(np.float32) for seed in range(24)]
    expected = [predictor.predict_ab(plane) for plane in planes]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(predictor.predict_ab, planes))
    np.testing.assert_array_equal(found, expected)
    assert len(made) <= 4
