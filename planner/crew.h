/* SPDX-License-Identifier: GPL-3.0-or-later */
/* crew: who does pieces of work side by side. The planner starts no threads: whoever asks it lends some. */
#ifndef PLANNER_CREW_H
#define PLANNER_CREW_H

#include <stddef.h>
#include <stdint.h>

/* One piece of work, by its index; thread: 0 … threads - 1, for what each thread has of its own. */
typedef void (*crew_work)(void *context, uint32_t index, unsigned thread);

struct crew {
	unsigned threads; /* at least 1 */
	/* Does work(work_context, index, thread) for each index in [0, count); returns when all is done.
	 * NULL: one after another, by thread 0. */
	void (*run)(const struct crew *crew, uint32_t count, crew_work work, void *work_context);
};

static inline void crew_run(const struct crew *crew, uint32_t count, crew_work work, void *work_context)
{
	if (crew->run && crew->threads > 1 && count > 1) {
		crew->run(crew, count, work, work_context);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		work(work_context, i, 0);
}

#endif
