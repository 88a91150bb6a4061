"""Times vitc and its peers in one interleaved run and compares their losses. Started by `run`."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cases
import machine
import plot
import report
from peers import Vitc, Worker

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def choices(known):
    def parse(text):
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)} (there are {', '.join(known)})")
        return names
    return parse


def positive(text):
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1")
    return int(text)


def options():
    parser = argparse.ArgumentParser(prog="bench/peers/run", description=__doc__)
    add = parser.add_argument
    names = [case.name for case in cases.CASES]
    kinds = ["eager", "compile", "jax", "vitc"]
    add("--cases", type=choices(names), default=names, metavar="A,B", help="of " + ", ".join(names))
    add("--precisions", type=choices(["fp32", "bf16"]), default=["fp32", "bf16"], metavar="A,B", help="of fp32, bf16")
    add("--peers", type=choices(kinds), default=kinds, metavar="A,B", help="of " + ", ".join(kinds))
    add("--rounds", type=positive, help="turns of each peer (5; 2 with --quick)")
    add("--steps", type=positive, default=2, help="timed steps a turn, of which the fastest counts (2)")
    add("--threads", type=positive, default=2, help="of each peer (2)")
    add("--instructions", choices=list(INSTRUCTIONS), help="as on a machine that has no more")
    add("--depth", type=int, default=0, metavar="N", help="fewer blocks, to try the machinery")
    add("--quick", action="store_true", help="ti4 alone, few rounds")
    add("--json", metavar="FILE", help="write the results here too")
    add("--resume", action="store_true", help="keep what FILE of --json has of the same measurement, and measure the rest")
    add("--markdown", metavar="FILE", help="the results as a table of Markdown")
    add("--plot", metavar="FILE", help="an SVG of images/s as shares of the best peer's")
    add("--build", default=ROOT / "build", type=Path, help="vitc's build folder")
    given = parser.parse_args()
    if given.quick:
        given.cases = ["ti4"]
    if given.resume and not given.json:
        parser.error("--resume needs --json FILE, the file to go on from")
    if given.instructions and "jax" in given.peers:
        print("without JAX: XLA's products take the instructions they find, whatever it is told", file=sys.stderr)
        given.peers = [peer for peer in given.peers if peer != "jax"]
    given.rounds = given.rounds or (2 if given.quick else 5)
    return given


# What keeps PyTorch and its libraries to an older machine's instructions.
INSTRUCTIONS = {
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "generic": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}


def environment(given, work):
    """The peers' own: so many threads, nothing compiled in an earlier run."""
    count = str(given.threads)
    shutil.rmtree(work / "inductor", ignore_errors=True)
    return {**os.environ, "OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "JAX_PLATFORMS": "cpu",
            "TORCHINDUCTOR_CACHE_DIR": str(work / "inductor"), **INSTRUCTIONS.get(given.instructions, {})}


def checked_gflop(case, given):
    """Of products in a step, by `vitc check`: as vitc computes it, and as it is written, which is what peers compute."""
    command = [given.build / "vitc", "check", ROOT / case.recipe, *case.arguments("fp32")]
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    found = [re.search(pattern, said) for pattern in (r"([\d.]+) G in matrix products", r"as written .*\(([\d.]+) G\)")]
    return [float(match[1]) * case.batch if match else None for match in found]


def run_case(case, precision, given, work, reference):
    """The case's result; `reference`: vitc's fp32 losses, or None before they are known."""
    vitc, recipe = given.build / "vitc", ROOT / case.recipe
    initial = work / "initial.safetensors"
    made = subprocess.run([sys.executable, HERE / "initial.py", vitc, initial, recipe, *case.arguments("fp32")],
                          stderr=subprocess.PIPE, text=True)
    unfed = None if made.returncode == 0 else (made.stderr.strip().splitlines() or ["no initial weights"])[-1]
    peers = [Worker(name, case, precision) for name in given.peers if name != "vitc"]
    if "vitc" in given.peers:
        peers.append(Vitc("vitc", case, precision))
        if precision == "fp32":
            peers.append(Vitc("vitc-bf16x3", case, "bf16x3"))
    if reference is None:
        plain = Vitc("vitc", case, "fp32")
        plain.start(vitc, recipe, given, work)
        if not unfed:
            plain.compute_losses(initial)
        reference = {"peer": "vitc in fp32", "losses": plain.losses}
    log = open(work / "workers.log", "a")
    for peer in peers:  # one after the other, the first steps (compilation) too: none disturbs another
        if isinstance(peer, Worker):
            if unfed:
                peer.missing = unfed
                continue
            peer.start(initial, given.threads, given.depth, environment(given, work), log)
        else:
            peer.start(vitc, recipe, given, work)
        if not peer.missing:
            peer.first_steps()
        if isinstance(peer, Vitc) and not peer.missing:
            if peer.precision == "fp32":
                peer.losses = reference["losses"]
            elif not unfed:
                peer.compute_losses(initial)
    for r in range(given.rounds):
        for i in range(len(peers)):
            peer = peers[(i + r) % len(peers)]  # another one begins each round
            if not peer.missing:
                peer.turn(given.steps)
    for peer in peers:
        if not (unfed and isinstance(peer, Worker)):
            peer.stop()
    log.close()
    initial.unlink(missing_ok=True)
    if not reference["losses"]:
        first = next((peer for peer in peers if peer.losses and not peer.missing), None)
        reference = {"peer": first.name if first else None, "losses": first.losses if first else []}
    gflop = next((peer.gflop for peer in peers if peer.gflop), None)
    return {"case": case.name, "title": case.title, "precision": precision, "batch": case.batch, "gflop": gflop,
            "reference": reference, "tolerance": cases.TOLERANCE[precision],
            "losses": report.compare_losses(peers, reference["losses"], precision)}, peers


