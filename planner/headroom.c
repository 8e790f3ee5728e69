/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/headroom.h"

#include "core/indexes.h"
#include "planner/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Resources beside those of amounts. */
enum { MORE_PAGES_2M, MORE_PAGES_1G, MORE_RESOURCES };

/* New VMs that are looked at together: of one kind, or of all. */
struct group_of_kinds {
	uint32_t first, count; /* kinds of the unit */
	bool *where;           /* by host: it may have one of them */
	bool apart, plain;     /* some of these hosts has CPUs set apart, some has not */
	int64_t ratio_least;   /* of those that have not */
	bool *inside;          /* by shape: its VMs can be on these hosts alone */
};

struct bounding {
	const struct headroom_question *question;
	const struct state *state;
	const struct cluster *cluster;
	struct amounts *amounts;
	struct arena *arena;
	struct headroom *best;
	enum loss by;
	bool gone;       /* hosts are gone; else all are there, and nobody moves */
	bool *stays;     /* by VM: it stays where it is for good */
	__int128 *left;  /* by host: what the new ones can have there */
	__int128 *extra; /* by host: what those of it need elsewhere, once it is gone */
};

/* The first new VM of a kind. */
static uint32_t kind_vm(const struct bounding *of, uint32_t kind)
{
	return whatif_first(of->question->whatif, of->question->unit, kind);
}

static bool is_strict_affinity(const struct headroom_question *question)
{
	const struct group *group = question->group == NONE ? NULL
	                                                    : &question->state->groups[question->group];

	return group && group->policy == POLICY_AFFINITY && !group->best_effort;
}

/* ------------------------------------------------------------------ where new VMs may be */

void headroom_where(const struct headroom_question *question, uint32_t vm, bool *ret_where)
{
	const struct state *state = question->state;
	struct request request = request_for(state, MOVE_BOOT, vm);
	bool joins = is_strict_affinity(question) && state_group_placed(state, question->group) > 0;

	request.state = &question->reaches->empty;
	for (uint32_t host = 0; host < state->cluster->host_count; host++)
		ret_where[host] |= rules_allow_shape(&request, host) &&
		                   (!joins || state_members(state, question->group, host) > 0);
}

static void group_create(struct bounding *of, uint32_t first, uint32_t count, struct group_of_kinds *group)
{
	struct reaches *reaches = of->question->reaches;
	const struct shapes *shapes = reaches->shapes;

	*group = (struct group_of_kinds){ .first = first, .count = count, .ratio_least = INT64_MAX };
	group->where = MEMORY_ARRAY(bool, of->cluster->host_count);
	group->inside = MEMORY_ARRAY(bool, shapes->count);
	for (uint32_t i = 0; i < count; i++)
		headroom_where(of->question, kind_vm(of, first + i), group->where);
	for (uint32_t host = 0; host < of->cluster->host_count; host++) {
		const struct host *at = &of->cluster->hosts[host];

		if (!group->where[host])
			continue;
		group->apart |= at->dedicated_cpus >= 0;
		group->plain |= at->dedicated_cpus < 0;
		if (at->dedicated_cpus < 0 && at->cpu_ratio < group->ratio_least)
			group->ratio_least = at->cpu_ratio;
	}
	for (uint32_t i = 0; i < shapes->count; i++) {
		const bool *domain = reach_domain(reaches, shapes->shapes[i].vm);

		group->inside[i] = true;
		for (uint32_t host = 0; host < of->cluster->host_count; host++)
			group->inside[i] &= !domain[host] || group->where[host];
	}
}

static void group_free(struct group_of_kinds *group)
{
	free(group->where);
	free(group->inside);
}

/* ------------------------------------------------------------------ amounts, and pages */

/* Pages of a size that a flavor takes wherever it is; 0: of which size is not said. */
static int64_t pages_of(const struct flavor *flavor, uint32_t more)
{
	int32_t page_kib = more == MORE_PAGES_2M ? PAGE_2M : PAGE_1G;
	int64_t page_mib = page_kib / 1024, pages = 0;

	for (uint32_t guest = 0; guest < flavor->numa_count && flavor->page_kib == page_kib; guest++)
		pages += (flavor->numa[guest].memory_mib + page_mib - 1) / page_mib;
	return pages;
}

