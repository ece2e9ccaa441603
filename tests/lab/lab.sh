#!/bin/sh
# Makes a few connections with the running kernel and compares the records with what it knew. Not part of `make check`:
# it needs root, network namespaces, tun and the kernel's tracing. `make lab` runs this.
shared=${TCPSTAT_SHARED:-$top_srcdir/../shared}/groundtruth
skip() { echo "1..0 # SKIP $1"; exit; }
[ -f "$shared/score.py" ] || skip "../shared/groundtruth is not there"
[ -n "$PYTHON" ] || skip "python3 is missing"
[ "$(id -u)" -eq 0 ] || skip "not root"
[ -d /sys/kernel/tracing/instances ] || skip "no tracefs at /sys/kernel/tracing"
[ -c /dev/net/tun ] || skip "no /dev/net/tun"
echo 1..2
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
if "$PYTHON" -B "$top_srcdir/tests/lab/run.py" --emulator "$top_builddir/tests/lab/emulator" --out "$dir" \
	--set quick >"$dir/runs" 2>&1; then echo "ok 1 - the kernel's counters and the truth agree"
else echo "not ok 1 - the kernel's counters and the truth agree"; fi
sed 's/^/# /' "$dir/runs"
cp "$shared"/*.py "$dir"
"$PYTHON" -B "$dir/score.py" --set "$dir" --jobs 1 -v \
	--tcpstat "'$top_builddir/tcpstat' --jsonl --events all --hash {pcap}" >"$dir/scores" 2>&1
status=$?
sed 's/^/# /' "$dir/scores"
if [ "$status" -eq 0 ] && ! grep -qE '^(FAILED|Traceback)' "$dir/scores"; then echo "ok 2 - every capture was scored"
else echo "not ok 2 - every capture was scored"; fi
