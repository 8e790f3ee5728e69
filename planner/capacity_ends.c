/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/capacity_parts.h"

#include "planner/ending.h"

#include <stdlib.h>
#include <string.h>

/* Hosts times VMs beyond which there are too many ends to begin with. */
enum { PAIRS_MOST = 200000 };

struct seeking_ends {
	struct seeking *seek;
	struct ending_question question;
	struct newcomers *newcomers;
	bool *where; /* by kind * host_count + host */
	bool *gone;
};

static bool is_over(const struct seeking *seek)
{
	return seek->capacity->ticks >= seek->ticks_most;
}

/* Whether so many more than fit in any end. */
static bool is_too_many(struct seeking_ends *of, uint32_t units)
{
	const struct unit *unit = of->seek->question->unit;
	enum ending answer;
	uint64_t ticks;

	for (uint32_t kind = 0; kind < unit->kinds; kind++)
		of->newcomers[kind].count = units * unit->counts[kind];
	of->question.ticks_most = of->seek->ticks_most - of->seek->capacity->ticks;
	answer = ending_search(&of->question, &ticks);
	of->seek->capacity->ticks += ticks;
	return answer == ENDING_NONE;
}

/* Lowers the bound by one set after another, each as far as it does. */
static void look_at_sets(struct seeking_ends *of)
{
	const struct losses *losses = of->seek->question->losses;
	struct capacity_range *more = &of->seek->capacity->more;
	uint32_t *places = MEMORY_ARRAY(uint32_t, losses->together + 1);
	bool next = true;

	losses_set(losses, 0, places);
	while (next && more->lower < more->upper && !is_over(of->seek)) {
		for (uint32_t i = 0; i < losses->together; i++)
			of->gone[losses->hosts[places[i]]] = true;
		while (more->lower < more->upper && !is_over(of->seek) && is_too_many(of, more->upper))
			more->upper--;
		for (uint32_t i = 0; i < losses->together; i++)
			of->gone[losses->hosts[places[i]]] = false;
		next = losses_next(losses, places);
	}
	free(places);
}

static void prepare(struct seeking_ends *of, const struct state *state, struct reaches *reaches)
{
	const struct capacity_question *question = of->seek->question;
	struct headroom_question ask = { .whatif = &of->seek->whatif,
		                         .unit = question->unit,
		                         .group = question->group,
		                         .losses = question->losses,
		                         .state = state,
		                         .reaches = reaches };
	uint32_t host_count = state->cluster->host_count, kinds = question->unit->kinds;

	of->where = MEMORY_ARRAY(bool, kinds *(size_t)host_count);
	of->gone = MEMORY_ARRAY(bool, host_count);
	of->newcomers = MEMORY_ARRAY(struct newcomers, kinds);
	for (uint32_t kind = 0; kind < kinds; kind++) {
		bool *where = &of->where[kind * (size_t)host_count];
		uint32_t vm = whatif_first(&of->seek->whatif, question->unit, kind);

		headroom_where(&ask, vm, where);
		of->newcomers[kind] = (struct newcomers){ .vm = vm, .where = where };
	}
	of->question = (struct ending_question){ .reaches = reaches,
		                                 .by = question->losses->by,
		                                 .gone = of->gone,
		                                 .newcomers = of->newcomers,
		                                 .kinds = kinds };
}

void seek_ends(struct seeking *seek)
{
	const struct capacity_question *question = seek->question;
	const struct capacity_range *more = &seek->capacity->more;
	struct seeking_ends of = { .seek = seek };
	struct reaches reaches;
	struct shapes shapes;
	struct state state;

	if (more->lower >= more->upper || question->losses->together == 0 ||
	    (uint64_t)question->cluster->host_count * question->cluster->vm_count > PAIRS_MOST)
		return;
	whatif_fill(&seek->whatif, question->unit, 1, question->group);
	state_create(&state, &seek->whatif.cluster);
	shapes_create(&shapes, &state);
	reaches_create(&reaches, &shapes, &state);
	prepare(&of, &state, &reaches);
	look_at_sets(&of);
	reaches_free(&reaches);
	shapes_free(&shapes);
	state_free(&state);
	free(of.newcomers);
	free(of.where);
	free(of.gone);
}
