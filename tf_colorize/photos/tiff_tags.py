"""Reads and writes tags in TIFF's layout, also used by EXIF: directories whose entries point to values.

Values stay bytes throughout, so that text in any encoding and unknown values are unchanged.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

EXIF, GPS, INTEROPERABILITY, MAKER_NOTE = 0x8769, 0x8825, 0xA005, 0x927C
POINTERS = (EXIF, GPS, INTEROPERABILITY)
BYTE, SHORT, LONG, UNDEFINED = 1, 3, 4, 7
_BYTES_OF = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_OFFSETS = {4: "I", 13: "I", 16: "Q", 18: "Q"}  # the last two are BigTIFF's
_UNIT_OF = {**_BYTES_OF, 5: 4, 10: 4}
_MOST_BYTES = 1 << 28  # bytes of one value


@dataclasses.dataclass
class Entry:
    """A tag of a directory; `value` is its bytes, or the list of entries of the directory that it points to.

    `place` is the offset of the bytes. `kind` is TIFF's number of the type.
    """

    tag: int
    kind: int
    count: int
    value: Any
    place: int = 0


class Source:
    """Random access to a block or to a whole TIFF file, classic or BigTIFF.

    Args:
        read: Function `(offset, length) -> bytes`, which may return fewer at the end.

    Raises:
        ValueError: there is no TIFF header.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        head = read(0, 16)
        self.read = read
        self.order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        magic = self.numbers("H", head[2:4])[0] if self.order and len(head) >= 8 else 0
        if magic not in (42, 43):
            raise ValueError("there is no TIFF header")
        self.is_big = magic == 43
        self.first = self.numbers("Q", head[8:16])[0] if self.is_big else self.numbers("I", head[4:8])[0]

    def numbers(self, layout: str, data: bytes) -> tuple[Any, ...]:
        """Unpacks numbers in the file's byte order; `struct.error` if `data` has another length."""
        return struct.unpack(self.order + layout, data)

    def directory(self, offset: int) -> tuple[list[bytes], int]:
        """Returns the raw entries of a directory, 12 or 20 bytes each, and the offset of the next directory."""
        head, each = ("Q", 20) if self.is_big else ("H", 12)
        size = struct.calcsize("=" + head)
        (count,) = self.numbers(head, self.read(offset, size))
        if count > 4096:
            raise ValueError("a directory is broken")
        table = self.read(offset + size, count * each)
        if len(table) < count * each:
            raise ValueError("a directory is cut off")
        width = 8 if self.is_big else 4
        behind = self.read(offset + size + len(table), width)
        following = self.numbers("Q" if self.is_big else "I", behind)[0] if len(behind) == width else 0
        return [table[start : start + each] for start in range(0, len(table), each)], following

    def entry(self, raw: bytes) -> Entry | None:
        """Returns the `Entry` for raw bytes, or None if its value is outside the file or has an unknown type."""
        tag, kind, count = self.numbers("HHQ" if self.is_big else "HHI", raw[: -8 if self.is_big else -4])
        room = 8 if self.is_big else 4
        length = (8 if kind in (16, 18) else _BYTES_OF.get(kind, 0)) * count
        if not 0 < length <= _MOST_BYTES:
            return None
        if length <= room:
            return Entry(tag, kind, count, raw[-room:][:length])
        (place,) = self.numbers("Q" if self.is_big else "I", raw[-room:])
        value = self.read(place, length)
        return Entry(tag, kind, count, value, place) if len(value) == length else None

    def entries(self, offset: int, depth: int = 0) -> list[Entry]:
        """Returns the `Entry`s of a directory and those that it points to, leaving out broken ones."""
        found = []
        for raw in self.directory(offset)[0]:
            entry = self.entry(raw)
            pointed = None if entry is None else self.pointed(entry, depth)
            if pointed is not None:
                found.append(pointed)
        return found

    def pointed(self, entry: Entry, depth: int = 0) -> Entry | None:
        """Returns an entry, with its directory if it points to one, or None if that is broken or specific to
        BigTIFF."""
        if entry.tag not in POINTERS:
            return entry if entry.kind in _BYTES_OF else None
        if entry.kind not in _OFFSETS or entry.count != 1 or depth > 1:
            return None
        try:
            (offset,) = self.numbers(_OFFSETS[entry.kind], entry.value)
            return Entry(entry.tag, LONG, 1, self.entries(offset, depth + 1))
        except (ValueError, struct.error):
            return None