/* What a host has of a resource, or its VMs have if that is more. */
static __int128 room_of(const struct bounding *of, uint32_t host, uint32_t resource)
{
	const struct host *at = &of->cluster->hosts[host];
	__int128 room = 0, used = 0;

	if (resource < amounts_count(of->amounts)) {
		room = amount_of_host(of->amounts, host, resource);
		for (uint32_t vm = state_vms_first(of->state, host); vm != NONE;
		     vm = state_vms_next(of->state, vm))
			used += amount_of_vm(of->amounts, vm, host, resource);
		return room > used ? room : used;
	}
	for (uint32_t node = 0; node < at->numa_count; node++) {
		const struct numa_use *use = &of->state->numa[at->numa_first + node];
		bool small = resource - amounts_count(of->amounts) == MORE_PAGES_2M;
		int64_t pages = small ? at->numa[node].pages_2m : at->numa[node].pages_1g,
			taken = small ? use->pages_2m : use->pages_1g;

		/* One node may have too few while another has some left. */
		room += pages > taken ? pages : taken;
	}
	return room;
}

/* What a VM takes where it is. */
static __int128 part_at(const struct bounding *of, uint32_t vm, uint32_t host, uint32_t resource)
{
	if (resource < amounts_count(of->amounts))
		return amount_of_vm(of->amounts, vm, host, resource);
	return pages_of(state_flavor(of->state, vm), resource - amounts_count(of->amounts));
}

/* What it takes at the least on one of the hosts: only for CPUs that depends on the host. */
static __int128 part_least(const struct bounding *of, const struct group_of_kinds *group, uint32_t vm,
                           uint32_t resource)
{
	const struct flavor *flavor = state_flavor(of->state, vm);

	if (resource <= RESOURCE_DEDICATED && flavor->dedicated) {
		if (resource == RESOURCE_DEDICATED)
			return group->plain ? 0 : flavor->counted_vcpus;
		return group->apart || !group->plain ? 0
		                                     : (__int128)flavor->counted_vcpus * group->ratio_least;
	}
	return part_at(of, vm, 0, resource);
}

/* What a unit takes at the least, of these kinds. */
static __int128 unit_takes(const struct bounding *of, const struct group_of_kinds *group, uint32_t resource)
{
	__int128 sum = 0;

	for (uint32_t i = 0; i < group->count; i++)
		sum += of->question->unit->counts[group->first + i] *
		       part_least(of, group, kind_vm(of, group->first + i), resource);
	return sum;
}

/* ------------------------------------------------------------------ bounds */

static void take(struct bounding *of, struct headroom bound)
{
	bound.places = of->best->places;
	if (bound.most < of->best->most)
		*of->best = bound;
}

static uint32_t whole(__int128 amount, __int128 each)
{
	__int128 most = amount < 0 ? 0 : amount / each;

	return most > HEADROOM_MOST ? HEADROOM_MOST : (uint32_t)most;
}

/*
 * What all hosts leave when those are gone that leave least: each takes away what the new ones could have had
 * on it, and what its own VMs need elsewhere; both add up. ret_gone: these hosts, in order; returns how many.
 */
static uint32_t find_worst(struct bounding *of, uint32_t *ret_gone, __int128 *ret_left, __int128 *ret_needed)
{
	const struct losses *losses = of->question->losses;
	uint32_t together = of->gone ? losses->together : 0, count = 0;

	*ret_left = *ret_needed = 0;
	for (uint32_t host = 0; host < of->cluster->host_count; host++)
		*ret_left += of->left[host];
	/* The largest so far, the smallest of them last. */
	for (uint32_t i = 0; i < losses->host_count && together > 0; i++) {
		uint32_t host = losses->hosts[i], at = count;
		__int128 loss = of->left[host] + of->extra[host];

		while (at > 0 && of->left[ret_gone[at - 1]] + of->extra[ret_gone[at - 1]] < loss)
			at--;
		if (at == together)
			continue;
		count += count < together;
		memmove(&ret_gone[at + 1], &ret_gone[at], sizeof(*ret_gone) * (count - at - 1));
		ret_gone[at] = host;
	}
	indexes_sort(ret_gone, count);
	for (uint32_t i = 0; i < count; i++) {
		*ret_left -= of->left[ret_gone[i]];
		*ret_needed += of->extra[ret_gone[i]];
	}
	return count;
}

