#!/usr/bin/env python3
"""table.py SCORES.json README: writes the accuracy table of the README, between its two marks, from `score.py --json`."""
import json
import re
import sys

GROUPS = ("sender", "middle", "receiver")
ERRORS = {"srtt", "srtt_p90", "rto", "rto_p90", "cwnd", "cwnd_p90", "ssthresh", "ssthresh_p90"}   # relative errors: less is better
PLAIN = {"back_false", "rwnd_share"}
LEFT_OUT = {"ssthresh_hystart", "ca_group", "ca_busy", "cc_unnamed", "dup_acks"}              # without a bar


def show(quantity, x):
    if x is None:
        return "–"
    return f"{100 * x:.1f} %" if quantity in ERRORS else f"{x:.2f}" if quantity in PLAIN else f"{x:.3f}"


def main():
    scores, readme = json.load(open(sys.argv[1])), sys.argv[2]
    tools = list(scores["peers"])
    rows = ["| quantity | bar: sender, elsewhere | at the sender | in the middle | at the receiver | " + " | ".join(tools) + " |",
            "| --- " * (5 + len(tools)) + "|"]
    for q, groups in scores["scores"].items():
        if q in LEFT_OUT:
            continue
        cells = [f"`{q}`", f"{show(q, groups['sender']['bar'])}, {show(q, groups['middle']['bar'])}"]
        cells += [show(q, groups[g]["score"]) for g in GROUPS]
        for t in tools:
            said = [scores["peers"][t].get(q, {}).get(g) for g in GROUPS]
            cells.append(" / ".join(show(q, x) for x in said) if any(x is not None for x in said) else "–")
        rows.append("| " + " | ".join(cells) + " |")
    text = open(readme).read()
    mark = re.compile(r"(<!-- accuracy -->\n).*?(<!-- /accuracy -->)", re.S)
    if not mark.search(text):
        sys.exit(f"{readme}: no accuracy marks")
    with open(readme, "w") as f:
        f.write(mark.sub(lambda m: m.group(1) + "\n".join(rows) + "\n" + m.group(2), text))


if __name__ == "__main__":
    main()
