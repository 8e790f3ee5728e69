/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/migrating.h"

#include "core/must.h"

#include <math.h>

static const double PAGES_PER_MIB = 256;

struct precopy_input migrating_idle(double memory_mib)
{
	return (struct precopy_input){
		.hypervisor = ideal_hypervisor(),
		.dirty = { .law = DIRTY_IDLE, .limit_pages = memory_mib * PAGES_PER_MIB },
		.memory_pages = memory_mib * PAGES_PER_MIB,
		.used_pages = memory_mib * PAGES_PER_MIB,
		.bandwidth_bytes_s = INFINITY,
		.stop_s = 0.035,
	};
}

struct precopy_input migrating_busy(double memory_mib, double rate_pages_s)
{
	struct precopy_input input = migrating_idle(memory_mib);

	input.dirty.law = DIRTY_UNIFORM;
	input.dirty.working_set_pages = memory_mib * PAGES_PER_MIB / 4;
	input.dirty.rate_pages_s = rate_pages_s;
	return input;
}

enum precopy_event migrating_next(struct precopy *precopy)
{
	must(isfinite(precopy_next_s(precopy)));
	precopy_advance(precopy, precopy_next_s(precopy));
	return precopy_step(precopy);
}

void migrating_go_to(struct precopy *precopy, enum precopy_event event)
{
	for (int i = 0; i < 100000; i++)
		if (migrating_next(precopy) == event)
			return;
	must(!"an event that comes");
}
