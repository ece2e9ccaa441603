"""Live: what only the whole capture shows is told while it lasts, and with its last figures at the end."""

import fcntl
import json
import os
import select
import subprocess
import time

import net
from net import Net, PORT, SERVER, stop
import tap
from tap import test

WAIT_S = 90


class Stream:
    """The records of a program that runs, as they come."""

    def __init__(self, program):
        self.program, self.rest, self.records = program, b"", []
        fcntl.fcntl(program.stdout, fcntl.F_SETFL, os.O_NONBLOCK | fcntl.fcntl(program.stdout, fcntl.F_GETFL))

    def take(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.records += [json.loads(line) for line in lines]

    def find(self, id_, ongoing):
        return [r for r in self.records if r["type"] == "finding" and r["id"] == id_ and r["ongoing"] == ongoing]

    def wait(self, id_, ongoing):
        """The first such finding, while the program runs; None if none comes."""
        deadline = time.monotonic() + WAIT_S
        while not self.find(id_, ongoing) and time.monotonic() < deadline and self.program.poll() is None:
            if select.select([self.program.stdout], [], [], 0.5)[0]:
                self.take(os.read(self.program.stdout.fileno(), 1 << 20) or b"")
        found = self.find(id_, ongoing)
        return found[0] if found and self.program.poll() is None else None

    def end(self):
        fcntl.fcntl(self.program.stdout, fcntl.F_SETFL, fcntl.fcntl(self.program.stdout, fcntl.F_GETFL) & ~os.O_NONBLOCK)
        out, status = stop(self.program)
        self.take(out)
        return status


def told(stream, id_, about, figure):
    """It comes out as long as the program runs, once, and again at the end."""
    now = stream.wait(id_, True)
    test(f"{id_} is told while it lasts", now and figure in now["title"] and now["about"] == about, stream.find(id_, True) or "nothing")


def amended(stream, id_, about, figure):
    first, last = stream.find(id_, True), stream.find(id_, False)
    test(f"{id_}: once, and with its last figures at the end", len(first) == 1 and len(last) == 1 and
         figure in last[0]["title"] and last[0]["about"] == about, first, last)


def whole():
    with Net(delay_ms=0) as link:
        link.serve()
        program = link.tcpstat("-i", "lo", "--jsonl", "--events", "finding")
        stream = Stream(program)
        link.run(link.server, "fetch", "20", "10")
        time.sleep(2)
        link.run(link.server, "reuse", "3")  # the third ends what is known of the second, which told of the first
        reuse = stream.wait("port-reuse", False)
        test("a port that is used again is told when it is once more", reuse and reuse["severity"] == "info" and reuse["conn"],
             stream.records)
        test("twenty connections in TIME-WAIT are no pile", not stream.find("time-wait-pileup", True), stream.records)
        link.run(link.server, "fetch", "1100", "10")
        told(stream, "time-wait-pileup", SERVER, f"to {SERVER}:{PORT} in TIME-WAIT at once")
        link.run(link.server, "flood", "lo", "400", "200")
        told(stream, "syn-flood", f"{SERVER}:99", "is flooded with SYNs")
        status = stream.end()
        amended(stream, "time-wait-pileup", SERVER, f"to {SERVER}:{PORT} in TIME-WAIT at once")
        amended(stream, "syn-flood", f"{SERVER}:99", "400 half-open")
        test("what went on beside it is no flood", {r["about"] for r in stream.records if r.get("id") == "syn-flood"} ==
             {f"{SERVER}:99"}, stream.records)
        test("it ends well", status == 0, status)


def missed():
    """The filter keeps the data from the capture: what was acknowledged and not captured is its loss, not the network's."""
    with Net(delay_ms=0) as link:
        link.serve()
        stream = Stream(link.tcpstat("-i", "lo", "--jsonl", "--events", "finding", "less 1000"))
        link.run(link.server, "fetch", "30", "30000")
        told(stream, "capture-loss", None, "the capture missed")
        stream.end()
        amended(stream, "capture-loss", None, "the capture missed 900 kB")
        test("nothing is said of losses on the path", not {r["id"] for r in stream.records if r["type"] == "finding"} -
             {"capture-loss", "application-limited", "offload-segments"}, stream.records)


def main():
    why = net.cannot()
    if why:
        tap.skip_all(why)
        return
    whole()
    missed()
    tap.done()


main()
