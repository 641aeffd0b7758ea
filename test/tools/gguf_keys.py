"""gguf_keys.py - finds the metadata of a GGUF file, for the tools of this directory. Standard library only."""

import mmap
import struct

# Bytes of a value of each fixed-size type, by its number in the file.
FIXED_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


def string_end(data, at):
    return at + 8 + struct.unpack_from("<Q", data, at)[0]


def value_end(data, at, value_type):
    """Where the value of this type that begins at a place ends."""
    if value_type == STRING:
        return string_end(data, at)
    if value_type != ARRAY:
        return at + FIXED_BYTES[value_type]
    item_type, n_items = struct.unpack_from("<IQ", data, at)
    at += 12
    if item_type in FIXED_BYTES:
        return at + n_items * FIXED_BYTES[item_type]
    for _ in range(n_items):
        at = value_end(data, at, item_type)
    return at


def read_keys(path):
    """{name: (bytes of the whole entry as it is in the file, number of items of an array or 1)}"""
    keys = {}
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        magic, version, _, n_keys = struct.unpack_from("<4sIQQ", data, 0)
        if magic != b"GGUF" or version not in (2, 3):
            raise ValueError(f"{path} is not a GGUF file of version 2 or 3")
        at = 24
        for _ in range(n_keys):
            name_end = string_end(data, at)
            (value_type,) = struct.unpack_from("<I", data, name_end)
            n_items = struct.unpack_from("<Q", data, name_end + 8)[0] if value_type == ARRAY else 1
            end = value_end(data, name_end + 4, value_type)
            keys[data[at + 8 : name_end].decode()] = (data[at:end], n_items)
            at = end
    return keys
