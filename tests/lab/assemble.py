"""From what a run left behind (three captures, packets.csv, the kernel's trace, the applications' reports) to truth.json,
series.json.gz and packets.csv.gz in the format of ../shared/groundtruth/README.md."""
import csv
import gzip
import ipaddress
import json
import os
import re
import shutil
import struct
from bisect import bisect_right
from collections import Counter, defaultdict, namedtuple

FIN, SYN, RST, ACK = 1, 2, 4, 16
CA = ("Open", "Disorder", "CWR", "Recovery", "Loss")
Sent = namedtuple("Sent", "id side ports t seq ack flags win len src m dst copies fate")     # a packet, where it left
Event = namedtuple("Event", "t name side ports f stack")


def other(side):
    return "B" if side == "A" else "A"


def sdiff(a, b):
    return ((a - b + 0x80000000) & 0xffffffff) - 0x80000000


def unix(ns):
    return round(ns / 1e9, 6)


# ---------------------------------------------------------------------------------------------------- captures
def headers(path):
    """frame -> (time in ns, source port, destination port, seq, ack, flags, window, payload length)"""
    data = open(path, "rb").read()
    at, frame, out = 24, 0, {}
    while at < len(data):
        s, ns, caplen, _ = struct.unpack_from("<IIII", data, at)
        ip, at, frame = at + 16, at + 16 + caplen, frame + 1
        v6 = data[ip] >> 4 == 6
        tcp = ip + (40 if v6 else (data[ip] & 15) * 4)
        stop = ip + struct.unpack_from(">H", data, ip + (4 if v6 else 2))[0] + (40 if v6 else 0)
        sp, dp, seq, ack, off, flags, win = struct.unpack_from(">HHIIBBH", data, tcp)
        out[frame] = (s * 10**9 + ns, sp, dp, seq, ack, flags, win, stop - tcp - (off >> 4) * 4)
    return out


def sent_packets(folder):
    """every packet in the order of leaving"""
    cap = {v: headers(os.path.join(folder, v + ".pcap")) for v in "AB"}
    out, copies = [], {}
    with open(os.path.join(folder, "packets.csv")) as f:
        for r in csv.DictReader(f):
            if r["copy"] == "1":
                copies[int(r["id"])] = int(r["dst_frame"])
                continue
            side = r["dir"][0].upper()
            t, sp, dp, seq, ack, flags, win, n = cap[side][int(r["src_frame"])]
            out.append(Sent(int(r["id"]), side, (sp, dp) if side == "A" else (dp, sp), t, seq, ack, flags, win, n,
                            int(r["src_frame"]), int(r["m_frame"]), int(r["dst_frame"]), 0, r["fate"]))
    return [p._replace(copies=1 if p.id in copies else 0, dst=p.dst or copies.get(p.id, 0)) for p in out]


# ---------------------------------------------------------------------------------------------------- trace
LINE = re.compile(r"^.{16}-\d+\s+\[(\d+)\]\s+\S+\s+(\d+)\.(\d{6}): (?:(\w+): )?(.*)$")
PAIR = re.compile(r"(\w+)=(\S+)")


def endpoint(text):
    host, _, port = text.rpartition(":")
    return str(ipaddress.ip_address(host.strip("[]"))), int(port)


def trace_events(text, addr, offset_ns):
    """kernel events between the two addresses, in order; `stack` is a list of functions, or None"""
    host = {str(ipaddress.ip_address(a)): s for s, a in addr.items()}
    family = "6" if ":" in addr["A"] else ""
    out, stack, latest = [], None, {}                           # latest: processor -> its last event's stack
    for line in text.splitlines():
        if line.startswith(" =>"):
            if stack is not None:
                stack.append(line[4:].split()[0].split("+")[0])
            continue
        m = LINE.match(line)
        if not m:
            continue
        cpu, s, us, name, rest = m.groups()
        if rest.startswith("<stack trace>"):
            stack = latest.get(cpu)
            continue
        latest[cpu] = stack = None
        f = dict(PAIR.findall(rest))
        try:
            if name == "tcp_probe":
                (a, sp), (b, dp) = endpoint(f["src"]), endpoint(f["dest"])
            else:
                a, b = (str(ipaddress.ip_address(f[k + ("v6" if family else "")])) for k in ("saddr", "daddr"))
                sp, dp = int(f["sport"]), int(f["dport"])
        except (KeyError, ValueError):
            continue
        if a in host and b in host and a != b:
            side = host[a]
            out.append(Event(int(s) * 10**9 + int(us) * 1000 + offset_ns, name, side, (sp, dp) if side == "A" else (dp, sp), f, []))
            if name == "tcp_retransmit_skb":
                latest[cpu] = out[-1].stack
    return out


