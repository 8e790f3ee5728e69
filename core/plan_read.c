/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/plan_read.h"

#include "core/intern.h"
#include "core/moment.h"
#include "core/read.h"
#include "core/rules.h"

#include <stdlib.h>
#include <string.h>

/* Bounds: times fit 64 bits of nanoseconds, and their millionths a double, as they are written. */
#define SECONDS_MAX 1e9 /* of milliseconds, too */
#define BYTES_MAX 1e18
#define ID_MAX 1e12

/* The root while it is read. */
struct root {
	const char *schema, *digest;
	const json_t *goal, *moves, *stages, *makespan_s, *bounds, *breaks;
	uint8_t profile;
	int64_t max_parallel, expires_unix_s;
};

/* A move while it is read. */
struct raw {
	int64_t id, stage; /* stage < 0: not said */
	uint32_t vm, from, to;
	uint8_t method, why;
	double reserve_mbit_s;
	const json_t *value, *after, *predicted;
};

struct bounds {
	int64_t moves, stages;
	double makespan_s;
};

struct id {
	int64_t id;
	uint32_t index;
};

/* What is at hand while a plan is read. Texts are kept in a cluster of their own, so that the real one stays
 * as it is. */
struct reading {
	struct reader reader;
	struct cluster texts;
	const struct cluster *cluster;
	struct plan *plan;
	struct raw *raws; /* in the file's order */
	uint32_t count;
	struct id *ids; /* sorted */
	uint32_t **after, *after_counts;
	uint32_t *order;  /* the moves, each behind those that it waits for */
	uint32_t *places; /* where each is in the order */
};

static const struct cluster *cluster_of(const struct reader *reader)
{
	return ((const struct reading *)reader->context)->cluster;
}

/* ------------------------------------------------------------------ names */

static int refer(struct reader *reader, const json_t *value,
                 uint32_t (*find)(const struct cluster *, const char *), const char *what, uint32_t *into)
{
	uint32_t index;

	if (read_type(reader, value, JSON_TEXT, "a name"))
		return ERROR_INPUT;
	index = find(cluster_of(reader), json_text(value));
	if (index == NONE)
		return json_fail(reader->doc, value, reader->error,
		                 "no %s is named \"%.80s\", expected one of the cluster's", what,
		                 json_text(value));
	*into = index;
	return 0;
}

/* By name alone: lockkeeper-verify knows no other, and both must mean the same VM. */
static uint32_t find_vm(const struct cluster *cluster, const char *name)
{
	uint32_t vm = cluster_vm(cluster, name);

	return vm == NONE || strcmp(cluster->vms[vm].name, name) ? NONE : vm;
}

static int refer_host(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, cluster_host, "host", into);
}

static int refer_vm(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, find_vm, "VM", into);
}

/* An array of names, each once. *into: as long as the array. */
static int refer_all(struct reader *reader, const json_t *array,
                     uint32_t (*find)(const struct cluster *, const char *), const char *what, bool *seen,
                     uint32_t *into)
{
	uint32_t count = 0;

	for (const json_t *entry = json_first(array); entry; entry = json_next(entry), count++) {
		if (refer(reader, entry, find, what, &into[count]))
			return ERROR_INPUT;
		if (seen[into[count]])
			return json_fail(reader->doc, entry, reader->error,
			                 "\"%.80s\" stands twice, expected each %s once", json_text(entry),
			                 what);
		seen[into[count]] = true;
	}
	return 0;
}

/* ------------------------------------------------------------------ tables */

static int keep_array(struct reader *reader, const json_t *value, void *into)
{
	*(const json_t **)into = value;
	return read_type(reader, value, JSON_ARRAY, "an array");
}

static int keep_value(struct reader *reader, const json_t *value, void *into)
{
	(void)reader;
	*(const json_t **)into = value;
	return 0;
}

static int read_moment(struct reader *reader, const json_t *value, void *into)
{
	if (read_type(reader, value, JSON_TEXT, "a time"))
		return ERROR_INPUT;
	if (!moment_parse(json_text(value), into) || *(int64_t *)into == 0)
		return json_fail(reader->doc, value, reader->error,
		                 "\"%.80s\", expected a time like \"2026-11-26T12:00:00Z\"",
		                 json_text(value));
	return 0;
}

