"""The screen in a terminal: tmux runs it, types, and reads what is there. Golden screens are NAME.screen beside this file;
`top_builddir=BUILD python3 tests/tui/tui.py --update [NAME...]` writes them anew: read the diff before you commit it."""

import os
import shutil
import subprocess
import sys
import time

import tap
from tap import test
from terminal import HERE, PATIENCE_S, PLAIN, PROGRAM, TOP, UTF8, Terminal, has, run

SIZES = ((80, 24), (120, 40), (200, 60))


# --------------------------------------------------------------------------------------------------- golden screens
def screens():
    """name, arguments, size, environment, keys"""
    for size in SIZES:
        at = "%dx%d" % size
        yield f"list-{at}", "samples/mixed.pcap", size, UTF8, []
        yield f"flow-{at}", "samples/loss.pcap", size, UTF8, ["Enter", "r"]
        yield f"sequence-{at}", "samples/loss.pcap", size, UTF8, ["Enter", "r", "Tab"]
        yield f"findings-{at}", "samples/mixed.pcap", size, UTF8, ["5"]
    size = SIZES[1]
    yield "filter", "samples/mixed.pcap", size, UTF8, ["/", *"retx>0 and rtt_ms>20", "Enter"]
    yield "unfolded", "samples/loss.pcap", size, UTF8, ["Enter", "z", "t", "PageDown"]
    yield "zero-window", "samples/zero-window.pcap", size, UTF8, ["Enter", "n", "n"]
    yield "stevens", "samples/loss.pcap", size, UTF8, ["3", "v"]
    yield "rtt", "samples/loss.pcap", size, UTF8, ["3", "v", "v"]
    yield "window", "samples/loss.pcap", size, UTF8, ["3", "v", "v", "v"]
    yield "throughput", "samples/loss.pcap", size, UTF8, ["3", "v", "v", "v", "v", "d", "d", "+"]
    yield "filter-error", "samples/mixed.pcap", SIZES[0], UTF8, ["/", *"retrans>0"]
    yield "gaps", "samples/capture-loss.pcap", SIZES[0], UTF8, ["4", "n"]
    for width, height in ((40, 12), (20, 5)):
        yield f"small-list-{width}x{height}", "samples/mixed.pcap", (width, height), UTF8, []
        yield f"small-flow-{width}x{height}", "samples/loss.pcap", (width, height), UTF8, ["Enter", "r"]
    yield "stream", "samples/clean.pcap", size, UTF8, ["4"]
    yield "stream-hex", "samples/clean.pcap", SIZES[0], UTF8, ["4", "x"]
    yield "details", "samples/loss.pcap", size, UTF8, ["6"]
    yield "help", "samples/loss.pcap", SIZES[2], UTF8, ["?"]
    yield "ascii-list", "samples/mixed.pcap", SIZES[0], PLAIN, []
    yield "ascii-flow", "samples/loss.pcap", SIZES[0], PLAIN, ["Enter", "r"]
    yield "ascii-sequence", "samples/loss.pcap", SIZES[0], PLAIN, ["3"]
    yield "colors", "samples/loss.pcap", SIZES[0], UTF8, ["Enter", "r"]
    yield "no-colors", "samples/loss.pcap", SIZES[0], dict(UTF8, NO_COLOR="1"), ["Enter", "r"]


def golden(update, names):
    for name, arguments, (width, height), env, keys in screens():
        if names and name not in names:
            continue
        path = os.path.join(HERE, name + ".screen")
        want = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
        marked = name in ("colors", "no-colors")
        t = run(arguments, width=width, height=height, env=env)
        try:
            t.wait(has("help"))
            t.pages(*keys)
            if update:
                t.settle()
                with open(path, "w", encoding="utf-8") as f:
                    f.write(t.marked() if marked else t.text())
                continue
            t.wait(lambda text: (t.marked() if marked else text) == want)
            got = t.marked() if marked else t.text()
            test(f"screen {name}", got == want, f"tcpstat --tui {arguments}, {width}x{height}, keys {' '.join(keys)}",
                 *difference(want, got))
        finally:
            t.close()


