/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random scenarios on random clusters: what must hold whatever happens. */
#include "core/schedule.h"
#include "sim/actions.h"
#include "sim/predict.h"
#include "tests/support/draw.h"
#include "tests/support/ideal.h"
#include "tests/support/simulated.h"

#include <criterion/criterion.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCENARIOS = 4000, ACTIONS_MOST = 14 };

static const struct draw_size size = { .hosts_most = 6, .first_host_vms_most = 7, .other_host_vms_most = 4 };

static const char *pick_vm(struct draw *draw, const struct cluster *cluster)
{
	return cluster->vms[draw_below(draw, cluster->vm_count)].name;
}

static const char *pick_host(struct draw *draw, const struct cluster *cluster)
{
	return cluster->hosts[draw_below(draw, cluster->host_count)].name;
}

static void print_action(FILE *file, struct draw *draw, const struct cluster *cluster, uint32_t index)
{
	uint32_t kind = draw_below(draw, ACTION_KINDS);

	fprintf(file, "{\"do\":\"%s\",\"at_s\":%u,\"concurrent\":%s", action_words[kind],
	        draw_below(draw, 40), draw_percent(draw, 60) ? "true" : "false");
	switch (kind) {
	case ACTION_LOCK:
	case ACTION_FORCE_LOCK:
	case ACTION_UNLOCK:
	case ACTION_FAIL_HOST:
		fprintf(file, ",\"host\":\"%s\"", pick_host(draw, cluster));
		break;
	case ACTION_LINK:
		fprintf(file, ",\"host\":\"%s\",\"nic_mbit_s\":%u", pick_host(draw, cluster),
		        draw_below(draw, 4) * 400);
		break;
	case ACTION_ADD_HOST:
		fprintf(file, ",\"host\":{\"name\":\"x%u\",\"cpus\":16,\"memory_mib\":16384}", index);
		break;
	case ACTION_BOOT:
		fprintf(file, ",\"name\":\"n%u\",\"flavor\":\"%s\",\"max_count\":%u", index,
		        cluster->flavors[draw_below(draw, cluster->flavor_count)].name,
		        draw_between(draw, 1, 3));
		if (cluster->group_count)
			fprintf(file, ",\"group\":\"%s\"",
			        cluster->groups[draw_below(draw, cluster->group_count)].name);
		break;
	case ACTION_SET_GROUP:
		fprintf(file, ",\"group\":\"%s\",\"policy\":\"%s\"",
		        cluster->groups[draw_below(draw, cluster->group_count)].name,
		        policy_words[draw_below(draw, 4)]);
		break;
	default:
		fprintf(file, ",\"vm\":\"%s\"", pick_vm(draw, cluster));
		if (kind == ACTION_RESIZE)
			fprintf(file, ",\"flavor\":\"%s\"",
			        cluster->flavors[draw_below(draw, cluster->flavor_count)].name);
		if ((kind == ACTION_LIVE_MIGRATE || kind == ACTION_COLD_MIGRATE || kind == ACTION_EVACUATE) &&
		    draw_percent(draw, 50))
			fprintf(file, ",\"to\":\"%s\"", pick_host(draw, cluster));
		if (kind == ACTION_LIVE_MIGRATE && draw_percent(draw, 20))
			fprintf(file, ",\"force\":true");
		break;
	}
	fprintf(file, "}");
}

/* Half of the actions are locks and live migrations; the others are of any kind. */
static void print_actions(FILE *file, struct draw *draw, const struct cluster *cluster)
{
	uint32_t count = draw_between(draw, 1, ACTIONS_MOST);

	for (uint32_t i = 0; i < count; i++) {
		fprintf(file, "%s", i ? "," : "");
		if (draw_percent(draw, 25))
			fprintf(file, "{\"do\":\"lock\",\"host\":\"%s\",\"at_s\":%u,\"concurrent\":true}",
			        pick_host(draw, cluster), draw_below(draw, 30));
		else if (draw_percent(draw, 30))
			fprintf(file,
			        "{\"do\":\"live-migrate\",\"vm\":\"%s\",\"at_s\":%u,\"concurrent\":true}",
			        pick_vm(draw, cluster), draw_below(draw, 30));
		else if (cluster->group_count)
			print_action(file, draw, cluster, i);
		else
			fprintf(file, "{\"do\":\"stop\",\"vm\":\"%s\"}", pick_vm(draw, cluster));
	}
}

