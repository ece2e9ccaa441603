"""Every record of every capture at hand is valid by the JSON Schema, and says nothing that contradicts itself.

Captures: samples/, and where it is present ../shared (captures and ground truth). RECORDS_ONLY=SUBSTRING picks some.

A validator takes a millisecond for a record, and there are millions: records of one shape (keys, types, words of the
vocabulary) are validated once."""

import concurrent.futures
import csv
import glob
import io
import json
import os
import re
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("1..0 # SKIP python3-jsonschema is missing")
    sys.exit()

TOP = os.environ["top_srcdir"]
PROGRAM = os.path.join(os.environ["top_builddir"], "tcpstat")
SHARED = os.environ.get("TCPSTAT_SHARED", os.path.join(TOP, "..", "shared"))
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")
COMMUNITY = re.compile(r"^1:[A-Za-z0-9+/]{27}=$")


def read_schema():
    with open(os.path.join(TOP, "schema", "tcpstat-1.schema.json"), encoding="utf-8") as f:
        schema = json.load(f)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return schema, kind


def words_of(node, into):
    """The strings that the schema names: enumerators and constants."""
    if isinstance(node, dict):
        into.update(x for x in node.get("enum", []) if isinstance(x, str))
        if isinstance(node.get("const"), str):
            into.add(node["const"])
        for child in node.values():
            words_of(child, into)
    elif isinstance(node, list):
        for child in node:
            words_of(child, into)


SCHEMA, VALIDATOR = read_schema()
WORDS = set()
words_of(SCHEMA, WORDS)


def pairs(items):
    """An object as a dict; a key that is there twice is an error."""
    d = dict(items)
    if len(d) != len(items):
        raise ValueError("a key is there twice: " + ", ".join(k for k, _ in items))
    return d


def shape(value):
    """What the schema can tell of a value: two values of one shape are both valid, or neither is."""
    if isinstance(value, dict):
        return tuple((k, shape(v)) for k, v in value.items())
    if isinstance(value, list):
        return (len(value) if len(value) < 5 else 5, frozenset(map(shape, value)))
    if isinstance(value, str):
        return value if value in WORDS else "t" if TIME.match(value) else "c" if COMMUNITY.match(value) else "s"
    if value is None or isinstance(value, bool):
        return value
    return (type(value).__name__, (value > 0) - (value < 0))


class Checker:
    def __init__(self):
        self.valid = set()
        self.records = 0
        self.keys = {}

    def check(self, record, schema_name=None):
        """Complaints about one record."""
        kind = record.get("type")
        name = schema_name or f"record_{kind}"
        if name not in SCHEMA["$defs"]:
            yield f"no such type: {kind}"
            return
        known = name, shape(record)
        self.records += 1
        if known in self.valid:
            return
        validator = VALIDATOR({**{k: v for k, v in SCHEMA.items() if k != "oneOf"}, "$ref": f"#/$defs/{name}"})
        errors = list(validator.iter_errors(record))
        for e in errors[:3]:
            yield f"{kind}: {'/'.join(map(str, e.path))}: {e.message[:200]}"
        if not errors:
            self.valid.add(known)

    def order(self, record):
        """Keys come in one order. `schema` is in the first line of a stream only."""
        keys = [k for k in record if k != "schema"]
        if self.keys.setdefault(record["type"], keys) != keys:
            yield f"{record['type']}: keys in another order"


def sense(record):
    """What a schema cannot say."""
    if (record.get("ts") is None) != (record.get("ts_ns") is None or record["ts_ns"] < 0) and "ts" in record:
        yield "ts and ts_ns do not agree"
    if record["type"] != "connection":
        return
    for d in ("c2s", "s2c"):
        half = record[d]
        shares = [x for x in half["limits"].values() if x is not None]
        if shares and abs(sum(shares) - 1) > 1e-4 and record["duration_us"]:
            yield f"{d}.limits sum to {sum(shares)}"
        causes = [x for x in half["retransmissions"]["by_cause"].values() if x is not None]
        if half["retransmissions"]["total"] is not None and causes and sum(causes) != half["retransmissions"]["total"]:
            yield f"{d}.retransmissions.by_cause do not sum to total"
        for name in ("rtt_us",):
            dist = half[name]
            if dist["count"] and not dist["min"] <= dist["p50"] <= dist["p90"] <= dist["p99"] <= dist["max"]:
                yield f"{d}.{name} is no distribution: {dist}"


def run(*options):
    p = subprocess.run([PROGRAM, *options], capture_output=True, stdin=subprocess.DEVNULL, timeout=300)
    if p.returncode not in (0, 1, 3):
        raise RuntimeError(f"{' '.join(options)}: status {p.returncode}: {p.stderr[-300:]!r}")
    return p.returncode, p.stdout.decode("utf-8")


