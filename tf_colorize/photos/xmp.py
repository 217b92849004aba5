"""XMP packets: what is not true of the result is taken out, all else keeps its bytes."""

from __future__ import annotations

import hashlib
import re

VIDEO_LOST = "the video of the motion photo is left out"

_CAMERA = b"http://ns.google.com/photos/1.0/camera/"
_CONTAINERS = (b"http://ns.google.com/photos/1.0/container/", b"http://ns.google.com/photos/dd/1.0/container/")
_OPPO = b"http://ns.oplus.com/photos/1.0/camera/"
_GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"http://ns.apple.com/HDRGainMap/1.0/")
_TIFF, _EXIF = b"http://ns.adobe.com/tiff/1.0/", b"http://ns.adobe.com/exif/1.0/"
_NOTE = b"http://ns.adobe.com/xmp/note/"
# Namespaces, and which of their names to remove.
_VIDEO = (
    (_CAMERA, rb"(?:MotionPhoto|MicroVideo)\w*"),
    (_OPPO, rb"\w+"),
)
_PIXELS = (
    (
        _TIFF,
        rb"(?:Orientation|ImageWidth|ImageLength|BitsPerSample|Compression|PhotometricInterpretation|SamplesPerPixel"
        rb"|PlanarConfiguration|YCbCr\w+|TransferFunction|WhitePoint|PrimaryChromaticities|ReferenceBlackWhite)",
    ),
    (_EXIF, rb"(?:PixelXDimension|PixelYDimension|ColorSpace|Gamma)"),
    (b"http://ns.adobe.com/photoshop/1.0/", rb"(?:ColorMode|ICCProfile)"),
    (b"http://ns.adobe.com/xap/1.0/", rb"Thumbnails"),
)
_VALUE = rb"\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')"


def adjusted(packet: bytes) -> tuple[bytes, list[str]]:
    """Returns a packet adjusted for an upright sRGB picture without other parts, and notices.

    It removes properties of the stored pixels, thumbnails (which are gray), and pointers to a motion photo's video or
    to a gain map, which the result does not have.
    """
    packet, notes = _utf8(packet), []
    packet, _ = _without_any(packet, _PIXELS)
    directories = b"".join(part for name in _CONTAINERS for part in _parts(packet, name, rb"Directory"))
    packet, had_video = _without_any(packet, _VIDEO)
    packet, had_gain_map = _without_any(packet, [(namespace, rb"\w+") for namespace in _GAIN_MAPS])
    packet, _ = _without_any(packet, [(namespace, rb"Directory|Version") for namespace in _CONTAINERS])
    if had_video or b"MotionPhoto" in directories:
        notes.append(VIDEO_LOST)
    if had_gain_map or b"GainMap" in directories:
        notes.append("the HDR gain map is left out")
    return packet, notes


def _utf8(packet):
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if packet.startswith(mark):
            return packet.decode(encoding, "replace").encode()
    return packet


def _prefixes(packet, namespace):
    pattern = rb"xmlns:([\w.-]+)\s*=\s*[\"']" + re.escape(namespace) + rb"[\"']"
    return {re.escape(prefix) for prefix in re.findall(pattern, packet)}


def _elements(packet, namespace, names):
    """Returns `(start, end)` of the elements with these names, without unclosed ones, in linear time."""
    found, unclosed = [], set()
    for prefix in _prefixes(packet, namespace):
        # A tag contains no "<", so the search for its end stops at the next one.
        tag = rb"<(" + prefix + rb":(?:" + names + rb"))(?=[\s/>])(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*>"
        position = 0
        for match in re.finditer(tag, packet):
            if match.start() < position or match[1] in unclosed:
                continue
            position = match.end()
            if match[0][-2:] != b"/>":
                closing = packet.find(b"</" + match[1], position)
                position = packet.find(b">", closing) + 1 if closing >= 0 else 0
                if not position:
                    unclosed.add(match[1])
                    continue
            found.append((match.start(), position))
    return found


def _parts(packet, namespace, names):
    return [packet[start:end] for start, end in _elements(packet, namespace, names)]


def _without(packet, namespace, names):
    """Removes properties, written as attributes or as elements; also returns whether there were any."""
    elements = _elements(packet, namespace, names)
    kept, position = [], 0
    for start, end in sorted(elements):
        kept.append(packet[position:start])
        position = max(position, end)
    packet, total = b"".join([*kept, packet[position:]]), len(elements)
    for prefix in _prefixes(packet, namespace):
        packet, n_attributes = re.subn(rb"\s" + prefix + rb":(?:" + names + rb")" + _VALUE, b"", packet)
        total += n_attributes
    return packet, total > 0


def _without_any(packet, properties):
    total = False
    for namespace, names in properties:
        packet, found = _without(packet, namespace, names)
        total = total or found
    return packet, total


def name_of(extension: bytes) -> str:
    """Returns the name by which the first part of a packet in a JPEG refers to the second: 32 digits."""
    return hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()


def joined(packet: bytes, extension: bytes) -> bytes:
    """Joins the two parts of a packet in a JPEG, for formats without such a limit."""
    first = extension.find(b">", extension.find(b"<rdf:RDF")) + 1
    last, end = extension.rfind(b"</rdf:RDF"), packet.rfind(b"</rdf:RDF")
    if not 0 < first <= last or end < 0:
        return packet
    return _without(packet[:end] + extension[first:last] + packet[end:], _NOTE, rb"HasExtendedXMP")[0]


def split(packet: bytes) -> tuple[bytes, bytes]:
    """Splits a packet into the two parts that a JPEG needs if it does not fit into one segment."""
    extension = packet
    for name in (b"x:xmpmeta", b"rdf:RDF"):
        start, last = packet.find(b"<" + name), packet.rfind(b"</" + name)
        if 0 <= start < last:
            extension = packet[start : packet.find(b">", last) + 1] or packet
            break
    first = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:xmpNote="'
        + _NOTE
        + b'" xmpNote:HasExtendedXMP="'
        + name_of(extension).encode()
        + b'"/></rdf:RDF></x:xmpmeta>'
    )
    return first, extension
