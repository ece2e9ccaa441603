"""Memory follows the connections that are alive, not the length of the capture; what each of them takes."""

import os
import subprocess
import sys
import tempfile

import tap

sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "bench"))
import bench  # noqa: E402

BUILD = os.environ["top_builddir"]
LIMIT_MB = 100
ANONYMOUS_MB = 40
# bytes a connection: half-open, idle after an exchange
EACH = {"flood": 512, "idle": 2048}


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


def anonymous(*arguments):
    """Peak anonymous memory of a report on a capture so generated, bytes; None if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "capture.pcap")
        bench.generate(path, arguments)
        run = bench.Run([os.path.join(BUILD, "tcpstat"), path])
        return run.anonymous if run.status == 0 else None


def test(name, good, detail):
    tap.test(name, good, detail, always=True)


def main():
    if os.environ.get("sanitizers") == "yes":
        tap.skip_all("sanitizers take memory of their own")
        return
    for what, options in (("text", ()), ("--jsonl", ("--jsonl",))):
        peak = peak_mb(100000, 10, *options)
        test(f"{what}: 100,000 connections within {LIMIT_MB} MB", peak is not None and peak < LIMIT_MB,
             f"peak {peak} MB")
        # Over 2 and 20 minutes: what is in TIME-WAIT is the same crowd in both.
        short, long = peak_mb(20000, 300, *options), peak_mb(200000, 300, *options)
        test(f"{what}: ten times as long, no more memory", short and long and long <= short * 1.05,
             f"20,000 connections: peak {short} MB; 200,000: {long} MB")
    for arguments in (("mice", 20000), ("-s", 200, "elephants", 300000)):
        peak = anonymous(*arguments)
        test(f"{arguments[-2]}: within {ANONYMOUS_MB} MB", peak and peak < ANONYMOUS_MB << 20, f"peak {peak} bytes")
    for kind, limit in EACH.items():
        few, many = anonymous(kind, 20000), anonymous(kind, 120000)
        each = (many - few) / 100000 if few and many else None
        test(f"{kind}: a connection within {limit} bytes", each is not None and each <= limit, f"{each} bytes each")
    tap.done()


main()
