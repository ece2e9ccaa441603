"""Memory follows the connections that are alive, not the length of the capture."""

import os
import subprocess

BUILD = os.environ["top_builddir"]
LIMIT_MB = 100


def peak_mb(connections, gap_us, *options):
    """Peak resident size of tcpstat on so many connections of 20 packets, 2,000 at a time; None if it failed."""
    generator = subprocess.Popen([os.path.join(BUILD, "tests", "bench", "gen_capture"), "mice", str(connections), "2000", str(gap_us)],
                                 stdout=subprocess.PIPE)
    program = subprocess.Popen([os.path.join(BUILD, "tcpstat"), *options, "-"], stdin=generator.stdout,
                               stdout=subprocess.DEVNULL)
    generator.stdout.close()
    _, status, usage = os.wait4(program.pid, 0)
    generator.wait()
    return usage.ru_maxrss / 1024 if status == 0 else None


def test(number, name, good, detail):
    print("ok" if good else "not ok", number, "-", name)
    print("#", detail)


def main():
    print("1..4")
    if os.environ.get("sanitizers") == "yes":
        for number in range(1, 5):
            print("ok", number, "# SKIP sanitizers take memory of their own")
        return
    number = 0
    for what, options in (("text", ()), ("--jsonl", ("--jsonl",))):
        number += 1
        peak = peak_mb(100000, 10, *options)
        test(number, f"{what}: 100,000 connections within {LIMIT_MB} MB", peak is not None and peak < LIMIT_MB,
             f"peak {peak} MB")
        number += 1
        # Over 2 and 20 minutes: what is in TIME-WAIT is the same crowd in both.
        short, long = peak_mb(20000, 300, *options), peak_mb(200000, 300, *options)
        test(number, f"{what}: ten times as long, no more memory", short and long and long <= short * 1.05,
             f"20,000 connections: peak {short} MB; 200,000: {long} MB")


main()
