/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What plan_json writes, plan_read reads, and plan_json writes the same bytes of it. */
#include "core/plan_read.h"
#include "core/rules.h"
#include "tests/support/draw.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { PLANS = 3000, MOVES_MOST = 12, WHOLE_MOST = 100000000 };

/* A number that files round, often one that they do not. */
static double draw_number(struct draw *draw)
{
	double whole = draw_below(draw, WHOLE_MOST);

	return draw_percent(draw, 30) ? whole / 1e6 : whole / (1 + draw_below(draw, WHOLE_MOST));
}

static void draw_percentiles(struct draw *draw, double ret[3])
{
	for (int i = 0; i < 3; i++)
		ret[i] = draw_number(draw);
}

/* Some of the first `count` indexes. */
static uint32_t *draw_some(struct draw *draw, struct arena *arena, uint32_t count, uint32_t *ret_count)
{
	uint32_t *some = ARENA_ARRAY(arena, uint32_t, count), taken = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (draw_percent(draw, 40))
			some[taken++] = i;
	}
	*ret_count = taken;
	return some;
}

static void draw_moves(struct draw *draw, const struct cluster *cluster, struct plan *plan)
{
	plan->move_count = cluster->vm_count == 0 || cluster->host_count < 2 ? 0
	                                                                     : draw_below(draw, MOVES_MOST);
	plan->moves = ARENA_ARRAY(&plan->arena, struct plan_move, plan->move_count);
	for (uint32_t i = 0; i < plan->move_count; i++) {
		struct plan_move *move = &plan->moves[i];

		move->vm = draw_below(draw, cluster->vm_count);
		move->from = draw_below(draw, cluster->host_count);
		move->to = (move->from + 1 + draw_below(draw, cluster->host_count - 1)) % cluster->host_count;
		move->method = (uint8_t)draw_below(draw, METHOD_NONE);
		move->why = (uint8_t)draw_below(draw, PLAN_RETURN + 1);
		move->after = draw_some(draw, &plan->arena, i, &move->after_count);
		move->reserve_mbit_s = draw_percent(draw, 50) ? draw_number(draw) : 0;
		if (plan->stage_count > 0)
			move->stage = draw_below(draw, plan->stage_count);
		move->predicted.start_s = draw_number(draw);
		draw_percentiles(draw, move->predicted.duration_s);
		draw_percentiles(draw, move->predicted.downtime_ms);
		move->predicted.bytes = draw_number(draw) * 1e6;
		/* Ids as a file may have them: unique, in any order. */
		move->id = (int64_t)(i * 7919 % 1009) - 500;
	}
}

/* Whatever can be written, whether it makes sense or not. */
static void draw_plan(struct draw *draw, const struct cluster *cluster, struct plan *plan)
{
	static const char digest[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	struct plan_place *places = ARENA_ARRAY(&plan->arena, struct plan_place, cluster->vm_count);

	plan->profile = (enum profile)draw_below(draw, PROFILE_COUNT);
	plan->digest = digest;
	plan->goal = draw_some(draw, &plan->arena, cluster->host_count, &plan->goal_count);
	plan->places = places;
	for (uint32_t vm = 0; vm < cluster->vm_count && draw_percent(draw, 30); vm++)
		places[plan->place_count++] = (struct plan_place){ vm,
			                                           draw_below(draw, cluster->host_count) };
	plan->predicted = draw_percent(draw, 50);
	plan->own_ids = draw_percent(draw, 50);
	for (uint32_t host = 0; draw_percent(draw, 40) && host < cluster->host_count; host++) {
		struct plan_stage *stage = ARENA_ARRAY(&plan->arena, struct plan_stage, 1);

		stage->hosts = ARENA_ARRAY(&plan->arena, uint32_t, 1);
		stage->hosts[stage->count++] = host;
		if (plan->stages)
			plan->stages_last->next = stage;
		else
			plan->stages = stage;
		plan->stages_last = stage;
		plan->stage_count++;
		plan->parallel_most = draw_between(draw, 1, 9);
		plan->stages_least = draw_below(draw, 5);
	}
	draw_moves(draw, cluster, plan);
	plan->moves_least = draw_below(draw, MOVES_MOST);
	plan->broken = draw_some(draw, &plan->arena, cluster->group_count, &plan->broken_count);
	draw_percentiles(draw, plan->makespan_s);
	plan->makespan_least_s = draw_percent(draw, 50) ? draw_number(draw) : 0;
	plan->expires_unix_s = draw_percent(draw, 50) ? 1 + draw_below(draw, UINT32_MAX) : 0;
}

static char *written(const struct plan *plan, const struct cluster *cluster, size_t *ret_length)
{
	json_t *value = plan_json(plan, cluster);
	char *text = json_print(value, true, ret_length);

	json_free(value);
	return text;
}

static void check_plan(uint64_t seed)
{
	static const struct draw_size size = { .hosts_most = 6,
		                               .first_host_vms_most = 5,
		                               .other_host_vms_most = 3 };
	struct draw draw = { seed };
	char *cluster_text = draw_cluster_text(seed, &size), *text, *again;
	struct plan plan = { 0 }, back;
	struct cluster cluster;
	struct json_doc *doc;
	struct error error;
	size_t length;

	cluster_from_text(&cluster, cluster_text);
	draw_plan(&draw, &cluster, &plan);
	text = written(&plan, &cluster, &length);
	cr_assert_eq(json_doc_parse(&doc, "p.json", strdup(text), length, &error), 0, "%s", error.text);
	cr_assert_eq(plan_read(&back, doc, &cluster, &error), 0, "seed %llu: %s\n%s",
	             (unsigned long long)seed, error.text, text);
	json_doc_free(doc);
	again = written(&back, &cluster, &length);
	cr_assert(!strcmp(text, again), "seed %llu:\n%s\n%s", (unsigned long long)seed, text, again);
	cr_assert_eq(back.move_count, plan.move_count);
	free(text);
	free(again);
	free(cluster_text);
	plan_free(&plan);
	plan_free(&back);
	cluster_free(&cluster);
}

Test(plan_read, reads_what_is_written_and_writes_the_same, .timeout = 100000)
{
	for (uint64_t seed = 1; seed <= PLANS; seed++)
		check_plan(seed);
}
