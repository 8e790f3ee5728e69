/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A plan is proven for every execution that its `after` allows, whatever takes how long: when a move starts,
 * everything may be on its target that may have arrived and has not surely left (docs/proofs.md).
 */
#include "verifier/verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long is looked for an answer before it is "unknown". */
enum { STEPS_MOST = 1000000 };

struct move {
	const cJSON *entry, *id;
	uint32_t vm, from, to, stage;
	uint32_t *after, after_count; /* moves of the plan */
	uint64_t *before;             /* bits: the moves that have ended when it starts */
};

/* A VM on a host for a while: from the start of one move to the end of another; NOWHERE: always. */
struct stay {
	uint32_t vm, arrive, depart;
};

struct proof {
	const struct cluster *cluster;
	struct report *report;
	struct move *moves;
	uint32_t count, words;
	uint32_t *order;           /* the moves, each behind those that precede it */
	uint32_t *at, *stay_index; /* by VM: the host where it is in the end, and its stay there */
	struct stay **stays;       /* by host that moves have to do with */
	uint32_t *stay_counts;
	bool *opened;
};

static bool is_set(const uint64_t *bits, uint32_t index)
{
	return bits[index / 64] >> index % 64 & 1;
}

/* Adds a move and all that precedes it. */
static void add_closed(const struct proof *proof, uint64_t *bits, uint32_t move)
{
	for (uint32_t word = 0; word < proof->words; word++)
		bits[word] |= proof->moves[move].before[word];
	bits[move / 64] |= UINT64_C(1) << move % 64;
}

static bool precedes(const struct proof *proof, uint32_t move, uint32_t other)
{
	return move != NOWHERE && other != NOWHERE && is_set(proof->moves[other].before, move);
}

static struct finding *violated(const struct proof *proof, const char *rule, uint32_t move, const char *why)
{
	const struct move *of = &proof->moves[move];

	return report(proof->report, VIOLATED, rule, of->id, proof->cluster->hosts[of->to].name,
	              proof->cluster->vms[of->vm].name, why);
}

/* ------------------------------------------------------------------------------- the moves and their order
 */

static const char *id_text(const cJSON *id)
{
	char *text = cJSON_IsString(id) || cJSON_IsNumber(id) ? cJSON_PrintUnformatted(id) : NULL;

	if (!text)
		wrong("id", "expected a text or a number");
	return text;
}

static uint32_t named(const cJSON *entry, const char *name, uint32_t (*find)(const char *))
{
	uint32_t index = find(text_of(entry, name, NULL));

	if (index == NOWHERE)
		wrong(name, "names nothing that is in the cluster");
	return index;
}

/* Whether all that a move waits for is in order already; its bits are complete then. */
static bool is_next(struct proof *proof, uint32_t index, const bool *placed)
{
	const struct move *move = &proof->moves[index];

	for (uint32_t i = 0; i < move->after_count; i++) {
		if (!placed[move->after[i]])
			return false;
		add_closed(proof, move->before, move->after[i]);
	}
	return true;
}

static void read_after(struct move *move, const struct names *ids)
{
	const cJSON *id, *array = array_of(move->entry, "after", false);

	move->after = take((size_t)cJSON_GetArraySize(array), sizeof(*move->after));
	cJSON_ArrayForEach(id, array)
	{
		uint32_t first = names_find(ids, id_text(id));

		if (first == NOWHERE)
			wrong("after", "names no move of the plan");
		move->after[move->after_count++] = first;
	}
}

