/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capacities against a judge that tries every placement of every number of new VMs, on random small clusters.
 */
#include "core/schedule.h"
#include "planner/capacity.h"
#include "planner/reserve.h"
#include "tests/support/draw.h"
#include "tests/support/judge.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Clusters that are compared; of each kind of question. What makes one too large to be judged: placements
 * that its VMs could have, new VMs, and units, which must have no placement at all at the most.
 */
enum {
	CLUSTERS = 2400,
	HOSTS_MOST = 5,
	PLACEMENTS_MOST = 20000,
	NEW_MOST = 6,
	UNITS_MOST = 6,
	KINDS_MOST = 2,
	MET_MOST = 20000,
	RESERVES = 4000
};

/* Steps that never run out. */
#define STEPS (UINT64_C(1) << 40)

/* What is asked about one cluster. */
struct asked {
	uint32_t flavors[KINDS_MOST], counts[KINDS_MOST];
	struct unit unit;
	uint32_t group, tolerate;
	enum loss by;
	bool except[HOSTS_MOST];
};

/* ------------------------------------------------------------------ the judge */

/* The cluster with so many units more, nowhere yet; deals them out in every way. */
struct judging {
	struct cluster cluster;
	struct state state;
	const struct asked *asked;
	uint32_t first;    /* of the new VMs */
	bool placed, will; /* there was a placement; there was one that will do */
	bool too_large;    /* it could not be judged whether one will */
};

static void judging_create(struct judging *judging, const char *text, const struct asked *asked,
                           uint32_t units)
{
	char name[32];

	*judging = (struct judging){ .asked = asked };
	cluster_from_text(&judging->cluster, text);
	judging->first = judging->cluster.vm_count;
	for (uint32_t kind = 0; kind < asked->unit.kinds; kind++) {
		for (uint32_t i = 0; i < units * asked->counts[kind]; i++) {
			snprintf(name, sizeof(name), "more-%u-%u", kind, i);
			cluster_add_vm(&judging->cluster, name, asked->flavors[kind], asked->group);
		}
	}
	state_create(&judging->state, &judging->cluster);
}

static void judging_free(struct judging *judging)
{
	state_free(&judging->state);
	cluster_free(&judging->cluster);
}

static bool counts(const struct judging *judging, uint32_t host)
{
	return judging->cluster.hosts[host].administrative != ADMIN_LOCKED && !judging->asked->except[host];
}

/* Whether the hosts whose bits are set can go, as everything stands. */
static bool can_go(struct judging *judging, unsigned set)
{
	bool gone[HOSTS_MOST] = { false };
	enum judgement answer;

	for (uint32_t host = 0; host < judging->cluster.host_count; host++)
		gone[host] = set >> host & 1;
	if (judging->asked->by == LOSS_FAIL)
		answer = judge_fail(&judging->state, gone, MET_MOST);
	else if (judging->cluster.host_count == 1)
		answer = JUDGED_YES; /* its lock stops its VMs */
	else
		answer = judge_empty(&judging->state, gone, MET_MOST);
	judging->too_large |= answer == JUDGED_TOO_LARGE;
	return answer == JUDGED_YES;
}

/* Every set of that many of the hosts that count, or all of them where there are fewer. */
static bool withstands(struct judging *judging)
{
	uint32_t host_count = judging->cluster.host_count, those = 0, size;

	for (uint32_t host = 0; host < host_count; host++)
		those += counts(judging, host);
	size = judging->asked->tolerate < those ? judging->asked->tolerate : those;
	for (unsigned set = 0; set < 1u << host_count; set++) {
		bool all = __builtin_popcount(set) == (int)size;

		for (uint32_t host = 0; host < host_count; host++)
			all &= !(set >> host & 1) || counts(judging, host);
		if (all && !can_go(judging, set))
			return false;
	}
	return true;
}

