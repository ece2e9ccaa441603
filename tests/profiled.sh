#!/bin/sh
# `make profiled`, in a folder of its own, by the default compiler and by clang where it is: it builds, and what that says
# of every sample is what the plain build says.
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

skip() {
	echo "1..0 # SKIP $1"
	exit
}

compare() { # OPTION...: what $build says of all samples
	for file in "$top_srcdir"/samples/*.pcap*; do
		"$top_builddir/tcpstat" "$@" "$file" >"$dir/plain" 2>&1
		plain=$?
		"$build/tcpstat" "$@" "$file" 2>&1 | sed "s|^$build/||" >"$dir/fast"
		cmp -s "$dir/plain" "$dir/fast" || echo "# $* ${file##*/}: differs (exit status $plain)"
	done >"$dir/differences"
	n=$((n + 1))
	if [ -s "$dir/differences" ]; then echo "not ok $n - same as the plain build: tcpstat $* (${build##*/})"; else
		echo "ok $n - same as the plain build: tcpstat $* (${build##*/})"
	fi
	cat "$dir/differences"
}

check() { # NAME CONFIGURE_ARGUMENT...
	build=$dir/$1
	shift
	n=$((n + 1))
	mkdir "$build"
	# every file of the source is found from here, none is written there
	(cd "$build" && "$top_srcdir/configure" "$@" && make -j"$(nproc)" profiled) >"$dir/log" 2>&1 </dev/null
	status=$?
	if grep -q 'cannot use profiles' "$dir/log"; then
		echo "ok $n - make profiled (${build##*/}) # SKIP this compiler cannot use profiles"
		return
	fi
	if [ "$status" -ne 0 ] || ! find "$build" -name '*.gcda' -o -name '*.profdata' | grep -q .; then
		echo "not ok $n - make profiled (${build##*/})"
		tail -n 40 "$dir/log" | sed 's/^/# /'
		return
	fi
	echo "ok $n - make profiled (${build##*/})"
	compare
	compare --jsonl --events all
	compare --jsonl --hash
}

[ "$sanitizers" != yes ] || skip "the build has sanitizers"
[ ! -f "$top_srcdir/config.status" ] || skip "the source folder is configured itself"
n=0
check default
clang=$(command -v clang-19 || command -v clang)
[ -z "$clang" ] || check clang CC="$clang"
echo "1..$n"
