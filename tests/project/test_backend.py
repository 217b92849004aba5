"""The build backend of `pip install .` includes the page if Node is there, and installs without it otherwise."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import web_browser

CALL = "import sys; sys.path.insert(0, 'web'); import backend; backend.build_page()"


@pytest.fixture
def checkout(tmp_path):
    """The part of a checkout that has the page's sources, with npm's packages."""
    shutil.copytree(web_browser.WEB, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules", "dist"))
    (tmp_path / "tf_colorize").mkdir()
    return tmp_path


def built(checkout, **environment):
    environment = {**os.environ, **environment}
    return subprocess.run(
        [sys.executable, "-c", CALL], cwd=checkout, env=environment, capture_output=True, text=True, check=True
    )


def test_the_page_is_built_completely(checkout):
    if not (web_browser.WEB / "node_modules").is_dir() or not shutil.which("node"):
        pytest.skip("needs Node and its packages: make web")
    (checkout / "web" / "node_modules").symlink_to(web_browser.WEB / "node_modules")
    page = checkout / "tf_colorize" / "page"
    page.mkdir()
    (page / "of an older version").touch()
    built(checkout)
    names = {path.name for path in page.iterdir()}
    assert {"index.html", "main.js", "worker.js", "sw.js", "samples", "icons", "wasm"} <= names
    assert "of an older version" not in names


def test_without_node_the_rest_is_installed_and_an_older_page_stays(checkout, tmp_path):
    page = checkout / "tf_colorize" / "page"
    page.mkdir()
    (page / "index.html").write_text("older")
    said = built(checkout, PATH=str(tmp_path / "nothing")).stderr
    assert "the page was not built" in said and "Node 20" in said
    assert (page / "index.html").read_text() == "older"


def test_a_source_archive_builds_with_the_page_that_it_has(checkout):
    for path in (checkout / "web").iterdir():
        if path.name != "backend.py":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert built(checkout).stderr == ""


def test_pip_calls_it():
    tomllib = pytest.importorskip("tomllib", reason="part of Python from 3.11 on")
    text = (web_browser.WEB.parent / "pyproject.toml").read_text(encoding="utf-8")
    named = tomllib.loads(text)["build-system"]
    assert named["backend-path"] == [web_browser.WEB.name]
    assert (web_browser.WEB / f"{named['build-backend']}.py").is_file()


def test_the_backend_offers_everything_that_setuptools_offers():
    sys.path.insert(0, str(web_browser.WEB))
    try:
        import backend
    finally:
        sys.path.remove(str(web_browser.WEB))
    from setuptools import build_meta

    hooks = {name for name in dir(build_meta) if name.startswith(("build_", "get_requires_", "prepare_"))}
    assert hooks & set(build_meta.__all__) <= set(backend.__all__)
    assert pathlib.Path(backend.__file__).parent == web_browser.WEB
