"""What measurements and the limit of instructions share: captures made, programs run, instructions counted."""

import os
import re
import shutil
import subprocess
import tempfile
import threading
import time

BUILD = os.environ.get("top_builddir", ".")
PROGRAM = os.path.join(BUILD, "tcpstat")
BARE = os.path.join(BUILD, "tests", "bench", "bare")
GENERATOR = os.path.join(BUILD, "tests", "bench", "gen_capture")


def generate(path, arguments):
    with open(path, "wb") as out:
        subprocess.run([GENERATOR, *map(str, arguments)], stdout=out, check=True)


def packets(path):
    """Of a pcap file, as its record headers count."""
    return int(subprocess.run([BARE, path], stdout=subprocess.PIPE, check=True, text=True).stdout.split()[0])


class Run:
    """One run of a program: status, wall and user + system seconds, peak anonymous memory in bytes (None: too short, or
    not watched: whoever watches needs a processor, which the program may want)."""

    def __init__(self, command, watched=True, **options):
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, **options)
        self.anonymous = None
        watcher = threading.Thread(target=self._watch, args=(process.pid,))
        if watched:
            watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        self.wall = time.monotonic() - begun
        process.returncode = self.status = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime
        if watched:
            watcher.join()

    def _watch(self, pid):
        try:
            while True:
                with open(f"/proc/{pid}/status") as status:
                    found = re.search(r"RssAnon:\s+(\d+) kB", status.read())
                if not found:
                    return
                self.anonymous = max(self.anonymous or 0, int(found[1]) * 1024)
                time.sleep(0.005)
        except (FileNotFoundError, ProcessLookupError):
            return


def one_processor():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def instructions(command):
    """All that the program executes, as callgrind counts them: the same on every machine. On one processor: two threads
    wait for each other, and waiting takes instructions, too. None: no valgrind."""
    if not shutil.which("valgrind"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        # what clang writes for debuggers is newer than what Debian 12's valgrind reads
        stripped = os.path.join(folder, "stripped")
        if shutil.which("strip") and subprocess.run(["strip", "-g", "-o", stripped, command[0]]).returncode == 0:
            command = [stripped, *command[1:]]
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", *command],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              preexec_fn=one_processor)
    found = re.search(r"refs:\s+([\d,]+)", done.stderr)
    return int(found[1].replace(",", "")) if found and not done.returncode else None


def instructions_per_packet(command, arguments, count):
    """Of a capture that `arguments` and `count` make, beside one of half the size: so the start of the program does not
    count. `command`: a function of the file."""
    with tempfile.TemporaryDirectory() as folder:
        sums, path = [], os.path.join(folder, "capture.pcap")
        for size in (count // 2, count):
            generate(path, [*arguments, size])
            total = instructions(command(path))
            if total is None:
                return None
            sums.append((total, packets(path)))
    return (sums[1][0] - sums[0][0]) / (sums[1][1] - sums[0][1])
