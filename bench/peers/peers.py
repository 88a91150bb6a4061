"""The peers as the runner sees them: start(), first steps, timed turns. One that cannot go on says why in `missing`."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import tensors

HERE = Path(__file__).resolve().parent


class Peer:
    def __init__(self, name, case, precision):
        self.name, self.case, self.precision = name, case, precision
        self.missing = self.version = self.first_step = self.gflop = None
        self.rss, self.best_of_turn, self.losses = 0, [], []


class Worker(Peer):
    """A worker.py in a process of its own; it sleeps in a read until it is told to run steps."""

    def start(self, path, threads, depth, environment, log):
        self.process = subprocess.Popen(
            [sys.executable, HERE / "worker.py", self.name, self.case.name, self.precision, path, str(threads),
             str(depth)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
        self.version = self.answer().get("version")

    def answer(self):
        line = self.process.stdout.readline()
        said = json.loads(line) if line else {"error": f"ended with {self.process.wait()}"}
        self.missing = said.get("error")
        return said

    def steps(self, n):
        try:
            self.process.stdin.write(json.dumps({"steps": n}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the answer will say that it has ended
        said = self.answer()
        self.rss = said.get("rss", self.rss)
        return said

    def first_steps(self):
        said = self.steps(self.case.compared_steps)
        if not self.missing:
            self.first_step, self.losses = said["times"][0], said["losses"]

    def turn(self, n):
        said = self.steps(1 + n)  # the first after another's turn finds foreign caches; `vitc bench` leaves it out too
        if not self.missing:
            self.best_of_turn.append(min(said["times"][1:]))

    def stop(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.close()
        self.process.wait()


COMPILED = re.compile(r"(\d+) ms to elaborate, (\d+) ms in passes, (\d+) ms to compile")
CACHED = re.compile(r"from the cache in [\d.]+ s")
TIMED = re.compile(r"step: ([\d.]+) ms .* ([\d.]+) GFLOP/s")


class Vitc(Peer):
    """`vitc bench` for the times, `vitc run` for the losses."""

    def start(self, vitc, recipe, given, work):
        self.vitc, self.recipe, self.threads, self.work = vitc, recipe, given.threads, work
        self.arguments = [recipe, *self.case.arguments(self.precision)]
        if given.instructions:
            self.arguments += ["--target-features", given.instructions]
        self.version = subprocess.run([vitc, "--version"], stdout=subprocess.PIPE, text=True).stdout.strip()

    def bench(self, steps, *flags):
        """(times of compiling, seconds from there to the end, seconds a step) or None."""
        primary, secondary = pty.openpty()  # a terminal gets each line as soon as it is printed
        complaints = open(self.work / "vitc.stderr", "w+")
        command = [self.vitc, "bench", *self.arguments, "--steps", str(steps), "--threads", str(self.threads),
                   *flags]
        process = subprocess.Popen(command, stdout=secondary, stderr=complaints)
        os.close(secondary)
        seen = {}
        with os.fdopen(primary, errors="replace") as lines:
            try:
                for line in lines:
                    for pattern in (COMPILED, CACHED, TIMED):
                        if match := pattern.search(line):
                            seen[pattern] = (time.perf_counter(), [float(x) for x in match.groups()])
            except OSError:
                pass  # a terminal's way to say that the writer is gone
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        complaints.seek(0)
        lines = complaints.read().strip().splitlines()
        complaints.close()
        compiled = seen.get(COMPILED) or seen.get(CACHED)
        if not compiled or TIMED not in seen:
            self.missing = lines[0] if lines else f"ended with {process.returncode}"
            return None
        self.rss = max(self.rss, usage.ru_maxrss * 1024)
        (compiled_at, parts), (ended_at, (milliseconds, speed)) = compiled, seen[TIMED]
        self.gflop = speed * milliseconds / 1e3
        return sum(parts) / 1e3, ended_at - compiled_at, milliseconds / 1e3

    def first_steps(self):
        if measured := self.bench(1, "--no-cache"):
            compiling, both, second = measured
            self.first_step = compiling + both - second

    def compute_losses(self, path):
        """Fills `losses`; each step is a `vitc run` fed with the states the one before left."""
        fed, made = path, self.work / "vitc-out.safetensors"
        with open(path, "rb") as file:
            inputs = set(tensors.read_header(file)[0])
        for i in range(self.case.compared_steps):
            command = [self.vitc, "run", *self.arguments, "--function", "step", "--in", fed, "--out", made, "--step",
                       str(self.case.first_step + i), "--steps-per-epoch", "1", "--threads", str(self.threads)]
            done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                self.missing = (done.stderr.strip().splitlines() or [f"ended with {done.returncode}"])[0]
                return
            self.losses.append(tensors.read_scalar(made, "loss"))
            if i + 1 < self.case.compared_steps:
                fed = self.work / "vitc-in.safetensors"
                tensors.copy_tensors([(made, lambda name: name[6:] if name.startswith("after.") else None),
                                      (path, lambda name: name if name in inputs else None)], fed)
        for name in ("vitc-in", "vitc-out"):
            (self.work / f"{name}.safetensors").unlink(missing_ok=True)

    def turn(self, n):
        if measured := self.bench(n):
            self.best_of_turn.append(measured[2])

    def stop(self):
        pass
