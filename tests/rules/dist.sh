#!/bin/sh
# Whatever the repository holds goes into the distribution, or `make check` would not be the same there.
cd "$top_srcdir" || exit 99
[ -e .git ] && command -v git >/dev/null && git rev-parse --git-dir >/dev/null 2>&1 ||
	{ echo "1..0 # SKIP not a git checkout"; exit; }
list=$(make -s --no-print-directory -C "$top_builddir" print-list LIST=DISTFILES | tr ' ' '\n')
missing=$(git ls-files | grep -vE '^(Makefile\.am$|configure\.ac$|\.ci/|\.gitignore|.*\.gitkeep$)' | while read -r file; do
	found=
	prefix=$file
	while [ -n "$prefix" ] && [ -z "$found" ]; do
		echo "$list" | grep -qxF "$prefix" && found=yes
		case $prefix in */*) prefix=${prefix%/*} ;; *) prefix= ;; esac
	done
	[ -n "$found" ] || echo "$file"
done)
echo 1..1
if [ -z "$missing" ]; then echo "ok 1 - all files are distributed"; else
	echo "not ok 1 - all files are distributed"
	echo "$missing" | sed 's/^/# not in the distribution: /'
fi
