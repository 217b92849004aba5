"""Leaves out the parts of a PNG that Pillow rejects although the pixels do not need them, as browsers do."""

from __future__ import annotations

import struct
import zlib

from tf_colorize.photos import opening

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# `photos.containers` reads these itself, of any size.
_READ_ELSEWHERE = (b"tEXt", b"zTXt", b"iTXt", b"eXIf")
_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"cICP": 4}
_MOST_PROFILE_BYTES = 1 << 20  # Pillow's limit
_ANCILLARY = 0x20  # the bit of a chunk's first letter; decoders may ignore such chunks


def repaired(source: opening.Source) -> tuple[bytes, list[str]] | None:
    """Returns a PNG without text and without broken optional chunks, or None if that changes nothing.

    Args:
        source: A path, or the bytes of a file.

    Returns:
        `(data, dropped)`: the bytes of the smaller PNG, and the names of the broken chunks, such as "gAMA".
    """
    with opening.file_of(source) as file:
        if file.read(len(_SIGNATURE)) != _SIGNATURE:
            return None
        data = file.read()
    kept, dropped, position = [_SIGNATURE], [], 0
    while len(data) >= position + 12:
        length, kind = struct.unpack_from(">I4s", data, position)
        chunk = data[position : position + 12 + length]
        if kind[0] & _ANCILLARY and (kind in _READ_ELSEWHERE or _is_broken(kind, chunk)):
            dropped.append(kind)
        else:
            kept.append(chunk)
        position += 12 + length
    if not dropped:
        return None
    names = (kind.decode("latin-1") for kind in dropped if kind not in _READ_ELSEWHERE)
    return b"".join((*kept, data[position:])), sorted(set(names))


def _is_broken(kind, chunk):
    body = chunk[8:-4]
    if len(body) != _LENGTHS.get(kind, len(body)) or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
        return True
    if kind != b"iCCP":
        return False
    try:
        profile = zlib.decompressobj().decompress(body.partition(b"\0")[2][1:], _MOST_PROFILE_BYTES + 1)
    except zlib.error:
        return True
    return len(profile) > _MOST_PROFILE_BYTES
