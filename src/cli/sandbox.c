#include "config.h"
#include "cli/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define NOBODY "nobody"

/* ---------------------------------------------------------------------------------------------- user, capabilities */

static bool drop_capabilities(bool overrides, char *error, size_t size)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (overrides)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_DAC_OVERRIDE);
	if (capng_apply(CAPNG_SELECT_CAPS) == 0 && capng_apply(CAPNG_SELECT_AMBIENT) == 0)
		return true;
	snprintf(error, size, "capabilities cannot be given up: %s", strerror(errno));
	return false;
}

static bool become(const char *name, char *error, size_t size)
{
	const struct passwd *user = getpwnam(name);
	int rc;

	if (!user) {
		snprintf(error, size, "--user %.64s: there is no such user", name);
		return false;
	}
	capng_clear(CAPNG_SELECT_ALL);
	rc = capng_change_id((int)user->pw_uid, (int)user->pw_gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	if (rc < 0)
		snprintf(error, size, "cannot become user %.64s: %s", name, strerror(errno));
	return rc >= 0;
}

static bool drop_privileges(const struct sandbox *s, char *error, size_t size)
{
	if (geteuid() != 0) {
		if (s->user) {
			snprintf(error, size, "--user %.64s: only root can become another user", s->user);
			return false;
		}
		return drop_capabilities(false, error, size);
	}
	if (s->user && strcmp(s->user, "root"))
		return become(s->user, error, size) && drop_capabilities(false, error, size);
	/* Root without capabilities still owns what is root's; it makes files where it could before. */
	if (s->user || s->keeps_user || !getpwnam(NOBODY))
		return drop_capabilities(s->keeps_user, error, size);
	return become(NOBODY, error, size) && drop_capabilities(false, error, size);
}

/* ---------------------------------------------------------------------------------------------- system calls */

#ifndef __SANITIZE_ADDRESS__ /* it needs more, and at the end */

/* What reading packets, writing output and answering scrapes takes, and what libc does on the way. */
static const int allowed[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(pwrite64),
	SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat),
	SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink),
	SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(fcntl), SCMP_SYS(ioctl), SCMP_SYS(dup),
	SCMP_SYS(fsync), SCMP_SYS(ftruncate), SCMP_SYS(fadvise64),
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(membarrier),
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getuid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(tgkill), SCMP_SYS(exit), SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(getrandom), SCMP_SYS(getrusage),
	SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6),
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl), SCMP_SYS(accept), SCMP_SYS(accept4),
	SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(sendfile),
	SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
};

/* Only with makes_files: a row of files, streams, a temporary file. */
static const int of_files[] = {
	SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(creat), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat), SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(umask),
};

/* Only with resolves; the resolver loads libraries. */
static const int of_names[] = {
	SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(mmap),
	SCMP_SYS(mprotect),
};

/* Nothing here would do these by mistake. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_writev), SCMP_SYS(setuid),
	SCMP_SYS(mount), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(kexec_load), SCMP_SYS(bpf),
};

/* A system call that this architecture has not is no failure. */
static int add(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		if (calls[i] >= 0)
			rc = seccomp_rule_add(filter, action, calls[i], 0);
	return rc;
}

#define ADD(filter, action, calls) add(filter, action, calls, sizeof calls / sizeof *calls)

/* The sockets of interfaces that are removed and made anew. */
static int add_bind(scmp_filter_ctx filter, struct capture *capture)
{
	size_t n = capture ? capture_facts(capture)->n_interfaces : 0;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		int fd = capture_socket(capture, i);

		if (fd >= 0)
			rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bind), 1,
				SCMP_A0(SCMP_CMP_EQ, (uint64_t)fd));
	}
	return rc;
}

/* Files to read, memory without code in it, threads of this process. */
static int add_with_arguments(scmp_filter_ctx filter, const struct sandbox *s)
{
	const uint64_t writes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
	int rc = 0;

	if (!s->makes_files)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, writes, 0));
	if (rc == 0 && !s->resolves)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0 && !s->resolves)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
	if (rc == 0 && !s->resolves)
		rc = add_bind(filter, s->capture);
	if (rc == 0 && s->stops)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
			SCMP_A0(SCMP_CMP_EQ, (uint64_t)getpid()));
	/* clone3 has its flags in memory, where no filter sees them: libc is told to use clone. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	return rc;
}

static bool filter_calls(const struct sandbox *s, char *error, size_t size)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = filter ? 0 : -ENOMEM;

	if (rc == 0)
		rc = ADD(filter, SCMP_ACT_ALLOW, allowed);
	if (rc == 0 && s->makes_files)
		rc = ADD(filter, SCMP_ACT_ALLOW, of_files);
	if (rc == 0 && s->resolves)
		rc = ADD(filter, SCMP_ACT_ALLOW, of_names);
	if (rc == 0)
		rc = ADD(filter, SCMP_ACT_KILL_PROCESS, deadly);
	if (rc == 0)
		rc = add_with_arguments(filter, s);
	if (rc == 0)
		rc = seccomp_load(filter); /* sets no_new_privs too */
	if (filter)
		seccomp_release(filter);
	if (rc < 0)
		snprintf(error, size, "system calls cannot be filtered: %s", strerror(-rc));
	return rc == 0;
}

#else

static bool filter_calls(const struct sandbox *s, char *error, size_t size)
{
	(void)s, (void)error, (void)size;
	return true;
}

#endif

bool sandbox_enter(const struct sandbox *s, char *error, size_t size)
{
	return drop_privileges(s, error, size) && filter_calls(s, error, size);
}
