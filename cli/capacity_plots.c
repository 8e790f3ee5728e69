/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/capacity.h"

#include "cli/plots.h"

/* One line for each unit: VMs, those that are there included. */
static int draw_headroom(const struct capacity_command *command, struct error *error)
{
	static const char *const columns[] = { "vms", "lower", "upper", "scheduled", "stopped_by" };
	struct table table;

	table_create(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (uint32_t i = 0; i < command->row_count; i++) {
		const struct sized *row = &command->rows[i];
		const struct hindrance *stop = capacity_stop(command, row);

		table_cell(&table, COLOUR_NONE, "%s", row->name);
		table_cell(&table, COLOUR_NONE, "%u", capacity_known(&row->capacity.more));
		table_cell(&table, COLOUR_NONE, "%u", row->capacity.more.upper);
		table_cell(&table, COLOUR_NONE, "%u", capacity_known(&row->capacity.scheduled));
		table_cell(&table, COLOUR_NONE, "%s",
		           stop && stop->resource ? capacity_resource_words(stop->resource)
		           : stop && stop->rule   ? stop->rule
		                                  : "");
	}
	return plots_table(command->plots, "capacity", &table, error);
}

/* One line for each unit and month, from now, month 0, on. */
static int draw_growth(const struct capacity_command *command, struct error *error)
{
	static const char *const columns[] = { "vms", "month", "present", "grown", "lower", "upper", "full" };
	struct table table;

	table_create(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (uint32_t i = 0; i < command->row_count; i++) {
		const struct sized *row = &command->rows[i];
		uint32_t vms = unit_vms(&row->unit), full = capacity_full_month(command, row);
		double present = command->present_vms;

		for (uint32_t month = 0; month <= command->months; month++) {
			double needed = capacity_needed(command, row, month);

			table_cell(&table, COLOUR_NONE, "%s", row->name);
			table_cell(&table, COLOUR_NONE, "%u", month);
			table_cell(&table, COLOUR_NONE, "%.0f", present);
			table_cell(&table, COLOUR_NONE, "%.0f", present + needed * vms);
			table_cell(&table, COLOUR_NONE, "%.0f",
			           present + (double)capacity_known(&row->capacity.more) * vms);
			table_cell(&table, COLOUR_NONE, "%.0f",
			           present + (double)row->capacity.more.upper * vms);
			table_cell(&table, COLOUR_NONE, "%d", full && month >= full);
		}
	}
	return plots_table(command->plots, "growth", &table, error);
}

int capacity_draw(const struct capacity_command *command, struct error *error)
{
	int result = draw_headroom(command, error);

	return result || command->growth.rate <= 0 ? result : draw_growth(command, error);
}
