"""The page runs the branch for hints alone: an entry that it adds to a model's file, and what it keeps of a photo."""

import base64
import pathlib

import numpy as np
import pytest
import web_browser

pytest_plugins = ["web_fixtures"]

SHIPPED = pathlib.Path(__file__).parents[2] / "saved_models" / "colorizer.tflite"
ENTRY = "tf_colorize_hints_only"

ADDED = """
    import { writeFileSync } from "node:fs";
    import { withHintsEntry } from "./src/worker/hints_entry.js";
    const [from, to] = given;
    const found = withHintsEntry(new Uint8Array(readFileSync(from)));
    if (found) writeFileSync(to, found.bytes);
    console.log(JSON.stringify(found && found.seen));
"""

# A runtime that only records what is run; it gives each output its own number.
RUNTIME = """
    export class Tensor {
        constructor(values) { this.values = values; }
        async data() { return this.values; }
        delete() {}
    }
    export const supportsFeature = async () => false;
    export const getWebGpuDevice = () => null;
    export const loadLiteRt = async () => ({ liteRtWasm: { getThreadCount: () => 1 } });
    export const loadAndCompile = async () => {
        const side = 64;
        const detail = (name, channels) => ({ name, dtype: "float32", shape: [1, side, side, channels] });
        const { seen, runs } = globalThis.told;
        const runner = (key, inputs, outputs) => ({
            getInputDetails: () => inputs,
            getOutputDetails: () => outputs,
            run: async (given) => {
                runs.push([key, given.map(({ values }) => values[0])]);
                return outputs.map((_, index) => new Tensor(Float32Array.of(10 * runs.length + index)));
            },
        });
        const inputs = [detail("hints", 3), detail("lightness", 1)];
        const outputs = [detail("annealed_logits", 13), detail("ab", 2), ...seen.map((name) => detail(name, 7))];
        const branch = runner("branch", [inputs[1], ...outputs.slice(2), inputs[0]], [detail("ab", 2)]);
        return { ...runner("whole", inputs, outputs), signatures: { tf_colorize_hints_only: branch } };
    };
"""

NETWORK = """
    import { register } from "node:module";
    import { withHintsEntry } from "./src/worker/hints_entry.js";
    const [path, runtime] = given;
    register("data:text/javascript," + encodeURIComponent(`
        const found = { url: ${JSON.stringify(runtime)}, shortCircuit: true };
        export const resolve = (name, context, next) => (name === "@litertjs/core" ? found : next(name, context));
    `));
    globalThis.self = globalThis;
    globalThis.navigator ??= {};
    const bytes = new Uint8Array(readFileSync(path));
    globalThis.told = { seen: withHintsEntry(bytes).seen, runs: [] };
    const { Network } = await import("./src/worker/network.js");
    const network = await Network.compile({ bytes, sizes: [], palette: Array(13).fill([0, 0]), temperature: 2 }, "");
    const of = (value) => new Float32Array(64 ** 2).fill(value);
    const [first, second, third] = [1, 2, 3].map(of);
    const results = [];
    const hinted = [first, of(7)];
    for (const [photo, hints] of [[first], hinted, [first, of(8)], [second, of(9)], hinted, [third], hinted]) {
        results.push((await network.run(photo, hints))[0]);
    }
    results.push((await network.logits(first))[0]);
    network.forget(first);
    await network.run(first, of(7));
    console.log(JSON.stringify([globalThis.told.seen.length, globalThis.told.runs, results]));
"""


def run(model, key, given):
    """The outputs of a signature, by name."""
    index = model.get_signature_index(key)
    names = model.get_signature_by_index(index)
    inputs, outputs = model.create_input_buffers(index), model.create_output_buffers(index)
    for buffer, name in zip(inputs, names["inputs"]):
        buffer.write(np.ascontiguousarray(given[name]))
    model.run_by_index(index, inputs, outputs)
    shapes = {name: detail["shape"] for name, detail in model.get_output_tensor_details(key).items()}
    return {
        name: buffer.read(int(np.prod(shapes[name])), np.float32).reshape(shapes[name])
        for name, buffer in zip(names["outputs"], outputs)
    }


