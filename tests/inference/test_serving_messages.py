"""The messages of TF Serving's protocol, against the official stubs."""

import exports
import numpy as np
import prediction_server
import pytest
import tensorflow as tf
from served import squares
from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2, prediction_log_pb2

from tf_colorize.inference.serving import messages


def test_messages_are_those_of_the_official_stubs():
    value = squares(2)
    ours = messages.predict_request("colorizer", 7, "predict_ab", {"lightness": value})
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert (theirs.model_spec.name, theirs.model_spec.version.value) == ("colorizer", 7)
    assert theirs.model_spec.signature_name == "predict_ab"
    np.testing.assert_array_equal(tf.make_ndarray(theirs.inputs["lightness"]), value)
    files = messages.predict_request("m", None, "serving_default", {"image_bytes": [b"\0\xff", b""]})
    theirs = predict_pb2.PredictRequest.FromString(files.SerializeToString())
    assert not theirs.model_spec.HasField("version")
    assert tf.make_ndarray(theirs.inputs["image_bytes"]).tolist() == [b"\0\xff", b""]
    theirs = get_model_metadata_pb2.GetModelMetadataRequest.FromString(
        messages.metadata_request("m", 3).SerializeToString()
    )
    assert list(theirs.metadata_field) == ["signature_def"] and theirs.model_spec.version.value == 3


@pytest.mark.parametrize("value", [np.full((1, 300, 300, 3), 128, np.uint8), np.zeros((1, 99, 99, 2), np.float32)])
def test_what_is_the_same_everywhere_takes_little_space(value):
    message = messages.predict_request("m", None, "x", {"image": value}).SerializeToString()
    theirs = predict_pb2.PredictRequest.FromString(message).inputs["image"]
    assert len(message) < 100 and theirs.dtype == tf.as_dtype(value.dtype).as_datatype_enum
    np.testing.assert_array_equal(tf.make_ndarray(theirs), value)


@pytest.mark.parametrize("value", [squares(1), np.arange(24, dtype=np.uint8).reshape(2, 4, 3)])
def test_results_are_read_in_all_encodings_of_the_protocol(value):
    for proto, expected in (
        (tf.make_tensor_proto(value), value),
        (prediction_server.as_proto_field(value), value),
        (tf.make_tensor_proto(3, dtype=value.dtype, shape=value.shape), np.full_like(value, 3)),
    ):
        response = predict_pb2.PredictResponse()
        response.outputs["ab"].CopyFrom(proto)
        ours = messages.message("PredictResponse").FromString(response.SerializeToString())
        result = messages.predict_result(ours)
        assert result.dtype == value.dtype
        np.testing.assert_array_equal(result, expected)


def test_a_short_message_does_not_fill_the_memory():
    tensor = messages.message("Tensor")(dtype=1, float_val=[0.5])
    for size in (1 << 14, 1 << 14, 2):  # 2 GB
        tensor.tensor_shape.dim.add(size=size)
    with pytest.raises(ValueError, match="out of range"):
        messages.tensor_value(tensor)


def test_the_warm_up_file_is_one_that_the_server_reads(server):
    model, _ = server
    path = exports.exported().saved_model / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record)
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    assert 0 < len(logs) <= 1000  # the server's limit
    signatures = []
    for log in logs:
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        signatures.append(request.model_spec.signature_name)
        inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
        assert model.run(signatures[-1], inputs)
    assert sorted(signatures) == ["colorize", "predict_ab", "serving_default"]
