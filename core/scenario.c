/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/scenario.h"

#include "core/intern.h"
#include "core/read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCENARIO_SCHEMA "lockkeeper.scenario/1"

/* Bounds, so that times fit 64 bits of nanoseconds and counts fit memory. */
#define SECONDS_MAX 1e9
#define BOOTED_MAX 1000000

static const char *const words[] = { "lock",         "force-lock", "unlock",   "live-migrate",
	                             "cold-migrate", "evacuate",   "resize",   "boot",
	                             "stop",         "start",      "pause",    "suspend",
	                             "resume",       "delete",     "add-host", "fail-host",
	                             "set-group",    "link",       NULL };
const char *const *const action_words = words;

_Static_assert(sizeof(words) / sizeof(words[0]) == ACTION_KINDS + 1, "a word an action");

/* An action while it is read. */
struct raw {
	uint8_t kind;
	bool concurrent, force;
	double at_s, nic_mbit_s;
	int64_t min_count, max_count;
	const char *name;
	uint32_t flavor, group, to; /* boot, resize, moves */
	struct action action;
};

struct root {
	const char *schema;
	const json_t *cluster, *actions;
	uint8_t profile;
	int64_t seed, runs;
	double window_s, start_hour;
	const json_t *uncertain; /* for those who put it in place before; not read here */
};

/* ------------------------------------------------------------------ names */

static int refer(struct reader *reader, const json_t *value,
                 uint32_t (*find)(const struct cluster *, const char *), const char *what, uint32_t *into)
{
	uint32_t index;

	if (read_type(reader, value, JSON_TEXT, "a name"))
		return ERROR_INPUT;
	index = find(reader->cluster, json_text(value));
	if (index == NONE)
		return json_fail(
			reader->doc, value, reader->error,
			"no %s is named \"%.80s\", expected one of the cluster's or one that an action adds",
			what, json_text(value));
	*into = index;
	return 0;
}

static int refer_host(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, cluster_host, "host", into);
}

static int refer_vm(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, cluster_vm, "VM", into);
}

static int refer_flavor(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, cluster_flavor, "flavor", into);
}

static int refer_group(struct reader *reader, const json_t *value, void *into)
{
	return refer(reader, value, cluster_group, "group", into);
}

/* ------------------------------------------------------------------ members of actions */

static int read_block(struct reader *reader, const json_t *value, void *into)
{
	uint8_t *block = into;

	if (json_type(value) == JSON_BOOL)
		*block = json_bool(value) ? BLOCK_YES : BLOCK_NO;
	else if (json_type(value) == JSON_TEXT && !strcmp(json_text(value), "auto"))
		*block = BLOCK_AUTO;
	else
		return json_fail(reader->doc, value, reader->error, "%s, expected \"auto\", true or false",
		                 json_type_name(value));
	return 0;
}

static int read_order(struct reader *reader, const json_t *value, void *into)
{
	struct action *action = into;
	uint32_t *order, count = 0;

	if (read_type(reader, value, JSON_ARRAY, "an array of VM names"))
		return ERROR_INPUT;
	order = ARENA_ARRAY(&reader->cluster->arena, uint32_t, json_count(value));
	for (const json_t *entry = json_first(value); entry; entry = json_next(entry)) {
		if (refer_vm(reader, entry, &order[count]))
			return ERROR_INPUT;
		count++;
	}
	action->order = order;
	action->order_count = count;
	return 0;
}

static int read_new_host(struct reader *reader, const json_t *value, void *into)
{
	uint32_t *host = into;

	return cluster_add_host(reader->cluster, reader->doc, value, reader->numbers, host, reader->error);
}

static int read_size(struct reader *reader, const json_t *value, void *into)
{
	static const struct read_member count = { .name = "", .kind = READ_COUNT, .max = 1e9 };

	if (json_type(value) == JSON_NULL) {
		*(int64_t *)into = UNLIMITED;
		return 0;
	}
	return read_value(reader, value, &count, into);
}