/* The VM and those behind it, each wherever it may be built then. */
static void deal(struct judging *judging, uint32_t vm)
{
	struct state *state = &judging->state;
	bool same = vm > judging->first && vm < judging->cluster.vm_count &&
	            judging->cluster.vms[vm].flavor == judging->cluster.vms[vm - 1].flavor;

	if (judging->will || judging->too_large)
		return;
	if (vm == judging->cluster.vm_count) {
		judging->placed = true;
		judging->will = withstands(judging);
		return;
	}
	/* Those of one kind can be swapped: it is enough that they stand in the order of their hosts. */
	for (uint32_t host = same ? state->vm_host[vm - 1] : 0; host < judging->cluster.host_count; host++) {
		struct request request = request_for(state, MOVE_BOOT, vm);
		uint32_t mark;

		request.group_forgotten = true;
		if (!rules_allow(&request, host))
			continue;
		mark = state_mark(state);
		state_place(state, vm, host);
		deal(judging, vm + 1);
		state_rollback(state, mark);
		state_mark(state);
	}
}

static bool within_size(const struct judging *judging)
{
	uint32_t group = judging->asked->group;

	return group == NONE || judging->cluster.groups[group].size == UNLIMITED ||
	       judging->cluster.vm_count - judging->first + state_group_placed(&judging->state, group) <=
	               judging->cluster.groups[group].size;
}

/* By auto-scheduling, one after another. */
static void build(struct judging *judging)
{
	for (uint32_t vm = judging->first; vm < judging->cluster.vm_count; vm++) {
		struct request request = request_for(&judging->state, MOVE_BOOT, vm);
		uint32_t host = schedule_best(&request, NULL, 0);

		if (host == NONE)
			return;
		state_place(&judging->state, vm, host);
	}
	judging->placed = true;
	judging->will = withstands(judging);
}

/* What the judge says of one question. */
struct truth {
	bool stuck;
	uint32_t most;                  /* the largest number of units with a placement that will do */
	bool scheduled[UNITS_MOST + 2]; /* so many, where auto-scheduling builds them, will do */
	bool fits[UNITS_MOST + 2];      /* so many do in some placement */
	bool known;                     /* the cluster is small enough */
	bool too_large;                 /* it is not */
	bool gapless;                   /* no number is out of reach below one that is not */
};

/* Whether fewer find a place wherever more do: only nodes that others leave make a difference. */
static bool is_gapless(const struct judging *judging)
{
	const struct asked *asked = judging->asked;
	const struct group *group = asked->group == NONE ? NULL : &judging->cluster.groups[asked->group];
	bool bound = false;

	for (uint32_t kind = 0; kind < asked->unit.kinds; kind++)
		bound |= judging->cluster.flavors[asked->flavors[kind]].numa_count > 0;
	return !bound && !(group && group->policy == POLICY_AFFINITY && !group->best_effort);
}

static void judge_units(const char *text, const struct asked *asked, uint32_t units, struct truth *truth)
{
	struct judging judging;

	judging_create(&judging, text, asked, units);
	state_mark(&judging.state);
	if (units == 0 || within_size(&judging))
		deal(&judging, judging.first);
	truth->gapless = is_gapless(&judging);
	truth->known = !judging.placed && (asked->unit.kinds == 1 || truth->gapless);
	truth->fits[units] = judging.will;
	truth->too_large = judging.too_large && !judging.will;
	judging_free(&judging);
	judging_create(&judging, text, asked, units);
	if (units == 0 || within_size(&judging))
		build(&judging);
	truth->scheduled[units] = judging.will;
	truth->too_large |= judging.too_large;
	judging_free(&judging);
}