def of_bytes(data: bytes | bytearray) -> Callable[[int, int], bytes]:
    """Returns the function `(offset, length) -> bytes` that reads from `data`."""
    return lambda offset, length: bytes(data[offset : offset + length])


def entries_of(block: bytes) -> tuple[str, list[Entry]]:
    """Returns the byte order of a block, "<" or ">", and its entries.

    Raises:
        ValueError: the header or first directory is broken.
    """
    source = Source(of_bytes(block))
    return source.order, source.entries(source.first)


def block_of(order: str, entries: Iterable[Entry]) -> bytes:
    """Returns a block with these entries. Maker notes keep their offset, if it is close enough."""
    entries = list(entries)
    notes = [entry for entry in all_of(entries) if entry.tag == MAKER_NOTE]
    pinned = notes[0] if notes and 8 <= notes[0].place < 60_000 else None
    first, body = laid_out(order, entries, 8, pinned)
    return {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, first) + body


def all_of(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yields entries and those of the directories that they point to."""
    for entry in entries:
        yield entry
        if isinstance(entry.value, list):
            yield from all_of(entry.value)


def laid_out(order: str, entries: Iterable[Entry], start: int, pinned: Entry | None = None) -> tuple[int, bytes]:
    """Arranges directories and values from an offset on.

    Returns:
        `(first, body)`: the offset of the directory, and the bytes from `start` on.
    """
    body = bytearray()

    def place(length):
        nonlocal body
        end = start + len(body)
        if pinned is not None and end < pinned.place + len(pinned.value) and pinned.place < end + length + 1:
            body = body.ljust(pinned.place + len(pinned.value) - start, b"\0")
        body.extend(bytes((start + len(body)) % 2))
        body.extend(bytes(length))
        return start + len(body) - length

    def put(offset, data):
        body[offset - start : offset - start + len(data)] = data

    def directory(entries):
        entries = sorted(entries, key=lambda entry: entry.tag)
        offset = place(2 + 12 * len(entries) + 4)
        packed = struct.pack(order + "H", len(entries))
        for entry in entries:
            if isinstance(entry.value, list):
                value = struct.pack(order + "I", directory(entry.value))
            elif len(entry.value) <= 4:
                value = entry.value.ljust(4, b"\0")
            else:
                position = entry.place if entry is pinned else place(len(entry.value))
                written.append((position, entry.value))
                value = struct.pack(order + "I", position)
            packed += struct.pack(order + "HHI", entry.tag, entry.kind, entry.count) + value
        written.append((offset, packed))
        return offset

    written: list[tuple[int, bytes]] = []
    first = directory(entries)
    if pinned is not None:
        body = body.ljust(pinned.place + len(pinned.value) - start, b"\0")
    for offset, data in written:
        put(offset, data)
    return first, bytes(body)


def tiff_with(tiff: bytes, order: str, entries: Iterable[Entry]) -> tuple[bytes, bytes]:
    """Adds entries to the first directory of a classic TIFF file of 8-bit pixels.

    Args:
        tiff: The file.
        order: Byte order of `entries`, to which the whole file is converted.
        entries: They replace entries of the same tag.

    Returns:
        `(head, tail)`: the file's new first 8 bytes, and the bytes to append.
    """
    source = Source(of_bytes(tiff))
    merged = {entry.tag: _in_order(entry, source.order, order) for entry in source.entries(source.first)}
    merged |= {entry.tag: entry for entry in entries}
    start = len(tiff) + len(tiff) % 2
    first, body = laid_out(order, merged.values(), start)
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, first)
    return head, bytes(start - len(tiff)) + body


def _in_order(entry, before, after):
    unit = _UNIT_OF[entry.kind]
    if before == after or unit == 1:
        return entry
    value = b"".join(entry.value[start : start + unit][::-1] for start in range(0, len(entry.value), unit))
    return dataclasses.replace(entry, value=value)
