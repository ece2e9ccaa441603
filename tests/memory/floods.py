"""--memory holds the whole process, whatever comes; what had to go is counted; connections that live survive those that
never come about. With --full (`make floods`): at the sizes of README.md, whose table --readme writes anew."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time

import tap

BUILD = os.environ["top_builddir"]
TOP = os.environ["top_srcdir"]
FULL = "--full" in sys.argv


def test(name, good, detail):
    return tap.test(name, good, detail, always=True)


class Peak(threading.Thread):
    """The most memory that a process had of its own (not pages of files), looked at 200 times a second."""

    def __init__(self, pid):
        super().__init__()
        self.pid, self.kb = pid, 0
        self.start()

    def run(self):
        try:
            while True:
                with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
                    sizes = [int(line.split()[1]) for line in f if line.startswith(("RssAnon:", "RssShmem:"))]
                if not sizes:  # it has ended
                    return
                self.kb = max(self.kb, sum(sizes))
                time.sleep(0.005)
        except (FileNotFoundError, ProcessLookupError):
            return


def run(memory_mb, kind, *options):
    """Peak in MB (2^20), exit status, output."""
    generator = subprocess.Popen([os.path.join(BUILD, "tests", "bench", "gen_capture"), *map(str, kind)],
                                 stdout=subprocess.PIPE)
    program = subprocess.Popen([os.path.join(BUILD, "tcpstat"), "--memory", f"{memory_mb}M", *options, "-"],
                               stdin=generator.stdout, stdout=subprocess.PIPE)
    generator.stdout.close()
    peak = Peak(program.pid)
    out = program.stdout.read()
    program.wait()
    peak.join()
    generator.wait()
    return peak.kb / 1024, program.returncode, out


def flood(memory_mb, what, kind, floods=True):
    """The summary of the run, and its peak in MB."""
    peak, status, out = run(memory_mb, kind, "--jsonl", "--events", "none")
    summary = json.loads(out.splitlines()[-1])
    counters = summary["counters"]
    test(f"{what} within {memory_mb} MB", status == 0 and 0 < peak <= memory_mb, f"peak {peak:.1f} MB")
    good = counters["no_memory"] == 0 and summary["connections"] == counters["connections"]
    test(f"{what}: what had to go is counted, and nothing is lost without a word",
         good and (not floods or counters["evicted"] > 0),
         f"{counters['connections']} connections, {counters['evicted']} ended early, {counters['no_memory']} packets lost")
    return summary, peak


def each_kb(what, *kind):
    """Memory of one of many connections: the difference that more of them make."""
    few, many = (run(4096, (what, n, *kind), "--jsonl", "--events", "none")[0] for n in (20000, 100000))
    return (many - few) * 1024 / 80000


# --memory in MB, what came, its kind, what went (of the summary), connections that must survive
SIZES = (
    (64, "10 million SYNs from as many addresses", ("flood", 10000000), "half-open connections", 0),
    (64, "2 million SYNs around 100 connections that exchange data", ("siege", 2000000),
     "of the SYNs; all 100 were followed to their close", 100),
    (1024, "1 million connections that fall silent after an exchange", ("idle", 1000000),
     "those silent for longest", 0),
    (32, "200 streams with a hole that never closes, 300 MB behind it", ("holes", 200000, 200),
     "streams that were silent for longest; bytes behind holes are told as gaps", 0),
)


def full(readme):
    rows = []
    for memory_mb, what, kind, went, survive in SIZES:
        summary, peak = flood(memory_mb, what, kind, floods=False)
        ended = summary["states"]["client"]["TIME-WAIT"]
        if survive:
            test(f"all {survive} survive it, to their close", ended == survive, ended)
        evicted = summary["counters"]["evicted"]
        size = f"{memory_mb // 1024}G" if memory_mb >= 1024 else f"{memory_mb}M"
        rows.append(f"| {what} | {size} | {peak:.0f} MB | {f'{evicted:,} ' if evicted else ''}"
                    f"{went if evicted or kind[0] == 'holes' else 'nothing'} |\n")
    rows.append(f"\nAn established connection that is idle takes {each_kb('idle'):.1f} kB, one that only showed a SYN "
                f"{each_kb('flood'):.1f} kB.\n")
    print("".join("# " + row if row.strip() else "#\n" for row in "".join(rows).splitlines(True)), end="")
    if readme:
        name = os.path.join(TOP, "README.md")
        with open(name, encoding="utf-8") as f:
            text = f.read()
        mark = re.compile(r"<!-- floods -->\n.*?<!-- /floods -->", re.S)
        head = ("<!-- floods -->\n| what came | `--memory` | peak of the process | what went |\n"
                "| --- | --- | --- | --- |\n")
        with open(name, "w", encoding="utf-8") as f:
            f.write(mark.sub(lambda _: head + "".join(rows) + "<!-- /floods -->", text))


def other_outputs():
    """Everything that grows beside the analysis counts, too."""
    with tempfile.TemporaryDirectory() as directory:
        for what, kind, options in (
                ("the report", ("idle", 40000), ()),
                ("every event", ("mice", 20000, 2000, 100), ("--jsonl", "--events", "all")),
                ("one document", ("idle", 40000), ("--json",)),
                ("a table with hashes", ("mice", 40000, 4000, 10), ("--csv", "--hash")),
                ("streams in files", ("mice", 3000, 3000, 10), ("--jsonl", "--extract", directory)),
                ("the flow graph of one of 200", ("holes", 100000, 200), ("--flow", "1"))):
            peak, status, _ = run(24, kind, *options)
            test(f"{what} within 24 MB", status == 0 and 0 < peak <= 24, f"peak {peak:.1f} MB, exit {status}")


def too_small():
    program = subprocess.run([os.path.join(BUILD, "tcpstat"), "--memory", "2M", "-"], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True)
    said = re.search(r"needs (\d+)M at least: .*the program.*connections", program.stderr)
    test("a size that is too small is refused, and what would do is said", program.returncode == 2 and said,
         program.stderr)
    if said:
        peak, status, _ = run(int(said[1]), ("flood", 300000))
        test("what it asks for is enough", status == 0 and 0 < peak <= int(said[1]), f"peak {peak:.1f} MB")


def main():
    if os.environ.get("sanitizers") == "yes":
        tap.skip_all("sanitizers take memory of their own")
        return
    if FULL:
        full("--readme" in sys.argv)
    else:
        flood(32, "2,000,000 SYNs", ("flood", 2000000))
        summary, _ = flood(64, "200,000 idle connections", ("idle", 200000))
        test("newcomers do not pay for those who are silent", summary["connections"] == 200000, summary["connections"])
        flood(64, "500,000 ACKs of nobody", ("acks", 500000))
        summary, _ = flood(64, "a flood around 100 connections", ("siege", 2000000))
        ended = summary["states"]["client"]["TIME-WAIT"]
        test("all 100 survive it, to their close", ended == 100, ended)
        flood(32, "holes that never close", ("holes", 300000, 200), floods=False)
        other_outputs()
        too_small()
    tap.done()


main()
