"""ONNX files without a fixed size give what Keras gives at every size, and say which sizes that are."""

import dataclasses
import json

import exports
import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image

from tf_colorize import Colorizer, export
from tf_colorize.color import lab
from tf_colorize.export import checks, free_sizes
from tf_colorize.inference import onnx_runtime
from tf_colorize.models import catalog, saving

ABOUT = {"image_size": 64, "image_sizes": [64, 96]}


@pytest.fixture(scope="module")
def free(tmp_path_factory):
    folder, common = tmp_path_factory.mktemp("free"), {"metadata": ABOUT, "photos": exports.exported().photos}
    paths = {kind: folder / f"{kind}.onnx" for kind in ("none", "dynamic")}
    for kind, path in paths.items():
        export.export_onnx(exports.generator(), path, quantize=kind, **common)
    return paths


@pytest.fixture(scope="module")
def hinted(tmp_path_factory):
    generator = exports.generator_with_features()
    path = tmp_path_factory.mktemp("hinted") / "hinted.onnx"
    return generator, export.export_onnx(generator, path, photos=exports.exported().photos, image_size=None).path


def properties(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def noise(*shape):
    return np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)


def distances(actual, expected):
    return np.linalg.norm(np.asarray(actual) - np.asarray(expected), axis=-1) * lab.AB_SCALE


def test_its_sides_have_names_and_its_properties_say_what_fits(free):
    model = onnx.load(free["none"])
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain: entry.version for entry in model.opset_import}[""] <= 21 and model.ir_version <= 10
    assert {node.domain for node in model.graph.node} == {""}
    for value, channels in ((model.graph.input[0], 1), (model.graph.output[0], 2)):
        sides = [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
        assert sides == ["batch", "height", "width", channels]
    names = [node.name for node in model.graph.node]  # ONNX Runtime 1.20 wants them to be different
    assert all(names) and len(set(names)) == len(names)
    said = {key: json.loads(properties(free["none"])[key]) for key in ("image_size", "image_sizes", "size_multiple")}
    assert said == {**ABOUT, "size_multiple": 2}


@pytest.mark.parametrize(("kind", "mean"), [("none", 0.001), ("dynamic", 0.5)])
@pytest.mark.parametrize("size", [(64, 64), (2, 2), (34, 90), (200, 46)])
def test_it_gives_keras_chroma_at_every_size_and_for_several_photos(free, kind, mean, size):
    lightness = noise(3, *size, 1)
    actual = Colorizer.load(free[kind]).predict_ab(lightness)
    assert distances(actual, exports.generator()(lightness)).mean() < mean


@pytest.mark.slow
@pytest.mark.parametrize("dots", [0, 3, 300])
@pytest.mark.parametrize("size", [(64, 64), (8, 24), (96, 160)])
def test_hints_give_the_results_of_keras_at_every_size(hinted, size, dots):
    generator, path = hinted
    assert properties(path)["size_multiple"] == "8" and properties(path)["image_size"] == "256"
    lightness, random = noise(2, *size, 1), np.random.default_rng(1)
    given = np.zeros((2, *size, 3), np.float32)  # none on the second photo
    given[0, random.integers(size[0], size=dots), random.integers(size[1], size=dots)] = 0.3, -0.2, 1.0
    expected = generator({"lightness": lightness, "hints": given})
    # Untrained, the branch makes much of the last bits of what it sees where there are many dots.
    almost = generator({"lightness": lightness + np.float32(1e-6), "hints": given})
    bound = 0.01 + 3 * distances(almost, expected).mean()
    assert bound < 1 and distances(Colorizer.load(path).predict_ab(lightness, given), expected).mean() < bound


def test_with_a_size_both_sides_are_fixed(tmp_path):
    common = {"metadata": ABOUT, "photos": exports.exported().photos}
    path = export.export_onnx(exports.generator(), tmp_path / "fixed.onnx", image_size=96, **common).path
    (take,) = onnx.load(path).graph.input
    assert [side.dim_param or side.dim_value for side in take.type.tensor_type.shape.dim] == ["batch", 96, 96, 1]
    assert {"size_multiple", "image_sizes"}.isdisjoint(properties(path))
    # As version 0.1 wrote them: with sizes that the file does not have.
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {**properties(path), "image_sizes": "[96, 128]"})
    onnx.save(model, path)
    colorizer = Colorizer.load(path)
    assert (colorizer.image_size, colorizer.predictor.larger_sizes) == (96, ())
    with pytest.raises(ValueError, match=r"must be \(batch, 96, 96, 1\).* Received: shape=\(1, 64, 64, 1\)"):
        colorizer.predict_ab(noise(1, 64, 64, 1))


def test_runtimes_can_fix_the_sides_by_their_names(free):
    options = onnxruntime.SessionOptions()
    for name, side in (("height", 34), ("width", 90)):
        options.add_free_dimension_override_by_name(name, side)
    session = onnxruntime.InferenceSession(free["none"], options)
    assert session.get_inputs()[0].shape[1:] == [34, 90, 1]
    lightness = noise(1, 34, 90, 1)
    expected = Colorizer.load(free["none"]).predict_ab(lightness)
    np.testing.assert_allclose(session.run(["ab"], {"lightness": lightness})[0], expected, atol=1e-5)


