"""What is said of connections does not depend on whether their segments wait for the trackers: with every event wanted
none waits, with connections alone nearly all do, and with the hashes of their streams all but for reassembly."""

import glob
import os
import subprocess
import sys

PROGRAM = os.path.join(os.environ["top_builddir"], "tcpstat")
SOURCE = os.environ["top_srcdir"]
KEPT = (b'{"type":"connection"', b'{"type":"finding"')


def records(path, events, *options):
    done = subprocess.run([PROGRAM, "--jsonl", "--events", events, *options, path], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return done.returncode, [line for line in done.stdout.splitlines() if line.startswith(KEPT)]


def main():
    shared = os.path.join(SOURCE, "..", "shared")
    files = [("samples", sorted(glob.glob(f"{SOURCE}/samples/*.pcap*"))),
             ("the captures of others", sorted(glob.glob(f"{shared}/captures/dev/*"))),
             ("the captures with the kernel's account", sorted(glob.glob(f"{shared}/groundtruth/dev/*/*.pcap*")))]

    print(f"1..{len(files)}")
    for i, (name, paths) in enumerate(files, 1):
        if not paths:
            print(f"ok {i} - {name} # SKIP not there")
            continue
        unequal, said = [], 0
        for path in paths:
            waiting, in_step = records(path, "connection,finding"), records(path, "all")
            apart, hashed = records(path, "connection,finding", "--hash"), records(path, "all", "--hash")
            said += len(waiting[1])
            if waiting != in_step or apart != hashed:
                unequal.append(os.path.basename(path))
        for path in unequal:
            print(f"# {path} differs", file=sys.stderr)
        print(f"{'not ' if unequal or not said else ''}ok {i} - {name}: {len(paths)} captures, {said} records")


main()
