#!/bin/sh
# Rules of the source that a search can check.
cd "$top_srcdir" || exit 99
n=0
# rule NAME FOUND: fails if something was found
rule() {
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
	fi
}
sources=$(find src \( -name '*.[ch]' -o -name '*.def' \) | sort)
all="$sources $(find tests -name '*.[ch]' | sort)"
core=$(ls src/core/*.[ch])

rule "nothing unbounded, and nothing that cannot report an error" "$(grep -nE \
	'(^|[^a-z_])(strcpy|strcat|v?sprintf|gets|strtok|ato[ilf]+|scanf|mktemp|tmpnam|alloca|system|popen) *\(' $sources)"
rule "the core gets memory from pool.h only" \
	"$(grep -nE '(^|[^a-z_])(malloc|calloc|realloc|free|strdup) *\(' $core | grep -v '^src/core/pool\.c:')"
rule "the core includes no foreign library" "$(grep -nE '#include *<(pcap|json|n?curses|archive|nettle)' $core)"
rule "the core knows the core only" "$(grep -nE '#include *"(capture|sink|cli)/' $core)"
rule "capture and sink do not know cli" "$(grep -rnE '#include *"cli/' src/capture src/sink)"
rule "raw sequence numbers are compared in seq.h only" \
	"$(grep -nE '\(int32_t\) *\(' $core | grep -v '^src/core/seq\.h:')"
rule "lines fit into 120 columns" "$(awk '{ line = $0; width = 0
	while ((i = index(line, "\t")) > 0) { width += i - 1; width += 8 - width % 8; line = substr(line, i + 1) }
	if (width + length(line) > 120) print FILENAME ":" FNR ": " width + length(line) " columns" }' $all)"
rule "indented by tabs" "$(grep -nE '^ +[^ *]' $all)"
rule "no blanks at the end of a line" "$(grep -nE '[[:blank:]]$' $all)"
rule "files stay within 700 lines" "$(wc -l $sources | awk '$2 != "total" && $1 > 700 { print $2 ": " $1 " lines" }')"
rule "nothing left to do" "$(grep -nwE '(TODO|FIXME|XXX|HACK)(:|\(| )' $sources)"
rule "headers can be included twice" "$(for h in $(find src tests -name '*.h' | sort); do
	grep -q '^#ifndef [A-Z0-9_]*_H$' "$h" || echo "$h"; done)"
rule "no loose ends of a merge" "$(grep -nE '^(<<<<<<<|>>>>>>>) ' $all Makefile.am configure.ac)"
echo "1..$n"
