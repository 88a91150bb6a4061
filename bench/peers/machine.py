"""The machine: which processors to use, and the peak they reach."""

import os
import re
import subprocess

PEAK = re.compile(r"^(\S.*?) +(\d+) threads? +([\d.]+) GFLOP/s")


def pin(threads):
    """Lets this process and its children run on `threads` processors, on different cores as far as there are: a library that
    takes as many threads as it sees processors then takes as many as the others are told to."""
    first, others, cores = [], [], set()
    for cpu in sorted(os.sched_getaffinity(0)):
        try:
            with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
                core = file.read()
        except OSError:
            core = cpu
        (others if core in cores else first).append(cpu)
        cores.add(core)
    chosen = (first + others)[:threads]
    os.sched_setaffinity(0, chosen)
    return chosen


def peaks(program, threads):
    """kind -> GFLOP/s on `threads` threads (from the nearest smaller number that was measured)."""
    found = {}
    if not os.path.exists(program):
        return found
    for line in subprocess.run([program], stdout=subprocess.PIPE, text=True).stdout.splitlines():
        if (match := PEAK.match(line)) and int(match[2]) <= threads:
            found[match[1]] = float(match[3]) * threads / int(match[2])
    return found


def peak_for(precision, found, instructions):
    """fp32 is measured against the fp32 units, bf16 against the best of all; of `instructions`, if they are asked for."""
    kinds = [speed for kind, speed in found.items()
             if (precision != "fp32" or not re.search("bf16|amx", kind, re.I))
             and (not instructions or kind.lower() == instructions)]
    return max(kinds, default=None)


def name():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return os.uname().machine
