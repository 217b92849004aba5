"""The client over real sockets, against a server that runs the real SavedModel behind TF Serving's protocols."""

import concurrent.futures
import io
import threading
import time

import exports
import numpy as np
import pytest
from PIL import Image
from served import PROTOCOLS, SIZE, photo, squares

from tf_colorize import Colorizer
from tf_colorize.inference import serving


@PROTOCOLS
def test_predict_ab_equals_keras(addresses, protocol):
    lightness = squares(3)
    ab = serving.Client(addresses[protocol]).predict_ab(lightness)
    assert ab.dtype == np.float32
    expected = exports.generator()(lightness, training=False)
    np.testing.assert_allclose(ab, expected, atol=0.01)


@PROTOCOLS
def test_a_server_colorizes_as_the_local_model_does(addresses, protocol):
    client = serving.Client(addresses[protocol])
    pixels = np.asarray(Image.open(io.BytesIO(photo())))
    expected = Colorizer.from_saved_model(exports.exported().saved_model)(pixels)
    through_colorizer = Colorizer.from_server(addresses[protocol])(pixels)
    (from_pixels,) = client.colorize(pixels[np.newaxis])
    (from_file,) = client.colorize_files([photo()])
    for actual in (through_colorizer, from_pixels, np.asarray(Image.open(io.BytesIO(from_file)))):
        assert actual.dtype == np.uint8 and np.abs(actual.astype(int) - expected).max() <= 1


@PROTOCOLS
def test_files_of_different_sizes_in_one_request(addresses, protocol):
    buffers = [io.BytesIO() for _ in range(3)]
    for buffer, size in zip(buffers, [(40, 30), (7, 90), (1, 1)]):
        Image.new("L", size, 120).save(buffer, "PNG")
    results = serving.Client(addresses[protocol]).colorize_files([buffer.getvalue() for buffer in buffers])
    assert [Image.open(io.BytesIO(result)).size for result in results] == [(40, 30), (7, 90), (1, 1)]


@PROTOCOLS
def test_a_version_can_be_requested(addresses, protocol):
    address = addresses[protocol] + ("/versions/1" if protocol == "http" else "/1")
    assert serving.Client(address).image_size == SIZE


@PROTOCOLS
def test_a_closed_client_raises_an_error(addresses, model, protocol):
    with serving.Client(addresses[protocol]) as client:
        client.predict_ab(squares(1))
    model.requests = 0
    with pytest.raises(serving.ServingError, match="the client is closed"):
        client.predict_ab(squares(1))
    client.close()
    assert model.requests == 0


def test_closing_ends_requests_in_progress(addresses, model):
    client = serving.Client(addresses["grpc"], retries=0)
    model.delay.clear()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        before = model.requests
        request = pool.submit(client.predict_ab, squares(1))
        while model.requests == before:
            time.sleep(0.01)
        client.close()
        with pytest.raises(serving.ServingError):
            request.result(timeout=5)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8501",
        "ftp://host/colorizer",
        "http://",
        "http://host/predict",
        "grpc://host:99999",
        "http://[::1",
        "",
    ],
)
def test_invalid_addresses_are_rejected(url):
    with pytest.raises(ValueError, match=r"`url` must be like .*Received: url="):
        serving.Client(url)


def test_impossible_options_are_refused():
    with pytest.raises(ValueError, match="`timeout` must be over 0"):
        serving.Client("grpc://localhost", timeout=0)


def test_one_client_for_many_threads(addresses):
    client = serving.Client(addresses["grpc"])
    lightness = squares(8)
    results = [None] * 8

    def work(index):
        results[index] = client.predict_ab(lightness[index : index + 1])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose(np.concatenate(results), client.predict_ab(lightness), atol=1e-4)


@PROTOCOLS
def test_the_client_works_where_tensorflow_is_not(addresses, protocol, run_python):
    printed = run_python(f"""
        import sys
        for name in ("tensorflow", "keras", "keras_cv", "tensorflow_serving"):
            sys.modules[name] = None  # importing it fails
        import numpy as np
        import tf_colorize
        colored = tf_colorize.Colorizer.from_server({addresses[protocol]!r})(np.full((20, 30), 90, np.uint8))
        print(colored.shape, colored.dtype)
    """)
    assert printed.strip() == "(20, 30, 3) uint8"
