/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Planned verdicts against a judge that walks through every placement, on random small clusters. */
#include "cli/pacing.h"
#include "planner/certificate.h"
#include "planner/planned.h"
#include "planner/planning.h"
#include "planner/rolling.h"
#include "tests/support/draw.h"
#include "tests/support/judge.h"

#include <criterion/criterion.h>

#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	HOSTS_MOST = 5,
	VMS_MOST = 7,
	CLUSTERS = 2000,
	VERIFIED_CLUSTERS = 600,
	STEPS = 20000,
	PACE_MIGRATIONS = 300
};

/* ------------------------------------------------------------------ the judge */

/* What the judge has met: placements as numbers to the base of the hosts, each with its fewest moves. */
struct walk {
	struct state *state;
	uint32_t vms[VMS_MOST], count; /* that are on a host */
	const bool *goal;
	bool numa; /* the nodes matter as well: a placement is not all of a state */
	uint8_t *depths;
	uint32_t *queue, head, tail;
	uint32_t best_broken, best_moves;
	bool found;
};

static uint32_t number_of(const struct walk *judge)
{
	uint32_t number = 0;

	for (uint32_t i = 0; i < judge->count; i++)
		number = number * HOSTS_MOST + judge->state->vm_host[judge->vms[i]];
	return number;
}

/* How much more each best-effort group is violated than at first: groups that are, and only those. */
static uint32_t judge_violation(const struct state *state, uint32_t group)
{
	const struct group *of = &state->groups[group];
	uint32_t most = state->profile == PROFILE_NOVA ? (uint32_t)of->max_per_host : 1, sum = 0, hosts = 0;

	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		uint32_t members = 0;

		for (uint32_t vm = 0; vm < state->cluster->vm_count; vm++)
			members += state->cluster->vms[vm].group == group && state->vm_host[vm] == host;
		hosts += members > 0;
		sum += members > most ? members - most : 0;
	}
	return of->policy == POLICY_AFFINITY ? (hosts > 0 ? hosts - 1 : 0) : sum;
}

static uint32_t judge_broken(const struct walk *judge, const uint32_t *before)
{
	uint32_t broken = 0;

	for (uint32_t group = 0; group < judge->state->cluster->group_count; group++)
		broken += judge->state->groups[group].best_effort &&
		          judge_violation(judge->state, group) > before[group];
	return broken;
}

static void judge_look(struct walk *judge, uint32_t depth, const uint32_t *before)
{
	uint32_t broken = 0;

	for (uint32_t i = 0; i < judge->count; i++) {
		if (judge_must_leave(judge->state, judge->goal, judge->vms[i]))
			return;
	}
	broken = judge_broken(judge, before);
	if (judge->found &&
	    (broken > judge->best_broken || (broken == judge->best_broken && depth >= judge->best_moves)))
		return;
	judge->found = true;
	judge->best_broken = broken;
	judge->best_moves = depth;
}

/* Brings the state to a placement by its number. NUMA nodes are not looked at: clusters with them are left
 * out. */
static void judge_enter(struct walk *judge, uint32_t number)
{
	for (uint32_t i = judge->count; i-- > 0;) {
		uint32_t host = number % HOSTS_MOST, vm = judge->vms[i];

		if (judge->state->vm_host[vm] != host)
			state_move(judge->state, vm, host);
		number /= HOSTS_MOST;
	}
}

