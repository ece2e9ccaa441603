#!/bin/sh
# What reads the sources without running them, each where it is installed: clang-tidy (.clang-tidy says what is excluded,
# and why), cppcheck, and clang's analyzer through scan-build, which takes three minutes of one processor. `make lint` runs
# them, too, or those of TOOL.
[ $# -gt 0 ] || set -- clang-tidy cppcheck scan-build
flags=$(make -s --no-print-directory -C "$top_builddir" print-list LIST=lint_flags | tail -n 1)
[ -n "$flags" ] || exit 99
jobs=$(nproc)
cd "$top_srcdir" || exit 99
sources=$(find src -name '*.c' | sort)

# What is found, on stdout; not 0: something is, or the tool failed.
run() {
	case $1 in
	clang-tidy)
		echo "$sources" | flags=$flags xargs -P "$jobs" -n 4 sh -c 'clang-tidy --quiet "$@" -- $flags 2>/dev/null' sh ;;
	cppcheck)
		# Excluded: unset variables that an argument of the function rules out (dist.c: so many as were counted), and
		# conditions that it believes to know, wrongly in six of eight cases (a loop or a cast stands before them);
		# declarations at the head of a function, flags & BIT ? : and members that are only there for their size are
		# ways to write C.
		cppcheck --quiet --std=c11 -j "$jobs" --enable=warning,style,performance,portability --inline-suppr \
			--suppress=knownConditionTrueFalse --suppress=variableScope --suppress=clarifyCalculation \
			--suppress=unusedStructMember --suppress=uninitvar:src/core/dist.c --error-exitcode=1 \
			-I src -I "$top_builddir" $(printf '%s\n' $flags | grep '^-D') src 2>&1 ;;
	scan-build)
		reports=$(mktemp -d) || return 1
		echo "$sources" | flags=$flags jobs=$jobs scan-build --use-cc=clang -o "$reports" sh -c \
			'xargs -P "$jobs" -n 1 sh -c "exec \$CC \$flags -c \$0 -o /dev/null"' >"$reports/log" 2>&1
		status=$?
		grep -E '(warning|error): ' "$reports/log" || { [ $status -eq 0 ] || cat "$reports/log"; }
		[ $status -eq 0 ] && ! grep -qE '(warning|error): ' "$reports/log"
		status=$?
		rm -rf "$reports"
		return $status ;;
	esac
}

n=0
for tool; do
	n=$((n + 1))
	if ! command -v "$tool" >/dev/null; then
		echo "ok $n - $tool # SKIP $tool is missing"
		continue
	fi
	if found=$(run "$tool") && [ -z "$found" ]; then
		echo "ok $n - $tool finds nothing in $(echo "$sources" | wc -l) files"
	else
		echo "not ok $n - $tool"
		echo "$found" | sed 's/^/# /'
	fi
done
echo "1..$n"
