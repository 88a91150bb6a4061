"""Writes the weights and inputs that vitc and its peers start from: initial.py VITC FILE RECIPE [key=value …].

Names, shapes and roles are vitc's own (`inspect` and `check`); the numbers are numpy's, seeded by name."""

import math
import re
import subprocess
import sys
import zlib

import numpy as np

from tensors import write_header

STATE = re.compile(r"^  state %(\S+) : f32\[([\dx]+)\] = .*role = (param|ema)")
INPUT = re.compile(r"^  input +(\S+) : ([fi]\d+)\[([\dx]+)\]")


def shape_of(text):
    return tuple(int(n) for n in text.split("x"))


def weight(name, shape, rng):
    if name.endswith("weight_g"):
        return np.ones(shape, np.float32)
    small = 0.02 * rng.standard_normal(shape, dtype=np.float32)
    # scales of norms lie around one; everything else, biases too, around zero but not at it, where an error would hide
    return 1 + small if name.endswith(".weight") and len(shape) == 1 else small


def fresh_input(name, kind, shape, rng):
    if kind == "i32":
        return rng.integers(0, 10, shape, dtype=np.int32)
    if ".gate" in name:
        return (rng.random(shape) < 0.9).astype(np.float32)
    if name == "noise":
        return rng.random(shape, dtype=np.float32)
    return rng.standard_normal(shape, dtype=np.float32)


def main(vitc, path, *recipe):
    def said(verb, *flags):
        done = subprocess.run([vitc, verb, *recipe, *flags], check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.splitlines()

    wanted = {}
    for line in said("inspect", "--full", "--after=frontend"):
        if match := STATE.match(line):
            wanted[match[1]] = ("F32", shape_of(match[2]), weight)
    if not wanted:
        sys.exit("no states in what `vitc inspect --full` prints")
    for line in said("check", "--fed"):
        if match := INPUT.match(line):
            kind = match[2]
            wanted[match[1]] = (kind.upper(), shape_of(match[3]),
                                lambda name, shape, rng, kind=kind: fresh_input(name, kind, shape, rng))
    with open(path, "wb") as file:
        write_header(file, {name: (dtype, shape, 4 * math.prod(shape)) for name, (dtype, shape, _) in wanted.items()})
        for name, (_, shape, make) in wanted.items():
            make(name, shape, np.random.default_rng(zlib.crc32(name.encode()))).tofile(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
