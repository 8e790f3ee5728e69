/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/capacity.h"

#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *host_name(const struct capacity_command *command, uint32_t host)
{
	return command->cluster.hosts[host].name;
}

static void range_text(const struct capacity_range *range, char *text, size_t room)
{
	if (range->lower == NONE)
		snprintf(text, room, "?-%u", range->upper);
	else if (range->lower >= HEADROOM_MOST)
		snprintf(text, room, "%u+", range->lower);
	else if (range->lower == range->upper)
		snprintf(text, room, "%u", range->lower);
	else
		snprintf(text, room, "%u-%u", range->lower, range->upper);
}

const char *capacity_resource_words(const char *resource)
{
	static const struct {
		const char *resource, *words;
	} known[] = { { "vcpus", "CPUs" },
		      { "dedicated_cpus", "dedicated CPUs" },
		      { "memory_mib", "memory" },
		      { "disk_gib", "disk" },
		      { "numa", "CPUs and memory" },
		      { "pci", "PCI devices" },
		      { "pages_2048", "memory and pages" },
		      { "pages_1048576", "memory and pages" } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!strcmp(resource, known[i].resource))
			return known[i].words;
	}
	return resource; /* pci:ALIAS */
}

void capacity_next_text(const struct capacity_command *command, const struct next_host *next, char *text,
                        size_t room)
{
	const char *resource = next->resource;

	snprintf(text, room, "like %s%s%s", host_name(command, next->like), resource ? ", twice the " : "",
	         resource ? capacity_resource_words(resource) : "");
}

/* The hosts' names in one text; the caller free()s it. */
static char *names_of(const struct capacity_command *command, const uint32_t *hosts, uint32_t count,
                      const char *between)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	for (uint32_t i = 0; i < count; i++)
		fprintf(out, "%s%s", i > 0 ? between : "", host_name(command, hosts[i]));
	fclose(out);
	return text;
}

/* ------------------------------------------------------------------ JSON */

/* What is not known, or has no bound, is null. */
static void add_range(json_t *object, const char *key, const struct capacity_range *range)
{
	json_t *value = json_add(object, key, json_object_new());

	if (range->lower == NONE)
		json_add_null(value, "lower");
	else
		json_add_number(value, "lower", range->lower);
	if (range->upper >= HEADROOM_MOST)
		json_add_null(value, "upper");
	else
		json_add_number(value, "upper", range->upper);
	json_add_bool(value, "exact", range->lower == range->upper && range->upper < HEADROOM_MOST);
}

static void add_hosts(const struct capacity_command *command, json_t *object, const char *key,
                      const uint32_t *hosts, uint32_t count)
{
	json_t *array = json_add(object, key, json_array_new());

	for (uint32_t i = 0; i < count; i++)
		json_push(array, json_text_new(host_name(command, hosts[i])));
}

static void add_hindrance(const struct capacity_command *command, json_t *object, const char *key,
                          const struct hindrance *stop)
{
	json_t *value;

	if (!stop) {
		json_add_null(object, key);
		return;
	}
	value = json_add(object, key, json_object_new());
	add_hosts(command, value, "hosts", stop->hosts, stop->host_count);
	json_add_text(value, "vm",
	              stop->vm == NONE                       ? NULL
	              : stop->vm < command->cluster.vm_count ? command->cluster.vms[stop->vm].name
	                                                     : "a new one");
	json_add_text(value, "rule", stop->rule);
	json_add_text(value, "resource", stop->resource);
	json_add_text(value, "why", stop->why);
	json_add_bool(value, "decided", stop->decided);
	if (stop->certificate)
		json_add(value, "certificate", stop->certificate);
}

static void add_now(const struct capacity_command *command, json_t *object)
{
	const struct capacity_now *now = &command->now;
	json_t *value = json_add(object, "now", json_object_new());

	if (now->answer == WITHSTOOD_UNKNOWN)
		json_add_null(value, "withstands");
	else
		json_add_bool(value, "withstands", now->answer == WITHSTOOD);
	add_hindrance(command, value, "stopped_by", now->answer == WITHSTOOD ? NULL : &now->stop);
	add_hosts(command, value, "pinned", now->pinned, now->pinned_count);
}

