"""The whole program with faults (faulty.c), beside a pipe or in a terminal."""

import concurrent.futures
import fcntl
import os
import pty
import select
import struct
import subprocess
import tempfile
import termios
import time

TOP = os.environ["top_srcdir"]
PROGRAM = os.environ.get("FAULTY", os.path.join(os.environ["top_builddir"], "tests", "fault", "faulty"))

SAMPLE = os.path.join(TOP, "samples", "refused.pcap")
LOSS = os.path.join(TOP, "samples", "mixed.pcap")
PACKED = os.path.join(TOP, "samples", "loss-before-capture.pcap.gz")
MODES = {"report": [LOSS], "report of a gzip file": [PACKED], "several files": [SAMPLE, LOSS], "filter": [LOSS, "port 80"],
         "conn": ["--conn", "5", LOSS], "flow": ["--flow", "5", LOSS], "follow": ["--follow", "5", LOSS],
         "json": ["--json", LOSS], "jsonl": ["--jsonl", "--events", "all", SAMPLE], "hash": ["--jsonl", "--hash", LOSS],
         "csv": ["--csv", LOSS]}


def environment(faults):
    return dict(os.environ, **{k: str(v) for k, v in faults.items()})


def run(arguments, stdin=subprocess.DEVNULL, **faults):
    """Status, output, messages."""
    p = subprocess.run([PROGRAM, *arguments], stdin=stdin, capture_output=True, timeout=60, env=environment(faults))
    return p.returncode, p.stdout, p.stderr


def in_terminal(arguments, keys, **faults):
    """The same in a terminal, and whether that is as it was before."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    before, out = termios.tcgetattr(slave), []
    with tempfile.TemporaryFile() as messages:
        p = subprocess.Popen([PROGRAM, "--tui", *arguments], stdin=slave, stdout=slave, stderr=messages,
                             env=environment({"TERM": "xterm-256color", "FAULT_KEYS": keys, **faults}))
        until = time.monotonic() + 60
        while p.poll() is None and time.monotonic() < until:
            if select.select([master], [], [], 0.02)[0]:
                out.append(os.read(master, 1 << 16))
        if p.poll() is None:
            p.kill()
            p.wait()
        while select.select([master], [], [], 0)[0]:
            out.append(os.read(master, 1 << 16))
        messages.seek(0)
        result = p.returncode, b"".join(out), messages.read()
    same = termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)
    return result, same


def is_foreign(got):
    """A crash of a library that does not look at each of its own allocations: libpcap 1.10 while it compiles a filter,
    ncurses 6.4. SECURITY.md names the calls."""
    libraries = (b"libpcap", b"libtinfo", b"libncurses")
    return got[0] < 0 and any(b"crash in " + name in got[2] for name in libraries)


def dishonest(status, err):
    """A status that is none, or says that something went wrong while no message says what; None: neither."""
    if status < 0 or status > 4:
        return f"status {status}: {err[-300:]}"
    if status in (1, 3) and not err.strip():
        return f"status {status} without a message"
    return None


def count_allocations(go):
    """What `go` returns without a fault, and how many allocations it takes."""
    with tempfile.NamedTemporaryFile() as f:
        whole = go(FAULT_COUNT=f.name)
        return int(f.read()), whole


def each_fails(count, go, step=1):
    """Of each of so many allocations, or of every step-th: what is wrong when it fails, and all after it."""
    faults = [f"{at}{after}" for at in range(1, count + 1, step) for after in ("", "+")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = list(pool.map(lambda fault: go(FAULT_MEMORY=fault), faults))
    return [f"allocation {fault}: {problem}" for fault, problem in zip(faults, problems) if problem]
