"""Inputs that tests send to a served model."""

import exports
import numpy as np
import pytest

SIZE = exports.IMAGE_SIZE
PROTOCOLS = pytest.mark.parametrize("protocol", ["http", "grpc"])


def photo(name="000.png"):
    return (exports.exported().photos / name).read_bytes()


def squares(batch):
    return np.random.default_rng(0).uniform(-1, 1, (batch, SIZE, SIZE, 1)).astype(np.float32)
