#!/usr/bin/env python3
"""run.py - labelled captures from the running kernel: tcpstat judged on connections it was not made with.

  run.py --emulator BIN --out DIR [--set quick|like|hold] [--only SUBSTR] [--jobs N] [--missing] [--trace] [--list]

Every scenario (scenarios.py) becomes a folder DIR/<name>/ in the format of ../shared/groundtruth. Needs root, network
namespaces, /dev/net/tun, and the kernel's tracing (README.md).
"""
import argparse
import concurrent.futures as cf
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback

import assemble
import scenarios

HERE = os.path.dirname(os.path.realpath(__file__))
TRACING = "/sys/kernel/tracing"
EVENTS = ("tcp/tcp_probe", "tcp/tcp_retransmit_skb", "tcp/tcp_cong_state_set", "sock/inet_sock_set_state")
DEVICE = "lab0"


def sh(*args, **kw):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw).stdout


class Trace:
    """A trace instance of our own, on the monotonic clock."""

    def __init__(self, name):
        self.path = os.path.join(TRACING, "instances", name)

    def write(self, name, text):
        with open(os.path.join(self.path, name), "w") as f:
            f.write(text)

    def __enter__(self):
        os.mkdir(self.path)
        try:
            self.write("trace_clock", "mono")
            self.write("buffer_size_kb", "12288")
            for e in EVENTS:
                self.write(f"events/{e}/enable", "1")
            self.write("events/tcp/tcp_retransmit_skb/trigger", "stacktrace")
        except OSError:
            self.__exit__()
            raise
        return self

    def stop(self):
        self.write("tracing_on", "0")

    def read(self):
        with open(os.path.join(self.path, "trace"), errors="replace") as f:
            return f.read()

    def overrun(self):
        n = 0
        for cpu in os.listdir(os.path.join(self.path, "per_cpu")):
            with open(os.path.join(self.path, "per_cpu", cpu, "stats")) as f:
                n += sum(int(line.split()[1]) for line in f if line.startswith("overrun"))
        return n

    def __exit__(self, *exc):
        for name, text in [(f"events/{e}/enable", "0") for e in EVENTS] + [("events/tcp/tcp_retransmit_skb/trigger", "!stacktrace")]:
            try:
                self.write(name, text)
            except OSError:
                pass                                            # never came into force
        os.rmdir(self.path)


class Namespaces:
    """Two network namespaces that vanish with the block."""

    def __init__(self, name):
        self.names = {s: f"{name}{s}" for s in "AB"}

    def __enter__(self):
        try:
            for n in self.names.values():
                sh("ip", "netns", "add", n)
        except subprocess.CalledProcessError:
            self.__exit__()
            raise
        return self.names

    def __exit__(self, *exc):
        for n in self.names.values():
            subprocess.run(["ip", "netns", "del", n], stderr=subprocess.DEVNULL)


def link_lines(spec, seed, offset_ns):
    """the emulator's configuration: common keys, overruled by those of a direction"""
    yield f"seed {seed}"
    yield f"offset_ns {offset_ns}"
    for d in ("ab", "ba"):
        yield f"dir {d}"
        link = {k: v for k, v in spec.items() if k not in ("ab", "ba", "rules")}
        link.update(spec.get(d, {}))
        rules = [r for r in spec.get("rules", []) if r.startswith(f"dir={d},")]
        for k, v in link.items():
            yield f"{k} {v}"
        for r in rules:
            yield "rule " + r[7:]


def configure(ns, addr, peer, mtu, route):
    bits = 128 if ":" in addr else 32
    quiet = f"link set {DEVICE} mtu {mtu} txqueuelen 20000" + (" addrgenmode none" if bits == 128 else "")
    sh("ip", "-n", ns, "-batch", "-", input="\n".join([
        "link set lo up", quiet, f"addr add {addr}/{bits} dev {DEVICE}" + (" nodad" if bits == 128 else ""), f"link set {DEVICE} up",
        f"route add {peer}/{bits} dev {DEVICE} {route}"]))


def counters(ns):
    out = {}
    for path in ("/proc/net/netstat", "/proc/net/snmp"):
        lines = sh("ip", "netns", "exec", ns, "cat", path).splitlines()
        for head, row in zip(lines[::2], lines[1::2]):
            kind = head.split(":")[0]
            if kind in ("TcpExt", "Tcp"):
                out.update({kind + k: int(v) for k, v in zip(head.split()[1:], row.split()[1:]) if v not in ("0",)})
    return out


