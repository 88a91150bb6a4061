"""safetensors files. The header alone needs no numpy: the runner keeps small, so that the memory it measures is its children's."""

import json
import struct

DTYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "BOOL": "?"}


def read_header(file):
    """Entries by name, and where the data begins."""
    (length,) = struct.unpack("<Q", file.read(8))
    entries = json.loads(file.read(length))
    entries.pop("__metadata__", None)
    return entries, 8 + length


def write_header(file, entries):
    """`entries`: name -> (dtype, shape, bytes), in the order in which the data will follow."""
    header, at = {}, 0
    for name, (dtype, shape, size) in entries.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)


def read_scalar(path, name):
    with open(path, "rb") as file:
        entries, base = read_header(file)
        entry = entries[name]
        file.seek(base + entry["data_offsets"][0])
        kind = {"F32": "<f", "F64": "<d"}[entry["dtype"]]
        return struct.unpack(kind, file.read(struct.calcsize(kind)))[0]


def copy_tensors(sources, path):
    """`sources`: (file, old name -> new name or None) pairs; of two tensors with one name the first is taken."""
    picked = {}
    for source, rename in sources:
        with open(source, "rb") as file:
            entries, base = read_header(file)
        for old, entry in entries.items():
            new = rename(old)
            if new is not None:
                picked.setdefault(new, (source, base, entry))
    with open(path, "wb") as out:
        write_header(out, {name: (e["dtype"], e["shape"], e["data_offsets"][1] - e["data_offsets"][0])
                           for name, (_, _, e) in picked.items()})
        for source, base, entry in picked.values():
            with open(source, "rb") as file:
                file.seek(base + entry["data_offsets"][0])
                left = entry["data_offsets"][1] - entry["data_offsets"][0]
                while left:
                    piece = file.read(min(left, 1 << 20))
                    out.write(piece)
                    left -= len(piece)


def read_all(path):
    """Name -> array, one at a time: whoever takes them holds one copy."""
    import numpy as np
    with open(path, "rb") as file:
        entries, base = read_header(file)
        for name, entry in entries.items():
            file.seek(base + entry["data_offsets"][0])
            dtype = np.dtype(DTYPES[entry["dtype"]])
            count = (entry["data_offsets"][1] - entry["data_offsets"][0]) // dtype.itemsize
            yield name, np.fromfile(file, dtype, count).reshape(entry["shape"])