# ---------------------------------------------------------------------------------------------------- connections
def connections(packets):
    """one per 4-tuple and incarnation, from the SYNs that A sent"""
    conns, of = [], defaultdict(list)
    for p in packets:
        L = of[p.ports]
        if p.side == "A" and p.flags & (SYN | ACK) == SYN and (not L or L[-1]["isn"] != p.seq):
            L.append({"id": len(conns) + 1, "ports": p.ports, "isn": p.seq, "t": p.t, "incarnation": len(L), "sent": {"A": [], "B": []}})
            conns.append(L[-1])
        if L:
            L[-1]["sent"][p.side].append(p)
    return conns, of


def conn_at(of, ports, t):
    L = of.get(ports, [])
    return next((c for c in reversed(L) if t >= c["t"] - 3_000_000), L[0] if L else None)


def covered(parts, lo, hi):
    for l, r in sorted(parts):
        if l <= lo < r:
            lo = r
    return lo >= hi


def transmissions(sent):
    """-> (retransmitted packets with what is known of their earlier copies, SYN-ACKs of a simultaneous open)"""
    isn, top, earlier, syn, out, crossed = None, None, [], None, [], 0
    for p in sent:
        if p.flags & RST or not (p.len or p.flags & (SYN | FIN)):
            continue
        if p.flags & SYN:
            kind = "synack" if p.flags & ACK else "syn"
            if isn is None or p.seq != isn and kind == "syn":
                isn, top, earlier, syn = p.seq, 0, [], kind
            elif kind != syn:
                crossed, syn = crossed + 1, kind
                continue
        elif isn is None:
            isn, top = (p.seq - 1) & 0xffffffff, 1
        lo = sdiff(p.seq, isn)
        hi = lo + p.len + bool(p.flags & SYN) + bool(p.flags & FIN)
        if lo < top:
            same = [e for e in earlier if e[0] < hi and e[1] > lo]
            kind = kind if p.flags & SYN else ("data+fin" if p.len else "fin") if p.flags & FIN else "data"
            reaches = [e for e in same if e[2]]
            out.append({"p": p, "kind": kind, "tx_no": len(same), "needed": not covered([(e[0], e[1]) for e in reaches], lo, hi),
                        "orig_seen": {"src": True, "M": any(e[3] for e in same), "dst": any(e[2] for e in same)}})
        earlier.append((lo, hi, bool(p.dst) or p.fate == "in-flight-at-end", bool(p.m)))
        top = max(top, hi)
    return out, crossed


# ---------------------------------------------------------------------------------------------------- causes
def cause_of(e, states):
    """why the kernel sent this again: by its call stack, else (a timer that interrupted the idle task) by the congestion state"""
    i = bisect_right([t for t, _ in states], e.t) - 1
    ca = states[i][1] if i >= 0 else "Open"
    stack = " ".join(e.stack)
    if "tcp_send_loss_probe" in stack:
        return "tlp", ca
    if "tcp_retransmit_timer" in stack:
        return "rto", ca
    if "tcp_xmit_retransmit_queue" in stack or "tcp_simple_retransmit" in stack:
        return ("slow-start-after-rto" if ca == "Loss" else "fast"), ca
    if ca == "Loss":
        return ("rto" if e.t - states[i][0] < 300_000 else "slow-start-after-rto"), ca
    return ("fast" if ca == "Recovery" else "tlp"), ca


