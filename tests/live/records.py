"""Live, over a link that drops and delays: the records equal those of the file written at the same time."""

import json
import os
import subprocess
import tempfile
import time

import net
from net import PROGRAM, Net, stop
import tap
from tap import test


def records(text):
    """The events as they are, the connections by their number; not what only a live capture has."""
    lines = [json.loads(line) for line in text.splitlines()]
    events = [r for r in lines if r["type"] not in ("capture", "summary", "notice", "connection") and not r.get("ongoing")]
    connections = sorted((r for r in lines if r["type"] == "connection"), key=lambda r: r["conn"])
    return lines, events, connections


def differences(live, read):
    """The first few, as text."""
    found = [f"{a}\n{b}" for a, b in zip(live, read) if a != b][:2]
    return "\n".join(found + [f"{len(live)} live, {len(read)} read"])


def compare(directory):
    trace = os.path.join(directory, "trace.pcap")
    with Net(delay_ms=10, loss=0.02) as link:
        link.serve()
        program = link.tcpstat("-i", "eth0", "--jsonl", "--events", "all", "-w", trace)
        link.fetch(6, 300000)
        time.sleep(1)
        out, status = stop(program)
    lines, events, connections = records(out.decode())
    test("the live run ends well", status == 0, status)
    test("first the capture, last the summary", lines[0]["type"] == "capture" and lines[-1]["type"] == "summary")
    test("six connections", len(connections) == 6, connections)
    test("the link lost segments", any(r["type"] == "retransmission" for r in events))
    test("no packet was dropped", lines[-1]["drops"]["kernel"] == 0, lines[-1]["drops"])
    test("no record was dropped", lines[-1]["records_dropped"] == 0, lines[-1])
    again = subprocess.run([PROGRAM, "--jsonl", "--events", "all", trace], stdout=subprocess.PIPE, check=True)
    again_lines, again_events, again_connections = records(again.stdout)
    with open(trace, "rb") as f:
        test("stamps are nanoseconds, also in the file", f.read(4) == b"\x4d\x3c\xb2\xa1" and
             any(r["ts_ns"] % 1000 for r in events))
    test("the file has as many packets", lines[-1]["packets"] == again_lines[-1]["packets"] > 0)
    test("the same events", events == again_events, differences(events, again_events))
    test("the same connections", connections == again_connections, differences(connections, again_connections))


def text():
    with Net(delay_ms=5) as link:
        link.serve()
        program = link.tcpstat("-i", "eth0", "-i", "lo", "--interval", "1", stderr=subprocess.PIPE)
        link.fetch(2, 1000)
        link.run(link.client, "refused")
        time.sleep(1)
        program.send_signal(net.signal.SIGUSR1)
        time.sleep(0.5)
        link.ip("-n", link.server, "link", "set", "eth0", "down")
        time.sleep(1)
        link.ip("-n", link.server, "link", "set", "eth0", "up")
        time.sleep(1)
        link.fetch(1, 1000)
        held = link.start(link.client, "hold", stdout=subprocess.PIPE)
        held.stdout.readline()
        time.sleep(1)
        program.send_signal(net.signal.SIGINT)
        out, err = (x.decode() for x in program.communicate(timeout=20))
    test("a line for each connection when it is over", out.count("  closed, ") == 3, out)
    test("a line about the whole", "packets/s" in out, out)
    between, end = out.find(" 3 connections, "), out.find(" 5 connections, ")
    test("SIGUSR1: a report in between", 0 < between < end, out)
    test("with what is wrong with connections that are still remembered", 0 < out.find("problem: #3 ", between) < end, out)
    test("a connection that the end cuts off gets no line of its own", "ESTABLISHED" not in out[:end] and
         "ESTABLISHED" in out[end:], out)
    test("an interface that goes down is told", "eth0: went down" in err, err)
    test("and so is its return", "eth0: is up again" in err, err)
    test("both interfaces are in the report", "\neth0, lo: " in out, out)
    test("it ends well", program.returncode == 0, program.returncode)


