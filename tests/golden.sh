#!/bin/sh
# Runs the lines of TESTLIST and compares standard output with NAME.out, byte by byte, and the exit status.
cd "$top_srcdir" || exit 99
tcpstat=$top_builddir/tcpstat
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
n=0
while IFS='|' read -r name status arguments; do
	case $name in '' | '#'*) continue ;; esac
	n=$((n + 1))
	eval "\"\$tcpstat\" $arguments" >"$dir/out" 2>"$dir/err" </dev/null
	got=$?
	if [ "$got" -eq "$status" ] && cmp -s "tests/golden/$name.out" "$dir/out" &&
		! grep -qE 'ERROR: [A-Za-z]+Sanitizer|runtime error:' "$dir/err"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		echo "# tcpstat $arguments: exit status $got, expected $status"
		diff -u "tests/golden/$name.out" "$dir/out" | sed 's/^/# /'
		sed 's/^/# stderr: /' "$dir/err"
	fi
done <tests/golden/TESTLIST
echo "1..$n"
