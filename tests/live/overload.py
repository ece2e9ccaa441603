"""More than the capture or the reader can take: what is lost is counted, told, and right."""

import json
import os
import subprocess
import tempfile
import threading
import time

import net
from net import Net, stop
import tap
from tap import test

# Not findings: some are told while the capture goes on, and only live.
EVENTS = ("--events", "state,retransmission,out_of_order,duplicate,dup_ack,rtt,sender,window,keepalive,gap,icmp,connection")


def kernel_drops(link):
    """Held still while a known number of packets passes, with a small buffer."""
    program = link.tcpstat("-i", "d0", "--jsonl", "-B", "256", "tcp")
    os.kill(program.pid, net.signal.SIGSTOP)
    time.sleep(0.3)
    link.run(link.server, "blast", "d1", "20000", "0")
    time.sleep(0.5)
    os.kill(program.pid, net.signal.SIGCONT)
    time.sleep(1.5)
    out, code = stop(program)
    lines = [json.loads(line) for line in out.splitlines()]
    summary = lines[-1]
    dropped = summary["drops"]["kernel"]
    told = [r for r in lines if r["type"] == "notice" and r["what"] == "packets_dropped"]
    test("the kernel drops packets", code == 0 and dropped > 0, summary["drops"])
    test("packets captured and dropped are those sent", summary["packets"] + dropped == 20000,
         (summary["packets"], dropped))
    test("the drops are told as soon as they are known, and add up", told and sum(r["count"] for r in told) == dropped, told)


def slow_reader(link):
    """Nobody reads for a while: records go, packets do not."""
    with tempfile.TemporaryDirectory() as directory:
        trace = os.path.join(directory, "trace.pcap")
        program = link.tcpstat("-i", "d0", "--jsonl", *EVENTS, "-B", "65536", "-w", trace, "tcp")
        link.run(link.server, "blast", "d1", "60000", "20000")
        time.sleep(1)
        with open(f"/proc/{program.pid}/status", encoding="ascii") as f:
            resident_kb = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(program.stdout))
        reader.start()
        time.sleep(1)
        link.run(link.server, "blast", "d1", "10", "1000")
        time.sleep(1)
        program.send_signal(net.signal.SIGINT)
        program.wait(30)
        reader.join()
        records = [json.loads(line) for line in lines]
        again = subprocess.run([net.PROGRAM, "--jsonl", *EVENTS, trace], stdout=subprocess.PIPE, check=True).stdout
    summary = records[-1]
    notices = [i for i, r in enumerate(records) if r["type"] == "notice"]
    whole = again.count(b"\n")
    test("records are dropped", summary["records_dropped"] > 0, summary["records_dropped"])
    test("packets are not", summary["packets"] == 60010 and summary["drops"]["kernel"] == 0,
         (summary["packets"], summary["drops"]))
    test("records written and dropped are all that there were",
         len(records) - len(notices) + summary["records_dropped"] == whole,
         (len(records), len(notices), summary["records_dropped"], whole))
    test("it is told before the end", notices and notices[0] < len(records) - 20 and
         sum(records[i]["count"] for i in notices) == summary["records_dropped"],
         (notices, len(records)))
    test("memory stays where it was", resident_kb < 150000, f"{resident_kb} KB")


def little_memory(link):
    """More connections than --memory holds: those that go are told."""
    program = link.tcpstat("-i", "d0", "--jsonl", "--events", "none", "--memory", "12M", "tcp")
    link.run(link.server, "blast", "d1", "60000", "20000")
    time.sleep(1)
    with open(f"/proc/{program.pid}/status", encoding="ascii") as f:
        kb = sum(int(line.split()[1]) for line in f if line.startswith(("RssAnon:", "RssShmem:")))
    out, _ = stop(program)
    lines = [json.loads(line) for line in out.splitlines()]
    evicted = lines[-1]["counters"]["evicted"]
    told = [r["count"] for r in lines if r["type"] == "notice" and r["what"] == "connections_evicted"]
    test("connections that had to go are told, and add up", len(told) > 1 and sum(told) == evicted > 0, (told, evicted))
    test("the process stays within --memory", os.environ.get("sanitizers") == "yes" or 0 < kb <= 12 * 1024, f"{kb} kB")


def reader_goes_away(link):
    program = link.tcpstat("-i", "eth0", "--jsonl", "--events", "all")
    program.stdout.close()
    link.fetch(2, 10000)
    for _ in range(50):
        if program.poll() is not None:
            break
        time.sleep(0.1)
    test("a reader that goes away ends it", program.poll() == 0, program.poll())


def main():
    why = net.cannot()
    if why:
        print("1..0 # SKIP", why)
        return
    with Net(delay_ms=0) as link:
        link.serve()
        # A pair of its own: nothing between that could lose packets, too.
        link.ip("-n", link.server, "link", "add", "d0", "type", "veth", "peer", "name", "d1")
        for name in ("d0", "d1"):
            link.ip("-n", link.server, "link", "set", name, "up")
        kernel_drops(link)
        slow_reader(link)
        little_memory(link)
        reader_goes_away(link)
    tap.done()


main()