static void add_unit(const struct capacity_command *command, json_t *object, const struct unit *unit)
{
	json_t *array = json_add(object, "unit", json_array_new());

	for (uint32_t i = 0; i < unit->kinds; i++) {
		json_t *part = json_push(array, json_object_new());

		json_add_text(part, "flavor", command->cluster.flavors[unit->flavors[i]].name);
		json_add_number(part, "count", unit->counts[i]);
	}
}

static void add_placement(const struct capacity_command *command, json_t *object, const struct sized *row)
{
	json_t *array = json_add(object, "placement", json_array_new());
	const uint32_t *count = row->capacity.placement;

	for (uint32_t kind = 0; kind < row->unit.kinds && count; kind++) {
		for (uint32_t host = 0; host < command->cluster.host_count; host++, count++) {
			json_t *part = *count > 0 ? json_push(array, json_object_new()) : NULL;

			if (!part)
				continue;
			json_add_text(part, "host", host_name(command, host));
			json_add_text(part, "flavor", command->cluster.flavors[row->unit.flavors[kind]].name);
			json_add_number(part, "count", *count);
		}
	}
}

static void add_growth(const struct capacity_command *command, json_t *object, const struct sized *row)
{
	uint32_t fit = capacity_known(&row->capacity.more), full = capacity_full_month(command, row);
	json_t *value, *months;

	if (command->growth.rate <= 0)
		return;
	value = json_add(object, "growth", json_object_new());
	json_add_text(value, "rate", command->growth_text);
	if (full)
		json_add_number(value, "full_in_month", full);
	else
		json_add_null(value, "full_in_month");
	months = json_add(value, "months", json_array_new());
	for (uint32_t month = 1; month <= command->months; month++) {
		uint32_t needed = capacity_needed(command, row, month);
		json_t *part = json_push(months, json_object_new());

		json_add_number(part, "month", month);
		json_add_number(part, "needed", needed);
		json_add_number(part, "left", needed < fit ? fit - needed : 0);
	}
}

static void add_bought(const struct capacity_command *command, json_t *object, const struct sized *row)
{
	json_t *array = json_add(object, "next_hosts", json_array_new());

	for (uint32_t i = 0; i < row->bought_count; i++) {
		const struct bought *bought = &row->bought[i];
		json_t *part = json_push(array, json_object_new());

		json_add_text(part, "like", host_name(command, bought->next.like));
		json_add_text(part, "doubled", bought->next.resource);
		add_range(part, "more", &bought->more);
		json_add_number(part, "gain", (double)capacity_gain(row, bought));
	}
}

static json_t *capacity_json(const struct capacity_command *command)
{
	json_t *value = json_object_new(), *rows;

	json_add_text(value, "schema", "lockkeeper.capacity/1");
	json_add_text(value, "profile", profile_words[command->cluster.profile]);
	json_add_text(value, "by", loss_words[command->by]);
	json_add_number(value, "tolerate", command->losses.together);
	add_hosts(command, value, "may_go", command->losses.hosts, command->losses.host_count);
	json_add_text(value, "group", command->group_name);
	json_add_number(value, "present_vms", command->present_vms);
	add_now(command, value);
	rows = json_add(value, "capacities", json_array_new());
	for (uint32_t i = 0; i < command->row_count; i++) {
		const struct sized *row = &command->rows[i];
		json_t *part = json_push(rows, json_object_new());

		add_unit(command, part, &row->unit);
		add_range(part, "more", &row->capacity.more);
		add_range(part, "scheduled", &row->capacity.scheduled);
		add_placement(command, part, row);
		add_hindrance(command, part, "stopped_by",
		              row->capacity.stopped && command->now.answer == WITHSTOOD ? &row->capacity.stop
		                                                                        : NULL);
		add_growth(command, part, row);
		add_bought(command, part, row);
	}
	return value;
}

/* ------------------------------------------------------------------ CSV */

static void stop_cells(const struct capacity_command *command, const struct hindrance *stop,
                       struct table *table)
{
	char *hosts = stop ? names_of(command, stop->hosts, stop->host_count, " ") : NULL;