#define BY(member_, field_, by_)                                                                     \
	{                                                                                            \
		.name = member_, .kind = READ_BY, .offset = offsetof(struct raw, field_), .by = by_, \
		.required = true                                                                     \
	}
#define BY_OPTIONAL(member_, field_, by_)                                                            \
	{                                                                                            \
		.name = member_, .kind = READ_BY, .offset = offsetof(struct raw, field_), .by = by_, \
		.nullable = true                                                                     \
	}
/* What every action has. */
#define COMMON                                                                                      \
	{ .name = "do",                                                                             \
	  .kind = READ_WORD,                                                                        \
	  .offset = offsetof(struct raw, kind),                                                     \
	  .words = &action_words,                                                                   \
	  .required = true },                                                                       \
		{ .name = "at_s",                                                                   \
		  .kind = READ_NUMBER,                                                              \
		  .offset = offsetof(struct raw, at_s),                                             \
		  .max = SECONDS_MAX },                                                             \
	{                                                                                           \
		.name = "concurrent", .kind = READ_BOOL, .offset = offsetof(struct raw, concurrent) \
	}
#define COUNT(member_)                                                                                   \
	{                                                                                                \
		.name = #member_, .kind = READ_COUNT, .offset = offsetof(struct raw, member_), .min = 1, \
		.max = BOOTED_MAX                                                                        \
	}

static const struct read_member lock_members[] = {
	COMMON, BY("host", action.host, refer_host), BY_OPTIONAL("order", action, read_order), { 0 }
};
static const struct read_member host_members[] = { COMMON, BY("host", action.host, refer_host), { 0 } };
static const struct read_member vm_members[] = { COMMON, BY("vm", action.vm, refer_vm), { 0 } };
static const struct read_member live_members[] = {
	COMMON,
	BY("vm", action.vm, refer_vm),
	BY_OPTIONAL("to", action.to, refer_host),
	BY_OPTIONAL("block", action.block, read_block),
	{ .name = "force", .kind = READ_BOOL, .offset = offsetof(struct raw, force) },
	{ 0 },
};
static const struct read_member move_members[] = {
	COMMON, BY("vm", action.vm, refer_vm), BY_OPTIONAL("to", action.to, refer_host), { 0 }
};
static const struct read_member resize_members[] = {
	COMMON, BY("vm", action.vm, refer_vm), BY("flavor", action.flavor, refer_flavor), { 0 }
};
static const struct read_member boot_members[] = {
	COMMON,
	{ .name = "name", .kind = READ_TEXT, .offset = offsetof(struct raw, name), .required = true },
	BY("flavor", action.flavor, refer_flavor),
	BY_OPTIONAL("group", action.group, refer_group),
	COUNT(min_count),
	COUNT(max_count),
	{ 0 },
};
static const struct read_member add_members[] = { COMMON, BY("host", action.host, read_new_host), { 0 } };
static const struct read_member group_members[] = {
	COMMON,
	BY("group", action.group, refer_group),
	{ .name = "policy",
	  .kind = READ_WORD,
	  .offset = offsetof(struct raw, action.change.policy),
	  .words = &policy_words },
	{ .name = "best_effort",
	  .kind = READ_BOOL,
	  .offset = offsetof(struct raw, action.change.best_effort) },
	{ .name = "max_per_host",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct raw, action.change.max_per_host),
	  .min = 1,
	  .max = 1e6 },
	{ .name = "size",
	  .kind = READ_BY,
	  .offset = offsetof(struct raw, action.change.size),
	  .by = read_size },
	{ 0 },
};
static const struct read_member link_members[] = {
	COMMON,
	BY("host", action.host, refer_host),
	{ .name = "nic_mbit_s",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct raw, nic_mbit_s),
	  .max = 1e12,
	  .required = true },
	{ 0 },
};

