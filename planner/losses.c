/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/losses.h"

#include "core/must.h"

#include <stdlib.h>

static const char *const words[] = { "lock", "fail", NULL };
const char *const *const loss_words = words;

/* So many of so many; UINT64_MAX when it is more than that. */
static uint64_t choose(uint32_t of, uint32_t together)
{
	unsigned __int128 count = together <= of;

	for (uint32_t i = 0; i < together && count > 0; i++) {
		count = count * (of - i) / (i + 1);
		if (count > UINT64_MAX)
			return UINT64_MAX;
	}
	return (uint64_t)count;
}

void losses_create(struct losses *ret_losses, const struct cluster *cluster, enum loss by, uint32_t together,
                   const bool *except)
{
	/* The lock of the only host stops its VMs, it can always go (docs/rules.md, Lock). */
	bool alone = by == LOSS_LOCK && cluster->host_count == 1;

	*ret_losses = (struct losses){ .by = by };
	ret_losses->hosts = MEMORY_ARRAY(uint32_t, cluster->host_count);
	for (uint32_t host = 0; host < cluster->host_count && !alone; host++) {
		if (cluster->hosts[host].administrative != ADMIN_LOCKED && !(except && except[host]))
			ret_losses->hosts[ret_losses->host_count++] = host;
	}
	ret_losses->together = together < ret_losses->host_count ? together : ret_losses->host_count;
	ret_losses->set_count = choose(ret_losses->host_count, ret_losses->together);
}

void losses_free(struct losses *losses)
{
	free(losses->hosts);
	*losses = (struct losses){ 0 };
}

void losses_set(const struct losses *losses, uint64_t number, uint32_t *ret_places)
{
	uint32_t place = 0;

	must(number < losses->set_count);
	for (uint32_t i = 0; i < losses->together; i++) {
		for (;; place++) {
			uint64_t with = choose(losses->host_count - place - 1, losses->together - i - 1);

			if (number < with)
				break;
			number -= with;
		}
		ret_places[i] = place++;
	}
}

bool losses_next(const struct losses *losses, uint32_t *places)
{
	uint32_t i = losses->together;

	/* The last place that can still rise does; those behind it come right after. */
	while (i > 0 && places[i - 1] == losses->host_count - losses->together + i - 1)
		i--;
	if (i == 0)
		return false;
	places[i - 1]++;
	for (; i < losses->together; i++)
		places[i] = places[i - 1] + 1;
	return true;
}

uint64_t losses_first_with(const struct losses *losses, uint32_t place)
{
	/* The first hosts and that one; it is among the first, or only a larger last one goes before. */
	return place < losses->together ? 0 : place - losses->together + 1;
}

bool losses_must_go(enum loss by, const struct state *state, uint32_t vm)
{
	return by == LOSS_FAIL ? vm_runs(state, vm) : !lock_leaves(state, vm);
}

void gone_create(struct gone *ret_gone, const struct cluster *cluster)
{
	*ret_gone = (struct gone){ .goal = { .wanted = MEMORY_ARRAY(bool, cluster->host_count) },
		                   .movers = MEMORY_ARRAY(uint32_t, cluster->vm_count) };
}

void gone_free(struct gone *gone)
{
	goal_free(&gone->goal);
	free(gone->movers);
	*gone = (struct gone){ 0 };
}

void gone_enter(struct gone *gone, enum loss by, const struct state *state, const uint32_t *hosts,
                uint32_t count)
{
	gone->goal.hosts = hosts;
	gone->goal.host_count = count;
	gone->mover_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t vm = state_vms_first(state, hosts[i]);

		gone->goal.wanted[hosts[i]] = true;
		for (; vm != NONE; vm = state_vms_next(state, vm)) {
			if (losses_must_go(by, state, vm))
				gone->movers[gone->mover_count++] = vm;
		}
	}
}

void gone_leave(struct gone *gone)
{
	for (uint32_t i = 0; i < gone->goal.host_count; i++)
		gone->goal.wanted[gone->goal.hosts[i]] = false;
}