/* The text of a scenario; the caller free()s it. NULL: a cluster without VMs. */
static char *draw_scenario(uint64_t seed)
{
	struct draw draw = { seed * 977 + 3 };
	char *cluster_text = draw_cluster_text(seed, &size), *text = NULL;
	struct cluster cluster;
	size_t length;
	FILE *file;

	cluster_from_text(&cluster, cluster_text);
	file = open_memstream(&text, &length);
	fprintf(file, "{\"schema\":\"lockkeeper.scenario/1\",\"cluster\":%s,\"actions\":[", cluster_text);
	if (cluster.vm_count)
		print_actions(file, &draw, &cluster);
	fprintf(file, "]}");
	fclose(file);
	cluster_free(&cluster);
	free(cluster_text);
	return text;
}

static void read_drawn(struct scenario *ret_scenario, uint64_t seed)
{
	struct error error = { "" };
	char *text = draw_scenario(seed);

	cr_assert_eq(scenario_try_text(ret_scenario, text, PROFILE_COUNT, &error), 0, "seed %llu: %s\n%s",
	             (unsigned long long)seed, error.text, text);
	free(text);
}

/* Nothing is left under way, and what hosts hold is what a state made anew from the VMs' places holds. */
static void check_at_rest(const struct state *state, uint64_t seed)
{
	const struct cluster *cluster = state->cluster;
	int64_t *memory_mib = calloc(cluster->host_count, sizeof(int64_t));

	for (uint32_t vm = 0; vm < cluster->vm_count; vm++) {
		cr_assert_eq(state->vm_target[vm], NONE, "seed %llu: %s is on its way",
		             (unsigned long long)seed, cluster->vms[vm].name);
		cr_assert(!state->vm_busy[vm] || cluster->vms[vm].task || state->vm_state[vm] == VM_DELETED,
		          "seed %llu: %s is busy", (unsigned long long)seed, cluster->vms[vm].name);
		if (state->vm_host[vm] != NONE)
			memory_mib[state->vm_host[vm]] += state_flavor(state, vm)->memory_mib;
	}
	for (uint32_t host = 0; host < cluster->host_count; host++) {
		cr_assert_eq(state->uses[host].under_way, 0, "seed %llu: host %s", (unsigned long long)seed,
		             cluster->hosts[host].name);
		cr_assert_eq(state->uses[host].memory_mib, memory_mib[host]);
	}
	free(memory_mib);
}

/* All that was counted as it began was counted as it ended. */
static void check_nothing_moves(const struct world *world, uint64_t seed)
{
	for (uint32_t host = 0; host < world->cluster->host_count; host++) {
		cr_assert_eq(world->turns.leaving[host], 0, "seed %llu: host %u", (unsigned long long)seed,
		             host);
		cr_assert_eq(world->setup_count[host], 0, "seed %llu: host %u", (unsigned long long)seed,
		             host);
	}
	for (uint32_t i = 0; i < world->move_count; i++)
		cr_assert(!world->moves[i]->in_use && !world->moves[i]->in_setup, "seed %llu",
		          (unsigned long long)seed);
	for (uint32_t i = 0; i < world->moved_count; i++) {
		const struct moved *moved = &world->moved[i];

		cr_assert(moved->outcome != OUTCOME_UNDER_WAY && moved->end_ns >= moved->start_ns &&
		                  isfinite(moved->bytes) && moved->bytes >= 0 &&
		                  isfinite(moved->downtime_s) && moved->downtime_s >= 0,
		          "seed %llu: migration %u", (unsigned long long)seed, i);
	}
}

