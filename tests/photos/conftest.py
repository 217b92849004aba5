"""A photo."""

import pytest
import skimage


@pytest.fixture
def color():
    """A photo, 80 x 120, with an asymmetric content."""
    return skimage.data.astronaut()[20:100, 180:300]
