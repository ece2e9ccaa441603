#!/bin/sh
# `make install` puts everything where it belongs, and what is installed runs without the source.
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
echo 1..4
make -s -C "$top_builddir" install DESTDIR="$dir" >"$dir/log" 2>&1
if [ $? -eq 0 ]; then echo "ok 1 - make install"; else
	echo "not ok 1 - make install"
	sed 's/^/# /' "$dir/log"
fi
# found NAME: the one installed file of this name
found() { find "$dir" -type f -path "*/$1" | head -n 1; }
missing=
for file in bin/tcpstat man1/tcpstat.1 man5/tcpstat-json.5 tcpstat-1.schema.json samples/mixed.pcap README.md; do
	[ -n "$(found "$file")" ] || missing="$missing $file"
done
[ -z "$missing" ] && echo "ok 2 - all there" || { echo "not ok 2 - all there"; echo "# missing:$missing"; }
(cd / && "$(found bin/tcpstat)" "$(found samples/clean.pcap)") >"$dir/out" 2>&1 && grep -q '1 connection' "$dir/out" &&
	echo "ok 3 - runs" || { echo "not ok 3 - runs"; sed 's/^/# /' "$dir/out"; }
make -s -C "$top_builddir" uninstall DESTDIR="$dir" >"$dir/log" 2>&1
left=$(find "$dir" -type f ! -name log ! -name out)
[ -z "$left" ] && echo "ok 4 - make uninstall leaves nothing" ||
	{ echo "not ok 4 - make uninstall leaves nothing"; echo "$left" | sed 's/^/# /'; }