class Agents:
    """the two hosts' processes"""

    def __init__(self, ns, folder, s, addr, offset_ns):
        self.p, self.folder = {}, folder
        for side in "BA":
            cfg = {"side": side, "addr": addr[side], "peer": addr["B" if side == "A" else "A"], "cc": s["cc"], "offset_ns": offset_ns,
                   "deadline_s": s["timeout_s"], "conns": [dict(c, seed=f"{s['seed']}.{i}") for i, c in enumerate(s["conns"])],
                   "sysctl": dict(s["sysctl"], **s.get("sysctl" + side, {})), "out": os.path.join(folder, side + ".json")}
            self.p[side] = subprocess.Popen(["ip", "netns", "exec", ns[side], sys.executable, os.path.join(HERE, "host.py")],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.say(side, json.dumps(cfg))
            if self.p[side].stdout.readline().strip() != "ready":
                raise RuntimeError(f"host {side} did not start")

    def say(self, side, line):
        self.p[side].stdin.write(line + "\n")
        self.p[side].stdin.flush()

    def run(self):
        for side in "BA":
            self.say(side, "go")
        for side, peer in ("AB", "BA"):
            if self.p[side].stdout.readline().strip() != "done":
                raise RuntimeError(f"host {side} failed")
            if side == "A":
                self.say("B", "peer done")
        return {s: json.load(open(os.path.join(self.folder, s + ".json"))) for s in "AB"}

    def stop(self):
        for p in self.p.values():
            p.stdin.close()
            try:
                p.wait(2)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()


def run_scenario(s, emulator, out, slot, keep_trace=False):
    """one run -> its folder; the truth's `checks_failed`"""
    name = f"lab{os.getpid()}x{slot}"
    folder = os.path.join(out, s["name"])
    work = folder + ".tmp"
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    net = 16 + slot * 97 % 200
    addr = {"A": f"10.{net}.{slot % 250}.1", "B": f"10.{net}.{slot % 250}.2"}
    if s["family"] == 6:
        addr = {x: f"fd00:{net:x}:{slot:x}::{1 if x == 'A' else 2}" for x in "AB"}
    offset_ns = time.time_ns() - time.monotonic_ns()
    begun = time.monotonic()
    with Namespaces(name) as ns, Trace(name) as trace:
        emu = subprocess.Popen([emulator, ns["A"], ns["B"], DEVICE, work], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        agents = None
        try:
            emu.stdin.write("\n".join([*link_lines(s["link"], s["seed"], offset_ns), "go", ""]))
            emu.stdin.flush()
            if emu.stdout.readline().strip() != "ready":
                raise RuntimeError("the emulator did not start")
            for side, peer in ("AB", "BA"):
                configure(ns[side], addr[side], addr[peer], s["mtu"] if side == "A" else s.get("mtuB", s["mtu"]), s.get("route" + side, s.get("route", "")))
            agents = Agents(ns, work, s, addr, offset_ns)
            apps = agents.run()
            time.sleep(.05 + 2.5e-3 * float(s["link"].get("delay", 0)))
            count = {side: counters(ns[side]) for side in "AB"}
            trace.stop()
            stats = json.loads(emu.communicate(timeout=20)[0])
            agents.stop()
            run = {"scenario": s, "addr": addr, "offset_ns": offset_ns, "apps": apps, "counters": count, "stats": stats,
                   "trace": trace.read(), "overrun": trace.overrun(), "wall_s": round(time.monotonic() - begun, 2)}
        finally:
            if agents:
                agents.stop()
            if emu.poll() is None:
                emu.kill()
                emu.wait()
    if keep_trace:
        with open(os.path.join(work, "trace.txt"), "w") as f:
            f.write(run["trace"])
    failed = assemble.assemble(work, run)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(work, folder)
    return failed


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--emulator", metavar="BIN")
    ap.add_argument("--out", metavar="DIR")
    ap.add_argument("--set", default="quick", choices=sorted(scenarios.SETS))
    ap.add_argument("--only", default="", metavar="SUBSTR")
    ap.add_argument("--jobs", type=int, default=1)
    ap.add_argument("--missing", action="store_true", help="only those that DIR does not hold yet")
    ap.add_argument("--trace", action="store_true", help="keep the kernel's trace beside the captures")
    ap.add_argument("--list", action="store_true")
    a = ap.parse_args()
    todo = [s for s in scenarios.SETS[a.set]() if a.only in s["name"]]
    if a.list:
        print("\n".join(s["name"] for s in todo))
        return 0
    if not a.emulator or not a.out:
        ap.error("give --emulator and --out")
    if os.geteuid() or not os.path.isdir(TRACING + "/instances"):
        print("run.py: needs root and tracefs at " + TRACING, file=sys.stderr)
        return 77
    if a.missing:
        todo = [s for s in todo if not os.path.exists(os.path.join(a.out, s["name"], "truth.json"))]
    signal.signal(signal.SIGTERM, signal.default_int_handler)   # so that namespaces and processes go, too
    bad = 0
    with cf.ThreadPoolExecutor(a.jobs) as pool:
        jobs = {pool.submit(run_scenario, s, os.path.abspath(a.emulator), os.path.abspath(a.out), i, a.trace): s for i, s in enumerate(todo, 1)}
        for job in cf.as_completed(jobs):
            name = jobs[job]["name"]
            try:
                failed = job.result()
                print(name + ("" if not failed else ": FAILED " + "; ".join(failed)), flush=True)
            except Exception:                                   # the others go on; this one is counted
                failed = True
                print(f"{name}: no result", flush=True)
                traceback.print_exc()
            bad += bool(failed)
    print(f"{len(todo)} runs, {bad} with failed checks")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