def assign_causes(rtx, events, states):
    """kernel events to wire segments, both in order; an event can stand for several segments of one burst"""
    events = [e for e in events if e.f.get("state") not in ("TCP_SYN_SENT", "TCP_SYN_RECV") and e.f.get("err", "0") == "0"]
    wire = [w for w in rtx if w["kind"] not in ("syn", "synack")]
    for w in rtx:
        w["cause"], w["ca_state"], w["t_kernel"], w["skew_us"] = w["kind"], "Open", None, None
    for i, w in enumerate(wire):
        t = w["p"].t
        if not events:
            w["cause"] = "unexplained"
            continue
        e = events[i] if len(events) == len(wire) else min(events, key=lambda e: abs(t - e.t))
        w["cause"], w["ca_state"] = cause_of(e, states)
        w["t_kernel"], w["skew_us"] = unix(e.t), (t - e.t) / 1e3
        w["via"] = next((f for f in e.stack if f.startswith("tcp_") and f not in ("tcp_retransmit_skb", "__tcp_retransmit_skb")), None)
        if abs(t - e.t) > 3_000_000:
            w["cause"] = "unexplained"
    return Counter(cause_of(e, states)[0] for e in events)


# ---------------------------------------------------------------------------------------------------- endpoints
def wire_counts(sent, got, rtx, crossed):
    data = [p for p in sent if p.len and not p.flags & (RST | SYN)]
    n = {"segs_sent": len(sent), "segs_received": sum(1 + p.copies for p in got if p.dst), "data_segs_sent": len(data),
         "data_bytes_sent": sum(p.len for p in data), "pure_acks_sent": sum(1 for p in sent if not p.len and p.flags & (SYN | FIN | RST | ACK) == ACK),
         "rtx_bytes_sent": sum(w["p"].len for w in rtx), "simultaneous_open_synacks": crossed, "rst_sent": sum(1 for p in sent if p.flags & RST)}
    return {**{k: v for k, v in n.items() if v}, "rtx_segs_sent": len(rtx)}


def probe_series(events):
    col = {k: [] for k in ("t", "snd_nxt", "snd_una", "snd_cwnd", "ssthresh", "snd_wnd", "srtt_us", "rcv_wnd", "data_len")}
    for e in events:
        col["t"].append(unix(e.t))
        for k in col:
            if k != "t":
                col[k].append(int(e.f["srtt" if k == "srtt_us" else k], 0))
    return col


def first(packets, flag):
    return next((unix(p.t) for p in packets if p.flags & flag), None)


def endpoint_truth(c, side, events, app):
    sent, got = c["sent"][side], c["sent"][other(side)]
    mine = [e for e in events if e.side == side]
    cong = [(e.t, CA[int(e.f["cong_state"])]) for e in mine if e.name == "tcp_cong_state_set"]
    states = [{"t": unix(e.t), "old": e.f["oldstate"][4:], "new": e.f["newstate"][4:]} for e in mine if e.name == "inet_sock_set_state"]
    rtx, crossed = transmissions(sent)
    kernel = assign_causes(rtx, [e for e in mine if e.name == "tcp_retransmit_skb"], cong)
    probes = probe_series([e for e in mine if e.name == "tcp_probe"])
    srtt = [x for x in probes["srtt_us"] if x]
    last = states[-1] if states else {"old": "", "new": ""}
    reset = any(p.flags & RST for p in sent) or any(p.flags & RST and p.dst for p in got)
    E = {"side": side, "states": states, "cong_states": [{"t": unix(t), "state": s} for t, s in cong],
         "cong_entries": dict(Counter(s for i, (_, s) in enumerate(cong) if not i or cong[i - 1][1] != s)),
         "isn": next((p.seq for p in sent if p.flags & SYN), None), "wire": wire_counts(sent, got, rtx, crossed),
         "fin_sent_t": first(sent, FIN), "rst_sent_t": first(sent, RST), "rtx_events": dict(kernel),
         "rtx_counts": dict(Counter(w["cause"] for w in rtx)), "rtx_unneeded": sum(not w["needed"] for w in rtx),
         "retransmissions": [retransmission(w, side) for w in rtx], "max_cwnd": max(probes["snd_cwnd"], default=None),
         "rtt": {"n": len(srtt), **({"probe_srtt_mean_us": sum(srtt) / len(srtt), "probe_srtt_min_us": min(srtt), "probe_srtt_max_us": max(srtt)} if srtt else {})},
         "time_wait_inferred": last["old"] in ("FIN_WAIT1", "FIN_WAIT2", "CLOSING") and last["new"] == "CLOSE" and not reset}
    if app:
        E["app"], E["stream"] = app["events"], app["stream"]
    if app and app["final"]:
        f = E["tcp_info_final"] = app["final"]
        E["limits"] = {"busy_us": f["busy_time"], "rwnd_limited_us": f["rwnd_limited"], "sndbuf_limited_us": f["sndbuf_limited"],
                       "bytes_acked": f["bytes_acked"]}
    return E, probes


