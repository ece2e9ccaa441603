"""Without memory, what reads records (--merge) and what writes files (--extract, -w): each allocation fails in turn, the
libraries' included, and then all from there on. No crash; what comes out with status 0 is what comes out with memory;
otherwise there is a message, lines are whole, and files hold nothing else than they would."""

import json
import os
import subprocess
import tempfile

import tap
from faults import TOP, count_allocations, each_fails, run
from tap import test

TCPSTAT = os.path.join(os.environ["top_builddir"], "tcpstat")
SHARDED = os.path.join(TOP, "samples", "refused.pcap")
LOSS = os.path.join(TOP, "samples", "loss-before-capture.pcap.gz")


def is_whole(out, as_lines):
    """Lines that are records; a document may end too early."""
    try:
        return not as_lines or (not out or out.endswith(b"\n")) and all(json.loads(line) for line in out.splitlines())
    except ValueError:
        return False


def judge_join(got, whole, as_lines):
    """What is wrong, or None."""
    status, out, err = got
    if got == whole:
        return None
    if status != 1 or not err.strip():
        return f"status {status}, {len(out)} bytes of {len(whole[1])}: {err[-300:]}"
    return None if is_whole(out, as_lines) else f"status {status}, cut lines: ...{out[-100:]}"


def join():
    for form in ("--jsonl", "--json"):
        with tempfile.TemporaryDirectory() as folder:
            shards = [os.path.join(folder, k) for k in "12"]
            for k, path in enumerate(shards, 1):
                with open(path, "wb") as f:
                    subprocess.run([TCPSTAT, "--shard", f"{k}/2", form, SHARDED], stdout=f, check=True)
            count, whole = count_allocations(lambda **faults: run(["--merge", *shards], **faults))
            bad = each_fails(count, lambda **faults: judge_join(run(["--merge", *shards], **faults), whole, form == "--jsonl"))
            test(f"--merge {form}: each of {count} allocations fails, and all after it",
                 whole[0] == 0 and whole[1] and not bad, f"{len(bad)} problems", *bad[:8])


def written(option, name, **faults):
    """Status, output, messages, and the files by name."""
    with tempfile.TemporaryDirectory() as folder:
        result = run([option, os.path.join(folder, name), LOSS], **faults)
        files = {}
        for root, _, names in os.walk(folder):
            for file in names:
                with open(os.path.join(root, file), "rb") as f:
                    files[file] = f.read()
    return result[0], result[1].replace(folder.encode(), b"FOLDER"), result[2], files


def judge_files(got, whole, ascii):
    status, out, err, files = got
    if status == whole[0] and files == whole[3] and (out in (whole[1], ascii[1]) or b"out of memory" in out):
        return None
    if status not in (0, 1, 3) or (not err.strip() and b"out of memory" not in out):
        return f"status {status}, {sorted(files)}, no message"
    # What the analysis lost may make another connection of the rest.
    wrong = [name for name, bytes in files.items() if not name.endswith((".jsonl", ".json")) and
             not any(bytes in known for known in whole[3].values())]
    return f"status {status}, {err[-200:]}: not part of what they would be: {wrong}" if wrong else None


def files():
    for option, name in (("--extract", "streams"), ("-w", "copy.pcap")):
        count, whole = count_allocations(lambda **faults: written(option, name, **faults))
        ascii = written(option, name, LC_ALL="C")
        bad = each_fails(count, lambda **faults: judge_files(written(option, name, **faults), whole, ascii))
        test(f"{option}: each of {count} allocations fails, and all after it", whole[0] == 0 and whole[3] and not bad,
             f"{len(bad)} problems", *bad[:8])


if os.environ.get("sanitizers") == "yes":
    tap.skip_all("sanitizers have allocators of their own")
else:
    files()
    join()
    tap.done()
