"""Edits EXIF as bytes: necessary changes are made in place, and everything else keeps the bytes of the camera or
archive.

Text keeps its encoding, and maker notes keep their offset, on which they depend. A block is the content of a small TIFF
file: a header, then directories whose entries point to values.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable

from tf_colorize.photos import tiff_tags

PREFIX = b"Exif\0\0"
"""The prefix of a block in Pillow and JPEG."""

XMP_TAG, IPTC_TAG, RESOURCES_TAG = 700, 33723, 34377
_ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION = 0x0112, 0x011A, 0x011B
_COLOR_SPACE, _WIDTH, _HEIGHT, _GAMMA = 0xA001, 0xA002, 0xA003, 0xA500
_THUMBNAIL, _THUMBNAIL_LENGTH = 0x0201, 0x0202
# Tags for how pixels were stored (wrong for the result), and pointers to a video that the result does not have.
_STORAGE = {
    *(
        0x00FE,
        0x00FF,
        0x0100,
        0x0101,
        0x0102,
        0x0103,
        0x0106,
        0x0107,
        0x010A,
        0x0111,
        _ORIENTATION,
        0x0115,
        0x0116,
        0x0117,
    ),
    *(0x0118, 0x0119, 0x011C, 0x0120, 0x0121, 0x0122, 0x0123, 0x012D, 0x013D, 0x013E, 0x013F, 0x0140, 0x0142, 0x0143),
    *(0x0144, 0x0145, 0x014A, 0x0152, 0x0153, 0x0154, 0x0155, 0x0200, _THUMBNAIL, _THUMBNAIL_LENGTH, 0x0211, 0x0212),
    *(0x0213, 0x0214, 0x0301, 0x8773, 0x8897, XMP_TAG, RESOURCES_TAG),
}
# Tags of a TIFF file's first directory that describe the photo or its geographic location; it may have hundreds of
# others.
_OF_TIFF = {
    *(0x010D, 0x010E, 0x010F, 0x0110, 0x011D, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x800D, 0x8298, 0x9003),
    *(0x9211, 0x9213, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F, 0xC614, 0xC62F, tiff_tags.EXIF, tiff_tags.GPS),
    *(33550, 33922, 34264, 34735, 34736, 34737, 42112, 42113),
}


def without_prefix(block: bytes) -> bytes:
    """Returns a block without the prefix of its container."""
    return block[len(PREFIX) :] if block.startswith(PREFIX) else block


def adjusted(block: bytes, size: tuple[int, int], *, turned: bool = False) -> bytes:
    """Returns a block adjusted for an upright sRGB picture without a thumbnail.

    Args:
        block: bytes, without prefix.
        size: Width and height of the upright picture in pixels.
        turned: Whether width and height were swapped.

    Raises:
        ValueError: the header or first directory is broken.
    """
    data = bytearray(block)
    source = tiff_tags.Source(tiff_tags.of_bytes(data))
    if source.is_big:
        raise ValueError("it is a BigTIFF")
    first, second = source.directory(source.first)
    _write_directory(data, source, source.first, [raw for raw in first if _tag(source, raw) not in _STORAGE])
    first = source.directory(source.first)[0]
    if turned:
        _swap_resolutions(data, source, first)
    for pointer in (raw for raw in first if _tag(source, raw) == tiff_tags.EXIF):
        _adjust_details(data, source, source.numbers("I", pointer[8:12])[0], size)
    return _without_thumbnail(data, source, second)


def _tag(source, raw):
    return source.numbers("H", raw[:2])[0]


def _write_directory(data, source, offset, kept):
    """Replaces a directory by one with fewer entries, which has no successor."""
    old = source.directory(offset)[0]
    length = min(2 + 12 * len(old) + 4, len(data) - offset)
    packed = struct.pack(source.order + "H", len(kept)) + b"".join(kept)
    data[offset : offset + length] = packed.ljust(length, b"\0")[:length]


def _swap_resolutions(data, source, entries):
    places = {_tag(source, raw): source.first + 2 + 12 * index for index, raw in enumerate(entries)}
    if _X_RESOLUTION in places and _Y_RESOLUTION in places:
        x, y = places[_X_RESOLUTION], places[_Y_RESOLUTION]
        data[x + 2 : x + 12], data[y + 2 : y + 12] = data[y + 2 : y + 12], data[x + 2 : x + 12]


def _adjust_details(data, source, offset, size):
    """Adjusts color space and size in the main EXIF directory."""
    try:
        entries = source.directory(offset)[0]
    except (ValueError, struct.error):
        return
    values = {_COLOR_SPACE: (tiff_tags.SHORT, 1), _WIDTH: (tiff_tags.LONG, size[0]), _HEIGHT: (tiff_tags.LONG, size[1])}
    for index, raw in enumerate(entries):
        tag, kind = source.numbers("HH", raw[:4])
        if tag in values:
            kind = tiff_tags.SHORT if kind == tiff_tags.SHORT and values[tag][1] < 65536 else values[tag][0]
            value = struct.pack(source.order + ("H" if kind == tiff_tags.SHORT else "I"), values[tag][1]).ljust(
                4, b"\0"
            )
            entries[index] = struct.pack(source.order + "HHI", tag, kind, 1) + value
        elif tag == tiff_tags.INTEROPERABILITY:
            _say_srgb(data, source, source.numbers("I", raw[8:12])[0])
    _write_directory(data, source, offset, [raw for raw in entries if _tag(source, raw) != _GAMMA])


def _say_srgb(data, source, offset):
    """Replaces "R03" (Adobe RGB) by "R98" (sRGB)."""
    try:
        entries = source.directory(offset)[0]
    except (ValueError, struct.error):
        return
    for index, raw in enumerate(entries):
        if _tag(source, raw) == 1 and raw[8:11] == b"R03":
            data[offset + 2 + 12 * index + 8 : offset + 2 + 12 * index + 11] = b"R98"


def _without_thumbnail(data, source, directory):
    """Blanks the thumbnail, which is gray; if it is at the end of the block, the block is cut off there."""
    try:
        raws = source.directory(directory)[0] if directory else []
        entries = {
            entry.tag: source.numbers("I", entry.value)[0] for entry in map(source.entry, raws) if _is_long(entry)
        }
    except (ValueError, struct.error):
        return bytes(data)
    start, length = entries.get(_THUMBNAIL, 0), entries.get(_THUMBNAIL_LENGTH, 0)
    used = list(_used(source, source.first))
    end = min(start + length, len(data))
    if start < 8 or any(begin < end and start < stop for begin, stop in used):
        return bytes(data)
    data[start:end] = bytes(end - start)
    last = max(stop for _, stop in used)
    return bytes(data[:start]) if end + 3 >= len(data) and start >= last else bytes(data)


def _is_long(entry):
    return entry is not None and entry.kind == tiff_tags.LONG and entry.count == 1


def _used(source, offset, depth=0):
    """Yields the ranges of a directory, of its values, and of the directories that it points to."""
    try:
        raws = source.directory(offset)[0]
    except (ValueError, struct.error):
        return
    yield offset, offset + 2 + 12 * len(raws)
    for entry in map(source.entry, raws):
        if entry is not None and entry.place:
            yield entry.place, entry.place + len(entry.value)
        elif entry is not None and entry.tag in tiff_tags.POINTERS and len(entry.value) == 4 and depth < 2:
            yield from _used(source, source.numbers("I", entry.value)[0], depth + 1)


def of_tiff(read: Callable[[int, int], bytes]) -> tuple[bytes, dict[int, bytes]]:
    """Returns a block of the tags that describe the photo in a TIFF file, and its other metadata.

    Args:
        read: Function `(offset, length) -> bytes` of the file.

    Returns:
        `(block, others)`: bytes, empty if there is nothing, and the values of `XMP_TAG`, `IPTC_TAG` and
        `RESOURCES_TAG` by tag.

    Raises:
        ValueError: the file is not a TIFF file.
    """
    source = tiff_tags.Source(read)
    wanted = _OF_TIFF | {XMP_TAG, IPTC_TAG, RESOURCES_TAG}
    narrow = [raw for raw in source.directory(source.first)[0] if _tag(source, raw) in wanted]
    found = [entry for raw in narrow if (given := source.entry(raw)) and (entry := source.pointed(given))]
    others = {entry.tag: entry.value for entry in found if entry.tag not in _OF_TIFF}
    kept = [entry for entry in found if entry.tag in _OF_TIFF]
    if not kept:
        return b"", others
    return tiff_tags.block_of(source.order, kept), others


def fitted(block: bytes, limit: int) -> tuple[bytes, list[str]]:
    """Returns a block of at most `limit` bytes, and the removed values, largest first, such as "MakerNote (70 kB)"."""
    if len(block) <= limit:
        return block, []
    order, entries = tiff_tags.entries_of(block)
    dropped, smaller = [], tiff_tags.block_of(order, entries)
    while len(smaller) > limit:
        largest = max((entry for entry in tiff_tags.all_of(entries) if not isinstance(entry.value, list)), key=_length)
        dropped.append(f"{_name(largest.tag)} ({max(1, round(len(largest.value) / 1000))} kB)")
        entries = _without(entries, largest)
        smaller = tiff_tags.block_of(order, entries)
    return smaller, dropped


def _length(entry):
    return len(entry.value)


def _without(entries, gone):
    kept = [entry for entry in entries if entry is not gone]
    return [
        dataclasses.replace(entry, value=_without(entry.value, gone)) if isinstance(entry.value, list) else entry
        for entry in kept
    ]


def _name(tag):
    from PIL import ExifTags

    return ExifTags.TAGS.get(tag, f"tag {tag}")
