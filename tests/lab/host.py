#!/usr/bin/env python3
"""One host of the laboratory: runs the scripted applications of one side inside its namespace.

Reads one JSON object from standard input (see run.py), sets the namespace's sysctls, listens, answers `ready`, starts
at the line `go`, learns from the next line that the other side is done, and writes what the applications did and saw (with the kernel's TCP_INFO every 10 ms) as JSON to the
file named in the object. Scripts are commands separated by `;`, README.md lists them.
"""
import errno
import hashlib
import json
import os
import random
import socket
import struct
import sys
import threading
import time

TCP_INFO_FIELDS = (
    [(n, "B") for n in ("state", "ca_state", "retransmits", "probes", "backoff", "options", "wscales", "flags")]
    + [(n, "I") for n in ("rto", "ato", "snd_mss", "rcv_mss", "unacked", "sacked", "lost", "retrans", "fackets", "last_data_sent",
                          "last_ack_sent", "last_data_recv", "last_ack_recv", "pmtu", "rcv_ssthresh", "rtt", "rttvar", "snd_ssthresh",
                          "snd_cwnd", "advmss", "reordering", "rcv_rtt", "rcv_space", "total_retrans")]
    + [(n, "Q") for n in ("pacing_rate", "max_pacing_rate", "bytes_acked", "bytes_received")]
    + [(n, "I") for n in ("segs_out", "segs_in", "notsent_bytes", "min_rtt", "data_segs_in", "data_segs_out")]
    + [(n, "Q") for n in ("delivery_rate", "busy_time", "rwnd_limited", "sndbuf_limited")]
    + [(n, "I") for n in ("delivered", "delivered_ce")] + [(n, "Q") for n in ("bytes_sent", "bytes_retrans")]
    + [(n, "I") for n in ("dsack_dups", "reord_seen", "rcv_ooopack", "snd_wnd", "rcv_wnd", "rehash")])
TCP_INFO = struct.Struct("<" + "".join(t for _, t in TCP_INFO_FIELDS))
TCP_INFO_NAMES = [n for n, _ in TCP_INFO_FIELDS]
CLOSED = 7
OPTIONS = {"sndbuf": (socket.SOL_SOCKET, socket.SO_SNDBUF), "rcvbuf": (socket.SOL_SOCKET, socket.SO_RCVBUF),
           "nodelay": (socket.IPPROTO_TCP, socket.TCP_NODELAY), "cork": (socket.IPPROTO_TCP, socket.TCP_CORK),
           "mss": (socket.IPPROTO_TCP, socket.TCP_MAXSEG), "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
           "keepidle": (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), "keepintvl": (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
           "keepcnt": (socket.IPPROTO_TCP, socket.TCP_KEEPCNT), "user_timeout": (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
           "quickack": (socket.IPPROTO_TCP, socket.TCP_QUICKACK), "clamp": (socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP),
           "lowat": (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT), "syncnt": (socket.IPPROTO_TCP, socket.TCP_SYNCNT),
           "thin": (socket.IPPROTO_TCP, 16), "linger2": (socket.IPPROTO_TCP, socket.TCP_LINGER2)}


def info_bytes(sock):
    b = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 512)
    return b[:TCP_INFO.size] if len(b) >= TCP_INFO.size else None


def decode_info(b):
    d = dict(zip(TCP_INFO_NAMES, TCP_INFO.unpack(b)))
    d["snd_wscale"], d["rcv_wscale"], d["app_limited"] = d["wscales"] & 15, d["wscales"] >> 4, d["flags"] & 1
    return d


def set_option(sock, name, value):
    if name == "cc":
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, value.encode())
    else:
        sock.setsockopt(*OPTIONS[name], int(value))


class Payload:
    """A stream that is a function of its seed: a random block, each copy of it numbered."""

    def __init__(self, seed):
        self.block = random.Random(seed).randbytes(4088)
        self.at = 0

    def take(self, n):
        first, last = self.at // 4096, (self.at + n - 1) // 4096
        data = b"".join(self.block + struct.pack(">Q", k) for k in range(first, last + 1))
        off, self.at = self.at - first * 4096, self.at + n
        return data[off:off + n]


