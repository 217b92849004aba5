"""Protocols of buckets: the schemes of their addresses, the options that these can have, and their file systems."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

_ATTEMPTS = 8  # attempts of a request to a bucket; about a minute with increasing pauses


class PlaceError(ValueError):
    """A folder or bucket cannot be used; the message is one line that names it."""


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How buckets of one kind are reached.

    Attributes:
        options: Names that may follow the `?` of an address, as the file system takes them.
        file_system: `file_system(fs, bucket, options)` -> a `pyarrow.fs.FileSystem`; `fs` is the module. Raises
            ValueError for options that do not fit and PlaceError where there is no such bucket.
        other_schemes: Further names by which addresses may call it.
        endpoint_variables: Environment variables that name a server, where an address does not; the first that is set
            counts, on the machine where the address is opened, for all that work on it.
    """

    options: tuple[str, ...]
    file_system: Callable[[Any, str, dict[str, str]], Any]
    other_schemes: tuple[str, ...] = ()
    endpoint_variables: tuple[str, ...] = ()

    def settled(self, options: dict[str, str]) -> dict[str, str]:
        """Returns the options of an address together with what the environment adds to them."""
        endpoint = next(filter(None, map(os.environ.get, self.endpoint_variables)), None)
        return {"endpoint_override": endpoint, **options} if endpoint else dict(options)


def _s3(fs, bucket, options):
    if "region" not in options and "endpoint_override" not in options:
        try:
            options = {**options, "region": fs.resolve_s3_region(bucket)}
        except OSError as error:
            reason = f"no such bucket, or not reachable: {first_line(error)}"
            raise PlaceError(f"s3://{bucket}: {reason}") from error
    # One request writes a file of usual size; without the option there would be three, each of them paid for.
    return fs.S3FileSystem(
        **options, allow_delayed_open=True, retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS)
    )


def _gcs(fs, bucket, options):
    return fs.GcsFileSystem(**options)


# By the scheme that messages use. A new protocol is a function and a line here.
PROTOCOLS = {
    "s3": Protocol(
        ("region", "endpoint_override", "scheme"),
        _s3,
        endpoint_variables=("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    ),
    "gs": Protocol(("endpoint_override", "scheme"), _gcs, other_schemes=("gcs",)),
}
SCHEMES = {name: scheme for scheme, one in PROTOCOLS.items() for name in (scheme, *one.other_schemes)}
"""The scheme of each name that addresses may begin with."""

FORMS = " or ".join(f"{scheme}://BUCKET/PREFIX" for scheme in PROTOCOLS)
"""How addresses look, for messages."""


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, or its type if there is none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