def difference(want, got):
    import difflib
    return difflib.unified_diff(want.split("\n"), got.split("\n"), "expected", "on the screen", lineterm="")


# ------------------------------------------------------------------------------------------------------- behaviour
def five_keys():
    """From the capture with a lost packet to its line, its cause, the evidence and the graph at that instant."""
    keys = ["Enter", "r", "Tab"]
    t = run("samples/loss.pcap", width=80, height=24)
    try:
        t.wait(has("192.0.2.80:8080", "help"))
        t.pages(*keys[:2])
        text = t.wait(has("cause:", "evidence:"))
        test("two keys to the line of a lost packet, its cause and the evidence",
             has("retransmission (fast", "cause: fast retransmit", "evidence: ", "first copy: packet ")(text), text)
        title = next((line for line in text.split("\n") if line.startswith("#")), "")
        t.keys(keys[2])
        text = t.wait(has("time-sequence"))
        frame = title.split(" ")[0]
        test(f"{len(keys)} keys to the graph at that instant",
             frame and any(line.startswith(frame + " ") and "retransmission (f" in line for line in text.split("\n")), text)
    finally:
        t.close()


def shell():
    t = Terminal("PS1='$ ' bash --norc --noprofile -i")
    t.wait(has("$"))
    t.keys("stty -g >%s/before; tty >%s/tty" % (t.dir, t.dir), "Enter")
    return t


def pid_of(t):
    shell = t.ask("pane_pid")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
                name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue                    # it has ended meanwhile
        if name.startswith("tcpstat") and rest.split()[1] == shell:
            return int(pid)
    return 0


def check_restored(t, name):
    """Modes of the line and of the screen are what they were."""
    t.keys("Enter", "stty -g >%s/after; echo do''ne" % t.dir, "Enter")
    text = t.wait(has("done"))
    modes = [open(os.path.join(t.dir, f)).read() if os.path.exists(os.path.join(t.dir, f)) else f for f in ("before", "after")]
    flags = {n: t.ask(n) for n in ("alternate_on", "cursor_flag", "mouse_any_flag", "keypad_cursor_flag")}
    test(f"the terminal is as it was after {name}",
         modes[0] == modes[1] and flags == {"alternate_on": "0", "cursor_flag": "1", "mouse_any_flag": "0",
                                            "keypad_cursor_flag": "0"}, modes, flags, text)


def restored():
    for name, number in (("q", 0), ("SIGINT", 2), ("SIGTERM", 15), ("SIGHUP", 1), ("SIGQUIT", 3), ("SIGSEGV", 11),
                         ("SIGABRT", 6), ("SIGFPE", 8), ("SIGBUS", 7)):
        t = shell()
        try:
            t.keys(f"ulimit -c 0; {PROGRAM} --tui samples/mixed.pcap", "Enter")
            t.wait(has("192.0.2.80:8080", "1 Connections"))
            if number:
                pid = pid_of(t)
                assert pid, "no tcpstat in the terminal" # a signal to 0 would be one to this test and all around it
                os.kill(pid, number)
            else:
                t.keys("q")
            until = time.monotonic() + PATIENCE_S
            while pid_of(t) and time.monotonic() < until:
                time.sleep(0.03)
            check_restored(t, name)
        finally:
            t.close()


