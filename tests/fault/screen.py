"""--tui without memory, in a terminal: each allocation fails in turn, curses' included, and then all from there on. No
crash; the terminal is as it was; what was written to a file is what is written with memory, unless a message says what is
missing. Reads that fail, and a terminal that is gone."""

import os
import re
import tempfile

import tap
from faults import LOSS, PACKED, count_allocations, dishonest, each_fails, in_terminal, is_foreign
from tap import test

ENTER, LEAVE = b"\033[?1049h", b"\033[?1049l"
TOLD = re.compile(rb"out of memory|not all|not shown")
# Where a view is written to a file, its name is asked for.
SESSIONS = {
    "connections": ("?q>lrn/retx>0\nw\x15{file}\nqqq", [LOSS]),
    "a connection": ("n\nnez:10\n/SYN\nrfsw\x15{file}\n" "3vvvvv+Hd0n" "4xd/a\nn" "56G/rtt\n" "1qqq", [LOSS]),
    "a filter and a gzip file": ("n24w\x15{file}\n1qqq", [PACKED, "port 80"]),
}


def session(keys, arguments, **faults):
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "view")
        (status, out, err), same = in_terminal(arguments, keys.format(file=file), **faults)
        written = open(file, "rb").read() if os.path.exists(file) else None
    return status, out, err, same, written


def judge(got, whole, ascii):
    """What is wrong, or None."""
    status, out, err, same, written = got
    if not same or (ENTER in out and LEAVE not in out[out.rindex(ENTER):]):
        return f"status {status}: the terminal is not as it was: {err[-300:]}"
    if is_foreign(got):
        return None
    if dishonest(status, err):
        return dishonest(status, err)
    if status == whole[0] and written not in (whole[4], ascii[4]) and not TOLD.search(out) and not err.strip():
        return f"status {status}, no message, and {written and len(written)} bytes that are not the {len(whole[4])} expected"
    return None


def main():
    for name, (keys, arguments) in SESSIONS.items():
        count, whole = count_allocations(lambda **faults: session(keys, arguments, **faults))
        # libc without memory for a locale: as in one without UTF-8
        ascii = session(keys, arguments, LC_ALL="C")
        test(f"{name}: the session without a fault",
             all(s[0] == 0 and s[4] and judge(s, whole, ascii) is None for s in (whole, ascii)), whole, ascii)
        bad = each_fails(count, lambda **faults: judge(session(keys, arguments, **faults), whole, ascii))
        test(f"{name}: each of {count} allocations fails, and all after it", not bad, f"{len(bad)} problems", *bad[:8])


if os.environ.get("sanitizers") == "yes":
    tap.skip_all("sanitizers have allocators of their own")
else:
    main()
    tap.done()