/* Whether a VM that is on one of the hosts, which is not gone, takes of them what new ones cannot have. */
static bool counts_here(const struct bounding *of, const struct group_of_kinds *group, uint32_t vm)
{
	return of->stays[vm] || group->inside[of->question->reaches->shapes->of_vm[vm]];
}

/* Whether it needs a place on one of them once its own host is gone. */
static bool counts_gone(const struct bounding *of, const struct group_of_kinds *group, uint32_t vm)
{
	return losses_must_go(of->by, of->state, vm) &&
	       group->inside[of->question->reaches->shapes->of_vm[vm]];
}

static const char *resource_text(struct bounding *of, uint32_t resource, bool words)
{
	char text[300];

	if (resource < amounts_count(of->amounts)) {
		if (words)
			amount_words(of->amounts, resource, text, sizeof(text));
		else
			amount_name(of->amounts, resource, text, sizeof(text));
	} else {
		bool small = resource - amounts_count(of->amounts) == MORE_PAGES_2M;

		snprintf(text, sizeof(text), "%s",
		         words ? (small ? "huge pages of 2 MiB" : "huge pages of 1 GiB")
		               : (small ? "pages_2048" : "pages_1048576"));
	}
	return arena_text(of->arena, text, strlen(text));
}

/* By what there is of one resource. */
static void bound_room(struct bounding *of, const struct group_of_kinds *group, uint32_t resource)
{
	__int128 each = unit_takes(of, group, resource), left, needed;
	double unit = resource < amounts_count(of->amounts) ? amount_unit(resource) : 1;
	uint32_t *gone, count;
	struct headroom bound;

	if (each == 0)
		return;
	for (uint32_t host = 0; host < of->cluster->host_count; host++) {
		of->left[host] = group->where[host] ? room_of(of, host, resource) : 0;
		of->extra[host] = 0;
		for (uint32_t vm = state_vms_first(of->state, host); vm != NONE;
		     vm = state_vms_next(of->state, vm)) {
			if (group->where[host] && counts_here(of, group, vm))
				of->left[host] -= of->stays[vm] ? part_at(of, vm, host, resource)
				                                : part_least(of, group, vm, resource);
			if (counts_gone(of, group, vm))
				of->extra[host] += part_least(of, group, vm, resource);
		}
	}
	gone = ARENA_ARRAY(of->arena, uint32_t, of->question->losses->together + 1);
	count = find_worst(of, gone, &left, &needed);
	bound = (struct headroom){ .most = whole(left - needed, each),
		                   .kind = HEADROOM_ROOM,
		                   .flavor = NONE,
		                   .hosts = gone,
		                   .host_count = count };
	if (bound.most >= of->best->most)
		return;
	bound.resource = resource_text(of, resource, false);
	bound.words = resource_text(of, resource, true);
	bound.left = (double)left / unit;
	bound.needed = (double)needed / unit;
	bound.each = (double)each / unit;
	take(of, bound);
}

/* By how many VMs of a kind each host can have. */
static void bound_count(struct bounding *of, const struct group_of_kinds *group)
{
	uint32_t vm = kind_vm(of, group->first), *gone;
	__int128 left, needed;
	struct headroom bound = { .kind = HEADROOM_COUNT, .flavor = of->cluster->vms[vm].flavor };

	for (uint32_t host = 0; host < of->cluster->host_count; host++) {
		of->left[host] = group->where[host] ? places_most(of->state, of->amounts, vm, of->stays, host)
		                                    : 0;
		of->extra[host] = 0;
	}
	gone = ARENA_ARRAY(of->arena, uint32_t, of->question->losses->together + 1);
	bound.host_count = find_worst(of, gone, &left, &needed);
	bound.hosts = gone;
	bound.most = whole(left, of->question->unit->counts[group->first]);
	take(of, bound);
}

