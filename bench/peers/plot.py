"""A bar chart in SVG: images/s of each peer as a share of the best peer's, one group a case and precision."""

from html import escape

from cases import PEERS

COLOURS = {"eager": "#9aa5b1", "compile": "#5f7285", "jax": "#c9b27c", "vitc": "#b3392f", "vitc-bf16x3": "#e08a7f"}
BAR, GAP, LEFT, RIGHT, TOP, WIDTH = 14, 18, 290, 60, 56, 420


def text(x, y, what, anchor="start", size=12, colour="#222"):
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">{escape(what)}</text>'


def chart(results):
    groups = [(f"{result['title'].split(', ')[0]}, {result['precision']}",
               [row for row in result["rows"] if row.get("of_best_peer")]) for result in results]
    groups = [(title, rows) for title, rows in groups if rows]
    longest = max([1.0] + [row["of_best_peer"] for _, rows in groups for row in rows])
    scale = WIDTH / longest
    out, y = [], TOP
    for title, rows in groups:
        out.append(text(LEFT - 110, y + BAR * len(rows) / 2 + 4, title, "end"))
        for row in rows:
            share = row["of_best_peer"]
            out.append(text(LEFT - 8, y + BAR - 4, PEERS[row["peer"]], "end", 10, "#555"))
            out.append(f'<rect x="{LEFT}" y="{y + 1}" width="{share * scale:.1f}" height="{BAR - 2}" fill="{COLOURS[row["peer"]]}"/>')
            out.append(text(LEFT + share * scale + 5, y + BAR - 4, f"{share:.2f}", size=10))
            y += BAR
        y += GAP
    best = LEFT + scale
    out.append(f'<line x1="{best:.1f}" y1="{TOP - 8}" x2="{best:.1f}" y2="{y - GAP + 8}" stroke="#222" stroke-dasharray="3 3"/>')
    out.insert(0, text(LEFT, 22, "images/s of a training step, of the best peer's", size=14))
    out.insert(1, text(best, 42, "best peer", "middle", 10))
    width, height = LEFT + WIDTH + RIGHT, y
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>\n' + "\n".join(out) + "\n</svg>\n")
