"""--jsonl as a stream: lines come while the input goes on, a reader that goes away ends it, and it costs little."""

import json
import os
import queue
import resource
import struct
import subprocess
import tempfile
import threading

import tap
from tap import test

BUILD = os.environ["top_builddir"]
PROGRAM = os.path.join(BUILD, "tcpstat")
GENERATOR = os.path.join(BUILD, "tests", "bench", "gen_capture")
PATIENCE_S = 20


def generate(connections):
    return subprocess.run([GENERATOR, "mice", str(connections)], stdout=subprocess.PIPE, check=True).stdout


def packets(pcap):
    """The file header, and each packet with its own."""
    at, parts = 24, [pcap[:24]]
    while at < len(pcap):
        end = at + 16 + struct.unpack("<I", pcap[at + 8:at + 12])[0]
        parts.append(pcap[at:end])
        at = end
    return parts


class Lines:
    """The lines that a program prints, with patience but not for ever."""

    def __init__(self, pipe):
        self.queue = queue.Queue()
        threading.Thread(target=self.read, args=(pipe,), daemon=True).start()

    def read(self, pipe):
        for line in pipe:
            self.queue.put(json.loads(line))
        self.queue.put(None)

    def until(self, wanted):
        """The first record that `wanted` likes; None if the program ends, or nothing comes."""
        try:
            while True:
                record = self.queue.get(timeout=PATIENCE_S)
                if record is None or wanted(record):
                    return record
        except queue.Empty:
            return None


def states(who, state):
    return lambda r: r["type"] == "state" and (r["endpoint"], r["to"]) == (who, state)


def from_a_pipe(parts):
    p = subprocess.Popen([PROGRAM, "--jsonl", "--events", "all", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    lines = Lines(p.stdout)
    p.stdin.write(b"".join(parts[:4]))
    p.stdin.flush()
    early = lines.until(states("server", "ESTABLISHED"))
    p.stdin.write(b"".join(parts[4:]))
    p.stdin.close()
    late = lines.until(lambda r: r["type"] == "summary")
    test("lines come while a pipe is open", early, early)
    test("the summary comes at the end of a pipe", late and late["packets"] == len(parts) - 1 and p.wait() == 0, late)


def from_a_growing_file(parts):
    with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
        f.write(parts[0] + parts[1])
        f.flush()
        p = subprocess.Popen([PROGRAM, "--jsonl", "--events", "all", "--tail", f.name], stdout=subprocess.PIPE,
                             stdin=subprocess.DEVNULL)
        lines = Lines(p.stdout)
        test("lines come with the first packet of a growing file", lines.until(states("client", "SYN-SENT")))
        f.write(parts[2])
        f.flush()
        test("and with the next", lines.until(states("client", "ESTABLISHED")))
        p.terminate()
        test("the summary comes when it is told to end", lines.until(lambda r: r["type"] == "summary"))
        p.wait()


def to_nobody(option, pcap):
    """The reader reads a little and goes."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(pcap)
        f.flush()
        p = subprocess.Popen([PROGRAM, option, "--events", "all", f.name] if option == "--jsonl" else [PROGRAM, option, f.name],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.stdout.read(100)
        p.stdout.close()
        complaint = p.stderr.read()
        test(f"{option}: a reader that goes away is no error", p.wait() == 0 and not complaint, f"{p.returncode} {complaint}")


def to_a_full_disk(pcap):
    with open("/dev/full", "wb") as full:
        p = subprocess.run([PROGRAM, "--jsonl", "-"], input=pcap, stdout=full, stderr=subprocess.PIPE)
    test("a full disk is an error", p.returncode == 1 and p.stderr, f"{p.returncode} {p.stderr}")


def cpu_s(pcap, *options):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.NamedTemporaryFile() as f:
        f.write(pcap)
        f.flush()
        subprocess.run([PROGRAM, *options, f.name], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cost(pcap):
    if os.environ.get("sanitizers") == "yes":
        return
    text, jsonl = (min(cpu_s(pcap, *o) for _ in range(2)) for o in ((), ("--jsonl",)))
    print(f"# text {text:.2f} s, --jsonl {jsonl:.2f} s")
    test("connection records cost at most as much again as the text summary", jsonl <= 2 * text, f"{jsonl} s, {text} s")


def main():
    one, many = packets(generate(1)), generate(5000)
    from_a_pipe(one)
    from_a_growing_file(one)
    for option in ("--jsonl", "--json", "--csv", "--tsv"):
        to_nobody(option, many)
    to_a_full_disk(many)
    cost(many)
    tap.done()


main()
