"""The program executes no more instructions a packet than limits.txt allows: they do not depend on what else runs."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import bench

COUNTS = {"mice": 800, "elephants": 8000, "flood": 16000}
NEAR = 0.9  # a limit further above what is needed is no limit


def limits():
    """Of each line the kind, the number and the options."""
    with open(os.path.join(HERE, "limits.txt")) as lines:
        return [(words[0], int(words[1]), words[2:]) for words in map(str.split, lines) if words and words[0] != "#"]


def skip_reason():
    if os.environ.get("sanitizers") == "yes":
        return "sanitizers execute instructions of their own"
    if "-O2" not in os.environ.get("CFLAGS", "-O2").split():
        return "limits are those of -O2"
    return None


def main():
    table, reason = limits(), skip_reason()
    if {kind for kind, _, _ in table} != set(COUNTS):
        sys.exit("limits.txt: a kind of capture has no limit")
    print(f"1..{len(table)}")
    for number, (kind, limit, options) in enumerate(table, 1):
        name = f"{' '.join([kind, *options])}: at most {limit} instructions a packet"
        used = None if reason else bench.instructions_per_packet(
            lambda f, options=options: [bench.PROGRAM, *options, f], [kind], COUNTS[kind])
        if used is None:
            print("ok", number, "# SKIP", reason or "no valgrind")
            continue
        print("ok" if used <= limit else "not ok", number, "-", name)
        print(f"# {used:.0f} used" + (": the limit can be lowered" if used < NEAR * limit else ""))


main()
