"""Color profiles put together byte by byte."""

import struct


def icc_profile(space, gamma, name=b"test"):
    """An ICC version 2 profile: sRGB primaries (relative to D50) or gray, a pure gamma curve, a description."""

    def s15(*values):
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = {b"wtpt": b"XYZ \0\0\0\0" + s15(0.9642, 1.0, 0.8249)}
    tags[b"desc"] = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + bytes(1 + 4 + 4 + 2 + 1 + 67)
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        columns = {b"r": (0.4361, 0.2225, 0.0139), b"g": (0.3851, 0.7169, 0.0971), b"b": (0.1431, 0.0606, 0.7141)}
        for name, column in columns.items():
            tags[name + b"XYZ"] = b"XYZ \0\0\0\0" + s15(*column)
            tags[name + b"TRC"] = curve
    return icc_file(space, b"mntr", b"XYZ ", tags)


def icc_file(space, kind, connection, tags):
    table, body, offset = b"", b"", 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        value += b"\0" * (-len(value) % 4)
        table += name + struct.pack(">II", offset + len(body), len(value))
        body += value
    head = struct.pack(">I4sI", offset + len(body), b"\0\0\0\0", 0x02400000) + kind + space + connection
    head = head.ljust(36, b"\0") + b"acsp"
    head = head.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def gamma(value, *, gray):
    """A profile that is only a gamma curve, for gray or RGB pixels."""
    return icc_profile(b"GRAY" if gray else b"RGB ", value)
