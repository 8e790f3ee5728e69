/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/ending.h"

#include "planner/alike.h"

#include <stdlib.h>
#include <string.h>

/* VMs that are the same here. */
struct kind {
	uint32_t vm, count;
	bool *where; /* by host */
	bool done;
};

struct dealing_out {
	const struct ending_question *question;
	const struct state *state;
	const struct amounts *amounts;
	struct kind *kinds;
	uint32_t kind_count, host_count;
	uint32_t *of_vm;     /* by VM: its kind; NONE: it is nobody's */
	uint32_t *resources; /* that the kinds take anything of, by place */
	uint32_t *place_of;  /* by resource: its place; NONE */
	uint32_t resource_count;
	__int128 *left;  /* by host * resource_count + place */
	uint32_t *twins; /* by host: the one before it of the same model; NONE */
	uint32_t *asked; /* of the kind and host that are looked at */
	uint64_t ticks;
};

static __int128 *left_of(struct dealing_out *of, uint32_t host)
{
	return &of->left[(size_t)host * of->resource_count];
}

static bool is_over(const struct dealing_out *of)
{
	return of->ticks > of->question->ticks_most;
}

/* ------------------------------------------------------------------ who is to be dealt out */

/* Whether it is somewhere else, or may be, once the hosts are gone. */
static bool is_free(const struct dealing_out *of, uint32_t vm)
{
	const struct state *state = of->state;
	uint32_t host = state->vm_host[vm];

	if (host == NONE)
		return false;
	if (of->question->by == LOSS_FAIL)
		return of->question->gone[host] && vm_runs(state, vm);
	return order_method(state, vm) != METHOD_NONE && !lock_leaves(state, vm);
}

/* Whether it counts where it is whatever happens. Whom a lock leaves where he is may be on the hosts, too. */
static bool is_fixed(const struct dealing_out *of, uint32_t vm)
{
	const struct state *state = of->state;
	uint32_t host = state->vm_host[vm];

	if (host == NONE || of->question->gone[host] || is_free(of, vm))
		return false;
	return of->question->by == LOSS_FAIL || order_method(state, vm) == METHOD_NONE;
}

static bool may_end(const struct dealing_out *of, uint32_t vm, uint32_t host)
{
	struct reaches *reaches = of->question->reaches;

	if (of->question->gone[host])
		return false;
	return of->question->by == LOSS_FAIL ? reach_domain(reaches, vm)[host]
	                                     : reach_may_be(reaches, vm, host);
}

static bool is_same(const struct dealing_out *of, const struct kind *kind, uint32_t vm)
{
	const struct cluster *cluster = of->state->cluster;
	const struct shapes *shapes = of->question->reaches->shapes;

	if (shapes->of_vm[kind->vm] != shapes->of_vm[vm] ||
	    cluster->vms[kind->vm].group != cluster->vms[vm].group)
		return false;
	for (uint32_t host = 0; host < of->host_count; host++) {
		if (kind->where[host] != may_end(of, vm, host))
			return false;
	}
	return true;
}

static void add_vm(struct dealing_out *of, uint32_t vm)
{
	struct kind *kind = of->kinds;

	for (uint32_t i = 0; i < of->kind_count; i++, kind++) {
		of->ticks++;
		if (is_same(of, kind, vm)) {
			kind->count++;
			return;
		}
	}
	*kind = (struct kind){ .vm = vm, .count = 1, .where = MEMORY_ARRAY(bool, of->host_count) };
	for (uint32_t host = 0; host < of->host_count; host++)
		kind->where[host] = may_end(of, vm, host);
	of->kind_count++;
}

static void find_kinds(struct dealing_out *of)
{
	const struct ending_question *question = of->question;

	of->kinds = MEMORY_ARRAY(struct kind, of->state->cluster->vm_count + question->kinds);
	for (uint32_t vm = 0; vm < of->state->cluster->vm_count; vm++) {
		if (is_free(of, vm))
			add_vm(of, vm);
	}
	for (uint32_t i = 0; i < question->kinds; i++) {
		struct kind *kind = &of->kinds[of->kind_count];

		if (question->newcomers[i].count == 0)
			continue;
		*kind = (struct kind){ .vm = question->newcomers[i].vm,
			               .count = question->newcomers[i].count,
			               .where = MEMORY_ARRAY(bool, of->host_count) };
		for (uint32_t host = 0; host < of->host_count; host++)
			kind->where[host] = question->newcomers[i].where[host] && !question->gone[host];
		of->kind_count++;
	}
}

