/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/capacity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_FLAVOR = 0x100,
	KEY_MIX,
	KEY_GROUP,
	KEY_TOLERATE,
	KEY_BY,
	KEY_EXCEPT,
	KEY_LIMIT,
	KEY_GROWTH,
	KEY_MONTHS,
	KEY_PLOTS
};

/* Of one flavor in a unit; VMs are counted in 32 bits. */
enum { MIX_MOST = 1000, MIX_KINDS_MOST = 16 };

/* How many steps a second of --limit is: as for planned verdicts. */
static const double STEPS_PER_SECOND = PLANNED_STEPS_PER_SECOND;

static const struct argp_option options[] = {
	{ "flavor", KEY_FLAVOR, "F", 0,
	  "how many more of this flavor fit (may be given more than once); each flavor when not given", 1 },
	{ "mix", KEY_MIX, "F=N,F=N…", 0, "how many units of so many VMs of each flavor fit", 1 },
	{ "group", KEY_GROUP, "G", 0, "the new VMs are members of this server group", 1 },
	{ "tolerate", KEY_TOLERATE, "K", 0, "while any K hosts can still go (= 1)", 1 },
	{ "by", KEY_BY, "lock|fail", 0, "how they go: emptied for maintenance, or lost (= lock)", 1 },
	{ "except", KEY_EXCEPT, "HOST", 0, "this host never has to go (may be given more than once)", 1 },
	{ "limit", KEY_LIMIT, "SECONDS", 0,
	  "about so long for one answer, then bounds; as long for its next hosts (= 10)", 1 },
	{ "growth", KEY_GROWTH, "N/month|P%/month", 0,
	  "when it is full, with N more a month, or with P percent of the present VMs", 1 },
	{ "months", KEY_MONTHS, "N", 0, "so far ahead (= 24)", 1 },
	{ "plots", KEY_PLOTS, "DIR", 0, "draw the head-room (capacity), and the growth over the months", 1 },
	{ 0 },
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct capacity_command *command = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case KEY_FLAVOR:
		cli_keep(&command->flavor_names, &command->flavor_name_count, argument);
		return 0;
	case KEY_MIX:
		command->mix = argument;
		return 0;
	case KEY_GROUP:
		command->group_name = argument;
		return 0;
	case KEY_TOLERATE:
		command->tolerate = (uint32_t)cli_whole(state, "--tolerate", argument, 0, 1000000);
		return 0;
	case KEY_BY:
		command->by = (enum loss)cli_word(state, "--by", argument, loss_words);
		return 0;
	case KEY_EXCEPT:
		cli_keep(&command->except_names, &command->except_name_count, argument);
		return 0;
	case KEY_LIMIT:
		command->limit_s = cli_number(state, "--limit", argument, 0, 1e6);
		return 0;
	case KEY_GROWTH:
		command->growth_text = argument;
		if (!growth_read(argument, &command->growth))
			argp_error(state, "--growth: \"%s\", expected N/month or P%%/month", argument);
		return 0;
	case KEY_MONTHS:
		command->months = (uint32_t)cli_whole(state, "--months", argument, 1, GROWTH_MONTHS_MOST);
		return 0;
	case KEY_PLOTS:
		command->plots = argument;
		return 0;
	default:
		return cli_one_argument(key, argument, state, "CLUSTER", &command->path);
	}
}

static const struct argp argp = {
	options,
	parse,
	"CLUSTER",
	"Head-room: how many more VMs fit while any K hosts can still be locked, or fail.\v"
	"MORE is exact, or from what is proven to fit to what nothing exceeds. SCHEDULED is how many can be "
	"built one after another where the platform's scheduler puts them. Then what stops one more, when "
	"growth fills the cluster, and how many more would fit with one more host of each model. Exits with "
	"2 when not even one of what was asked for fits, with 6 when that is not decided.\n\n"
	"Examples:\n"
	"  lockkeeper capacity scenarios/clusters/rack.json\n"
	"  lockkeeper capacity scenarios/clusters/lab.json --flavor small --by fail --growth 5/month",
	cli_common_children,
	NULL,
	NULL,
};

/* ------------------------------------------------------------------ what is asked */