def stream(checker, capture):
    """Complaints about --jsonl of a capture; its connection records."""
    status, text = run("--jsonl", "--events", "all", "--hash", capture)
    complaints, connections, last, conns = [], [], None, set()
    lines = text.splitlines()
    if not lines and status == 1:
        return [], None
    for number, line in enumerate(lines, 1):
        record = json.loads(line, object_pairs_hook=pairs)
        last = record
        complaints += (f"line {number}: {c}" for f in (checker.check, checker.order, sense) for c in f(record))
        if (number == 1) != (record["type"] == "capture") or (number == 1) != ("schema" in record):
            complaints.append(f"line {number}: {record['type']}: the first line, and only that, is the capture's")
        if record["type"] == "connection":
            connections.append(record)
        conns.add(record.get("conn"))
    if not last or last["type"] != "summary":
        complaints.append("the last line is no summary")
    elif last["connections"] != len(connections) or last["findings"] != sum('"type":"finding"' in x[:20] for x in lines):
        complaints.append("the summary counts other records than there are")
    ended = {r["conn"] for r in connections}
    if len(ended) != len(connections) or conns - {None} - ended:
        complaints.append("not exactly one connection record for each number")
    return complaints, connections


def document(checker, capture, connections):
    """Complaints about --json: a document of the same connections."""
    _, text = run("--json", "--hash", capture)
    doc = json.loads(text, object_pairs_hook=pairs)
    complaints = []
    if list(doc) != ["schema", "connections", "findings", "capture", "summary"]:
        complaints.append(f"document of {list(doc)}")
    shell = {**doc, "connections": doc["connections"][:1], "findings": doc["findings"][:1]}
    complaints += (f"document: {c}" for c in checker.check(shell, "document"))
    complaints += (f"document: {c}" for r in doc["connections"] + doc["findings"] for c in checker.check(r))
    if doc["connections"] != connections:
        complaints.append("document: other connections than in the stream")
    return complaints


def table(capture, connections):
    """Complaints about --csv and --tsv: the same values in the same order."""
    def flat(value):
        for v in value.values():
            if isinstance(v, dict):
                yield from flat(v)
            elif isinstance(v, list):
                yield " ".join(map(str, v))
            else:
                yield "" if v is None else str(v).lower() if isinstance(v, bool) else v
    complaints = []
    for option, dialect in (("--csv", {}), ("--tsv", {"delimiter": "\t", "quoting": csv.QUOTE_NONE})):
        _, text = run(option, "--hash", capture)
        rows = list(csv.reader(io.StringIO(text), **dialect))
        if len(set(rows[0])) != len(rows[0]) or len(rows) != len(connections) + 1:
            complaints.append(f"{option}: {len(rows)} lines of {len(rows[0])} columns")
            continue
        for row, record in zip(rows[1:], connections):
            want = list(flat({k: v for k, v in record.items() if k != "type"}))
            got = [float(g) if isinstance(w, float) and g else g for g, w in zip(row, want)]
            if len(row) != len(want) or got != [w if isinstance(w, float) else str(w) for w in want]:
                complaints.append(f"{option}: connection {record['conn']} differs from its record")
                break
    return complaints


def captures():
    found = sorted(glob.glob(os.path.join(TOP, "samples", "*.pcap*")))
    found += sorted(x for x in glob.glob(os.path.join(SHARED, "captures", "dev", "*")) if os.path.isfile(x))
    for scenario in sorted(glob.glob(os.path.join(SHARED, "groundtruth", "dev", "*"))):
        found += sorted(glob.glob(os.path.join(scenario, "*.pcap*")))
    return [x for x in found if os.environ.get("RECORDS_ONLY", "") in x]


CHECKER = Checker()                     # each worker has its own


def judge(capture):
    """Complaints about a capture, and how many records it made."""
    before = CHECKER.records
    try:
        complaints, connections = stream(CHECKER, capture)
        if connections is not None:
            complaints += document(CHECKER, capture, connections) + table(capture, connections)
    except (RuntimeError, ValueError, subprocess.TimeoutExpired) as e:
        complaints = [str(e)]
    return complaints, CHECKER.records - before


def main():
    found, records, bad = captures(), 0, 0
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        for n, (capture, (complaints, made)) in enumerate(zip(found, pool.map(judge, found, chunksize=4)), 1):
            name = os.path.relpath(capture, TOP if capture.startswith(os.path.join(TOP, "samples")) else SHARED)
            records += made
            bad += bool(complaints)
            print("not ok" if complaints else "ok", n, "-", name)
            print("".join(f"# {c}\n" for c in complaints[:5]).encode("ascii", "backslashreplace").decode(), end="")
    if not found:
        print("not ok 1 - there are captures")
    print(f"# {records} records")
    print(f"1..{len(found) or 1}")
    return 1 if bad or not found else 0


sys.exit(main())
