#!/bin/sh
# Manual pages are sound mdoc, and none is left out of what `make install` installs.
command -v mandoc >/dev/null || { echo "1..0 # SKIP mandoc is missing"; exit; }
n=0
for page in "$top_srcdir"/man/*.[1-9]; do
	[ -f "$page" ] || continue
	n=$((n + 1))
	found=$(mandoc -T lint -W warning "$page" 2>&1)
	if [ -z "$found" ]; then echo "ok $n - ${page##*/}"; else
		echo "not ok $n - ${page##*/}"
		echo "$found" | sed "s|$top_srcdir/||; s/^/# /"
	fi
done
installed=$(make -s --no-print-directory -C "$top_builddir" print-list LIST=dist_man_MANS)
for page in "$top_srcdir"/man/*.[1-9]; do
	n=$((n + 1))
	case " $installed " in
	*" man/${page##*/} "*) echo "ok $n - ${page##*/} is installed" ;;
	*) echo "not ok $n - ${page##*/} is not in dist_man_MANS" ;;
	esac
done
echo "1..$n"
