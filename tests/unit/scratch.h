/* A directory of a test's own, in $TMPDIR or /tmp. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCRATCH_SIZE = 200 };

/* Fills in what it is called. */
static inline void scratch_make(char dir[SCRATCH_SIZE])
{
	const char *parent = getenv("TMPDIR");

	snprintf(dir, SCRATCH_SIZE, "%.150s/tcpstat_test.XXXXXX", parent && *parent ? parent : "/tmp");
	cr_assert(mkdtemp(dir), "%s", dir);
}

/* With the files and empty directories in it: how many there were. */
static inline int scratch_remove(const char *dir)
{
	char path[512];
	int n = 0;
	DIR *d = opendir(dir);

	cr_assert(d);
	for (struct dirent *e; (e = readdir(d));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(path, sizeof path, "%.200s/%.255s", dir, e->d_name);
		n += !remove(path);
	}
	closedir(d);
	cr_assert_eq(remove(dir), 0);
	return n;
}

#endif
