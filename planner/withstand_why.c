/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/withstand.h"

#include "planner/certificate.h"
#include "planner/evacuate.h"
#include "planner/refusal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A set that is to be explained. */
struct explaining {
	struct withstand *withstand;
	struct chooser chooser;
	struct reaches reaches;
	struct gone gone;
	struct arena *arena;
	struct hindrance *hindrance;
};

static const char *keep(struct explaining *of, const char *text)
{
	return arena_text(of->arena, text, strlen(text));
}

static const struct state *state_of(const struct explaining *of)
{
	return &of->withstand->state;
}

static void explaining_create(struct explaining *of, struct withstand *withstand)
{
	*of = (struct explaining){ .withstand = withstand };
	chooser_create(&of->chooser, &withstand->shapes);
	reaches_create(&of->reaches, &withstand->shapes, &withstand->state);
	gone_create(&of->gone, withstand->cluster);
}

static void explaining_free(struct explaining *of)
{
	gone_free(&of->gone);
	reaches_free(&of->reaches);
	chooser_free(&of->chooser);
}

/* A VM that finds no host once others have gone. */
static void explain_refused(struct explaining *of, const struct state *state, uint32_t vm, uint32_t others)
{
	struct request request = request_for(state, MOVE_LIVE, vm);
	struct refusal refusal;
	char text[512], after[64] = "";

	request.group_forgotten = true;
	refusal_find(&request, of->gone.goal.wanted, &refusal);
	refusal_text(&refusal, text, sizeof(text));
	if (others > 0)
		snprintf(after, sizeof(after), ", %u others gone", others);
	of->hindrance->vm = vm;
	of->hindrance->rule = refusal.rule ? refusal.rule : "no-other-host";
	of->hindrance->resource = refusal.resource;
	of->hindrance->why = arena_print(of->arena, "%s (%s)%s: %s", state->cluster->vms[vm].name,
	                                 of->hindrance->rule, after, text);
}

/* ------------------------------------------------------------------ a lock */

static const char *resource_name(struct explaining *of, uint32_t resource)
{
	char name[300];

	amount_name(&of->reaches.amounts, resource, name, sizeof(name));
	return keep(of, name);
}

static void explain_fact(struct explaining *of, const struct fact *fact, bool certified)
{
	struct hindrance *hindrance = of->hindrance;
	char text[2048];

	fact_text(fact, &of->reaches.amounts, text, sizeof(text));
	hindrance->why = keep(of, text);
	if (fact->kind == FACT_NO_HOST) {
		hindrance->vm = fact->vm;
		hindrance->rule = fact->rule;
	}
	if (fact->kind == FACT_CAPACITY || fact->kind == FACT_COUNT)
		hindrance->resource = resource_name(of, fact->resource);
	if (certified)
		hindrance->certificate = certificate_json(fact, &of->reaches.amounts, of->gone.goal.hosts,
		                                          of->gone.goal.host_count);
}

/* The first that finds no host when those with the fewest go first, each to the next host that takes it. */
static void explain_first(struct explaining *of)
{
	struct state *state = &of->chooser.state;
	struct mover *sorted = MEMORY_ARRAY(struct mover, of->gone.mover_count);
	uint32_t mark = state_mark(state), done = 0;

	movers_by_shape(&of->withstand->shapes, of->gone.movers, of->gone.mover_count, sorted);
	for (; done < of->gone.mover_count; done++) {
		struct request request = request_for(state, MOVE_LIVE, sorted[done].vm);
		uint32_t host = 0;

		while (host < state->cluster->host_count &&
		       (of->gone.goal.wanted[host] || !schedule_allows_named(&request, host)))
			host++;
		if (host == state->cluster->host_count)
			break;
		state_move(state, sorted[done].vm, host);
	}
	if (done < of->gone.mover_count)
		explain_refused(of, state, sorted[done].vm, done);
	state_rollback(state, mark);
	free(sorted);
}

static void explain_lock(struct explaining *of, uint64_t steps, enum explanation how)
{
	struct planned planned;

	if (how == EXPLAIN_ROUGHLY)
		planned_try(&of->chooser, &of->reaches, of->gone.goal.hosts, of->gone.goal.host_count, steps,
		            &planned);
	else
		planned_find(&of->chooser, &of->reaches, of->gone.goal.hosts, of->gone.goal.host_count, NULL,
		             NULL, steps, &planned);
	of->hindrance->decided = planned.verdict == PLANNED_NOT_LOCKABLE;
	if (of->hindrance->decided)
		explain_fact(of, &planned.fact, how == EXPLAIN_CERTIFIED);
	else
		explain_first(of);
	if (!of->hindrance->why)
		of->hindrance->why = "whether any moves empty it was not decided within the limit";
	planned_free(&planned);
}

/* ------------------------------------------------------------------ a failure */

/* A VM that finds no host even if nobody else had to be placed. */
static bool explain_lonely(struct explaining *of)
{
	for (uint32_t i = 0; i < of->gone.mover_count; i++) {
		struct request request = request_for(state_of(of), MOVE_EVACUATE, of->gone.movers[i]);
		bool found = false;

		for (uint32_t host = 0; host < state_of(of)->cluster->host_count && !found; host++)
			found = !of->gone.goal.wanted[host] && schedule_allows_named(&request, host);
		if (found)
			continue;
		explain_refused(of, state_of(of), of->gone.movers[i], 0);
		return true;
	}
	return false;
}

/* What all the hosts that are left have of a resource for newcomers, and what these take of it at the least.
 */