def conditions(given):
    """What two measurements must have in common for their cases to stand in one table."""
    version = subprocess.run([given.build / "vitc", "--version"], stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return {"machine": machine.name(), "threads": given.threads, "rounds": given.rounds, "steps": given.steps,
            "depth": given.depth, "instructions": given.instructions, "peers": given.peers,
            "vitc": version[0] if version else ""}


def measured_before(given):
    """The results and peaks that --resume goes on from: each case was interleaved in itself, so cases may be apart."""
    if not given.resume or not Path(given.json).exists():
        return [], {}
    before, now = json.loads(Path(given.json).read_text()), conditions(given)
    if differing := [key for key in now if before.get(key) != now[key]]:
        sys.exit(f"bench/peers/run: {given.json} is of another measurement ({', '.join(differing)}): move it away, or name "
                 "another file")
    return before["results"], before["peaks"]


def write(given, results, peaks, load):
    """After every case, so that what an interrupted run has measured stays. Whether all losses agree."""
    agreed = all(entry["agrees"] for result in results for entry in result["losses"])
    if given.json:
        about = {**conditions(given), "peaks": peaks, "load": load, "date": time.strftime("%Y-%m-%d"),
                 "losses_agree": agreed}
        Path(given.json).write_text(json.dumps({**about, "results": results}, indent=1) + "\n")
    if given.plot:
        Path(given.plot).write_text(plot.chart(results))
    if given.markdown:
        Path(given.markdown).write_text(report.markdown(results))
    return agreed


def main():
    given = options()
    work = given.build / "peers"
    work.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]  # of others: what is measured under load says little
    processors = machine.pin(given.threads)
    if len(processors) < given.threads:
        sys.exit(f"bench/peers/run: --threads {given.threads}: there are {len(processors)} processors")
    program = given.build / "bench" / "bench_peak"
    results, peaks = measured_before(given)
    done = {(result["case"], result["precision"]): result for result in results}
    for kind, speed in machine.peaks(program, given.threads).items():
        peaks[kind] = max(speed, peaks.get(kind, 0))
    print(f"{machine.name()}, {given.threads} threads, load {load:.1f}")
    print(f"{given.rounds} rounds; ms/step: median over the rounds of the fastest of {given.steps} steps\n", flush=True)
    gflops, agreed = {result["case"]: (result["gflop"], result["written_gflop"]) for result in results}, write(given, results, peaks, load)
    for case in cases.CASES:
        if case.name not in given.cases:
            continue
        if given.depth:
            case = cases.with_depth(case, given.depth)
        reference = None
        for precision in given.precisions:
            if result := done.get((case.name, precision)):
                reference = result["reference"] if result["reference"]["peer"] == "vitc in fp32" else None
                print(report.table(result), flush=True)
                continue
            result, peers = run_case(case, precision, given, work, reference)
            reference = result["reference"] if result["reference"]["peer"] == "vitc in fp32" else None
            computed, written = gflops[case.name] = gflops.get(case.name) or checked_gflop(case, given)
            result["gflop"] = result["gflop"] or computed  # vitc is not timed in each precision
            result["written_gflop"] = written
            for kind, speed in machine.peaks(program, given.threads).items():  # others may have been at work the last time
                peaks[kind] = max(speed, peaks.get(kind, 0))
            result["peak_gflops"] = machine.peak_for(precision, peaks, given.instructions)
            result["rows"] = report.rows(case, peers, result)
            results.append(result)
            print(report.table(result), flush=True)
            agreed = write(given, results, peaks, load)
    print("peaks: " + ", ".join(f"{kind} {speed:.0f} GFLOP/s" for kind, speed in peaks.items()))
    if not agreed:
        print("losses disagree", file=sys.stderr)
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.exit(main())