static void read_moves(struct proof *proof, const cJSON *array)
{
	struct names ids = { 0 };
	uint32_t done = 0, before = NOWHERE;
	bool *placed;
	const cJSON *entry;

	proof->words = (uint32_t)cJSON_GetArraySize(array) / 64 + 1;
	proof->moves = take((size_t)cJSON_GetArraySize(array), sizeof(*proof->moves));
	proof->order = take((size_t)cJSON_GetArraySize(array), sizeof(*proof->order));
	cJSON_ArrayForEach(entry, array)
	{
		struct move *move = &proof->moves[proof->count];

		read_place("moves", proof->count);
		known(entry, "id vm from to method after reserve_mbit_s predicted why stage");
		*move = (struct move){ .entry = entry,
			               .id = member(entry, "id"),
			               .vm = named(entry, "vm", find_vm),
			               .from = named(entry, "from", find_host),
			               .to = named(entry, "to", find_host),
			               .stage = (uint32_t)whole_of(entry, "stage", 0, 1e6),
			               .before = take(proof->words, sizeof(uint64_t)) };
		names_add(&ids, id_text(move->id), proof->count++);
	}
	names_sort(&ids);
	for (uint32_t i = 0; i < proof->count; i++) {
		read_place("moves", i);
		read_after(&proof->moves[i], &ids);
	}
	placed = take(proof->count, 1);
	while (done < proof->count && done != before) {
		before = done;
		for (uint32_t i = 0; i < proof->count; i++) {
			if (placed[i] || !is_next(proof, i, placed))
				continue;
			placed[i] = true;
			proof->order[done++] = i;
		}
	}
	read_place("", 0);
	if (done < proof->count)
		wrong("moves", "some wait for each other in a circle");
}

static void add_stay(struct proof *proof, uint32_t host, struct stay stay)
{
	uint32_t count = proof->stay_counts[host]++;

	if ((count & (count - 1)) == 0)
		proof->stays[host] = grow(proof->stays[host], count, 2 * (size_t)count + 1, sizeof(stay));
	proof->stays[host][count] = stay;
	proof->at[stay.vm] = host;
	proof->stay_index[stay.vm] = count;
}

/* The host's stays, to begin with those of the VMs that are there. */
static void open_host(struct proof *proof, uint32_t host)
{
	const struct host *of = &proof->cluster->hosts[host];

	for (uint32_t i = 0; !proof->opened[host] && i < of->vm_count; i++)
		add_stay(proof, host, (struct stay){ of->vms[i], NOWHERE, NOWHERE });
	proof->opened[host] = true;
}

/* Follows each VM from host to host; its moves must be in order, each from where the one before ended. */
static void follow_vms(struct proof *proof)
{
	const struct cluster *cluster = proof->cluster;

	proof->at = take(cluster->vm_count, sizeof(*proof->at));
	memset(proof->at, 0xff, cluster->vm_count * sizeof(*proof->at));
	proof->stay_index = take(cluster->vm_count, sizeof(*proof->stay_index));
	proof->stays = take(cluster->host_count, sizeof(*proof->stays));
	proof->stay_counts = take(cluster->host_count, sizeof(*proof->stay_counts));
	proof->opened = take(cluster->host_count, 1);
	for (uint32_t i = 0; i < proof->count; i++) {
		open_host(proof, proof->moves[i].from);
		open_host(proof, proof->moves[i].to);
	}
	for (uint32_t i = 0; i < proof->count; i++) {
		const struct move *move = &proof->moves[proof->order[i]];
		struct stay *stay = NULL;

		if (proof->at[move->vm] == move->from)
			stay = &proof->stays[move->from][proof->stay_index[move->vm]];
		if (!stay)
			violated(proof, "order", proof->order[i],
			         "the VM is not on the host that it is moved from");
		else if (stay->arrive != NOWHERE && !precedes(proof, stay->arrive, proof->order[i]))
			violated(proof, "order", proof->order[i], "two moves of one VM are not in order");
		if (stay)
			stay->depart = proof->order[i];
		add_stay(proof, move->to, (struct stay){ move->vm, proof->order[i], NOWHERE });
	}
}

/* ------------------------------------------------------------------------------------ room on the target */

static cJSON *event(const struct proof *proof, uint32_t move, const char *what)
{
	char text[300];

	snprintf(text, sizeof(text), "%.100s %s (%.100s)", id_text(proof->moves[move].id), what,
	         proof->cluster->vms[proof->moves[move].vm].name);
	return cJSON_CreateString(text);
}

static void add_events(const struct proof *proof, cJSON *events, const uint64_t *ended)
{
	for (uint32_t i = 0; i < proof->count; i++) {
		if (is_set(ended, proof->order[i]))
			cJSON_AddItemToArray(events, event(proof, proof->order[i], "ends"));
	}
}

/* Whether both stays can be on the host at one time: neither must have ended for the other to begin. */
static bool coexist(const struct proof *proof, const struct stay *a, const struct stay *b)
{
	return !precedes(proof, a->depart, b->arrive) && !precedes(proof, b->depart, a->arrive);
}

