"""Colors from another photo: the page's modules in Node find the places and colors that Python finds."""

import numpy as np
import pytest
import web_browser

from tf_colorize.color import lab
from tf_colorize.color.look import Look
from tf_colorize.inference import insight, matching

PLACES = insight.GRID**2


def scenes(seed, count=12):
    """Features and colors of two pictures with things in common, and of one that has none of them."""
    random = np.random.default_rng(seed)
    things = random.normal(0, 1, (30, count))
    of_place, of_other = random.integers(0, 30, (2, PLACES))
    first, second = (
        (things[which] + 0.3 * random.normal(0, 1, (PLACES, count))).astype(np.float32)
        for which in (of_place, of_other)
    )
    colors = (0.3 * random.normal(0, 1, (30, 2))[of_other] + 0.02 * random.normal(0, 1, (PLACES, 2))).astype(np.float32)
    return first, second, colors


def on_the_page(code, *arguments):
    lists = [one.ravel().tolist() if isinstance(one, np.ndarray) else one for one in arguments]
    return np.float32(web_browser.in_node(code, *lists))


@pytest.mark.parametrize("hinted", [(), (0, 400)])
def test_places_and_certainties_are_those_of_python(monkeypatch, hinted):
    (seen, second, colors), (_, third, others) = scenes(1), scenes(2)
    code = """
        import { wanted } from "./src/worker/matching.js";
        const [seen, second, colors, third, others, hinted] = given;
        const of = (values) => ({ places: 784, count: 12, values: Float32Array.from(values) });
        const pairs = [[second, colors], [third, others]];
        const lent = pairs.map(([values, ab]) => ({ features: of(values), ab: Float32Array.from(ab) }));
        console.log(JSON.stringify([...wanted(of(seen), lent, new Set(hinted))]));
    """
    found = on_the_page(code, seen, second, colors, third, others, list(hinted)).reshape(PLACES, 3)

    class Sees:
        image_size = 224

        def __call__(self, lightness):
            return insight.Seen(seen.reshape(insight.GRID, insight.GRID, -1), None, None)

    monkeypatch.setattr(insight, "shipped", Sees)
    monkeypatch.setattr(matching, "_of_reference", lambda reference: reference)
    given = np.zeros((1, insight.GRID, insight.GRID, 3), np.float32)
    for place in hinted:
        given[0, place // insight.GRID, place % insight.GRID, 2] = 1
    pairs = [(second, colors), (third, others)]
    expected = matching.wanted(np.zeros((1, 1, 1, 1)), pairs, insight.GRID, given if hinted else None)
    assert 20 < np.count_nonzero(expected[..., 2]) <= matching.MOST
    np.testing.assert_allclose(found, expected.reshape(PLACES, 3), atol=1e-4)


def test_strength_and_hints_are_those_of_python():
    random = np.random.default_rng(0)
    automatic = random.normal(0, 0.2, (1, 56, 56, 2)).astype(np.float32)
    cells = np.concatenate([random.normal(0, 0.22, (28, 28, 2)), random.uniform(0, 1, (28, 28, 1))], axis=-1)
    cells = np.float32(np.where(random.uniform(0, 1, (28, 28, 1)) < 0.07, cells, 0))
    code = """
        import { prepared } from "./src/photo/look.js";
        const [ab, cells] = given.map((values) => Float32Array.from(values));
        const { strength, hints } = prepared(ab, { side: 28, cells });
        console.log(JSON.stringify([strength, ...hints]));
    """
    strength, *hints = on_the_page(code, automatic, cells)
    expected = Look().prepared(automatic, cells.repeat(2, axis=0).repeat(2, axis=1)[np.newaxis])
    assert 0.75 < expected.strength < 1.5 and strength == pytest.approx(expected.strength, rel=1e-5)
    np.testing.assert_allclose(np.reshape(hints, (1, 56, 56, 3)), expected.hints(), atol=1e-5)


def test_colors_of_pixels_are_those_of_python():
    rgb = np.random.default_rng(0).integers(0, 256, (1, 500, 3)).astype(np.uint8)
    rgb[0, :30] = np.arange(30)[:, np.newaxis]
    code = """
        import { writeAb } from "./src/photo/lab.js";
        const pixels = Uint8ClampedArray.from(given[0]);
        const [a, b] = [new Float32Array(500), new Float32Array(500)];
        writeAb(pixels, 0, a, b);
        console.log(JSON.stringify([...a, ...b]));
    """
    found = on_the_page(code, np.dstack([rgb, np.full((1, 500, 1), 255, np.uint8)])).reshape(2, 500).T
    np.testing.assert_allclose(found, lab.rgb_to_lightness_ab(rgb)[1][0], atol=1e-5)


def test_references_in_files_are_checked():
    code = """
        import { checked, blobOf } from "./src/photo/references.js";
        const read = (wishes) => { try { return checked(wishes); } catch (error) { return error.message; } };
        const timed = { photo: "data:;base64,aGk=", time: 3, name: "c.png" };
        const held = read(["a/b.jpg", "data:image/png;base64,aGk=", timed]);
        const text = await blobOf(held.list[0]).text();
        console.log(JSON.stringify([held, text, read(undefined), read([7]), read({ photo: 1 })]));
    """
    held, text, nothing, *wrong = web_browser.in_node(code)
    assert held == {
        "list": [
            {"name": "another photo", "photo": "data:image/png;base64,aGk="},
            {"name": "c.png", "photo": "data:;base64,aGk=", "time": 3},
        ],
        "missing": ["a/b.jpg"],
    }
    assert text == "hi" and nothing == {"list": [], "missing": []}
    assert all(one.startswith("Its reference ") and "must be like" in one for one in wrong)


def test_a_look_alone_is_a_file_of_its_own():
    code = """
        globalThis.OffscreenCanvas = class { getContext() { return {}; } };  // it reads names of colors
        const { read, writeLook } = await import("./src/photo/hints_file.js");
        const photo = { width: 9, height: 9 };
        const opened = (content) => {
            try { return read(JSON.stringify(content), photo); } catch (error) { return error.message; }
        };
        const look = { vividness: 1.2, warmth: 0, reference: [{ name: "a.png", photo: "data:;base64,aGk=" }] };
        const { name, blob } = writeLook({ hints: { rest: { look: { reference: ["b.jpg"], grain: 0 } } }, look });
        const written = JSON.parse(await blob.text());
        const wrong = [{ version: 1, look: [] }, { version: 1 }, { version: 2, look: {} }, [], null];
        console.log(JSON.stringify([name, written, opened(written), ...wrong.map(opened)]));
    """
    name, written, opened, *wrong = web_browser.in_node(code)
    held = {"name": "a.png", "photo": "data:;base64,aGk="}
    assert name == "look.json"
    assert written["look"] == {"vividness": 1.2, "warmth": 0, "grain": 0, "reference": [held, "b.jpg"]}
    assert opened["hints"] is None and opened["look"] == {"vividness": 1.2, "warmth": 0, "reference": [held]}
    assert opened["rest"] == {"look": {"reference": ["b.jpg"], "grain": 0}}
    assert [isinstance(one, str) for one in wrong] == [True] * len(wrong)