static int read_digest(struct reader *reader, const json_t *value, void *into)
{
	const char *text;

	if (read_type(reader, value, JSON_TEXT, "a SHA-256"))
		return ERROR_INPUT;
	text = json_text(value);
	if (strlen(text) != 64 || strspn(text, "0123456789abcdef") != 64)
		return json_fail(reader->doc, value, reader->error,
		                 "\"%.80s\", expected 64 hexadecimal digits", text);
	*(const char **)into = text;
	return 0;
}

/* How a plan may move a VM: the first of the methods that there are. */
static const char *const methods[] = { [METHOD_LIVE] = "live", [METHOD_COLD] = "cold", NULL };
static const char *const *const plan_method_words = methods;

#define BY(type_, member_, by_) \
	.name = #member_, .kind = READ_BY, .offset = offsetof(struct type_, member_), .by = by_

static const struct read_member root_members[] = {
	{ .name = "schema", .kind = READ_TEXT, .offset = offsetof(struct root, schema), .required = true },
	{ .name = "cluster_digest",
	  .kind = READ_BY,
	  .offset = offsetof(struct root, digest),
	  .by = read_digest,
	  .required = true },
	{ .name = "profile",
	  .kind = READ_WORD,
	  .offset = offsetof(struct root, profile),
	  .words = &profile_words },
	{ BY(root, goal, keep_value), .required = true },
	{ BY(root, moves, keep_array), .required = true },
	{ BY(root, stages, keep_array) },
	{ .name = "max_parallel",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct root, max_parallel),
	  .min = 1,
	  .max = UINT32_MAX },
	{ BY(root, makespan_s, keep_value) },
	{ BY(root, bounds, keep_value) },
	{ BY(root, breaks, keep_array) },
	{ .name = "expires_at",
	  .kind = READ_BY,
	  .offset = offsetof(struct root, expires_unix_s),
	  .by = read_moment },
	{ 0 },
};

static const struct read_member move_members[] = {
	{ .name = "id",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct raw, id),
	  .min = -ID_MAX,
	  .max = ID_MAX,
	  .required = true },
	{ BY(raw, vm, refer_vm), .required = true },
	{ BY(raw, from, refer_host), .required = true },
	{ BY(raw, to, refer_host), .required = true },
	{ .name = "method",
	  .kind = READ_WORD,
	  .offset = offsetof(struct raw, method),
	  .words = &plan_method_words,
	  .required = true },
	{ BY(raw, after, keep_array) },
	{ .name = "why", .kind = READ_WORD, .offset = offsetof(struct raw, why), .words = &plan_why_words },
	{ .name = "stage", .kind = READ_COUNT, .offset = offsetof(struct raw, stage), .max = UINT32_MAX },
	{ .name = "reserve_mbit_s",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct raw, reserve_mbit_s),
	  .max = 1e12 },
	{ BY(raw, predicted, keep_value) },
	{ 0 },
};

#define PERCENTILE(name_, index_)                                                                          \
	{                                                                                                  \
		.name = name_, .kind = READ_NUMBER, .offset = index_ * sizeof(double), .max = SECONDS_MAX, \
		.required = true                                                                           \
	}

static int read_percentiles(struct reader *reader, const json_t *value, void *into)
{
	static const struct read_member members[] = {
		PERCENTILE("p10", 0), PERCENTILE("p50", 1), PERCENTILE("p90", 2), { 0 }
	};

	return read_object(reader, value, members, into, "10th, 50th and 90th percentile");
}

static const struct read_member predicted_members[] = {
	{ .name = "start_s",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct plan_predicted, start_s),
	  .max = SECONDS_MAX,
	  .required = true },
	{ BY(plan_predicted, duration_s, read_percentiles), .required = true },
	{ BY(plan_predicted, downtime_ms, read_percentiles), .required = true },
	{ .name = "bytes",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct plan_predicted, bytes),
	  .max = BYTES_MAX,
	  .required = true },
	{ 0 },
};