/* Whether more find a place one after another than are tried. */
static bool has_many_places(const char *text, const struct asked *asked)
{
	struct judging judging;
	uint32_t vm;

	if (asked->unit.kinds > 1)
		return false;
	judging_create(&judging, text, asked, UNITS_MOST);
	vm = judging.first;
	for (uint32_t host = 0; host < judging.cluster.host_count; host++) {
		while (vm < judging.cluster.vm_count) {
			struct request request = request_for(&judging.state, MOVE_BOOT, vm);

			request.group_forgotten = true;
			if (!rules_allow(&request, host))
				break;
			state_place(&judging.state, vm++, host);
		}
	}
	judging_free(&judging);
	return vm == judging.cluster.vm_count;
}

static bool is_small(const char *text, const struct asked *asked)
{
	struct cluster cluster;
	double placements = 1;
	uint32_t new = UNITS_MOST / 2 * unit_vms(&asked->unit);

	cluster_from_text(&cluster, text);
	for (uint32_t vm = 0; vm < cluster.vm_count + new; vm++)
		placements *= cluster.host_count;
	cluster_free(&cluster);
	return placements <= PLACEMENTS_MOST && !has_many_places(text, asked);
}

static struct truth judge(const char *text, const struct asked *asked)
{
	struct truth truth = { .known = false };

	if (!is_small(text, asked))
		return truth;
	for (uint32_t units = 0; units <= UNITS_MOST && units * unit_vms(&asked->unit) <= NEW_MOST; units++) {
		judge_units(text, asked, units, &truth);
		truth.most = truth.fits[units] ? units : truth.most;
		if (units == 0 && !truth.fits[0])
			truth.stuck = truth.known = true;
		if (truth.known || truth.too_large)
			break;
	}
	truth.known &= !truth.too_large;
	return truth;
}

/* ------------------------------------------------------------------ what is asked */

static struct asked draw_question(struct draw *draw, const struct cluster *cluster)
{
	struct asked asked = { .group = NONE };

	asked.unit.kinds = cluster->flavor_count > 1 && draw_percent(draw, 25) ? 2 : 1;
	for (uint32_t kind = 0; kind < asked.unit.kinds; kind++) {
		asked.counts[kind] = asked.unit.kinds > 1 ? draw_between(draw, 1, 2) : 1;
		asked.flavors[kind] = draw_below(draw, cluster->flavor_count);
	}
	if (asked.unit.kinds == 2 && asked.flavors[1] == asked.flavors[0])
		asked.flavors[1] = (asked.flavors[0] + 1) % cluster->flavor_count;
	if (cluster->group_count > 0 && draw_percent(draw, 30))
		asked.group = draw_below(draw, cluster->group_count);
	asked.by = draw_percent(draw, 50) ? LOSS_LOCK : LOSS_FAIL;
	asked.tolerate = draw_percent(draw, 50) ? 1 : draw_percent(draw, 60) ? 2 : 0;
	for (uint32_t host = 0; host < cluster->host_count; host++)
		asked.except[host] = draw_percent(draw, 10);
	return asked;
}

static void point(struct asked *asked)
{
	asked->unit.flavors = asked->flavors;
	asked->unit.counts = asked->counts;
}

/* Returns whether the cluster cannot do without hosts as it is. */
static bool find(const struct cluster *cluster, const struct asked *asked, bool bounds_only,
                 struct capacity *ret_capacity)
{
	static const struct crew crew = { .threads = 1 };
	struct capacity_question question = { .cluster = cluster,
		                              .unit = &asked->unit,
		                              .group = asked->group,
		                              .crew = &crew,
		                              .steps = STEPS,
		                              .bounds_only = bounds_only };
	struct capacity_now now;
	struct losses losses;
	bool stuck;

	losses_create(&losses, cluster, asked->by, asked->tolerate, asked->except);
	capacity_look(cluster, &losses, &crew, STEPS, false, &now);
	question.losses = &losses;
	question.now = &now;
	capacity_find(&question, ret_capacity);
	losses_free(&losses);
	stuck = now.answer == NOT_WITHSTOOD;
	cr_assert(now.answer == WITHSTOOD || (now.stop.why && now.stop.why[0]));
	capacity_now_free(&now);
	return stuck;
}

