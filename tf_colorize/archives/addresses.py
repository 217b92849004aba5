"""Parses the place of photos or results: a folder, or a bucket with a prefix and options.

Nothing is decoded, normalized or dropped. Names that pyarrow's file systems would alter are rejected here, because
other files would be read or written.
"""

from __future__ import annotations

import dataclasses
import os
import re
import urllib.parse

from tf_colorize.archives import bucket_protocols
from tf_colorize.archives.bucket_protocols import PlaceError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # a single letter is a Windows drive
_ONE_SLASH = re.compile(rf"({'|'.join(bucket_protocols.SCHEMES)}):/?(?!/)")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclasses.dataclass(frozen=True)
class BucketAddress:
    """A place in a bucket.

    Attributes:
        scheme: A key of `bucket_protocols.PROTOCOLS`.
        bucket: Its name.
        prefix: The beginning of the keys, without slashes at its ends; "" is the whole bucket.
        options: As for pyarrow's file system.
    """

    scheme: str
    bucket: str
    prefix: str
    options: dict[str, str]


def parse(text: str) -> str | BucketAddress:
    """Returns the absolute path of a folder, or the address of a bucket.

    Args:
        text: Path of a folder, or `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`. An address may end with
            `?region=...&endpoint_override=...&scheme=http`, for servers other than Amazon's and Google's.

    Raises:
        PlaceError: the text is neither, or its name would be altered.
    """
    found = _SCHEME.match(text)
    if found is None:
        return _folder(text)
    if found[1] not in bucket_protocols.SCHEMES:
        raise PlaceError(f"{text}: must be a folder, {bucket_protocols.FORMS}")
    scheme = bucket_protocols.SCHEMES[found[1]]
    rest, question_mark, options = text[found.end() :].partition("?")
    bucket, _, prefix = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise PlaceError(f"{text}: must be {scheme}://BUCKET/PREFIX, and {bucket!r} is not the name of a bucket")
    prefix = prefix.removesuffix("/")
    problem = problem_of(prefix) if prefix or rest.endswith("//") else None
    if problem:
        raise PlaceError(f"{shown(text)}: the prefix {problem}")
    return BucketAddress(scheme, bucket, prefix, _options(text, scheme, options) if question_mark else {})


def problem_of(name: str) -> str | None:
    """Returns why a name in a bucket cannot be used unchanged, or None.

    Args:
        name: Parts separated by "/".
    """
    parts = name.split("/")
    if "" in parts:
        return "has an empty part (an extra slash), which cannot be read or written unchanged"
    if {".", ".."} & set(parts):
        return "has . or .. as a part, which would refer to another place"
    if _CONTROL.search(name):
        return "contains a control character, such as a line break"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is not valid UTF-8"
    return None


def shown(name: str) -> str:
    """Returns a name as one line of text, with other characters escaped."""
    return name if name.isprintable() else ascii(name)


def _folder(text):
    if not text:
        raise PlaceError("the name of a folder or bucket is missing: it is empty")
    if _ONE_SLASH.match(text) and not os.path.lexists(text):
        scheme, _, rest = text.partition(":")
        raise PlaceError(f"{text}: must be {scheme}://{rest.lstrip('/')}, or ./{text} for a folder of this name")
    parts = text.split(os.sep)
    if ".." in parts:  # after a link, the parent is not the folder that the text suggests: only the system knows it
        n_followed = len(parts) - parts[::-1].index("..")
        followed = os.path.realpath(os.sep.join(parts[:n_followed]))
        return os.path.abspath(os.path.join(followed, *parts[n_followed:]))
    return os.path.abspath(text)


def _options(text, scheme, options):
    known = bucket_protocols.PROTOCOLS[scheme].options
    try:
        pairs = urllib.parse.parse_qsl(options, keep_blank_values=True, strict_parsing=True) or [("", "")]
    except ValueError:
        pairs = [("", "")]
    given = dict(pairs)
    if len(given) < len(pairs) or not all(given.values()) or set(given) - set(known):
        raise PlaceError(
            f"{text}: after the ? must be NAME=VALUE, with & between them and a name of {', '.join(known)}; prefixes "
            "that contain ? are not supported"
        )
    return given