def any_interface():
    with Net(delay_ms=2) as link:
        link.serve()
        program = link.tcpstat("-i", "any", "-q", "-a", "duration:2", "-B", "1024", "tcp")
        link.fetch(2, 20000)
        out, _ = program.communicate(timeout=20)
        test("any: it captures, and -a duration: ends it", program.returncode == 0 and b", 2 connections, " in out, out)
        program = link.tcpstat("-i", "eth0", "-q", "-c", "7", "tcp")
        link.fetch(1, 20000)
        out, _ = program.communicate(timeout=20)
        test("-c: it ends after so many packets", program.returncode == 0 and b"eth0: 7 packets" in out, out)
        listed = link.run(link.server, PROGRAM, "-D", stdout=subprocess.PIPE).stdout.decode()
        test("-D lists the interfaces", {"eth0", "lo", "any"} <= {line.split()[0] for line in listed.splitlines()}, listed)
        wrong = subprocess.run(link.command(link.server, PROGRAM, "-i", "nonesuch"), capture_output=True, text=True)
        test("one that is not there: what to do is said", wrong.returncode == 1 and "-D lists" in wrong.stderr, wrong.stderr)


def made_anew():
    """An interface that is removed and made anew, with privileges given up and system calls filtered."""

    def make(up=True):
        link.ip("-n", link.server, "link", "add", "d0", "type", "veth", "peer", "name", "d1")
        for name in ("d0", "d1") if up else ("d1",):
            link.ip("-n", link.server, "link", "set", name, "up")

    def remove():
        link.ip("-n", link.server, "link", "del", "d0")
        time.sleep(0.5)

    with Net(delay_ms=0) as link:
        make()
        program = link.tcpstat("-i", "d0", "--jsonl", "tcp", stderr=subprocess.PIPE)
        link.run(link.server, "blast", "d1", "10", "0")
        remove()
        for up in (True, False):
            make(up)
            time.sleep(0.5)
            link.ip("-n", link.server, "link", "set", "d0", "up")
            time.sleep(0.5)
            flags = subprocess.run(["ip", "-d", "-n", link.server, "link", "show", "d0"], stdout=subprocess.PIPE).stdout
            link.run(link.server, "blast", "d1", "20", "0")
            remove()
        kinds = subprocess.run(["ip", "-n", link.server, "tuntap", "add", "d0", "mode", "tun"], capture_output=True)
        time.sleep(0.5)
        if kinds.returncode == 0:
            link.ip("-n", link.server, "tuntap", "del", "d0", "mode", "tun")
            time.sleep(0.5)
        make()
        time.sleep(0.5)
        link.ip("-n", link.server, "link", "del", "d0")  # and at once another one
        make()
        time.sleep(0.5)
        link.run(link.server, "blast", "d1", "40", "0")
        time.sleep(0.5)
        out, status = stop(program)
    lines = [json.loads(line) for line in out.splitlines()]
    whats = [r["what"].removeprefix("interface_") for r in lines if r["type"] == "notice"]
    want = ["gone", "up"] * 2 + ["gone", *["other", "gone"][:2 * (kinds.returncode == 0)], "up", "gone", "up"]
    # Down is the state in which it is made: how long, the machine's load decides, but for the one time that it stays.
    test("an interface that is removed, and made anew, is told each time",
         [what for what in whats if what != "down"] == want and "down" in whats, (whats, want))
    test("what it hears before and after is captured", status == 0 and lines[-1]["packets"] == 10 + 2 * 20 + 40,
         lines[-1])
    test("it is promiscuous again", b"promiscuity 1" in flags, flags)


def rotation(directory):
    with Net(delay_ms=1) as link:
        link.serve()
        name = os.path.join(directory, "row.pcap")
        program = link.tcpstat("-i", "eth0", "-q", "-w", name, "-b", "packets:50", "-b", "files:3", "tcp")
        link.fetch(6, 200000)
        time.sleep(1)
        stop(program)
        files = sorted(f for f in os.listdir(directory) if f.startswith("row_"))
        test("-b files:3 keeps the last three", len(files) == 3 and files[0] > "row_00002", files)
        name = os.path.join(directory, "some.pcap")
        program = link.tcpstat("-i", "eth0", "-q", "-w", name, "-b", "packets:20", "-a", "files:2", "tcp")
        link.fetch(6, 200000)
        out, status = stop(program)
        files = sorted(f for f in os.listdir(directory) if f.startswith("some_"))
        test("-a files:2 ends it", len(files) == 2 and status == 0 and b": 40 packets" in out, (files, out))


def main():
    why = net.cannot()
    if why:
        print("1..0 # SKIP", why)
        return
    with tempfile.TemporaryDirectory() as directory:
        compare(directory)
        text()
        any_interface()
        made_anew()
        rotation(directory)
    tap.done()


main()
