#!/bin/sh
# Compares the records with what the kernels of both endpoints knew (../shared/groundtruth); no figure may fall below
# floor.json. `make accuracy` shows the scores.
shared=${TCPSTAT_SHARED:-$top_srcdir/../shared}
[ -f "$shared/groundtruth/score.py" ] || { echo "1..0 # SKIP ../shared/groundtruth is not there"; exit; }
echo 1..1
"${PYTHON:-python3}" -B "$shared/groundtruth/score.py" --floor "$top_srcdir/tests/accuracy/floor.json" --peers \
	--tcpstat "$top_builddir/tcpstat --jsonl --events all --hash {pcap}" >accuracy.out 2>&1
status=$?
sed 's/^/# /' accuracy.out
if [ "$status" -eq 0 ]; then echo "ok 1 - no score below its floor"; else echo "not ok 1 - no score below its floor"; fi
