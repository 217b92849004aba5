"""Archives for tests, which do not depend on Ray's settings and token on this machine."""

import os

import pytest
from PIL import Image

for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
    os.environ.pop(name, None)  # now, because Ray reads them when it is imported


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    """An empty home folder, where Ray would write and read its token."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(folder))
        patch.setenv("RAY_worker_niceness", "0")  # Ray's 15 would leave its workers nothing on a busy machine
        yield folder


@pytest.fixture(autouse=True)
def limit_of_pillow(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # a worker removes it for good


@pytest.fixture
def scans(tmp_path):
    """Photos and other files."""
    root = tmp_path / "scans"
    for name in ("b.jpg", "a.PNG", "deep/er/c.tif", ".hidden/d.jpg", "e.color.jpg", "notes.txt", "deep/.f.jpg"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.linear_gradient("L").crop((0, 0, 40, 30)).save(path) if path.suffix != ".txt" else path.touch()
    (root / "broken.jpg").write_bytes(b"\xff\xd8 and no more")
    return root
