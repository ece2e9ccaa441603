#!/bin/sh
# Compares the records with what the kernels of both endpoints knew (../shared/groundtruth); no figure may fall below
# floor.json, which `score.py --raise-floor` raises. `make accuracy` runs this and shows the scores, tshark's and
# tcptrace's beside them.
shared=${TCPSTAT_SHARED:-$top_srcdir/../shared}/groundtruth
[ -f "$shared/score.py" ] || { echo "1..0 # SKIP ../shared/groundtruth is not there"; exit; }
[ -n "$PYTHON" ] || { echo "1..0 # SKIP python3 is missing"; exit; }
echo 1..2
# The scorer keeps what the other tools said beside itself: it works on a copy, so that ../shared stays as it is.
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
cp "$shared"/*.py "$shared"/*.json "$dir"
"$PYTHON" -B "$dir/score.py" --set "$shared/dev" --floor "$top_srcdir/tests/accuracy/floor.json" --peers \
	--tcpstat "'$top_builddir/tcpstat' --jsonl --events all --hash {pcap}" >"$dir/out" 2>&1
status=$?
sed 's/^/# /' "$dir/out"
if grep -qE '^(FAILED|Traceback)' "$dir/out"; then echo "not ok 1 - every capture"; else echo "ok 1 - every capture"; fi
if [ "$status" -eq 0 ]; then echo "ok 2 - no score below its floor"; else echo "not ok 2 - no score below its floor"; fi