/* Verdicts mean what they say: a locked host holds only what a lock leaves. */
static void check_verdicts(const struct world *world, uint64_t seed)
{
	for (uint32_t i = 0; i < world->action_count; i++) {
		const struct activity *activity = &world->activities[i];

		cr_assert(activity->verdict != VERDICT_NONE && activity->start_ns >= 0 &&
		                  activity->end_ns >= activity->start_ns,
		          "seed %llu: action %u", (unsigned long long)seed, i);
		cr_assert(activity->start_ns >= activity->action->at_ns);
		cr_assert(activity->verdict != VERDICT_REJECTED || activity->message);
	}
	/* nova starts a stopped guest on a host that was drained. */
	for (uint32_t host = 0; host < world->cluster->host_count && world->state->profile != PROFILE_NOVA;
	     host++) {
		uint32_t vm = state_vms_first(world->state, host);

		if (world->state->hosts[host].administrative != ADMIN_LOCKED ||
		    world->cluster->hosts[host].administrative == ADMIN_LOCKED)
			continue;
		for (; vm != NONE; vm = state_vms_next(world->state, vm)) {
			uint8_t vm_state = world->state->vm_state[vm];

			cr_assert(lock_leaves(world->state, vm) || vm_state == VM_SUSPENDED,
			          "seed %llu: %s is on locked %s", (unsigned long long)seed,
			          world->cluster->vms[vm].name, world->cluster->hosts[host].name);
		}
	}
}

/* Those that ship, ideal ones, and ones of which no run is like another. */
static const struct hypervisors *pick_hypervisors(uint64_t seed)
{
	static struct hypervisors wild;

	wild = *hypervisors_shipped();
	for (size_t i = 0; i < HYPERVISORS; i++) {
		for (const struct hypervisor_constant *of = hypervisor_constants; of->name; of++)
			if (of->spread)
				*(double *)((char *)&wild.rows[i] + of->offset) = 1;
		wild.rows[i].setup_crowd = 3;
	}
	return seed % 3 == 0 ? NULL : seed % 3 == 1 ? ideal_hypervisors() : &wild;
}

static void prepare(struct world *world, struct state *state, const struct scenario *scenario, uint64_t seed)
{
	state_create(state, &scenario->cluster);
	for (uint32_t host = scenario->hosts_at_start; host < scenario->cluster.host_count; host++)
		state->hosts[host].absent = true;
	world_create(world, &scenario->cluster);
	world->vms_at_start = scenario->vms_at_start;
	world->want_alarms = true;
	world->hypervisors = pick_hypervisors(seed);
}

Test(simulation, leaves_everything_in_order)
{
	for (uint64_t seed = 0; seed < SCENARIOS; seed++) {
		struct scenario scenario;
		struct world world;
		struct state state;

		read_drawn(&scenario, seed);
		prepare(&world, &state, &scenario, seed);
		world_run(&world, &state, scenario.actions, scenario.action_count, seed,
		          (uint32_t)(seed % 5));
		check_at_rest(&state, seed);
		check_nothing_moves(&world, seed);
		check_verdicts(&world, seed);
		world_free(&world);
		state_free(&state);
		scenario_free(&scenario);
	}
}

/* The same again, on a world that has run something else, after an undo: the same to the last byte of the
 * trace. */