/* ------------------------------------------------------------------ what there is */

static void find_resources(struct dealing_out *of)
{
	uint32_t all = amounts_count(of->amounts);

	of->resources = MEMORY_ARRAY(uint32_t, all);
	of->place_of = MEMORY_ARRAY(uint32_t, all);
	for (uint32_t resource = 0; resource < all; resource++)
		of->place_of[resource] = NONE;
	for (uint32_t i = 0; i < of->kind_count; i++) {
		for (uint32_t host = 0; host < of->host_count; host++) {
			uint32_t count = amounts_asked(of->amounts, of->kinds[i].vm, host, of->asked);

			for (uint32_t j = 0; j < count; j++) {
				if (of->place_of[of->asked[j]] != NONE)
					continue;
				of->place_of[of->asked[j]] = of->resource_count;
				of->resources[of->resource_count++] = of->asked[j];
			}
		}
		of->ticks += of->host_count;
	}
}

/* What a host has, or had in use at first if that is more, without what is fixed there. */
static void find_left(struct dealing_out *of)
{
	const struct state *state = of->state;

	of->left = MEMORY_ARRAY(__int128, (size_t)of->host_count * of->resource_count);
	for (uint32_t host = 0; host < of->host_count; host++) {
		for (uint32_t i = 0; i < of->resource_count; i++) {
			__int128 room = amount_of_host(of->amounts, host, of->resources[i]), used = 0,
				 fixed = 0;

			for (uint32_t vm = state_vms_first(state, host); vm != NONE;
			     vm = state_vms_next(state, vm)) {
				__int128 part = amount_of_vm(of->amounts, vm, host, of->resources[i]);

				used += part;
				fixed += is_fixed(of, vm) ? part : 0;
			}
			left_of(of, host)[i] = (room > used ? room : used) - fixed;
		}
	}
	of->ticks += of->state->cluster->vm_count * (uint64_t)of->resource_count / 4;
}

static void find_twins(struct dealing_out *of)
{
	const struct cluster *cluster = of->state->cluster;

	of->twins = MEMORY_ARRAY(uint32_t, of->host_count);
	for (uint32_t host = 0; host < of->host_count; host++) {
		of->twins[host] = NONE;
		for (uint32_t other = host; other-- > 0 && of->twins[host] == NONE;) {
			bool same = of->question->gone[host] == of->question->gone[other] &&
			            hosts_of_one_model(&cluster->hosts[host], &cluster->hosts[other]);

			for (uint32_t i = 0; i < of->kind_count && same; i++)
				same = of->kinds[i].where[host] == of->kinds[i].where[other];
			of->twins[host] = same ? other : NONE;
		}
		of->ticks += of->host_count;
	}
}

/* ------------------------------------------------------------------ dealing out */

/* How many more of a kind a host could have, up to `most`. */
static uint32_t room_for(struct dealing_out *of, const struct kind *kind, uint32_t host, uint32_t most)
{
	uint32_t count = kind->where[host] ? amounts_asked(of->amounts, kind->vm, host, of->asked) : 0,
		 fit = kind->where[host] ? most : 0;

	for (uint32_t i = 0; i < count && fit > 0; i++) {
		__int128 each = amount_of_vm(of->amounts, kind->vm, host, of->asked[i]),
			 left = left_of(of, host)[of->place_of[of->asked[i]]];

		/* Who takes none of something that is short is not in the way of it. */
		if (each > 0 && left / each < fit)
			fit = left < each ? 0 : (uint32_t)(left / each);
	}
	return fit;
}

/* Takes so many of a kind from what a host has left; a negative number gives it back. */
static void deal(struct dealing_out *of, const struct kind *kind, uint32_t host, int64_t number)
{
	uint32_t count = number == 0 ? 0 : amounts_asked(of->amounts, kind->vm, host, of->asked);

	for (uint32_t i = 0; i < count; i++)
		left_of(of, host)[of->place_of[of->asked[i]]] -= number * amount_of_vm(of->amounts, kind->vm,
		                                                                       host, of->asked[i]);
}

