"""Photos that trainings in this process learn from, and runs on them."""

import sys

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def operations_as_before():
    """Deterministic operations, which a training asks for, would stay on for all later tests of this process."""
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import config  # nothing public turns it off

        config.disable_op_determinism()


@pytest.fixture
def small_networks(monkeypatch):
    import trainings  # here, because `make quick` reads this file without TensorFlow

    trainings.put_small_networks(monkeypatch)


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for index in range(12):
        smooth = Image.fromarray(rng.integers(0, 256, (3, 4, 3), "uint8")).resize((60, 48), Image.Resampling.BICUBIC)
        smooth.save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="session")
def small_run(photos, folder_of_the_session):
    """The folder of a run of the small networks, which all processes share."""
    import shared_folder
    import trainings

    folder = shared_folder.folder() / "small_run"
    with shared_folder.once("small_run") as is_first, pytest.MonkeyPatch.context() as patch:
        if is_first:
            trainings.put_small_networks(patch)
            trainings.trained(trainings.config_of(photos, folder))
    return folder


@pytest.fixture(scope="session")
def real_run(photos, tmp_path_factory):
    """The folder of a run of the real networks: half a minute."""
    import trainings

    return trainings.trained(trainings.config_of(photos, tmp_path_factory.mktemp("real") / "run"))