/* The heaviest set of stays of which every two can coexist, if it is heavier than `best`. */
struct heaviest {
	const struct proof *proof;
	const struct stay **stays;
	wide *parts, best;
	uint32_t count, steps;
	bool *in, *best_in;
};

static void choose(struct heaviest *h, uint32_t next, wide weight, wide rest)
{
	bool fits = true, open = false;

	if (weight + rest <= h->best || h->steps++ > STEPS_MOST)
		return;
	if (next == h->count) {
		h->best = weight;
		memcpy(h->best_in, h->in, h->count);
		return;
	}
	for (uint32_t i = 0; i < next; i++)
		fits &= !h->in[i] || coexist(h->proof, h->stays[i], h->stays[next]);
	for (uint32_t i = next + 1; i < h->count; i++)
		open |= !coexist(h->proof, h->stays[i], h->stays[next]);
	if (fits) {
		h->in[next] = true;
		choose(h, next + 1, weight + h->parts[next], rest - h->parts[next]);
		h->in[next] = false;
	}
	if (!fits || open)
		choose(h, next + 1, weight, rest - h->parts[next]);
}

/* An execution: what the move and the stays wait for has ended, the stays begin, at last the move. */
static cJSON *events_to(const struct proof *proof, const struct heaviest *h, uint32_t move)
{
	cJSON *events = cJSON_CreateArray();
	uint64_t *ended = take(proof->words, sizeof(*ended));

	memcpy(ended, proof->moves[move].before, proof->words * sizeof(*ended));
	for (uint32_t i = 0; i < h->count; i++) {
		for (uint32_t w = 0; h->best_in[i] && h->stays[i]->arrive != NOWHERE && w < proof->words; w++)
			ended[w] |= proof->moves[h->stays[i]->arrive].before[w];
	}
	add_events(proof, events, ended);
	for (uint32_t i = 0; i < h->count; i++) {
		uint32_t arrive = h->stays[i]->arrive;

		if (h->best_in[i] && arrive != NOWHERE && !is_set(ended, arrive))
			cJSON_AddItemToArray(events, event(proof, arrive, "starts"));
	}
	cJSON_AddItemToArray(events, event(proof, move, "starts"));
	return events;
}

/* Whoever may be on the target as the move starts, and at one time, must leave room for what it takes. */
static void check_resource(struct proof *proof, uint32_t index, uint32_t resource)
{
	const struct cluster *cluster = proof->cluster;
	const struct move *move = &proof->moves[index];
	uint32_t host = move->to, room = proof->stay_counts[host] + 1;
	size_t mark = memory_mark();
	struct heaviest h = { .proof = proof,
		              .stays = take(room, sizeof(*h.stays)),
		              .parts = take(room, sizeof(*h.parts)),
		              .best = capacity(cluster, host, resource) -
		                      demand(cluster, move->vm, host, resource),
		              .in = take(room, 1),
		              .best_in = take(room, 1) };
	wide limit = h.best, all = 0;
	struct finding *finding;

	for (uint32_t i = 0; i + 1 < room; i++) {
		const struct stay *stay = &proof->stays[host][i];
		wide part = demand(cluster, stay->vm, host, resource);

		if (stay->vm == move->vm || part == 0 || precedes(proof, stay->depart, index) ||
		    precedes(proof, index, stay->arrive))
			continue;
		h.stays[h.count] = stay;
		h.parts[h.count++] = part;
		all += part;
	}
	choose(&h, 0, 0, all);
	if (h.best > limit || limit < 0) {
		finding = violated(proof, resource_rule(cluster, resource), index,
		                   "the host may not have what the VM needs when the move starts");
		if (finding)
			finding->events = events_to(proof, &h, index);
	} else if (h.steps > STEPS_MOST) {
		report(proof->report, UNKNOWN, resource_rule(cluster, resource), move->id,
		       cluster->hosts[host].name, cluster->vms[move->vm].name,
		       "too many orders are possible to find out whether there is room in all");
	}
	memory_release(mark);
}

/*
 * A member of a strict affinity group may only join another. Wrong when all may be away as the move starts:
 * whoever is there by then has left, which may bring others, who have left as well, until someone cannot
 * have.
 */