static int find_flavor(const struct capacity_command *command, const char *name, uint32_t *ret_flavor,
                       struct error *error)
{
	*ret_flavor = cluster_flavor(&command->cluster, name);
	if (*ret_flavor != NONE)
		return 0;
	return error_set(error, ERROR_INPUT, "%s: no flavor is named \"%s\", expected one of the file's",
	                 command->path, name);
}

static struct sized *add_row(struct capacity_command *command, uint32_t kinds)
{
	struct sized *row;
	uint32_t *lists = ARENA_ARRAY(&command->arena, uint32_t, 2 * (size_t)kinds);

	command->rows = memory_resize(command->rows, command->row_count + 1, sizeof(command->rows[0]));
	row = &command->rows[command->row_count++];
	*row = (struct sized){ .unit = { .flavors = lists, .counts = lists + kinds, .kinds = kinds } };
	return row;
}

static void add_flavor(struct capacity_command *command, uint32_t flavor)
{
	struct sized *row = add_row(command, 1);

	((uint32_t *)row->unit.flavors)[0] = flavor;
	((uint32_t *)row->unit.counts)[0] = 1;
	row->name = command->cluster.flavors[flavor].name;
}

/* One "F=N" of a mix; names may have "=" in them. */
static int read_part(struct capacity_command *command, char *part, uint32_t *ret_flavor, uint32_t *ret_count,
                     struct error *error)
{
	char *sign = strrchr(part, '='), *end = NULL;
	unsigned long count = sign ? strtoul(sign + 1, &end, 10) : 0;

	if (!sign || sign == part || sign[1] < '0' || sign[1] > '9' || *end || count < 1 || count > MIX_MOST)
		return error_set(error, ERROR_INPUT,
		                 "--mix: \"%s\", expected FLAVOR=COUNT, the count from 1 to %d", part,
		                 MIX_MOST);
	*sign = '\0';
	*ret_count = (uint32_t)count;
	return find_flavor(command, part, ret_flavor, error);
}

