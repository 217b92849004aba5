"""Color photos that data sets are made of."""

import pytest
import skimage.color
import skimage.data
from PIL import Image


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Seven color photos (nested, several formats, not square) and other files."""
    root = tmp_path_factory.mktemp("photos")
    (root / "deep" / "er").mkdir(parents=True)
    sources = [skimage.data.coffee(), skimage.data.chelsea(), skimage.data.astronaut()[:, :300]]
    names = ["a.jpg", "b.PNG", "deep/c.webp", "deep/d.bmp", "deep/er/e.tiff", "deep/er/f.gif", "g.jpeg"]
    for position, name in enumerate(names):
        photo = Image.fromarray(sources[position % 3])
        photo.resize((photo.width // 2, photo.height // 3)).save(root / name)
    Image.fromarray(skimage.data.camera()).save(root / "gray.png")
    (root / "broken.jpg").write_bytes((root / "a.jpg").read_bytes()[:2000])
    (root / "notes.txt").write_text("not a picture")
    return root


@pytest.fixture(scope="session")
def paths(folder):
    from tf_colorize.data import selection  # here, because `make quick` reads this file without TensorFlow

    with pytest.warns(UserWarning):
        return selection.find_photos(folder).paths