static void judge_walk(struct walk *judge, const uint32_t *before)
{
	struct state *state = judge->state;
	uint32_t start = number_of(judge);

	judge->depths[start] = 1;
	judge->queue[judge->tail++] = start;
	while (judge->head < judge->tail) {
		uint32_t number = judge->queue[judge->head++], depth = judge->depths[number];

		judge_enter(judge, number);
		judge_look(judge, depth - 1, before);
		for (uint32_t i = 0; i < judge->count; i++) {
			uint32_t vm = judge->vms[i], from = state->vm_host[vm];

			if (!judge_movable(state, vm))
				continue;
			for (uint32_t host = 0; host < state->cluster->host_count; host++) {
				struct request request = request_for(state, MOVE_LIVE, vm);
				uint32_t next;

				request.group_forgotten = true;
				if (!rules_allow(&request, host))
					continue;
				state_move(state, vm, host);
				next = number_of(judge);
				state_move(state, vm, from);
				if (judge->depths[next] == 0) {
					judge->depths[next] = (uint8_t)(depth + 1);
					judge->queue[judge->tail++] = next;
				}
			}
		}
	}
	judge_enter(judge, start);
}

/* ------------------------------------------------------------------ what is compared */

/* The orders are legal one after another, and empty the hosts. */
static const char *check_orders(struct state *state, const bool *goal, const struct planned *planned)
{
	uint32_t mark = state_mark(state);
	const char *wrong = NULL;

	for (uint32_t i = 0; i < planned->order_count && !wrong; i++) {
		const struct order *order = &planned->orders[i];
		struct request request = request_for(state, MOVE_LIVE, order->vm);

		request.group_forgotten = true;
		if (state->vm_host[order->vm] != order->from)
			wrong = "from where the VM is";
		else if (!judge_movable(state, order->vm) || !rules_allow(&request, order->to))
			wrong = "legal moves";
		else
			state_move(state, order->vm, order->to);
	}
	for (uint32_t vm = 0; vm < state->cluster->vm_count && !wrong; vm++) {
		if (state->vm_host[vm] != NONE && judge_must_leave(state, goal, vm))
			wrong = "empty hosts";
	}
	state_rollback(state, mark);
	return wrong;
}

static const char *compare(struct state *state, const struct walk *judge, const struct planned *planned)
{
	if (planned->verdict != (judge->found ? PLANNED_LOCKABLE : PLANNED_NOT_LOCKABLE))
		return "the verdict";
	if (!judge->found)
		return NULL;
	if (planned->broken_count != judge->best_broken)
		return "the broken groups";
	if (planned->order_count != judge->best_moves || planned->orders_least != judge->best_moves)
		return "the fewest moves";
	return check_orders(state, judge->goal, planned);
}

struct tally {
	uint64_t lockable, more_moves, broken, never, facts[5], skipped;
};

static uint32_t placed_vms(const struct state *state, uint32_t *vms)
{
	uint32_t count = 0;

	for (uint32_t vm = 0; vm < state->cluster->vm_count; vm++) {
		if (state->vm_host[vm] == NONE)
			continue;
		if (count == VMS_MOST)
			return VMS_MOST + 1;
		vms[count++] = vm;
	}
	return count;
}

/* One goal: the hosts whose bits are set. */
static void check_goal(struct state *state, struct chooser *chooser, struct reaches *reaches, unsigned goal,
                       const char *text, uint64_t seed, struct tally *tally)
{
	const struct cluster *cluster = state->cluster;
	bool wanted[HOSTS_MOST] = { false };
	struct walk judge = { .state = state, .goal = wanted };
	uint32_t hosts[HOSTS_MOST], count = 0, movers = 0, before[64], places = 1;
	struct planned planned;
	const char *wrong;

	judge.count = placed_vms(state, judge.vms);
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		if (!(goal >> host & 1))
			continue;
		hosts[count++] = host;
		wanted[host] = cluster->host_count > 1 && state->hosts[host].administrative != ADMIN_LOCKED;
	}
	for (uint32_t i = 0; i < judge.count; i++) {
		places *= HOSTS_MOST;
		movers += judge_must_leave(state, wanted, judge.vms[i]);
	}
	for (uint32_t group = 0; group < cluster->group_count; group++)
		before[group] = judge_violation(state, group);
	judge.depths = calloc(places, 1);
	judge.queue = calloc(places, sizeof(uint32_t));
	judge_walk(&judge, before);
	planned_find(chooser, reaches, hosts, count, NULL, NULL, UINT64_C(1) << 30, &planned);
	wrong = compare(state, &judge, &planned);
	cr_assert(!wrong, "seed %llu, hosts %x: wrong: %s (%s, %u moves, %u broken; judge: %s, %u, %u)\n%s",
	          (unsigned long long)seed, goal, wrong, planned_verdict_words[planned.verdict],
	          planned.order_count, planned.broken_count, judge.found ? "lockable" : "not",
	          judge.best_moves, judge.best_broken, text);
	tally->lockable += judge.found;
	tally->never += !judge.found;
	tally->more_moves += judge.found && judge.best_moves > movers;
	tally->broken += judge.found && judge.best_broken > 0;
	if (!judge.found)
		tally->facts[planned.fact.kind]++;
	planned_free(&planned);
	free(judge.depths);
	free(judge.queue);
}