static const struct read_member *const members_of[] = {
	[ACTION_LOCK] = lock_members,         [ACTION_FORCE_LOCK] = host_members,
	[ACTION_UNLOCK] = host_members,       [ACTION_LIVE_MIGRATE] = live_members,
	[ACTION_COLD_MIGRATE] = move_members, [ACTION_EVACUATE] = move_members,
	[ACTION_RESIZE] = resize_members,     [ACTION_BOOT] = boot_members,
	[ACTION_STOP] = vm_members,           [ACTION_START] = vm_members,
	[ACTION_PAUSE] = vm_members,          [ACTION_SUSPEND] = vm_members,
	[ACTION_RESUME] = vm_members,         [ACTION_DELETE] = vm_members,
	[ACTION_ADD_HOST] = add_members,      [ACTION_FAIL_HOST] = host_members,
	[ACTION_SET_GROUP] = group_members,   [ACTION_LINK] = link_members,
};

_Static_assert(sizeof(members_of) / sizeof(members_of[0]) == ACTION_KINDS, "a table an action");

/* ------------------------------------------------------------------ actions */

/* The VMs of a boot: NAME, or NAME-1, NAME-2, … of several. */
static int add_booted(struct reader *reader, const json_t *value, struct raw *raw)
{
	struct action *action = &raw->action;
	int64_t most = raw->max_count ? raw->max_count : raw->min_count ? raw->min_count : 1;
	char name[320];

	action->min_count = raw->min_count ? (uint32_t)raw->min_count : 1;
	action->max_count = (uint32_t)most;
	action->name = raw->name;
	if (action->min_count > most)
		return json_fail(reader->doc, json_get(value, "min_count"), reader->error,
		                 "more than max_count, expected at most %lld", (long long)most);
	if (strlen(raw->name) > 255)
		return json_fail(reader->doc, json_get(value, "name"), reader->error,
		                 "%zu bytes long, expected at most 255", strlen(raw->name));
	action->vm_first = reader->cluster->vm_count;
	if ((int64_t)reader->cluster->vm_count + most > 100 * BOOTED_MAX)
		return json_fail(reader->doc, value, reader->error, "too many VMs in all");
	for (uint32_t i = 0; i < action->max_count; i++) {
		if (most == 1)
			snprintf(name, sizeof(name), "%s", raw->name);
		else
			snprintf(name, sizeof(name), "%s-%u", raw->name, i + 1);
		if (cluster_vm(reader->cluster, name) != NONE)
			return json_fail(reader->doc, json_get(value, "name"), reader->error,
			                 "a VM \"%.80s\" is already there, expected unique names", name);
		cluster_add_vm(reader->cluster, name, action->flavor, action->group);
	}
	return 0;
}

static int read_kind(struct reader *reader, const json_t *value, uint8_t *ret_kind)
{
	static const struct read_member kind = { .name = "", .kind = READ_WORD, .words = &action_words };
	const json_t *word = json_get(value, "do");

	if (read_type(reader, value, JSON_OBJECT, "an action (an object)"))
		return ERROR_INPUT;
	if (!word)
		return json_fail(reader->doc, value, reader->error,
		                 "member \"do\" is missing, expected in an action");
	return read_value(reader, word, &kind, ret_kind);
}

static int read_action(struct reader *reader, const json_t *value, uint8_t kind, struct action *ret_action)
{
	struct raw raw = {
		.action = { .kind = kind,
		            .host = NONE,
		            .vm = NONE,
		            .to = NONE,
		            .flavor = NONE,
		            .group = NONE,
		            .vm_first = NONE,
		            .change = { NO_CHANGE, NO_CHANGE, POLICY_UNSAID, NO_CHANGE } },
	};

	if (read_object(reader, value, members_of[kind], &raw, "an action"))
		return ERROR_INPUT;
	raw.action.at_ns = llrint(raw.at_s * 1e9);
	raw.action.concurrent = raw.concurrent;
	raw.action.force = raw.force;
	raw.action.nic_mbit_s = raw.nic_mbit_s;
	if (kind == ACTION_BOOT && add_booted(reader, value, &raw))
		return ERROR_INPUT;
	*ret_action = raw.action;
	return 0;
}

