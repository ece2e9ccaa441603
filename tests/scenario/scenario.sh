#!/bin/sh
# Plays every script of this folder to the library.
exec "$top_builddir/tests/scenario/runner" "$top_srcdir"/tests/scenario/*.pkt
