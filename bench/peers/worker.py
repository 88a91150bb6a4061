"""One peer in a process of its own: worker.py PEER CASE PRECISION FILE THREADS DEPTH.

Lines of JSON on stdin say what to do, lines of JSON on stdout what came of it; between them it sleeps."""

import json
import os
import sys
import time

import cases


def peak_rss():
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024


def make(peer, case, precision, path, threads):
    if peer == "jax":
        import jax_models
        return jax_models.Trainer(case, precision, path), jax_models.version()
    import torch
    import torch_models
    torch.set_num_threads(threads)
    return torch_models.Trainer(case, precision, path, compiled=peer == "compile"), torch_models.version()


def main(peer, name, precision, path, threads, depth):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer

    def answer(**what):
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    try:
        case = next(c for c in cases.CASES if c.name == name)
        if int(depth):
            case = cases.with_depth(case, int(depth))
        trainer, version = make(peer, case, precision, path, int(threads))
        answer(version=version)
        for line in sys.stdin:
            times, losses = [], []
            for _ in range(json.loads(line)["steps"]):
                start = time.perf_counter()
                losses.append(trainer.step())
                times.append(time.perf_counter() - start)
            answer(times=times, losses=losses, rss=peak_rss())
    except Exception as error:
        lines = str(error).strip().splitlines()
        answer(error=f"{type(error).__name__}: {lines[0][:200] if lines else ''}")


if __name__ == "__main__":
    main(*sys.argv[1:])
