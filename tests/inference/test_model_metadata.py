"""What a model file says about itself may be damaged: one line says what is wrong."""

import builtins
import errno
import io
import json
import zipfile

import numpy as np
import pytest
import tiny_models

from tf_colorize import Colorizer, documents, model_metadata

INVALID = [
    ({"image_size": "32"}, "image_size must be a positive integer. Received: '32'"),
    ({"image_size": True}, "image_size must be a positive integer"),
    ({"image_sizes": None}, "image_sizes must be a list of positive integers. Received: None"),
    ({"image_sizes": [64, [0.5]]}, "image_sizes must be a list of positive integers"),
    ({"lightness_scale": "a\nb"}, r"lightness_scale must be a number. Received: 'a\\nb'"),
    ({"ab_scale": 10**400}, r"ab_scale must be a number. Received: 10{40,}\.\.\."),
    ({"ab_scale": float("nan")}, "ab_scale must be a number. Received: nan"),
    ({"ab_scale": 128}, "was made for ab_scale 128, but this version uses 110"),
    ({"palette": [[1, 2], [3]]}, "palette must be a list of pairs of numbers"),
    ({"palette_temperature": []}, "palette_temperature must be a number"),
    ([1], r"its metadata must be an object. Received: \[1\]"),
]


def with_metadata(folder, text):
    path = tiny_models.write_tflite(folder)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(documents.METADATA_NAME, text)
    return path


@pytest.mark.parametrize(("metadata", "message"), INVALID)
def test_invalid_metadata_gives_one_line(tmp_path, metadata, message):
    path = with_metadata(tmp_path, json.dumps(metadata))
    with pytest.raises(ValueError, match=message) as caught:
        Colorizer.load(path)
    assert str(caught.value).startswith(f"{path}: ") and str(caught.value).isprintable()


@pytest.mark.parametrize(("metadata", "message"), INVALID[:-1])
def test_invalid_metadata_of_an_onnx_file_gives_one_line(metadata, message):
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
    if texts == {"image_size": "32"}:
        assert model_metadata.of_onnx(texts, "x.onnx") == {"image_size": 32}
        return
    with pytest.raises(ValueError, match=f"x.onnx: .*{message}"):
        model_metadata.of_onnx(texts, "x.onnx")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_metadata_that_is_not_json_gives_one_line(tmp_path, text):
    with pytest.raises(ValueError, match="its metadata is not valid JSON: ") as caught:
        Colorizer.load(with_metadata(tmp_path, text))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("method", [1, 8, 12, 14, 99])
def test_a_member_that_cannot_be_unpacked_gives_one_line(tmp_path, method):
    path = with_metadata(tmp_path, '{"image_size": 32}')
    data = bytearray(path.read_bytes())
    for signature, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):  # where a zip archive names the compression
        data[data.rindex(signature) + place] = method
    path.write_bytes(data)
    with pytest.raises(ValueError, match="cannot be read: ") as caught:
        Colorizer.load(path)
    assert str(caught.value).isprintable()


def test_valid_metadata_and_none_are_used(tmp_path):
    (tmp_path / "bare").mkdir()
    described = with_metadata(tmp_path, json.dumps({"image_size": 32, "ab_scale": 110.0, "more": {"a": [1]}}))
    for path in (described, tiny_models.write_tflite(tmp_path / "bare")):
        ab = Colorizer.load(path).predict_ab(np.zeros((1, 32, 32, 1), np.float32))
        np.testing.assert_allclose(ab.reshape(-1, 2)[0], (tiny_models.A, tiny_models.B), atol=1e-3)


def test_messages_of_runtimes_are_one_line_that_is_safe_for_terminals():
    said = model_metadata.first_line(ValueError(f"no op \x1b[31m{'x' * 1000}\nmore"))
    assert said.isprintable() and said.startswith("'no op \\x1b[31mxxx") and len(said) < 320


def test_metadata_that_cannot_be_appended_leaves_the_network(tmp_path, monkeypatch):
    path = tiny_models.write_tflite(tmp_path)
    network, real_open = path.read_bytes(), io.open
    tries = []

    def fails_once(file, mode="r", *more, **options):
        if mode == "r+b" and not tries:
            tries.append(file)
            raise OSError(errno.EIO, "Input/output error")
        return real_open(file, mode, *more, **options)

    for module in (io, builtins):
        monkeypatch.setattr(module, "open", fails_once)
    with pytest.raises(OSError, match="Input/output"):
        model_metadata.append(path, {"image_size": 32})
    assert tries and path.read_bytes() == network
    model_metadata.append(path, {"image_size": 32})
    assert path.read_bytes().startswith(network) and model_metadata.of_tflite(path) == {"image_size": 32}
