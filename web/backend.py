"""What builds the package: setuptools, which carries the page if Node is there to build it.

pyproject.toml names this module, so `pip install .` in a checkout calls it. Without Node or a network the package has
everything but the page, or the page that is there already, and `tf-colorize demo` says what to do.
"""

import importlib.util
import pathlib
import subprocess
import sys

from setuptools import build_meta
from setuptools.build_meta import (
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]
WEB = pathlib.Path(__file__).resolve().parent


def build_wheel(*arguments, **options):
    build_page()
    return build_meta.build_wheel(*arguments, **options)


def build_sdist(*arguments, **options):
    build_page()
    return build_meta.build_sdist(*arguments, **options)


def build_editable(*arguments, **options):
    build_page()
    return build_meta.build_editable(*arguments, **options)


def build_page():
    """Builds the page of a checkout; a source archive has no sources of it, but the page itself."""
    if not (WEB / "build.mjs").is_file():
        return
    spec = importlib.util.spec_from_file_location("web_build", WEB / "build.py")
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    try:
        build.install_packages(checks=False)
        build.build_page(build.PAGE)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"tf_colorize: the page was not built: {error}", file=sys.stderr)
