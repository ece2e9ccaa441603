"""The findings: each has a capture in samples/ that shows it and one in tests/findings/near/ that nearly does and must not;
tests/findings/make.py makes both. Their findings are those of samples.tsv, no more and no fewer.

The connections whose truth is known (../shared/groundtruth/dev) yield what truth.tsv calls for, and no problem that is not
in its list of those that the truth allows; the captures named in named.tsv get the verdict that their names announce."""

import filecmp
import glob
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

TOP = os.environ["top_srcdir"]
HERE = os.path.join(TOP, "tests", "findings")
PROGRAM = os.path.join(os.environ["top_builddir"], "tcpstat")
SHARED = os.environ.get("TCPSTAT_SHARED", os.path.join(TOP, "..", "shared"))
n = 0


def result(complaints, name):
    global n
    n += 1
    print("not ok" if complaints else "ok", n, "-", name)
    for c in complaints:
        print("#", c)


def skip(name, why):
    global n
    n += 1
    print(f"ok {n} # SKIP {name}: {why}")


def table(name):
    """Lines of a file of tab-separated columns; # begins a comment."""
    with open(os.path.join(HERE, name), encoding="ascii") as f:
        return [line.rstrip("\n").split("\t") for line in f if line.strip() and line[0] != "#"]


def findings(capture):
    """{severity:id} of a capture, and complaints about the form of the findings."""
    p = subprocess.run([PROGRAM, "--jsonl", "--events", "finding", capture], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if p.returncode not in (0, 3):
        return set(), [f"exit status {p.returncode}: {p.stderr.strip()}"]
    records = [r for r in map(json.loads, p.stdout.splitlines()) if r["type"] == "finding"]
    bad = [f"{r['id']} has no {k}" for r in records for k in ("title", "advice", "rule", "man") if not r[k]]
    bad += [f"{r['id']}: packets {r['frames']} not in order" for r in records if r["frames"] != sorted(set(r["frames"]))]
    bad += [f"{r['id']}: a cost of {r['cost_us']} us" for r in records if (r["cost_us"] or 0) < 0]
    return {r["severity"] + ":" + r["id"] for r in records}, bad


def capture_of(folder, name):
    found = [p for p in (os.path.join(folder, name + s) for s in ("", ".pcap", ".pcap.gz")) if os.path.isfile(p)]
    return found[0] if found else None


def made(ids):
    with tempfile.TemporaryDirectory() as folder:
        p = subprocess.run([sys.executable, os.path.join(HERE, "make.py"), folder], capture_output=True, text=True)
        complaints = [p.stderr] if p.returncode else []
        for kind, real in (("samples", os.path.join(TOP, "samples")), ("near", os.path.join(HERE, "near"))):
            names = sorted(os.listdir(os.path.join(folder, kind)))
            complaints += [f"{kind}/{x} is not what make.py makes" for x in names
                           if not os.path.exists(os.path.join(real, x)) or
                           not filecmp.cmp(os.path.join(folder, kind, x), os.path.join(real, x), shallow=False)]
            stems = {x.split(".")[0] for x in names}
            complaints += [f"{kind}: no capture of {x}" for x in sorted(ids - stems - {"zero-window"})]
        result(complaints, "captures of all findings, as make.py makes them")


def samples(ids):
    listed = set()
    for kind, id_, expected, *other in table("samples.tsv"):
        capture = capture_of(os.path.join(TOP, "samples") if kind == "sample" else os.path.join(HERE, "near"), (other or [id_])[0])
        listed.add((kind, id_))
        if not capture:
            result(["no capture"], " ".join((kind, id_, *other)))
            continue
        got, bad = findings(capture)
        wanted = set(expected.split())
        has = any(x.endswith(":" + id_) for x in got)
        if has != (kind == "sample"):
            bad.append("is not found" if kind == "sample" else "is found")
        # of what accompanies it only the name counts: its cost may lie next to a threshold
        if {x.split(":")[1] for x in got} != {x.split(":")[1] for x in wanted} or \
                {x for x in got ^ wanted if x.endswith(":" + id_)}:
            bad.append(f"found {' '.join(sorted(got))}; expected {' '.join(sorted(wanted))}")
        result(bad, " ".join((kind, id_, *other)))
    missing = {(k, i) for k in ("sample", "near") for i in ids} - listed
    result([f"samples.tsv does not have {k} {i}" for k, i in sorted(missing)], "all findings are in samples.tsv")


def rows(text, columns):
    """{file: the other columns} of the tables with so many columns."""
    cells = [[c.strip() for c in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("| `")]
    return {c[0].strip("`"): c[1:] for c in cells if len(c) == columns}


def provenance():
    """Each capture in samples/ has a row of samples/README.md: who made it, and what tcpstat finds in it."""
    folder = os.path.join(TOP, "samples")
    with open(os.path.join(folder, "README.md"), encoding="utf-8") as f:
        text = f.read()
    with open(os.path.join(folder, "make.py"), encoding="utf-8") as f:
        script = f.read()
    real, made_up = rows(text, 4), rows(text, 2)
    files = {x for x in os.listdir(folder) if ".pcap" in x}
    complaints = [f"{x} has no row" for x in sorted(files - set(real) - set(made_up))]
    complaints += [f"{x} has a row and is not there" for x in sorted(set(real) | set(made_up)) if x not in files]
    complaints += [f"{x} has two rows" for x in sorted(files) if len(re.findall(rf"^\| `{re.escape(x)}`", text, re.M)) > 1]
    for name, (side, _, found) in real.items():
        stem = name.split(".")[0]
        if f'("{stem}", "{side}", ' not in script:
            complaints.append(f"{name}: samples/make.py captures no {stem} at the {side}")
        stated = set(found.strip("`").split("` `")) - {"nothing"}
        got = {x.split(":")[1] for x in findings(os.path.join(folder, name))[0]}
        if stated != got:
            complaints.append(f"{name}: the table has {sorted(stated)}, tcpstat finds {sorted(got)}")
    with tempfile.TemporaryDirectory() as made_now:
        subprocess.run([sys.executable, os.path.join(HERE, "make.py"), made_now], check=True)
        makes = set(os.listdir(os.path.join(made_now, "samples")))
    for name, (title,) in made_up.items():
        if name not in makes:
            complaints.append(f"{name}: tests/findings/make.py does not make it")
        p = subprocess.run([PROGRAM, "--jsonl", "--events", "finding", os.path.join(folder, name)], capture_output=True, text=True,
                           stdin=subprocess.DEVNULL)
        found = [r for r in map(json.loads, p.stdout.splitlines()) if r["type"] == "finding"]
        stem = name.split(".")[0]
        if not [r for r in found if re.sub(r", cost [^,]*$", "", r["title"]) == title and stem.startswith((r["id"], "window-scaling"))]:
            complaints.append(f"{name}: tcpstat does not say: {title} (but {[r['title'] for r in found]})")
    result(complaints, "the tables of samples/README.md are true")


def manual(ids):
    """Each finding has its section, with everything that it should tell; tests/rules/examples.py runs the commands."""
    with open(os.path.join(TOP, "man", "tcpstat-troubleshooting.7"), encoding="utf-8") as f:
        sections = {s.split("\n")[0]: s for s in re.split(r"^\.Ss ", f.read(), flags=re.M)[1:]}
    sections = {name: s for name, s in sections.items() if re.fullmatch("[a-z0-9-]+", name)}
    complaints = [f"no section {x}" for x in sorted(ids - set(sections))] + [f"section {x} of nothing" for x in sorted(set(sections) - ids)]
    for name in sorted(ids & set(sections)):
        items = dict(re.findall(r"^\.It ([^\n]*)\n(.*?)(?=^\.It |^\.El|\Z)", sections[name], re.M | re.S))
        for item in ("Symptom", "Command and output", "Meaning", "Why", "What to do"):
            if not items.get(item, "").strip():
                complaints.append(f"{name}: nothing under {item}")
        shown = items.get("Command and output", "")
        if not re.search(r"^\$ tcpstat .*\bsamples/", shown, re.M) or f"({name})" not in shown:
            complaints.append(f"{name}: no capture in samples/ of which it is shown")
        if not re.search(r"RFC\s+\d", items.get("Why", "")):
            complaints.append(f"{name}: no RFC says why")
    result(complaints, "each finding has its section in tcpstat-troubleshooting(7), with all that belongs there")


def budget():
    """Whose the time was sums to the duration."""
    complaints = []
    for capture in sorted(glob.glob(os.path.join(TOP, "samples", "*.pcap"))):
        p = subprocess.run([PROGRAM, "--jsonl", capture], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        for r in map(json.loads, p.stdout.splitlines()):
            if r["type"] != "connection" or None in r["budget_us"].values():
                continue
            parts = r["budget_us"].values()
            if min(parts) < 0 or abs(sum(parts) - r["duration_us"]) > len(parts):
                complaints.append(f"{os.path.basename(capture)}: {sum(parts)} us of {r['duration_us']} us")
    result(complaints[:20], "the owners of a connection's time sum to its duration")


def truth():
    folder = os.path.join(SHARED, "groundtruth", "dev")
    for name, vantages, must, may in table("truth.tsv"):
        for vantage in vantages:
            capture = capture_of(os.path.join(folder, name), vantage)
            if not capture:
                skip(f"{name} at {vantage}", "no capture")
                continue
            got, bad = findings(capture)
            got_ids = {x.split(":")[1] for x in got}
            for wanted in must.split():
                if wanted != "-" and not got_ids & set(wanted.split("|")):
                    bad.append(f"no {wanted} (found {' '.join(sorted(got))})")
            allowed = set(may.split()) | set(must.replace("|", " ").split())
            bad += [f"{x}: the truth knows nothing of it" for x in sorted(got)
                    if x.startswith("problem:") and x.split(":")[1] not in allowed]
            if may == "clean":
                bad += [f"{x} of a clean connection" for x in sorted(got) if x.startswith(("warning:", "problem:"))]
            result(bad, f"{name} at {vantage}")


def named():
    for name, must, may in table("named.tsv"):
        capture = capture_of(os.path.join(SHARED, "captures", "dev"), name)
        if not capture:
            skip(name, "no capture")
            continue
        got, bad = findings(capture)
        got_ids = {x.split(":")[1] for x in got}
        bad += [f"no {x} (found {' '.join(sorted(got))})" for x in must.split() if x != "-" and x not in got_ids]
        allowed = set(must.split()) | set(may.split())
        bad += [f"{x} is not what the name says" for x in sorted(got) if x.startswith("problem:") and x.split(":")[1] not in allowed]
        result(bad, name)


def unseen(path):
    """A capture of ACKs of what was not seen: below what came later, beyond everything, twice, and a FIN repeated with one."""
    steps = (("c", 99, 0, 0x02, 0), ("s", 499, 100, 0x12, 0), ("c", 100, 500, 0x10, 0), ("c", 100, 500, 0x18, 100),
             ("s", 500, 200, 0x11, 0), ("s", 500, 300, 0x11, 0), ("s", 500, 350, 0x11, 0), ("c", 400, 500, 0x18, 100),
             ("s", 501, 450, 0x10, 0), ("s", 501, 460, 0x10, 0), ("s", 501, 460, 0x10, 0), ("c", 600, 501, 0x18, 100),
             ("s", 501, 700, 0x10, 0), ("s", 501, 900, 0x10, 0), ("s", 501, 950, 0x10, 0), ("c", 950, 501, 0x18, 100),
             ("c", 650, 501, 0x18, 400), ("c", 1049, 501, 0x18, 2), ("s", 501, 1051, 0x10, 0))
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        for i, (who, seq, ack, flags, size) in enumerate(steps):
            ends = (40000, 80) if who == "c" else (80, 40000)
            hosts = bytes((192, 0, 2, 1, 192, 0, 2, 2)) if who == "c" else bytes((192, 0, 2, 2, 192, 0, 2, 1))
            tcp = struct.pack(">HHIIBBHHH", *ends, seq, ack, 0x50, flags, 8192, 0, 0)
            ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + size, i, 0x4000, 64, 6, 0) + hosts
            f.write(struct.pack("<IIII", 1700000000, i * 4000, 40 + size, 40 + size) + ip + tcp + bytes(size))


SAME = {"TCP Keep-Alive": "keepalive", "TCP Keep-Alive ACK": "answer to a keepalive", "TCP ZeroWindowProbe": "probe of a closed window",
        "TCP ZeroWindowProbeAck": "answer to a window probe", "TCP ZeroWindow": "window closed", "TCP Window Full": "window full",
        "TCP Window Update": "window update", "TCP Dup ACK": "duplicate ACK", "TCP Retransmission": "again",
        "TCP Spurious Retransmission": "again", "TCP Fast Retransmission": "again", "TCP Out-Of-Order": "again"}
AGAIN = ("retransmission", "sent in order, overtaken", "the same packet as")


def ending(text):
    """What is wrong with the end of --explain-diff: "the same" only where both say the same, and surely only if all is sure."""
    theirs = {SAME.get(x, x) for x in re.findall(r"^(?:Wireshark|         ) +(TCP [^:]*):", text, re.M)}
    line = re.search(r"^tcpstat +(.*)$", text, re.M).group(1)
    ours = {x for x in SAME.values() if re.search(rf"(^|, ){x}(,|$)", line)} | {"again" for x in AGAIN if line.startswith(x)}
    ours |= {x for x in ("window shrunk", "silly window") if x in line}
    same, hedged = "Both mean the same" in text, "if Wireshark says that" in text
    if same and theirs != ours:
        return f"the same? {sorted(theirs)}, {sorted(ours)}"
    if same and hedged != ("(perhaps:" in text):
        return "as sure as not"
    return None if same or re.search(r"^because ", text, re.M) else "no ending"


def wireshark():
    """--explain-diff says of each packet what tshark says, and ends with what follows from that."""
    names = ("TCP Keep-Alive ACK", "TCP Keep-Alive", "TCP ZeroWindowProbeAck", "TCP ZeroWindowProbe", "TCP ZeroWindow", "TCP Window Full",
             "TCP Window Update", "TCP Previous segment not captured", "TCP ACKed unseen segment", "TCP Spurious Retransmission",
             "TCP Fast Retransmission", "TCP Out-Of-Order", "TCP Retransmission", "TCP Dup ACK")
    if not shutil.which("tshark"):
        skip("--explain-diff against tshark", "no tshark")
        return
    made = os.path.join(tempfile.mkdtemp(), "unseen.pcap")
    unseen(made)
    samples = ("loss", "mixed", "spurious-timeout", "keepalive-dead", "capture-loss", "duplicated-capture", "silly-window", "zero-window")
    for capture in [os.path.join(TOP, "samples", sample + ".pcap") for sample in samples] + [made]:
        p = subprocess.run(["tshark", "-r", capture, "-T", "fields", "-e", "frame.number", "-e", "_ws.col.Info"], capture_output=True,
                           text=True, stdin=subprocess.DEVNULL)
        complaints = []
        for line in p.stdout.splitlines():
            frame, info = line.split("\t")
            theirs = {x for x in names for found in re.findall(r"\[(TCP [^]]*)\]", info) if re.sub(r" \d+#\d+$", "", found) == x}
            q = subprocess.run([PROGRAM, "--explain-diff", frame, capture], capture_output=True, text=True, stdin=subprocess.DEVNULL)
            ours = {x for x in names if re.search(rf"^(Wireshark|         ) +{re.escape(x)}:", q.stdout, re.M)}
            if ours != theirs or q.returncode:
                complaints.append(f"packet {frame}: {sorted(ours)}, tshark {sorted(theirs)}")
            elif ending(q.stdout):
                complaints.append(f"packet {frame}: {ending(q.stdout)}")
        result(complaints[:20], f"--explain-diff says what tshark says: {os.path.basename(capture)}")
    shutil.rmtree(os.path.dirname(made))


def main():
    with open(os.path.join(TOP, "src", "core", "finding.def"), encoding="ascii") as f:
        ids = set(re.findall(r'^\tX\([A-Z0-9_]+, "([a-z0-9-]+)"', f.read(), re.M))
    result([] if len(ids) > 40 else [f"only {len(ids)} findings in finding.def"], "finding.def can be read")
    made(ids)
    samples(ids)
    provenance()
    manual(ids)
    budget()
    wireshark()
    truth()
    named()
    print(f"1..{n}")


main()