/* A cluster and all that is needed to plan for it. */
struct drawn {
	char *text;
	struct cluster cluster;
	struct planning planning;
};

static void drawn_create(struct drawn *drawn, uint64_t seed, const struct draw_size *size)
{
	drawn->text = draw_cluster_text(seed, size);
	cluster_from_text(&drawn->cluster, drawn->text);
	planning_create(&drawn->planning, &drawn->cluster, NULL, 0);
}

static void drawn_free(struct drawn *drawn)
{
	planning_free(&drawn->planning);
	cluster_free(&drawn->cluster);
	free(drawn->text);
}

static void check_cluster(uint64_t seed, const struct draw_size *size, struct tally *tally)
{
	uint32_t vms[VMS_MOST + 1];
	struct drawn drawn;
	struct state judged;

	drawn_create(&drawn, seed, size);
	state_create(&judged, &drawn.cluster);
	if (drawn.cluster.host_count > HOSTS_MOST || placed_vms(&judged, vms) > VMS_MOST ||
	    judged.numa_here) {
		tally->skipped++;
	} else {
		for (uint32_t host = 0; host < drawn.cluster.host_count; host++)
			check_goal(&judged, &drawn.planning.chooser, &drawn.planning.reaches, 1u << host,
			           drawn.text, seed, tally);
		check_goal(&judged, &drawn.planning.chooser, &drawn.planning.reaches, 3, drawn.text, seed,
		           tally);
	}
	state_free(&judged);
	drawn_free(&drawn);
}

/* LOCKKEEPER_SEED: the first seed (= 1); LOCKKEEPER_CLUSTERS: how many clusters. */
static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

Test(planned, verdicts_and_moves_are_those_of_all_placements, .timeout = 100000)
{
	static const struct draw_size sizes[] = {
		{ .hosts_most = 5, .first_host_vms_most = 3, .other_host_vms_most = 1, .moves = true },
		{ .hosts_most = 3, .first_host_vms_most = 4, .other_host_vms_most = 2, .moves = true },
		{ .hosts_most = 4, .first_host_vms_most = 3, .other_host_vms_most = 2, .moves = true },
		{ .hosts_most = 4, .first_host_vms_most = 3, .other_host_vms_most = 1, .moves = false },
	};
	uint64_t seed = number_from("LOCKKEEPER_SEED", 1),
		 count = number_from("LOCKKEEPER_CLUSTERS", CLUSTERS);
	struct tally tally = { 0 };

	for (uint64_t end = seed + count; seed < end; seed++)
		check_cluster(seed, &sizes[seed % 4], &tally);
	if (getenv("LOCKKEEPER_CLUSTERS"))
		fprintf(stderr,
		        "%llu lockable (%llu with room made, %llu with broken groups), %llu not: no-host "
		        "%llu, capacity %llu, count %llu, unreachable %llu, by cases %llu; %llu clusters "
		        "skipped\n",
		        (unsigned long long)tally.lockable, (unsigned long long)tally.more_moves,
		        (unsigned long long)tally.broken, (unsigned long long)tally.never,
		        (unsigned long long)tally.facts[0], (unsigned long long)tally.facts[1],
		        (unsigned long long)tally.facts[2], (unsigned long long)tally.facts[3],
		        (unsigned long long)tally.facts[4], (unsigned long long)tally.skipped);
	if (count >= CLUSTERS)
		cr_assert(tally.more_moves > 20 && tally.broken > 10 && tally.facts[FACT_CAPACITY] > 20 &&
		          tally.facts[FACT_UNREACHABLE] > 0 && tally.facts[FACT_SPLIT] > 10);
}