/* The kind with the fewest places beyond what it needs; *ret_enough: each has as many as it needs. */
static struct kind *choose_kind(struct dealing_out *of, bool *ret_enough)
{
	struct kind *best = NULL;
	uint64_t best_slack = 0;

	*ret_enough = true;
	for (uint32_t i = 0; i < of->kind_count && *ret_enough; i++) {
		struct kind *kind = &of->kinds[i];
		uint64_t places = 0;

		if (kind->done)
			continue;
		for (uint32_t host = 0; host < of->host_count; host++)
			places += room_for(of, kind, host, kind->count);
		of->ticks += of->host_count / 2 + 1;
		*ret_enough = places >= kind->count;
		if (*ret_enough && (!best || places - kind->count < best_slack)) {
			best = kind;
			best_slack = places - kind->count;
		}
	}
	return best;
}

/* One kind that is being dealt out, host by host. */
struct round {
	struct kind *kind;
	uint32_t *dealt; /* by host: how many */
	uint32_t *twins; /* by host: the one before it that had the same left when the kind began; NONE */
};

static enum ending deal_rest(struct dealing_out *of);

/* So many are left for this host and those behind it. */
static enum ending deal_on(struct dealing_out *of, struct round *round, uint32_t host, uint32_t left)
{
	enum ending answer = ENDING_NONE;
	uint32_t most;

	if (is_over(of))
		return ENDING_UNKNOWN;
	of->ticks++;
	if (left == 0)
		return deal_rest(of);
	if (host == of->host_count)
		return ENDING_NONE;
	most = room_for(of, round->kind, host, left);
	if (round->twins[host] != NONE && round->dealt[round->twins[host]] < most)
		most = round->dealt[round->twins[host]];
	for (uint32_t count = most + 1; count-- > 0 && answer == ENDING_NONE;) {
		deal(of, round->kind, host, count);
		round->dealt[host] = count;
		answer = deal_on(of, round, host + 1, left - count);
		deal(of, round->kind, host, -(int64_t)count);
	}
	round->dealt[host] = 0;
	return answer;
}

/* The kinds that are not done. */
static enum ending deal_rest(struct dealing_out *of)
{
	bool enough;
	struct kind *kind = choose_kind(of, &enough);
	struct round round = { .kind = kind };
	enum ending answer;

	if (!enough || !kind)
		return enough ? ENDING_FOUND : ENDING_NONE;
	round.dealt = MEMORY_ARRAY(uint32_t, of->host_count);
	round.twins = MEMORY_ARRAY(uint32_t, of->host_count);
	for (uint32_t host = 0; host < of->host_count; host++) {
		uint32_t twin = of->twins[host];

		while (twin != NONE && memcmp(left_of(of, host), left_of(of, twin),
		                              sizeof(__int128) * of->resource_count) != 0)
			twin = of->twins[twin];
		round.twins[host] = twin;
	}
	kind->done = true;
	answer = deal_on(of, &round, 0, kind->count);
	kind->done = false;
	free(round.dealt);
	free(round.twins);
	return answer;
}

enum ending ending_search(const struct ending_question *question, uint64_t *ret_ticks)
{
	struct dealing_out of = { .question = question,
		                  .state = question->reaches->state,
		                  .amounts = &question->reaches->amounts,
		                  .host_count = question->reaches->state->cluster->host_count };
	enum ending answer;

	of.asked = MEMORY_ARRAY(uint32_t, RESOURCES_ASKED_MOST);
	find_kinds(&of);
	find_resources(&of);
	find_left(&of);
	find_twins(&of);
	answer = deal_rest(&of);
	*ret_ticks = of.ticks;
	for (uint32_t i = 0; i < of.kind_count; i++)
		free(of.kinds[i].where);
	free(of.kinds);
	free(of.resources);
	free(of.place_of);
	free(of.left);
	free(of.twins);
	free(of.asked);
	return answer;
}
