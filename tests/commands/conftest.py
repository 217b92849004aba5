"""The smallest model, and an album, for tests of the command."""

import pytest
import skimage
import tiny_models
from PIL import Image


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return str(tiny_models.write_tflite(tmp_path_factory.mktemp("model")))


@pytest.fixture
def album(tmp_path, monkeypatch):
    """A folder with a gray photo, one in a folder inside it, and the current directory beside it."""
    gray = skimage.data.camera()[100:160, 50:130]
    for name in ("a.jpg", "deep/er/b.PNG"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(gray).save(path, quality=95)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "album"


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """A folder of two gray photos, a.png and b.png, which is the current directory."""
    for name in "ab":
        Image.fromarray(skimage.data.camera()[100:160, 50:130]).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path
