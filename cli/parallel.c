/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli.h"

#include "system/monotonic.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct crew {
	void (*work)(void *context, uint32_t index, unsigned thread);
	void *context;
	uint32_t count;
	_Atomic uint32_t next, done;
};

struct worker {
	struct crew *crew;
	unsigned thread;
	pthread_t handle;
};

static void crew_work(struct crew *crew, unsigned thread)
{
	for (;;) {
		uint32_t index = atomic_fetch_add(&crew->next, 1);

		if (index >= crew->count)
			return;
		crew->work(crew->context, index, thread);
		atomic_fetch_add(&crew->done, 1);
	}
}

static void *worker_main(void *argument)
{
	struct worker *worker = argument;

	crew_work(worker->crew, worker->thread);
	return NULL;
}

/* Draws the bar four times a second, from the second second on, until all is done. */
static void *progress_main(void *argument)
{
	const struct worker *worker = argument;
	struct crew *crew = worker->crew;
	const struct timespec pause = { 0, 50 * 1000 * 1000 };
	double start = monotonic_s(), drawn = start + 0.75;

	for (uint32_t done = 0; done < crew->count; done = atomic_load(&crew->done)) {
		double now = monotonic_s(), left;
		int bar;

		nanosleep(&pause, NULL);
		if (now - drawn < 0.25 || done == 0)
			continue;
		drawn = now;
		left = (now - start) * (double)(crew->count - done) / done;
		bar = (int)(30.0 * done / crew->count);
		fprintf(stderr, "\r%.*s%.*s %3.0f %%, %.0f s left ", bar, "##############################",
		        30 - bar, "..............................", 100.0 * done / crew->count, left);
	}
	if (drawn > start + 0.75)
		fprintf(stderr, "\r%60s\r", "");
	return NULL;
}

void cli_parallel(unsigned threads, uint32_t count,
                  void (*work)(void *context, uint32_t index, unsigned thread), void *context,
                  const char *progress)
{
	struct crew crew = { .work = work, .context = context, .count = count };
	struct worker *workers, watcher = { .crew = &crew };
	bool watched = progress && isatty(STDERR_FILENO);
	unsigned started = 0;

	threads = threads > count ? count : threads;
	workers = MEMORY_ARRAY(struct worker, threads + 1);
	watched = watched && !pthread_create(&watcher.handle, NULL, progress_main, &watcher);
	for (unsigned i = 1; i < threads; i++) {
		workers[i] = (struct worker){ .crew = &crew, .thread = i };
		if (pthread_create(&workers[i].handle, NULL, worker_main, &workers[i]))
			break;
		started = i;
	}
	crew_work(&crew, 0);
	for (unsigned i = 1; i <= started; i++)
		pthread_join(workers[i].handle, NULL);
	if (watched)
		pthread_join(watcher.handle, NULL);
	free(workers);
}
