/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/facts.h"

#include "core/must.h"

#include <stdlib.h>
#include <string.h>

/* How many VMs times hosts are counted one by one, and of how many VMs the needless are left out. */
enum { COUNTED_MOST = 4000000, MINIMISED_MOST = 200 };

/* The reasons that one host may give. */
enum { REASONS_MOST = 24 };

static const char *const words[] = { "no-host", "capacity", "count", "unreachable", "split", NULL };
const char *const *const fact_words = words;

void reaches_create(struct reaches *ret_reaches, const struct shapes *shapes, const struct state *state)
{
	*ret_reaches = (struct reaches){ .shapes = shapes, .state = state };
	state_create(&ret_reaches->empty, state->cluster);
	for (uint32_t vm = 0; vm < state->cluster->vm_count; vm++) {
		if (ret_reaches->empty.vm_host[vm] != NONE)
			state_remove(&ret_reaches->empty, vm);
	}
	amounts_create(&ret_reaches->amounts, state->cluster);
	ret_reaches->movable = MEMORY_ARRAY(bool, state->cluster->vm_count);
	ret_reaches->asked_at = MEMORY_ARRAY(uint32_t, state->cluster->vm_count);
	memset(ret_reaches->asked_at, 0xff, sizeof(uint32_t) * state->cluster->vm_count);
	ret_reaches->domains = MEMORY_ARRAY(bool *, shapes->count);
}

void reaches_free(struct reaches *reaches)
{
	for (uint32_t i = 0; reaches->shapes && i < reaches->shapes->count; i++)
		free(reaches->domains[i]);
	free(reaches->domains);
	free(reaches->movable);
	free(reaches->asked_at);
	amounts_free(&reaches->amounts);
	state_free(&reaches->empty);
	*reaches = (struct reaches){ 0 };
}

const bool *reach_domain(struct reaches *reaches, uint32_t vm)
{
	uint32_t shape = reaches->shapes->of_vm[vm], host_count = reaches->state->cluster->host_count;
	bool *domain = reaches->domains[shape];
	struct request request;

	if (domain)
		return domain;
	domain = reaches->domains[shape] = MEMORY_ARRAY(bool, host_count);
	request = request_for(reaches->state, MOVE_LIVE, vm);
	request.state = &reaches->empty;
	/* Only a passthrough guest is compared with its source; such VMs are of one shape on one host alone.
	 */
	if (!state_flavor(reaches->state, vm)->passthrough)
		request.source = NONE;
	for (uint32_t host = 0; host < host_count; host++)
		domain[host] = host == request.source || rules_allow_shape(&request, host);
	return domain;
}

/* order_method takes a while, and proofs ask for each pair of a VM and a host. It depends on where the VM is,
 * which changes from stage to stage. */
static bool is_movable(struct reaches *reaches, uint32_t vm)
{
	uint32_t host = reaches->state->vm_host[vm];

	if (host == NONE)
		return false;
	if (reaches->asked_at[vm] != host) {
		reaches->asked_at[vm] = host;
		reaches->movable[vm] = order_method(reaches->state, vm) != METHOD_NONE;
	}
	return reaches->movable[vm];
}

bool reach_may_be(struct reaches *reaches, uint32_t vm, uint32_t host)
{
	const struct state *state = reaches->state;

	if (state->vm_host[vm] == host)
		return true;
	if (!is_movable(reaches, vm) || !reach_domain(reaches, vm)[host])
		return false;
	if (!is_strictly_affine(state, vm))
		return true;
	/* Members only join others, so never where none was at the beginning. */
	return state->profile != PROFILE_TITANIUM &&
	       state_members(state, state->cluster->vms[vm].group, host) > 0;
}

bool reach_may_end(struct reaches *reaches, const struct goal *goal, uint32_t vm, uint32_t host)
{
	if (reaches->assumed && reaches->assumed[vm] != NONE)
		return reaches->assumed[vm] == host;
	return (!goal->wanted[host] || lock_leaves(reaches->state, vm)) && reach_may_be(reaches, vm, host);
}

/* ------------------------------------------------------------------ one VM */