	table_cell(table, COLOUR_NONE, "%s", hosts ? hosts : "");
	table_cell(table, COLOUR_NONE, "%s", stop && stop->rule ? stop->rule : "");
	table_cell(table, COLOUR_NONE, "%s", stop && stop->resource ? stop->resource : "");
	table_cell(table, COLOUR_NONE, "%s", stop ? stop->why : "");
	free(hosts);
}

static void range_cells(const struct capacity_range *range, struct table *table)
{
	table_cell(table, COLOUR_NONE, range->lower == NONE ? "%s" : "%.0s%u", "", range->lower);
	table_cell(table, COLOUR_NONE, range->upper >= HEADROOM_MOST ? "%s" : "%.0s%u", "", range->upper);
}

static int print_csv(const struct capacity_command *command, struct error *error)
{
	static const char *const columns[] = {
		"unit",
		"group",
		"by",
		"tolerate",
		"lower",
		"upper",
		"scheduled_lower",
		"scheduled_upper",
		"stop_hosts",
		"stop_rule",
		"stop_resource",
		"stop_why",
		"full_in_month",
		"next_host",
		"next_host_lower",
		"next_host_upper",
	};
	struct table table;
	int result;

	table_create(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (uint32_t i = 0; i < command->row_count; i++) {
		const struct sized *row = &command->rows[i];
		uint32_t full = capacity_full_month(command, row);
		char next[512] = "";

		table_cell(&table, COLOUR_NONE, "%s", row->name);
		table_cell(&table, COLOUR_NONE, "%s", command->group_name ? command->group_name : "");
		table_cell(&table, COLOUR_NONE, "%s", loss_words[command->by]);
		table_cell(&table, COLOUR_NONE, "%u", command->losses.together);
		range_cells(&row->capacity.more, &table);
		range_cells(&row->capacity.scheduled, &table);
		stop_cells(command, capacity_stop(command, row), &table);
		table_cell(&table, COLOUR_NONE, full ? "%u" : "%.0u", full);
		capacity_next_text(command, &row->bought[0].next, next, sizeof(next));
		table_cell(&table, COLOUR_NONE, "%s", next);
		range_cells(&row->bought[0].more, &table);
	}
	result = table_print(&table, true, error);
	table_free(&table);
	return result;
}

/* ------------------------------------------------------------------ for people */

/* Says it in a line, or why nothing fits. */
static void write_heading(const struct capacity_command *command, FILE *out)
{
	const struct capacity_now *now = &command->now;
	const struct losses *losses = &command->losses;
	char *hosts = names_of(command, now->stop.hosts, now->stop.host_count, " and ");
	const char *go = command->by == LOSS_LOCK ? "be locked" : "fail",
		   *together = now->stop.host_count > 1 ? " together" : "";

	if (losses->together == 0)
		fputs("While no host goes:\n", out);
	else if (now->answer == WITHSTOOD)
		fprintf(out, "While any %u of %u hosts can %s:\n", losses->together, losses->host_count, go);
	else if (now->answer == NOT_WITHSTOOD)
		fprintf(out, "Nothing more fits, since %s cannot %s%s as it is: %s\n", hosts, go, together,
		        now->stop.why);
	else
		fprintf(out, "Whether %s can %s%s as it is was not decided within the limit: %s\n", hosts, go,
		        together, now->stop.why);
	free(hosts);
}

static int print_heading(const struct capacity_command *command, struct error *error)
{
	const struct capacity_now *now = &command->now;
	char *pinned = names_of(command, now->pinned, now->pinned_count, " --except "), *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int result;

	write_heading(command, out);
	if (now->pinned_count > 0)
		fprintf(out, "Whatever room there is, that stays so. Without such hosts: --except %s\n",
		        pinned);
	fclose(out);
	result = cli_print(text, length, error);
	free(pinned);
	free(text);
	return result;
}

static int print_rows(const struct capacity_command *command, struct error *error)
{
	static const char *const columns[] = { "VMS", ">MORE", ">SCHEDULED", ">FULL IN MONTH", "STOPPED BY" };
	static const char *const without[] = { "VMS", ">MORE", ">SCHEDULED", "STOPPED BY" };
	bool grows = command->growth.rate > 0;
	struct table table;
	int result;

	table_create(&table, grows ? columns : without, grows ? 5 : 4);
	for (uint32_t i = 0; i < command->row_count; i++) {
		const struct sized *row = &command->rows[i];
		/* What is in the way of all of them is said above. */
		const struct hindrance *stop = command->now.answer == WITHSTOOD ? capacity_stop(command, row)
		                                                                : NULL;
		uint32_t full = capacity_full_month(command, row);
		char text[64];

		table_cell(&table, COLOUR_NONE, "%s", row->name);
		range_text(&row->capacity.more, text, sizeof(text));
		table_cell(&table, capacity_known(&row->capacity.more) ? COLOUR_GOOD : COLOUR_BAD, "%s",
		           text);
		range_text(&row->capacity.scheduled, text, sizeof(text));
		table_cell(&table, COLOUR_NONE, "%s", text);
		if (grows)
			table_cell(&table, full ? COLOUR_WARN : COLOUR_NONE, full ? "%u" : "-", full);
		table_cell(&table, COLOUR_NONE, "%s%s", stop && !stop->decided ? "perhaps: " : "",
		           stop ? stop->why : "");
	}
	result = table_print(&table, false, error);
	table_free(&table);
	return result;
}

/* Of the only row: each month. */
static int print_months(const struct capacity_command *command, struct error *error)
{
	static const char *const columns[] = { ">MONTH", ">NEEDED", ">LEFT" };
	const struct sized *row = &command->rows[0];
	uint32_t fit = capacity_known(&row->capacity.more);
	struct table table;
	int result;

	table_create(&table, columns, 3);
	for (uint32_t month = 1; month <= command->months; month++) {
		uint32_t needed = capacity_needed(command, row, month);

		table_cell(&table, COLOUR_NONE, "%u", month);
		table_cell(&table, COLOUR_NONE, "%u", needed);
		table_cell(&table, needed > fit ? COLOUR_BAD : COLOUR_NONE, needed > fit ? "none" : "%u",
		           fit - needed);
	}
	result = table_print(&table, false, error);
	table_free(&table);
	return result;
}

/* Of the only row all candidates, else of each the best. */
static int print_bought(const struct capacity_command *command, struct error *error)
{
	static const char *const columns[] = { "VMS", "NEXT HOST", ">MORE", ">GAIN" };
	struct table table;
	int result;

	table_create(&table, columns, 4);
	for (uint32_t i = 0; i < command->row_count; i++) {
		const struct sized *row = &command->rows[i];
		uint32_t shown = command->row_count == 1 ? row->bought_count : 1;

		for (uint32_t j = 0; j < shown; j++) {
			int64_t gain = capacity_gain(row, &row->bought[j]);
			char text[512];

			table_cell(&table, COLOUR_NONE, "%s", row->name);
			capacity_next_text(command, &row->bought[j].next, text, sizeof(text));
			table_cell(&table, COLOUR_NONE, "%s", text);
			range_text(&row->bought[j].more, text, sizeof(text));
			table_cell(&table, COLOUR_NONE, "%s", text);
			table_cell(&table, gain > 0 ? COLOUR_GOOD : COLOUR_NONE, "%+lld", (long long)gain);
		}
	}
	result = table_print(&table, false, error);
	table_free(&table);
	return result;
}

int capacity_print(const struct capacity_command *command, struct error *error)
{
	bool months = command->growth.rate > 0 && command->row_count == 1;

	if (command->common.output == OUTPUT_JSON)
		return cli_print_json(capacity_json(command), error);
	if (command->common.output == OUTPUT_CSV)
		return print_csv(command, error);
	if (print_heading(command, error) || print_rows(command, error))
		return ERROR_IO;
	if (months && (cli_print("\n", 1, error) || print_months(command, error)))
		return ERROR_IO;
	return cli_print("\n", 1, error) || print_bought(command, error) ? ERROR_IO : 0;
}
