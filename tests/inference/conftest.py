"""A server that runs the real SavedModel behind TF Serving's protocols, over real sockets."""

import pytest


@pytest.fixture(scope="module")
def server():
    import exports  # here, because `make quick` reads this file without Keras
    import prediction_server

    with prediction_server.serve(exports.exported().saved_model) as running:
        yield running


@pytest.fixture
def model(server):
    model, _ = server
    yield model
    model.unavailable = 0
    model.delay.set()


@pytest.fixture
def addresses(server):
    return server[1]