/* What keeps the VM from a host for good: its group, else what would be so if the host were empty. */
static bool explain_host(struct reaches *reaches, uint32_t vm, uint32_t host, struct reason *ret_reason)
{
	struct request request = request_for(reaches->state, MOVE_LIVE, vm);
	struct reason reasons[REASONS_MOST];
	size_t count;

	request.group_forgotten = true;
	count = rules_explain(&request, host, reasons, REASONS_MOST);
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(reasons[i].rule, "affinity-strict")) {
			*ret_reason = reasons[i];
			return true;
		}
	}
	request.state = &reaches->empty;
	if (rules_explain(&request, host, ret_reason, 1) > 0)
		return true;
	if (count > 0)
		*ret_reason = reasons[0];
	return count > 0;
}

static void explain_no_host(struct reaches *reaches, uint32_t vm, struct arena *arena, struct fact *fact)
{
	const struct state *state = reaches->state;
	struct reason reason = { .rule = "no-other-host", .why = "no other host is up and enabled" };
	bool found = false;

	if (order_method(state, vm) == METHOD_NONE) {
		order_refusal(state, vm, &reason);
		found = true;
	}
	for (uint32_t host = 0; host < state->cluster->host_count && !found; host++)
		found = host != state->vm_host[vm] && state_host_up(state, host) &&
		        state_host_enabled(state, host) && explain_host(reaches, vm, host, &reason);
	fact->rule = reason.rule;
	fact->why = arena_text(arena, reason.why, strlen(reason.why));
}

