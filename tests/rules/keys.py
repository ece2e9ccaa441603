"""The keys of the screen: keys.def and tcpstat(1) say the same of each, in the same order; no key means two things."""

import os
import re

TOP = os.environ["top_srcdir"]


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def table():
    rows = re.findall(r'^K\((\w+), ([A-Z_| ]+), "([^"]+)", ([^"]+), "([^"]+)"\)$', read("src", "sink", "tui", "keys.def"), re.M)
    return [(action, views.split(" | "), names, [c.strip() for c in re.findall(r"'(?:\\.|.)'|\w+", codes) if c != "0"], text)
            for action, views, names, codes, text in rows]


def of_man():
    section = re.search(r"^\.Sh SCREEN$(.*?)^\.Sh ", read("man", "tcpstat.1"), re.M | re.S).group(1)
    items = re.findall(r"^\.It Ic (.*)\n((?:[^.\n].*\n)+)", section, re.M)
    return [(names.replace("\\&", ""), " ".join(text.split()).replace("\\&", "").rstrip(".")) for names, text in items]


def tell(number, problems, name):
    print("not ok" if problems else "ok", number, "-", name)
    for p in problems:
        print("#", p)


print("1..3")
TABLE = table()
tell(1, [] if len(TABLE) > 30 else ["%d rows" % len(TABLE)], "the table is read")
want = [(names, text) for _, _, names, _, text in TABLE]
got = of_man()
tell(2, [f"only in the table: {w}" for w in want if w not in got] + [f"only in the manual: {g}" for g in got if g not in want] +
     ([] if sorted(want) == sorted(got) else ["not as often"]), "tcpstat(1) has the keys of the table, and no others")
views = ["V_LIST", "V_FLOW", "V_GRAPH", "V_STREAM", "V_FINDINGS", "V_DETAIL"]
problems = []
for view in views:
    seen = {}
    for action, where, names, codes, _ in TABLE:
        if "V_ALL" not in where and view not in where:
            continue
        for code in codes:
            if code in seen:
                problems.append(f"{view}: {code} is {seen[code]} and {action}")
            seen[code] = action
tell(3, problems, "no key means two things in a view")
