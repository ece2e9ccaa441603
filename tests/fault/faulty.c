/* Linked into the whole program: memory that cannot be had, reads that fail and keys that are pressed, when the
 * environment says so. malloc and its like are defined here, so that libraries get no memory either; where a
 * sanitizer has its own, only what the program itself asks for fails.
 *
 *     FAULT_MEMORY=N[+]       the Nth allocation fails, with + all after it, too
 *     FAULT_SIGNAL=N          SIGINT comes at the Nth allocation
 *     FAULT_READ=N            the Nth read of input fails (EIO)
 *     FAULT_SHORT=1           reads of input yield three bytes at most
 *     FAULT_KEYS=KEYS         --tui: pressed one by one, each when nothing else is left; then the terminal is asked
 *     FAULT_COUNT=FILE        at the end the number of allocations goes there, as text
 *
 * A crash says on stderr whose it is: "crash in" and the file name of the library, or of the program. */
#define _XOPEN_SOURCE_EXTENDED 1
#define _GNU_SOURCE 1
#include <curses.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
ssize_t __real_read(int fd, void *bytes, size_t len);
ssize_t __wrap_read(int fd, void *bytes, size_t len);
int __real_wget_wch(WINDOW *window, wint_t *key);
int __wrap_wget_wch(WINDOW *window, wint_t *key);

static struct {
	bool ready, all_after, is_short;
	unsigned long allocations, fail_at, signal_at, reads, read_fails_at;
	const char *keys;
} f;

#ifndef __SANITIZE_ADDRESS__
/* The first code on the stack that is not libc's, nor this. */
static void on_crash(int signal)
{
	void *frames[64];
	int n = backtrace(frames, 64);
	Dl_info at;

	for (int i = 1; i < n; i++) {
		const char *name = dladdr(frames[i], &at) ? strrchr(at.dli_fname, '/') : NULL;

		if (!name || !strncmp(name, "/libc.so", 8))
			continue;
		ssize_t written = write(STDERR_FILENO, "crash in ", 9);
		written += write(STDERR_FILENO, name + 1, strlen(name + 1));
		written += write(STDERR_FILENO, "\n", 1);
		(void)written;
		break;
	}
	sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	raise(signal);
}
#endif

static __attribute__((constructor)) void init(void)
{
	const char *memory = getenv("FAULT_MEMORY"), *reads = getenv("FAULT_READ"), *when = getenv("FAULT_SIGNAL");
	char *end = NULL;

	f.fail_at = memory ? strtoul(memory, &end, 10) : 0;
	f.all_after = end && *end == '+';
	f.signal_at = when ? strtoul(when, NULL, 10) : 0;
	f.read_fails_at = reads ? strtoul(reads, NULL, 10) : 0;
	f.is_short = getenv("FAULT_SHORT");
	f.keys = getenv("FAULT_KEYS");
#ifndef __SANITIZE_ADDRESS__
	void *first; /* what backtrace needs it gets now */
	backtrace(&first, 1);
	sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = on_crash }, NULL);
	sigaction(SIGABRT, &(struct sigaction){ .sa_handler = on_crash }, NULL);
#endif
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

/* A place for a breakpoint. */
static __attribute__((noinline)) void fault_here(void)
{
	errno = ENOMEM;
}

static bool fails(void)
{
	unsigned long n = f.ready ? __atomic_add_fetch(&f.allocations, 1, __ATOMIC_RELAXED) : 0;

	if (n && n == f.signal_at)
		raise(SIGINT);
	if (!f.fail_at || (f.all_after ? n < f.fail_at : n != f.fail_at))
		return false;
	fault_here();
	return true;
}

#ifdef __SANITIZE_ADDRESS__
#define REAL(name) __real_##name
#else
#define REAL(name) __libc_##name

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);

void *malloc(size_t size)
{
	return __wrap_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return __wrap_calloc(n, size);
}

void *realloc(void *block, size_t size)
{
	return __wrap_realloc(block, size);
}
#endif

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : REAL(malloc)(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : REAL(calloc)(n, size);
}

void *__wrap_realloc(void *block, size_t size)
{
	return fails() ? NULL : REAL(realloc)(block, size);
}

ssize_t __wrap_read(int fd, void *bytes, size_t len)
{
	if (++f.reads == f.read_fails_at) {
		errno = EIO;
		return -1;
	}
	return __real_read(fd, bytes, f.is_short && len > 3 ? 3 : len);
}

int __wrap_wget_wch(WINDOW *window, wint_t *key)
{
	if (!f.keys || !*f.keys)
		return __real_wget_wch(window, key);
	if (!wgetdelay(window))
		return ERR;
	*key = (wint_t)(unsigned char)*f.keys++;
	return OK;
}