static const struct read_member bounds_members[] = {
	{ .name = "moves", .kind = READ_COUNT, .offset = offsetof(struct bounds, moves), .max = UINT32_MAX },
	{ .name = "stages",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct bounds, stages),
	  .max = UINT32_MAX },
	{ .name = "makespan_s",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct bounds, makespan_s),
	  .max = SECONDS_MAX },
	{ 0 },
};

struct goal {
	const json_t *lock, *place;
};

static const struct read_member goal_members[] = {
	{ BY(goal, lock, keep_array) },
	{ BY(goal, place, keep_value) },
	{ 0 },
};

/* ------------------------------------------------------------------ moves */

static int id_compare(const void *a, const void *b)
{
	const struct id *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int read_move(struct reading *reading, const json_t *value, struct raw *raw)
{
	struct reader *reader = &reading->reader;

	*raw = (struct raw){ .stage = -1, .value = value };
	if (read_object(reader, value, move_members, raw, "a move"))
		return ERROR_INPUT;
	if (raw->from == raw->to)
		return json_fail(reader->doc, json_get(value, "to"), reader->error,
		                 "the host that the VM is moved from, expected another");
	if (raw->stage >= 0 && raw->stage >= (int64_t)reading->plan->stage_count)
		return json_fail(reader->doc, json_get(value, "stage"), reader->error,
		                 "%lld, expected one of the plan's %u stages, the first is 0",
		                 (long long)raw->stage, reading->plan->stage_count);
	return 0;
}

/* All moves but what they wait for, whose ids may come later. */
static int read_raws(struct reading *reading, const json_t *array)
{
	reading->count = (uint32_t)json_count(array);
	reading->raws = MEMORY_ARRAY(struct raw, reading->count);
	reading->ids = MEMORY_ARRAY(struct id, reading->count);
	reading->count = 0;
	for (const json_t *entry = json_first(array); entry; entry = json_next(entry), reading->count++) {
		if (read_move(reading, entry, &reading->raws[reading->count]))
			return ERROR_INPUT;
		reading->ids[reading->count] = (struct id){ reading->raws[reading->count].id,
			                                    reading->count };
	}
	qsort(reading->ids, reading->count, sizeof(reading->ids[0]), id_compare);
	for (uint32_t i = 1; i < reading->count; i++) {
		if (reading->ids[i].id == reading->ids[i - 1].id)
			return json_fail(reading->reader.doc,
			                 json_get(reading->raws[reading->ids[i].index].value, "id"),
			                 reading->reader.error,
			                 "%lld is another move's, expected an id of its own",
			                 (long long)reading->ids[i].id);
	}
	return 0;
}

/* The move of that id; NONE: there is none. */
static uint32_t find_id(const struct reading *reading, int64_t id)
{
	uint32_t low = 0, high = reading->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (reading->ids[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < reading->count && reading->ids[low].id == id ? reading->ids[low].index : NONE;
}

/* marks: by move, one more than the last move that waits for it. */
static int read_after(struct reading *reading, uint32_t move, uint32_t *marks)
{
	static const struct read_member number = {
		.name = "", .kind = READ_COUNT, .min = -ID_MAX, .max = ID_MAX
	};
	const json_t *array = reading->raws[move].after;
	struct reader *reader = &reading->reader;
	uint32_t *after;

	if (!array)
		return 0;
	after = ARENA_ARRAY(&reading->plan->arena, uint32_t, json_count(array));
	reading->after[move] = after;
	for (const json_t *entry = json_first(array); entry; entry = json_next(entry)) {
		int64_t id = 0;
		uint32_t other;

		if (read_value(reader, entry, &number, &id))
			return ERROR_INPUT;
		other = find_id(reading, id);
		if (other == NONE)
			return json_fail(reader->doc, entry, reader->error,
			                 "no move has the id %lld, expected one of the plan's",
			                 (long long)id);
		if (marks[other] == move + 1)
			return json_fail(reader->doc, entry, reader->error,
			                 "%lld stands twice, expected each id once", (long long)id);
		marks[other] = move + 1;
		after[reading->after_counts[move]++] = other;
	}
	return 0;
}

/*
 * Goes through the moves as the file has them, and through what each waits for before it is placed: a walk
 * into the depth that keeps its way in `path` instead of calling itself, since plans can be long chains.
 * next: by move, how many of those that it waits for are placed; UINT32_MAX once it is placed itself.
 */
static int place_moves(struct reading *reading, uint32_t *path, uint32_t *next, bool *on_path)
{
	uint32_t placed = 0;

	for (uint32_t first = 0; first < reading->count; first++) {
		uint32_t depth = 0;

		if (next[first] == UINT32_MAX)
			continue;
		path[depth++] = first;
		on_path[first] = true;
		while (depth > 0) {
			uint32_t move = path[depth - 1], other;

			if (next[move] == reading->after_counts[move]) {
				next[move] = UINT32_MAX;
				on_path[move] = false;
				reading->places[move] = placed;
				reading->order[placed++] = move;
				depth--;
				continue;
			}
			other = reading->after[move][next[move]++];
			if (on_path[other])
				return json_fail(
					reading->reader.doc, reading->raws[move].after, reading->reader.error,
					"move %lld waits for move %lld, which in the end waits for it, "
					"expected no circle",
					(long long)reading->raws[move].id,
					(long long)reading->raws[other].id);
			if (next[other] == UINT32_MAX)
				continue;
			path[depth++] = other;
			on_path[other] = true;
		}
	}
	return 0;
}

static int read_order(struct reading *reading)
{
	uint32_t *marks = MEMORY_ARRAY(uint32_t, reading->count), *path, *next;
	bool *on_path = MEMORY_ARRAY(bool, reading->count);
	int result = 0;

	path = MEMORY_ARRAY(uint32_t, reading->count);
	next = MEMORY_ARRAY(uint32_t, reading->count);
	reading->after = MEMORY_ARRAY(uint32_t *, reading->count);
	reading->after_counts = MEMORY_ARRAY(uint32_t, reading->count);
	reading->order = MEMORY_ARRAY(uint32_t, reading->count);
	reading->places = MEMORY_ARRAY(uint32_t, reading->count);
	for (uint32_t i = 0; i < reading->count && !result; i++)
		result = read_after(reading, i, marks);
	if (!result)
		result = place_moves(reading, path, next, on_path);
	free(marks);
	free(path);
	free(next);
	free(on_path);
	return result;
}

static int read_predicted(struct reading *reading, const struct raw *raw, struct plan_predicted *ret)
{
	struct reader *reader = &reading->reader;

	if (raw->predicted && !reading->plan->predicted)
		return json_fail(reader->doc, raw->predicted, reader->error,
		                 "the plan has no makespan_s, expected both or neither");
	if (!raw->predicted && reading->plan->predicted)
		return json_fail(reader->doc, raw->value, reader->error,
		                 "member \"predicted\" is missing, expected in each move of a plan with "
		                 "makespan_s");
	ret->completes = 1; /* files do not say */
	return raw->predicted ? read_object(reader, raw->predicted, predicted_members, ret, "a prediction")
	                      : 0;
}

/* The moves in their order; what each waits for as indexes in that order. */
static int make_moves(struct reading *reading)
{
	struct plan *plan = reading->plan;

	plan->moves = ARENA_ARRAY(&plan->arena, struct plan_move, reading->count);
	plan->move_count = reading->count;
	plan->own_ids = true;
	for (uint32_t i = 0; i < reading->count; i++) {
		uint32_t from = reading->order[i];
		const struct raw *raw = &reading->raws[from];
		struct plan_move *move = &plan->moves[i];

		*move = (struct plan_move){ .id = raw->id,
			                    .vm = raw->vm,
			                    .from = raw->from,
			                    .to = raw->to,
			                    .stage = raw->stage < 0 ? 0 : (uint32_t)raw->stage,
			                    .method = raw->method,
			                    .why = raw->why,
			                    .after = reading->after[from],
			                    .after_count = reading->after_counts[from],
			                    .reserve_mbit_s = raw->reserve_mbit_s };
		for (uint32_t j = 0; j < move->after_count; j++)
			move->after[j] = reading->places[move->after[j]];
		if (read_predicted(reading, raw, &move->predicted))
			return ERROR_INPUT;
	}
	return 0;
}

/* ------------------------------------------------------------------ the rest of the plan */

static int read_places(struct reading *reading, const json_t *object)
{
	struct plan *plan = reading->plan;
	struct reader *reader = &reading->reader;
	struct plan_place *places;

	if (read_type(reader, object, JSON_OBJECT, "an object of hosts by VM"))
		return ERROR_INPUT;
	plan->places = places = ARENA_ARRAY(&plan->arena, struct plan_place, json_count(object));
	for (const json_t *entry = json_first(object); entry; entry = json_next(entry)) {
		uint32_t vm = find_vm(reading->cluster, json_key(entry));

		/* Canonical bytes leave such members out, so no signature would cover it. */
		if (!strncmp(json_key(entry), "x-", 2))
			return json_fail(reader->doc, entry, reader->error,
			                 "a member whose name begins with \"x-\" is not binding, expected no "
			                 "such VM in a goal");
		if (vm == NONE)
			return json_fail(reader->doc, entry, reader->error,
			                 "no VM is named \"%.80s\", expected one of the cluster's",
			                 json_key(entry));
		places[plan->place_count].vm = vm;
		if (refer_host(reader, entry, &places[plan->place_count].host))
			return ERROR_INPUT;
		plan->place_count++;
	}
	return 0;
}

static int read_goal(struct reading *reading, const json_t *value)
{
	struct goal goal = { 0 };
	struct plan *plan = reading->plan;
	uint32_t *hosts;
	bool *seen;
	int result;

	if (read_object(&reading->reader, value, goal_members, &goal, "a goal"))
		return ERROR_INPUT;
	if (!goal.lock && !goal.place)
		return json_fail(reading->reader.doc, value, reading->reader.error,
		                 "no goal, expected a member \"lock\" or \"place\"");
	if (goal.place && read_places(reading, goal.place))
		return ERROR_INPUT;
	if (!goal.lock)
		return 0;
	plan->goal_count = (uint32_t)json_count(goal.lock);
	plan->goal = hosts = ARENA_ARRAY(&plan->arena, uint32_t, plan->goal_count);
	seen = MEMORY_ARRAY(bool, reading->cluster->host_count);
	result = refer_all(&reading->reader, goal.lock, cluster_host, "host", seen, hosts);
	free(seen);
	return result;
}

static int read_stages(struct reading *reading, const struct root *root)
{
	struct plan *plan = reading->plan;
	struct reader *reader = &reading->reader;
	bool *seen = MEMORY_ARRAY(bool, reading->cluster->host_count);
	uint32_t largest = 1;
	int result = 0;

	for (const json_t *entry = json_first(root->stages); entry && !result; entry = json_next(entry)) {
		struct plan_stage *stage = ARENA_ARRAY(&plan->arena, struct plan_stage, 1);

		result = read_type(reader, entry, JSON_ARRAY, "an array of hosts");
		if (result)
			break;
		stage->count = (uint32_t)json_count(entry);
		stage->hosts = ARENA_ARRAY(&plan->arena, uint32_t, stage->count);
		result = refer_all(reader, entry, cluster_host, "host", seen, stage->hosts);
		if (plan->stages_last)
			plan->stages_last->next = stage;
		else
			plan->stages = stage;
		plan->stages_last = stage;
		plan->stage_count++;
		largest = stage->count > largest ? stage->count : largest;
	}
	plan->parallel_most = root->max_parallel ? (uint32_t)root->max_parallel : largest;
	free(seen);
	return result;
}

static int read_breaks(struct reading *reading, const json_t *array)
{
	struct plan *plan = reading->plan;
	bool *seen = MEMORY_ARRAY(bool, reading->cluster->group_count);
	int result;

	plan->broken_count = (uint32_t)json_count(array);
	plan->broken = ARENA_ARRAY(&plan->arena, uint32_t, plan->broken_count);
	result = refer_all(&reading->reader, array, cluster_group, "group", seen, plan->broken);
	free(seen);
	return result;
}

static int read_bounds(struct reading *reading, const json_t *value)
{
	struct bounds bounds = { 0 };

	if (read_object(&reading->reader, value, bounds_members, &bounds, "bounds"))
		return ERROR_INPUT;
	reading->plan->moves_least = (uint32_t)bounds.moves;
	reading->plan->stages_least = (uint32_t)bounds.stages;
	reading->plan->makespan_least_s = bounds.makespan_s;
	return 0;
}

static int read_parts(struct reading *reading, const struct root *root)
{
	struct plan *plan = reading->plan;
	struct reader *reader = &reading->reader;

	if (root->max_parallel && !root->stages)
		return json_fail(reader->doc, json_get(json_doc_root(reader->doc), "max_parallel"),
		                 reader->error, "the plan has no stages, expected both or neither");
	plan->predicted = root->makespan_s;
	if (read_goal(reading, root->goal) || (root->stages && read_stages(reading, root)) ||
	    (root->makespan_s && read_percentiles(reader, root->makespan_s, plan->makespan_s)) ||
	    (root->bounds && read_bounds(reading, root->bounds)) ||
	    (root->breaks && read_breaks(reading, root->breaks)))
		return ERROR_INPUT;
	if (read_raws(reading, root->moves) || read_order(reading))
		return ERROR_INPUT;
	return make_moves(reading);
}

/* ------------------------------------------------------------------ the root */

static void reading_begin(struct reading *reading, const struct json_doc *doc, const struct cluster *cluster,
                          struct plan *plan, struct error *error)
{
	*reading = (struct reading){ .cluster = cluster, .plan = plan };
	reading->texts.interns = interns_new(&reading->texts.arena);
	reading->reader =
		(struct reader){ .doc = doc, .cluster = &reading->texts, .error = error, .context = reading };
}

static void reading_end(struct reading *reading)
{
	free(reading->raws);
	free(reading->ids);
	free(reading->after);
	free(reading->after_counts);
	free(reading->order);
	free(reading->places);
	cluster_free(&reading->texts);
}

static int read_root(struct reading *reading, struct root *ret_root)
{
	const json_t *value = json_doc_root(reading->reader.doc), *schema = json_get(value, "schema");

	/* First, since a file of another kind has other members too. */
	if (schema && json_type(schema) == JSON_TEXT && strcmp(json_text(schema), PLAN_SCHEMA))
		return json_fail(reading->reader.doc, schema, reading->reader.error,
		                 "\"%.80s\", expected \"" PLAN_SCHEMA "\"", json_text(schema));
	*ret_root = (struct root){ .profile = (uint8_t)reading->cluster->profile };
	return read_object(&reading->reader, value, root_members, ret_root, "a plan");
}

int plan_is_for(const struct json_doc *doc, const struct cluster *cluster, bool *ret_is, struct error *error)
{
	struct reading reading;
	struct root root;
	int result;

	reading_begin(&reading, doc, cluster, NULL, error);
	result = read_root(&reading, &root);
	if (!result)
		*ret_is = !strcmp(root.digest, cluster->digest);
	reading_end(&reading);
	return result;
}

int plan_read(struct plan *ret_plan, const struct json_doc *doc, const struct cluster *cluster,
              struct error *error)
{
	struct plan plan = { 0 };
	struct reading reading;
	struct root root;
	int result;

	reading_begin(&reading, doc, cluster, &plan, error);
	result = read_root(&reading, &root);
	if (!result) {
		plan.profile = root.profile;
		plan.digest = arena_text(&plan.arena, root.digest, strlen(root.digest));
		plan.expires_unix_s = root.expires_unix_s;
		result = read_parts(&reading, &root);
	}
	reading_end(&reading);
	if (result)
		plan_free(&plan);
	else
		*ret_plan = plan;
	return result;
}
