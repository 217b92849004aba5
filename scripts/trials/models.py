"""Models: a photo is colorized with damaged `.tflite` and `.onnx` files.

LiteRT and ONNX Runtime trust the files that they load: a damaged one may end the process, and no check of ours can
prevent that. Such endings are counted, not failures.
"""

import io
import json
import pathlib
import tempfile
import zipfile

import numpy as np
from PIL import Image

from trials import forks, photo_files, scenarios
from trials import trial as trials
from trials.trial import Fault

_LIMIT = 120.0  # seconds, on a busy machine
_MOST_SHOWN = 600  # characters of a line
_SIDE = 32
_METADATA = {"image_size": _SIDE, "lightness_scale": 50.0, "ab_scale": 110.0, "terms": "any use"}
_ODD = (
    None,
    True,
    -1,
    0,
    1,
    33,
    1e30,
    float("nan"),
    10**400,
    "",
    "32",
    "a\nb\x1b[31m",
    [],
    [1],
    [[0.5, None]],
    {},
    {"a": 1},
)
_KEYS = (*_METADATA, "image_sizes", "palette", "palette_temperature", "quantize", "package_version", "x")


def run(trial: trials.Trial) -> None:
    """Tries damaged files until the time is over."""
    trials.need("ai_edge_litert", "onnx", "onnxruntime")
    parts = list(trial.parts({"tflite": _tflite, "onnx": _onnx}).items())
    modules = (*scenarios.READY, "ai_edge_litert.interpreter", "onnxruntime")
    with tempfile.TemporaryDirectory(prefix="trials-models-") as folder:
        commands = forks.Forks(list(modules))
        photo = pathlib.Path(folder, "photo.png")
        Image.linear_gradient("L").resize((40, 30)).save(photo)
        try:
            for number, rng in trial.attempts():
                suffix, make = parts[number % len(parts)]
                data = _damaged(make, rng)
                try:
                    trial.outcomes[_ending(commands, photo, suffix, data)] += 1
                except Fault as fault:
                    trial.fail(number, str(fault), **{f"model_{suffix}": data})
        finally:
            commands.close()


def _damaged(make, rng):
    """Returns a file with damaged bytes, or with odd metadata."""
    odd = rng.random() < 0.3
    metadata = dict(_METADATA)
    if odd:
        for key in rng.choice(_KEYS, int(rng.integers(1, 4))):
            metadata[str(key)] = _ODD[rng.integers(len(_ODD))]
    data = make(metadata)
    return data if odd else photo_files.mutated(data, [data], rng)


def _tflite(metadata):
    import tiny_models

    buffer = io.BytesIO(tiny_models.STORED.read_bytes())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("tf_colorize.json", json.dumps(metadata))
    return buffer.getvalue()


def _onnx(metadata):
    """Returns a network that adds the same color everywhere: ab = 0.1 lightness + (0.2, -0.12)."""
    import onnx

    values = {"slope": np.float32(0.1), "color": np.array([0.2, -0.12], np.float32)}
    nodes = [
        onnx.helper.make_node("Mul", ["lightness", "slope"], ["shaded"]),
        onnx.helper.make_node("Add", ["shaded", "color"], ["ab"]),
    ]
    inputs, outputs = (
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", _SIDE, _SIDE, channels])]
        for name, channels in (("lightness", 1), ("ab", 2))
    )
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = onnx.helper.make_graph(nodes, "tiny", inputs, outputs, tensors)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    onnx.helper.set_model_props(model, texts)
    return model.SerializeToString()


def _ending(commands, photo, suffix, data):
    """Colorizes a photo with a model; returns how that ended.

    Raises:
        Fault: a promise was broken.
    """
    model, result = (photo.with_name(name) for name in (f"model.{suffix}", "result.png"))
    for path in photo.parent.iterdir():
        if path != photo:
            path.unlink()
    model.write_bytes(data)
    done = commands.run("bounded", [str(photo), "--model", str(model), "-o", str(result)], limit=_LIMIT)
    left = sorted(path.name for path in photo.parent.iterdir() if path not in (photo, model, result))
    if left:
        raise Fault(f"left behind: {left}")
    if done.code < 0:
        return f"{suffix}: ended by the runtime"
    if done.code == 0:
        with Image.open(result) as image:
            if image.size != (40, 30):
                raise Fault(f"the result has {image.size} pixels")
        return f"{suffix}: colorized"
    lines = [line for line in done.errors.splitlines() if line.strip()]
    if len(lines) != 1 or len(lines[0]) > _MOST_SHOWN or not lines[0].isprintable() or result.exists():
        raise Fault(f"not one clear line, code {done.code}:\n{done.errors[:3000]}")
    return f"{suffix}: one clear line"
