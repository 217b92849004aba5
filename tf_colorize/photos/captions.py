"""IPTC captions, and the blocks of resources ("8BIM") in which Photoshop taught the world to keep them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_SIGNATURES = (b"8BIM", b"8BPS", b"MeSa", b"AgHg", b"PHUT", b"DCSR")
_IPTC = 0x0404
# Copyright flag, address, digest of the captions, old caption. The others say how pixels were stored or printed.
_KEPT = (0x03F0, 0x040A, 0x040B, 0x0425)


def of_resources(block: bytes) -> tuple[bytes, bytes]:
    """Returns the IPTC captions in a block of resources, and a block of the others that describe the photo."""
    iptc, others = b"", b""
    for number, raw, data in _resources(block):
        if number == _IPTC:
            iptc = iptc or data
        elif number in _KEPT:
            others += raw
    return iptc, others


def resources_of(iptc: bytes, others: bytes) -> bytes:
    """Returns a block of resources, empty if there is nothing to hold."""
    if not iptc:
        return others
    return b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2) + others


def of_tiff(value: bytes) -> bytes:
    """Returns the captions in TIFF's tag for them: some programs write 4-byte numbers, and turn their bytes round."""
    if value[:1] != b"\x1c" and value[3:4] == b"\x1c":
        value = b"".join(value[start : start + 4][::-1] for start in range(0, len(value), 4))
    return value


def _resources(block) -> Iterator[tuple[int, bytes, bytes]]:
    """Yields `(number, the resource as it stands, its data)`; what is broken ends it."""
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
