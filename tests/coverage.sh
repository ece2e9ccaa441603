#!/bin/sh
# Line and branch coverage of src/core by coverage_tests of the Makefile: builds with --coverage below coverage/ of the
# build and runs them.
cd "$top_builddir" && mkdir -p coverage && cd coverage || exit 1
[ -f Makefile ] || "$top_srcdir/configure" CFLAGS="-g -O0 --coverage" >configure.log 2>&1 || exit 1
find . -name '*.gcda' -exec rm {} +
make >make.log 2>&1 || { tail make.log; exit 1; }
tests=$(make -s --no-print-directory print-list LIST=coverage_tests)
make -k check TESTS="$tests" >check.log 2>&1
grep -E '^# (TOTAL|FAIL|ERROR)' check.log
gcov -b -o src/core src/core/*.gcda >gcov.log 2>/dev/null
awk -F"'" '/^File/ { core = $2 ~ /src\/core\/[a-z0-9_]*\.c$/; name = $2; sub(".*/", "", name) }
	/^$/ { core = 0 }
	core && /^Lines executed/ { split($0, a, /[:% ]+/); line[name] = a[3]; n = a[5]; lines += n; hit += n * a[3] / 100 }
	core && /^Taken at least once/ { split($0, a, /[:% ]+/); m = a[7]; branches += m; taken += m * a[5] / 100
		printf "%-20s %6.1f %% of lines, %6.1f %% of branches\n", name, line[name], a[5] }
	END { printf "src/core: %.1f %% of %d lines, %.1f %% of %d branches\n", 100 * hit / lines, lines, 100 * taken / branches, branches }' gcov.log
