"""The screen of a million packets: it opens with progress, every key is answered within 50 ms, and memory is bounded.

A key is answered when the last of what it changes has been drawn; a key with which something longer begins (packets are
read again, many are searched), when the screen says so. What counts is the least of some tries, without the time that
the program or this test waited for a processor, since the machine may have other work. `-v` tells every figure."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

import tap

BUILD = os.path.abspath(os.environ["top_builddir"])
WIDTH, HEIGHT = 120, 40
KEY_S, FIRST_S, TRIES = 0.050, 1.0, 6
PATIENCE_S = 120
LIST_MB, FLOW_MB = 256, 128
ESC = re.compile(rb"\x1b[\[(][0-9;?]*[A-Za-z@]|\x1b[=>78M]|[\x00-\x09\x0b-\x1f]")
NAMES = {"Enter": b"\r", "Tab": b"\t", "Esc": b"\x1b", "Down": b"\x1bOB", "Up": b"\x1bOA", "Right": b"\x1bOC", "Left": b"\x1bOD",
         "PageDown": b"\x1b[6~", "PageUp": b"\x1b[5~", "Home": b"\x1bOH", "End": b"\x1bOF", "Space": b" "}


class Screen:
    """tcpstat in a terminal that only says when something comes, and what."""

    def __init__(self, path):
        self.begun = time.monotonic()
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
            for name in ("NO_COLOR", "COLUMNS", "LINES"):
                os.environ.pop(name, None)
            time.sleep(0.05)        # until the terminal has its size
            os.execv(os.path.join(BUILD, "tcpstat"), ["tcpstat", "--tui", path])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))

    def cpu_s(self):
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0]) / 1e9

    def waited_s(self):
        """For a processor: it, and who measures."""
        total = 0
        for pid in (self.pid, "self"):
            with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[1])
        return total / 1e9

    def anonymous_mb(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return int(re.search(r"^RssAnon:\s+(\d+)", f.read(), re.M).group(1)) / 1024

    def read(self, wait_s):
        """What comes within that time; b"" nothing."""
        if not select.select([self.fd], [], [], wait_s)[0]:
            return b""
        try:
            return os.read(self.fd, 1 << 16)
        except OSError:
            return b""

    def drain(self, quiet_s):
        """All until nothing comes for a while."""
        out = b""
        while True:
            got = self.read(quiet_s)
            if not got:
                return out
            out += got

    def slices(self):
        """How often it has had a processor; None while it runs, or would like to."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as f:
            sleeps = f.read().rsplit(")", 1)[1].split()[0] == "S"
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[2]) if sleeps else None

    def answer(self, name):
        """A key. After how many seconds the first of the answer came (None: nothing), and it waited for keys again."""
        before, begun, waited = self.slices(), time.monotonic(), self.waited_s()
        os.write(self.fd, NAMES.get(name, name.encode()))
        first, until = None, time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            got = self.read(0.002)
            took = max(0, time.monotonic() - begun - (self.waited_s() - waited))
            first = took if first is None and got else first
            ran = self.slices()
            if not got and ran is not None and ran != before:
                break
            if first and ran is None and took - first > 1:
                break               # it reads
        return first, took

    def settle(self):
        """While it reads it draws; then it is quiet. The longest that it took from one picture to the next, in time of the
        processor."""
        longest, before = 0, self.cpu_s()
        while True:
            got = self.read(1.5)
            if not got:
                return longest
            longest, before = max(longest, self.cpu_s() - before), self.cpu_s()

    def text(self):
        """The whole screen, without what only moves and paints."""
        os.write(self.fd, b"\x0c")
        return ESC.sub(b" ", self.drain(0.3)).decode("utf-8", "replace")

    def key(self, name, goes_on):
        """Seconds to the answer: of the clock, and of the processor (None where something goes on)."""
        cpu = self.cpu_s()
        first, last = self.answer(name)
        work = self.cpu_s() - cpu
        if goes_on:
            self.settle()
            return first if first is not None else 9, None  # it has to say so
        self.drain(0.02)
        return last, work

    def close(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def test(name, good, *why):
    tap.test(name, good, *why, always="-v" in sys.argv)


def answers(screen, name, keys):
    """With keys that have a * behind them something longer begins. Each try goes through all, until each was fast once."""
    wall, cpu = {}, {}
    for _ in range(TRIES):
        for place, key in enumerate(keys.split()):
            goes_on = len(key) > 1 and key.endswith("*")
            took, work = screen.key(key.rstrip("*") if goes_on else key, goes_on)
            wall[place] = min(took, wall.get(place, took))
            cpu[place] = min(work or 0, cpu.get(place, work or 0))
        if max(wall.values()) <= KEY_S and max(cpu.values()) <= KEY_S:
            break
    told = ["%s %.0f ms, of the processor %.0f ms" % (key, 1e3 * wall[i], 1e3 * cpu[i]) for i, key in enumerate(keys.split())]
    test(f"each key is answered within 50 ms: {name}", max(wall.values()) <= KEY_S and max(cpu.values()) <= KEY_S, *told)


def generate(folder, name, *arguments):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        subprocess.run([os.path.join(BUILD, "tests", "bench", "gen_capture"), *map(str, arguments)], stdout=f, check=True)
    return path


def opens(path, what, *shown):
    """The first picture, and that after the last packet; keys in between."""
    best = None
    for _ in range(3):
        screen = Screen(path)
        # Keys while it reads: what comes next may be a picture that was due, so half of them have to be fast, not one.
        screen.read(PATIENCE_S)
        first = time.monotonic() - screen.begun
        while_reading = []
        for _ in range(9):
            begun, waited = time.monotonic(), screen.waited_s()
            os.write(screen.fd, NAMES["Down"])
            screen.read(5)
            while_reading.append(time.monotonic() - begun - (screen.waited_s() - waited))
            time.sleep(0.02)
        longest = screen.settle()
        best = min(best or (9, 9, 9), (sorted(while_reading)[4], first, longest), key=max)
        if max(best[1:]) <= FIRST_S and best[0] <= KEY_S:
            break
        screen.close()
        screen = None
    test(f"{what}: keys are answered within 50 ms while it is read", best[0] <= KEY_S, "%.0f ms" % (1e3 * best[0]))
    test(f"{what}: the first picture comes within a second", best[1] <= FIRST_S, "%.2f s" % best[1])
    test(f"{what}: the list is there within a second of the last packet", best[2] <= FIRST_S,
         "longest from picture to picture %.2f s" % best[2])
    screen = screen or Screen(path)
    screen.settle()
    text = screen.text()
    test(f"{what}: all has been read", all(s in text for s in shown), text)
    return screen


def bounded(screen, what, most_mb):
    mb = screen.anonymous_mb()
    test(f"{what}: no more than {most_mb} MB", mb <= most_mb, "%.0f MB" % mb)


def many_connections(folder):
    screen = opens(generate(folder, "mice.pcap", "-s", 96, "mice", 100000), "100,000 connections", "2,000,000 packets",
                   "100,000 connections")
    answers(screen, "the list", "Down PageDown G g n N Up")
    answers(screen, "its order", "Right Right Right Right Right Right r r Left Left Left Left Left Left r r")
    answers(screen, "words", "/ 1 9 2 . 1 6 8 . 1 x \x7f \x15 Esc")
    answers(screen, "an expression", "/ r t t _ m s > 1 Space a n d Space d o w n > 5 k Enter G g Esc")
    answers(screen, "findings", "5 Down PageDown G g q")
    bounded(screen, "the list of 100,000 connections", LIST_MB)
    screen.close()


def long_connection(folder):
    screen = opens(generate(folder, "elephants.pcap", "-s", 96, "-l", 1, "elephants", 800000, 2), "a million packets", "2 connections")
    screen.key("Enter", True)
    text = screen.text()
    test("its flow graph comes in pages", "connection" in text and "and more" in text, text)
    answers(screen, "the flow graph", "j k PageDown PageUp n n N r R t t e e z z Space Space Down Up")
    answers(screen, "a search in the flow graph", "/ s a c k Enter n N / z* z* z* Esc Esc")
    answers(screen, "to far packets", ": 1 0 0 0 0 0 0 Enter* k n* r* : 7 7 Enter* G* k k N* g* j ]* [*")
    bounded(screen, "the flow graph", FLOW_MB)
    answers(screen, "graphs", "3 h l n + + + H L - 0 v v v v v d d n r G* h g* l 2")
    answers(screen, "details", "6 Down PageDown G g / r t t Enter n Esc 2")
    bounded(screen, "graphs and all", FLOW_MB)
    screen.close()


def stream(folder):
    screen = Screen(generate(folder, "stream.pcap", "elephants", 6000, 1))
    screen.settle()
    screen.key("4", True)
    text = screen.text()
    test("the first 4 MiB are there", "4.19 MB" in text and "not all" in text, text)
    answers(screen, "the stream", "j PageDown G g x G g PageDown d d d x")
    answers(screen, "a search in the stream", "/ q q q q q Enter n N Esc x / 0 0 Space 0 1 Enter n N Esc x")
    bounded(screen, "the stream", FLOW_MB)
    screen.close()


def main():
    if os.environ.get("sanitizers") == "yes":
        print("1..0 # SKIP sanitizers take time of their own")
        return
    if not os.path.exists("/proc/self/schedstat"):
        tap.skip_all("the kernel does not tell the time of the processor that a process had")
        return
    with tempfile.TemporaryDirectory(prefix="tcpstat-") as folder:
        for test in (stream, long_connection, many_connections):
            test(folder)
    tap.done()


main()
