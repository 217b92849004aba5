"""Networks and measures equal what PyTorch computed: its numbers are stored, so PyTorch itself is not needed."""

import keras
import numpy as np
import numpy_resnet
import pytest
import pytorch_oracles
import torch_resnet
from benchmarks import siggraph17

from tf_colorize import models
from tf_colorize.evaluation import perceptual
from tf_colorize.models import backbone_weights, backbones


@pytest.fixture(scope="module")
def stored():
    with np.load(pytorch_oracles.STORED) as file:
        return dict(file)


def test_lpips_equals_its_authors_implementation(stored, tmp_path):
    pytorch_oracles.lpips_weights(tmp_path / "lpips.npz")
    distances = perceptual.load(tmp_path / "lpips.npz")(*pytorch_oracles.pairs_of_pictures())
    assert len(set(stored["lpips"])) == 2 and stored["lpips"].min() > 0.01
    np.testing.assert_allclose(distances, stored["lpips"], rtol=1e-4)


def test_resnet18_has_the_features_of_pytorch(stored):
    model = backbones.resnet18()
    state = torch_resnet.random_state(np.random.default_rng(0), torch_resnet.torch_shapes())
    backbone_weights.convert_torch(model, state)
    pictures = pytorch_oracles.pictures_for_resnet()
    for level, (ours, by_numpy) in enumerate(zip(model(pictures), numpy_resnet.features(state, pictures))):
        truth = stored[f"resnet{level}"]
        assert truth.std() > 0.1
        for feature in (ours, by_numpy):
            np.testing.assert_allclose(feature[..., ::8], truth, rtol=2e-3, atol=2e-3 * truth.std())


def test_networks_have_the_parameters_of_their_pytorch_versions(stored):
    ours = [models.unet(), models.patchgan()]
    trainable = [sum(keras.ops.size(variable) for variable in model.trainable_variables) for model in ours]
    assert trainable == stored["parameters"].tolist()


@pytest.mark.slow
def test_opencv_runs_the_network_that_pytorch_runs(stored, tmp_path):
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("onnx")
    siggraph17.write_onnx(siggraph17.random_weights(), tmp_path / "network.onnx")
    network = cv2.dnn.readNetFromONNX(str(tmp_path / "network.onnx"))
    network.setInput(pytorch_oracles.planes())
    assert stored["siggraph17"].std() > 0.1
    np.testing.assert_allclose(pytorch_oracles.kept(network.forward()), stored["siggraph17"], atol=1e-3)