Test(simulation, is_the_same_every_time)
{
	for (uint64_t seed = 0; seed < SCENARIOS; seed++) {
		struct scenario scenario;
		struct world world;
		struct state state;
		struct trace traces[3] = { 0 };

		read_drawn(&scenario, seed);
		prepare(&world, &state, &scenario, seed);
		for (int i = 0; i < 3; i++) {
			uint32_t mark = state_mark(&state);

			world.trace = &traces[i];
			world_run(&world, &state, scenario.actions, scenario.action_count, i == 1 ? 99 : 7,
			          (uint32_t)(i == 1 ? 1 : seed % 5));
			state_rollback(&state, mark);
			if (scenario.cluster.group_count)
				memcpy(state.groups, scenario.cluster.groups,
				       sizeof(state.groups[0]) * scenario.cluster.group_count);
		}
		cr_assert(traces[0].length == traces[2].length &&
		                  (traces[0].length == 0 ||
		                   !memcmp(traces[0].text, traces[2].text, traces[0].length)),
		          "seed %llu:\n%.*s\n--\n%.*s", (unsigned long long)seed, (int)traces[0].length,
		          traces[0].text, (int)traces[2].length, traces[2].text);
		for (int i = 0; i < 3; i++)
			trace_free(&traces[i]);
		world_free(&world);
		state_free(&state);
		scenario_free(&scenario);
	}
}

/* A prediction is the simulated lock. */
Test(simulation, predicts_what_it_simulates)
{
	for (uint64_t seed = 0; seed < SCENARIOS; seed++) {
		struct cluster cluster;
		struct predictor predictor;
		struct state state;
		char *text = draw_cluster_text(seed, &size);

		cluster_from_text(&cluster, text);
		free(text);
		predictor_create(&predictor);
		state_create(&state, &cluster);
		for (uint32_t host = 0; host < cluster.host_count; host++) {
			struct prediction prediction;
			struct action action = { .kind = ACTION_LOCK,
				                 .host = host,
				                 .vm = NONE,
				                 .to = NONE,
				                 .flavor = NONE,
				                 .group = NONE,
				                 .vm_first = NONE };
			struct world world;
			struct state own;
			double duration_s;

			if (state.hosts[host].administrative == ADMIN_LOCKED)
				continue;
			predictor.hypervisors = pick_hypervisors(seed);
			predict_lock(&predictor, &state, host, NULL, 0, 1, seed, 1e9, &prediction);
			state_create(&own, &cluster);
			world_create(&world, &cluster);
			world.hypervisors = pick_hypervisors(seed);
			world_run(&world, &own, &action, 1, seed, 0);
			duration_s = (double)(world.activities[0].end_ns - world.activities[0].start_ns) /
			             1e9;
			cr_assert_eq(prediction.completed, world.activities[0].verdict == VERDICT_LOCKED);
			cr_assert_eq(prediction.probability_in_window, prediction.completed);
			cr_assert_eq(prediction.duration_s[1], duration_s, "seed %llu: host %u: %.9g, %.9g",
			             (unsigned long long)seed, host, prediction.duration_s[1], duration_s);
			world_free(&world);
			state_free(&own);
		}
		predictor_free(&predictor);
		state_free(&state);
		cluster_free(&cluster);
	}
}

/* The walk over hosts by their load finds the host that schedule_best does. */
Test(simulation, chooses_as_the_scheduler_does)
{
	for (uint64_t seed = 0; seed < SCENARIOS; seed++) {
		struct draw draw = { seed };
		struct cluster cluster;
		struct world world;
		struct state state;
		char *text = draw_cluster_text(seed, &size);

		cluster_from_text(&cluster, text);
		free(text);
		state_create(&state, &cluster);
		world_create(&world, &cluster);
		world.state = &state;
		for (uint32_t host = 0; host < cluster.host_count; host++) {
			uint32_t load = draw_percent(&draw, 5) ? LOADS_MOST + draw_below(&draw, 3)
			                                       : draw_below(&draw, 4);

			while (load-- > 0)
				load_change(&world, host, 1);
		}
		for (uint32_t vm = 0; vm < cluster.vm_count; vm++) {
			struct request request = request_for(&state, MOVE_LIVE, vm);

			if (state.vm_host[vm] == NONE)
				continue;
			cr_assert_eq(choose_host(&world, &request), schedule_best(&request, NULL, 0),
			             "seed %llu: %s", (unsigned long long)seed, cluster.vms[vm].name);
		}
		world_free(&world);
		state_free(&state);
		cluster_free(&cluster);
	}
}
