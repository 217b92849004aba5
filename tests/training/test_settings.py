"""The table of settings: defaults, checks, what fine-tuning takes over, --help and the manual come from its lines."""

import dataclasses
import pathlib

import numpy as np
import pytest

from tf_colorize import losses
from tf_colorize.commands import train
from tf_colorize.models import backbone_weights, catalog
from tf_colorize.training import distribution, fields, objectives, preparation, resolving, settings

MANUAL = pathlib.Path(__file__).parents[2] / "docs" / "train.md"


def test_the_table_needs_no_tensorflow(run_python):
    run_python("""
        import sys
        from tf_colorize.training import settings
        assert settings.table()["lambda_l1"].default == 100.0
        assert not {"tensorflow", "keras"} & set(sys.modules)
    """)


def test_each_setting_is_an_option_whose_help_shows_its_default():
    text = " ".join(train._parser().format_help().split())
    for name, one in settings.table().items():
        assert train.option(name) in text
        assert one.text and one.group, name
    assert "rate of stage 2, for both networks (default 0.0002, the paper's; 0.00005 with --init)" in text
    assert "`" not in text


def test_options_have_the_types_of_their_settings():
    given = ["--lambda-l1", "3", "--batch-size", "4", "--spectral-norm", "--data", "here", "--gan-loss", "lsgan"]
    options = vars(train._parser().parse_args(given))
    found = {name: options[name] for name in ("lambda_l1", "batch_size", "spectral_norm", "data", "gan_loss", "seed")}
    assert found == {
        "lambda_l1": 3.0, "batch_size": 4, "spectral_norm": True, "data": "here", "gan_loss": "lsgan", "seed": None,
    }  # fmt: skip
    assert isinstance(options["lambda_l1"], float)


def test_the_choices_are_those_of_the_library():
    table = settings.table()
    assert table["gan_loss"].choices == losses.GAN_LOSSES
    assert {name for name in catalog.GENERATORS if name in table["generator"].text} == set(catalog.GENERATORS)
    for name, one in table.items():
        if one.stages and one.loss != "classification":
            assert callable(getattr(losses, one.loss)), name


def test_the_manual_has_the_table_of_all_settings():
    assert "<!-- the table of settings -->" in MANUAL.read_text()  # docs/hooks.py puts it there
    rows = [line.split(" | ") for line in train.manual_table().splitlines()]
    assert [row[0].removeprefix("| ") for row in rows[2:]] == [f"`{train.option(name)}`" for name in settings.table()]
    assert all(len(row) == 3 for row in rows[2:])
    assert "`--lambda-smoothness` | weight of the loss" in train.manual_table()


@dataclasses.dataclass(frozen=True)
class Example:
    count: int = fields.setting(3, "how many", group="a", above=0)
    share: float = fields.setting(0.5, "how much", group="a", least=0, below=1)
    rate: float | None = fields.setting(1e-3, "how fast", group="b", least=0, fine_tuning=1e-4)
    kind: str = fields.setting("x", "which", group="b", choices=("x", "y"), why="the simplest")
    on: bool | None = fields.setting(False, "whether", group="b", carried="always")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("count", 0, "`count` must be over 0. Received: count=0"),
        ("count", 2.5, "`count` must be a whole number"),
        ("count", True, "`count` must be a whole number"),
        ("count", "3", "`count` must be a whole number. Received: count='3'"),
        ("share", 1, r"`share` must be in \[0, 1\). Received: share=1"),
        ("share", float("nan"), "`share` must be finite"),
        ("share", "much", "`share` must be a number"),
        ("rate", -1e-9, "`rate` must not be negative"),
        ("rate", float("inf"), "`rate` must be finite"),
        ("kind", "z", "`kind` must be one of x, y. Received: kind='z'"),
        ("kind", 1, "`kind` must be one of x, y"),
        ("on", "yes", "`on` must be true or false"),
        ("on", 1, "`on` must be true or false"),
    ],
)
def test_values_that_cannot_work_are_named_with_their_rule(name, value, message):
    with pytest.raises(ValueError, match=message):
        fields.table(Example)[name].check(value)


def test_values_at_the_limits_work():
    table = fields.table(Example)
    for name, value in [
        ("count", 1),
        ("count", np.int64(5)),
        ("share", 0),
        ("share", 0.999),
        ("rate", 0),
        ("on", True),
    ]:
        table[name].check(value)
    assert Example() == Example(3, 0.5, None, "x", None)  # what fine-tuning changes is open until it is known
    assert [one.about_default() for one in table.values()] == [
        "3", "0.5", "0.001; 0.0001 with `init`", "x, the simplest", "off; with `init` that of the model",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 2.5}, "`batch_size` must be a whole number"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be finite"),
        ({"hints": "yes"}, "`hints` must be true or false"),
        ({"image_size": -256}, "`image_size` must be over 0"),
        ({"data": 3}, "`data` must be a string"),
    ],
)
def test_settings_of_the_wrong_type_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        resolving.resolve(settings.TrainConfig(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lambda_l1": -1.0}, "`lambda_l1` must not be negative"),
        ({"image_size": 100}, "`image_size` must be a multiple of 32"),
        ({"data": "no/such/folder"}, "no/such/folder"),
        ({"pretrain_loss": "classification", "generator": "unet", "image_size": 256}, "`pretrain_loss` classification"),
        ({"init": "no/run"}, "no/run"),
        ({"deep_decoder": True}, "`deep_decoder` is for new generators"),
        ({}, "already holds a run"),
    ],
)
def test_options_are_checked_before_weights_are_downloaded(tmp_path, photo_folder, monkeypatch, changes, message):
    asked = []
    monkeypatch.setattr(backbone_weights, "imagenet_file", lambda **_: asked.append(1))
    if not changes:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "config.json").write_text("{}")
    config = settings.TrainConfig(**{"data": str(photo_folder), "run_dir": str(tmp_path / "run"), **changes})
    with pytest.raises((ValueError, OSError), match=message):
        preparation.prepare(config, False, lambda line: None, distribution.Workers())
    assert not asked


def test_the_losses_of_a_stage_are_the_lines_with_that_stage():
    config = resolving.resolve(settings.TrainConfig(pretrain_loss="classification", lambda_smoothness=7.0))
    cross_entropy = losses.PaletteCrossentropy(np.zeros((2, 2), "float32"))
    first, second = (objectives.terms(settings.weights(config, stage), lambda: cross_entropy) for stage in (1, 2))
    assert [(term.name, term.weight) for term in first] == [("smoothness", 7.0)]
    assert [(term.name, term.weight) for term in second] == [("classification", 1.0), ("smoothness", 7.0)]
    assert second[1].function is losses.smoothness
