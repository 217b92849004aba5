"""A client for a colorizer on TF Serving, over REST or gRPC, without TensorFlow.

REST needs only the standard library; gRPC needs the package's extra `serving`.
"""

from tf_colorize.inference.serving.client import DEFAULT_MODEL, Client
from tf_colorize.inference.serving.failures import ServingError

__all__ = ["DEFAULT_MODEL", "Client", "ServingError"]