static void check_affinity(struct proof *proof, uint32_t index)
{
	const struct move *move = &proof->moves[index];
	const struct vm *vms = proof->cluster->vms;
	uint64_t *ended = take(proof->words, sizeof(*ended));
	struct finding *finding;

	memcpy(ended, move->before, proof->words * sizeof(*ended));
	for (uint32_t i = 0; i < proof->stay_counts[move->to]; i++) {
		const struct stay *stay = &proof->stays[move->to][i];
		uint32_t leave = stay->depart;

		if (stay->vm == move->vm || vms[stay->vm].group != vms[move->vm].group ||
		    (stay->arrive != NOWHERE && !is_set(ended, stay->arrive)) ||
		    (leave != NOWHERE && is_set(ended, leave)))
			continue;
		if (leave == NOWHERE || precedes(proof, index, leave))
			return; /* it is there in every execution */
		add_closed(proof, ended, leave);
		i = UINT32_MAX; /* once more from the beginning */
	}
	finding = violated(proof, "affinity-strict", index,
	                   "no other member of the group may be on the target");
	if (finding) {
		finding->events = cJSON_CreateArray();
		add_events(proof, finding->events, ended);
		cJSON_AddItemToArray(finding->events, event(proof, index, "starts"));
	}
}

/*
 * NUMA nodes are taken first-fit in the order of arrival: the moves of VMs that are bound to nodes, to the
 * host and from it, must be in one order, which is then followed.
 */
static void check_nodes(struct proof *proof, uint32_t host)
{
	const struct cluster *cluster = proof->cluster;
	const struct host *of = &cluster->hosts[host];
	struct claim *claims = take(cluster->vm_count, sizeof(*claims));
	struct node used[HOST_NODES_MOST];
	uint32_t before = NOWHERE;

	begin_nodes(cluster, host, used, claims);
	for (uint32_t i = 0; i < proof->count; i++) {
		const struct move *move = &proof->moves[proof->order[i]];
		const struct flavor *flavor = &cluster->flavors[cluster->vms[move->vm].flavor];

		if (flavor->guest_nodes == 0 || (move->from != host && move->to != host))
			continue;
		if (before != NOWHERE && !precedes(proof, before, proof->order[i])) {
			report(proof->report, UNKNOWN, "numa", move->id, of->name,
			       cluster->vms[move->vm].name,
			       "the order in which NUMA nodes are taken is open");
			return;
		}
		before = proof->order[i];
		if (move->from == host) {
			count_nodes(used, flavor, &claims[move->vm], -1);
		} else if (find_nodes(of, used, flavor, &claims[move->vm])) {
			count_nodes(used, flavor, &claims[move->vm], 1);
		} else {
			violated(proof, "numa", before, "the host's NUMA nodes have not what the VM needs");
			return;
		}
	}
}

static void check_move(struct proof *proof, uint32_t index)
{
	static const char *const methods[] = { "live", "cold", NULL };
	const struct cluster *cluster = proof->cluster;
	const struct move *move = &proof->moves[index];
	uint32_t asked[ASKED_MOST], count = resources_asked(cluster, move->vm, move->to, asked);
	int method = word_index(methods, text_of(move->entry, "method", NULL));
	const char *rule = never_allowed(cluster, move->vm, move->from, move->to);

	if (method < 0 || (enum method)method != method_at(cluster, move->vm, move->from))
		violated(proof, "method", index, "the VM cannot leave that host in that way");
	if (rule)
		violated(proof, rule, index, "the VM can never go from that host to this one");
	for (uint32_t i = 0; i < count && !rule; i++)
		check_resource(proof, index, asked[i]);
	if (strict(cluster, cluster->vms[move->vm].group, AFFINITY) && cluster->profile != TITANIUM)
		check_affinity(proof, index);
}

/* ----------------------------------------------------------------------------------------- goal and stages
 */

bool *goal_hosts(const struct cluster *cluster, const cJSON *goal)
{
	bool *wanted = take(cluster->host_count, 1);
	const cJSON *entry, *list = array_of(goal, "lock", true);

	cJSON_ArrayForEach(entry, list)
	{
		uint32_t host = cJSON_IsString(entry) ? find_host(entry->valuestring) : NOWHERE;

		if (host == NOWHERE)
			wrong("goal", "names no host of the cluster");
		wanted[host] = true;
	}
	return wanted;
}

