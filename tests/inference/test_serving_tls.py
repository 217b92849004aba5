"""The client over encrypted connections."""

import exports
import numpy as np
import prediction_server
import pytest
import trustme
from served import PROTOCOLS, SIZE, squares

from tf_colorize import Colorizer
from tf_colorize.inference import serving


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory):
    """`(addresses, ca_file)` of a server with TLS, whose certificate only that file vouches for."""
    authority = trustme.CA()
    ca_file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    with prediction_server.serve(exports.exported().saved_model, authority.issue_cert("127.0.0.1")) as (_, addresses):
        yield addresses, str(ca_file)


@PROTOCOLS
def test_tls_with_a_given_authority(encrypted, protocol):
    addresses, ca_file = encrypted
    assert addresses[protocol].startswith(f"{protocol}s://")
    with serving.Client(addresses[protocol], ca_file=ca_file) as client:
        expected = exports.generator()(squares(1), training=False)
        np.testing.assert_allclose(client.predict_ab(squares(1)), expected, atol=0.01)
    assert Colorizer.load(addresses[protocol], ca_file=ca_file).image_size == SIZE


@PROTOCOLS
def test_tls_with_the_authorities_of_the_system(encrypted, protocol, monkeypatch):
    addresses, ca_file = encrypted
    monkeypatch.setenv("SSL_CERT_FILE", ca_file)  # where OpenSSL looks for them
    assert serving.Client(addresses[protocol]).image_size == SIZE


@PROTOCOLS
def test_tls_rejects_a_server_without_a_trusted_certificate(encrypted, protocol):
    with pytest.raises(serving.ServingError, match="(?i)certificate.verify.failed"):
        serving.Client(encrypted[0][protocol], retries=0).predict_ab(squares(1))


@PROTOCOLS
def test_the_client_never_falls_back_from_tls_silently(addresses, encrypted, protocol):
    with pytest.raises(ValueError, match=r"`ca_file` needs an address with https or grpcs"):
        serving.Client(addresses[protocol], ca_file=encrypted[1])
    for ca_file in ("no/such.pem", __file__):
        with pytest.raises(ValueError, match=r"`ca_file` must be a PEM file.*Received"):
            serving.Client(encrypted[0][protocol], ca_file=ca_file)