/* ------------------------------------------------------------------ what the independent verifier says */

/* Puts the plan into another order. */
static void pace_plan(struct drawn *drawn, struct plan *plan)
{
	struct pacing_options how = { .migrations_most = PACE_MIGRATIONS, .runs = 1, .window_s = INFINITY };
	struct prediction prediction;
	struct predictor predictor;
	struct pacing pacing;

	predictor_create(&predictor);
	pacing_create(&pacing, &predictor, &drawn->planning.state, 1);
	pacing_find(&pacing, &drawn->planning.reaches, plan, &how, &prediction);
	predictor_free(&predictor);
}

static json_t *planned_json(struct drawn *drawn, const uint32_t *hosts, uint32_t count,
                            struct planned *planned)
{
	json_t *value = json_object_new();
	struct plan plan;
	bool goal[64] = { false };
	const char *wrong;

	json_add_text(value, "verdict", planned_verdict_words[planned->verdict]);
	if (planned->verdict == PLANNED_LOCKABLE) {
		for (uint32_t i = 0; i < count; i++)
			goal[hosts[i]] = drawn->cluster.host_count > 1 &&
			                 drawn->planning.state.hosts[hosts[i]].administrative != ADMIN_LOCKED;
		wrong = check_orders(&drawn->planning.state, goal, planned);
		cr_assert(!wrong, "not %s\n%s", wrong, drawn->text);
		planned_plan(planned, &drawn->planning.state, &drawn->planning.reaches.amounts, hosts, count,
		             &plan);
		pace_plan(drawn, &plan);
		json_add(value, "plan", plan_json(&plan, &drawn->cluster));
		plan_free(&plan);
	} else if (planned->verdict == PLANNED_NOT_LOCKABLE) {
		json_add(value, "certificate",
		         certificate_json(&planned->fact, &drawn->planning.reaches.amounts, hosts, count));
	}
	return value;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	cr_assert(file);
	cr_assert(fputs(text, file) >= 0);
	cr_assert(fclose(file) == 0);
}

