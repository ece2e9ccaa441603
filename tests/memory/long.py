"""An hour of traffic in minutes: 50 million packets of 2.5 million connections; memory is flat. `make long-run`."""

import os
import subprocess
import sys
import time

BUILD = os.environ["top_builddir"]
CONNECTIONS, OPEN, GAP_US = int(sys.argv[1]) if len(sys.argv) > 1 else 2500000, 2000, 72


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def main():
    generator = subprocess.Popen([os.path.join(BUILD, "tests", "bench", "gen_capture"), "mice", str(CONNECTIONS), str(OPEN),
                                  str(GAP_US)], stdout=subprocess.PIPE)
    program = subprocess.Popen([os.path.join(BUILD, "tcpstat"), "--jsonl", "-"], stdin=generator.stdout,
                               stdout=subprocess.DEVNULL)
    generator.stdout.close()
    begun, sizes = time.monotonic(), []
    while True:
        time.sleep(1)
        if program.poll() is not None:
            break
        try:
            sizes.append(resident_kb(program.pid))
        except StopIteration:
            break
    program.wait()
    generator.wait()
    took = time.monotonic() - begun
    early, late = max(sizes[:max(1, len(sizes) // 4)]), max(sizes[len(sizes) // 4:])
    packets = CONNECTIONS * 20
    print("1..1")
    flat = program.returncode == 0 and late <= early * 1.05 + 1024
    print("ok" if flat else "not ok", f"1 - {packets:,} packets, {packets * GAP_US / 1e6:,.0f} s of traffic: memory is flat")
    print(f"# took {took:.0f} s; at most {early / 1024:.1f} MB in the first quarter, {late / 1024:.1f} MB after it")


main()
