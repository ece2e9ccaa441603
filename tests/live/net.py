"""Two network namespaces, joined by a link that delays and drops; traffic over it; tcpstat in one of them.

Run as a program (by itself, inside a namespace) it is one of the helpers: forward, serve, fetch, flood, reuse, offloads."""

import ctypes
import fcntl
import heapq
import itertools
import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

BUILD = os.environ.get("top_builddir", ".")
PROGRAM = os.path.join(BUILD, "tcpstat")
CLIENT, SERVER, PORT = "192.0.2.10", "192.0.2.80", 8080


def cannot():
    """Why tests with namespaces cannot run here; None if they can."""
    if os.geteuid() != 0:
        return "not root: no network namespaces"
    if not shutil.which("ip"):
        return "ip (iproute2) is missing"
    name = f"tcpstat{os.getpid()}p"
    probe = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if probe.returncode:
        return "no network namespaces here"
    veth = subprocess.run(["ip", "-n", name, "link", "add", "p0", "type", "veth", "peer", "name", "p1"], capture_output=True)
    subprocess.run(["ip", "netns", "del", name], check=True)
    return "no veth here" if veth.returncode else None


class Net:
    """Client and server, each in its namespace; a forwarder in a third between them. `with Net() as net:`"""

    def __init__(self, delay_ms=10, loss=0.0, seed=1):
        base = f"tcpstat{os.getpid()}"
        self.client, self.server, self.middle = base + "c", base + "s", base + "m"
        self.delay_ms, self.loss, self.seed = delay_ms, loss, seed
        self.processes = []

    def __enter__(self):
        try:
            self.build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True)

    def build(self):
        for name in (self.client, self.server, self.middle):
            self.ip("netns", "add", name)
        for name, address, inner in ((self.client, CLIENT, "mc"), (self.server, SERVER, "ms")):
            self.ip("-n", self.middle, "link", "add", inner, "type", "veth", "peer", "name", "eth0", "netns", name)
            self.ip("-n", name, "addr", "add", address + "/24", "dev", "eth0")
            self.ip("-n", name, "link", "set", "lo", "up")
            self.ip("-n", name, "link", "set", "eth0", "up")
            self.ip("-n", self.middle, "link", "set", inner, "up")
            self.run(name, "offloads", "eth0", "wait")
        self.start(self.middle, "forward", "mc", "ms", str(self.delay_ms), str(self.loss), str(self.seed))

    def command(self, namespace, *words):
        """A helper of this file, or (with a slash in its name) a program, inside a namespace."""
        inner = list(words) if "/" in words[0] else [sys.executable, "-B", os.path.abspath(__file__), *words]
        return ["ip", "netns", "exec", namespace, *inner]

    def run(self, namespace, *words, **how):
        wait = [w for w in words if w != "wait"]
        return subprocess.run(self.command(namespace, *wait), check=True, **how)

    def start(self, namespace, *words, **how):
        process = subprocess.Popen(self.command(namespace, *words), **how)
        self.processes.append(process)
        return process

    def tcpstat(self, *options, namespace=None, **how):
        """A tcpstat that listens; returns when it does."""
        how.setdefault("stdout", subprocess.PIPE)
        process = self.start(namespace or self.server, PROGRAM, *options, **how)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and process.poll() is None:
            with open(f"/proc/{process.pid}/comm", encoding="ascii") as f:
                started = f.read().strip() == "tcpstat"
            # The program counts as ready when it holds a packet socket and has set its signals.
            with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
                caught = int(next(line for line in f if line.startswith("SigCgt")).split()[1], 16)
            if started and caught & 1 << (signal.SIGUSR1 - 1):
                break
            time.sleep(0.02)
        return process

    def serve(self):
        """A server at SERVER:PORT; returns when it listens."""
        process = self.start(self.server, "serve", str(PORT), stdout=subprocess.PIPE)
        process.stdout.readline()
        return process

    def fetch(self, *words):
        """`fetch COUNT BYTES`: so many connections, one after the other, each asks for so many bytes."""
        return self.run(self.client, "fetch", *[str(w) for w in words])

    def settle(self, wait_s=60):
        """Returns when both kernels have ended all connections: nothing is on its way any more, nor will be sent again."""
        over, deadline = {"06", "07", "0A"}, time.monotonic() + wait_s  # TIME-WAIT, CLOSED, LISTEN
        while time.monotonic() < deadline:
            tables = [self.run(name, "/bin/cat", "/proc/net/tcp", stdout=subprocess.PIPE).stdout.decode().splitlines()[1:]
                      for name in (self.client, self.server)]
            if {line.split()[3] for table in tables for line in table} <= over:
                break
            time.sleep(0.1)
        time.sleep(0.5)  # what the link delays, and what waits to be read

    def get(self, url):
        """What a server in the server's namespace answers; None if it does not, or not with 200."""
        got = subprocess.run(self.command(self.server, "get", url), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return got.stdout.decode() if got.returncode == 0 else None

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.kill()
            process.wait()
        for name in (self.client, self.server, self.middle):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


def stop(process, how=signal.SIGINT, wait_s=30):
    """Ends it as ^C does; its output and exit status."""
    if process.poll() is None:
        process.send_signal(how)
    out, _ = process.communicate(timeout=wait_s)
    return out, process.returncode


# --- helpers inside a namespace ------------------------------------------------------------------------------------

def offloads(name):
    """Packets on a veth as on a wire: with checksums, no larger than the MTU."""
    SIOCETHTOOL = 0x8946
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for what in (0x17, 0x1f, 0x24, 0x2c):  # STXCSUM, STSO, SGSO, SGRO
            value = ctypes.create_string_buffer(struct.pack("II", what, 0))
            request = struct.pack("16sP", name.encode(), ctypes.addressof(value))
            try:
                fcntl.ioctl(s, SIOCETHTOOL, request)
            except OSError:
                pass


def forward(one, other, delay_ms, loss, seed):
    """Frames of `one` to `other` and back, each after the delay, some never. ARP always passes."""
    chance, delay = random.Random(int(seed)), float(delay_ms) / 1000
    sides = []
    for name in (one, other):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        s.bind((name, 0))
        s.setblocking(False)
        sides.append(s)
    waiting, number = [], itertools.count()
    while True:
        pause = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select(sides, [], [], pause)
        for s in ready:
            try:
                while True:
                    frame, sender = s.recvfrom(65536)
                    is_ip = frame[12:14] == b"\x08\x00"
                    if sender[2] == 4 or is_ip and chance.random() < float(loss):  # 4: sent by ourselves
                        continue
                    heapq.heappush(waiting, (time.monotonic() + delay, next(number), sides[1 - sides.index(s)], frame))
            except BlockingIOError:
                pass
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, to, frame = heapq.heappop(waiting)
            try:
                to.send(frame)
            except OSError:
                pass


def get(url):
    """The body, to standard output; the status is the exit status: 0 is 200."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            sys.stdout.buffer.write(answer.read())
    except urllib.error.HTTPError as e:
        sys.stdout.buffer.write(e.read())
        sys.exit(1)


def blast(name, count, per_s):
    """So many segments of one connection after another to nowhere in particular, as fast as asked; 0: as can be."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((name, 0))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
    begun = time.monotonic()
    for i in range(int(count)):
        conn, step = divmod(i, 10)
        tcp = struct.pack("!HHIIBBHHH", 1024 + conn % 60000, 9, 1000 + step * 100, 1, 5 << 4, 0x18 if step else 2, 65535, 0, 0)
        data = b"x" * 100 if step else b""
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + len(data), i & 0xffff, 0, 64, 6, 0,
                         socket.inet_aton(CLIENT), socket.inet_aton("192.0.2.99"))
        s.send(b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x08\x00" + ip + tcp + data)
        if int(per_s) and i % 100 == 0:
            time.sleep(max(0, begun + i / int(per_s) - time.monotonic()))


def flood(name, count, per_s):
    """So many SYNs of as many addresses to a port where nobody listens and nothing answers them: the sources are none of ours."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((name, 0))
    begun = time.monotonic()
    for i in range(int(count)):
        tcp = struct.pack("!HHIIBBHHH", 1024 + i, 99, 1000 + i, 0, 5 << 4, 2, 65535, 0, 0)
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40, i & 0xffff, 0, 64, 6, 0,
                         socket.inet_aton(f"198.51.{i // 250}.{i % 250 + 1}"), socket.inet_aton(SERVER))
        s.send(bytes(12) + b"\x08\x00" + ip + tcp)
        time.sleep(max(0, begun + i / int(per_s) - time.monotonic()))


def reuse(count):
    """Connections one after the other from the same port."""
    for _ in range(int(count)):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind(("", 34567))
            s.connect((SERVER, PORT))
            s.sendall(b"10\n")
            while s.recv(65536):
                pass


def refused():
    """A connection to a port where nobody listens."""
    with socket.socket() as s:
        s.connect_ex((SERVER, PORT + 1))


def hold():
    """A connection that stays open until this ends."""
    with socket.create_connection((SERVER, PORT), timeout=60):
        print("ready", flush=True)
        time.sleep(60)


def serve(port):
    """Answers a line with a number by so many bytes."""
    listener = socket.create_server(("", int(port)), backlog=128)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                wanted = int(connection.makefile("rb").readline() or b"0")
                connection.sendall(b"x" * wanted)
            except OSError:
                pass


def fetch(count, size):
    for _ in range(int(count)):
        with socket.create_connection((SERVER, PORT), timeout=60) as s:
            s.sendall(size.encode() + b"\n")
            while s.recv(65536):
                pass


if __name__ == "__main__":
    {"forward": forward, "serve": serve, "fetch": fetch, "refused": refused, "hold": hold, "flood": flood, "reuse": reuse,
     "get": get, "blast": blast, "offloads": offloads}[sys.argv[1]](*sys.argv[2:])