@pytest.fixture(params=["hinting_model", "lending_model", "shipped"])
def path(request):
    return SHIPPED if request.param == "shipped" else request.getfixturevalue(request.param)


@pytest.mark.parametrize("count", [1, 5, 90])
def test_the_branch_alone_gives_what_the_whole_network_gives(path, count, tmp_path):
    from ai_edge_litert.compiled_model import CompiledModel

    seen = web_browser.in_node(ADDED, str(path), str(tmp_path / "entry.tflite"))
    assert seen
    model, original = (CompiledModel.from_file(str(file)) for file in (tmp_path / "entry.tflite", path))
    side = original.get_input_tensor_details("serving_default")["lightness"]["shape"][1]
    random = np.random.default_rng(count)
    lightness = random.uniform(-1, 1, (1, side, side, 1)).astype(np.float32)
    hints = np.zeros((1, side, side, 3), np.float32)
    for row, column in random.integers(0, side - 2, (count, 2)):
        hints[0, row : row + 3, column : column + 3] = [*random.uniform(-0.4, 0.4, 2), 1]
    automatic, plain = (
        run(one, "serving_default", {"lightness": lightness, "hints": 0 * hints}) for one in (model, original)
    )
    assert set(automatic) == {*plain, *seen}
    expected = run(original, "serving_default", {"lightness": lightness, "hints": hints})["ab"]
    found = run(model, ENTRY, {**automatic, "lightness": lightness, "hints": hints})["ab"]
    np.testing.assert_array_equal(found, expected)
    assert np.abs(expected - plain["ab"]).max() > 0.1
    for name, values in plain.items():
        np.testing.assert_array_equal(automatic[name], values)


def test_other_files_get_no_entry(model, hinting_model, tmp_path):
    whole = hinting_model.read_bytes()
    files = [model.read_bytes(), b"", b"TFL3", b"no model" * 40, whole[:7], np.random.default_rng(0).bytes(5000)]
    files += [whole[:length] for length in np.random.default_rng(1).integers(8, len(whole) // 2, 60)]
    damaged = np.frombuffer(whole, np.uint8).copy()
    damaged[8:400] = 0xFF
    code = """
        import { withHintsEntry } from "./src/worker/hints_entry.js";
        const found = given.map((text) => withHintsEntry(new Uint8Array(Buffer.from(text, "base64"))));
        console.log(JSON.stringify(found.map((entry) => entry && entry.seen)));
    """
    texts = [base64.b64encode(content).decode() for content in (*files, damaged.tobytes())]
    assert not any(web_browser.in_node(code, *texts))


def test_a_photo_is_seen_once_whatever_its_hints_become(hinting_model, tmp_path):
    (tmp_path / "runtime.mjs").write_text(RUNTIME)
    runtime = (tmp_path / "runtime.mjs").as_uri()
    count, runs, results = web_browser.in_node(NETWORK, str(hinting_model), runtime)
    assert [key for key, _ in runs] == [
        *("whole", "branch", "branch"),
        *("whole", "branch"),  # the second photo
        "branch",  # the first one again
        "whole",  # the third, for which the second is dropped
        "branch",
        *("whole", "branch"),  # the first was forgotten
    ]
    given = [values for _, values in runs]
    seen = [12 + index for index in range(count)]  # what the first run gave
    assert given[0] == [0, 1]  # no hints, lightness
    assert [given[1], given[2]] == [[1, *seen, 7], [1, *seen, 8]]
    assert given[4] == [2, *(40 + 2 + index for index in range(count)), 9]
    assert results == [11, 20, 30, 50, 60, 71, 80, 20]
