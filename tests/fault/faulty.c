/* Linked into the whole program: memory that cannot be had and reads that fail, when the environment says so. malloc
 * and its like are defined here, so that libraries get no memory either.
 *
 *     FAULT_MEMORY=N[+]       the Nth allocation fails, with + all after it, too
 *     FAULT_READ=N            the Nth read of input fails (EIO)
 *     FAULT_SHORT=1           reads of input yield three bytes at most
 *     FAULT_COUNT=FILE        at the end the number of allocations goes there, as text */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
ssize_t __real_read(int fd, void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len);

static struct {
	bool ready, all_after, is_short;
	unsigned long allocations, fail_at, reads, read_fails_at;
} f;

static __attribute__((constructor)) void init(void)
{
	const char *memory = getenv("FAULT_MEMORY"), *reads = getenv("FAULT_READ");
	char *end = NULL;

	f.fail_at = memory ? strtoul(memory, &end, 10) : 0;
	f.all_after = end && *end == '+';
	f.read_fails_at = reads ? strtoul(reads, NULL, 10) : 0;
	f.is_short = getenv("FAULT_SHORT");
	f.ready = true;
}

static __attribute__((destructor)) void count(void)
{
	const char *name = getenv("FAULT_COUNT");
	int fd = name ? open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
	char text[32];

	if (fd < 0)
		return;
	if (write(fd, text, (size_t)snprintf(text, sizeof text, "%lu\n", f.allocations)) < 0)
		abort();
	close(fd);
}

static bool fails(void)
{
	unsigned long n = f.ready ? __atomic_add_fetch(&f.allocations, 1, __ATOMIC_RELAXED) : 0;

	if (!f.fail_at || (f.all_after ? n < f.fail_at : n != f.fail_at))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *block, size_t size)
{
	return fails() ? NULL : __libc_realloc(block, size);
}

ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
	if (++f.reads == f.read_fails_at) {
		errno = EIO;
		return -1;
	}
	return __real_read(fd, bytes, f.is_short && len > 3 ? 3 : len);
}