/* ------------------------------------------------------------------ what is compared */

/* Whether the placement that is given is one, and will do. */
static bool placement_holds(const char *text, const struct asked *asked, const struct capacity *capacity)
{
	struct judging judging;
	uint32_t vm;
	bool holds = true;

	judging_create(&judging, text, asked, capacity->more.lower);
	vm = judging.first;
	for (uint32_t i = 0; i < asked->unit.kinds * judging.cluster.host_count; i++) {
		uint32_t host = i % judging.cluster.host_count;

		for (uint32_t j = 0; j < capacity->placement[i] && holds; j++, vm++) {
			struct request request = request_for(&judging.state, MOVE_BOOT, vm);

			request.group_forgotten = true;
			holds = vm < judging.cluster.vm_count && rules_allow(&request, host);
			if (holds)
				state_place(&judging.state, vm, host);
		}
	}
	holds = holds && vm == judging.cluster.vm_count && withstands(&judging);
	judging_free(&judging);
	return holds;
}

/* So many do, and the next number does not. */
static bool scheduled_holds(const struct truth *truth, const struct capacity *capacity)
{
	uint32_t units = capacity->scheduled.lower, most = 0;

	if (capacity->scheduled.upper != units || !truth->scheduled[units] || truth->scheduled[units + 1])
		return false;
	for (uint32_t i = 0; i <= UNITS_MOST; i++)
		most = truth->scheduled[i] ? i : most;
	return !truth->gapless || units == most;
}

static const char *compare(const char *text, const struct asked *asked, const struct truth *truth,
                           const struct capacity *exact, const struct capacity *bounds)
{
	if (exact->more.lower != truth->most || exact->more.upper != truth->most)
		return "the number";
	if (bounds->more.lower > truth->most || bounds->more.upper < truth->most)
		return "the bounds";
	if (truth->stuck)
		return NULL;
	if (!exact->stopped || !exact->stop.why || !exact->stop.why[0])
		return "what stops one more";
	if (!placement_holds(text, asked, exact) || !placement_holds(text, asked, bounds))
		return "the placement";
	return scheduled_holds(truth, exact) ? NULL : "what auto-scheduling reaches";
}

/* How many of what was met. */
struct tally {
	uint64_t compared, stuck, none, some, loose, grouped, mixed, bound, gaps, by[2], tolerate[3];
};

static void count(struct tally *tally, const struct asked *asked, const struct cluster *cluster,
                  const struct truth *truth, const struct capacity *bounds)
{
	tally->compared++;
	tally->stuck += truth->stuck;
	tally->none += !truth->stuck && truth->most == 0;
	tally->some += truth->most > 0;
	tally->loose += bounds->more.lower < bounds->more.upper;
	tally->grouped += asked->group != NONE && !truth->stuck;
	tally->mixed += asked->unit.kinds > 1 && !truth->stuck;
	tally->bound += cluster->flavors[asked->flavors[0]].numa_count > 0 && truth->most > 0;
	for (uint32_t units = 1; units <= truth->most; units++)
		tally->gaps += !truth->fits[units];
	tally->by[asked->by] += truth->most > 0;
	tally->tolerate[asked->tolerate] += truth->most > 0;
}

