"""Input that ends or fails in the middle, output that cannot be written, readers that go, signals: an honest exit status,
a message where it failed, no sanitizer report, and what was written before is valid."""

import csv
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import tap
from tap import test

TOP = os.environ["top_srcdir"]
PROGRAM = os.path.join(os.environ["top_builddir"], "tcpstat")
GENERATOR = os.path.join(os.environ["top_builddir"], "tests", "bench", "gen_capture")
SAMPLE = os.path.join(TOP, "samples", "mixed.pcap")
REPORT = re.compile(rb"ERROR: [A-Za-z]+Sanitizer|runtime error:")
MODES = {"report": [], "conn": ["--conn", "1"], "flow": ["--flow", "1"], "follow": ["--follow", "1"], "json": ["--json"],
         "jsonl": ["--jsonl", "--events", "all"], "csv": ["--csv"]}


def run(arguments, **options):
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([PROGRAM, *arguments], stderr=subprocess.PIPE, timeout=60, stdin=subprocess.DEVNULL, **options)


def clean(p):
    return p.returncode >= 0 and not REPORT.search(p.stderr)


def valid_lines(out):
    """Every line is JSON, the last one is whole."""
    try:
        return out.endswith(b"\n") and all(json.loads(line) for line in out.splitlines())
    except ValueError:
        return False


def valid(name, out):
    """What a mode wrote, though the input ended early: whole, and what it claims to be."""
    if name.startswith("json"):
        try:
            return valid_lines(out) if name == "jsonl" else bool(json.loads(out))
        except ValueError:
            return False
    if name == "csv":
        widths = {len(row) for row in csv.reader(out.decode().splitlines())}
        return len(widths) == 1 and out.endswith(b"\n")
    return out.endswith(b"\n")


def shards(folder):
    """The files of a sample's two shards, and arguments that join them."""
    names = []
    for k in ("1/2", "2/2"):
        names.append(os.path.join(folder, f"{k[0]}.jsonl"))
        with open(names[-1], "wb") as out:
            run(["--jsonl", "--shard", k, SAMPLE], stdout=out)
    return ["--merge", *names]


def full_disk():
    with tempfile.TemporaryDirectory() as folder:
        with open("/dev/full", "wb") as full:
            p = run(shards(folder), stdout=full)
        test("merge to a full disk: status 1 and a message", clean(p) and p.returncode == 1 and p.stderr.strip(),
             (p.returncode, p.stderr))
    for name, options in MODES.items():
        with open("/dev/full", "wb") as full:
            p = run([*options, SAMPLE], stdout=full)
        test(f"{name} to a full disk: status 1 and a message", clean(p) and p.returncode == 1 and p.stderr.strip(),
             (p.returncode, p.stderr))
    p = run(["-w", "/dev/full", SAMPLE])
    test("-w to a full disk: status 1", clean(p) and p.returncode == 1 and p.stderr.strip(), (p.returncode, p.stderr))


def streams_that_do_not_fit():
    """A limit of file sizes stands for a disk that fills up: the files written in the background hit it."""
    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200000, 200000))

    with tempfile.TemporaryDirectory() as folder:
        capture, streams = os.path.join(folder, "elephants.pcap"), os.path.join(folder, "streams")
        with open(capture, "wb") as out:
            subprocess.run([os.path.join(os.environ["top_builddir"], "tests", "bench", "gen_capture"), "elephants",
                            "20000"], stdout=out, check=True)
        p = run(["--extract", streams, capture], preexec_fn=small_files)
        test("a stream that cannot be written: status 1, and its file is named", clean(p) and p.returncode == 1 and
             re.search(rb"/streams/[0-9]+\.(c2s|s2c)\.part: File too large", p.stderr), (p.returncode, p.stderr))
        with open(os.path.join(streams, "index.jsonl"), "rb") as index:
            listed = [json.loads(line)["file"] for line in index]
        test("only what was written is listed", all(os.path.exists(os.path.join(streams, f)) for f in listed), listed)


