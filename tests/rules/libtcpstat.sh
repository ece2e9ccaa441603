#!/bin/sh
# The library does no I/O, asks no clock, keeps no globals and never exits: what it may call is listed here, and it has
# no data that can be written to.
allowed='abort __assert_fail malloc calloc realloc free
memcpy memmove memset memcmp memchr bcmp strlen strcmp strncmp strchr
sqrt fabs floor ceil log exp pow cbrt fmin fmax lround llround round isnan
qsort bsearch inet_ntop'
echo 1..2
names=$(mktemp)
trap 'rm -f "$names"' EXIT
if [ "$sanitizers" = yes ]; then
	echo "ok 1 # SKIP sanitizers call for more"
	echo "ok 2 # SKIP sanitizers call for more"
	exit
fi
nm "$top_builddir/libtcpstat.a" >"$names" 2>/dev/null
# defined somewhere in the library: A C D R T V W and their like; U: from outside
outside=$(awk 'NF == 3 && $2 ~ /[A-TV-Z]/ { defined[$3] = 1 } NF == 2 && $1 == "U" { used[$2] = 1 }
	END { for (n in used) if (!(n in defined)) print n }' "$names" | sort)
bad=
for name in $outside; do
	plain=${name#__} plain=${plain%_chk}
	case " $(echo $allowed) __stack_chk_fail _GLOBAL_OFFSET_TABLE_ " in
	*" $name "* | *" $plain "*) ;;
	*) bad="$bad $name" ;;
	esac
done
[ -s "$names" ] && [ -z "$bad" ] && echo "ok 1 - calls only what is allowed" ||
	{ echo "not ok 1 - calls only what is allowed"; echo "# not on the list:$bad"; }
writable=$(awk 'NF == 3 && $2 ~ /[BbDdCGgSs]/ { print $3 }' "$names" | grep -v '\.rel\.ro' | sort -u | tr '\n' ' ')
# Tables of pointers are constant but relocated when the program starts, so they sit in .data.rel.ro, which nm calls d.
sections=$(readelf -SW "$top_builddir/libtcpstat.a" 2>/dev/null |
	grep -E ' \.(data|bss|tdata|tbss)(\.(rel\.)?[A-Za-z_]+[^ ]*)? ' | grep -v 'data\.rel\.ro' |
	awk '{ for (i = 1; i < NF; i++) if ($i ~ /^\.(t?data|t?bss)/ && $(i + 4) !~ /^0+$/) print $i }')
[ -z "$sections" ] && echo "ok 2 - no writable data" ||
	{ echo "not ok 2 - no writable data"; echo "# sections:" $sections "of:" $writable; }
