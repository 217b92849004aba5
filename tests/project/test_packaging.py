"""What a wheel contains: every room of the package, and its data files."""

import configparser
import fnmatch
import pathlib

from packaging import requirements

ROOT = pathlib.Path(__file__).parents[2]


def config():
    found = configparser.ConfigParser()
    found.read(ROOT / "setup.cfg", encoding="utf-8")
    return found


def test_every_room_is_packaged():
    packages = set(config()["options"]["packages"].split())
    rooms = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "tf_colorize").rglob("__init__.py")}
    assert packages == rooms | {"tf_colorize.saved_models"}  # which lies beside the package


def test_versions_with_known_faults_are_not_allowed():
    known = {"pillow": "12.1.1", "ray": "2.51.1"}  # CVE-2026-40192, CVE-2026-42310; clusters cannot ask for a token
    lines = [config()["options"]["install_requires"], *config()["options.extras_require"].values()]
    wanted = [requirements.Requirement(line) for text in lines for line in text.split("\n") if line.strip()]
    for name, version in known.items():
        (found,) = [one for one in wanted if one.name == name]
        assert not found.specifier.contains(version), found


def test_every_data_file_is_packaged():
    patterns = {}
    for package, line in config()["options.package_data"].items():
        folder = pathlib.Path("/".join(package.split(".")))
        patterns[folder] = [pattern.strip() for pattern in line.split(",")]
    left_out = []
    for path in sorted((ROOT / "tf_colorize").rglob("*")):
        relative = path.relative_to(ROOT)
        is_built = {"__pycache__", "page"} & set(relative.parts)
        if path.is_dir() or path.suffix == ".py" or is_built:
            continue
        is_packaged = any(
            relative.is_relative_to(folder) and fnmatch.fnmatch(relative.relative_to(folder).as_posix(), pattern)
            for folder, listed in patterns.items()
            for pattern in listed
        )
        left_out += [] if is_packaged else [relative.as_posix()]
    assert left_out == []
