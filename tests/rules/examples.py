"""What README.md and the manual pages show is what the program prints.

In a fenced block of README.md, and between .Bd and .Ed of a manual page, a line `$ tcpstat ...` (also `$ build/tcpstat`) is
run with the top of the source as current folder; what follows, up to the next `$`, is its output. A line of `...` stands
for any number of lines. Commands that begin otherwise, or that need a network interface, are not run."""

import glob
import os
import re
import subprocess

TOP = os.environ["top_srcdir"]
PROGRAM = os.path.join(os.environ["top_builddir"], "tcpstat")
COMMAND = re.compile(r"^\$ (?:build/|\./)?tcpstat (.*)$")


def blocks(path, text):
    if path.endswith(".md"):
        return re.findall(r"^```[^\n]*\n(.*?)^```", text, re.M | re.S)
    plain = []
    for block in re.findall(r"^\.Bd[^\n]*\n(.*?)^\.Ed", text, re.M | re.S):
        lines = [re.sub(r"^\\&", "", line) for line in block.splitlines() if not re.match(r"^\.[A-Z]", line)]
        plain.append("".join(line.replace(r"\e", "\\").replace(r"\-", "-") + "\n" for line in lines))
    return plain


def examples(block):
    """(command, lines of its output)"""
    command, output = None, []
    for line in [*block.splitlines(), "$ "]:
        if line.startswith("$ "):
            if command is not None:
                yield command, output
            found = COMMAND.match(line)
            command, output = found.group(1) if found else None, []
        elif command is not None:
            output.append(line)


def agrees(shown, real):
    pattern = "".join("(?:.*\n)*" if line.strip() == "..." else re.escape(line.rstrip()) + "[ \t]*\n" for line in shown)
    return re.fullmatch(pattern, real) is not None


def main():
    n = 0
    for path in [os.path.join(TOP, "README.md"), *sorted(glob.glob(os.path.join(TOP, "man", "*.[1-9]")))]:
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for block in blocks(path, text):
            for command, shown in examples(block):
                if not any(shown) or re.search(r"(^| )-[a-zA-Z]*i\b|--tui|--metrics", command):
                    continue
                n += 1
                shown = "\n".join(shown).strip("\n").split("\n")
                p = subprocess.run(f"'{PROGRAM}' {command}", shell=True, cwd=TOP, capture_output=True, text=True,
                                   stdin=subprocess.DEVNULL)
                good = agrees(shown, p.stdout.rstrip("\n") + "\n")
                print("ok" if good else "not ok", n, "-", os.path.basename(path) + ": tcpstat", command.replace("#", ""))
                if not good:
                    print("# shown:\n#   " + "\n#   ".join(shown))
                    print("# printed:\n#   " + "\n#   ".join(p.stdout.splitlines()))
                    print("# stderr:\n#   " + "\n#   ".join(p.stderr.splitlines()))
    if n == 0:
        n = 1
        print("not ok 1 - README.md shows an example with its output")
    print(f"1..{n}")


main()
