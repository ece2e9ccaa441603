#include "config.h"
#include "cli/helper.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	RING = TCPSTAT_ERRANDS,
	WAKE_AT = 8,                    /* a sleeper is not woken for less, unless somebody waits */
	WAKE_CROWDED_AT = 24,           /* where others lose their processor by it */
	SPINS = 2000,                   /* before a thread goes to sleep that has a processor to itself */
	CACHE_LINE = 64
};

/* A ring with one who gives and one who does. Each sleeps when it has to, under the mutex; the counters need none. What
 * one writes often lies in no cache line of the other. */
struct helper {
	struct tcpstat_helper face;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t work, progress;
	_Atomic uint64_t awaited;       /* somebody sleeps until so many are done; UINT64_MAX: nobody */
	atomic_bool asleep, stop;
	int spins;
	unsigned wake_at;
	char before_done[CACHE_LINE];
	_Atomic uint64_t done;
	char before_given[CACHE_LINE];
	_Atomic uint64_t given;
	struct {
		void (*run)(void *arg, void *next);
		void *arg;
	} ring[RING];
};

static void relax(void)
{
#if defined __x86_64__ || defined __i386__
	__builtin_ia32_pause();
#endif
}

static void wake(struct helper *h)
{
	pthread_mutex_lock(&h->mutex);
	pthread_cond_signal(&h->work);
	pthread_mutex_unlock(&h->mutex);
}

static void give(void *ctx, void (*run)(void *arg, void *next), void *arg)
{
	struct helper *h = ctx;
	uint64_t n = atomic_load_explicit(&h->given, memory_order_relaxed);

	h->ring[n % RING].run = run;
	h->ring[n % RING].arg = arg;
	atomic_store(&h->given, n + 1);
	if (atomic_load(&h->asleep) && n + 1 - atomic_load(&h->done) >= h->wake_at)
		wake(h);
}

static uint64_t done(void *ctx)
{
	struct helper *h = ctx;

	return atomic_load_explicit(&h->done, memory_order_acquire);
}

static void wait_for(void *ctx, uint64_t n)
{
	struct helper *h = ctx;

	for (int i = 0; i < h->spins && !atomic_load(&h->asleep) && done(h) < n; i++)
		relax();
	if (done(h) >= n)
		return;
	pthread_mutex_lock(&h->mutex);
	atomic_store(&h->awaited, n);
	pthread_cond_signal(&h->work);
	while (done(h) < n)
		pthread_cond_wait(&h->progress, &h->mutex);
	atomic_store(&h->awaited, UINT64_MAX);
	pthread_mutex_unlock(&h->mutex);
}

/* Until more than n were given: how many; n: nothing more will come. */
static uint64_t await_work(struct helper *h, uint64_t n)
{
	uint64_t given;

	for (int i = 0; i < h->spins; i++) {
		given = atomic_load(&h->given);
		if (given > n)
			return given;
		relax();
	}
	pthread_mutex_lock(&h->mutex);
	atomic_store(&h->asleep, true);
	while (!atomic_load(&h->stop) && atomic_load(&h->given) <= n)
		pthread_cond_wait(&h->work, &h->mutex);
	atomic_store(&h->asleep, false);
	pthread_mutex_unlock(&h->mutex);
	return atomic_load(&h->given);
}

static void *serve(void *arg)
{
	struct helper *h = arg;
	uint64_t n = 0, given;

	while ((given = await_work(h, n)) > n)
		for (; n < given; n++) {
			void *next = n + 1 < given ? h->ring[(n + 1) % RING].arg : NULL;

			h->ring[n % RING].run(h->ring[n % RING].arg, next);
			atomic_store(&h->done, n + 1);
			if (n + 1 >= atomic_load(&h->awaited)) {
				pthread_mutex_lock(&h->mutex);
				pthread_cond_signal(&h->progress);
				pthread_mutex_unlock(&h->mutex);
			}
		}
	return NULL;
}

/* Signals are for the thread that reads. */
static int start(struct helper *h)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&h->thread, NULL, serve, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* That this process may run on. */
static int processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

struct helper *helper_new(int threads)
{
	bool crowded = processors() < threads;
	struct helper *h;

	if (processors() < 2 || !(h = calloc(1, sizeof *h)))
		return NULL;
	h->face = (struct tcpstat_helper){ .ctx = h, .give = give, .done = done, .wait = wait_for };
	h->awaited = UINT64_MAX;
	h->spins = crowded ? 0 : SPINS;
	h->wake_at = crowded ? WAKE_CROWDED_AT : WAKE_AT;
	pthread_mutex_init(&h->mutex, NULL);
	pthread_cond_init(&h->work, NULL);
	pthread_cond_init(&h->progress, NULL);
	if (!start(h))
		return h;
	free(h);
	return NULL;
}

void helper_free(struct helper *h)
{
	if (!h)
		return;
	atomic_store(&h->stop, true);
	wake(h);
	pthread_join(h->thread, NULL);
	pthread_cond_destroy(&h->progress);
	pthread_cond_destroy(&h->work);
	pthread_mutex_destroy(&h->mutex);
	free(h);
}

const struct tcpstat_helper *helper_get(struct helper *h)
{
	return h ? &h->face : NULL;
}
