"""gguf_writer.py - writes GGUF v3 files, for the tools of this directory. Standard library only."""

import struct

ALIGNMENT = 32

# Value types of metadata.
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
SCALAR_FORMAT = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}

# Tensor types: id, elements per block, bytes per block.
TENSOR_TYPES = {
    "f32": (0, 1, 4),
    "f16": (1, 1, 2),
    "q4_0": (2, 32, 18),
    "q4_1": (3, 32, 20),
    "q8_0": (8, 32, 34),
    "bf16": (30, 1, 2),
}


def string_bytes(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


class GgufWriter:
    """Collects keys and tensors; save() writes them in the order they were added."""

    def __init__(self):
        self.keys = []
        self.tensors = []  # (name, dims, type, data)

    def _value(self, value_type, value):
        if value_type == STRING:
            return string_bytes(value)
        return struct.pack(SCALAR_FORMAT[value_type], value)

    def put(self, key, value_type, value):
        self.keys.append(
            string_bytes(key) + struct.pack("<I", value_type) + self._value(value_type, value)
        )

    def put_array(self, key, value_type, values):
        body = b"".join(self._value(value_type, value) for value in values)
        head = struct.pack("<IIQ", ARRAY, value_type, len(values))
        self.keys.append(string_bytes(key) + head + body)

    def add_tensor(self, name, dims, type_name, data):
        """dims: fastest first. data: bytes in the layout of the type."""
        _, block_elems, block_bytes = TENSOR_TYPES[type_name]
        n_elements = 1
        for dim in dims:
            n_elements *= dim
        if dims[0] % block_elems != 0:
            raise ValueError(f"{name}: rows of {dims[0]} do not hold whole blocks of {type_name}")
        if len(data) != n_elements // block_elems * block_bytes:
            raise ValueError(f"{name}: {len(data)} bytes do not fit shape {dims}")
        self.tensors.append((name, dims, type_name, data))

    def save(self, path):
        infos, offset = b"", 0
        for name, dims, type_name, data in self.tensors:
            infos += string_bytes(name) + struct.pack("<I", len(dims))
            infos += struct.pack(f"<{len(dims)}Q", *dims)
            infos += struct.pack("<IQ", TENSOR_TYPES[type_name][0], offset)
            offset += (len(data) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.keys))
        with open(path, "wb") as file:
            file.write(head + b"".join(self.keys) + infos)
            for _, _, _, data in self.tensors:
                file.write(b"\0" * (-file.tell() % ALIGNMENT))
                file.write(data)
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
