#!/bin/sh
# The second thread under ThreadSanitizer: what it and the reader touch at once, in every output that it serves, and on
# every capture of ../shared/captures.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
skip() {
	echo "1..0 # SKIP $1"
	exit 0
}
[ "$sanitizers" != yes ] || skip "one sanitizer at a time"
[ "$(nproc)" -gt 1 ] || skip "needs two processors"
printf 'int main(void) { return 0; }\n' >"$scratch/try.c"
$CC -fsanitize=thread "$scratch/try.c" -o "$scratch/try" 2>/dev/null && "$scratch/try" 2>/dev/null ||
	skip "no ThreadSanitizer"

mkdir "$scratch/build"
source=$(cd "$top_srcdir" && pwd)
(cd "$scratch/build" && "$source/configure" -q CC="$CC" CFLAGS="-g -O1 -fsanitize=thread" \
	LDFLAGS=-fsanitize=thread && make -j2 tcpstat) >"$scratch/log" 2>&1 </dev/null ||
	{ tail -n 20 "$scratch/log" | sed 's/^/# /'; echo "1..1"; echo "not ok 1 - builds"; exit 0; }

"$top_builddir/tests/bench/gen_capture" mice 3000 >"$scratch/mice.pcap"
"$top_builddir/tests/bench/gen_capture" -l 10 elephants 40000 >"$scratch/elephants.pcap"
"$top_builddir/tests/bench/gen_capture" flood 60000 >"$scratch/flood.pcap"
n=0
echo 1..16
for kind in mice elephants flood; do
	for options in "" --jsonl --csv "--memory 8M" "--extract $scratch/streams"; do
		n=$((n + 1))
		# shellcheck disable=SC2086
		TSAN_OPTIONS=exitcode=66 "$scratch/build/tcpstat" $options "$scratch/$kind.pcap" \
			>"$scratch/out" 2>"$scratch/errors" </dev/null
		status=$?
		if [ "$status" -le 0 ] && ! grep -q 'WARNING: ThreadSanitizer' "$scratch/errors"; then
			echo "ok $n - $kind $options"
		else
			echo "not ok $n - $kind $options: exit $status"
			head -n 30 "$scratch/errors" | sed 's/^/# /'
		fi
	done
done

captures=${TCPSTAT_SHARED:-$source/../shared}/captures/dev
if [ ! -d "$captures" ]; then
	echo "ok 16 - captures of others # SKIP ../shared/captures is not there"
	exit 0
fi
find "$captures" -type f | TSAN_OPTIONS="exitcode=66 log_path=$scratch/race" xargs -P 2 -n 1 sh -c \
	'timeout 240 "$0" --jsonl "$1" >/dev/null 2>&1; [ $? -le 3 ] || echo "# $1"' "$scratch/build/tcpstat" >"$scratch/bad"
if [ -s "$scratch/bad" ] || ls "$scratch"/race.* >/dev/null 2>&1; then
	echo "not ok 16 - captures of others"
	cat "$scratch/bad"
	cat "$scratch"/race.* 2>/dev/null | head -n 40 | sed 's/^/# /'
else
	echo "ok 16 - $(find "$captures" -type f | wc -l) captures of others"
fi
