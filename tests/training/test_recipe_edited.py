"""Recipes that are edited between two runs: what changed is made again, the rest is not, and nothing is lost."""

import json

import keras
import numpy as np
import pytest

from tf_colorize import recipe
from tf_colorize.models import saving
from tf_colorize.training import stages

RECIPE = """
[[step]]
name = "one"
[step.train]
seed = 1
[[step]]
name = "two"
[step.train]
seed = 2
[[step]]
name = "half"
[step.blend]
first = "one/generator.keras"
second = "two/generator.keras"
share = 0.5
[[step]]
name = "again"
[step.train]
init = "half/generator.keras"
[[step]]
name = "apart"
[step.train]
init = "two/generator.keras"
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A function that runs a recipe, with a stand-in for training, and returns the steps that were made."""
    trained = []

    def train(config, *, resume=False, report=print):
        folder = tmp_path / "run" / config.run_dir.rsplit("/", 1)[-1]
        trained.append((folder.name, resume))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"seed": config.seed}))
        inputs = keras.Input((None, None, 1))
        generator = keras.Model(inputs, keras.layers.Conv2D(2, 1, bias_initializer="ones")(inputs))
        generator.set_weights([np.full(weight.shape, float(config.seed)) for weight in generator.weights])
        saving.save_generator(generator, folder / "generator.keras", {"image_size": 32})
        if failing:
            raise RuntimeError("interrupted")
        return folder

    failing = []
    monkeypatch.setattr(stages, "train", train)

    def run(text, fails=False):
        (tmp_path / "recipe.toml").write_text(text)
        failing[:] = [True] if fails else []
        trained.clear()
        lines = []
        try:
            recipe.run(tmp_path / "recipe.toml", data="photos", run_dir=tmp_path / "run", report=lines.append)
        except RuntimeError:
            assert fails
        return [line for line in lines if line.startswith("step ")], list(trained)

    return run


def share_of(path):
    return float(saving.load_generator(path / "generator.keras")[0].get_weights()[1][0])


def test_an_edited_step_and_its_dependents_are_run_again(made, tmp_path):
    _, trained = made(RECIPE)
    assert trained == [("one", False), ("two", False), ("again", False), ("apart", False)]
    titles, trained = made(RECIPE)
    assert trained == [] and all(title.endswith("already done") for title in titles)
    titles, trained = made(RECIPE.replace("share = 0.5", "share = 0.25"))
    done = [title.endswith("already done") for title in titles]
    assert done == [True, True, False, False, True] and trained == [("again", False)]
    assert "half.before keeps its earlier results" in titles[2]
    assert share_of(tmp_path / "run" / "half") == 1.25 and share_of(tmp_path / "run" / "half.before") == 1.5
    made(RECIPE.replace("share = 0.5", "share = 0.75"))
    assert share_of(tmp_path / "run" / "half.before-2") == 1.25  # nothing that was made is ever replaced


def test_an_interrupted_step_is_not_resumed_after_an_edit(made):
    made(RECIPE, fails=True)
    _, trained = made(RECIPE)
    assert trained[0] == ("one", True)  # unedited, it continues
    made(RECIPE.replace("seed = 1", "seed = 3"), fails=True)
    _, trained = made(RECIPE.replace("seed = 1", "seed = 4"))
    assert trained[0] == ("one", False)


def test_comments_and_order_of_keys_do_not_count_as_edits(made):
    made(RECIPE)
    text = RECIPE.replace('first = "one/generator.keras"\n', "# which is better?\n")
    _, trained = made(text.replace("share = 0.5", 'share = 0.5\nfirst = "one/generator.keras"'))
    assert trained == []


def test_steps_of_earlier_versions_without_a_record_stay_done(made, tmp_path):
    made(RECIPE)
    for path in (tmp_path / "run").glob("*/step.json"):
        path.unlink()
    titles, trained = made(RECIPE)
    assert trained == [] and all(title.endswith("already done") for title in titles)
