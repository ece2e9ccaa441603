"""--memory holds whatever comes; what had to go is counted; connections that live survive those that never come about."""

import json
import os
import subprocess

BUILD = os.environ["top_builddir"]
MARGIN_MB = 24                          # of the program beside connections: code, buffers, the report
count = 0


def test(name, good, detail):
    global count
    count += 1
    print("ok" if good else "not ok", count, "-", name)
    print("#", detail)


def run(memory_mb, *kind):
    """Peak resident size in MB, and the summary of the run."""
    generator = subprocess.Popen([os.path.join(BUILD, "tests", "bench", "gen_capture"), *map(str, kind)],
                                 stdout=subprocess.PIPE)
    program = subprocess.Popen([os.path.join(BUILD, "tcpstat"), "--memory", f"{memory_mb}M", "--jsonl", "--events", "none",
                                "-"], stdin=generator.stdout, stdout=subprocess.PIPE)
    generator.stdout.close()
    summary = json.loads(program.stdout.read().splitlines()[-1])
    _, status, usage = os.wait4(program.pid, 0)
    generator.wait()
    return (usage.ru_maxrss / 1024 if status == 0 else 1e9), summary


def flood(memory_mb, what, *kind):
    peak, summary = run(memory_mb, *kind)
    counters = summary["counters"]
    test(f"{what} within {memory_mb} MB", peak < memory_mb + MARGIN_MB, f"peak {peak:.0f} MB")
    test(f"{what}: what had to go is counted, and nothing is lost without a word",
         counters["evicted"] > 0 and counters["no_memory"] == 0 and summary["connections"] == counters["connections"],
         f"{summary['connections']} connections, {counters['evicted']} ended early, {counters['no_memory']} packets lost")
    return summary


def main():
    if os.environ.get("sanitizers") == "yes":
        print("1..0 # SKIP sanitizers take memory of their own")
        return
    flood(32, "2,000,000 SYNs", "flood", 2000000)
    summary = flood(64, "200,000 idle connections", "idle", 200000)
    test("newcomers do not pay for those who are silent", summary["connections"] == 200000, summary["connections"])
    flood(64, "500,000 ACKs of nobody", "acks", 500000)
    summary = flood(64, "a flood around 100 connections", "siege", 2000000)
    ended = summary["states"]["client"]["TIME-WAIT"]
    test("all 100 survive it, to their close", ended == 100, ended)
    peak, summary = run(32, "holes", 300000, 200)
    test("holes that never close within 32 MB", peak < 32 + MARGIN_MB, f"peak {peak:.0f} MB")
    print(f"1..{count}")


main()
