"""Terms of use of weights: the shipped ones state them in one wording; those of users carry none of ours."""

import json
import pathlib
import zipfile

import exports
import pytest

from tf_colorize import documents, export
from tf_colorize.models import anatomy, saving

ROOT = pathlib.Path(__file__).parents[2]
SHIPPED = ROOT / "saved_models"


def tflite_metadata(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(documents.METADATA_NAME))


@pytest.mark.parametrize(
    "described",
    [lambda: saving.load_metadata(SHIPPED / "colorizer" / "1"), lambda: tflite_metadata(SHIPPED / "colorizer.tflite")],
    ids=["SavedModel", "TFLite"],
)
def test_the_metadata_of_the_shipped_weights_has_the_terms(described):
    assert described()["terms"] == anatomy.SHIPPED_WEIGHTS_TERMS
    assert not {"license", "licence"} & set(described())


@pytest.mark.parametrize("name", ["README.md", "saved_models/README.md", "scripts/recipes/colorizer.toml"])
def test_the_card_and_the_readme_say_the_terms(name):
    assert anatomy.SHIPPED_WEIGHTS_TERMS in " ".join((ROOT / name).read_text().split())


def test_weights_of_users_have_no_terms_of_ours(tmp_path):
    exported = exports.exported()
    saving.save_generator(exports.generator(), tmp_path / "mine.keras", anatomy.generator_metadata(64))
    artifacts = [saving.load_metadata(path) for path in (exported.saved_model, tmp_path / "mine.keras")]
    artifacts += [tflite_metadata(path) for path in exported.tflite.values()]
    for described in artifacts:
        assert not {"terms", "license", "licence"} & set(described)


def test_the_license_that_earlier_versions_stamped_on_weights_is_dropped(tmp_path):
    about = {**anatomy.generator_metadata(64), "licence": "Apache-2.0"}
    saving.save_generator(exports.generator(), tmp_path / "mine.keras", about)
    assert "licence" not in saving.load_metadata(tmp_path / "mine.keras")


@pytest.mark.parametrize(
    ("function", "name", "metadata_of"),
    [
        pytest.param(export.export_saved_model, "1", saving.load_metadata, id="SavedModel", marks=pytest.mark.slow),
        pytest.param(export.export_tflite, "again.tflite", tflite_metadata, id="TFLite"),
    ],
)
def test_terms_go_with_an_export_of_the_shipped_weights(tmp_path, function, name, metadata_of):
    about = {**anatomy.generator_metadata(64), "terms": anatomy.SHIPPED_WEIGHTS_TERMS}
    function(exports.generator(), tmp_path / name, metadata=about, photos=exports.exported().photos)
    assert metadata_of(tmp_path / name)["terms"] == anatomy.SHIPPED_WEIGHTS_TERMS
