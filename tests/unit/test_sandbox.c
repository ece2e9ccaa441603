#include "config.h"

#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/sandbox.h"

#ifndef __SANITIZE_ADDRESS__

/* Runs `inside` in a child that has entered; how the child ended, as waitpid says. */
static int child(const struct sandbox *s, int (*inside)(void))
{
	pid_t pid = fork();
	int status = -1;

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		char error[256];

		_exit(sandbox_enter(s, error, sizeof error) ? inside() : 99);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static int exit_of(const struct sandbox *s, int (*inside)(void))
{
	int status = child(s, inside);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *thread(void *ctx)
{
	*(int *)ctx = 1;
	return NULL;
}

/* 0, or the number of the first thing that did not go as it should. */
static int ordinary(void)
{
	int ran = 0, fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	pthread_t t;
	char *memory = malloc(1 << 20);

	if (fd < 0 || close(fd))
		return 1;
	if (!memory)
		return 2;
	memset(memory, 1, 1 << 20);
	free(memory);
	if (pthread_create(&t, NULL, thread, &ran) || pthread_join(t, NULL) || !ran)
		return 3;
	return 0;
}

static int forbidden(void)
{
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
		return 1;
	if (open("/tmp/tcpstat-sandbox", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EPERM)
		return 2;
	if (fork() >= 0)
		return 3;
	return 0;
}

static int no_privileges(void)
{
	if (geteuid() == 0 || setresuid(0, 0, 0) == 0)
		return 1;
	if (prctl(PR_GET_SECCOMP) >= 0) /* not among what is allowed */
		return 2;
	return 0;
}

static int run_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return 1;
}

static int make_file(void)
{
	char name[] = "/tmp/test_sandbox.XXXXXX";
	int fd = mkstemp(name);

	return fd < 0 || unlink(name) || close(fd);
}

Test(sandbox, what_is_needed_works)
{
	cr_assert_eq(exit_of(&(struct sandbox){ 0 }, ordinary), 0);
}

Test(sandbox, nothing_else_does)
{
	cr_assert_eq(exit_of(&(struct sandbox){ 0 }, forbidden), 0);
}

Test(sandbox, another_program_is_the_end)
{
	int status = child(&(struct sandbox){ 0 }, run_program);

	cr_assert(WIFSIGNALED(status));
	cr_assert_eq(WTERMSIG(status), SIGSYS);
}

Test(sandbox, files_only_where_they_are_made)
{
	cr_assert_eq(exit_of(&(struct sandbox){ .makes_files = true, .keeps_user = true }, make_file), 0);
	cr_assert_eq(exit_of(&(struct sandbox){ .keeps_user = true }, make_file), 1);
}

Test(sandbox, root_becomes_nobody)
{
	if (geteuid() != 0)
		return;                 /* there is nothing to become */
	cr_assert_eq(exit_of(&(struct sandbox){ 0 }, no_privileges), 0);
}

#endif

Test(sandbox, a_user_that_is_not_there)
{
	char error[256] = "";

	cr_assert_not(sandbox_enter(&(struct sandbox){ .user = "no-such-user" }, error, sizeof error));
	cr_assert_not_null(strstr(error, "no-such-user"));
}
