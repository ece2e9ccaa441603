#!/bin/sh
# Failing allocations on the corpus of the tracker.
exec "$top_builddir/tests/fault/allocations" "$top_srcdir"/tests/fuzz/corpus/track/*
