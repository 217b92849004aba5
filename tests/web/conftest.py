"""A colorizer with the model that takes hints, and a photo on the page that has it."""

import pytest


@pytest.fixture(scope="session")
def colorizer(hinting_model):
    from tf_colorize import Colorizer

    return Colorizer.from_tflite(hinting_model)


@pytest.fixture
def colorized(hinting_visitor):
    """A visitor with a colorized photo on a page whose model takes hints."""
    import web_stage  # here, because `make quick` reads this file without a browser

    hinting_visitor.colors("photo.png", web_stage.PHOTO)
    return hinting_visitor