def retransmission(w, side):
    p = w["p"]
    return {"id": p.id, "t": unix(p.t), "t_kernel": w["t_kernel"], "skew_us": w["skew_us"], "seq": p.seq, "len": p.len, "flags": p.flags,
            "kind": w["kind"], "tx_no": w["tx_no"], "cause": w["cause"], "ca_state": w["ca_state"], "via": w.get("via"), "needed": w["needed"],
            "fate": p.fate, "frames": {side: p.src, "M": p.m or None, other(side): [p.dst] if p.dst else []}, "orig_seen": w["orig_seen"]}


def acked(c, side):
    end = next((p.seq + p.len + 1 for p in c["sent"][side] if p.flags & FIN), None)
    return end is not None and any(p.flags & ACK and p.dst and sdiff(p.ack, end) >= 0 for p in c["sent"][other(side)])


def ending(c, E, errors):
    resets = sorted((p.t, s) for s in "AB" for p in c["sent"][s] if p.flags & RST)
    opened = any(p.flags & SYN for p in c["sent"]["B"])
    if resets and not opened:
        return "refused"
    fins = all(acked(c, s) for s in "AB")
    if resets and not (fins and resets[0][0] > max(p.t for s in "AB" for p in c["sent"][s] if p.flags & FIN)):
        return f"rst-by-{resets[0][1]}" + ("+both" if len({s for _, s in resets}) == 2 else "")
    if fins:
        return "fin"
    if not opened or not any(x["new"] == "ESTABLISHED" for x in E["A"]["states"]):
        return "syn-timeout" if "ETIMEDOUT" in errors else "not-established"
    return "timeout" if "ETIMEDOUT" in errors else "incomplete"


def direction(src, dst):
    if not src:
        return None
    a, b = src["stream"], (dst or {}).get("stream", {})
    return {"sent_bytes": a["tx_bytes"], "received_bytes": b.get("rx_bytes", 0), "sha256": a["tx_sha256"], "complete": a["tx_sha256"] == b.get("rx_sha256")}


def app_of(run, side, c):
    """the report of the application that had this connection: of those with these ports, in order"""
    keys = [i for i, x in enumerate(run["scenario"]["conns"]) if (x["lport"], x["rport"]) == c["ports"]]
    reports = {a["key"]: a for a in run["apps"][side]}
    return reports.get(keys[c["incarnation"]]) if c["incarnation"] < len(keys) else None


# ---------------------------------------------------------------------------------------------------- checks
def checks(run, conns, packets):
    """what must agree whatever happened"""
    out = [("trace complete", not run["overrun"], run["overrun"])]
    for side in "AB":
        n = Counter(w["cause"] for c in conns for w in c["endpoints"][side]["retransmissions"])
        k = run["counters"][side].get
        for name, have, want in (("RetransSegs", sum(n.values()), k("TcpRetransSegs", 0)), ("FastRetrans", n["fast"], k("TcpExtTCPFastRetrans", 0)),
                                 ("SlowStartRetrans", n["slow-start-after-rto"], k("TcpExtTCPSlowStartRetrans", 0)),
                                 ("SynRetrans", n["syn"] + n["synack"], k("TcpExtTCPSynRetrans", 0))):
            out.append((f"{side} {name}", have == want, f"{have} on the wire, counter {want}"))
        out.append((f"{side} LossProbes", n["tlp"] <= k("TcpExtTCPLossProbes", 0), f"{n['tlp']} > {k('TcpExtTCPLossProbes', 0)}"))
        # with a window of 0 the retransmission timer does not count (tcp_retransmit_timer)
        shut = k("TcpExtTCPWinProbe", 0) or run["counters"][other(side)].get("TcpExtTCPToZeroWindowAdv", 0)
        out.append((f"{side} Timeouts", shut or n["rto"] <= k("TcpExtTCPTimeouts", 0), f"{n['rto']} > {k('TcpExtTCPTimeouts', 0)}"))
        out.append((f"{side} explained", not n["unexplained"], n["unexplained"]))
        for c in conns:
            f, sent = c["endpoints"][side].get("tcp_info_final"), c["endpoints"][side]["wire"]
            if f and c["established"]["A"]:
                out.append((f"{c['id']}.{side} total_retrans", f["total_retrans"] == sent["rtx_segs_sent"], f"{f['total_retrans']} {sent['rtx_segs_sent']}"))
    out.append(("some packets", bool(packets), 0))
    return [{"name": n, "ok": bool(ok), "detail": str(d)} for n, ok, d in out]