/* false: the cluster is too large for the judge. */
static bool check_cluster(uint64_t seed, const struct draw_size *size, struct tally *tally)
{
	struct draw draw = { seed * 7919 + 5 };
	char *text = draw_cluster_text(seed, size);
	struct capacity exact, bounds;
	struct cluster cluster;
	struct asked asked;
	struct truth truth;
	const char *wrong;

	cluster_from_text(&cluster, text);
	asked = draw_question(&draw, &cluster);
	point(&asked);
	truth = judge(text, &asked);
	if (truth.known) {
		cr_assert_eq(find(&cluster, &asked, false, &exact), truth.stuck, "seed %llu: it is %s\n%s",
		             (unsigned long long)seed, truth.stuck ? "stuck" : "not stuck", text);
		find(&cluster, &asked, true, &bounds);
		wrong = compare(text, &asked, &truth, &exact, &bounds);
		cr_assert(!wrong,
		          "seed %llu: wrong: %s (%u to %u, bounds %u to %u, scheduled %u to %u, truth %u%s), "
		          "by %s, tolerate %u, flavor %u and %u more, group %d\n%s\n%s",
		          (unsigned long long)seed, wrong, exact.more.lower, exact.more.upper,
		          bounds.more.lower, bounds.more.upper, exact.scheduled.lower, exact.scheduled.upper,
		          truth.most, truth.stuck ? ", stuck" : "", loss_words[asked.by], asked.tolerate,
		          asked.flavors[0], asked.unit.kinds - 1, (int)asked.group, exact.stop.why, text);
		count(tally, &asked, &cluster, &truth, &bounds);
		capacity_free(&exact);
		capacity_free(&bounds);
	}
	cluster_free(&cluster);
	free(text);
	return truth.known;
}

/* LOCKKEEPER_SEED: the first seed (= 1); LOCKKEEPER_CLUSTERS: how many clusters. */
static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

Test(capacity, numbers_are_those_of_all_placements, .timeout = 100000)
{
	static const struct draw_size sizes[] = {
		{ .hosts_most = 4, .first_host_vms_most = 2, .other_host_vms_most = 1, .moves = true },
		{ .hosts_most = 3, .first_host_vms_most = 3, .other_host_vms_most = 2, .moves = true },
		{ .hosts_most = 3,
		  .first_host_vms_most = 2,
		  .other_host_vms_most = 1,
		  .moves = true,
		  .numa = true },
		{ .hosts_most = 5, .first_host_vms_most = 1, .other_host_vms_most = 1, .moves = true },
		{ .hosts_most = 4, .first_host_vms_most = 2, .other_host_vms_most = 1, .moves = false },
		{ .hosts_most = 4,
		  .first_host_vms_most = 1,
		  .other_host_vms_most = 1,
		  .moves = true,
		  .roomy = true },
		{ .hosts_most = 5,
		  .first_host_vms_most = 1,
		  .other_host_vms_most = 1,
		  .moves = true,
		  .roomy = true },
		{ .hosts_most = 3,
		  .first_host_vms_most = 2,
		  .other_host_vms_most = 1,
		  .moves = true,
		  .roomy = true },
	};
	uint64_t seed = number_from("LOCKKEEPER_SEED", 1),
		 clusters = number_from("LOCKKEEPER_CLUSTERS", CLUSTERS), first = seed;
	struct tally tally = { 0 };

	for (; tally.compared < clusters; seed++)
		check_cluster(seed, &sizes[seed % 8], &tally);
	if (getenv("LOCKKEEPER_CLUSTERS"))
		fprintf(stderr,
		        "%llu compared of %llu, %llu stuck, %llu with no room, %llu with some (lock %llu, "
		        "fail %llu; 0 %llu, 1 %llu, 2 %llu), bounds apart %llu, grouped %llu, mixed %llu, "
		        "bound to nodes %llu, gaps %llu\n",
		        (unsigned long long)tally.compared, (unsigned long long)(seed - first),
		        (unsigned long long)tally.stuck, (unsigned long long)tally.none,
		        (unsigned long long)tally.some, (unsigned long long)tally.by[0],
		        (unsigned long long)tally.by[1], (unsigned long long)tally.tolerate[0],
		        (unsigned long long)tally.tolerate[1], (unsigned long long)tally.tolerate[2],
		        (unsigned long long)tally.loose, (unsigned long long)tally.grouped,
		        (unsigned long long)tally.mixed, (unsigned long long)tally.bound,
		        (unsigned long long)tally.gaps);
}

