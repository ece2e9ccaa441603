"""A live capture gives up what it does not need before it decodes a packet, and says what it lacks."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time

import net
from net import PROGRAM, Net, stop
import tap
from tap import skip, test

SANITIZED = os.environ.get("sanitizers") == "yes"


def status(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def listens(link, uid, *options):
    """Is there a capture that works, of this user and without privileges?"""
    what = " ".join(options) or "by default"
    program = link.tcpstat("-i", "eth0", "-q", *options, "tcp")
    link.fetch(1, 1000)
    time.sleep(0.5)
    facts = status(program)
    test(f"{what}: it runs as user {uid}", set(facts["Uid"].split()) == {str(uid)}, facts["Uid"])
    test(f"{what}: no capability is left", int(facts["CapEff"], 16) == int(facts["CapPrm"], 16) == 0, facts["CapEff"])
    if SANITIZED:
        skip(f"{what}: system calls are filtered", "sanitizers need more of them")
    else:
        test(f"{what}: system calls are filtered", facts["Seccomp"] == "2" and facts["NoNewPrivs"] == "1", facts["Seccomp"])
    out, code = stop(program)
    test(f"{what}: it captures all the same", code == 0 and b"1 connection" in out, out)


def rows(link, directory):
    """Files that are made later: root remains, with the right to make them and no other."""
    program = link.tcpstat("-i", "eth0", "-q", "-w", os.path.join(directory, "row.pcap"), "-b", "packets:10", "tcp")
    link.fetch(1, 50000)
    time.sleep(0.5)
    facts = status(program)
    test("-b: only the right to make files is left", int(facts["CapEff"], 16) == 1 << 1, facts["CapEff"])
    _, code = stop(program)
    test("-b: files are made", code == 0 and len(os.listdir(directory)) > 2, os.listdir(directory))


def without_root(link, directory):
    """The program where others may run it."""
    program = shutil.copy(PROGRAM, os.path.join(directory, "tcpstat"))
    os.chmod(directory, 0o755)
    drop = [shutil.which("setpriv"), "--reuid", "nobody", "--clear-groups", "--no-new-privs"]
    bare = subprocess.run(link.command(link.server, *drop, "--inh-caps=-all", "--bounding-set=-all", program, "-i", "eth0"),
                          capture_output=True, text=True)
    test("without CAP_NET_RAW it says so", bare.returncode == 1 and "cap_net_raw" in bare.stderr, bare.stderr)
    able = link.start(link.server, *drop, "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", program, "-i", "eth0",
                      "-q", "-a", "packets:5", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(20):
        link.fetch(1, 1000)
        if able.poll() is not None:
            break
        time.sleep(0.2)
    out, err = able.communicate() if able.poll() is not None else (b"", b"")
    test("CAP_NET_RAW is enough", able.returncode == 0 and b"5 packets" in out, out + err)


def main():
    why = net.cannot()
    if why:
        print("1..0 # SKIP", why)
        return
    with Net(delay_ms=1) as link, tempfile.TemporaryDirectory() as directory:
        link.serve()
        listens(link, pwd.getpwnam("nobody").pw_uid)
        listens(link, pwd.getpwnam("daemon").pw_uid, "-Z", "daemon")
        wrong = link.start(link.server, PROGRAM, "-i", "eth0", "-Z", "no-such-user", stderr=subprocess.PIPE)
        _, err = wrong.communicate(timeout=10)
        test("a user that is not there is told", wrong.returncode == 1 and b"no-such-user" in err, err)
        rows(link, directory)
        if shutil.which("setpriv"):
            with tempfile.TemporaryDirectory() as place:
                without_root(link, place)
        else:
            skip("without root", "setpriv is missing")
    tap.done()


main()
