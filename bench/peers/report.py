"""Results as numbers (for JSON) and as a table."""

import statistics

from cases import PEERS, TOLERANCE


def rows(case, peers, result):
    """One dictionary per peer; `of_best_peer` compares with the fastest that is not vitc. Shares of the peak are of the
    FLOPs that the peer does: vitc leaves some out."""
    out, peak = [], result["peak_gflops"]
    for peer in peers:
        gflop = result["gflop" if peer.name.startswith("vitc") else "written_gflop"]
        row = {"peer": peer.name, "version": peer.version, "missing": peer.missing}
        if not peer.missing and peer.best_of_turn:
            seconds = statistics.median(peer.best_of_turn)
            row |= {
                "ms": [round(1e3 * t, 3) for t in peer.best_of_turn],
                "ms_median": 1e3 * seconds,
                "ms_fastest": 1e3 * min(peer.best_of_turn),
                "images_per_s": case.batch / seconds,
                "share_of_peak": gflop / seconds / peak if gflop and peak else None,
                "peak_rss": peer.rss,
                "first_step_s": peer.first_step,
            }
        out.append(row)
    best = max((row["images_per_s"] for row in out if "ms" in row and not row["peer"].startswith("vitc")), default=None)
    for row in out:
        if "ms" in row:
            row["of_best_peer"] = row["images_per_s"] / best if best else None
    return out


def compare_losses(peers, reference, precision):
    """The largest relative difference of each peer's losses to the reference's, and whether it is small enough."""
    out = []
    for peer in peers:
        if peer.missing or not peer.losses or not reference:
            continue
        worst = max(abs(a - b) / abs(b) for a, b in zip(peer.losses, reference))
        agrees = all(abs(a - b) <= TOLERANCE[precision] * abs(b) for a, b in zip(peer.losses, reference))
        out.append({"peer": peer.name, "losses": peer.losses, "difference": worst, "agrees": agrees})
    return out


def table(result):
    gflop = f", {result['gflop']:.1f} GFLOP a step" if result["gflop"] else ""
    gflop += f" ({result['written_gflop']:.1f} as written)" if result["written_gflop"] else ""
    gflop += f", peak {result['peak_gflops']:.0f} GFLOP/s" if result["peak_gflops"] else ""
    lines = [f"{result['title']}, {result['precision']}{gflop}",
             f"  {'peer':14} {'ms/step':>10} {'fastest':>9} {'images/s':>9} {'of peak':>8} {'peak RSS':>9} {'first step':>11} {'of best peer':>13}"]
    for row in result["rows"]:
        name = PEERS[row["peer"]]
        if row["missing"] or "ms" not in row:
            lines.append(f"  {name:14} missing: {row['missing'] or 'not timed'}")
            continue
        share = f"{100 * row['share_of_peak']:.1f} %" if row["share_of_peak"] else "-"
        best = f"{row['of_best_peer']:.2f}" if row["of_best_peer"] else "-"
        lines.append(f"  {name:14} {row['ms_median']:10.1f} {row['ms_fastest']:9.1f} {row['images_per_s']:9.2f} {share:>8} "
                     f"{row['peak_rss'] / 1e9:6.2f} GB {row['first_step_s']:9.1f} s {best:>13}")
    whose, losses = result["reference"]["peer"], result["reference"]["losses"]
    if losses:
        lines.append(f"  losses of {whose}: " + " ".join(f"{x:.6f}" for x in losses))
    for entry in result["losses"]:
        verdict = "agree" if entry["agrees"] else "DISAGREE"
        lines.append(f"    {PEERS[entry['peer']]:14} {verdict} within {result['tolerance']:g}: largest relative difference "
                     f"{entry['difference']:.1e}" + ("" if entry["agrees"] else f", {entry['losses']}"))
    return "\n".join(lines) + "\n"


def markdown(results):
    """A line a case and precision: ms a step of each peer, and vitc's ratios. Memory is what each process had at most."""
    shown = [peer for peer in PEERS if peer != "vitc-bf16x3" and any(row["peer"] == peer for r in results for row in r["rows"])]
    lines = ["| training step | | " + " | ".join(PEERS[peer] + ", ms" for peer in shown) +
             " | images/s | of the best peer | of the peak | first step, of torch.compile's | memory, of PyTorch eager's |",
             "|" + "---|" * (len(shown) + 7)]
    for result in results:
        rows = {row["peer"]: row for row in result["rows"] if "ms" in row}
        own = rows.get("vitc")
        cells = [result["title"], result["precision"]]
        cells += [f"{rows[peer]['ms_median']:.0f}" if peer in rows else "-" for peer in shown]
        if own:
            compiled, eager = rows.get("compile"), rows.get("eager")
            cells += [f"{own['images_per_s']:.2f}", f"{own['of_best_peer']:.2f}" if own["of_best_peer"] else "-",
                      f"{100 * own['share_of_peak']:.0f} %" if own["share_of_peak"] else "-",
                      f"1/{compiled['first_step_s'] / own['first_step_s']:.0f} ({own['first_step_s']:.1f} s)" if compiled else "-",
                      f"{100 * own['peak_rss'] / eager['peak_rss']:.0f} % ({own['peak_rss'] / 1e9:.2f} GB)" if eager else "-"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
