"""Recipes: models made in several steps, by a command that can be repeated."""

import pathlib

import keras
import numpy as np
import pytest
import small_networks
import small_recipes
import tensorflow as tf

from tf_colorize import models, recipe
from tf_colorize.commands import train
from tf_colorize.models import anatomy, blocks, grafts, saving
from tf_colorize.training import averaging, checkpoints, preparation, recipe_files, resolving, settings, stages

RECIPES = sorted((pathlib.Path(__file__).parents[2] / "scripts" / "recipes").glob("*.toml"))
SHIPPED = pathlib.Path(__file__).parents[2] / "saved_models" / "colorizer" / "1"

TRAIN = """
batch_size = 4
encoder_weights = "none"
epochs = 1
image_size = 32
precision = "float32"
pretrain_epochs = 1
steps_per_epoch = 2
"""
MEAN = """
image_size = 64
terms = '''Ask
me.'''
"""
SMALL = f"""
{small_recipes.two_and_their_mean(TRAIN, TRAIN, MEAN)}
[[step]]
name = "hints"
[step.train]
mode = "pretrain"
hints = true
init = "half/generator.keras"
batch_size = 4
image_size = 32
precision = "float32"
pretrain_epochs = 1
steps_per_epoch = 2
[[step]]
name = "moved"
[step.blend]
first = "first/stage1.keras"
second = "second/stage2.keras"
share = 0.25
hints = "hints/generator.keras"
terms = "Ask me."
[[step]]
name = "files"
[step.export]
model = "moved/generator.keras"
rounded = true
"""


@pytest.fixture
def small(monkeypatch):
    def build(config, report=print):
        generator = small_networks.generator(config)
        return grafts.add_hints(generator) if config.hints else generator

    monkeypatch.setattr(preparation, "build_generator", build)
    patchgan = models.patchgan
    monkeypatch.setattr(models, "patchgan", lambda spectral_norm=False: patchgan(filters=4))


