"""The ResNet18 encoder: exactness of converted weights, folded weights, errors, download."""

import functools
import hashlib
import http.server
import pathlib
import socket
import threading

import keras
import numpy as np
import numpy_resnet
import pytest
import torch_resnet

from tf_colorize.models import backbone_weights, backbones, blocks


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return backbones.resnet18()


@pytest.fixture(scope="module")
def state():
    return torch_resnet.random_state(np.random.default_rng(0), torch_resnet.torch_shapes())


@pytest.fixture(scope="module")
def converted(state):
    """A ResNet18 with the weights of `state`."""
    model = backbones.resnet18()
    backbone_weights.convert_torch(model, state)
    return model


@pytest.fixture(scope="module")
def safetensors_file(tmp_path_factory, state):
    import safetensors.numpy

    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    safetensors.numpy.save_file({key: np.asarray(value) for key, value in state.items()}, path)
    return path


def same_weights(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first.get_weights(), second.get_weights(), strict=True))


def test_features_have_the_strides_and_channels_of_resnet18(model):
    features = model(np.zeros((2, 64, 96, 3), "float32"))
    shapes = [tuple(feature.shape) for feature in features]
    assert shapes == [(2, 32, 48, 64), (2, 16, 24, 64), (2, 8, 12, 128), (2, 4, 6, 256), (2, 2, 3, 512)]
    # He et al. 2015: 11.69 M with the classifier, whose share is 513,000; 9,600 are statistics.
    assert model.count_params() == 11_689_512 - 513_000 + 9_600


def test_every_normalization_is_fused_with_the_epsilon_of_torchvision(model):
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert len(norms) == 20
    assert {type(norm) for norm in norms} == {blocks.FusedBatchNormalization}
    assert {norm.epsilon for norm in norms} == {1e-5}


def test_inside_another_model_it_survives_saving(tmp_path, model):
    inputs = keras.Input((None, None, 3))
    outer = keras.Model(inputs, model(inputs)[3])
    outer.save(tmp_path / "outer.keras")
    loaded = keras.models.load_model(tmp_path / "outer.keras")
    x = np.random.default_rng(1).normal(size=(1, 64, 32, 3)).astype("float32")
    np.testing.assert_array_equal(loaded(x), outer(x))


@pytest.mark.parametrize("size", [(33, 65), (97, 161)])
def test_converted_weights_give_the_features_of_torchvision_at_every_level(converted, state, size):
    x = np.random.default_rng(2).normal(size=(2, *size, 3)).astype("float32")
    for feature, truth in zip(converted(x), numpy_resnet.features(state, x), strict=True):
        assert truth.max() > 1.0
        np.testing.assert_allclose(feature, truth, rtol=0, atol=1e-5 * truth.max())


def test_every_weight_is_converted(converted, state):
    total = sum(
        np.sum(value, dtype="float64")
        for key, value in state.items()
        if not key.startswith("fc.") and not key.endswith("num_batches_tracked")
    )
    assert np.isclose(sum(np.sum(w, dtype="float64") for w in converted.get_weights()), total, rtol=1e-9)


def test_a_weights_file_and_a_safetensors_file_load(tmp_path, converted, safetensors_file):
    assert same_weights(backbones.resnet18(safetensors_file), converted)
    converted.save_weights(tmp_path / "backbone.weights.h5")
    assert same_weights(backbones.resnet18(str(tmp_path / "backbone.weights.h5")), converted)


def test_pooled_features_are_the_mean_of_layer3(converted, safetensors_file):
    x = np.random.default_rng(5).normal(size=(2, 64, 32, 3)).astype("float32")
    extractor = backbones.pooled_features(safetensors_file)
    assert not extractor.trainable_variables
    expected = converted(x)[3].numpy().mean((1, 2))
    np.testing.assert_allclose(extractor(x), expected, rtol=1e-5, atol=1e-6)


