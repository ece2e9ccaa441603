#!/bin/sh
# explore.sh SECONDS [ENTRY...]: explores with libFuzzer from the corpus checked in, SECONDS for each entry point (all by
# default), one after the other. What is found stays in fuzz/ of the build: crashes as fuzz/ENTRY-crash-..., new inputs in
# fuzz/corpus/ENTRY. The compiler is $FUZZ_CC (clang); with FUZZ_CC=afl-clang-fast the same programs run under AFL++:
#     afl-fuzz -i tests/fuzz/corpus/track -o findings -- fuzz/fuzz_track
seconds=${1:?seconds}
shift
src=$top_srcdir build=$top_builddir cc=${FUZZ_CC:-clang}
[ $# -gt 0 ] || set -- $(cd "$src/tests/fuzz" && ls fuzz_*.c | sed 's/fuzz_//; s/\.c$//')
flags="-std=c11 -D_GNU_SOURCE -D_DEFAULT_SOURCE -g -O1 -fno-omit-frame-pointer -I$src/src -I$src/tests/fuzz -I$build"
sanitize=${FUZZ_SANITIZE:-address,undefined}
mkdir -p "$build/fuzz/corpus" "$build/fuzz/obj" || exit 1
cd "$build/fuzz" || exit 1
objects=
for file in "$src"/src/core/*.c "$src"/src/capture/*.c "$src"/src/sink/*.c "$src"/src/sink/tui/*.c "$src/tests/fuzz/program.c"; do
	object=obj/$(echo "${file#"$src"/}" | tr / _).o
	objects="$objects $object"
	[ "$object" -nt "$file" ] && [ -z "$(find "$src/src" "$src/tests/fuzz" -name '*.[hd]*' -newer "$object" -print -quit)" ] ||
		$cc $flags $FUZZ_CFLAGS -fsanitize=fuzzer-no-link,$sanitize -fno-sanitize-recover=undefined -c "$file" -o "$object" || exit 1
done
status=0
for entry; do
	$cc $flags -fsanitize=fuzzer,$sanitize -fno-sanitize-recover=undefined "$src/tests/fuzz/fuzz_$entry.c" $objects \
		$FUZZ_LIBS -o "fuzz_$entry" || exit 1
	[ "$seconds" -gt 0 ] || continue
	mkdir -p "corpus/$entry"
	echo "--- $entry, $seconds s"
	"./fuzz_$entry" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -artifact_prefix="$entry-" \
		-print_final_stats=1 "corpus/$entry" "$src/tests/fuzz/corpus/$entry" >"$entry.log" 2>&1 || status=1
	grep -E 'ERROR|SUMMARY|Test unit written|stat::number_of_executed_units|cov:.*DONE|fuzz_.*: ' "$entry.log" | tail -8
done
exit $status
