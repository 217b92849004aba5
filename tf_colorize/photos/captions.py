"""IPTC captions, and Photoshop's resource blocks ("8BIM"), in which they are commonly stored."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SIGNATURES = (b"8BIM", b"8BPS", b"MeSa", b"AgHg", b"PHUT", b"DCSR")
_IPTC = 0x0404
_DIGEST = 0x0425  # of the captions
# Old caption, copyright flag, address. Other resources describe how pixels are stored or printed.
_OF_PHOTO = (0x03F0, 0x040A, 0x040B)


def of_resources(block: bytes) -> tuple[bytes, bytes]:
    """Returns the IPTC captions in a resource block, and a block of the other resources that describe the photo."""
    iptc, others = b"", b""
    for number, raw, data in _resources(block):
        if number == _IPTC:
            iptc = iptc or data
        elif number in (*_OF_PHOTO, _DIGEST):
            others += raw
    return iptc, others


def has_copyright(resources: bytes) -> bool:
    """Returns whether a resource block has a copyright flag that is set, an address, or an old caption."""
    return any(number in _OF_PHOTO and data.strip(b"\0") for number, _, data in _resources(resources))


def resources_of(iptc: bytes, others: bytes) -> bytes:
    """Returns a resource block, or an empty one without content."""
    if not iptc:
        return others
    return b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2) + others


def of_tiff(value: bytes) -> bytes:
    """Returns the captions in their TIFF tag: some programs write 4-byte numbers and swap their bytes."""
    if value[:1] != b"\x1c" and value[3:4] == b"\x1c":
        value = b"".join(value[start : start + 4][::-1] for start in range(0, len(value), 4))
    return value


def _resources(block) -> Iterator[tuple[int, bytes, bytes]]:
    """Yields `(number, the unchanged resource, its data)` up to the first broken one."""
    position = 0
    while block[position : position + 4] in _SIGNATURES and len(block) >= position + 12:
        (number,) = struct.unpack_from(">H", block, position + 4)
        name = block[position + 6] + 1
        start = position + 6 + name + name % 2 + 4
        if start > len(block):
            return
        (length,) = struct.unpack_from(">I", block, start - 4)
        data = block[start : start + length]
        if len(data) < length:
            return
        end = start + length + length % 2
        yield number, block[position:end].ljust(end - position, b"\0"), data
        position = end
