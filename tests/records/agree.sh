#!/bin/sh
# The JSON Schema and the tables of tcpstat-json(5) are those that the table of records makes.
doc=$top_builddir/tests/records/record-doc
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
n=0
# same NAME FILE ARGUMENTS: what record-doc prints is the file
same() {
	n=$((n + 1))
	name=$1 file=$2
	shift 2
	if "$doc" "$@" >"$dir/made" && cmp -s "$dir/made" "$file"; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name (make records)"
		diff "$dir/made" "$file" | head -20 | sed 's/^/# /'
	fi
}
same "the JSON Schema" "$top_srcdir/schema/tcpstat-1.schema.json" schema
same "the tables of tcpstat-json(5)" "$top_srcdir/man/tcpstat-json.5" man "$top_srcdir/man/tcpstat-json.5"
n=$((n + 1))
missing=$(sed -n 's/.*"#\/\$defs\/record_\([a-z_]*\)".*/\1/p' "$top_srcdir/schema/tcpstat-1.schema.json" | sort -u |
	while read -r type; do
		grep -qx "\\.\\\\\" begin $type" "$top_srcdir/man/tcpstat-json.5" || echo "$type"
	done)
[ -z "$missing" ] || { echo "# no table of: $missing"; printf 'not '; }
echo "ok $n - every record has its table in tcpstat-json(5)"
echo "1..$n"