static void weigh(struct explaining *of, uint32_t resource, __int128 *ret_left, __int128 *ret_needed)
{
	const struct amounts *amounts = &of->reaches.amounts;
	const struct state *state = state_of(of);

	*ret_left = *ret_needed = 0;
	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		__int128 left = amount_of_host(amounts, host, resource);

		if (of->gone.goal.wanted[host] || !state_host_up(state, host) ||
		    !state_host_enabled(state, host))
			continue;
		for (uint32_t vm = state_vms_first(state, host); vm != NONE; vm = state_vms_next(state, vm))
			left -= amount_of_vm(amounts, vm, host, resource);
		*ret_left += left > 0 ? left : 0;
	}
	for (uint32_t i = 0; i < of->gone.mover_count; i++) {
		__int128 least = -1;

		for (uint32_t host = 0; host < state->cluster->host_count; host++) {
			__int128 part = amount_of_vm(amounts, of->gone.movers[i], host, resource);

			if (!of->gone.goal.wanted[host])
				least = least < 0 || part < least ? part : least;
		}
		*ret_needed += least > 0 ? least : 0;
	}
}

static bool explain_short(struct explaining *of)
{
	const struct amounts *amounts = &of->reaches.amounts;
	uint32_t count = amounts_count(amounts);

	for (uint32_t resource = 0; resource < count; resource++) {
		__int128 left, needed;
		char words[256];

		weigh(of, resource, &left, &needed);
		if (needed <= left)
			continue;
		amount_words(amounts, resource, words, sizeof(words));
		of->hindrance->resource = resource_name(of, resource);
		of->hindrance->why = arena_print(
			of->arena, "its %u VMs need %.15g %s, %.15g are left elsewhere", of->gone.mover_count,
			(double)needed / amount_unit(resource), words, (double)left / amount_unit(resource));
		return true;
	}
	return false;
}

static void explain_failure(struct explaining *of, uint64_t steps)
{
	uint64_t asked;
	enum evacuation answer = evacuate_search(&of->chooser.state, &of->withstand->shapes,
	                                         of->gone.goal.wanted, of->gone.movers, of->gone.mover_count,
	                                         steps * TICKS_A_STEP, &asked);

	of->hindrance->decided = answer == EVACUATION_NONE;
	if (explain_lonely(of) || explain_short(of)) {
		of->hindrance->decided = true;
		return;
	}
	if (!of->hindrance->decided)
		explain_first(of);
	if (!of->hindrance->why)
		of->hindrance->why =
			of->hindrance->decided
				? arena_print(of->arena,
		                              "in no way can its %u VMs be dealt out to the hosts "
		                              "left",
		                              of->gone.mover_count)
				: "whether its VMs find hosts was not decided within the limit";
}

/* ------------------------------------------------------------------ both */

void withstand_explain(struct withstand *withstand, uint64_t set, uint64_t steps, enum explanation how,
                       struct arena *arena, struct hindrance *ret_hindrance)
{
	const struct losses *losses = withstand->losses;
	uint32_t *hosts = ARENA_ARRAY(arena, uint32_t, losses->together);
	struct explaining of;

	losses_set(losses, set, hosts);
	for (uint32_t i = 0; i < losses->together; i++)
		hosts[i] = losses->hosts[hosts[i]];
	*ret_hindrance = (struct hindrance){ .hosts = hosts, .host_count = losses->together, .vm = NONE };
	explaining_create(&of, withstand);
	gone_enter(&of.gone, losses->by, &withstand->state, hosts, losses->together);
	of.arena = arena;
	of.hindrance = ret_hindrance;
	if (losses->by == LOSS_LOCK)
		explain_lock(&of, steps, how);
	else
		explain_failure(&of, steps);
	explaining_free(&of);
}

/* Whether a host could ever take a VM of another one that is gone, if there was room enough. */
static bool could_take(struct explaining *of, uint32_t vm, uint32_t host)
{
	const struct state *state = state_of(of);

	if (of->gone.goal.wanted[host] || !reach_domain(&of->reaches, vm)[host])
		return false;
	return !is_strictly_affine(state, vm) ||
	       (state->profile != PROFILE_TITANIUM &&
	        state_members(state, state->cluster->vms[vm].group, host) > 0);
}

static bool is_pinned(struct explaining *of)
{
	struct arena scratch = { 0 };
	struct fact fact;
	bool pinned = false;

	if (of->withstand->losses->by == LOSS_LOCK) {
		pinned = fact_find_no_host(&of->reaches, &of->gone.goal, of->gone.movers,
		                           of->gone.mover_count, &scratch, &fact);
		arena_free(&scratch);
		return pinned;
	}
	for (uint32_t i = 0; i < of->gone.mover_count && !pinned; i++) {
		bool found = false;

		for (uint32_t host = 0; host < state_of(of)->cluster->host_count && !found; host++)
			found = could_take(of, of->gone.movers[i], host);
		pinned = !found;
	}
	return pinned;
}

uint32_t withstand_pinned(struct withstand *withstand, bool *ret_pinned)
{
	const struct losses *losses = withstand->losses;
	struct explaining of;
	uint32_t count = 0;

	explaining_create(&of, withstand);
	for (uint32_t i = 0; i < losses->host_count; i++) {
		gone_enter(&of.gone, losses->by, &withstand->state, &losses->hosts[i], 1);
		ret_pinned[losses->hosts[i]] = is_pinned(&of);
		count += ret_pinned[losses->hosts[i]];
		gone_leave(&of.gone);
	}
	explaining_free(&of);
	return count;
}
