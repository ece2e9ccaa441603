#!/bin/sh
# Every entry point on its corpus; what libFuzzer would call a crash ends the program and is "not ok".
n=0
for entry in "$top_builddir"/tests/fuzz/fuzz_*; do
	name=${entry##*/fuzz_}
	[ -x "$entry" ] && [ -d "$top_srcdir/tests/fuzz/corpus/$name" ] || continue
	n=$((n + 1))
	out=$(timeout 300 "$entry" "$top_srcdir/tests/fuzz/corpus/$name" 2>&1)
	status=$?
	files=$(ls "$top_srcdir/tests/fuzz/corpus/$name" | wc -l)
	if [ $status -eq 0 ] && [ "$(echo "$out" | grep -c '^ok')" -eq "$files" ]; then
		echo "ok $n - $name, $files inputs"
	else
		echo "not ok $n - $name, exit status $status"
		echo "$out" | tail -30 | sed 's/^/# /'
	fi
done
echo "1..$n"