def suspended():
    t = shell()
    try:
        t.keys(f"{PROGRAM} --tui samples/mixed.pcap", "Enter")
        t.wait(has("192.0.2.80:8080", "1 Connections"))
        t.keys("C-z")
        t.wait(lambda text: t.ask("alternate_on") == "0" and "Stopped" in text)
        check_restored(t, "Ctrl-Z")
        t.keys("fg", "Enter")
        text = t.wait(has("1 Connections", "192.0.2.80:8080"))
        t.keys("Down", "Enter")
        text = t.wait(has("flight" if t.ask("pane_width") >= "100" else "time", "ESTABLISHED"))
        test("it goes on after fg", has("2 Flow", "ESTABLISHED")(text), text)
        t.keys("q", "q")
        t.wait(lambda text: not pid_of(t))
        check_restored(t, "q, stopped in between")
    finally:
        t.close()


def resized():
    """Every view at every size; what it has to show is there again where it fits."""
    views = {"1": ("192.0.2.10:37634",), "2": ("retransmission (fast", "cause: fast retransmit"), "3": ("#96 ", "time-sequence"),
             "4": ("GET /text HTTP/1.1",), "5": ("retransmission timeout", "advice"), "6": ("Budget of time",), "?": ("Everywhere",)}
    t = run("samples/loss.pcap", width=120, height=40)
    try:
        t.wait(has("192.0.2.80:8080"))
        t.pages("Enter", "r")
        t.wait(has("cause:"))
        for key, words in views.items():
            t.keys(key)
            for width, height in ((20, 5), (80, 24), (1, 1), (500, 100), (120, 40)):
                t.tmux("resize-window", "-x", str(width), "-y", str(height))
                if width < 80:
                    time.sleep(0.1)
                    continue
                text = t.wait(has(*words, "help"))
                test(f"view {key} resized to {width}x{height}", has(*words, "help")(text) and t.ask("pane_dead") == "0", text)
            if key == "?":
                t.keys("q")
    finally:
        t.close()


def terminals():
    """Also on terminals that can do less: all of the words, no colours, no characters but ASCII."""
    for term, env in (("vt100", {"LC_ALL": "C"}), ("xterm-mono", {"LC_ALL": "C.UTF-8"}), ("linux", {"LC_ALL": "C.UTF-8", "NO_COLOR": "1"}),
                      ("screen", {"LC_ALL": "C"})):
        t = run("samples/loss.pcap", width=80, height=24, env=dict(env, TERM=term, TZ="UTC"))
        try:
            t.wait(has("192.0.2.80:8080"))
            t.pages("Enter", "r")
            text = t.wait(has("cause: fast retransmit"))
            good = has("retransmission (fast", "cause: fast retransmit", "SYN-RECEIVED")(text)
            t.keys("3")
            text += t.wait(has("time-sequence"))
            colors = [word for word in ("red", "yellow", "cyan", "magenta") if f"[{word}" in t.marked() or f" {word}" in t.marked()]
            plain = env["LC_ALL"] != "C" or text.isascii()
            test(f"a terminal of type {term}, {env}", good and plain and bool(colors) == (term == "screen"), colors, text)
        finally:
            t.close()


def mouse():
    t = run("samples/mixed.pcap", width=120, height=30)
    try:
        t.wait(has("192.0.2.80:8080"))

        def click(x, y, button=0):
            for state in (button, 3):
                t.tmux("send-keys", "-H", "1b", "5b", "4d", "%x" % (32 + state), "%x" % (33 + x), "%x" % (33 + y))

        row = next(i for i, line in enumerate(t.text().split("\n")) if ":8080 " in line)
        click(20, row)
        time.sleep(0.5)
        t.keys("Enter")
        text = t.wait(has("192.0.2.80:8080", "retransmission"))
        test("a click selects", has("192.0.2.80:8080", "retransmission")(text), text)
        click(2, 0)
        text = t.wait(has("refused"))
        test("a click on a tab shows the view", "refused" in text, text)
        # The column of bytes: first the most, then the least.
        column = text.split("\n")[1].index("down")
        for bytes_first in ("90.0 kB", "0 B"):
            click(column, 1)
            text = t.wait(lambda now: bytes_first in now.split("\n")[2])
            test(f"a click on a title sorts: {bytes_first} is first", bytes_first in text.split("\n")[2], text)
        click(20, 4, button=65)
        time.sleep(0.3)
        test("the wheel turns", t.ask("pane_dead") == "0", t.text())
    finally:
        t.close()


