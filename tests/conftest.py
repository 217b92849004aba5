"""Photos that tests make themselves, and TensorFlow kept quiet."""

import gc
import os
import signal
import subprocess
import sys
import textwrap

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from PIL import Image

from tf_colorize import processors

# A job in the background ignores Ctrl-C, and so would the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


# PyAV of the version that films need has no wheels for older Pythons.
collect_ignore = ["film"] if sys.version_info < (3, 11) else []

# What `make quick` runs: it needs neither TensorFlow nor a browser.
QUICK = [
    *["broken_photos", "cli", "cli_processes", "cli_refusals", "color_lab", "color_profiles", "demo", "installation"],
    *["leftovers", "measures", "other_systems", "packaging", "photo_files", "processors", "release", "streams"],
    *["structure", "whole"],
]


def pytest_addoption(parser):
    parser.addoption("--quick", action="store_true", help="only the tests that need no TensorFlow and no browser")


def pytest_configure(config):
    if config.getoption("quick"):
        for heavy in ("tensorflow", "keras", "playwright"):
            sys.modules[heavy] = None  # what imports it fails, also where it is installed


def pytest_ignore_collect(collection_path, config):
    if config.getoption("quick") and collection_path.suffix == ".py":
        return collection_path.stem.removeprefix("test_") not in QUICK or None


# Tests wait for other processes half of the time, and a process that has loaded TensorFlow and its networks takes up to
# 2.5 GB; browsers, Ray and the processes that tests start need memory, too.
PROCESSES_PER_PROCESSOR = 2
GIGABYTES_PER_PROCESS = 4


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """The number of processes of `pytest -n auto`."""
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return max(1, min(PROCESSES_PER_PROCESSOR * processors.usable(), int(gigabytes / GIGABYTES_PER_PROCESS)))


# Rooms whose files take longest begin, so that no process has to wait at the end for one of them.
LONG = (
    *("training", "web", "models", "archives", "benchmarks", "film", "export", "inference", "commands", "evaluation"),
    "project",
)


def pytest_collection_modifyitems(items):
    rooms = [*LONG, None]
    items.sort(key=lambda item: rooms.index(item.path.parent.name if item.path.parent.name in LONG else None))


def pytest_collection_finish():
    """Exempts what has been imported from garbage collections, which take a tenth of the time of tracing a graph."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def folder_of_the_session(tmp_path_factory):
    """A folder that all processes of a session share; `shared_folder` finds it by its variable."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDER_OF_THE_SESSION", str(folder))
        yield folder


@pytest.fixture(scope="session")
def training_photos(tmp_path_factory):
    """The folder of photos that `training_processes` trains on."""
    import training_processes

    folder = tmp_path_factory.mktemp("training_photos")
    training_processes.write_photos(folder)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, which is the current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def photo_folder(tmp_path):
    """A folder of twelve small color pictures: blue over green, with an orange disc."""
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(12):
        rows, columns = np.mgrid[:80, :100]
        picture = np.where((rows < 40)[..., None], (90, 140, 220), (60, 130, 50))
        y, x = rng.integers(20, 60, 2)
        picture = np.where(((rows - y) ** 2 + (columns - x) ** 2 < 200)[..., None], (230, 130, 30), picture)
        picture = np.clip(picture + rng.normal(0, 8, (80, 100, 1)), 0, 255)
        Image.fromarray(picture.astype("uint8")).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="session")
def run_python():
    """Runs a piece of Python in a process of its own and returns what it printed."""

    def run(code, **environment):
        process = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)],
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )
        assert process.returncode == 0, process.stderr[-3000:]
        return process.stdout

    return run


@pytest.fixture(scope="session")
def s3_server():
    """A server with the interface of S3 that has a bucket "archive"."""
    for package in ("pyarrow", "moto"):
        pytest.importorskip(package)
    import s3_servers

    with s3_servers.started() as server:
        server.create("archive")
        yield server