# ---------------------------------------------------------------------------------------------------- the folder
def compress(folder, name):
    with open(os.path.join(folder, name), "rb") as src, gzip.open(os.path.join(folder, name + ".gz"), "wb", 1) as dst:
        shutil.copyfileobj(src, dst)
    size = os.path.getsize(os.path.join(folder, name))
    os.remove(os.path.join(folder, name))
    return size


def describe(c, endpoints, apps, addr):
    fins = sorted((E["fin_sent_t"], s) for s, E in endpoints.items() if E["fin_sent_t"])
    errors = [e for a in apps.values() if a for e in a["errors"]]
    return {"id": c["id"], "client": [addr["A"], c["ports"][0]], "server": [addr["B"], c["ports"][1]], "incarnation": c["incarnation"],
            "first_syn_t": unix(c["t"]), "endpoints": endpoints, "app_errors": errors,
            "established": {s: any(x["new"] == "ESTABLISHED" for x in E["states"]) for s, E in endpoints.items()},
            "fin_acked": {s: acked(c, s) for s in "AB"}, "first_fin": fins[0][1] if fins else None,
            "end": ending(c, endpoints, errors), "a2b": direction(apps["A"], apps["B"]), "b2a": direction(apps["B"], apps["A"])}


def assemble(folder, run):
    """writes the truth into `folder` -> names of failed checks"""
    s, packets = run["scenario"], sent_packets(folder)
    conns, of = connections(packets)
    by_conn = defaultdict(list)
    for e in trace_events(run["trace"], run["addr"], run["offset_ns"]):
        c = conn_at(of, e.ports, e.t)
        if c:
            by_conn[c["id"]].append(e)
    described, series = [], {"tcp_probe": {}, "tcp_info": {}}
    for c in conns:
        apps = {side: app_of(run, side, c) for side in "AB"}
        endpoints = {}
        for side in "AB":
            endpoints[side], probes = endpoint_truth(c, side, by_conn[c["id"]], apps[side])
            key = f"{c['id']}.{side}"
            if probes["t"]:
                series["tcp_probe"][key] = probes
            if apps[side] and apps[side]["info"]["t"]:
                series["tcp_info"][key] = apps[side]["info"]
        described.append(describe(c, endpoints, apps, run["addr"]))
    tests = checks(run, described, packets)
    truth = {"name": s["name"], "set": "lab", "version": 1, "features": s["features"], "notes": "", "addr": run["addr"],
             "params": {k: v for k, v in s.items() if k not in ("name", "features")}, "rt_minus_mono_ns": run["offset_ns"],
             "trace_overrun": run["overrun"], "vantages": {"A": "host A (client side)", "B": "host B (server side)", "M": "mid path"},
             "frames_valid": True, "counters": run["counters"], "emulator": run["stats"]["lateness"],
             "network": {d: run["stats"][d] for d in ("ab", "ba")}, "connections": described, "checks": tests,
             "checks_failed": [t["name"] for t in tests if not t["ok"]], "wall_s": run["wall_s"],
             "files": {v: {"file": v + ".pcap.gz", "snaplen": 0, "raw_bytes": compress(folder, v + ".pcap")} for v in "ABM"}}
    compress(folder, "packets.csv")
    with gzip.open(os.path.join(folder, "series.json.gz"), "wt", 5) as f:
        json.dump(series, f)
    with open(os.path.join(folder, "truth.json"), "w") as f:
        json.dump(truth, f)
    for x in ("A.json", "B.json"):
        os.remove(os.path.join(folder, x))
    return [f"{t['name']} ({t['detail']})" for t in tests if not t["ok"]]
