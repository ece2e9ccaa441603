#!/bin/sh
# Time and memory under attack; figures of a build with sanitizers would say nothing.
[ "$sanitizers" != yes ] || { echo "1..0 # SKIP built with sanitizers"; exit; }
exec "$top_builddir/tests/attack/attack"
