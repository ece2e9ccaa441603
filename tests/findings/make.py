#!/usr/bin/env python3
"""Writes the captures that show one finding each, and those that nearly do: packets of a client and a server as they pass a
capture point next to the client, with exact times. The same bytes come out each time.

    tests/findings/make.py FOLDER       FOLDER/samples/ID.pcap and FOLDER/near/ID.pcap

Each function below is named like its finding; it is called with near=False for the one and near=True for the other."""

import gzip
import ipaddress
import os
import random
import struct
import sys

FIN, SYN, RST, PSH, ACK, ECE, CWR = 1, 2, 4, 8, 16, 64, 128
BEGIN = 1767225600.0                    # 2026-01-01
CLIENT, SERVER = "192.0.2.10", "192.0.2.80"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Capture:
    def __init__(self):
        self.packets, self.ids = [], {}

    def add(self, t, src, dst, protocol, payload, ttl, ip_id=None, tos=0, snap=None):
        a, b = ipaddress.ip_address(src).packed, ipaddress.ip_address(dst).packed
        if ip_id is None:
            ip_id = self.ids[src] = (self.ids.get(src, 1000) + 1) % 65536
        head = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), ip_id, 0x4000, ttl, protocol, 0, a, b)
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        self.packets.append((round((BEGIN + t) * 1e6), head + payload, snap))

    def repeat(self, delay, last=1):
        """The last packets again, as the network or a mirror port would."""
        for t, data, snap in self.packets[-last:]:
            self.packets.append((t + round(delay * 1e6), data, snap))

    def bytes(self):
        out = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 101)
        for t, data, snap in sorted(self.packets, key=lambda p: p[0]):
            kept = data[:snap] if snap else data
            out += struct.pack("<IIII", t // 1000000, t % 1000000, len(kept), len(data)) + kept
        return out


class Connection:
    """Side 0 is the client. Sequence numbers are relative; what a side acknowledges is what the other has sent."""

    def __init__(self, capture, t=0.0, rtt=0.03, port=40000, server_port=80, mss=(1460, 1460), scale=(7, 7), window=(64240, 65160),
                 client=CLIENT, server=SERVER, open_=True, sack=True):
        self.capture, self.rtt, self.ports = capture, rtt, (port, server_port)
        self.hosts, self.mss, self.scale, self.sack = (client, server), mss, scale, sack
        self.isn = [1000000 + port * 7919 % 900000000, 2000000000 + port * 104729 % 900000000]
        self.next, self.ack, self.window, self.ttl = [0, 0], [0, 0], list(window), [64, 57]
        if open_:
            self.syn(t)
            self.synack(t + rtt)
            self.segment(t + rtt + 0.00005, 0)

    def options(self, side):
        out = struct.pack("!BBH", 2, 4, self.mss[side])
        if self.sack:
            out += b"\4\2\1\1"
        if self.scale[side] is not None:
            out += struct.pack("!BBBB", 1, 3, 3, self.scale[side])
        return out

    def segment(self, t, side, n=0, flags=ACK, seq=None, ack=None, window=None, sack=(), ttl=None, ip_id=None, tos=0, snap=None,
                options=b"", checksum_=None, isn=None):
        """n bytes of payload; seq and ack are relative to the SYNs, which take number 0."""
        first = self.next[side] if seq is None else seq
        if seq is None or first + n > self.next[side]:
            self.next[side] = max(self.next[side], first + n + bool(flags & (SYN | FIN)))
        if ack is None:
            ack = self.ack[side] = max(self.ack[side], self.next[1 - side])
        else:
            self.ack[side] = max(self.ack[side], ack)
        if window is not None:
            self.window[side] = window
        scale = self.scale[side] if None not in self.scale and not flags & SYN else 0
        if sack:
            options += b"\1\1" + struct.pack("!BB", 5, 2 + 8 * len(sack))
            for l, r in sack:
                options += struct.pack("!II", (self.isn[1 - side] + l) % 2**32, (self.isn[1 - side] + r) % 2**32)
        text = (b"The quick brown fox jumps over the lazy dog. " * (n // 45 + 1))[:n]
        head = struct.pack("!HHIIBBHHH", self.ports[side], self.ports[1 - side],
                           ((self.isn[side] if isn is None else isn) + first) % 2**32,
                           (self.isn[1 - side] + ack) % 2**32 if flags & ACK else 0, (5 + len(options) // 4) << 4, flags,
                           min(65535, self.window[side] >> scale), 0, 0) + options
        a, b = (ipaddress.ip_address(self.hosts[s]).packed for s in (side, 1 - side))
        pseudo = a + b + struct.pack("!HH", 6, len(head) + n)
        if checksum_ == "partial":
            total = checksum(pseudo) ^ 0xffff
        else:
            total = checksum(pseudo + head + text) ^ (0x5555 if checksum_ == "bad" else 0)
        head = head[:16] + struct.pack("!H", total) + head[18:]
        self.capture.add(t, self.hosts[side], self.hosts[1 - side], 6, head + text, self.ttl[side] if ttl is None else ttl, ip_id, tos,
                         snap)
        return t

    def syn(self, t, again=False, **more):
        self.segment(t, 0, flags=SYN, seq=0 if again else None, options=self.options(0), **more)

    def synack(self, t, again=False):
        self.segment(t, 1, flags=SYN | ACK, seq=0 if again else None, options=self.options(1))

    def request(self, t, n=100, answer=1000, think=0.001):
        """A request and its answer in one segment or more; the time when all is acknowledged."""
        self.segment(t, 0, n, PSH | ACK)
        if think > 0.04:
            self.segment(t + self.rtt + 0.04, 1)
        t += self.rtt + think
        while answer > 0:
            self.segment(t, 1, min(answer, 1460), ACK if answer > 1460 else PSH | ACK)
            answer -= 1460
            t += 0.0001
        self.segment(t, 0)
        return t

    def flight(self, t, n, side=1, size=1460, ack=True, gap=0.0001, ack_every=1):
        """n segments, each acknowledged at once if side is the server, a round trip later if not."""
        for i in range(n):
            self.segment(t + i * gap, side, size)
            if ack and (i + 1) % ack_every == 0:
                self.segment(t + i * gap + (0.00002 if side else self.rtt), 1 - side, ack=self.next[side])
        return t + n * gap

    def download(self, t, rounds, first=10, most=40):
        """Flights that double, each a round trip after the one before; the time after the last."""
        n = first
        for _ in range(rounds):
            self.flight(t, n)
            t += self.rtt + 0.0002
            n = min(2 * n, most)
        return t

    def close(self, t, side=0):
        """side closes first."""
        back = self.rtt if side == 0 else 0.0001
        self.segment(t, side, flags=FIN | ACK)
        self.segment(t + back, 1 - side, flags=FIN | ACK)
        t += back + (0.00005 if side == 0 else self.rtt)
        self.segment(t, side)
        return t


def started(capture, rtt=0.03, answer=1000, **more):
    """A connection with one request answered, and the time after it."""
    c = Connection(capture, rtt=rtt, **more)
    return c, c.request(rtt + 0.001, answer=answer)


# ---------------------------------------------------------------------------------------------------- how it came about
def connection_refused(capture, near):
    c = Connection(capture, open_=near)
    if near:                            # established, asked, and then closed by a RST instead of a FIN
        c.request(0.04)
        c.segment(0.5, 1, flags=RST | ACK)
        return
    c.syn(0)
    c.segment(c.rtt, 1, flags=RST | ACK, ack=1, seq=0, window=0)


def syn_timeout(capture, near):
    c = Connection(capture, open_=False)
    for i, t in enumerate((0, 1) if near else (0, 1, 3, 7)):
        c.syn(t, again=i > 0)
    if near:
        c.synack(1.03)
        c.segment(1.03005, 0)
        c.close(c.request(1.031))


def icmp_unreachable(capture, near):
    c = Connection(capture, open_=False)
    c.syn(0)
    quoted = bytearray(capture.packets[-1][1][:28])
    if near:                            # the error is about another port
        quoted[20:22] = struct.pack("!H", 40001)
    icmp = struct.pack("!BBHI", 3, 1, 0, 0) + bytes(quoted)
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
    capture.add(0.02, "198.51.100.1", CLIENT, 1, icmp, 60)
    if near:
        c.synack(0.03)
        c.segment(0.03005, 0)
        c.close(c.request(0.031))
        return
    c.syn(1, again=True)
    capture.add(1.02, "198.51.100.1", CLIENT, 1, icmp, 60)


def slow_handshake(capture, near):
    c = Connection(capture, open_=False)
    t = 0.05 if near else 1.03          # near: the SYN-ACK took 50 ms where answers take 30
    c.syn(0)
    if not near:
        c.syn(1, again=True)
    c.synack(t)
    c.segment(t + 0.00005, 0)
    c.close(c.request(t + 0.001))


def accept_queue_overflow(capture, near):
    c = Connection(capture)
    if near:                            # only one answer, which may have been lost
        c.synack(1.03, again=True)
        c.segment(1.03005, 0)
        c.close(c.request(1.04))
        return
    c.segment(0.031, 0, 100, PSH | ACK)
    for t in (0.25, 0.5):
        c.segment(t, 0, 100, PSH | ACK, seq=1)
    c.synack(1.03, again=True)
    c.segment(1.03005, 0)
    c.segment(1.5, 0, 100, PSH | ACK, seq=1)
    c.segment(1.53, 1)
    c.segment(1.55, 1, 500, PSH | ACK)
    c.segment(1.55005, 0)
    c.close(1.6)


def syn_flood(capture, near):
    seed = random.Random(1)
    for i in range(200):
        source = f"198.51.100.{seed.randrange(1, 255)}"
        c = Connection(capture, i * 0.01, port=1024 + i * 7, client=source, open_=near)
        if near:                        # as many, and all of them are meant
            c.close(c.request(i * 0.01 + 0.031))
            continue
        c.syn(i * 0.01)
        if i % 4 == 0:
            c.synack(i * 0.01 + 0.0002)


def half_open_pileup(capture, near):
    for i in range(10 if near else 30):
        c = Connection(capture, open_=False, port=40000 + i, client=f"198.51.100.{i + 1}")
        c.syn(i * 0.5)
        c.synack(i * 0.5 + 0.0002)
    if near:
        c, t = started(capture)
        c.close(t)


def port_reuse(capture, near):
    for i in range(2):
        c = Connection(capture, i * 70.0, port=40000 + (i if near else 0))
        c.isn = [x + i * 5000000 for x in c.isn]
    capture.packets.clear()
    capture.ids.clear()
    for i in range(2):
        c = Connection(capture, open_=False, port=40000 + (i if near else 0))
        c.isn = [x + i * 5000000 for x in c.isn]
        c.syn(i * 3.0)
        c.synack(i * 3.0 + 0.03)
        c.segment(i * 3.0 + 0.03005, 0)
        c.close(c.request(i * 3.0 + 0.031))


def time_wait_pileup(capture, near):
    for i in range(900 if near else 1100):
        t = i * 0.04
        c = Connection(capture, t, rtt=0.001, port=20000 + i)
        c.close(c.request(t + 0.0015, answer=100, think=0.0002))


# ---------------------------------------------------------------------------------------------------- delivery
def hole(c, t, late, sacked=4, rtx=True):
    """Six segments of the server of which the second is missing; it comes `late` after it should have."""
    base = c.next[1]
    for i in range(6):
        if i != 1:
            c.segment(t + i * 0.0001, 1, 1460, seq=base + i * 1460)
        if i == 0:
            c.segment(t + 0.00002, 0, ack=base + 1460)
        elif i > 1:
            c.segment(t + i * 0.0001 + 0.00002, 0, ack=base + 1460, sack=((base + 2920, base + (i + 1) * 1460),))
    if rtx:
        c.segment(t + late, 1, 1460, seq=base + 1460)
        c.segment(t + late + 0.00002, 0, ack=base + 6 * 1460)
    return t + late


def loss_before_capture(capture, near):
    c, t = started(capture)
    if near:                            # overtaken by a millisecond
        base = c.next[1]
        for i in (0, 2, 3, 1, 4, 5):
            c.segment(t + 0.03, 1, 1460, seq=base + i * 1460, ip_id=5000 + i)
            t += 0.0002
            c.segment(t + 0.03, 0, ack=base + 1460 if i in (0, 2, 3) else base + (4 if i == 1 else i + 1) * 1460,
                      sack=((base + 2920, base + (i + 1) * 1460),) if i in (2, 3) else ())
            t += 0.0002
        c.ids = None
        t = c.download(t + 0.06, 2)
    else:
        t = hole(c, t + 0.03, 0.0305)
        t = c.download(t + 0.03, 3)
    c.close(t + 0.01)


def upload_hole(c, t, n, lost, again):
    """The client sends n segments of which `lost` do not arrive; ACKs come a round trip later. When it may go on."""
    base, seen = c.next[0], c.rtt
    for i in range(n):
        c.segment(t + i * 0.0001, 0, 1460)
    acked, sacked = 0, []
    for i in range(n):
        if i in lost:
            continue
        if i == acked:
            acked = i + 1
            c.segment(t + i * 0.0001 + seen, 1, ack=base + acked * 1460)
        else:
            sacked = [(base + (max(lost) + 1) * 1460, base + (i + 1) * 1460)]
            c.segment(t + i * 0.0001 + seen, 1, ack=base + acked * 1460, sack=sacked)
    for k, i in enumerate(sorted(lost)):
        if again:
            c.segment(t + seen + 0.0006 + k * 0.0001, 0, 1460, seq=base + i * 1460)
    done = base + n * 1460
    c.segment(t + 2 * seen + 0.0008, 1, ack=done)
    return t + 2 * seen + 0.001


def loss_after_capture(capture, near):
    c, t = started(capture)
    t = upload_hole(c, t + 0.01, 10, set() if near else {3}, True)
    t = upload_hole(c, t + 0.001, 10, set(), True)
    c.segment(t, 1, 200, PSH | ACK)
    c.segment(t + 0.00005, 0)
    c.close(t + 0.01)


def timeout(capture, near):
    c, t = started(capture)
    base = c.next[0]
    t += 0.01
    for i in range(5):
        c.segment(t + i * 0.0001, 0, 1460)
    if near:                            # lost as well, but SACK tells: no timer
        for i in range(1, 5):
            c.segment(t + c.rtt + i * 0.0001, 1, ack=base, sack=((base + 1460, base + (i + 1) * 1460),))
        c.segment(t + c.rtt + 0.0006, 0, 1460, seq=base)
        c.segment(t + 2 * c.rtt + 0.0007, 1, ack=base + 5 * 1460)
        t += 0.1
    else:
        c.segment(t + 0.24, 0, 1460, seq=base)
        c.segment(t + 0.72, 0, 1460, seq=base)
        c.segment(t + 0.75, 1, ack=base + 1460)
        for i in range(1, 5):
            c.segment(t + 0.7501 + i * 0.0001, 0, 1460, seq=base + i * 1460)
            c.segment(t + 0.7801 + i * 0.0001, 1, ack=base + (i + 1) * 1460)
        t += 0.8
    c.segment(t, 1, 200, PSH | ACK)
    c.segment(t + 0.00005, 0)
    c.close(t + 0.01)


def tail_loss(capture, near):
    c, t = started(capture)
    base = c.next[0]
    t += 0.01
    for i in range(5):
        c.segment(t + i * 0.0001, 0, 1460)
    for i in range(5 if near else 3):
        c.segment(t + c.rtt + i * 0.0001, 1, ack=base + (i + 1) * 1460)
    if not near:                        # the probe, the hole that it shows, and what fills it
        probe = t + c.rtt + 0.0002 + 0.0635
        c.segment(probe, 0, 1460, seq=base + 4 * 1460)
        c.segment(probe + c.rtt, 1, ack=base + 3 * 1460, sack=((base + 4 * 1460, base + 5 * 1460),))
        c.segment(probe + c.rtt + 0.0001, 0, 1460, seq=base + 3 * 1460)
        c.segment(probe + 2 * c.rtt + 0.0001, 1, ack=base + 5 * 1460)
    t += 0.2
    c.segment(t, 1, 200, PSH | ACK)
    c.segment(t + 0.00005, 0)
    c.close(t + 0.01)


def spurious_timeout(capture, near):
    c, t = started(capture)
    base = c.next[0]
    t += 0.01
    for i in range(5):
        c.segment(t + i * 0.0001, 0, 1460)
    if not near:                        # the ACKs are late by half a second
        c.segment(t + 0.24, 0, 1460, seq=base)
    late = t + (0.03 if near else 0.5)
    for i in range(5):
        c.segment(late + i * 0.0001, 1, ack=base + (i + 1) * 1460)
    if not near:
        c.segment(t + 0.53, 1, ack=base + 5 * 1460, sack=((base, base + 1460),))
    c.segment(t + 0.6, 1, 200, PSH | ACK)
    c.segment(t + 0.60005, 0)
    c.close(t + 0.7)


def spurious_retransmission(capture, near):
    c, t = started(capture)
    base = c.next[0]
    t += 0.01
    for i in range(6):
        c.segment(t + i * 0.0001, 0, 1460)
    r = t + c.rtt
    for i in range(1, 6):
        c.segment(r + i * 0.0001, 1, ack=base, sack=((base + 1460, base + (i + 1) * 1460),))
    c.segment(r + 0.0006, 0, 1460, seq=base)
    if near:                            # it was lost indeed
        c.segment(r + 0.0006 + c.rtt, 1, ack=base + 6 * 1460)
    else:                               # it was only late
        c.segment(r + 0.004, 1, ack=base + 6 * 1460)
        c.segment(r + 0.0006 + c.rtt, 1, ack=base + 6 * 1460, sack=((base, base + 1460),))
    c.segment(t + 0.2, 1, 200, PSH | ACK)
    c.segment(t + 0.20005, 0)
    c.close(t + 0.21)


def reordering(capture, near):
    loss_before_capture(capture, not near)


def duplicate_delivery(capture, near):
    c, t = started(capture)
    t = c.flight(t + 0.03, 5)
    c.segment(t + 0.0001, 1, 1000, PSH | ACK)
    if not near:
        capture.repeat(0.0004)
    c.segment(t + 0.0002, 0)
    if not near:
        c.segment(t + 0.00055, 0, sack=((c.next[1] - 1000, c.next[1]),))
    t = c.flight(t + 0.03, 10)
    c.close(t + 0.04)


# ---------------------------------------------------------------------------------------------------- windows
def zero_window(capture, near):
    c, t = started(capture, window=(8760, 65160), scale=(0, 7))
    t += 0.03
    low = 1460 if near else 0
    for left in (7300, 5840, 4380, 2920, 1460) + ((0,) if not near else ()):
        c.segment(t, 1, 1460)
        c.segment(t + 0.00002, 0, window=max(left, low))
        t += 0.0001
    if not near:
        for wait in (0.24, 0.72, 1.68):
            c.segment(t + wait, 1, seq=c.next[1] - 1)
            c.segment(t + wait + 0.00002, 0, window=0)
        t += 2.0
    c.segment(t + 0.01, 0, window=8760)
    t = c.flight(t + 0.04, 4)
    c.close(t + 0.04)


def small_window(capture, near):
    c, t = started(capture, window=(8760, 65160), scale=(0, 7), rtt=0.1)
    if near:                            # as small, but no more is to be sent
        t = c.flight(t + 0.1, 3)
    else:
        for _ in range(12):
            t += 0.1002
            c.flight(t, 6)
    c.close(t + 0.15)


def window_scaling_missing(capture, near):
    c, t = started(capture, window=(65535, 65535), scale=(None, None), rtt=0.08)
    n = 10
    for _ in range(2 if near else 12):
        t += 0.0803
        c.flight(t, min(n, 44), ack_every=2)
        n *= 2
    c.close(t + 0.1)


def window_scaling_broken(capture, near):
    """A box sets the scale of the SYN-ACK to 0: the 509 that the server scales by 128 are bytes to the client. Near: a server
    whose window is small indeed."""
    c = Connection(capture, rtt=0.04, scale=(7, 0), window=(64240, 509 if near else 65160))
    c.window[1] = 509
    t = 0.05
    for _ in range(20):
        c.segment(t, 0, 509, PSH | ACK)
        c.segment(t + c.rtt, 1)
        t += c.rtt + 0.00005
    c.segment(t, 0, 200, PSH | ACK)
    c.segment(t + c.rtt, 1)
    c.close(t + 0.1)


def window_scaling_ignored(capture, near):
    """A box removes the option from the client's SYN-ACK on its way back: the server scales the client's window, the client does
    not. Near: the server keeps within the 64 kB."""
    c, t = started(capture, window=(65535, 65535), scale=(None, 7), rtt=0.08)
    n = 10
    for _ in range(6):
        t += 0.0803
        for i in range(min(n, 40 if near else 160)):
            c.segment(t + i * 0.0001, 1, 1460)
        for i in range(0, min(n, 40 if near else 160), 2):
            c.segment(t + 0.02 + i * 0.0001, 0, ack=c.next[1])
        n *= 2
    c.close(t + 0.2)


def silly_window(capture, near):
    c, t = started(capture, window=(2920, 65160), scale=(0, 7))
    t += 0.03
    c.segment(t, 1, 1460)
    c.segment(t + 0.0001, 1, 1460)
    c.segment(t + 0.0002, 0, window=200)
    for i in range(1 if near else 8):
        t += 0.0302
        c.segment(t, 1, 200)
        c.segment(t + 0.00002, 0, window=200)
    c.segment(t + 0.2, 0, window=2920)
    c.segment(t + 0.23, 1, 1460)
    c.segment(t + 0.23002, 0)
    c.close(t + 0.3)


# ---------------------------------------------------------------------------------------------------- pace
def nagle_delayed_ack(capture, near):
    c, t = started(capture)
    for _ in range(1 if near else 5):
        t += 0.01
        c.segment(t, 0, 40, PSH | ACK)
        c.segment(t + c.rtt + 0.04, 1)
        c.segment(t + c.rtt + 0.04005, 0, 60, PSH | ACK)
        t += 2 * c.rtt + 0.041
        c.segment(t, 1, 200, PSH | ACK)
        c.segment(t + 0.00002, 0)
    c.close(t + 0.01)


def small_initial_window(capture, near):
    c = Connection(capture, rtt=0.05)
    t = 0.051
    c.segment(t, 0, 100, PSH | ACK)
    t += 0.051
    n = 10 if near else 2
    for _ in range(4):
        c.flight(t, n)
        t += 0.0502
        n *= 2
    c.close(t + 0.02)


def idle_restart(capture, near):
    c = Connection(capture, rtt=0.05)
    c.segment(0.051, 0, 100, PSH | ACK)
    t = c.download(0.102, 4, first=10, most=80)
    t += 0.05 if near else 3.0
    t = c.download(t, 4, first=80 if near else 10, most=80)
    c.close(t + 0.02)


def application_limited(capture, near):
    c, t = started(capture)
    for _ in range(2 if near else 8):
        t += c.rtt if near else 0.6
        c.segment(t, 1, 300, PSH | ACK)
        c.segment(t + 0.00002, 0)
    if near:
        t = c.download(t + c.rtt, 12)
    c.close(t + 0.03)


def slow_server(capture, near):
    c, t = started(capture)
    t = c.request(t + 0.01, answer=4000, think=0.05 if near else 1.5)
    c.close(t + 0.001)


def slow_client(capture, near):
    c, t = started(capture)
    for _ in range(2):
        t = c.request(t + (0.1 if near else 4.0), answer=4000)
    c.close(t + 0.001)


# ---------------------------------------------------------------------------------------------------- the end
def rst_abort(capture, near):
    c, t = started(capture)
    if near:
        t = c.close(t + 0.01)
        c.segment(t + 0.01, 0, flags=RST, seq=c.next[0])
        return
    t = c.flight(t + 0.03, 10)
    c.segment(t, 0, 300, PSH | ACK)
    c.segment(t + 0.02, 1, flags=RST | ACK, ack=c.next[0] - 300)


def rst_abort_closed(capture, near):
    """The client has closed when the server says one thing more: a RST answers it, and nobody misses it. Near: all of it came before
    the client's FIN."""
    c, t = started(capture)
    if near:
        c.segment(t, 1, 31, PSH | ACK)
        c.segment(t + 0.00005, 0)
        c.close(t + 0.01)
        return
    c.segment(t, 0, flags=FIN | ACK)
    c.segment(t + 0.03, 1)
    c.segment(t + 0.031, 1, 31, PSH | ACK)
    c.segment(t + 0.03102, 0, flags=RST, ack=0)


def rst_injected(capture, near):
    c, t = started(capture)
    t = c.flight(t + 0.03, 10)
    c.segment(t, 0, 100, PSH | ACK)
    c.segment(t + 0.012, 1, flags=RST | ACK, ttl=None if near else 250, ip_id=None if near else 1, ack=c.next[0])
    if not near:
        for i in range(4):
            c.segment(t + 0.031 + i * 0.0001, 1, 1460)


def half_open_peer(capture, near):
    c, t = started(capture)
    if near:                            # closed before it begins anew
        t = c.close(t)
    d = Connection(capture, open_=False)
    d.isn = [(c.isn[0] + c.next[0] + 5000) if not near else c.isn[0] + 9000000, c.isn[1] + (9000000 if near else 0)]
    d.syn(t + 8)
    if near:
        d.synack(t + 8.03)
        d.segment(t + 8.03005, 0)
        d.close(d.request(t + 8.04))
        return
    c.segment(t + 8.03, 1)
    c.segment(t + 8.03005, 0, flags=RST, seq=c.next[0])


def half_closed(capture, near):
    c, t = started(capture)
    c.segment(t, 0, flags=FIN | ACK)
    c.segment(t + 0.03, 1)
    for i in range(2 if near else 10):
        t += 0.03 if near else 0.5
        c.segment(t + 0.03, 1, 1000, PSH | ACK)
        c.segment(t + 0.03002, 0)
    c.segment(t + 0.1, 1, flags=FIN | ACK)
    c.segment(t + 0.10005, 0)


def fin_wait_2_stuck(capture, near):
    c, t = started(capture)
    c.segment(t, 0, flags=FIN | ACK)
    c.segment(t + 0.03, 1)
    t += 20 if near else 90
    c.segment(t, 1, flags=FIN | ACK)
    c.segment(t + 0.00005, 0)


def close_wait_stuck(capture, near):
    c, t = started(capture)
    c.segment(t, 0, flags=FIN | ACK)
    c.segment(t + 0.03, 1)
    t += 20 if near else 90
    d = Connection(capture, t, port=40001)
    d.close(d.request(t + 0.031))


def keepalive_dead(capture, near):
    c, t = started(capture)
    for i in range(5):
        t += 10 if i == 0 else 3
        c.segment(t, 0, seq=c.next[0] - 1)
        if near:
            c.segment(t + 0.03, 1)
    if near:
        c.close(t + 1)
    else:
        c.segment(t + 3, 0, flags=RST | ACK)


# ---------------------------------------------------------------------------------------------------- the path
def pmtu_black_hole(capture, near):
    c = Connection(capture)
    t = c.request(0.031, answer=500)
    base = c.next[0]
    if near:                            # full-sized segments arrived before: an outage, not their size
        c.flight(t + 0.001, 2, side=0)
        base = c.next[0]
        t += 0.05
    c.segment(t + 0.01, 0, 1460)
    c.segment(t + 0.0101, 0, 400, PSH | ACK)
    if not near:
        c.segment(t + 0.0401, 1, ack=base, sack=((base + 1460, base + 1860),))
    for wait in (0.25, 0.73, 1.69):
        c.segment(t + wait, 0, 1460, seq=base)
    if near:
        c.segment(t + 1.72, 1, ack=base + 1860)
        c.segment(t + 1.73, 1, 300, PSH | ACK)
        c.segment(t + 1.73005, 0)
        c.close(t + 1.8)
        return
    c.segment(t + 2.0, 1, 100, PSH | ACK, ack=base)
    c.segment(t + 2.00005, 0)
    c.segment(t + 3.61, 0, 1460, seq=base)


def mss_mismatch(capture, near):
    c, t = started(capture, mss=(1460, 1380 if near else 536), answer=500)
    for i in range(6):
        c.segment(t + 0.01 + i * 0.0001, 0, 1380 if near else 536)
        c.segment(t + 0.04 + i * 0.0001, 1, ack=c.next[0])
    c.close(t + 0.1)


def checksum_errors(capture, near):
    c, t = started(capture)
    t = c.flight(t + 0.03, 4)
    base = c.next[0]
    c.segment(t, 0, 100, PSH | ACK, checksum_="partial" if near else "bad")
    if not near:
        c.segment(t + 0.24, 0, 100, PSH | ACK, seq=base)
        t += 0.24
    c.segment(t + 0.03, 1, 200, PSH | ACK)
    c.segment(t + 0.03005, 0)
    c.close(t + 0.1)


def ecn_marks(capture, near):
    c, t = started(capture)
    t += 0.03
    for i in range(12):
        mark = 2 if near or i % 4 else 3
        c.segment(t, 1, 1460, tos=mark)
        c.segment(t + 0.00002, 0, flags=ACK | (0 if near else ECE))
        t += 0.0001
    c.close(t + 0.03)


def bufferbloat(capture, near):
    c = Connection(capture, rtt=0.02, window=(64240, 640000))
    t, delay = 0.03, 0.02
    base = c.next[0]
    acks = []
    for i in range(300):
        c.segment(t, 0, 1460)
        delay = min(delay + 0.0015, 0.03 if near else 0.25)
        acks.append((t + delay, c.next[0]))
        t += 0.0015
    lost = base + 150 * 1460
    for when, ack in acks:
        if near or ack <= lost:
            c.segment(when, 1, ack=ack)
        elif ack > lost + 1460 and when < acks[150][0] + 0.255:
            c.segment(when, 1, ack=lost, sack=((lost + 1460, ack),))
        elif ack > lost + 1460:
            c.segment(when, 1, ack=ack)
    if not near:
        c.segment(acks[153][0] + 0.0001, 0, 1460, seq=lost)
    end = acks[-1][0]
    c.segment(end + 0.01, 1, ack=c.next[0])
    c.close(end + 0.1)


# ---------------------------------------------------------------------------------------------------- the capture
def capture_loss(capture, near):
    c, t = started(capture)
    t += 0.03
    for i in range(12):
        c.segment(t, 1, 1460)
        if i in (4, 5) and not near:
            capture.packets.pop()
        c.segment(t + 0.00002, 0, ack=c.next[1])
        t += 0.0001
    t = c.flight(t + 0.03, 20)
    c.close(t + 0.05)


def truncated_capture(capture, near):
    c, t = started(capture)
    t += 0.03
    for i in range(6):
        c.segment(t, 1, 1460, snap=None if near else 96)
        c.segment(t + 0.00002, 0)
        t += 0.0001
    c.close(t + 0.03)


def offload_segments(capture, near):
    c, t = started(capture)
    for _ in range(4):
        t += 0.03
        n = 1 if near else 10
        c.segment(t, 1, 1460 * n)
        c.segment(t + 0.00005, 0)
    c.close(t + 0.03)


def one_sided_capture(capture, near):
    c, t = started(capture)
    t = c.download(t + 0.03, 2)
    c.close(t + 0.03)
    if not near:
        capture.packets = [p for p in capture.packets if p[1][12:16] == ipaddress.ip_address(SERVER).packed]


def duplicated_capture(capture, near):
    c, t = started(capture)
    t = c.download(t + 0.03, 2)
    c.close(t + 0.03)
    if near:
        t, data, snap = capture.packets[8]
        capture.packets.append((t + 300, data, snap))
    else:
        capture.packets += [(t + 3, data, snap) for t, data, snap in capture.packets]


FINDINGS = [connection_refused, syn_timeout, icmp_unreachable, slow_handshake, accept_queue_overflow, syn_flood, half_open_pileup,
            port_reuse, time_wait_pileup, loss_before_capture, loss_after_capture, timeout, tail_loss, spurious_timeout,
            spurious_retransmission, reordering, duplicate_delivery, zero_window, small_window, window_scaling_missing,
            window_scaling_broken, window_scaling_ignored, silly_window, nagle_delayed_ack, small_initial_window, idle_restart, application_limited, slow_server, slow_client,
            rst_abort, rst_abort_closed, rst_injected, half_open_peer, half_closed, fin_wait_2_stuck, close_wait_stuck, keepalive_dead,
            pmtu_black_hole, mss_mismatch, checksum_errors, ecn_marks, bufferbloat, capture_loss, truncated_capture,
            offload_segments, one_sided_capture, duplicated_capture]


# ---------------------------------------------------------------------------------------------------- more that nearly do
def accept_queue_crossed(capture, _):
    """The SYN is repeated, as its SYN-ACK was late; that and the answer to the second SYN cross."""
    c = Connection(capture, open_=False)
    c.syn(0)
    c.synack(0.03)
    c.syn(1.0, again=True)
    c.segment(1.02, 0)
    c.segment(1.0202, 0, 100, PSH | ACK)
    c.synack(1.03, again=True)
    c.segment(1.03005, 0)
    c.segment(1.031, 1)
    c.segment(1.035, 1, 500, PSH | ACK)
    c.segment(1.03505, 0)
    c.close(1.2)


def half_open_unanswered(capture, _):
    """SYNs of which no answer passes: nothing shows that the server has received them."""
    for i in range(30):
        c = Connection(capture, open_=False, port=40000 + i, client=f"198.51.100.{i + 1}")
        c.syn(i * 0.03)


def close_wait_unproven(capture, _):
    """A FIN that nobody acknowledges may not have arrived."""
    c, t = started(capture)
    c.segment(t, 0, flags=FIN | ACK)
    t += 90
    d = Connection(capture, t, port=40001)
    d.close(d.request(t + 0.031))


def icmp_redirect(capture, _):
    """Another router is better (RFC 792): the segment that it quotes was forwarded."""
    c, t = started(capture)
    icmp = struct.pack("!BBH4s", 5, 1, 0, ipaddress.ip_address("192.0.2.1").packed) + capture.packets[-1][1][:28]
    icmp = icmp[:2] + struct.pack("!H", checksum(icmp)) + icmp[4:]
    capture.add(t + 0.001, "192.0.2.254", CLIENT, 1, icmp, 64)
    c.close(t + 0.05)


def truncated_short(capture, _):
    """Packets that are shorter than their header says, whole as they are: no snapshot length cut them."""
    c, t = started(capture)
    t += 0.03
    for _ in range(6):
        c.segment(t, 1, 1460)
        when, data, snap = capture.packets[-1]
        capture.packets[-1] = (when, data[:96], snap)
        c.segment(t + 0.00002, 0)
        t += 0.0001
    c.close(t + 0.03)


def zero_window_closed(capture, _):
    """After both FINs the window says nothing: some stacks put 0 there."""
    c, t = started(capture)
    t = c.close(t + 0.1)
    c.segment(t + 0.3, 1, flags=FIN | ACK, seq=c.next[1] - 1)
    c.segment(t + 0.30005, 0, window=0)


NEAR = [accept_queue_crossed, half_open_unanswered, close_wait_unproven, icmp_redirect, truncated_short,
        zero_window_closed]


def main():
    for make in FINDINGS + NEAR:
        for folder, near in (("samples", False), ("near", True)):
            if not near and (make is zero_window or make in NEAR):
                continue                # of a zero window samples/make.py makes a real one
            capture = Capture()
            make(capture, near)
            name = make.__name__.replace("_", "-") + ".pcap"
            data = capture.bytes()
            if len(data) > 100000:
                name, data = name + ".gz", gzip.compress(data, mtime=0)
            os.makedirs(os.path.join(sys.argv[1], folder), exist_ok=True)
            with open(os.path.join(sys.argv[1], folder, name), "wb") as f:
                f.write(data)


main()