static int add_mix(struct capacity_command *command, struct error *error)
{
	char *text = arena_print(&command->arena, "%s", command->mix), *rest = NULL;
	uint32_t flavors[MIX_KINDS_MOST], counts[MIX_KINDS_MOST], kinds = 0;
	struct sized *row;

	for (char *part = strtok_r(text, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
		if (kinds == MIX_KINDS_MOST)
			return error_set(error, ERROR_INPUT, "--mix: more than %d flavors", MIX_KINDS_MOST);
		if (read_part(command, part, &flavors[kinds], &counts[kinds], error))
			return ERROR_INPUT;
		for (uint32_t i = 0; i < kinds; i++) {
			if (flavors[i] == flavors[kinds])
				return error_set(error, ERROR_INPUT, "--mix: \"%s\" is named twice", part);
		}
		kinds++;
	}
	if (kinds == 0)
		return error_set(error, ERROR_INPUT, "--mix: \"%s\", expected FLAVOR=COUNT,…", command->mix);
	row = add_row(command, kinds);
	memcpy((uint32_t *)row->unit.flavors, flavors, sizeof(flavors[0]) * kinds);
	memcpy((uint32_t *)row->unit.counts, counts, sizeof(counts[0]) * kinds);
	row->name = "";
	for (uint32_t i = 0; i < kinds; i++)
		row->name = arena_print(&command->arena, "%s%s%u %s", row->name, i > 0 ? " + " : "",
		                        counts[i], command->cluster.flavors[flavors[i]].name);
	return 0;
}

/* What is to fit: flavors that are named, the mix, or each flavor of the file in turn. */
static int find_rows(struct capacity_command *command, struct error *error)
{
	bool named = command->flavor_name_count > 0 || command->mix;
	uint32_t flavor;

	for (uint32_t i = 0; i < command->flavor_name_count; i++) {
		if (find_flavor(command, command->flavor_names[i], &flavor, error))
			return ERROR_INPUT;
		add_flavor(command, flavor);
	}
	if (command->mix && add_mix(command, error))
		return ERROR_INPUT;
	for (flavor = 0; flavor < command->cluster.flavor_count && !named; flavor++)
		add_flavor(command, flavor);
	if (command->row_count == 0)
		return error_set(error, ERROR_INPUT, "%s: flavors: there are none, expected at least one",
		                 command->path);
	return 0;
}

static int find_names(struct capacity_command *command, struct error *error)
{
	const struct cluster *cluster = &command->cluster;

	command->except = MEMORY_ARRAY(bool, cluster->host_count);
	for (uint32_t i = 0; i < command->except_name_count; i++) {
		uint32_t host;

		if (cli_find_host(cluster, command->path, command->except_names[i], &host, error))
			return ERROR_INPUT;
		command->except[host] = true;
	}
	command->group = command->group_name ? cluster_group(cluster, command->group_name) : NONE;
	if (command->group_name && command->group == NONE)
		return error_set(error, ERROR_INPUT,
		                 "%s: no server group is named \"%s\", expected one of the file's",
		                 command->path, command->group_name);
	return find_rows(command, error);
}

/* ------------------------------------------------------------------ the answers */

static void run_crew(const struct crew *crew, uint32_t count, crew_work work, void *context)
{
	cli_parallel(crew->threads, count, work, context, NULL);
}

/* Threads for each of so many pieces of work that are done side by side. */
static struct crew crew_for(const struct capacity_command *command, uint32_t pieces)
{
	unsigned threads = command->common.threads;

	return (struct crew){ pieces >= threads ? 1 : threads / (pieces ? pieces : 1), run_crew };
}

static struct capacity_question question_of(const struct capacity_command *command, const struct sized *row,
                                            const struct crew *crew)
{
	return (struct capacity_question){ .cluster = &command->cluster,
		                           .unit = &row->unit,
		                           .group = command->group,
		                           .losses = &command->losses,
		                           .crew = crew,
		                           .steps = (uint64_t)(command->limit_s * STEPS_PER_SECOND),
		                           .now = &command->now };
}

static void find_row(void *context, uint32_t index, unsigned thread)
{
	struct capacity_command *command = context;
	struct sized *row = &command->rows[index];
	struct crew crew = crew_for(command, command->row_count);
	struct capacity_question question = question_of(command, row, &crew);

	(void)thread;
	capacity_find(&question, &row->capacity);
}

/* A candidate of a row. */
struct candidate {
	uint32_t row, bought;
};

struct buying {
	struct capacity_command *command;
	struct candidate *candidates;
	uint32_t count;
};

static void find_bought(void *context, uint32_t index, unsigned thread)
{
	struct buying *buying = context;
	struct capacity_command *command = buying->command;
	struct sized *row = &command->rows[buying->candidates[index].row];
	struct bought *bought = &row->bought[buying->candidates[index].bought];
	struct crew crew = crew_for(command, buying->count);
	struct capacity_question question = question_of(command, row, &crew);
	struct next_host_question ask = { .question = &question,
		                          .next = &bought->next,
		                          .by = command->by,
		                          .together = command->tolerate,
		                          .known = row->capacity.more.lower,
		                          .except = command->except };
	struct capacity capacity;

	(void)thread;
	question.steps = question.steps / row->bought_count + 1;
	next_host_find(&ask, &capacity);
	bought->more = capacity.more;
	capacity_free(&capacity);
}

static void list_candidates(struct buying *buying, uint32_t index)
{
	struct capacity_command *command = buying->command;
	struct sized *row = &command->rows[index];
	const struct hindrance *stop = capacity_stop(command, row);
	/* Where a rule is in the way, more of what is scarcest may give it more hosts to choose from. */
	const char *scarce = stop && stop->resource ? stop->resource : row->capacity.tightest;
	struct next_host *nexts;
	uint32_t count = next_hosts_list(&command->cluster, scarce, &command->arena, &nexts);

	row->bought = ARENA_ARRAY(&command->arena, struct bought, count);
	row->bought_count = count;
	buying->candidates = memory_resize(buying->candidates, buying->count + count,
	                                   sizeof(buying->candidates[0]));
	for (uint32_t i = 0; i < count; i++) {
		row->bought[i] = (struct bought){ .next = nexts[i] };
		buying->candidates[buying->count++] = (struct candidate){ index, i };
	}
}

/* The one with which most fit, then the one with which most may, then as they were listed. */
static bool is_better(const struct bought *one, const struct bought *other)
{
	uint32_t ones = capacity_known(&one->more), others = capacity_known(&other->more);

	return ones != others ? ones > others : one->more.upper > other->more.upper;
}

static void sort_bought(struct sized *row)
{
	for (uint32_t i = 1; i < row->bought_count; i++) {
		struct bought bought = row->bought[i];
		uint32_t at = i;

		for (; at > 0 && is_better(&bought, &row->bought[at - 1]); at--)
			row->bought[at] = row->bought[at - 1];
		row->bought[at] = bought;
	}
}

static void find_answers(struct capacity_command *command)
{
	struct buying buying = { .command = command };
	struct crew crew = crew_for(command, 1);

	losses_create(&command->losses, &command->cluster, command->by, command->tolerate, command->except);
	capacity_look(&command->cluster, &command->losses, &crew,
	              (uint64_t)(command->limit_s * STEPS_PER_SECOND), command->common.output == OUTPUT_JSON,
	              &command->now);
	cli_parallel(command->common.threads, command->row_count, find_row, command, "capacity");
	for (uint32_t i = 0; i < command->row_count; i++)
		list_candidates(&buying, i);
	cli_parallel(command->common.threads, buying.count, find_bought, &buying, "next host");
	for (uint32_t i = 0; i < command->row_count; i++)
		sort_bought(&command->rows[i]);
	free(buying.candidates);
}

/* ------------------------------------------------------------------ what is made of them */

const struct hindrance *capacity_stop(const struct capacity_command *command, const struct sized *row)
{
	if (command->now.answer != WITHSTOOD)
		return &command->now.stop;
	return row->capacity.stopped ? &row->capacity.stop : NULL;
}

uint32_t capacity_known(const struct capacity_range *range)
{
	return range->lower == NONE ? 0 : range->lower;
}

int64_t capacity_gain(const struct sized *row, const struct bought *bought)
{
	return (int64_t)capacity_known(&bought->more) - capacity_known(&row->capacity.more);
}

uint32_t capacity_needed(const struct capacity_command *command, const struct sized *row, uint32_t month)
{
	return growth_needed(&command->growth, command->present_vms, unit_vms(&row->unit), month);
}

uint32_t capacity_full_month(const struct capacity_command *command, const struct sized *row)
{
	if (command->growth.rate <= 0)
		return 0;
	return growth_full(&command->growth, command->present_vms, unit_vms(&row->unit),
	                   capacity_known(&row->capacity.more), command->months);
}

static int exit_code_of(const struct capacity_command *command)
{
	int code = EXIT_YES;

	for (uint32_t i = 0; i < command->row_count; i++) {
		const struct capacity_range *more = &command->rows[i].capacity.more;

		if (more->upper == 0)
			return EXIT_NO;
		if (capacity_known(more) == 0)
			code = EXIT_UNDECIDED;
	}
	return code;
}

static void capacity_command_free(struct capacity_command *command)
{
	for (uint32_t i = 0; i < command->row_count; i++)
		capacity_free(&command->rows[i].capacity);
	free(command->rows);
	capacity_now_free(&command->now);
	losses_free(&command->losses);
	free(command->except);
	free(command->flavor_names);
	free(command->except_names);
	cluster_free(&command->cluster);
	arena_free(&command->arena);
}

int command_capacity(int argc, char **argv)
{
	struct capacity_command command = {
		.common = cli_options_default(), .limit_s = 10, .tolerate = 1, .months = 24
	};
	struct error error;
	int result;

	cli_parse(&argp, argc, argv, &command);
	if (cli_read_cluster(command.path, command.common.profile, &command.cluster, &error)) {
		free(command.flavor_names);
		free(command.except_names);
		return cli_fail(&error);
	}
	if (find_names(&command, &error)) {
		capacity_command_free(&command);
		return cli_fail(&error);
	}
	for (uint32_t vm = 0; vm < command.cluster.vm_count; vm++)
		command.present_vms += command.cluster.vms[vm].host != NONE;
	find_answers(&command);
	if (capacity_print(&command, &error) || (command.plots && capacity_draw(&command, &error)))
		result = cli_fail(&error);
	else
		result = exit_code_of(&command);
	capacity_command_free(&command);
	return result;
}
