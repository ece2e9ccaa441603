#!/bin/sh
# The program carries the hardening that configure could give it.
program=$top_builddir/tcpstat
echo 1..4
if [ "$sanitizers" = yes ]; then
	for i in 1 2 3 4; do echo "ok $i # SKIP built with sanitizers"; done
	exit
fi
# test_has NUMBER NAME COMMAND...: ok if the command succeeds
test_has() {
	number=$1 name=$2
	shift 2
	if "$@" >/dev/null 2>&1; then echo "ok $number - $name"; else echo "not ok $number - $name"; fi
}
test_has 1 "position independent" sh -c "readelf -hW '$program' | grep -q 'DYN'"
test_has 2 "relocations are read-only from the start" \
	sh -c "readelf -lW '$program' | grep -q GNU_RELRO && readelf -dW '$program' | grep -qE 'BIND_NOW|FLAGS.*NOW'"
test_has 3 "stacks are guarded and not executable" \
	sh -c "readelf -sW '$program' | grep -q __stack_chk_fail && readelf -lW '$program' | grep -E 'GNU_STACK.* RW '"
# glibc has checked variants only where the compiler optimizes.
if grep -q '^HARDEN_CPPFLAGS = .*FORTIFY' "$top_builddir/Makefile"; then
	test_has 4 "copies and formats are checked" sh -c "readelf -sW '$program' | grep -qE '__(mem|str|sn?|vsn?|f)[a-z]*_chk'"
else
	echo "ok 4 # SKIP _FORTIFY_SOURCE needs optimization"
fi
