"""Reads the metadata in JPEG, PNG and GIF files, and writes that of JPEG and PNG, as unchanged bytes."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterable

from tf_colorize.photos import xmp

Read = Callable[[int, int], bytes]

_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP, _RESOURCES = b"http://ns.adobe.com/xmp/extension/\0", b"Photoshop 3.0\0"
_MOST_IN_SEGMENT = 65533
EXIF_LIMIT = _MOST_IN_SEGMENT - len(_EXIF)
"""The largest EXIF block, without prefix, that fits into a JPEG."""
_XMP_LIMIT = _MOST_IN_SEGMENT - len(_XMP)
_MOST_BYTES = 1 << 26  # bytes of a decompressed text
_SAMSUNG_VIDEO = 0x0A30
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_XMP_OF_GIF, _TRAILER_OF_GIF = b"XMP DataXMP", bytes([1, *range(255, 0, -1)])


def of_jpeg(read: Read) -> dict:
    """Returns the metadata of a JPEG.

    Args:
        read: Function `(offset, length) -> bytes` of the file.

    Returns:
        dict with those of these keys that the file has: "exif", "xmp", "extended_xmp" and "resources" (bytes, without
            JPEG's prefixes), and "comments" (list of bytes).
    """
    exif, resources, parts = b"", b"", []
    found: dict = {}
    for marker, data in _segments(read):
        if marker == 0xFE:
            found.setdefault("comments", []).append(data)
        elif marker == 0xE1 and data.startswith(_EXIF):
            exif += data[len(_EXIF) :]
        elif marker == 0xE1 and data.startswith(_XMP):
            found.setdefault("xmp", data[len(_XMP) :])
        elif marker == 0xE1 and data.startswith(_EXTENDED_XMP):
            parts.append(data[len(_EXTENDED_XMP) :])
        elif marker == 0xED and data.startswith(_RESOURCES):
            resources += data[len(_RESOURCES) :]
    found |= {key: value for key, value in (("exif", exif), ("resources", resources)) if value}
    if "xmp" in found and (extension := _extension(parts, found["xmp"])):
        found["extended_xmp"] = extension
    return found


def _segments(read):
    position = 2
    while True:
        head = read(position, 2)
        if len(head) < 2 or head[0] != 0xFF or head[1] in (0xD9, 0xDA):
            return
        if head[1] == 0xFF:  # padding
            position += 1
            continue
        if head[1] == 0x01 or 0xD0 <= head[1] <= 0xD8:
            position += 2
            continue
        length = int.from_bytes(read(position + 2, 2), "big")
        if length < 2:
            return
        yield head[1], read(position + 4, length - 2)
        position += 2 + length


def _extension(parts, packet):
    """Returns the second part of an XMP packet, which the first part refers to, or b"" if it is incomplete."""
    chunks, total = {}, 0
    for part in parts:
        if len(part) > 40 and part[:32] in packet:
            total, offset = struct.unpack(">II", part[32:40])
            chunks[offset] = part[40:]
    whole = b"".join(chunks[offset] for offset in sorted(chunks))
    return whole if whole and len(whole) == total else b""


def has_samsung_video(read: Read, length: int) -> bool:
    """Returns whether a file of `length` bytes ends like Samsung's motion photos."""
    tail = read(max(0, length - 8), 8)
    if tail[4:] != b"SEFT":
        return False
    size = int.from_bytes(tail[:4], "little")
    table = read(max(0, length - 8 - size), min(size, 1 << 16))
    if table[:4] != b"SEFH":
        return False
    return any(struct.unpack_from("<H", table, at + 2)[0] == _SAMSUNG_VIDEO for at in range(12, len(table) - 11, 12))


def jpeg_segments(metadata: dict) -> tuple[bytes, list[str]]:
    """Returns the segments of XMP, resources and comments, and the names of those that do not fit.

    Args:
        metadata: dict with "xmp", "extended_xmp", "resources" (bytes) and "comments" (list of bytes), each optional.
    """
    packed, left_out = b"", []
    packet, extension = metadata.get("xmp", b""), metadata.get("extended_xmp", b"")
    if len(packet) > _XMP_LIMIT:
        packet, extension = xmp.split(xmp.joined(packet, extension))
    if packet:
        packed += _segment(0xE1, _XMP + packet)
    if extension:
        packed += b"".join(_extension_segments(extension))
    step = _MOST_IN_SEGMENT - len(_RESOURCES)
    resources = metadata.get("resources", b"")
    for start in range(0, len(resources), step):
        packed += _segment(0xED, _RESOURCES + resources[start : start + step])
    for comment in metadata.get("comments", ()):
        if len(comment) <= _MOST_IN_SEGMENT:
            packed += _segment(0xFE, comment)
        else:
            left_out.append(f"a comment of {round(len(comment) / 1000)} kB")
    return packed, left_out


def _segment(marker, data):
    return struct.pack(">BBH", 0xFF, marker, 2 + len(data)) + data


def _extension_segments(extension):
    step = 65_400
    for start in range(0, len(extension), step):
        head = xmp.name_of(extension).encode() + struct.pack(">II", len(extension), start)
        yield _segment(0xE1, _EXTENDED_XMP + head + extension[start : start + step])


def xmp_of_gif(read: Read) -> bytes:
    """Returns the XMP packet before the pixels of a GIF, or b"".

    It is not divided into blocks: a trailer makes readers that do not know it skip to its end.

    Args:
        read: Function `(offset, length) -> bytes` of the file.
    """
    flags = read(10, 1)
    position = 13 + (3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0)
    while (head := read(position, 14))[:1] == b"\x21":
        is_xmp = head[1:] == b"\xff\x0b" + _XMP_OF_GIF
        start = position = position + (14 if is_xmp else 2)
        while length := int.from_bytes(read(position, 1), "big"):
            position += 1 + length
        if is_xmp:
            return read(start, position - start).rpartition(_TRAILER_OF_GIF)[0]
        position += 1
    return b""


def of_png(read: Read) -> dict:
    """Returns the metadata of a PNG.

    Args:
        read: Function `(offset, length) -> bytes` of the file.

    Returns:
        dict with those of these keys that the file has: "exif", "xmp", "iptc" and "resources" and "cicp"
            (bytes), and "texts": list of `(type, data)`, the other text chunks unchanged.
    """
    found: dict = {}
    for kind, position, length in _chunks(read):
        if kind == b"eXIf":
            found["exif"] = read(position, length)
        elif kind == b"cICP":
            found["cicp"] = read(position, min(length, 4))
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            data = read(position, length)
            keyword, text = _keyword_and_text(kind, data)
            if keyword == _XMP_KEYWORD:
                found["xmp"] = text
            elif keyword.startswith(b"Raw profile type "):
                _take_profile(keyword.split()[-1].lower(), text, found)
            else:
                found.setdefault("texts", []).append((kind, data))
    return found


def _chunks(read):
    position = 8
    while True:
        head = read(position, 8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        yield kind, position + 8, length
        position += 12 + length


def _keyword_and_text(kind, data):
    """The text is bytes: UTF-8 in iTXt, otherwise Latin-1."""
    keyword, _, rest = data.partition(b"\0")
    if kind == b"tEXt":
        return keyword, rest
    if kind == b"zTXt":
        return keyword, _inflated(rest[1:])
    is_packed, rest = rest[:1] == b"\1", rest[2:]
    _, _, rest = rest.partition(b"\0")
    _, _, rest = rest.partition(b"\0")
    return keyword, _inflated(rest) if is_packed else rest


def _inflated(data):
    try:
        return zlib.decompressobj().decompress(data, _MOST_BYTES)
    except zlib.error:
        return b""


def _take_profile(name, text, found):
    """Decodes ImageMagick's text format for data without a PNG chunk: name, length, hexadecimal digits."""
    match = re.match(rb"\s*[^\n]+\n\s*\d+\s+([0-9a-fA-F\s]*)", text)
    digits = re.sub(rb"\s", b"", match[1]) if match else b""
    data = bytes.fromhex(digits[: len(digits) // 2 * 2].decode())
    if name == b"app1":
        name = b"xmp" if data.startswith(_XMP) else b"exif"
        data = data.removeprefix(_XMP)
    if name in (b"iptc", b"8bim"):
        found["resources" if data.startswith(b"8BIM") else "iptc"] = data
    elif name in (b"exif", b"xmp"):
        found.setdefault(name.decode(), data)


def raw_profile(name: str, data: bytes) -> tuple[bytes, bytes]:
    """Returns the type and data of the text chunk for a profile, in the format that ImageMagick and ExifTool read."""
    digits = data.hex()
    lines = "\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    text = f"\n{name}\n{len(data):8}\n{lines}\n".encode()
    return b"zTXt", f"Raw profile type {name}".encode() + b"\0\0" + zlib.compress(text)


def comment_chunk(comment: bytes) -> tuple[bytes, bytes]:
    """Returns the type and data of the text chunk for a comment in UTF-8, Latin-1, or UTF-16 with a byte order mark."""
    if comment.startswith((b"\xff\xfe", b"\xfe\xff")):
        comment = comment.decode("utf-16", "replace").encode()
    comment = comment.rstrip(b"\0").replace(b"\0", b" ")
    if comment.isascii() or not _is_utf8(comment):
        return b"tEXt", b"Comment\0" + comment
    return b"iTXt", b"Comment\0\0\0\0\0" + comment


def _is_utf8(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def comments_of(texts: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """Returns PNG text chunks as comments: "keyword: text" in UTF-8, or only the text of a comment."""
    comments = []
    for kind, data in texts:
        keyword, text = _keyword_and_text(kind, data)
        if kind != b"iTXt":
            keyword, text = (part.decode("latin-1").encode() for part in (keyword, text))
        comments.append(text if keyword == b"Comment" else keyword + b": " + text)
    return comments