bool fact_find_no_host(struct reaches *reaches, const struct goal *goal, const uint32_t *movers,
                       uint32_t mover_count, struct arena *arena, struct fact *ret_fact)
{
	for (uint32_t i = 0; i < mover_count; i++) {
		bool found = false;

		for (uint32_t host = 0; host < reaches->state->cluster->host_count && !found; host++)
			found = reach_may_end(reaches, goal, movers[i], host);
		if (found)
			continue;
		*ret_fact = (struct fact){ .kind = FACT_NO_HOST, .vm = movers[i] };
		explain_no_host(reaches, movers[i], arena, ret_fact);
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------ too little room */

/* What so many VMs take each. */
struct part {
	__int128 amount;
	uint32_t count, shape;
};

/* Hosts, the VMs that can end nowhere else, and which of these are still looked at. */
struct room {
	struct reaches *reaches;
	const struct goal *goal;
	bool *among;        /* by host */
	bool *shape_inside; /* by shape: its VMs can end on these hosts alone, or where they are */
	uint32_t *hosts, host_count;
	uint32_t *vms, vm_count;
	uint32_t resource;
	bool by_number;
	__int128 *here;     /* by host */
	struct part *parts; /* what VMs of each shape take that may be on one host */
	uint32_t *part_of;  /* by shape: its place in parts; NONE: none yet */
};

static int part_compare(const void *a, const void *b)
{
	const struct part *x = a, *y = b;

	return x->amount != y->amount ? (x->amount < y->amount ? -1 : 1)
	                              : (x->shape > y->shape) - (x->shape < y->shape);
}

/* The VMs that can end on a host, by what they take of a resource: of groups' places one of each of their
 * own. */
static uint32_t find_parts(struct room *room, uint32_t host, uint32_t resource)
{
	struct reaches *reaches = room->reaches;
	bool group = resource >= FIXED_RESOURCES &&
	             resource < FIXED_RESOURCES + reaches->state->cluster->group_count;
	uint32_t used = 0;

	for (uint32_t i = 0; i < room->vm_count; i++) {
		uint32_t vm = room->vms[i], shape = reaches->shapes->of_vm[vm];
		struct part *part;

		if (!reach_may_end(reaches, room->goal, vm, host))
			continue;
		if (!group && room->part_of[shape] != NONE) {
			room->parts[room->part_of[shape]].count++;
			continue;
		}
		part = &room->parts[used];
		*part = (struct part){ amount_of_vm(&reaches->amounts, vm, host, resource), 1, shape };
		if (!group)
			room->part_of[shape] = used;
		used++;
	}
	for (uint32_t i = 0; i < used; i++)
		room->part_of[room->parts[i].shape] = NONE;
	return used;
}

/* How many of the VMs fit a host at the most, by one resource: the smallest ones. */
static __int128 fit_by(struct room *room, uint32_t host, uint32_t resource)
{
	__int128 left = amount_of_host(&room->reaches->amounts, host, resource), most = 0;
	uint32_t used = find_parts(room, host, resource);

	qsort(room->parts, used, sizeof(*room->parts), part_compare);
	for (uint32_t i = 0; i < used; i++) {
		const struct part *part = &room->parts[i];
		__int128 fit = part->amount == 0     ? part->count
		               : left < part->amount ? 0
		                                     : left / part->amount;

		fit = fit < part->count ? fit : part->count;
		most += fit;
		left -= fit * part->amount;
		if (fit < part->count)
			break;
	}
	return most;
}

/* What the VMs have on their hosts of what is counted. */
static void count_here(struct room *room)
{
	const struct state *state = room->reaches->state;

	for (uint32_t i = 0; i < room->host_count; i++)
		room->here[room->hosts[i]] = 0;
	for (uint32_t i = 0; i < room->vm_count; i++) {
		uint32_t vm = room->vms[i], host = state->vm_host[vm];

		if (room->among[host])
			room->here[host] += amount_of_vm(&room->reaches->amounts, vm, host, room->resource);
	}
}

/* Whether the present case brings somebody to a host who takes of the resource and was not there. */
static bool has_arrival(const struct room *room, uint32_t host, uint32_t resource)
{
	const struct reaches *reaches = room->reaches;

	for (uint32_t vm = 0; reaches->assumed && vm < reaches->state->cluster->vm_count; vm++) {
		if (reaches->assumed[vm] == host && reaches->state->vm_host[vm] != host &&
		    amount_of_vm(&reaches->amounts, vm, host, resource) > 0)
			return true;
	}
	return false;
}

/*
 * How many of the VMs can end on a host at the most, by one resource. As long as nobody has come who takes of
 * it, those who do may be too many, and any number of those who do not may be there.
 */
static __int128 number_by(struct room *room, uint32_t host, uint32_t resource)
{
	struct reaches *reaches = room->reaches;
	__int128 most = fit_by(room, host, resource), here = 0;

	for (uint32_t i = 0; i < room->vm_count; i++) {
		uint32_t vm = room->vms[i];

		if (amount_of_vm(&reaches->amounts, vm, host, resource) > 0)
			here += reaches->state->vm_host[vm] == host;
		else
			here += reach_may_end(reaches, room->goal, vm, host);
	}
	return here > most && !has_arrival(room, host, resource) ? here : most;
}

/* How much of the resource can end on a host at the most; how many, by all that the first VM asks for. */
static __int128 most_on(struct room *room, uint32_t host)
{
	const struct amounts *amounts = &room->reaches->amounts;
	uint32_t asked[RESOURCES_ASKED_MOST], count;
	__int128 least = -1;

	if (!room->by_number) {
		__int128 most = amount_of_host(amounts, host, room->resource);

		most = most > 0 ? most : 0;
		/* As long as nobody has come, what was there from the beginning may be too much. */
		return room->here[host] > most && !has_arrival(room, host, room->resource) ? room->here[host]
		                                                                           : most;
	}
	count = room->vm_count > 0 ? amounts_asked(amounts, room->vms[0], host, asked) : 0;
	for (uint32_t i = 0; i < count; i++) {
		__int128 most = number_by(room, host, asked[i]);

		least = least < 0 || most < least ? most : least;
	}
	return least > 0 ? least : 0;
}

/* What a VM takes at the least, wherever it ends: only of CPUs that depends on the host. */
static __int128 least_of(struct room *room, uint32_t vm)
{
	const struct amounts *amounts = &room->reaches->amounts;
	__int128 least = -1;

	if (room->by_number)
		return 1;
	if (room->resource > RESOURCE_DEDICATED || !state_flavor(room->reaches->state, vm)->dedicated)
		return amount_of_vm(amounts, vm, room->hosts[0], room->resource);
	for (uint32_t i = 0; i < room->host_count; i++) {
		__int128 part = amount_of_vm(amounts, vm, room->hosts[i], room->resource);

		if (reach_may_end(room->reaches, room->goal, vm, room->hosts[i]))
			least = least < 0 || part < least ? part : least;
	}
	return least < 0 ? 0 : least;
}

static bool is_short(struct room *room, __int128 *ret_needed, __int128 *ret_available)
{
	*ret_needed = *ret_available = 0;
	count_here(room);
	for (uint32_t i = 0; i < room->vm_count; i++)
		*ret_needed += least_of(room, room->vms[i]);
	for (uint32_t i = 0; i < room->host_count; i++)
		*ret_available += most_on(room, room->hosts[i]);
	return *ret_needed > *ret_available;
}

/* Whether a VM that is somewhere can end on the hosts alone. */
static bool is_inside(struct room *room, uint32_t vm)
{
	struct reaches *reaches = room->reaches;
	const struct state *state = reaches->state;
	uint32_t at = state->vm_host[vm], group = state->cluster->vms[vm].group;
	const struct shapes *shapes = reaches->shapes;

	if (reaches->assumed && reaches->assumed[vm] != NONE)
		return room->among[reaches->assumed[vm]];
	if (!room->among[at] && reach_may_end(reaches, room->goal, vm, at))
		return false;
	if (room->shape_inside[shapes->of_vm[vm]] || !is_movable(reaches, vm))
		return true;
	if (!is_strictly_affine(state, vm))
		return false;
	/* Only where other members are. */
	for (uint32_t i = shapes->group_first[group]; i < shapes->group_first[group + 1]; i++) {
		uint32_t host = state->vm_host[shapes->group_members[i]];

		if (host != NONE && !room->among[host] && reach_may_end(reaches, room->goal, vm, host))
			return false;
	}
	return true;
}

/* The hosts as a list, and the VMs that can end on them alone. */
static void gather(struct room *room)
{
	const struct state *state = room->reaches->state;
	const struct shapes *shapes = room->reaches->shapes;

	room->host_count = room->vm_count = 0;
	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		if (room->among[host])
			room->hosts[room->host_count++] = host;
	}
	for (uint32_t shape = 0; shape < shapes->count; shape++) {
		const bool *domain = reach_domain(room->reaches, shapes->shapes[shape].vm);

		room->shape_inside[shape] = true;
		for (uint32_t host = 0; host < state->cluster->host_count; host++)
			room->shape_inside[shape] &= !domain[host] || room->goal->wanted[host] ||
			                             room->among[host];
	}
	for (uint32_t vm = 0; vm < state->cluster->vm_count; vm++) {
		if (state->vm_host[vm] != NONE && is_inside(room, vm))
			room->vms[room->vm_count++] = vm;
	}
}

/* Leaves out VMs as long as the others are still too many: first those that were there. */
static void minimise(struct room *room)
{
	const struct state *state = room->reaches->state;

	for (int movers = 0; movers < 2; movers++) {
		for (uint32_t i = 0; i < room->vm_count;) {
			uint32_t vm = room->vms[i];
			__int128 needed, available;

			if ((int)goal_must_leave(room->goal, state, vm) != movers) {
				i++;
				continue;
			}
			memmove(&room->vms[i], &room->vms[i + 1], sizeof(vm) * (room->vm_count - i - 1));
			room->vm_count--;
			if (is_short(room, &needed, &available))
				continue;
			memmove(&room->vms[i + 1], &room->vms[i], sizeof(vm) * (room->vm_count - i));
			room->vms[i++] = vm;
			room->vm_count++;
		}
	}
}

/* Hosts where none of the VMs that are left can end have nothing to do with it. */
static void drop_hosts(struct room *room)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < room->host_count; i++) {
		bool used = false;

		for (uint32_t j = 0; j < room->vm_count && !used; j++)
			used = reach_may_end(room->reaches, room->goal, room->vms[j], room->hosts[i]);
		if (used)
			room->hosts[kept++] = room->hosts[i];
		else
			room->among[room->hosts[i]] = false;
	}
	room->host_count = kept;
}

