"""References of single requests: color photos beside the gray one, in JSON."""

import base64
import io
import json

import numpy as np
import pytest
import skimage
from PIL import Image

import tf_colorize
from tf_colorize import Look
from tf_colorize.server import description, wishes

GRAY = Image.fromarray(skimage.data.coffee()).convert("L").resize((150, 100))
COLOR = Image.fromarray(skimage.data.coffee()).crop((100, 20, 560, 390))


@pytest.fixture(scope="module")
def colorizer():
    return tf_colorize.Colorizer.load(threads=1)


def encoded(image, image_format="PNG"):
    data = io.BytesIO()
    image.save(data, image_format)
    return data.getvalue()


def text(data):
    return base64.b64encode(data).decode()


def asked(reference, **options):
    body = {"image": text(encoded(GRAY)), "reference": reference, **options}
    return wishes.wish_of(json.dumps(body).encode(), [], is_json=True)


def result(colorizer, wish):
    return np.asarray(Image.open(io.BytesIO(wishes.answer(colorizer, wish, 1_000_000).data)))


def test_a_request_gets_the_colors_of_its_reference(colorizer):
    data = encoded(COLOR)
    look = Look(warmth=0.2, reference=(tf_colorize.open_reference(data),))
    expected = colorizer(encoded(GRAY), look=look)
    for reference in (text(data), [text(data)]):
        np.testing.assert_array_equal(result(colorizer, asked(reference, warmth=0.2)), expected)
    assert (expected != colorizer(encoded(GRAY), look=Look(warmth=0.2))).any()


def test_it_replaces_those_that_the_server_was_started_with(colorizer):
    fields = {"reference": (tf_colorize.open_reference(encoded(COLOR)),)}
    photo = encoded(GRAY)
    plain = wishes.wish_of(photo, [], fields, is_json=False)
    assert plain.references is None and plain.look.reference == fields["reference"]
    body = json.dumps({"image": text(photo), "reference": []}).encode()
    without = wishes.wish_of(body, [], fields, is_json=True)
    np.testing.assert_array_equal(result(colorizer, without), colorizer(photo))


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        (text(encoded(GRAY)), "reference: is gray or has a single tone; a reference must have color"),
        (text(b"no picture"), "reference: not a picture in a readable format"),
        (text(encoded(COLOR)[:2000]), "reference: "),
        (text(encoded(COLOR.resize((1001, 1000)))), "reference: 1001 x 1000 pixels are over the limit of 1,000,000"),
        ("?", "reference: not valid base64"),
        (7, "reference: must be a color photo as base64, or a list of them"),
        ([text(encoded(COLOR))] * 9, "reference: at most 8 photos, not 9"),
    ],
)
def test_an_invalid_reference_is_reported_in_one_line(colorizer, reference, reason):
    with pytest.raises(wishes.WishError) as error:
        wishes.answer(colorizer, asked(reference), 1_000_000)
    assert str(error.value).startswith(reason) and len(str(error.value).splitlines()) == 1


def test_models_without_hints_and_bodies_without_json_take_none():
    plain = tf_colorize.Colorizer(lambda lightness: np.zeros((*lightness.shape[:-1], 2), np.float32), 16)
    with pytest.raises(wishes.WishError, match="^reference: the model takes no hints, so no reference either$"):
        wishes.answer(plain, asked(text(encoded(COLOR))), 1_000_000)
    with pytest.raises(wishes.WishError, match="^reference: send it as base64 in a JSON body"):
        wishes.wish_of(b"a photo", [("reference", "a.jpg")], is_json=False)


def test_the_description_names_references():
    described = description.openapi(has_token=False)
    post = described["paths"]["/colorize"]["post"]
    options = post["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert options["reference"]["oneOf"][1]["maxItems"] == wishes.MOST_REFERENCES
    assert "reference" not in {parameter["name"] for parameter in post["parameters"]}