def test_each_photo_is_seen_at_the_size_at_which_keras_sees_it(free, tmp_path):
    saving.save_generator(exports.generator(), tmp_path / "generator.keras", ABOUT)
    by_keras, colorizer = Colorizer.load(tmp_path / "generator.keras"), Colorizer.load(free["none"])
    photo = Image.open(next(exports.exported().photos.iterdir()))
    for size, side in (((120, 100), 96), ((90, 80), 64)):
        small = np.asarray(photo.convert("RGB").resize(size))
        assert colorizer.lightness(small).shape == by_keras.lightness(small).shape == (1, side, side, 1)
        assert np.abs(colorizer(small).astype(int) - by_keras(small)).max() <= 1


@pytest.mark.parametrize("size", [(63, 64), (64, 33), (0, 64)])
def test_a_size_that_does_not_fit_is_refused(free, size):
    with pytest.raises(ValueError, match=rf"multiples of 2\. Received: shape=\(1, {size[0]}, {size[1]}, 1\)"):
        Colorizer.load(free["none"]).predict_ab(noise(1, *size, 1))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size_multiple": None}, "lacks the properties size_multiple"),
        ({"image_size": None, "size_multiple": None}, "lacks the properties image_size, size_multiple"),
        ({"size_multiple": "0"}, "size_multiple must be a positive integer. Received: 0"),
        ({"size_multiple": "32x"}, "size_multiple must be a positive integer. Received: '32x'"),
        ({"image_sizes": "[64, 95]"}, "promises sizes that are not multiples of 2: 95"),
        ({"image_size": "63"}, "promises sizes that are not multiples of 2: 63"),
    ],
)
def test_a_file_whose_properties_do_not_fit_is_refused(free, tmp_path, changed, message):
    model = onnx.load(free["none"])
    kept = {key: value for key, value in {**properties(free["none"]), **changed}.items() if value is not None}
    onnx.helper.set_model_props(model, kept)
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(ValueError, match=message):
        Colorizer.load(tmp_path / "odd.onnx")


@pytest.mark.parametrize(
    "wrong_at", [(64, 64), (32, 66), (96, 96)], ids=["the preferred size", "another shape", "a larger size"]
)
def test_it_is_compared_with_keras_at_several_sizes(tmp_path, monkeypatch, wrong_at):
    load = onnx_runtime.from_onnx

    def wrong_somewhere(path, threads):
        model = load(path, threads)

        def automatic(lightness):
            return model.automatic(lightness) + 0.5 * (lightness.shape[1:3] == wrong_at)

        return dataclasses.replace(model, automatic=automatic)

    monkeypatch.setattr(onnx_runtime, "from_onnx", wrong_somewhere)
    with pytest.raises(checks.ExportError, match="chroma differs from Keras by"):
        export.export_onnx(exports.generator(), tmp_path / "a.onnx", metadata=ABOUT, photos=exports.exported().photos)
    assert list(tmp_path.iterdir()) == []


def test_hints_are_compared_with_keras_in_other_shapes():
    generator = exports.generator_with_features()
    seen = checks.photo_rectangles(exports.exported().photos, 64, 104, 1)
    given = []

    def remember(lightness, hints):
        given.append(hints)
        return generator({"lightness": lightness, "hints": hints}).numpy()

    assert checks.compare_hints(remember, generator, seen, mean_bound=1e-3, max_bound=1e-3).photos == 1
    assert given[0].shape == (1, 64, 104, 3) and len(np.unique(given[0][given[0][..., 2] > 0], axis=0)) == 3


@pytest.mark.parametrize(
    "name", ["unet", *(pytest.param(name, marks=pytest.mark.slow) for name in catalog.GENERATORS if name != "unet")]
)
def test_the_multiple_is_that_of_the_network(name):
    multiple = catalog.kind(name).size_multiple
    assert free_sizes.multiple_of(catalog.build(name), multiple, None) == multiple


def test_the_multiple_of_networks_from_elsewhere():
    assert free_sizes.multiple_of(exports.generator(), 64, None) == 2
    assert free_sizes.multiple_of(exports.generator_with_features(), 64, None) == 8
    inputs = keras.Input((None, None, 1))
    plain = keras.Model(inputs, keras.layers.Conv2D(2, 3, padding="same", name="decoder3_relu")(inputs))
    assert free_sizes.multiple_of(plain, 17, None) == 1
    fixed = keras.Input((48, 48, 1))
    assert free_sizes.multiple_of(keras.Model(fixed, keras.layers.Conv2D(2, 1)(fixed)), 48, None) is None
    with pytest.raises(ValueError, match=r"`image_size` must be a multiple of 2 for .*\. Received: 63, 97"):
        free_sizes.multiple_of(exports.generator(), 63, {"image_sizes": [64, 97]})


def test_a_network_of_one_size_is_exported_for_it(tmp_path):
    inputs = keras.Input((64, 64, 1), name="lightness")
    generator = keras.Model(inputs, exports.generator()(inputs))
    path = export.export_onnx(
        generator, tmp_path / "one.onnx", metadata={"image_size": 64}, photos=exports.exported().photos
    ).path
    assert onnx_runtime.from_onnx(path, 1).image_size == 64 and "size_multiple" not in properties(path)
