"""The shards of a capture, joined by --merge, are what one process writes of the whole: byte for byte. Files that do not
belong together, or are damaged, are told."""

import glob
import gzip
import json
import os
import random
import subprocess
import tempfile

import tap
from tap import skip, test

TOP, BUILD = os.environ["top_srcdir"], os.environ["top_builddir"]
PROGRAM = os.path.join(BUILD, "tcpstat")
GENERATOR = os.path.join(BUILD, "tests", "bench", "gen_capture")
SHARED = os.environ.get("TCPSTAT_SHARED", os.path.join(TOP, "..", "shared"))
SANITIZERS = os.environ.get("sanitizers") == "yes"
FORMS = {"--json": ["--json"], "--jsonl": ["--jsonl", "--events", "all"]}
# of the captures of others, those with much of what is hard: fragments, tunnels, ICMP, DNS, many connections
REAL = 12


def run(*arguments, data=None):
    p = subprocess.run([PROGRAM, *map(str, arguments)], input=data, stdin=None if data is not None else subprocess.DEVNULL,
                       capture_output=True, timeout=600)
    return p.returncode, p.stdout, p.stderr.decode(errors="replace")


def shards(directory, capture, n, options):
    """Files with what each shard says."""
    files, running = [], []
    for k in range(1, n + 1):
        name = os.path.join(directory, f"{k}-of-{n}")
        files.append(name)
        with open(name, "wb") as out:
            running.append(subprocess.Popen([PROGRAM, *options, "--shard", f"{k}/{n}", capture], stdout=out,
                                            stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL))
        if len(running) == 2:
            running.pop(0).wait()
    for p in running:
        p.wait()
    return files


def differences(directory, capture, ns, options=()):
    """What the joined shards say otherwise than the whole."""
    found = []
    for form, words in FORMS.items():
        words = [*words, *options]
        whole = run(*words, capture)[1]
        for n in ns if whole else ():
            code, joined, complaint = run("--merge", *shards(directory, capture, n, words))
            if joined == whole and code == 0:
                continue
            a, b = whole.split(b"\n"), joined.split(b"\n")
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            found.append(f"{form} {n}: exit {code} {complaint[:200]} line {at + 1}: {a[at][:300] if at < len(a) else b''} "
                         f"{b[at][:300] if at < len(b) else b''}")
    return "\n".join(found)


def equal(directory, name, captures, ns, options=()):
    found = [f"{c}: {d}" for c in captures if (d := differences(directory, c, ns, options))]
    test(f"{name}: {len(captures)} captures, {' '.join(map(str, ns))} shards", not found, "\n".join(found))


def by_size(pattern, least, most):
    files = [f for f in glob.glob(os.path.join(SHARED, pattern), recursive=True)
             if os.path.isfile(f) and ("pcap" in f or ".cap" in f) and least <= os.path.getsize(f) < most]
    return sorted(files)


