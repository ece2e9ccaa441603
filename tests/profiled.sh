#!/bin/sh
# `make profiled`, in a folder of its own: it builds, and what that says of every sample is what the plain build says.
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

skip() {
	echo "1..0 # SKIP $1"
	exit
}

compare() { # OPTION...: on all samples
	for file in "$top_srcdir"/samples/*.pcap*; do
		"$top_builddir/tcpstat" "$@" "$file" >"$dir/plain" 2>&1
		plain=$?
		"$dir/tcpstat" "$@" "$file" 2>&1 | sed "s|^$dir/||" >"$dir/fast"
		cmp -s "$dir/plain" "$dir/fast" || echo "# $* ${file##*/}: differs (exit status $plain)"
	done >"$dir/differences"
	n=$((n + 1))
	if [ -s "$dir/differences" ]; then echo "not ok $n - same as the plain build: tcpstat $*"; else
		echo "ok $n - same as the plain build: tcpstat $*"
	fi
	cat "$dir/differences"
}

[ "$sanitizers" != yes ] || skip "the build has sanitizers"
[ ! -f "$top_srcdir/config.status" ] || skip "the source folder is configured itself"
n=1
# every file of the source is found from here, none is written there
(cd "$dir" && "$top_srcdir/configure" && make -j"$(nproc)" profiled) >"$dir/log" 2>&1 </dev/null
status=$?
grep -q 'cannot use profiles' "$dir/log" && skip "this compiler cannot use profiles"
if [ "$status" -ne 0 ] || ! find "$dir" -name '*.gcda' -o -name '*.profdata' | grep -q .; then
	echo "not ok 1 - make profiled"
	tail -n 40 "$dir/log" | sed 's/^/# /'
	echo "1..1"
	exit 1
fi
echo "ok 1 - make profiled"
compare
compare --jsonl --events all
compare --jsonl --hash
echo "1..$n"
