"""A program in a terminal of its own, which tmux plays: keys in, screens out."""

import os
import re
import shutil
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("top_builddir", TOP))
PROGRAM = os.path.join(BUILD, "tcpstat")
PATIENCE_S = 30 if os.environ.get("sanitizers") == "yes" else 10
UTF8 = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
PLAIN = {"LC_ALL": "C", "TZ": "UTC", "TERM": "vt100", "NO_COLOR": "1"}


class Terminal:
    """One program, or a shell, in a terminal of its own."""

    def __init__(self, command, width=80, height=24, env=None):
        self.dir = tempfile.mkdtemp(prefix="tcpstat-tui-")
        self.socket = os.path.join(self.dir, "tmux")
        variables = dict(UTF8 if env is None else env)
        words = ["env", "-u", "NO_COLOR", "-u", "COLUMNS", "-u", "LINES"] + [f"{k}={v}" for k, v in variables.items()]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "-c", TOP,
                  " ".join(words) + " " + command, ";", "set", "-g", "remain-on-exit", "on", ";", "set", "-g", "status", "off",
                  ";", "set", "-s", "escape-time", "0")
        self.tmux("resize-window", "-x", str(width), "-y", str(height))

    def tmux(self, *words):
        return subprocess.run(["tmux", "-S", self.socket, *words], capture_output=True, text=True, encoding="utf-8",
                              errors="replace", timeout=30).stdout

    def close(self):
        self.tmux("kill-server")
        shutil.rmtree(self.dir, ignore_errors=True)

    def keys(self, *names):
        for name in names:
            self.tmux("send-keys", name)
            time.sleep(0.05)

    def pages(self, *names):
        """Keys of which each acts on what the one before has brought: where a page is read first, they wait for it."""
        for name in names:
            before = self.text()
            self.keys(name)
            self.wait(lambda text: text != before and "reading" not in text and "waiting for the end" not in text, 3)

    def text(self):
        return "\n".join(line.rstrip() for line in self.tmux("capture-pane", "-p").split("\n")).rstrip("\n") + "\n"

    def marked(self):
        """The screen with its attributes as [words] before the characters that have them; what blanks have is left out, for
        it depends on what was there before."""
        codes = {"1": "bold", "2": "dim", "7": "reverse", "31": "red", "32": "green", "33": "yellow", "34": "blue",
                 "35": "magenta", "36": "cyan"}
        now, shown, out = set(), set(), []
        for part in re.split("(\x1b\\[[0-9;]*m|\x0e|\x0f)", self.tmux("capture-pane", "-p", "-e")):
            if not part.startswith("\x1b"):
                for c in part:
                    if c not in " \n" and now != shown:
                        out.append("[" + " ".join(sorted(now)) + "]")
                        shown = set(now)
                    out.append(c)
                continue
            for code in part[2:-1].split(";"):
                if code in ("", "0"):
                    now.clear()
                elif code == "39":
                    now -= {"red", "green", "yellow", "blue", "magenta", "cyan"}
                elif code in codes:
                    now.add(codes[code])
        return "\n".join(line.rstrip() for line in "".join(out).split("\n")).rstrip("\n") + "\n"

    def ask(self, name):
        return self.tmux("display-message", "-p", "#{%s}" % name).strip()

    def wait(self, test, patience=PATIENCE_S):
        """The screen, once the test holds for it; or what it is when patience has ended."""
        until = time.monotonic() + patience
        while True:
            text = self.text()
            if test(text) or time.monotonic() > until or (self.ask("pane_dead") == "1" and text == self.text()):
                return text
            time.sleep(0.03)

    def settle(self):
        """The screen, once it has not changed for a while."""
        before, since = None, time.monotonic()
        until = since + PATIENCE_S
        while time.monotonic() < until:
            text = self.text()
            if text != before:
                before, since = text, time.monotonic()
            elif time.monotonic() - since > 0.6:
                break
            time.sleep(0.05)
        return before


def run(arguments, **more):
    return Terminal(f"{PROGRAM} --tui {arguments}", **more)


def has(*words):
    return lambda text: all(w in text for w in words)