/* Nobody is on a host whom its lock would have to move. A locked host stays as it is; a cluster of one host
 * stops its VMs. */
static void check_empty(const struct proof *proof, uint32_t vm, uint32_t at, const char *why)
{
	const struct cluster *cluster = proof->cluster;

	if (!cluster->hosts[at].locked && !stays_behind(cluster, vm) && cluster->host_count > 1)
		report(proof->report, VIOLATED, "goal", NULL, cluster->hosts[at].name, cluster->vms[vm].name,
		       why);
}

static void check_goal(struct proof *proof, const cJSON *goal)
{
	const struct cluster *cluster = proof->cluster;
	const cJSON *entry, *place = member(goal, "place");
	bool *locked = place && !member(goal, "lock") ? take(cluster->host_count, 1)
	                                              : goal_hosts(cluster, goal);

	known(goal, "lock place");
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		if (locked[host])
			open_host(proof, host);
		for (uint32_t i = 0; locked[host] && i < proof->stay_counts[host]; i++) {
			if (proof->stays[host][i].depart == NOWHERE)
				check_empty(proof, proof->stays[host][i].vm, host,
				            "the VM is on a host that is to be locked");
		}
	}
	cJSON_ArrayForEach(entry, place)
	{
		uint32_t vm = find_vm(entry->string), host = named(place, entry->string, find_host);

		if (vm == NOWHERE)
			wrong("goal", "names no VM of the cluster");
		if ((proof->at[vm] == NOWHERE ? cluster->vms[vm].host : proof->at[vm]) != host)
			report(proof->report, VIOLATED, "goal", NULL, cluster->hosts[host].name,
			       cluster->vms[vm].name, "the VM is not on that host in the end");
	}
}

/* Whether the host is in the aggregate of that name. */
static bool in_aggregate(const struct host *host, const char *name)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, host->aggregates)
	{
		if (!strcmp(cJSON_IsString(entry) ? entry->valuestring : text_of(entry, "name", NULL), name))
			return true;
	}
	return false;
}

/* At most half of an aggregate, at least one, is in a stage. */
static void check_aggregates(const struct proof *proof, uint32_t first, const bool *in)
{
	const struct cluster *cluster = proof->cluster;
	const cJSON *entry;

	cJSON_ArrayForEach(entry, cluster->hosts[first].aggregates)
	{
		const char *name = cJSON_IsString(entry) ? entry->valuestring : text_of(entry, "name", NULL);
		uint32_t all = 0, stage = 0;

		for (uint32_t host = 0; host < cluster->host_count; host++) {
			bool member_too = in_aggregate(&cluster->hosts[host], name);

			all += member_too;
			stage += member_too && in[host];
		}
		if (stage > (all < 4 ? 1 : all / 2))
			report(proof->report, VIOLATED, "stage-aggregate", NULL, cluster->hosts[first].name,
			       NULL, "more than half of an aggregate is in one stage");
	}
}

/* No two hosts of a stage hold members of one anti-affinity group, as they are when it begins. */
static void check_stage_groups(const struct proof *proof, const uint32_t *where, const bool *in)
{
	const struct cluster *cluster = proof->cluster;
	uint32_t *held = take(cluster->group_count, sizeof(*held));

	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		uint32_t group = cluster->vms[vm].group, host = where[vm];

		if (group == NOWHERE || host == NOWHERE || !in[host] ||
		    cluster->groups[group].policy != ANTI_AFFINITY)
			continue;
		if (held[group] && held[group] != host + 1)
			report(proof->report, VIOLATED, "stage-group", NULL, cluster->hosts[host].name,
			       cluster->vms[vm].name, "two hosts of a stage share an anti-affinity group");
		held[group] = host + 1;
	}
}

/* Moves of one stage end before those of the next begin. */
static void check_stage_order(struct proof *proof, uint32_t stage)
{
	uint64_t *earlier = take(proof->words, sizeof(*earlier)), missing;

	for (uint32_t i = 0; i < proof->count; i++)
		earlier[i / 64] |= (uint64_t)(proof->moves[i].stage < stage) << i % 64;
	for (uint32_t i = 0; i < proof->count; i++) {
		missing = 0;
		for (uint32_t word = 0; proof->moves[i].stage == stage && word < proof->words; word++)
			missing |= earlier[word] & ~proof->moves[i].before[word];
		if (missing)
			violated(proof, "stage-order", i, "it may start before the stage before has ended");
	}
}

