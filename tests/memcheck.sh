#!/bin/sh
# Reads of bytes that nobody wrote, where the tools are installed:
#     the core under MemorySanitizer (clang) on the corpora of the entry points that need nothing but the core, and with
#     the readers of files on every capture of ../shared/captures, whole;
#     the program under valgrind on the golden runs, where what it writes and its exit status must be the same.
# clang cannot look into libraries that it did not build, so libpcap, json-c and curses are left to valgrind.
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
entries="decode frag options reasm track"
n=0

result() { # STATUS NAME [LOG]
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else
		echo "not ok $n - $2"
		[ ! -f "$3" ] || tail -n 60 "$3" | sed 's/^/# /'
	fi
}

skip() { # NAME REASON
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

msan() {
	flags="-std=c11 -D_DEFAULT_SOURCE -g -O1 -fsanitize=memory -fsanitize-memory-track-origins -fno-omit-frame-pointer -I$top_srcdir/src -I$top_srcdir/tests/fuzz"
	cd "$dir" || return
	for test in program replay; do # a file of the core has the same name
		clang $flags -c "$top_srcdir/tests/fuzz/$test.c" -o "fuzz-$test.o" || break
	done >"$dir/build" 2>&1
	if ! ls "$top_srcdir"/src/core/*.c | xargs -P "$(nproc)" -n 8 clang $flags -c >>"$dir/build" 2>&1; then
		result 1 "the core with MemorySanitizer: build" "$dir/build"
		return
	fi
	for entry in $entries; do
		corpus=$top_srcdir/tests/fuzz/corpus/$entry
		clang $flags "$top_srcdir/tests/fuzz/fuzz_$entry.c" ./*.o -lm -o "fuzz_$entry" >"$dir/log" 2>&1 &&
			"./fuzz_$entry" "$corpus" >"$dir/log" 2>&1 &&
			[ "$(grep -c '^ok' "$dir/log")" -eq "$(ls "$corpus" | wc -l)" ]
		result $? "MemorySanitizer: $entry" "$dir/log"
	done
}

# What a library unpacks would count as unset: captures are unpacked before.
captures() {
	folder=${TCPSTAT_SHARED:-$top_srcdir/../shared}/captures/dev
	[ -d "$folder" ] || { skip "MemorySanitizer: captures of others" "../shared/captures is not there"; return; }
	mkdir "$dir/captures" "$dir/readers" && cd "$dir/readers" || return
	for file in "$folder"/*; do
		name=$dir/captures/${file##*/}
		case $file in
		*.gz) gzip -cdq "$file" >"$name" 2>/dev/null ;;
		*.zst) zstd -cdq "$file" >"$name" 2>/dev/null || rm -f "$name" ;;
		*) ln -s "$file" "$name" ;;
		esac
	done
	found=$(make -s --no-print-directory -C "$top_builddir" print-list LIST=lint_flags | tail -n 1)
	libraries=$(make -s --no-print-directory -C "$top_builddir" print-list LIST=system_libs | tail -n 1)
	{ ls "$top_srcdir"/src/capture/*.c | xargs -P "$(nproc)" -n 4 clang $flags -D_GNU_SOURCE $found -c &&
		clang $flags -DPACKETS_MAX=100000000 "$top_srcdir/tests/fuzz/fuzz_capture.c" ./*.o "$dir"/*.o -lm $libraries \
			-o "$dir/fuzz_capture" && "$dir/fuzz_capture" "$dir/captures"; } >"$dir/log" 2>&1 &&
		[ "$(grep -c '^ok' "$dir/log")" -eq "$(ls "$dir/captures" | wc -l)" ]
	result $? "MemorySanitizer: $(ls "$dir/captures" | wc -l) captures of others" "$dir/log"
}

memcheck() {
	cd "$top_srcdir" || return
	while IFS='|' read -r name status arguments; do
		case $name in '' | '#'*) continue ;; esac
		eval "valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect \
			--log-file='$dir/log' \"\$top_builddir/tcpstat\" $arguments" >"$dir/out" 2>"$dir/err" </dev/null
		[ $? -eq "$status" ] && cmp -s "tests/golden/$name.out" "$dir/out"
		result $? "valgrind: $name" "$dir/log"
	done <tests/golden/TESTLIST
}

if [ "$sanitizers" = yes ]; then
	echo "1..0 # SKIP built with other sanitizers"
	exit
fi
if ! command -v clang >/dev/null; then
	skip "the core with MemorySanitizer" "clang is missing"
elif ! printf 'int main(void) { return 0; }' | clang -fsanitize=memory -x c -o "$dir/probe" - 2>/dev/null || ! "$dir/probe"; then
	skip "the core with MemorySanitizer" "clang has no MemorySanitizer here"
else
	msan
	captures
fi
if command -v valgrind >/dev/null; then memcheck; else skip "golden runs" "valgrind is missing"; fi
echo "1..$n"