static void take_room(struct room *room, struct arena *arena, struct fact *ret_fact)
{
	__int128 needed, available;
	double unit = room->by_number ? 1 : amount_unit(room->resource);

	if (room->vm_count <= MINIMISED_MOST)
		minimise(room);
	drop_hosts(room);
	must(is_short(room, &needed, &available));
	*ret_fact = (struct fact){ .kind = room->by_number ? FACT_COUNT : FACT_CAPACITY,
		                   .vm = NONE,
		                   .resource = room->resource,
		                   .needed = (double)needed / unit,
		                   .available = (double)available / unit,
		                   .vm_count = room->vm_count,
		                   .host_count = room->host_count };
	ret_fact->vms = ARENA_ARRAY(arena, uint32_t, room->vm_count);
	ret_fact->hosts = ARENA_ARRAY(arena, uint32_t, room->host_count);
	memcpy(ret_fact->vms, room->vms, sizeof(uint32_t) * room->vm_count);
	memcpy(ret_fact->hosts, room->hosts, sizeof(uint32_t) * room->host_count);
}

/* Those of the VMs that take at least as much as the mover: small ones fill gaps, large ones do not. */
static void keep_large(struct room *room, uint32_t mover)
{
	uint32_t host = room->hosts[0], kept = 0;
	__int128 least = amount_of_vm(&room->reaches->amounts, mover, host, room->resource);

	for (uint32_t i = 0; i < room->vm_count; i++) {
		if (amount_of_vm(&room->reaches->amounts, room->vms[i], host, room->resource) >= least)
			room->vms[kept++] = room->vms[i];
	}
	room->vm_count = kept;
}