class Application(threading.Thread):
    """One side of one connection: executes a script."""

    def __init__(self, host, key, script, seed, sock=None):
        super().__init__(daemon=True)
        self.host, self.key, self.sock = host, key, sock
        self.script = [c.split() for c in script.split(";") if c.split()]
        self.conn = host.conns[key]
        self.payload = Payload(seed)
        self.tx, self.rx = hashlib.sha256(), hashlib.sha256()
        self.tx_bytes = self.rx_bytes = 0
        self.events, self.errors, self.final, self.how = [], [], None, "open"
        self.samples = []
        self.broken = self.done = False

    def note(self, what):
        self.events.append({"t": self.host.unix(), "ev": what})

    def run(self):
        try:
            for command, *args in self.script:
                getattr(self, "do_" + command)(*args)
        except OSError as e:
            self.errors.append(errno.errorcode.get(e.errno, str(e)))
            self.note(self.errors[-1])
            self.close("error")
        self.done = True

    def sample(self):
        if self.sock is not None and not self.broken:
            try:
                b = info_bytes(self.sock)
            except (OSError, ValueError):
                return
            if b:
                self.samples.append((self.host.unix(), b))

    def close(self, how):
        if self.sock is None:
            return
        with self.host.lock:
            self.sample()
            if self.samples:
                self.final = self.samples[-1]
            sock, self.sock = self.sock, None
        sock.close()
        self.how = how
        self.note(how)

    # ---- commands
    def do_at(self, ms):
        time.sleep(max(0, self.host.start + float(ms) / 1e3 - time.monotonic()))

    def do_sleep(self, ms):
        time.sleep(float(ms) / 1e3)

    def do_set(self, name, value):
        self.conn.setdefault("set", []).append((name, value))
        if self.sock is not None:
            set_option(self.sock, name, value)

    def do_connect(self):
        s = socket.socket(self.host.family, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        set_option(s, "cc", self.host.cc)
        for name, value in self.conn.get("set", []):
            set_option(s, name, value)
        mine, theirs = ("lport", "rport") if self.host.side == "A" else ("rport", "lport")
        s.bind((self.host.addr, self.conn[mine]))
        self.sock = s
        s.connect((self.host.peer, self.conn[theirs]))
        self.note("connected")

    def send_bytes(self, n):
        data = memoryview(self.payload.take(n))
        while data:
            k = self.sock.send(data)
            self.tx.update(data[:k])
            self.tx_bytes += k
            data = data[k:]

    def do_send(self, n, chunk=65536, gap_ms=0):
        left, chunk = int(n), int(chunk)
        while left:
            k = min(left, chunk)
            self.send_bytes(k)
            left -= k
            if float(gap_ms) and left:
                time.sleep(float(gap_ms) / 1e3)
        self.note("send_done")

    def receive(self, n):
        """up to n bytes; False at the end of the stream"""
        d = self.sock.recv(n)
        self.rx.update(d)
        self.rx_bytes += len(d)
        return len(d)

    def do_recv(self, n=0, chunk=65536, gap_ms=0):
        """n bytes, or all (0); `chunk` at a time, waiting `gap_ms` in between"""
        left = int(n) or 1 << 62
        while left:
            k = self.receive(min(left, int(chunk)))
            if not k:
                self.note("eof")
                return False
            left -= k
            if float(gap_ms):
                time.sleep(float(gap_ms) / 1e3)
        return True

    def do_rr(self, n, request, response, think_ms=0):
        for _ in range(int(n)):
            self.send_bytes(int(request))
            if not self.do_recv(response):
                return
            time.sleep(float(think_ms) / 1e3)

    def do_serve(self, n, request, response, think_ms=0):
        for _ in range(int(n)):
            if not self.do_recv(request):
                return
            time.sleep(float(think_ms) / 1e3)
            self.send_bytes(int(response))

    def do_spawn(self, *command):
        """the rest of the line beside what follows"""
        def work():
            try:
                getattr(self, "do_" + command[0])(*command[1:])
            except OSError as e:
                self.errors.append(errno.errorcode.get(e.errno, str(e)))
        self.side = threading.Thread(target=work, daemon=True)
        self.side.start()

    def do_join(self):
        self.side.join()

    def do_shutwr(self):
        self.sock.shutdown(socket.SHUT_WR)
        self.note("shutwr")

    def do_shutrd(self):
        self.sock.shutdown(socket.SHUT_RD)

    def do_close(self):
        self.close("close")

    def do_abort(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close("abort")

    def do_finish(self, wait_ms=3000):
        """half-close, read to the end, wait until the kernel has closed"""
        self.do_shutwr()
        self.do_recv(0)
        self.do_closed(wait_ms)
        self.close("finish")

    def do_closed(self, wait_ms=3000):
        end = time.monotonic() + float(wait_ms) / 1e3
        while time.monotonic() < end and info_bytes(self.sock)[0] != CLOSED:
            time.sleep(.003)

    def report(self):
        last = self.final or (self.samples[-1] if self.samples else None)
        rows = [decode_info(b) for _, b in self.samples]
        return {"key": self.key, "stream": {"tx_bytes": self.tx_bytes, "tx_sha256": self.tx.hexdigest(), "rx_bytes": self.rx_bytes,
                                            "rx_sha256": self.rx.hexdigest(), "how": self.how},
                "events": self.events, "errors": self.errors, "done": self.done,
                "final": dict(decode_info(last[1]), t=last[0]) if last else None,
                "info": {"t": [t for t, _ in self.samples], "columns": {n: [r[n] for r in rows] for n in (rows[0] if rows else ())}}}


class Host:
    def __init__(self, cfg):
        self.side, self.addr, self.peer, self.cc = cfg["side"], cfg["addr"], cfg["peer"], cfg["cc"]
        self.family = socket.AF_INET6 if ":" in self.addr else socket.AF_INET
        self.offset, self.deadline, self.conns = cfg["offset_ns"], cfg["deadline_s"], cfg["conns"]
        self.lock, self.apps, self.listeners, self.start = threading.Lock(), [], {}, 0
        self.peer_done = threading.Event()
        for name, value in cfg["sysctl"].items():
            with open("/proc/sys/net/ipv4/" + name, "w") as f:
                f.write(str(value))

    def unix(self):
        return (time.monotonic_ns() + self.offset) / 1e9

    def listen(self):
        for c in self.conns:
            if c.get("server") and "connect" not in c["server"] and c["rport"] not in self.listeners:
                s = socket.socket(self.family, socket.SOCK_STREAM)
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                set_option(s, "cc", self.cc)
                for name, value in c.get("listen_set", []):
                    set_option(s, name, value)
                s.bind((self.addr, c["rport"]))
                s.listen(c.get("backlog", 64))
                self.listeners[c["rport"]] = s

    def accept(self, sock, wait_ms):
        used = set()
        time.sleep(wait_ms / 1e3)
        while True:
            try:
                s, peer = sock.accept()
            except OSError:
                return
            key = next((i for i, c in enumerate(self.conns) if c["lport"] == peer[1] and i not in used), None)
            if key is None:
                s.close()
                continue
            used.add(key)
            self.launch(key, self.conns[key]["server"], s)

    def launch(self, key, script, sock=None):
        app = Application(self, key, script, f"{self.conns[key]['seed']}.{self.side}", sock)
        self.apps.append(app)
        app.start()

    def sampler(self):
        while True:
            time.sleep(.01)
            with self.lock:
                for app in list(self.apps):
                    app.sample()

    def run(self):
        self.start = time.monotonic()
        threading.Thread(target=self.sampler, daemon=True).start()
        for port, s in self.listeners.items():
            wait = max(c.get("accept_ms", 0) for c in self.conns if c["rport"] == port)
            threading.Thread(target=self.accept, args=(s, wait), daemon=True).start()
        for i, c in enumerate(self.conns):
            script = c["client"] if self.side == "A" else c["server"]
            if self.side == "A" or script and "connect" in script:
                self.launch(i, script)
        expected = sum(1 for c in self.conns if self.side == "A" or c.get("server"))
        patience = self.start + 1.5
        while time.monotonic() < self.start + self.deadline:
            time.sleep(.005)
            if not self.peer_done.is_set():
                patience = time.monotonic() + 1.5
            if len(self.apps) < expected and (not self.peer_done.is_set() or time.monotonic() < patience):
                continue                                        # what the other side sent may still be on its way
            if all(a.done for a in self.apps):
                break
        with self.lock:
            for app in self.apps:
                app.broken = True
        return [a.report() for a in self.apps]


def main():
    cfg = json.loads(sys.stdin.readline())
    sys.setswitchinterval(.001)
    host = Host(cfg)
    host.listen()
    print("ready", flush=True)
    if sys.stdin.readline().strip() != "go":
        return 1
    told = threading.Thread(target=lambda: sys.stdin.readline() and host.peer_done.set(), daemon=True)
    told.start()
    result = host.run()
    with open(cfg["out"], "w") as f:
        json.dump(result, f)
    print("done", flush=True)
    told.join()                                                 # sockets stay open until the other side is done, too
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
