"""Captures whose every text is full of escape sequences: interfaces, comments, names looked up, names of files, payload.
Nothing of them reaches a terminal or a record as anything but text, in any mode; on standard error neither."""

import json
import os
import struct
import subprocess
import tempfile

import tap
from tap import test

PROGRAM = os.path.join(os.environ["top_builddir"], "tcpstat")
# Every control character, C1 as UTF-8 and bare, ends of sequences in the middle, text that is no UTF-8.
EVIL = (b"\x1b]0;owned\x07\x1b[2J\x1b[31m" + bytes(range(1, 32)) + b"\x7f" + "\u009b31m\u0085\u202e".encode() +
        b"\x9b2J\xff\xfe\xc3\xe2\x80")
MODES = ([], ["-v"], ["--ascii"], ["--conn", "1"], ["--flow", "1"], ["--flow", "1", "-v"], ["--follow", "1"],
         ["--follow", "1", "--hex"], ["--json"], ["--jsonl", "--events", "all"], ["--csv"], ["--tsv"], ["--explain-diff", "6"],
         ["--color", "never", "-N"])


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def ip(proto, source, destination, payload):
    return struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, proto, 0, 192, 0, 2, source, 192, 0, 2,
                       destination) + payload


def tcp(out, seq, ack, flags, data=b""):
    ports, hosts = ((40000, 80), (1, 2)) if out else ((80, 40000), (2, 1))
    return ip(6, *hosts, struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 65535, 0, 0) + data)


def name(text):
    return b"".join(bytes([len(text[i:i + 60])]) + text[i:i + 60] for i in range(0, len(text), 60)) + b"\0"


def lookup(answers):
    """A question after an evil name, and the answer to it: the server of the connection."""
    asked = name(EVIL[:60]) + struct.pack(">HH", 1, 1)
    head = struct.pack(">HHHHHH", 7, 0x8180 if answers else 0x100, 1, answers, 0, 0)
    record = b"\xc0\x0c" + struct.pack(">HHIH4B", 1, 1, 60, 4, 192, 0, 2, 2) if answers else b""
    message, ports = head + asked + record, (53, 5353) if answers else (5353, 53)
    return ip(17, *((9, 1) if answers else (1, 9)), struct.pack(">HHHH", *ports, 8 + len(message), 0) + message)


def capture():
    # The payload holds the lines of protocols, too.
    said = b"GET /" + EVIL + b" HTTP/1.1\r\nHost: " + EVIL + b"\r\n\r\n" + EVIL
    packets = [lookup(0), lookup(1), tcp(1, 0, 0, 2), tcp(0, 0, 1, 0x12), tcp(1, 1, 1, 0x10), tcp(1, 1, 1, 0x18, said),
               tcp(0, 1, 1 + len(said), 0x18, said), tcp(1, 1 + len(said), 1 + len(said), 0x14)]
    out = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1) + b"".join(option(c, EVIL) for c in (1, 2, 3, 4)))
    out += block(1, struct.pack("<HHI", 101, 0, 0) + b"".join(option(c, EVIL) for c in (1, 2, 3, 11, 12, 15)))
    out += block(4, struct.pack("<HH4B", 1, 4 + len(EVIL) + 1, 192, 0, 2, 2) + EVIL + b"\0")
    for n, packet in enumerate(packets):
        out += block(6, struct.pack("<IIIII", 0, 0, 1000 * n, len(packet), len(packet)) + packet +
                     bytes(-len(packet) % 4) + option(1, EVIL))
    return out


def harmful(out, allowed):
    """Control characters, and bytes that are no UTF-8."""
    try:
        text = out.decode()
    except UnicodeDecodeError as e:
        return str(e)
    found = {hex(ord(c)) for c in text if (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e") and c not in allowed}
    return found or None


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder.encode(), EVIL.replace(b"/", b"") + b".pcapng")
        with open(path, "wb") as f:
            f.write(capture())
        cut = path + b"\x1b[2Jcut"
        with open(cut, "wb") as f:
            f.write(capture()[:-30])
        for mode in MODES:
            # Tabs are of payload and between fields; JSON is for programs: marks that reorder text are left to who shows it.
            allowed = "\n\t" if "--follow" in mode or "--tsv" in mode else "\n\u202e" if mode and mode[0].startswith("--json") else "\n"
            bad = []
            for file in (path, cut):
                p = subprocess.run([PROGRAM, *mode, file], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
                wrong = harmful(p.stdout, allowed) or harmful(p.stderr, "\n")
                if wrong or p.returncode not in (0, 3) or not p.stdout:
                    bad.append(f"status {p.returncode}: {wrong} {p.stderr[-200:]}")
                if "--jsonl" in mode:
                    records = [json.loads(line) for line in p.stdout.splitlines()]
                    if sum(r["type"] == "connection" for r in records) != 1:
                        bad.append("not one connection")
            test(f"nothing harmful: {' '.join(mode) or 'report'}", not bad, *bad)
        for arguments in (["no\x1b[2Jfile"], [path, "port \x1b]0;x\x07"], ["--conn", "\x1b[31m1", path],
                          ["--overlap", "\x1b[2J", path], ["--merge", path]):
            p = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
            wrong = harmful(p.stderr, "\n")
            test(f"nothing harmful on standard error: {ascii(arguments[0])[:20]}", p.returncode in (1, 2) and p.stderr and not wrong,
                 f"status {p.returncode}: {wrong} {p.stderr[-300:]}")


main()
tap.done()