/* Its exit code on a cluster and a document of `check`. */
static int verify(const char *cluster, const char *document)
{
	const char *folder = getenv("O") ? getenv("O") : "build";
	char program[4096], paths[2][64];
	/* It runs once and frees nothing. */
	char option[] = "--certificate", leaks[] = "ASAN_OPTIONS=detect_leaks=0:exitcode=98";
	pid_t pid;
	int status;

	snprintf(program, sizeof(program), "%s/lockkeeper-verify", folder);
	for (int i = 0; i < 2; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/tmp/lockkeeper-planned-%ld-%d.json", (long)getpid(),
		         i);
		write_file(paths[i], i ? document : cluster);
	}
	cr_assert(posix_spawn(&pid, program, NULL, NULL,
	                      (char *[]){ program, paths[0], option, paths[1], NULL },
	                      (char *[]){ leaks, NULL }) == 0);
	cr_assert(waitpid(pid, &status, 0) == pid);
	unlink(paths[0]);
	unlink(paths[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
}

/* Returns how many certificates are split into cases. */
static uint32_t verify_cluster(uint64_t seed, const struct draw_size *size, uint64_t verdicts[3])
{
	json_t *document = json_object_new(), *array = json_add(document, "hosts", json_array_new());
	struct drawn drawn;
	uint32_t splits = 0;
	char *text;

	drawn_create(&drawn, seed, size);
	for (uint32_t host = 0; host <= drawn.cluster.host_count; host++) {
		uint32_t both[] = { 0, 1 }, single[] = { host };
		bool pair = host == drawn.cluster.host_count;
		const uint32_t *hosts = pair ? both : single;
		uint32_t count = pair && drawn.cluster.host_count > 1 ? 2 : 1;
		struct planned planned;

		if (pair && count == 1)
			break;
		planned_find(&drawn.planning.chooser, &drawn.planning.reaches, hosts, count, NULL, NULL,
		             STEPS, &planned);
		json_add(json_push(array, json_object_new()), "planned",
		         planned_json(&drawn, hosts, count, &planned));
		verdicts[planned.verdict]++;
		splits += planned.verdict == PLANNED_NOT_LOCKABLE && planned.fact.kind == FACT_SPLIT;
		planned_free(&planned);
	}
	text = json_print(document, true, NULL);
	cr_assert_eq(verify(drawn.text, text), 0, "seed %llu: it is not proven\n%s\n%s",
	             (unsigned long long)seed, drawn.text, text);
	free(text);
	json_free(document);
	drawn_free(&drawn);
	return splits;
}

Test(planned, plans_and_certificates_are_proven, .timeout = 100000)
{
	static const struct draw_size sizes[] = {
		{ .hosts_most = 5, .first_host_vms_most = 3, .other_host_vms_most = 2, .moves = true },
		{ .hosts_most = 4, .first_host_vms_most = 4, .other_host_vms_most = 2, .moves = true },
		{ .hosts_most = 3,
		  .first_host_vms_most = 3,
		  .other_host_vms_most = 2,
		  .moves = true,
		  .numa = true },
		{ .hosts_most = 14, .first_host_vms_most = 4, .other_host_vms_most = 2, .moves = true },
		{ .hosts_most = 5, .first_host_vms_most = 3, .other_host_vms_most = 2, .moves = false },
		{ .hosts_most = 8, .first_host_vms_most = 4, .other_host_vms_most = 2, .moves = true },
	};
	uint64_t seed = number_from("LOCKKEEPER_SEED", 1), verdicts[3] = { 0 }, splits = 0;
	uint64_t count = number_from("LOCKKEEPER_CLUSTERS", VERIFIED_CLUSTERS);

	for (uint64_t end = seed + count; seed < end; seed++)
		splits += verify_cluster(seed, &sizes[seed % 6], verdicts);
	if (getenv("LOCKKEEPER_CLUSTERS"))
		fprintf(stderr, "%llu lockable, %llu not (%llu by cases), %llu unknown\n",
		        (unsigned long long)verdicts[0], (unsigned long long)verdicts[1],
		        (unsigned long long)splits, (unsigned long long)verdicts[2]);
	if (count >= VERIFIED_CLUSTERS)
		cr_assert(verdicts[0] > 100 && verdicts[1] > 100 && splits > 2);
}

/* A rolling plan of a random cluster, or why there is none, as a document of `check`; *verdicts counts. */
static json_t *rolling_json(const struct cluster *cluster, uint32_t parallel_most, uint64_t verdicts[3])
{
	json_t *document = json_object_new(), *value;
	struct amounts amounts;
	struct rolling rolling;

	rolling_plan(cluster, parallel_most, STEPS, &rolling);
	verdicts[rolling.verdict]++;
	amounts_create(&amounts, cluster);
	value = json_add(json_push(json_add(document, "hosts", json_array_new()), json_object_new()),
	                 "planned", json_object_new());
	json_add_text(value, "verdict", planned_verdict_words[rolling.verdict]);
	if (rolling.verdict == PLANNED_LOCKABLE) {
		cr_assert(rolling.plan.stage_count >= rolling.plan.stages_least);
		cr_assert(rolling.plan.move_count >= rolling.plan.moves_least);
		json_add(value, "plan", plan_json(&rolling.plan, cluster));
	} else if (rolling.verdict == PLANNED_NOT_LOCKABLE) {
		json_add(value, "certificate",
		         certificate_json(&rolling.planned.fact, &amounts, &rolling.stuck, 1));
	}
	amounts_free(&amounts);
	rolling_free(&rolling);
	return document;
}

Test(planned, rolling_plans_are_proven, .timeout = 100000)
{
	static const struct draw_size sizes[] = {
		{ .hosts_most = 5, .first_host_vms_most = 2, .other_host_vms_most = 1, .moves = true },
		{ .hosts_most = 8, .first_host_vms_most = 1, .other_host_vms_most = 1, .moves = true },
		{ .hosts_most = 14, .first_host_vms_most = 3, .other_host_vms_most = 1, .moves = true },
	};
	uint64_t seed = number_from("LOCKKEEPER_SEED", 1), verdicts[3] = { 0 };
	uint64_t count = number_from("LOCKKEEPER_CLUSTERS", VERIFIED_CLUSTERS);

	for (uint64_t end = seed + count; seed < end; seed++) {
		char *text = draw_cluster_text(seed, &sizes[seed % 3]), *written;
		struct cluster cluster;
		json_t *document;

		cluster_from_text(&cluster, text);
		document = rolling_json(&cluster, 1 + (uint32_t)(seed % 4), verdicts);
		written = json_print(document, true, NULL);
		cr_assert_eq(verify(text, written), 0, "seed %llu: it is not proven\n%s\n%s",
		             (unsigned long long)seed, text, written);
		free(written);
		json_free(document);
		cluster_free(&cluster);
		free(text);
	}
	if (getenv("LOCKKEEPER_CLUSTERS"))
		fprintf(stderr, "%llu rolling plans, %llu not, %llu unknown\n",
		        (unsigned long long)verdicts[0], (unsigned long long)verdicts[1],
		        (unsigned long long)verdicts[2]);
	if (count >= VERIFIED_CLUSTERS)
		cr_assert(verdicts[0] > 20 && verdicts[1] > 20);
}

/* An image-booted VM goes live to a host with LVM and, being too large, leaves it never: stages that begin
 * with the host where it is now bring it there before that host's own turn. */
Test(planned, whether_a_vm_can_leave_depends_on_where_it_is)
{
	static const char text[] =
		"{\"schema\": \"lockkeeper.cluster/1\", \"name\": \"two\", "
		"\"profile\": \"starlingx\", \"hosts\": ["
		"{\"name\": \"a\", \"cpus\": 8, \"memory_mib\": 8192, \"disk_gib\": 400}, "
		"{\"name\": \"b\", \"cpus\": 8, \"memory_mib\": 8192, \"disk_gib\": 400, "
		"\"storage\": \"local_lvm\"}], \"flavors\": ["
		"{\"name\": \"large\", \"vcpus\": 1, \"memory_mib\": 1024, \"disk_gib\": 200}, "
		"{\"name\": \"small\", \"vcpus\": 1, \"memory_mib\": 1024, \"disk_gib\": 10}], \"vms\": ["
		"{\"name\": \"v\", \"flavor\": \"large\", \"host\": \"a\", \"boot\": \"image\"}, "
		"{\"name\": \"w\", \"flavor\": \"small\", \"host\": \"b\"}]}";
	uint64_t verdicts[3] = { 0 };
	struct cluster cluster;
	json_t *document;
	char *written;

	cluster_from_text(&cluster, text);
	document = rolling_json(&cluster, 1, verdicts);
	written = json_print(document, true, NULL);
	cr_expect_eq(verdicts[PLANNED_LOCKABLE], 1, "%s", written);
	cr_expect_eq(verify(text, written), 0, "it is not proven\n%s", written);
	cr_expect(strstr(written, "[\"b\"], [\"a\"]"), "%s", written);
	free(written);
	json_free(document);
	cluster_free(&cluster);
}