/* Every host of the goal in one stage, by the platform's stage rules, and empty when its stage ends. */
static void check_stages(struct proof *proof, const cJSON *goal, const cJSON *stages, int64_t most)
{
	const struct cluster *cluster = proof->cluster;
	bool *left = goal_hosts(cluster, goal), *in = take(cluster->host_count, 1);
	uint32_t *where = take(cluster->vm_count, sizeof(*where)), stage = 0;
	const cJSON *list, *entry;

	for (uint32_t vm = 0; vm < cluster->vm_count; vm++)
		where[vm] = cluster->vms[vm].host;
	cJSON_ArrayForEach(list, stages)
	{
		memset(in, 0, cluster->host_count);
		if (most > 0 && cJSON_GetArraySize(list) > most)
			report(proof->report, VIOLATED, "stage-parallel", NULL, NULL, NULL,
			       "a stage has too many hosts");
		cJSON_ArrayForEach(entry, list)
		{
			uint32_t host = cJSON_IsString(entry) ? find_host(entry->valuestring) : NOWHERE;

			if (host == NOWHERE || !left[host])
				wrong("stages", "expected each host of the goal once");
			left[host] = false;
			in[host] = true;
			check_aggregates(proof, host, in);
		}
		check_stage_groups(proof, where, in);
		check_stage_order(proof, stage);
		for (uint32_t i = 0; i < proof->count; i++) {
			if (proof->moves[proof->order[i]].stage == stage)
				where[proof->moves[proof->order[i]].vm] = proof->moves[proof->order[i]].to;
		}
		for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
			if (where[vm] != NOWHERE && in[where[vm]])
				check_empty(proof, vm, where[vm],
				            "the VM is on a host whose stage has ended");
		}
		stage++;
	}
	for (uint32_t i = 0; i < proof->count; i++) {
		if (proof->moves[i].stage >= stage)
			violated(proof, "stage", i, "the plan has no such stage");
	}
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		if (left[host])
			report(proof->report, VIOLATED, "goal", NULL, cluster->hosts[host].name, NULL,
			       "the host is in no stage");
	}
}

/* A plan or a certificate holds for one cluster and one profile. */
void check_origin(const struct cluster *cluster, const cJSON *root, const char *schema,
                  struct report *report_)
{
	const char *profile = text_of(root, "profile", profile_names[cluster->profile]);

	if (strcmp(text_of(root, "schema", schema), schema))
		wrong("schema", "expected a plan's or a certificate's");
	if (strcmp(text_of(root, "cluster_digest", NULL), cluster->digest))
		report(report_, VIOLATED, "digest", NULL, NULL, NULL,
		       "it was made for another cluster, or an earlier state");
	if (strcmp(profile, profile_names[cluster->profile]))
		report(report_, VIOLATED, "profile", NULL, NULL, NULL, "it was made for another profile");
}

void verify_plan(const struct cluster *cluster, const cJSON *plan, struct report *report)
{
	struct proof proof = { .cluster = cluster, .report = report };
	size_t mark = memory_mark();
	const cJSON *goal = member(plan, "goal"), *stages = array_of(plan, "stages", false);
	bool *bound = take(cluster->host_count, 1);

	known(plan, "schema cluster_digest profile goal moves stages max_parallel bounds breaks makespan_s "
	            "expires_at");
	check_origin(cluster, plan, "lockkeeper.plan/1", report);
	read_moves(&proof, array_of(plan, "moves", true));
	follow_vms(&proof);
	for (uint32_t i = 0; i < proof.count; i++) {
		const struct move *move = &proof.moves[i];

		check_move(&proof, i);
		bound[move->to] |= cluster->flavors[cluster->vms[move->vm].flavor].guest_nodes > 0;
	}
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		if (bound[host])
			check_nodes(&proof, host);
	}
	if (stages)
		check_stages(&proof, goal, stages, whole_of(plan, "max_parallel", 0, 1e6));
	else
		check_goal(&proof, goal);
	report->plans++;
	report->moves += proof.count;
	memory_release(mark);
}
