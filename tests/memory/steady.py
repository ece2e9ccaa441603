"""Twenty million packets of connections that go on: in the steady state nothing is allocated."""

import os
import shutil
import subprocess
import tempfile

BUILD = os.environ["top_builddir"]
FEW, MANY = 1000000, 13400000           # data segments; half as many ACKs go with them

COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static _Atomic unsigned long calls;

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

void *malloc(size_t size) { calls++; return __libc_malloc(size); }
void *calloc(size_t n, size_t size) { calls++; return __libc_calloc(n, size); }
void *realloc(void *block, size_t size) { calls++; return __libc_realloc(block, size); }

__attribute__((destructor)) static void tell(void)
{
	FILE *out = fopen(getenv("CALLS"), "w");

	if (out)
		fprintf(out, "%lu\n", calls);
}
"""


def calls(library, folder, segments):
    """Allocations of a whole run on so many segments of 20 connections."""
    told = os.path.join(folder, "calls")
    generator = subprocess.Popen([os.path.join(BUILD, "tests", "bench", "gen_capture"), "-s", "96", "elephants",
                                  str(segments)], stdout=subprocess.PIPE)
    done = subprocess.run([os.path.join(BUILD, "tcpstat"), "-"], stdin=generator.stdout, stdout=subprocess.DEVNULL,
                          env={**os.environ, "LD_PRELOAD": library, "CALLS": told})
    generator.stdout.close()
    generator.wait()
    with open(told) as text:
        return int(text.read()) if done.returncode == 0 else None


def main():
    print("1..1")
    compiler = shutil.which((os.environ.get("CC") or "cc").split()[0])
    if os.environ.get("sanitizers") == "yes" or not compiler:
        print("ok 1 # SKIP sanitizers allocate for themselves" if compiler else "ok 1 # SKIP no compiler")
        return
    with tempfile.TemporaryDirectory() as folder:
        source, library = os.path.join(folder, "calls.c"), os.path.join(folder, "calls.so")
        with open(source, "w") as out:
            out.write(COUNTER)
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
        few, many = calls(library, folder, FEW), calls(library, folder, MANY)
    good = few is not None and few == many
    print("ok" if good else "not ok", "1 - twelve times as many packets, not one allocation more")
    print(f"# {few} allocations with {FEW} segments, {many} with {MANY}")


main()
