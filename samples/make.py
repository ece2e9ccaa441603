#!/usr/bin/env python3
"""Makes the captures of this folder: real connections of the kernel between two network namespaces, over a link of 15 ms
each way that loses what the table below says. Needs root, iproute2 and tcpdump; touches no other interface.

    samples/make.py [FOLDER]            (default: this one)"""

import ctypes
import fcntl
import heapq
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

DELAY_S = 0.015
CLIENT, SERVER = "192.0.2.10", "192.0.2.80"
NAMESPACES = ("tcpstat-client", "tcpstat-link", "tcpstat-server")
CLEAN, LOSS, REFUSED, SILENT, STUCK, ABORT = 80, 8080, 81, 82, 8081, 8082
LENGTH = 12000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LENGTH
# (port, direction) -> stream offsets whose first segment is lost
LOST = {(LOSS, "s2c"): [43000, 89999]}


# ------------------------------------------------------------------------------------------------------- namespaces
def ip(*words):
    subprocess.run(["ip", *words], check=True)


def inside(namespace):
    with open(f"/var/run/netns/{namespace}", "rb") as f:
        if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")


def without_offload(interface):
    """Every packet as the wire would carry it: checksums complete, no super-segments."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in (0x17, 0x1f, 0x24, 0x2c):  # ETHTOOL_STXCSUM, STSO, SGSO, SGRO
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP", interface.encode(), ctypes.addressof(value)) + bytes(16)
            try:
                fcntl.ioctl(s, 0x8946, request)
            except OSError as e:
                print(f"{interface}: ethtool {command:#x}: {e}", file=sys.stderr)


def build():
    for namespace in NAMESPACES:
        ip("netns", "add", namespace)
    for namespace, address, name in ((NAMESPACES[0], CLIENT, "c"), (NAMESPACES[2], SERVER, "s")):
        ip("-n", namespace, "link", "add", "eth0", "type", "veth", "peer", "name", f"link-{name}", "netns", NAMESPACES[1])
        ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "eth0")
        ip("-n", namespace, "link", "set", "eth0", "up")
        ip("-n", NAMESPACES[1], "link", "set", f"link-{name}", "up")
        if os.fork() == 0:
            inside(namespace)
            without_offload("eth0")
            os._exit(0)
        os.wait()


# --------------------------------------------------------------------------------------------------------- the link
class Link:
    """Passes frames between the two, late, and loses some."""

    def __init__(self):
        self.sockets = []
        for name in ("link-c", "link-s"):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.bind((name, 0))
            self.sockets.append(s)
        self.queue, self.isn, self.lost = [], {}, {k: list(v) for k, v in LOST.items()}

    def loses(self, frame, side):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return False
        header = 14 + 4 * (frame[14] & 15)
        sport, dport, seq = struct.unpack("!HHI", frame[header:header + 8])
        port, key = (dport, "c2s") if side == 0 else (sport, "s2c")
        if port == SILENT:
            return True
        if frame[header + 13] & 2:
            self.isn[port, key] = seq + 1
        length = struct.unpack("!H", frame[16:18])[0] - (header - 14) - 4 * (frame[header + 12] >> 4)
        begin = (seq - self.isn.get((port, key), 0)) % 2**32
        for offset in self.lost.get((port, key), []):
            if begin <= offset < begin + length:
                self.lost[port, key].remove(offset)
                return True
        return False

    def run(self):
        while True:
            wait = max(0, self.queue[0][0] - time.monotonic()) if self.queue else None
            for s in select.select(self.sockets, [], [], wait)[0]:
                frame, address = s.recvfrom(65536)
                side = self.sockets.index(s)
                if address[2] != 4 and not self.loses(frame, side):  # 4: sent by ourselves
                    heapq.heappush(self.queue, (time.monotonic() + DELAY_S, len(frame), side, frame))
            while self.queue and self.queue[0][0] <= time.monotonic():
                _, _, side, frame = heapq.heappop(self.queue)
                self.sockets[1 - side].send(frame)


# ------------------------------------------------------------------------------------------------- the applications
def lines(n):
    return b"".join(b"line %06d of a text that is easy to check\n" % i for i in range(n // 44 + 1))[:n]


def serve():
    for port in (CLEAN, LOSS, STUCK, ABORT):
        listener = socket.socket()
        listener.bind((SERVER, port))
        listener.listen()
        if os.fork() == 0:
            answer(listener, port)
            os._exit(0)


def answer(listener, port):
    s, _ = listener.accept()
    while request := s.recv(4096):
        if port == CLEAN:
            time.sleep(0.02)
        if port == ABORT:
            time.sleep(0.05)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            break
        s.sendall(HEAD + lines({CLEAN: LENGTH, LOSS: 90000, STUCK: 60000}[port]))
        if port != CLEAN:
            break
    s.close()


def ask(port, requests=1, wait=0.0, buffer=0):
    s = socket.socket()
    s.settimeout(4)
    if buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    try:
        s.connect((SERVER, port))
        for _ in range(requests):
            s.sendall(b"GET /text HTTP/1.1\r\nHost: server.example\r\n\r\n")
            time.sleep(wait)
            got = 0
            while got < len(HEAD) + LENGTH and (data := s.recv(4096)):
                got += len(data)
        while requests == 1 and s.recv(4096):
            pass
    except OSError as e:
        print(f"port {port}: {e}", file=sys.stderr)
    s.close()


def use():
    ask(CLEAN, requests=2)
    ask(LOSS)
    ask(REFUSED)
    ask(SILENT)
    ask(STUCK, wait=1.5, buffer=8192)
    ask(ABORT)


# -------------------------------------------------------------------------------------------------------------- all
def child(namespace, what):
    pid = os.fork()
    if pid == 0:
        inside(namespace)
        what()
        signal.pause()
    return pid


def main():
    folder = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(__file__))
    both = {side: os.path.join(folder, f".{side}.pcap") for side in ("client", "server")}
    children, dumps = [], []
    try:
        build()
        children.append(child(NAMESPACES[1], lambda: Link().run()))
        children.append(child(NAMESPACES[2], serve))
        for side, file in both.items():
            dumps.append(subprocess.Popen(["ip", "netns", "exec", f"tcpstat-{side}", "tcpdump", "-qU", "-i", "eth0", "-Z", "root",
                                           "-w", file, "tcp"], stderr=subprocess.DEVNULL))
        time.sleep(1)
        user = os.fork()
        if user == 0:
            inside(NAMESPACES[0])
            use()
            os._exit(0)
        os.waitpid(user, 0)
        time.sleep(1)
    finally:
        for dump in dumps:
            dump.send_signal(signal.SIGINT)
            dump.wait()
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for namespace in NAMESPACES:
            for pid in subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True).stdout.split():
                os.kill(int(pid), signal.SIGKILL)
            ip("netns", "del", namespace)
    for name, side, expression in (
            ("mixed", "client", "tcp"), ("clean", "client", f"port {CLEAN}"), ("loss", "server", f"port {LOSS}"),
            ("refused", "client", f"port {REFUSED}"), ("zero-window", "client", f"port {STUCK}")):
        subprocess.run(["tcpdump", "-q", "-r", both[side], "-w", os.path.join(folder, f"{name}.pcap"), expression], check=True,
                       stderr=subprocess.DEVNULL)
    for file in both.values():
        os.unlink(file)


main()
