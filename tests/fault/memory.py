"""The whole program without memory, and with reads that fail: each allocation fails in turn, its libraries' included,
and then all from there on. No crash; what comes out with status 0 is what comes out with memory, unless
a message says what is missing; lines are whole. SIGINT at each allocation, input in reads of three bytes, and reads that
fail anywhere, likewise."""

import concurrent.futures
import json
import os
import signal
import tempfile

import tap
from faults import LOSS, MODES, PACKED, SAMPLE, count_allocations, dishonest, each_fails, is_foreign, run
from tap import test


def whole_lines(out):
    try:
        return not out or (out.endswith(b"\n") and all(json.loads(line) for line in out.splitlines()))
    except ValueError:
        return False


def judge(name, got, whole):
    """What is wrong, or None."""
    status, out, err = got
    if is_foreign(got):
        return None
    if dishonest(status, err):
        return dishonest(status, err)
    if status == whole[0] and out not in (whole[1], whole[3]) and not err.strip() and b"out of memory" not in out:
        return f"status {status}, no message, and {len(out)} bytes that are not the {len(whole[1])} expected"
    if name in ("jsonl", "hash") and not whole_lines(out):
        return f"status {status}, cut lines: ...{out[-100:]}"
    return None


def memory():
    for name, arguments in MODES.items():
        count, whole = count_allocations(lambda **faults: run(arguments, **faults))
        # libc without memory for a locale: as in one without UTF-8
        whole += run(arguments, LC_ALL="C")[1:2]
        bad = each_fails(count, lambda **faults: judge(name, run(arguments, **faults), whole))
        test(f"{name}: each of {count} allocations fails, and all after it", whole[0] in (0, 3) and count and not bad,
             f"{len(bad)} problems", *bad[:8])


def judge_signal(name, got, whole):
    """What is wrong, or None. Before the program handles it, SIGINT ends it as it ends any other, with nothing written;
    from then on it ends the input. What is written is whole, and is all if all was read."""
    status, out, err = got
    if status == -signal.SIGINT:
        return f"killed with {len(out)} bytes written" if out else None
    if status == 1 and b"there is no connection" in err and not out:
        return None     # that is asked for, as far as the input was read
    if status not in (0, whole[0]):
        return f"status {status}: {err[-300:]}"
    if name in ("jsonl", "hash"):
        return None if out and whole_lines(out) else f"cut lines: ...{out[-100:]}"
    if name == "json":
        return None if out.endswith(b"\n") and json.loads(out) else "cut"
    return None if not out or out.endswith(b"\n") else f"cut: ...{out[-100:]}"


def signals():
    for name, arguments in MODES.items():
        count, whole = count_allocations(lambda **faults: run(arguments, **faults))
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            got = list(pool.map(lambda at: run(arguments, FAULT_SIGNAL=at), range(1, count + 1)))
        bad = [f"allocation {at}: {problem}" for at, one in enumerate(got, 1) if (problem := judge_signal(name, one, whole))]
        handled = sum(status == whole[0] for status, _, _ in got)
        test(f"{name}: SIGINT at each of {count} allocations ({handled} of them handled)", handled and not bad,
             f"{len(bad)} problems", *bad[:8])


def reads():
    with open(SAMPLE, "rb") as f:
        whole = run(["--jsonl", "-"], stdin=f)
    with open(SAMPLE, "rb") as f:
        short = run(["--jsonl", "-"], stdin=f, FAULT_SHORT=1)
    test("reads of three bytes", short == whole, short[2])
    for name, path in (("a file", SAMPLE), ("a gzip file", PACKED)):
        whole, short = run(["--jsonl", path]), run(["--jsonl", path], FAULT_SHORT=1)
        test(f"{name} in reads of three bytes", short == whole, short[2])
    for name, path, extra in (("plain", SAMPLE, []), ("gzip", PACKED, []), ("all events", SAMPLE, ["--events", "all"])):
        bad = []
        for at in list(range(1, 12)) + [20, 40, 60]:
            with open(path, "rb") as f:
                status, out, err = run(["--jsonl", *extra, "-"], stdin=f, FAULT_SHORT=1, FAULT_READ=at)
            if status != 1 or b"Input/output error" not in err or not whole_lines(out):
                bad.append(f"read {at}: status {status}, {err[-200:]}, ...{out[-100:]}")
        test(f"{name}: a read that fails in the middle: status 1, the reason, whole lines", not bad, "\n".join(bad[:5]))


def packets_of(out):
    return json.loads(out.splitlines()[-1])["packets"] if out else 0


def disks():
    """A file whose disk fails: as many packets as in a file that is cut there, and if there are any, the error names the
    next one."""
    for name, path in (("plain", LOSS), ("gzip", PACKED)):
        with open(path, "rb") as f:
            whole = f.read()
        reads, bad = len(whole) // 3 + 1, []
        with tempfile.TemporaryDirectory() as folder:
            cut = os.path.join(folder, "cut.pcap")
            for at in [9, 30] + [reads * k // 6 for k in range(1, 6)]:
                with open(cut, "wb") as f:
                    f.write(whole[:3 * (at - 1)])
                expected = packets_of(run(["--jsonl", cut])[1])
                status, out, err = run(["--jsonl", path], FAULT_SHORT=1, FAULT_READ=at)
                told = f"packet {expected + 1}: cannot read on: Input/output error" if expected else "cannot read on"
                if status != 1 or told.encode() not in err or packets_of(out) != expected:
                    bad.append(f"read {at}: status {status}, {err[-200:]}, {packets_of(out)} packets, not {expected}")
        test(f"{name}: a disk that fails: what was read before is reported, status 1", not bad, *bad[:5])


if os.environ.get("sanitizers") == "yes":
    tap.skip_all("sanitizers have allocators of their own")
else:
    memory()
    signals()
    reads()
    disks()
    tap.done()