def test_neither_none_nor_the_word_none_needs_a_file():
    keras.utils.set_random_seed(1)
    first = backbones.resnet18(None)
    keras.utils.set_random_seed(1)
    assert same_weights(first, backbones.resnet18("none"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.weights.h5", None, "which is not a file"),
        ("notes.txt", b"weights", "must end in"),
        ("folded.npz", b"", "must end in"),
        ("broken.weights.h5", b"not hdf5", "must be those of a ResNet18"),
        ("broken.safetensors", b"not safetensors", "not a safetensors file"),
    ],
)
def test_an_unusable_file_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="`weights`.*Received: weights=.*") as caught:
        backbones.resnet18(path)
    assert message in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path, model, state):
    resnet34 = torch_resnet.random_state(np.random.default_rng(6), torch_resnet.torch_shapes((3, 4, 6, 3)))
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"layer1\.2\.bn1\.bias is not part of it"):
        backbone_weights.convert_torch(model, resnet34)
    with pytest.raises(ValueError, match="bn1.bias is missing"):
        backbone_weights.convert_torch(model, {})
    wide = {**state, "conv1.weight": np.zeros((64, 1, 7, 7))}
    with pytest.raises(ValueError, match="conv1.weight has 3136 values in another shape"):
        backbone_weights.convert_torch(model, wide)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(ValueError, match="must be those of a ResNet18.*shapes of its variables"):
        backbones.resnet18(tmp_path / "a.weights.h5")


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    home = tmp_path / "keras home"
    home.mkdir()
    monkeypatch.setenv("KERAS_HOME", str(home))
    return home


@pytest.fixture
def server(safetensors_file, monkeypatch):
    """A real web server that has the public file, or rather one of the same structure."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=safetensors_file.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{safetensors_file.name}"
        digest = hashlib.sha256(safetensors_file.read_bytes()).hexdigest()
        monkeypatch.setattr(backbone_weights, "IMAGENET_URL", url)
        monkeypatch.setattr(backbone_weights, "IMAGENET_SHA256", digest)
        yield server
        server.shutdown()


def test_imagenet_weights_are_downloaded_once(keras_home, server, converted):
    assert same_weights(backbones.resnet18("imagenet"), converted)
    assert (keras_home / "models" / backbone_weights.IMAGENET_FILE).is_file()
    server.shutdown()
    server.server_close()
    assert same_weights(backbones.resnet18("auto"), converted)


def test_a_download_with_another_hash_is_refused(keras_home, server, monkeypatch):
    monkeypatch.setattr(backbone_weights, "IMAGENET_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="`weights` 'imagenet'.*hash"):
        backbones.resnet18("imagenet")
    with pytest.warns(UserWarning, match="the encoder starts untrained.*hash"):
        backbones.resnet18("auto")


def test_a_silent_name_server_is_not_waited_for(keras_home, monkeypatch):
    given_up = threading.Event()

    def silence(*_, **__):
        given_up.wait(100)
        raise socket.gaierror("nobody knows")

    monkeypatch.setattr(socket, "getaddrinfo", silence)
    monkeypatch.setattr(backbone_weights, "IMAGENET_URL", "http://weights.example/model.safetensors")
    monkeypatch.setattr(backbone_weights, "DOWNLOAD_TIMEOUT_SECONDS", 0.2)
    try:
        with pytest.raises(ValueError, match="timed out: no answer within 0.2 s"):
            backbone_weights.imagenet_file(required=True)
    finally:
        given_up.set()


def test_without_a_network_the_message_names_the_file_and_its_place(keras_home, monkeypatch):
    with socket.socket() as listener:  # accepts, but never answers
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/model.safetensors"
        monkeypatch.setattr(backbone_weights, "IMAGENET_URL", url)
        monkeypatch.setattr(backbone_weights, "DOWNLOAD_TIMEOUT_SECONDS", 0.2)
        with pytest.raises(ValueError, match="timed out") as caught:
            backbones.resnet18("imagenet")
        target = pathlib.Path(keras_home, "models", backbone_weights.IMAGENET_FILE)
        assert str(target) in str(caught.value)
        assert url in str(caught.value)
        with pytest.warns(UserWarning, match="the encoder starts untrained") as warned:
            backbones.resnet18("auto")
    assert len(warned) == 1
    assert "\n" not in str(warned[0].message)
    assert socket.getdefaulttimeout() is None
    assert not target.exists()
