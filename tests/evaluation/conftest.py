"""Photos that are evaluated."""

import pytest
import skimage.data
from PIL import Image


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of three color photos that are not square."""
    folder = tmp_path_factory.mktemp("photos")
    for name, picture in [
        ("astronaut.png", skimage.data.astronaut()[:300, :400]),
        ("cat.png", skimage.data.chelsea()),
        ("coffee.jpg", skimage.data.coffee()),
    ]:
        Image.fromarray(picture).save(folder / name, quality=95)
    return folder