/* What adds to the cluster is read before what may name it. */
static int read_actions(struct reader *reader, const json_t *array, struct action *actions)
{
	for (int adding = 1; adding >= 0; adding--) {
		uint32_t index = 0;

		for (const json_t *entry = json_first(array); entry; entry = json_next(entry), index++) {
			uint8_t kind;

			if (read_kind(reader, entry, &kind))
				return ERROR_INPUT;
			if ((kind == ACTION_ADD_HOST || kind == ACTION_BOOT) != (adding == 1))
				continue;
			if (read_action(reader, entry, kind, &actions[index]))
				return ERROR_INPUT;
		}
	}
	return 0;
}

struct due {
	int64_t at_ns;
	uint32_t index;
};

static int due_compare(const void *a, const void *b)
{
	const struct due *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* In at_s order, ties as written. */
static void sort_actions(struct scenario *scenario, const struct action *actions)
{
	struct due *due = MEMORY_ARRAY(struct due, scenario->action_count);

	for (uint32_t i = 0; i < scenario->action_count; i++)
		due[i] = (struct due){ actions[i].at_ns, i };
	qsort(due, scenario->action_count, sizeof(due[0]), due_compare);
	scenario->actions = ARENA_ARRAY(&scenario->cluster.arena, struct action, scenario->action_count);
	scenario->as_written = ARENA_ARRAY(&scenario->cluster.arena, uint32_t, scenario->action_count);
	for (uint32_t i = 0; i < scenario->action_count; i++) {
		scenario->actions[i] = actions[due[i].index];
		scenario->as_written[i] = due[i].index;
	}
	free(due);
}

/* ------------------------------------------------------------------ the root */

static int keep_value(struct reader *reader, const json_t *value, void *into)
{
	(void)reader;
	*(const json_t **)into = value;
	return 0;
}

#define KEEP(member_)                                                                        \
	{                                                                                    \
		.name = #member_, .kind = READ_BY, .offset = offsetof(struct root, member_), \
		.by = keep_value, .required = true                                           \
	}

static const struct read_member root_members[] = {
	{ .name = "schema", .kind = READ_TEXT, .offset = offsetof(struct root, schema), .required = true },
	KEEP(cluster),
	KEEP(actions),
	{ .name = "profile",
	  .kind = READ_WORD,
	  .offset = offsetof(struct root, profile),
	  .words = &profile_words },
	{ .name = "seed",
	  .kind = READ_COUNT,
	  .offset = offsetof(struct root, seed),
	  .max = 9007199254740991.0 },
	{ .name = "runs", .kind = READ_COUNT, .offset = offsetof(struct root, runs), .min = 1, .max = 1e6 },
	{ .name = "window_s",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct root, window_s),
	  .max = SECONDS_MAX,
	  .above = true },
	{ .name = "start_hour",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct root, start_hour),
	  .max = 23.999999 },
	{ .name = "uncertain",
	  .kind = READ_BY,
	  .offset = offsetof(struct root, uncertain),
	  .by = keep_value },
	{ 0 },
};

/* Texts of the root are interned before the cluster is read: in a cluster of their own. */
static int read_root(const struct json_doc *doc, const struct read_numbers *numbers, struct root *root,
                     struct error *error)
{
	struct cluster texts = { 0 };
	struct reader reader = { .doc = doc, .cluster = &texts, .error = error, .numbers = numbers };
	const json_t *value = json_doc_root(doc);
	int result;

