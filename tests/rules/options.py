"""The option table, --help and tcpstat(1) name the same options, with and without an argument."""

import os
import re
import subprocess

TOP = os.environ["top_srcdir"]
PROGRAM = os.path.join(os.environ["top_builddir"], "tcpstat")


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def table():
    """{long name: (letter or None, takes an argument)}"""
    rows = re.findall(r"""^O\(\w+, *(?:'(.)'|0), *"([^"]+)", *(?:(NULL)|"[^"]*"),""", read("src", "cli", "options.def"), re.M)
    return {name: (letter or None, null != "NULL") for letter, name, null in rows}


def of_help():
    text = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True).stdout
    rows = re.findall(r"^ +(?:-(.), )?--([a-z0-9-]+)(?:(=| [^a-z \n])\S*)?", text, re.M)
    return {name: (letter or None, bool(argument)) for letter, name, argument in rows}


def of_man():
    options = {}
    for item in re.findall(r"^\.It (.*\bFl\b.*)$", read("man", "tcpstat.1"), re.M):
        letters = re.findall(r"\bFl ([A-Za-z])\b", item)
        for name in re.findall(r"\bFl -([a-z0-9-]+)", item):
            options[name] = (letters[0] if letters else None, bool(re.search(r"\b(Ar|Cm)\b", item)))
    return options


def compare(number, where, got, want):
    problems = [f"--{name}: {where} has {got.get(name)}, the table {want.get(name)}"
                for name in sorted(set(got) | set(want)) if got.get(name) != want.get(name)]
    print("not ok" if problems or not want else "ok", number, "-", where, "has the options of the table, and no others")
    for p in problems:
        print("#", p, "(letter, takes an argument)")


print("1..3")
WANT = table()
print("ok 1 - the table is read" if len(WANT) > 10 else "not ok 1 - the table is read")
compare(2, "--help", of_help(), WANT)
compare(3, "tcpstat(1)", of_man(), WANT)