def written():
    t = run("samples/mixed.pcap", width=80, height=24)
    try:
        t.wait(has("192.0.2.80:8080"))
        path = os.path.join(t.dir, "view.txt")
        t.keys("w", "C-u", path, "Enter")
        text = t.wait(has("lines written"))
        content = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
        test("the view is written to a file", has("no answer", "reset by server", "refused", "192.0.2.80:8081")(content), text, content)
        t.keys("w", "C-u", path, "Enter")
        text = t.wait(has("File exists"))
        test("no file is overwritten", "File exists" in text and open(path, encoding="utf-8").read() == content, text)
    finally:
        t.close()


def from_pipe():
    t = Terminal(f"sh -c 'cat samples/loss.pcap | {PROGRAM} --tui -'", width=120, height=30)
    try:
        text = t.wait(has("192.0.2.80:8080", "standard input"))
        t.pages("Enter", "g", "r")
        text = t.wait(has("cause: fast"))
        test("standard input: keys come from the terminal", has("cause: fast retransmit", "evidence:")(text), text)
    finally:
        t.close()


def no_terminal():
    done = subprocess.run([PROGRAM, "--tui", os.path.join(TOP, "samples", "mixed.pcap")], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, start_new_session=True, timeout=60)
    test("without a terminal it says so", done.returncode == 1 and "terminal" in done.stderr and not done.stdout, done)
    t = Terminal(f"sh -c '{PROGRAM} --tui samples/mixed.pcap; echo status $?; sleep 60'", env=dict(UTF8, TERM="no-such-terminal"))
    try:
        text = t.wait(has("status"))
        test("an unknown terminal is an error", has("no-such-terminal", "status 1")(text), text)
    finally:
        t.close()


def live():
    if os.geteuid() or subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode:
        tap.skip("live", "a network namespace needs root")
        return
    t = Terminal(f"unshare -n sh -c 'ip link set lo up && {{ {sys.executable} tests/tui/traffic.py & {PROGRAM} --tui -i lo; }}'",
                 width=120, height=30)
    try:
        text = t.wait(has("ESTABLISHED", ":8080", "dropped by the capture"))
        test("live: a connection that is open is listed", has("ESTABLISHED", ":8080", "0 dropped by the capture")(text), text)
        before = text
        text = t.wait(lambda now: now != before and "closed" in now)
        test("live: the list goes on", "closed" in text, text)
        t.keys("/", *"ESTABLISHED", "Enter")
        t.wait(has("1 shown"))
        t.keys("Enter")
        text = t.wait(has("connection 1", "window"))
        frames = [t.wait(has("PSH"))]
        frames.append(t.wait(lambda now: now != frames[0]))
        test("live: the flow graph goes on", "connection 1" in text and frames[0] != frames[1], *frames)
        t.keys("4")
        text = t.wait(has("ping", "pong"))
        test("live: the stream is shown", has("ping", "pong")(text), text)
        t.keys("q", "Escape", "q")
        text = t.wait(lambda now: t.ask("pane_dead") == "1")
        test("live: q leaves", t.ask("pane_dead") == "1", text)
    finally:
        t.close()


def main():
    if not shutil.which("tmux"):
        print("1..0 # SKIP tmux is missing")
        return
    if not os.access(PROGRAM, os.X_OK):
        print(f"Bail out! {PROGRAM} is missing")
        return
    if "--update" in sys.argv:
        golden(True, sys.argv[sys.argv.index("--update") + 1:])
        return
    golden(False, [])
    for part in (five_keys, restored, suspended, resized, terminals, mouse, written, from_pipe, no_terminal, live):
        part()
    tap.done()


main()