/* Whether the hosts have too little of anything that a mover takes. */
static bool look_for_shortage(struct room *room, uint32_t mover, struct arena *arena, struct fact *ret_fact)
{
	uint32_t asked[RESOURCES_ASKED_MOST], count, all, *vms;
	__int128 needed, available;
	bool found = false;

	gather(room);
	if (room->host_count == 0)
		return false;
	all = room->vm_count;
	vms = MEMORY_ARRAY(uint32_t, all);
	memcpy(vms, room->vms, sizeof(*vms) * all);
	count = amounts_asked(&room->reaches->amounts, mover, room->hosts[0], asked);
	/* By amount first: that says more. */
	for (uint32_t i = 0; i < 2 * count && !found; i++) {
		room->by_number = i >= count;
		room->resource = asked[room->by_number ? i - count : i];
		if (room->by_number && (uint64_t)all * room->host_count > COUNTED_MOST)
			break;
		if (room->by_number)
			keep_large(room, mover);
		found = is_short(room, &needed, &available);
		if (found)
			take_room(room, arena, ret_fact);
		memcpy(room->vms, vms, sizeof(*vms) * all);
		room->vm_count = all;
	}
	free(vms);
	return found;
}

/* Whether what is looked for about a VM was looked for about one before it: a VM of the same shape that can
 * end on the same hosts and takes of the same groups' places. */
static bool is_known(const struct room *room, const uint32_t *movers, uint32_t place)
{
	const struct state *state = room->reaches->state;
	const uint32_t *of_vm = room->reaches->shapes->of_vm, *assumed = room->reaches->assumed;
	const struct vm *vms = state->cluster->vms;
	uint32_t vm = movers[place];

	for (uint32_t i = 0; i < place; i++) {
		uint32_t other = movers[i];

		if (of_vm[vm] == of_vm[other] && vms[vm].group == vms[other].group &&
		    (!assumed || assumed[vm] == assumed[other]) &&
		    (state->vm_host[vm] == state->vm_host[other] ||
		     (goal_must_leave(room->goal, state, vm) && goal_must_leave(room->goal, state, other) &&
		      !is_strictly_affine(state, vm))))
			return true;
	}
	return false;
}

bool fact_find_room(struct reaches *reaches, const struct goal *goal, const uint32_t *movers,
                    uint32_t mover_count, struct arena *arena, struct fact *ret_fact)
{
	uint32_t host_count = reaches->state->cluster->host_count,
		 vm_count = reaches->state->cluster->vm_count;
	struct room room = { .reaches = reaches,
		             .goal = goal,
		             .among = MEMORY_ARRAY(bool, host_count),
		             .shape_inside = MEMORY_ARRAY(bool, reaches->shapes->count),
		             .hosts = MEMORY_ARRAY(uint32_t, host_count),
		             .vms = MEMORY_ARRAY(uint32_t, vm_count),
		             .parts = MEMORY_ARRAY(struct part, vm_count),
		             .part_of = MEMORY_ARRAY(uint32_t, reaches->shapes->count),
		             .here = MEMORY_ARRAY(__int128, host_count) };
	bool found = false;

	memset(room.part_of, 0xff, sizeof(uint32_t) * reaches->shapes->count);
	for (uint32_t i = 0; i < mover_count && !found; i++) {
		if (is_known(&room, movers, i))
			continue;
		for (uint32_t host = 0; host < host_count; host++)
			room.among[host] = reach_may_end(reaches, goal, movers[i], host);
		found = look_for_shortage(&room, movers[i], arena, ret_fact);
	}
	for (uint32_t i = 0; i < mover_count && mover_count > 1; i++) {
		for (uint32_t host = 0; host < host_count; host++)
			room.among[host] = (i > 0 && room.among[host]) ||
			                   reach_may_end(reaches, goal, movers[i], host);
	}
	for (uint32_t i = 0; i < mover_count && mover_count > 1 && !found; i++)
		found = !is_known(&room, movers, i) && look_for_shortage(&room, movers[i], arena, ret_fact);
	free(room.among);
	free(room.shape_inside);
	free(room.hosts);
	free(room.vms);
	free(room.parts);
	free(room.part_of);
	free(room.here);
	return found;
}