/* By how many find a place one after another. Members of a strict affinity group without one go to one host.
 */
static void bound_places(struct bounding *of, uint32_t kind)
{
	uint32_t vm = kind_vm(of, kind), largest = 0;
	bool alone = of->question->unit->kinds == 1,
	     together = is_strict_affinity(of->question) &&
	                state_group_placed(of->state, of->question->group) == 0;
	__int128 sum = 0;
	struct headroom bound = { .kind = HEADROOM_PLACES, .flavor = of->cluster->vms[vm].flavor };

	for (uint32_t host = 0; host < of->cluster->host_count; host++) {
		uint32_t count = places_now(of->state, of->amounts, vm, host);

		/* Others that come first may leave them better nodes. */
		if (!alone && state_flavor(of->state, vm)->numa_count > 0)
			count = places_most(of->state, of->amounts, vm, NULL, host);
		sum += count;
		largest = count > largest ? count : largest;
	}
	bound.most = whole(together ? largest : sum, of->question->unit->counts[kind]);
	of->best->places = bound.most < of->best->places ? bound.most : of->best->places;
	take(of, bound);
}

static void bound_size(struct bounding *of)
{
	uint32_t group = of->question->group;
	struct headroom bound = { .kind = HEADROOM_SIZE, .flavor = NONE };

	if (group == NONE || of->state->groups[group].size == UNLIMITED)
		return;
	bound.most = whole(of->state->groups[group].size - (int64_t)state_group_placed(of->state, group),
	                   unit_vms(of->question->unit));
	take(of, bound);
}

/* All bounds about one group of kinds. */
static void bound_kinds(struct bounding *of, uint32_t first, uint32_t count)
{
	struct group_of_kinds group;

	group_create(of, first, count, &group);
	/* Memory is what people think of first. */
	bound_room(of, &group, RESOURCE_MEMORY);
	for (uint32_t resource = 0; resource < amounts_count(of->amounts) + MORE_RESOURCES; resource++)
		bound_room(of, &group, resource);
	if (count == 1)
		bound_count(of, &group);
	group_free(&group);
}

/* Of each kind alone, and of all together. */
static void bound_all(struct bounding *of)
{
	uint32_t kinds = of->question->unit->kinds;

	for (uint32_t kind = 0; kind < kinds; kind++)
		bound_kinds(of, kind, 1);
	if (kinds > 1)
		bound_kinds(of, 0, kinds);
}

/* Who stays for good: where nobody but those of the hosts that are gone goes anywhere, all do. */
static void find_stays(struct bounding *of)
{
	for (uint32_t vm = 0; vm < of->cluster->vm_count; vm++)
		of->stays[vm] = !of->gone || of->by == LOSS_FAIL ||
		                order_method(of->state, vm) == METHOD_NONE;
}

void headroom_find(const struct headroom_question *question, struct arena *arena,
                   struct headroom *ret_headroom)
{
	const struct cluster *cluster = &question->whatif->cluster;
	struct bounding of = { .question = question,
		               .state = question->state,
		               .cluster = cluster,
		               .amounts = &question->reaches->amounts,
		               .arena = arena,
		               .best = ret_headroom,
		               .by = question->losses->by };

	*ret_headroom = (struct headroom){ .most = HEADROOM_MOST, .places = HEADROOM_MOST, .flavor = NONE };
	of.stays = MEMORY_ARRAY(bool, cluster->vm_count);
	of.left = MEMORY_ARRAY(__int128, cluster->host_count);
	of.extra = MEMORY_ARRAY(__int128, cluster->host_count);
	bound_size(&of);
	for (uint32_t kind = 0; kind < question->unit->kinds; kind++)
		bound_places(&of, kind);
	for (int gone = question->losses->together > 0; gone >= 0; gone--) {
		of.gone = gone;
		find_stays(&of);
		bound_all(&of);
	}
	free(of.stays);
	free(of.left);
	free(of.extra);
}