@pytest.mark.slow
def test_a_recipe_runs_step_by_step_and_resumes(tmp_path, photo_folder, small, monkeypatch):
    (tmp_path / "small.toml").write_text(SMALL)
    run = {"data": str(photo_folder), "run_dir": tmp_path / "run"}
    train = stages.train

    def interrupted(config, **arguments):
        if pathlib.Path(config.run_dir).name == "second":
            raise checkpoints.TrainingStopped("interrupted")
        return train(config, **arguments)

    monkeypatch.setattr(stages, "train", interrupted)
    with pytest.raises(checkpoints.TrainingStopped):
        recipe.run(tmp_path / "small.toml", **run, report=lambda line: None)
    monkeypatch.setattr(stages, "train", train)
    lines = []
    recipe.run(tmp_path / "small.toml", **run, report=lines.append)
    titles = [line for line in lines if line.startswith("step ")]
    assert titles[0] == "step 1 of 6: first (train): already done"
    assert titles[5] == "step 6 of 6: files (export)"
    names = ("first/stage1", "second/stage2", "half/generator", "hints/generator", "moved/generator")
    one, other, half, hints, moved = (saving.load_generator(tmp_path / "run" / f"{name}.keras") for name in names)
    for a, b, mean in zip(one[0].get_weights(), other[0].get_weights(), half[0].get_weights(), strict=True):
        np.testing.assert_allclose(mean, (a + b) / 2, atol=1e-7)
    assert (half[1]["image_size"], half[1]["terms"]) == (64, "Ask me.")
    trained = zip(anatomy.automatic(moved[0]).get_weights(), one[0].get_weights(), other[0].get_weights(), strict=True)
    for mean, a, b in trained:
        np.testing.assert_allclose(mean, 0.75 * a + 0.25 * b, atol=1e-7)
    branch = {layer.name: layer for layer in hints[0].layers if layer.name.startswith("hints_")}
    own = {layer.name: layer for layer in moved[0].layers if layer.name.startswith("hints_")}
    assert own.keys() == branch.keys()
    for name, layer in own.items():
        for mine, theirs in zip(layer.get_weights(), branch[name].get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    saved_model = tmp_path / "run" / "files" / "saved_model" / "1"
    assert saving.load_metadata(saved_model)["terms"] == "Ask me."
    rounded, _ = saving.load_generator(saved_model)
    for value, whole in zip(rounded.get_weights(), moved[0].get_weights(), strict=True):
        if value.ndim > 1:
            np.testing.assert_array_equal(value, tf.cast(tf.cast(value, tf.bfloat16), tf.float32))
        np.testing.assert_allclose(value, whole, rtol=2**-8, atol=1e-6)
    assert (tmp_path / "run" / "files" / "colorizer.tflite").stat().st_size > 1000


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_the_recipes_of_the_package_are_valid(path):
    steps = recipe_files.load(path)
    made = set()
    for name, kind, table in steps:
        table = {key: value for key, value in table.items() if key != "after"}
        inputs = [table[key] for key in ("init", "first", "second", "hints", "model") if key in table]
        inputs = [path for path in inputs if path is not True]  # of a training step, `hints` is a switch
        assert {path.split("/")[0] for path in inputs} <= made
        made.add(name)
        if kind == "train":
            trained_with = {"image_size": 192, "pretrain_loss": "classification", "lambda_l1": 0.0}
            resolving.resolve(settings.TrainConfig(**table), trained_with if "init" in table else None)
    assert steps[-1][1] == "export"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[step", "not valid TOML"),
        ("a = 1", "at least one"),
        ("[[step]]\nname = 'a'", "must have a name and one of train, blend, nonlocal_mean, export"),
        ("[[step]]\nname = 'a'\n[step.train]\nrun_dir = 'b'", "step 'a' .train. does not take run_dir"),
        ("[[step]]\nname = 'a'\n[step.train]\n[step.after]\nfirst = 'b'", "step 'a' .after. does not take first"),
        ("[[step]]\nname = 'a'\n[step.export]\nmodel = 'b'\n[step.after]\nshare = 1", "must have a name and one"),
        ("[[step]]\nname = 'a'\n[step.blend]\nfirst = 'b'", "step 'a' .blend. lacks second, share"),
        ("[[step]]\nname = 'a'\n[step.train]\n[[step]]\nname = 'a'\n[step.train]", "a different name"),
    ],
)
def test_a_bad_recipe_is_refused_before_anything_is_trained(tmp_path, text, message):
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ValueError, match=message):
        recipe.run(tmp_path / "bad.toml", data="absent", run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_gains_are_set_and_change_the_picture():
    inputs = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(2, 1, name="chroma")(inputs)
    outputs = blocks.ChromaContrast(1.0, 1.1, name="chroma_contrast")(x)
    generator = keras.Model(inputs, outputs)
    lightness = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 1)).astype("float32")
    anatomy.set_gains(generator, mean_gain=0.0, contrast=0.0, expansion=0.0)
    assert np.abs(generator(lightness)).max() == 0
    with pytest.raises(ValueError, match="built with gains"):
        anatomy.set_gains(keras.Model(inputs, x), 1.0, 1.0, 0.0)


def test_networks_that_differ_are_not_blended():
    inputs = keras.Input((None, None, 1))
    models = [keras.Model(inputs, keras.layers.Conv2D(n, 1)(inputs)) for n in (2, 3)]
    with pytest.raises(ValueError, match="the same architecture"):
        averaging.blend(*models, 0.5)
    with pytest.raises(ValueError, match=r"`share` must be in \[0, 1\]"):
        averaging.blend(models[0], models[0], 1.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "photos", "--epochs", "3"], "Received: epochs"),
        ([], "needs --data"),
        (["--data", "photos"], "bad.toml"),
    ],
)
def test_the_command_reports_errors_in_one_line(tmp_path, capsys, options, message):
    (tmp_path / "bad.toml").write_text("no recipe")
    assert train.main(["--recipe", str(tmp_path / "bad.toml"), *options]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and message in lines[0]


def first_of(path):
    """The untrained generator that the first step of a recipe starts from."""
    _, _, table = recipe_files.load(path)[0]
    config = settings.TrainConfig(**{**table, "data": "photos", "encoder_weights": "none"})
    return preparation.build_generator(resolving.resolve(config), lambda line: None)


def shapes_of(generator):
    return sorted(tuple(weight.shape) for weight in generator.weights)


@pytest.mark.slow
def test_recipes_make_the_network_that_ships_and_the_next_one():
    """A changed default of new generators would break the first or silently change the second."""
    made = {path.stem: first_of(path) for path in RECIPES}
    shipped = anatomy.automatic(saving.load_generator(SHIPPED)[0])
    shapes = shapes_of(shipped)
    assert shapes_of(grafts.add_strength(grafts.add_nonlocal_mean(made["colorizer"]))) == shapes
    assert shapes_of(made["next"]) != shapes
    with pytest.raises(ValueError, match="must not have a nonlocal mean yet"):
        grafts.add_nonlocal_mean(made["next"])