/* ------------------------------------------------------------------ reserves */

/* How many sets of hosts were covered, judged, and had somebody on them. */
struct covered {
	uint64_t sets, judged, loaded;
};

/* Sets of covered hosts must all be able to go, whatever else they say of the cluster. */
static void check_reserve(uint64_t seed, const struct draw_size *size, struct covered *covered)
{
	struct draw draw = { seed * 104729 + 3 };
	char *text = draw_cluster_text(seed, size);
	struct cluster cluster;
	struct reserve reserve;
	struct reaches reaches;
	struct losses losses;
	struct shapes shapes;
	struct state state;
	uint32_t *places;
	bool more = true;

	cluster_from_text(&cluster, text);
	state_create(&state, &cluster);
	shapes_create(&shapes, &state);
	reaches_create(&reaches, &shapes, &state);
	losses_create(&losses, &cluster, draw_percent(&draw, 50) ? LOSS_LOCK : LOSS_FAIL,
	              draw_between(&draw, 1, 2), NULL);
	reserve_create(&reserve, &state, &shapes, &reaches, &losses);
	places = MEMORY_ARRAY(uint32_t, losses.together + 1);
	if (losses.together > 0)
		losses_set(&losses, 0, places);
	while (more && losses.together > 0) {
		bool gone[HOSTS_MOST] = { false }, all = true, loaded = false;
		enum judgement answer;

		for (uint32_t i = 0; i < losses.together; i++) {
			uint32_t host = losses.hosts[places[i]];

			gone[host] = true;
			all &= !reserve.uncovered[host];
			loaded |= state_vms_first(&state, host) != NONE;
		}
		more = losses_next(&losses, places);
		if (!all)
			continue;
		covered->sets++;
		answer = losses.by == LOSS_FAIL ? judge_fail(&state, gone, MET_MOST)
		                                : judge_empty(&state, gone, MET_MOST);
		covered->judged += answer != JUDGED_TOO_LARGE;
		covered->loaded += answer != JUDGED_TOO_LARGE && loaded;
		cr_assert_neq(answer, JUDGED_NO, "seed %llu: a covered set (%d%d%d%d%d) cannot go, by %s\n%s",
		              (unsigned long long)seed, gone[0], gone[1], gone[2], gone[3], gone[4],
		              loss_words[losses.by], text);
	}
	free(places);
	reserve_free(&reserve);
	losses_free(&losses);
	reaches_free(&reaches);
	shapes_free(&shapes);
	state_free(&state);
	cluster_free(&cluster);
	free(text);
}

Test(capacity, whoever_has_a_reserve_can_go, .timeout = 1000)
{
	static const struct draw_size sizes[] = {
		{ .hosts_most = 4, .first_host_vms_most = 2, .other_host_vms_most = 1, .roomy = true },
		{ .hosts_most = 5,
		  .first_host_vms_most = 1,
		  .other_host_vms_most = 1,
		  .moves = true,
		  .roomy = true },
		{ .hosts_most = 5, .first_host_vms_most = 2, .other_host_vms_most = 1, .moves = true },
		{ .hosts_most = 4,
		  .first_host_vms_most = 2,
		  .other_host_vms_most = 1,
		  .numa = true,
		  .roomy = true },
	};
	uint64_t seed = number_from("LOCKKEEPER_SEED", 1);
	struct covered covered = { 0 };

	for (uint64_t i = 0; i < RESERVES; i++)
		check_reserve(seed + i, &sizes[(seed + i) % 4], &covered);
	if (getenv("LOCKKEEPER_SEED"))
		fprintf(stderr, "%llu sets covered, %llu judged, %llu of them with VMs\n",
		        (unsigned long long)covered.sets, (unsigned long long)covered.judged,
		        (unsigned long long)covered.loaded);
	cr_assert_gt(covered.loaded, RESERVES / 4);
}
