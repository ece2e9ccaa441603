"""With sanitizers: allocations of the program fail (those of libraries do not), one at a time and all from there on, in
every mode; nothing is leaked, nothing is touched that is freed. Of many allocations a sample, the same each time."""

import os
import subprocess
import tempfile

import tap
from faults import LOSS, MODES, PACKED, PROGRAM, count_allocations, each_fails, in_terminal, run
from tap import test

MOST = 60       # allocations of a mode
TCPSTAT = os.path.join(os.environ["top_builddir"], "tcpstat")
ALL = {**MODES, "explain-diff": ["--explain-diff", "100", LOSS]}
REPORTS = (b"Sanitizer", b"runtime error")


def judge(status, err):
    """What is wrong, or None."""
    if 0 <= status <= 4 and not any(report in err for report in REPORTS):
        return None
    at = min([err.find(report) for report in REPORTS if report in err], default=0)
    return f"status {status}: {err[at:at + 1500].decode(errors='replace')}"


def sample(name, go):
    """`go` returns status and messages."""
    count, whole = count_allocations(go)
    step = max(1, count // MOST)
    bad = each_fails(count, lambda **faults: judge(*go(**faults)), step)
    test(f"{name}: of {count} allocations every {step}th fails, and all after it", judge(*whole) is None and not bad,
         f"{len(bad)} problems", *bad[:3])


def plain(arguments):
    return lambda **faults: run(arguments, **faults)[::2]


def files(option, name):
    def go(**faults):
        with tempfile.TemporaryDirectory() as folder:
            return run([option, os.path.join(folder, name), PACKED], **faults)[::2]
    return go


def screen(**faults):
    (status, _, err), _ = in_terminal([LOSS], "n\nnez:10\n/SYN\nrfs3vvv+d0n4xd/a\nn56G?q1qqq", **faults)
    return status, err


def main():
    for name, arguments in ALL.items():
        sample(name, plain(arguments))
    sample("extract", files("--extract", "streams"))
    sample("write", files("-w", "copy.pcap"))
    with tempfile.TemporaryDirectory() as folder:
        for form in ("--jsonl", "--json"):
            shards = [os.path.join(folder, form + k) for k in "12"]
            for k, path in enumerate(shards, 1):
                with open(path, "wb") as f:
                    subprocess.run([TCPSTAT, "--shard", f"{k}/2", form, PACKED], stdout=f, check=True)
            sample(f"merge {form}", plain(["--merge", *shards]))
    sample("screen", screen)


if os.environ.get("sanitizers") != "yes":
    tap.skip_all("needs a build with sanitizers")
elif not os.access(PROGRAM, os.X_OK):
    tap.skip_all(f"{PROGRAM} is missing")
else:
    main()
    tap.done()
