"""Completes a release in dist/: adds models, the release notes of this version and checksums to the wheel and the
sdist.

`make release` builds the wheel and the sdist and exports the ONNX files first, and tests the packages afterwards.
"""

import argparse
import gzip
import hashlib
import pathlib
import re
import sys
import tarfile

import tf_colorize
from tf_colorize import whole
from tf_colorize.commands import streams

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHECKSUMS = "SHA256SUMS"
_HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)


@streams.usable
def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dist", type=pathlib.Path, help="folder with the wheel and the sdist of this version")
    parser.add_argument("--models", type=pathlib.Path, help="folder with more exports of the model, colorizer*.onnx")
    options = parser.parse_args(arguments)
    try:
        complete(options.dist, ROOT, tf_colorize.__version__, options.models)
    except (ValueError, OSError) as error:
        print(f"release.py: {error}", file=sys.stderr)
        return 1
    for path in sorted(options.dist.iterdir()):
        print(f"{path.stat().st_size / 1e6:8.1f} MB  {path}")
    return 0


def complete(dist, root, version, models_folder=None):
    """Adds all other files to the wheel and the sdist of a version.

    Args:
        dist: Folder with the two.
        root: The checkout from which they were built.
        version: Such as "0.2.0".
        models_folder: Folder with exports that are not in the checkout, or None.

    Raises:
        ValueError: the changelog has no dated section of the version, or `dist` contains other files.
    """
    whole.remove_dead(dist)
    built = {path.name for path in dist.glob("*")}
    packages = {name for name in built if re.fullmatch(rf"tf_colorize-{re.escape(version)}(-.*\.whl|\.tar\.gz)", name)}
    if len(packages) != 2:
        raise ValueError(f"{dist}: must contain a wheel and an sdist of version {version}; run make dist")
    name = f"tf_colorize-{version}"
    models = {path.name.replace("colorizer", f"{name}-colorizer", 1): path for path in exported(root, models_folder)}
    others = built - packages - {"NOTES.md", CHECKSUMS, f"{name}-saved_model.tar.gz", *models}
    if others:
        raise ValueError(f"{dist}: contains other files, {', '.join(sorted(others))}; run make dist")
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    whole.write_text(dist / "NOTES.md", notes(text, version))
    for target, path in models.items():
        whole.copy(path, dist / target)
    pack(root / "saved_models" / "colorizer", dist / f"{name}-saved_model.tar.gz")
    lines = [f"{sha256(path)}  {path.name}\n" for path in sorted(dist.iterdir()) if path.name != CHECKSUMS]
    whole.write_text(dist / CHECKSUMS, "".join(lines))


def exported(root, models_folder):
    """Returns the model as single files, one for each format in the checkout or the other folder."""
    folders = [root / "saved_models", *([models_folder] if models_folder else [])]
    patterns = ("colorizer*.tflite", "colorizer*.onnx")
    found = [path for folder in folders for pattern in patterns for path in folder.glob(pattern)]
    if models_folder and not any(path.parent == models_folder for path in found):
        raise ValueError(f"{models_folder}: holds no colorizer*.onnx; export one there (scripts/export.py)")
    return sorted(found)


def notes(changelog, version):
    """Returns the section of a version, without its heading.

    Raises:
        ValueError: there is no such section, or it has no date.
    """
    headings = list(_HEADING.finditer(changelog))
    for index, heading in enumerate(headings):
        if heading["version"] == version:
            if heading["date"] is None:
                raise ValueError(f"CHANGELOG.md: version {version} has no date; write ## [{version}] - YYYY-MM-DD")
            end = headings[index + 1].start() if index + 1 < len(headings) else len(changelog)
            return changelog[heading.end() : end].strip() + "\n"
    raise ValueError(f"CHANGELOG.md: no section of version {version}; write ## [{version}] - YYYY-MM-DD")


def pack(folder, target):
    """Packs a folder reproducibly: the same files always give the same bytes."""

    def plain(entry):
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    with (
        whole.open_whole(target) as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        archive.add(folder, folder.name, recursive=False, filter=plain)
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder.parent).as_posix(), recursive=False, filter=plain)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
