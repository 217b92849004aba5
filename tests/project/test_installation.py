"""Commands in messages about missing packages can be typed as they stand."""

import configparser
import json
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
CODE = "from tf_colorize import installation; print(installation.pip_install('train'))"


def message(package, folder):
    code = f"import sys; sys.path.insert(0, {str(package)!r}); {CODE}"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_checkout_is_installed_from_where_it_is(tmp_path):
    assert message(ROOT, ROOT) == 'pip install ".[train]"'
    assert message(ROOT, tmp_path) == f'pip install "{ROOT}[train]"'


def test_an_installed_wheel_is_extended_by_its_name(tmp_path):
    (tmp_path / "tf_colorize").mkdir()
    for name in ("__init__.py", "installation.py"):
        shutil.copy(ROOT / "tf_colorize" / name, tmp_path / "tf_colorize")
    assert message(tmp_path, tmp_path) == 'pip install "tf_colorize[train]"'


@pytest.mark.parametrize(
    ("note", "command"),
    [
        ({"dir_info": {}}, 'pip install "{}[train]"'),
        ({"dir_info": {"editable": True}}, 'pip install "{}[train]"'),
        ({"archive_info": {}}, 'pip install "tf_colorize[train]"'),
    ],
)
def test_an_installation_from_a_checkout_is_extended_from_it(tmp_path, note, command):
    installed, checkout = tmp_path / "site-packages", tmp_path / "a checkout"
    for folder in (installed / "tf_colorize", installed / "tf_colorize-1.0.dist-info", checkout):
        folder.mkdir(parents=True)
    for name in ("__init__.py", "installation.py"):
        shutil.copy(ROOT / "tf_colorize" / name, installed / "tf_colorize")
    (checkout / "setup.cfg").touch()
    facts = installed / "tf_colorize-1.0.dist-info"
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: tf_colorize\nVersion: 1.0\n")
    (facts / "direct_url.json").write_text(json.dumps({"url": checkout.as_uri(), **note}))
    assert message(installed, tmp_path) == command.format(checkout)
    assert message(installed, checkout) == command.format("." if "dir_info" in note else "")
    (checkout / "setup.cfg").unlink()  # a checkout that is gone
    assert message(installed, tmp_path) == 'pip install "tf_colorize[train]"'


# A machine takes wheels for its own and for older systems.
PLATFORMS = {
    "Windows x64": ["win_amd64"],
    "macOS arm64": ["macosx_14_0_arm64"],
    "Linux arm64": [f"manylinux_2_{minor}_aarch64" for minor in range(17, 29)],
}


def base_requirements():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return [line for line in config["options"]["install_requires"].splitlines() if line and not line.startswith("#")]


@pytest.mark.slow
@pytest.mark.parametrize("version", ["3.10", "3.12", "3.14"])
@pytest.mark.parametrize("system", PLATFORMS)
def test_pip_finds_wheels_for_other_systems(system, version, tmp_path):
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--only-binary=:all:"]
    command += ["--python-version", version, "--target", str(tmp_path), "--retries", "1", *base_requirements()]
    command += [option for name in PLATFORMS[system] for option in ("--platform", name)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and "connection broken" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "ai-edge-litert" in done.stdout.replace("_", "-")