def sums(directory):
    ns = (2, 7) if SANITIZERS else (1, 2, 3, 7)
    samples = sorted(glob.glob(os.path.join(TOP, "samples", "*.pcap*")))
    equal(directory, "samples", samples[::5] if SANITIZERS else samples, ns)
    mixed = os.path.join(TOP, "samples", "mixed.pcap")
    equal(directory, "hashes of the streams", [mixed], (3,), ["--hash"])
    equal(directory, "a filter, a limit, VLANs in the key", [mixed], (3,), ["-c", "200", "--key-vlan", "-f", "tcp"])
    # more than are kept for their late segments
    many = os.path.join(directory, "many.pcap")
    with open(many, "wb") as out:
        subprocess.run([GENERATOR, "mice", "1500"], stdout=out, check=True)
    equal(directory, "many connections that end", [many], (3,))
    with open(many, "wb") as out:
        subprocess.run([GENERATOR, "flood", "5000"], stdout=out, check=True)
    equal(directory, "a flood of SYNs", [many], (3,))
    real = by_size("captures/dev/**", 20_000, 1_500_000)
    truth = by_size("groundtruth/**", 0, 1_500_000)
    if real and not SANITIZERS:
        step = max(1, len(real) // REAL)
        equal(directory, "real captures", real[::step], ns)
        equal(directory, "captures with known truth", truth[::max(1, len(truth) // 6)], ns)
    else:
        skip("real captures", "sanitizers" if real else "not here")


def valid(directory, mixed):
    try:
        import jsonschema
    except ImportError:
        skip("shards are valid by the schema", "python3-jsonschema is missing")
        return
    with open(os.path.join(TOP, "schema", "tcpstat-1.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    validator = jsonschema.validators.validator_for(schema)(schema)
    wrong = []
    for form, words in FORMS.items():
        for name in shards(directory, mixed, 2, words):
            with open(name, encoding="utf-8") as f:
                records = [json.load(f)] if form == "--json" else [json.loads(line) for line in f]
            wrong += [f"{form}: {e.message[:200]}" for r in records for e in validator.iter_errors(r)]
    test("shards are valid by the schema", not wrong, wrong[:3])


def sources(directory, mixed):
    files = shards(directory, mixed, 3, FORMS["--jsonl"])
    whole = run(*FORMS["--jsonl"], mixed)[1]
    packed = files[1] + ".gz"
    with open(files[1], "rb") as plain, gzip.open(packed, "wb") as out:
        data = plain.read()
        out.write(data)
    test("in any order", run("--merge", files[2], files[0], files[1])[:2] == (0, whole))
    test("compressed", run("--merge", files[0], packed, files[2])[:2] == (0, whole))
    test("from standard input", run("--merge", files[0], "-", files[2], data=data)[:2] == (0, whole))
    crlf = os.path.join(directory, "crlf")
    with open(crlf, "wb") as out:
        out.write(data.replace(b"\n", b"\r\n"))
    test("with the ends of lines of others", run("--merge", files[0], crlf, files[2])[:2] == (0, whole))
    names = shards(directory, mixed, 3, ["--jsonl", "--events", "none"])
    test("without events", run("--merge", *names)[:2] == (0, run("--jsonl", "--events", "none", mixed)[1]))


def refused(directory, mixed, clean):
    a = shards(directory, mixed, 3, ["--jsonl"])
    four = shards(directory, mixed, 4, ["--jsonl"])
    os.mkdir(other := os.path.join(directory, "other"))
    b = shards(other, clean, 3, ["--jsonl"])
    os.mkdir(documents := os.path.join(directory, "documents"))
    c = shards(documents, mixed, 3, ["--json"])
    os.mkdir(hashed := os.path.join(directory, "hashed"))
    d = shards(hashed, mixed, 3, ["--jsonl", "--hash"])
    whole = os.path.join(directory, "whole")
    with open(whole, "wb") as out:
        out.write(run("--jsonl", mixed)[1])
    empty = os.path.join(directory, "empty")
    open(empty, "wb").close()
    for name, files, words in (
            ("one is missing", a[:2], "shard 3 of 3 is missing"),
            ("two are missing", a[1:2], "shards 1, 3 of 3 are missing"),
            ("one is there twice", [a[0], a[1], a[1]], "both shard 2 of 3"),
            ("of other numbers", [a[0], four[1], a[2]], "of 4"),
            ("of another capture", [a[0], b[1], a[2]], "input_bytes is 194504"),
            ("with other options", [a[0], d[1], a[2]], "payload_hash is false and true"),
            ("of another form", [a[0], c[1], a[2]], "is a document"),
            ("of the whole", [whole], "without --shard"),
            ("a capture", [mixed], "is no JSON of tcpstat"),
            ("an empty file", [empty], "is empty"),
            ("no such file", [a[0], directory + "/none", a[2]], "No such file"),
            ("a folder", [a[0], directory, a[2]], "is a directory")):
        code, out, complaint = run("--merge", *files)
        test(f"refused: {name}", code == 1 and not out and words in complaint and complaint.count("\n") < 4,
             f"{code} {out[:100]} {complaint}")
    # what only the end tells: the same size, another packet
    with open(mixed, "rb") as f:
        data = bytearray(f.read())
    data[-1400 + 60] ^= 1
    data[24 + 8:24 + 12] = (int.from_bytes(data[24 + 8:24 + 12], "little")).to_bytes(4, "little")
    data[24 + 4:24 + 8] = (int.from_bytes(data[24 + 4:24 + 8], "little") + 1).to_bytes(4, "little")
    twisted = os.path.join(directory, "twisted.pcap")
    with open(twisted, "wb") as out:
        out.write(data)
    t = shards(other, twisted, 3, ["--jsonl"])
    code, out, complaint = run("--merge", a[0], t[1], a[2])
    test("refused at the end: other packets", code == 1 and b'"type":"summary"' not in out and "summary: " in complaint,
         f"{code} {complaint}")
    for words in (["--merge"], ["--merge", "--json", a[0]], ["--merge", "-c", "1", a[0]], ["--shard", "1/2", mixed],
                  ["--json", "--shard", "0/2", mixed], ["--json", "--shard", "3/2", mixed], ["--json", "--shard", "1", mixed],
                  ["--json", "--shard", "1/2", "-i", "lo"], ["--json", "--shard", "1/2", "--extract", directory, mixed]):
        code, out, complaint = run(*words)
        test(f"usage: {' '.join(os.path.basename(w) for w in words)}", code == 2 and not out and complaint,
             f"{code} {complaint}")


def damaged(directory, mixed):
    files = shards(directory, mixed, 2, ["--jsonl", "--events", "all"])
    with open(files[1], "rb") as f:
        lines = f.read().split(b"\n")
    bad = os.path.join(directory, "bad")
    connection = next(i for i, line in enumerate(lines) if line.startswith(b'{"type":"connection"'))
    census = next(i for i, line in enumerate(lines) if line.startswith(b'{"type":"census"'))
    for name, at, line, words in (
            ("no JSON", connection, b'{"type":"connection",', f"line {connection + 1}: no JSON record"),
            ("another type", connection, b'{"type":"surprise"}', f"line {connection + 1}: a record of type surprise"),
            ("no type", connection, b"[1]", f"line {connection + 1}: a record without a type"),
            ("a wrong number", connection, b'{"type":"rtt","conn":99}', f"line {connection + 1}: conn is no connection"),
            ("a zero byte", connection, b'{"type":"rtt\0","conn":null}', f"line {connection + 1}"),
            ("no UTF-8", connection, b'{"type":"rtt","x":"\xff"}', f"line {connection + 1}: no JSON record"),
            ("too deep", connection, b"[" * 100000, f"line {connection + 1}: no JSON record"),
            ("a wrong census", census, lines[census].replace(b'"port":', b'"port":9'), "census: client"),
            ("an empty line", connection, b"", f"line {connection + 1}: is empty")):
        with open(bad, "wb") as out:
            out.write(b"\n".join(lines[:at] + [line] + lines[at + 1:]))
        code, out, complaint = run("--merge", files[0], bad)
        test(f"damaged: {name}", code == 3 and out.count(b"\n") > 20 and b'"type":"summary"' in out and words in complaint,
             f"{code} {complaint}")
    for name, data, words in (("cut between lines", b"\n".join(lines[:connection]) + b"\n", "ends without a summary"),
                              ("cut in a line", b"\n".join(lines[:connection])[:-9], "no JSON record"),
                              ("more after the end", b"\n".join(lines) + b"{}\n", "there is more")):
        with open(bad, "wb") as out:
            out.write(data)
        code, out, complaint = run("--merge", files[0], bad)
        test(f"damaged: {name}", code == 3 and b'"type":"summary"' in out and words in complaint, f"{code} {complaint}")
    with open(bad, "wb") as out:
        out.write(b"\n".join(lines[:connection]) + b'\n{"type":"rtt","x":"')
        for _ in range(20):
            out.write(b"x" * (1 << 20))
    code, out, complaint = run("--merge", files[0], bad)
    test("damaged: a line without end", code == 3 and "a line without end" in complaint, f"{code} {complaint}")
    documents = shards(directory, mixed, 2, ["--json"])
    with open(documents[1], "rb") as f:
        text = f.read()
    for name, data in (("cut", text[:len(text) // 2]), ("no comma", text.replace(b"},\n{", b"}\n{", 1)),
                       ("a foreign member", text.replace(b'"findings"', b'"losings"'))):
        with open(bad, "wb") as out:
            out.write(data)
        code, out, complaint = run("--merge", documents[0], bad)
        try:
            good = json.loads(out)["schema"] == "tcpstat/1"
        except ValueError:
            good = False
        test(f"damaged document: {name}", code == 3 and good and "line " in complaint, f"{code} {complaint} {out[-200:]}")


def mutated(directory, mixed):
    """Any bytes changed, moved or lost: an answer, and no other exit."""
    dice, wrong = random.Random(7), []
    for form in ("--jsonl", "--json"):
        files = shards(directory, mixed, 2, [form])
        with open(files[1], "rb") as f:
            text = f.read()
        for _ in range(60 if SANITIZERS else 150):
            data = bytearray(text)
            for _ in range(dice.randint(1, 8)):
                at, how = dice.randrange(len(data)), dice.randrange(4)
                if how == 0:
                    data[at] = dice.choice(b'{}[]",:0129-\n\\\0nu')
                elif how == 1:
                    del data[at:at + dice.randint(1, 200)]
                elif how == 2:
                    data[at:at] = data[dice.randrange(len(data)):][:dice.randint(1, 300)]
                else:
                    data[at:at + 1] = str(dice.choice((0, -1, 2**31, 2**63 - 1, 2**63, 2**64 - 1, 2**70))).encode()
            bad = os.path.join(directory, "mutated")
            with open(bad, "wb") as out:
                out.write(data)
            code, _, complaint = run("--merge", files[0], bad)
            if code not in (0, 1, 3) or "Sanitizer" in complaint or "runtime error" in complaint or (code and not complaint):
                wrong.append(f"{form}: exit {code} {complaint}")
    test("mutated shards are joined, or refused", not wrong, "\n".join(wrong[:3]))


def main():
    mixed, clean = (os.path.join(TOP, "samples", f"{name}.pcap") for name in ("mixed", "clean"))
    with tempfile.TemporaryDirectory() as directory:
        sums(directory)
        valid(directory, mixed)
        sources(directory, mixed)
        refused(directory, mixed, clean)
    with tempfile.TemporaryDirectory() as directory:
        damaged(directory, mixed)
        mutated(directory, mixed)
    tap.done()


main()
