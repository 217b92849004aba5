"""What `make release` puts beside the wheel and the sdist."""

import pathlib
import shutil
import subprocess
import tarfile

import pytest
import release

import tf_colorize

ROOT = pathlib.Path(__file__).parents[2]
CHANGELOG = """# Changelog

## [1.2.0]

- later

## [1.1.0] - 2026-01-02

### Added

- this

## [1.0.0] - 2026-01-01

- before
"""


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    model = tmp_path / "saved_models" / "colorizer" / "1"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(b"graph")
    (model / "variables" / "variables.index").write_bytes(b"index")
    for name in ("colorizer.tflite", "colorizer.onnx", "README.md"):
        (tmp_path / "saved_models" / name).write_bytes(name.encode())
    (tmp_path / "dist").mkdir()
    for name in ("tf_colorize-1.1.0-py3-none-any.whl", "tf_colorize-1.1.0.tar.gz"):
        (tmp_path / "dist" / name).write_bytes(name.encode())
    return tmp_path


def test_everything_is_there_and_its_checksums_are_right(checkout):
    dist = checkout / "dist"
    for _ in range(2):  # again over an earlier one
        release.complete(dist, checkout, "1.1.0")
    assert sorted(path.name for path in dist.iterdir()) == [
        "NOTES.md",
        "SHA256SUMS",
        "tf_colorize-1.1.0-colorizer.onnx",
        "tf_colorize-1.1.0-colorizer.tflite",
        "tf_colorize-1.1.0-py3-none-any.whl",
        "tf_colorize-1.1.0-saved_model.tar.gz",
        "tf_colorize-1.1.0.tar.gz",
    ]
    assert (dist / "NOTES.md").read_text() == "### Added\n\n- this\n"
    if shutil.which("sha256sum"):
        check = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=dist, capture_output=True, text=True)
        assert check.returncode == 0 and check.stdout.count(": OK") == 6
    with tarfile.open(dist / "tf_colorize-1.1.0-saved_model.tar.gz") as archive:
        found = {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isfile()}
    assert found == {"colorizer/1/saved_model.pb": b"graph", "colorizer/1/variables/variables.index": b"index"}


def test_models_from_another_folder_are_part_of_it(checkout, tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    with pytest.raises(ValueError, match=r"holds no colorizer\*\.onnx; export one there"):
        release.complete(checkout / "dist", checkout, "1.1.0", folder)
    (folder / "colorizer-picture.onnx").write_bytes(b"picture")
    release.complete(checkout / "dist", checkout, "1.1.0", folder)
    assert (checkout / "dist" / "tf_colorize-1.1.0-colorizer-picture.onnx").read_bytes() == b"picture"
    assert "colorizer-picture.onnx" in (checkout / "dist" / "SHA256SUMS").read_text()


def test_the_same_model_gives_the_same_archive(checkout, tmp_path):
    folder = checkout / "saved_models" / "colorizer"
    release.pack(folder, tmp_path / "a.tar.gz")
    for path in folder.rglob("*"):
        path.touch()
        path.chmod(0o700)
    release.pack(folder, tmp_path / "b.tar.gz")
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


@pytest.mark.parametrize(
    ("version", "complaint"),
    [("1.2.0", "version 1.2.0 has no date"), ("1.3.0", "no section of version 1.3.0"), ("1.1", "no section")],
)
def test_a_version_without_notes_is_refused(version, complaint):
    with pytest.raises(ValueError, match=complaint):
        release.notes(CHANGELOG, version)


def test_a_folder_of_another_version_is_refused_and_stays(checkout):
    before = sorted((checkout / "dist").iterdir())
    with pytest.raises(ValueError, match=r"must contain a wheel and an sdist of version 1\.0\.0"):
        release.complete(checkout / "dist", checkout, "1.0.0")
    (checkout / "dist" / "other.txt").touch()
    with pytest.raises(ValueError, match=r"contains other files, other\.txt"):
        release.complete(checkout / "dist", checkout, "1.1.0")
    (checkout / "dist" / "other.txt").unlink()
    assert sorted((checkout / "dist").iterdir()) == before


def test_this_version_is_dated_and_cited():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert release.notes(text, tf_colorize.__version__).startswith("### ")
    date = text.partition(f"## [{tf_colorize.__version__}] - ")[2][:10]
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {tf_colorize.__version__}\n" in cited and f"\ndate-released: {date}\n" in cited


def test_the_changelog_keeps_its_form():
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            assert line == "## [Unreleased]" or release._HEADING.fullmatch(line)
        if line.startswith("### "):
            assert line[4:] in kinds