def closed_pipe():
    for name, options in MODES.items():
        read, write = os.pipe()
        os.close(read)
        p = run([*options, SAMPLE], stdout=write)
        os.close(write)
        test(f"{name} into a closed pipe: no error", clean(p) and p.returncode == 0, (p.returncode, p.stderr))
    read, write = os.pipe()
    os.close(read)
    p = run(["-w", "-", SAMPLE], stdout=write)
    test("-w into a closed pipe: status 1, told once", clean(p) and p.returncode == 1 and
         p.stderr.count(b"cannot be written") == 1, (p.returncode, p.stderr))
    with tempfile.TemporaryDirectory() as folder:
        p = run(shards(folder), stdout=write)
    os.close(write)
    test("merge into a closed pipe: no error", clean(p) and p.returncode == 0, (p.returncode, p.stderr))


def cut_input():
    with open(SAMPLE, "rb") as f:
        whole = f.read()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cut.pcap")
        bad = []
        for size in list(range(0, 120)) + list(range(120, len(whole), len(whole) // 40)):
            with open(path, "wb") as f:
                f.write(whole[:size])
            p = run(["--jsonl", path])
            allowed = {1, 3} if size < 24 else {0, 3}
            if not clean(p) or p.returncode not in allowed or (size >= 24 and not valid_lines(p.stdout)):
                bad.append((size, p.returncode, p.stderr[:200]))
        test("files cut anywhere", not bad, bad[:5])


def cut_input_in_every_mode():
    with open(SAMPLE, "rb") as f:
        whole = f.read()
    with tempfile.TemporaryDirectory() as folder:
        path, copy, streams = (os.path.join(folder, name) for name in ("cut.pcap", "copy.pcap", "streams"))
        sizes = [1000 + i * len(whole) // 10 for i in range(9)]
        for name, options in {**MODES, "write": ["-w", copy], "extract": ["--extract", streams]}.items():
            bad = []
            for size in sizes:
                with open(path, "wb") as f:
                    f.write(whole[:size])
                p = run([*options, path])
                # of a connection that is not in it, there is nothing to show
                if not clean(p) or p.returncode not in {0, 3} or (p.stdout and not valid(name, p.stdout)):
                    bad.append((size, p.returncode, p.stderr[:200], p.stdout[-200:]))
                if name == "write" and run(["--jsonl", copy]).returncode:
                    bad.append((size, "what was written cannot be read"))
                shutil.rmtree(streams, ignore_errors=True)
            test(f"{name}: files cut in the middle", not bad, bad[:3])


def cut_shards():
    with tempfile.TemporaryDirectory() as folder:
        merge, bad = shards(folder), []
        with open(merge[1], "rb") as f:
            whole = f.read()
        for size in range(0, len(whole), len(whole) // 60):
            with open(merge[1], "wb") as f:
                f.write(whole[:size])
            p = run(merge)
            if not clean(p) or p.returncode not in {1, 3} or not p.stderr.strip() or \
                    (p.stdout and not valid_lines(p.stdout)):
                bad.append((size, p.returncode, p.stderr[:200]))
        test("merge: a shard cut anywhere is told", not bad, bad[:3])


def unreadable():
    p = run(["/proc/self/mem"])
    test("a file whose first read fails: status 1", clean(p) and p.returncode == 1 and p.stderr.strip(),
         (p.returncode, p.stderr))
    p = run([TOP])
    test("a folder: status 1", clean(p) and p.returncode == 1 and p.stderr.strip(), (p.returncode, p.stderr))


def slow_input():
    """One byte a write: the reader sees as many short reads."""
    with open(SAMPLE, "rb") as f:
        head = f.read(3000)
    p = subprocess.Popen([PROGRAM, "--jsonl", "--events", "all", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    for byte in head:
        os.write(p.stdin.fileno(), bytes([byte]))
    out, err = p.communicate(timeout=60)
    test("input in single bytes", p.returncode == 3 and valid_lines(out) and not REPORT.search(err), (p.returncode, err))


def signals():
    for sig in (signal.SIGINT, signal.SIGTERM):
        bad = []
        for delay_ms in (30, 60, 120):
            with open(SAMPLE, "rb") as f:
                head = f.read(20000)
            p = subprocess.Popen([PROGRAM, "--jsonl", "--events", "all", "-"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
            os.write(p.stdin.fileno(), head)
            # it handles signals from its first record on
            first = p.stdout.readline()
            time.sleep(delay_ms / 1000)
            p.send_signal(sig)
            out, err = p.communicate(timeout=60)
            if p.returncode not in (0, 3) or not valid_lines(first + out) or REPORT.search(err):
                bad.append((delay_ms, p.returncode, err[:300]))
        test(f"{sig.name} ends the input, not the output", not bad, bad)
    for name, options in MODES.items():
        if name in ("jsonl", "follow"):
            continue
        told = None
        for delay_ms in (200, 800, 3000):  # it handles signals once it is set up: later on a slow machine
            p = subprocess.Popen([PROGRAM, *options, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, bufsize=0)
            os.write(p.stdin.fileno(), head)
            time.sleep(delay_ms / 1000)
            p.send_signal(signal.SIGINT)
            out, err = p.communicate(timeout=60)
            told = delay_ms, p.returncode, err[:300], out[-200:]
            if p.returncode != -signal.SIGINT:
                break
        bad = [] if p.returncode in (0, 3) and out and valid(name, out) and not REPORT.search(err) else [told]
        test(f"{name}: SIGINT ends the input, not the output", not bad, bad)


def input_that_goes():
    """A file becomes shorter while it is read. The output is read only afterwards: the program stands still before it
    comes so far."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mice.pcap")
        for name, options, tails in (("every event", ["--events", "all"], (0, 1, 100)), ("connections", [], (57,))):
            for tail in tails:
                with open(path, "wb") as f:
                    subprocess.run([GENERATOR, "mice", "3000", "100"], stdout=f, check=True)
                end = os.path.getsize(path) * 7 // 8 + tail
                p = subprocess.Popen([PROGRAM, "--jsonl", *options, path], stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, bufsize=0)
                first = p.stdout.readline()
                os.truncate(path, end)
                out, err = p.communicate(timeout=120)
                told = re.search(rb"packet (\d+): the file became shorter while it was read", err)
                try:
                    packets = json.loads(out.splitlines()[-1])["packets"]
                except (ValueError, KeyError, IndexError):
                    packets = None
                with open(path, "rb") as f:
                    whole = run(["--jsonl", path]).stdout.splitlines()
                expected = json.loads(whole[-1])["packets"]
                test(f"{name}: a file that becomes shorter, by an eighth less {tail}: what is left is told, status 3",
                     p.returncode == 3 and told and not REPORT.search(err) and valid_lines(first + out) and
                     packets == expected == int(told[1]) - 1, (p.returncode, err, packets, expected))


def input_that_grows():
    """The second half is written while the program stands still in the first."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mice.pcap")
        whole = subprocess.run([GENERATOR, "mice", "3000", "100"], stdout=subprocess.PIPE, check=True).stdout
        with open(path, "wb") as f:
            f.write(whole[:len(whole) // 2])
            f.flush()
            p = subprocess.Popen([PROGRAM, "--jsonl", "--events", "all", path], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, bufsize=0)
            first = p.stdout.readline()
            f.write(whole[len(whole) // 2:])
        out, err = p.communicate(timeout=120)
        expected = run(["--jsonl", "--events", "all", path]).stdout
        test("a file that becomes longer is read to its end", p.returncode == 0 and not err and first + out == expected,
             (p.returncode, err, len(first + out), len(expected)))


full_disk()
streams_that_do_not_fit()
closed_pipe()
cut_input()
cut_input_in_every_mode()
cut_shards()
unreadable()
slow_input()
signals()
input_that_goes()
input_that_grows()
tap.done()
