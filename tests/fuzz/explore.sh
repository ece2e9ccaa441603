#!/bin/sh
# explore.sh SECONDS [ENTRY...]: explores from the corpus checked in, SECONDS for each entry point (all by default), one
# after the other. What is found stays in fuzz/ of the build.
#
# With $FUZZ_CC (clang) by libFuzzer: crashes as fuzz/ENTRY-crash-..., new inputs in fuzz/corpus/ENTRY. With
# FUZZ_CC=afl-clang-fast the same entry points run under AFL++, in fuzz/afl: crashes in fuzz/afl/ENTRY/default/crashes.
# FUZZ_MUTATOR=no: without mutate.c; FUZZ_SEED=N: the same dice again.
seconds=${1:?seconds}
shift
src=$top_srcdir build=$top_builddir cc=${FUZZ_CC:-clang}
[ $# -gt 0 ] || set -- $(cd "$src/tests/fuzz" && ls fuzz_*.c | sed 's/fuzz_//; s/\.c$//')
flags="-std=c11 -D_GNU_SOURCE -D_DEFAULT_SOURCE -g -O1 -fno-omit-frame-pointer -I$src/src -I$src/tests/fuzz -I$build"
sanitize=${FUZZ_SANITIZE:-address,undefined}
case $cc in
*afl*) afl=yes dir=$build/fuzz/afl for_objects= for_entries=fuzzer, ;;
*) afl= dir=$build/fuzz for_objects=fuzzer-no-link, for_entries=fuzzer, ;;
esac
mkdir -p "$dir/corpus" "$dir/obj" || exit 1
cd "$dir" || exit 1
objects=
for file in "$src"/src/core/*.c "$src"/src/capture/*.c "$src"/src/join/*.c "$src"/src/sink/*.c "$src"/src/sink/tui/*.c \
	"$src/tests/fuzz/program.c"; do
	object=obj/$(echo "${file#"$src"/}" | tr / _).o
	objects="$objects $object"
	[ "$object" -nt "$file" ] && [ -z "$(find "$src/src" "$src/tests/fuzz" -name '*.[hd]*' -newer "$object" -print -quit)" ] ||
		$cc $flags $FUZZ_CFLAGS -fsanitize=$for_objects$sanitize -fno-sanitize-recover=undefined -c "$file" -o "$object" || exit 1
done

libfuzzer() { # ENTRY
	mkdir -p "corpus/$1"
	"./fuzz_$1" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -artifact_prefix="$1-" \
		-print_final_stats=1 -seed="${FUZZ_SEED:-0}" "corpus/$1" "$src/tests/fuzz/corpus/$1" >"$1.log" 2>&1
	failed=$?
	grep -E 'ERROR|SUMMARY|Test unit written|stat::number_of_executed_units|DONE.*cov:|fuzz_.*: ' "$1.log" | tail -8
	return $failed
}

afl() { # ENTRY
	rm -rf "./$1"
	[ -z "$mutator" ] || export AFL_CUSTOM_MUTATOR_LIBRARY="$PWD/mutate.so"
	[ -n "$mutator" ] || unset AFL_CUSTOM_MUTATOR_LIBRARY
	AFL_NO_UI=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_AUTORESUME=0 \
		afl-fuzz -V "$seconds" ${FUZZ_SEED:+-s "$FUZZ_SEED"} -t 10000 -m none -i "$src/tests/fuzz/corpus/$1" -o "$1" -- "./fuzz_$1" >"$1.log" 2>&1 || {
		tail -n 20 "$1.log"
		return 1
	}
	grep -E '^(execs_done|saved_crashes|saved_hangs|edges_found)' "$1/default/fuzzer_stats"
	grep -qE '^saved_crashes *: 0$' "$1/default/fuzzer_stats"
}

status=0
for entry; do
	# what the input of these means the fuzzer is told
	case ${FUZZ_MUTATOR:-yes}$entry in
	yestrack | yesagree | yesjson | yestext) mutator=$src/tests/fuzz/mutate.c ;;
	*) mutator= ;;
	esac
	if [ -n "$afl" ]; then
		[ -z "$mutator" ] || [ mutate.so -nt "$mutator" ] ||
			clang $flags $FUZZ_CFLAGS -O2 -fPIC -shared -DFOR_AFL "$mutator" "$src/tests/fuzz/program.c" \
				"$src"/src/core/*.c -lm -o mutate.so || exit 1
		linked=
	else
		linked=$mutator
	fi
	$cc $flags -fsanitize=$for_entries$sanitize -fno-sanitize-recover=undefined "$src/tests/fuzz/fuzz_$entry.c" \
		$linked $objects $FUZZ_LIBS -o "fuzz_$entry" || exit 1
	[ "$seconds" -gt 0 ] || continue
	echo "--- $entry, $seconds s"
	if [ -n "$afl" ]; then afl "$entry"; else libfuzzer "$entry"; fi || status=1
done
exit $status
