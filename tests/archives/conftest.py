"""What an archive is made of."""

import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def limit_of_pillow(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # a worker removes it for good


@pytest.fixture
def scans(tmp_path):
    """Photos, and what is none."""
    root = tmp_path / "scans"
    for name in ("b.jpg", "a.PNG", "deep/er/c.tif", ".hidden/d.jpg", "e.color.jpg", "notes.txt", "deep/.f.jpg"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.linear_gradient("L").crop((0, 0, 40, 30)).save(path) if path.suffix != ".txt" else path.touch()
    (root / "broken.jpg").write_bytes(b"\xff\xd8 and no more")
    return root