	texts.interns = interns_new(&texts.arena);
	result = read_object(&reader, value, root_members, root, "a scenario");
	if (!result && strcmp(root->schema, SCENARIO_SCHEMA))
		result = json_fail(doc, json_get(value, "schema"), error,
		                   "\"%.80s\", expected \"" SCENARIO_SCHEMA "\"", root->schema);
	if (!result && json_type(root->cluster) != JSON_TEXT && json_type(root->cluster) != JSON_OBJECT)
		result = json_fail(doc, root->cluster, error, "%s, expected a path or a cluster (an object)",
		                   json_type_name(root->cluster));
	if (!result)
		result = read_type(&reader, root->actions, JSON_ARRAY, "an array of actions");
	for (int i = 0; i < 2 && !result; i++) {
		const json_t *number = json_get(value, i ? "seed" : "runs");

		if (number && read_is_distribution(number))
			result = json_fail(doc, number, error,
			                   "a distribution, expected an integer: draws depend on it");
	}
	root->schema = NULL;
	cluster_free(&texts);
	return result;
}

int scenario_read(struct scenario *ret_scenario, const struct json_doc *doc, enum profile profile,
                  const struct scenario_source *source, struct error *error)
{
	static const struct scenario_source none = { 0 };

	struct root root = {
		.profile = PROFILE_COUNT, .runs = 1, .window_s = 1800, .seed = 1, .start_hour = -1
	};
	struct scenario scenario = { 0 };
	struct reader reader = { .doc = doc, .cluster = &scenario.cluster, .error = error };
	struct action *actions;
	int result;

	source = source ? source : &none;
	reader.numbers = source->numbers;
	result = read_root(doc, reader.numbers, &root, error);
	if (result)
		return result;
	if (profile >= PROFILE_COUNT)
		profile = root.profile;
	if (json_type(root.cluster) == JSON_OBJECT)
		result = cluster_read_value(&scenario.cluster, doc, root.cluster, profile, reader.numbers,
		                            error);
	else if (source->load)
		result = source->load(source->context, json_text(root.cluster), profile, reader.numbers,
		                      &scenario.cluster, error);
	else
		result = json_fail(doc, root.cluster, error, "a path, expected a cluster in place");
	if (result)
		return result;
	scenario.hosts_at_start = scenario.cluster.host_count;
	scenario.vms_at_start = scenario.cluster.vm_count;
	scenario.action_count = (uint32_t)json_count(root.actions);
	scenario.seed = (uint64_t)root.seed;
	scenario.runs = (uint32_t)root.runs;
	scenario.window_s = root.window_s;
	scenario.start_hour = root.start_hour;
	actions = MEMORY_ARRAY(struct action, scenario.action_count);
	result = read_actions(&reader, root.actions, actions);
	if (!result)
		sort_actions(&scenario, actions);
	free(actions);
	if (result)
		cluster_free(&scenario.cluster);
	else
		scenario_move(ret_scenario, &scenario);
	return result;
}

void scenario_lock(struct scenario *ret_scenario, struct cluster *cluster, const uint32_t *hosts,
                   uint32_t count)
{
	*ret_scenario = (struct scenario){ .hosts_at_start = cluster->host_count,
		                           .vms_at_start = cluster->vm_count,
		                           .action_count = count,
		                           .seed = 1,
		                           .runs = 1,
		                           .window_s = 1800,
		                           .start_hour = -1 };
	cluster_move(&ret_scenario->cluster, cluster);
	ret_scenario->actions = ARENA_ARRAY(&ret_scenario->cluster.arena, struct action, count);
	ret_scenario->as_written = ARENA_ARRAY(&ret_scenario->cluster.arena, uint32_t, count);
	for (uint32_t i = 0; i < count; i++) {
		ret_scenario->as_written[i] = i;
		ret_scenario->actions[i] = (struct action){ .kind = ACTION_LOCK,
			                                    .host = hosts[i],
			                                    .vm = NONE,
			                                    .to = NONE,
			                                    .flavor = NONE,
			                                    .group = NONE,
			                                    .vm_first = NONE };
	}
}

void scenario_move(struct scenario *ret_scenario, struct scenario *scenario)
{
	*ret_scenario = *scenario;
	cluster_move(&ret_scenario->cluster, &scenario->cluster);
	*scenario = (struct scenario){ 0 };
}

void scenario_free(struct scenario *scenario)
{
	cluster_free(&scenario->cluster);
	*scenario = (struct scenario){ 0 };
}
