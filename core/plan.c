/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/plan.h"

#include "core/moment.h"
#include "core/network.h"
#include "core/plan_read.h"
#include "core/rules.h"

#include <math.h>

/* What a move reserves is written in whole kbit/s, the bound of the time in whole microseconds. */
static const double KBITS = 1000, MICROSECONDS = 1e6;

static const char *const whys[] = { "evacuate", "make-room", "bypass", "return", NULL };
const char *const *const plan_why_words = whys;

void plan_free(struct plan *plan)
{
	arena_free(&plan->arena);
	*plan = (struct plan){ 0 };
}

int64_t plan_move_id(const struct plan *plan, uint32_t move)
{
	return plan->own_ids ? plan->moves[move].id : (int64_t)move + 1;
}

/* The largest multiple of 1/parts up to a number; what is one already stays the same double. */
static double rounded_down(double number, double parts)
{
	double near = round(number * parts) / parts;

	return near <= number ? near : floor(number * parts) / parts;
}

static json_t *predicted_json(const struct plan_predicted *predicted)
{
	json_t *object = json_object_new();

	json_add_number(object, "start_s", round(predicted->start_s * 1e6) / 1e6);
	json_add_percentiles(object, "duration_s", predicted->duration_s);
	json_add_percentiles(object, "downtime_ms", predicted->downtime_ms);
	json_add_number(object, "bytes", round(predicted->bytes));
	return object;
}

static void add_stages(json_t *root, const struct plan *plan, const struct cluster *cluster)
{
	json_t *stages = json_add(root, "stages", json_array_new());

	for (const struct plan_stage *stage = plan->stages; stage; stage = stage->next) {
		json_t *hosts = json_push(stages, json_array_new());

		for (uint32_t i = 0; i < stage->count; i++)
			json_push(hosts, json_text_new(cluster->hosts[stage->hosts[i]].name));
	}
	json_add_number(root, "max_parallel", plan->parallel_most);
}

static json_t *move_json(const struct plan *plan, uint32_t index, const struct cluster *cluster)
{
	const struct plan_move *move = &plan->moves[index];
	json_t *object = json_object_new(), *after;

	json_add_number(object, "id", (double)plan_move_id(plan, index));
	json_add_text(object, "vm", cluster->vms[move->vm].name);
	json_add_text(object, "from", cluster->hosts[move->from].name);
	json_add_text(object, "to", cluster->hosts[move->to].name);
	json_add_text(object, "method", method_words[move->method]);
	after = json_add(object, "after", json_array_new());
	for (uint32_t i = 0; i < move->after_count; i++)
		json_push(after, json_number_new((double)plan_move_id(plan, move->after[i])));
	if (plan->parallel_most > 0)
		json_add_number(object, "stage", move->stage);
	if (move->reserve_mbit_s >= 1 / KBITS)
		json_add_number(object, "reserve_mbit_s", rounded_down(move->reserve_mbit_s, KBITS));
	if (plan->predicted)
		json_add(object, "predicted", predicted_json(&move->predicted));
	json_add_text(object, "why", plan_why_words[move->why]);
	return object;
}

static void add_goal(json_t *root, const struct plan *plan, const struct cluster *cluster)
{
	json_t *goal = json_add(root, "goal", json_object_new()), *part;

	if (plan->goal_count > 0 || plan->place_count == 0) {
		part = json_add(goal, "lock", json_array_new());
		for (uint32_t i = 0; i < plan->goal_count; i++)
			json_push(part, json_text_new(cluster->hosts[plan->goal[i]].name));
	}
	if (plan->place_count > 0) {
		part = json_add(goal, "place", json_object_new());
		for (uint32_t i = 0; i < plan->place_count; i++)
			json_add_text(part, cluster->vms[plan->places[i].vm].name,
			              cluster->hosts[plan->places[i].host].name);
	}
}

json_t *plan_json(const struct plan *plan, const struct cluster *cluster)
{
	json_t *root = json_object_new(), *array, *object;

	json_add_text(root, "schema", PLAN_SCHEMA);
	json_add_text(root, "profile", profile_words[plan->profile]);
	json_add_text(root, "cluster_digest", plan->digest);
	add_goal(root, plan, cluster);
	if (plan->parallel_most > 0)
		add_stages(root, plan, cluster);
	array = json_add(root, "moves", json_array_new());
	for (uint32_t i = 0; i < plan->move_count; i++)
		json_push(array, move_json(plan, i, cluster));
	object = json_add(root, "bounds", json_object_new());
	json_add_number(object, "moves", plan->moves_least);
	if (plan->parallel_most > 0)
		json_add_number(object, "stages", plan->stages_least);
	if (plan->makespan_least_s > 0)
		json_add_number(object, "makespan_s", rounded_down(plan->makespan_least_s, MICROSECONDS));
	if (plan->predicted)
		json_add_percentiles(root, "makespan_s", plan->makespan_s);
	array = json_add(root, "breaks", json_array_new());
	for (uint32_t i = 0; i < plan->broken_count; i++)
		json_push(array, json_text_new(cluster->groups[plan->broken[i]].name));
	if (plan->expires_unix_s > 0) {
		char text[MOMENT_ROOM];

		moment_text(plan->expires_unix_s, text);
		json_add_text(root, "expires_at", text);
	}
	return root;
}

int64_t plan_reserve_bytes_s(const struct plan_move *move)
{
	return (int64_t)(move->reserve_mbit_s * BYTES_PER_MBIT);
}
