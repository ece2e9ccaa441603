"""Every capture of ../shared/captures: no crash, no sanitizer report, the exit status that the file deserves, and as many
connections as tshark counts streams, unless differences.tsv says why not.

differences.tsv: file, what (`connections` or `exit`), tshark's figure (for `exit` the status expected by its verdict),
ours, reason. An entry that is no longer true fails as an unlisted difference does.

    captures.py [--list]        --list prints the differences as lines for differences.tsv, without a reason
"""

import collections
import concurrent.futures
import csv
import json
import os
import re
import subprocess
import sys

TOP = os.environ.get("top_srcdir", ".")
PROGRAM = os.path.join(os.environ.get("top_builddir", "."), "tcpstat")
SHARED = os.environ.get("TCPSTAT_SHARED", os.path.join(TOP, "..", "shared"))
FOLDER = os.path.join(SHARED, "captures")
LISTED = os.path.join(TOP, "tests", "captures", "differences.tsv")
REPORT = re.compile(rb"ERROR: [A-Za-z]+Sanitizer|runtime error:")

Run = collections.namedtuple("Run", "status out err")


def run(*arguments):
    """One run of the program. Status 124: it did not end in time."""
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:allocator_may_return_null=1", UBSAN_OPTIONS="print_stacktrace=1")
    try:
        p = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=240, env=environment)
        return Run(p.returncode, p.stdout, p.stderr)
    except subprocess.TimeoutExpired as e:
        return Run(124, e.stdout or b"", e.stderr or b"")


def expected_exit(row):
    """What the exit contract asks for where tshark could or could not read on."""
    if row["tshark_rc"] == "0":
        return {0}
    # Damaged: 3 with what could be read; 1 where the header already cannot be.
    return {1, 3} if row["packets"] in ("0", "1") else {3}


def check_records(out, problems):
    """The number of connections, from the lines."""
    connections = 0
    for number, line in enumerate(out.splitlines(), 1):
        try:
            record = json.loads(line)
        except ValueError as e:
            problems.append(f"line {number} is not JSON: {e}")
            return None
        connections += record.get("type") == "connection"
    return connections


def check_text(out, problems):
    """Text is UTF-8 without control characters, whatever the packets carry."""
    try:
        text = out.decode("utf-8")
    except UnicodeDecodeError as e:
        problems.append(f"text is not UTF-8: {e}")
        return
    bad = re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    if bad:
        problems.append(f"control character {bad.group()!r} in the text: {text[max(0, bad.start() - 40):bad.end()]!r}")


def check_file(row):
    """(problems, differences {what: (theirs, ours)})"""
    path = os.path.join(FOLDER, "dev", row["file"])
    text, lines = run(path), run("--jsonl", "--events", "all", "--hash", path)
    problems, differences = [], {}
    for name, r in (("text", text), ("--jsonl", lines)):
        if r.status < 0 or r.status == 124 or REPORT.search(r.err):
            problems.append(f"{name}: exit status {r.status}\n" + r.err.decode(errors="replace")[:4000])
        if r.status in (1, 3) and not r.err.strip():
            problems.append(f"{name}: exit status {r.status} without a message")
    check_text(text.out, problems)
    connections = check_records(lines.out, problems)
    if text.status != lines.status:
        problems.append(f"exit status {text.status}, with --jsonl {lines.status}")
    want = expected_exit(row)
    if text.status not in want:
        differences["exit"] = ("|".join(map(str, sorted(want))), str(text.status))
    if connections is not None and str(connections) != row["streams_direct"]:
        differences["connections"] = (row["streams_direct"], str(connections))
    return problems, differences


def rows_of(path):
    with open(path, encoding="utf-8") as f:
        return list(csv.DictReader((line for line in f if not line.startswith("#")), delimiter="\t", quoting=csv.QUOTE_NONE))


def judge(row, result, listed):
    """The problems of a file in words, listed differences taken away from `listed`."""
    problems, differences = result
    problems = list(problems)
    for what, (theirs, ours) in differences.items():
        entry = listed.pop((row["file"], what), None)
        if entry is None:
            problems.append(f"{what}: {theirs} by tshark, ours {ours}, and differences.tsv does not say why")
        elif (entry["tshark"], entry["ours"]) != (theirs, ours):
            problems.append(f"{what}: {theirs} by tshark, ours {ours}; differences.tsv has {entry['tshark']} and {entry['ours']}")
    return problems


def main():
    if not os.path.isdir(os.path.join(FOLDER, "dev")):
        print("1..0 # SKIP ../shared/captures is not there")
        return
    rows = rows_of(os.path.join(FOLDER, "MANIFEST.tsv"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(check_file, rows))
    if "--list" in sys.argv:
        for row, (_, differences) in zip(rows, results):
            for what, (theirs, ours) in differences.items():
                print(row["file"], what, theirs, ours, "", sep="\t")
        return
    listed = {(r["file"], r["what"]): r for r in rows_of(LISTED)}
    n = 0
    for n, (row, result) in enumerate(zip(rows, results), 1):
        problems = judge(row, result, listed)
        print("not ok" if problems else "ok", n, "-", row["file"])
        for p in problems:
            print("# " + p.replace("\n", "\n# "))
    for file, what in listed:
        n += 1
        print("not ok", n, "-", file, what, "is listed in differences.tsv, but is no difference")
    print(f"1..{n}")


main()
