/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/check.h"

#include "cli/table.h"
#include "core/must.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *vm_name(const struct check *check, uint32_t vm)
{
	return check->cluster.vms[vm].name;
}

static void add_order(const struct check *check, json_t *object, const char *key, const uint32_t *order,
                      uint32_t count)
{
	json_t *names = json_add(object, key, json_array_new());

	/* No order is known: an empty list, so that the member is always of one type. */
	for (uint32_t i = 0; order && i < count; i++)
		json_push(names, json_text_new(vm_name(check, order[i])));
}

static json_t *stock_json(const struct check *check, const struct stock *stock)
{
	json_t *value = json_object_new(), *blocking;

	json_add_text(value, "verdict", stock_verdict_words[stock->verdict]);
	json_add_text(value, "message", stock->message);
	blocking = json_add(value, "blocking", json_array_new());
	for (uint32_t i = 0; i < stock->blocker_count; i++) {
		json_t *blocker = json_push(blocking, json_object_new());

		json_add_text(blocker, "vm", vm_name(check, stock->blockers[i].vm));
		json_add_text(blocker, "rule", stock->blockers[i].rule);
		json_add_text(blocker, "why", stock->blockers[i].why);
	}
	add_order(check, value, "good_order", stock->good_order, stock->mover_count);
	add_order(check, value, "bad_order", stock->bad_order, stock->mover_count);
	return value;
}

/* What it holds goes over to the document. */
static json_t *planned_json(const struct check *check, const struct checked *checked, bool plan)
{
	const struct planned *planned = &checked->planned;
	json_t *value = json_object_new();

	json_add_text(value, "verdict", planned_verdict_words[planned->verdict]);
	if (planned->verdict == PLANNED_LOCKABLE) {
		json_add_number(value, "moves", planned->order_count);
		if (plan)
			json_add(value, "plan", plan_json(&checked->plan, &check->cluster));
	} else if (planned->verdict == PLANNED_NOT_LOCKABLE && plan) {
		json_add(value, "certificate", checked->certificate);
	} else if (planned->verdict == PLANNED_NOT_LOCKABLE) {
		json_add_text(value, "why", checked->planned_why);
	}
	return value;
}

static json_t *prediction_json(const struct prediction *prediction)
{
	json_t *value = json_object_new();

	json_add_percentiles(value, "duration_s", prediction->duration_s);
	json_add_percentiles(value, "worst_downtime_ms", prediction->worst_downtime_ms);
	json_add_number(value, "bytes", round(prediction->bytes));
	json_add_number(value, "probability_in_window", prediction->probability_in_window);
	return value;
}

json_t *check_host_json(const struct check *check, const struct checked *checked, bool plan)
{
	json_t *host = json_object_new();

	json_add_text(host, "host", check->cluster.hosts[checked->host].name);
	json_add(host, "stock", stock_json(check, &checked->stock));
	json_add(host, "planned", planned_json(check, checked, plan));
	if (checked->predicted)
		json_add(host, "predicted", prediction_json(&checked->prediction));
	else
		json_add_null(host, "predicted");
	return host;
}

static int print_json(const struct check *check, struct error *error)
{
	json_t *value = json_object_new(), *hosts;

	json_add_text(value, "schema", "lockkeeper.check/1");
	json_add_text(value, "profile", profile_words[check->cluster.profile]);
	hosts = json_add(value, "hosts", json_array_new());
	for (uint32_t i = 0; i < check->count; i++)
		json_push(hosts, check_host_json(check, &check->checked[i], true));
	return cli_print_json(value, error);
}

/* What a person reads in the last column: the blockers, the first few of them. */
static void describe(const struct check *check, const struct checked *checked, char *text, size_t room)
{
	const struct stock *stock = &checked->stock;
	uint32_t shown = stock->blocker_count > 2 ? 1 : stock->blocker_count;

	text[0] = '\0';
	if (check->cluster.hosts[checked->host].administrative == ADMIN_LOCKED)
		snprintf(text, room, "already locked");
	else if (check->cluster.host_count == 1)
		snprintf(text, room, "the only host: its VMs are stopped");
	for (uint32_t i = 0; i < shown; i++) {
		size_t length = strlen(text);

		snprintf(text + length, room - length, "%s%s (%s): %s", i ? "; " : "",
		         vm_name(check, stock->blockers[i].vm), stock->blockers[i].rule,
		         stock->blockers[i].why);
	}
	if (shown < stock->blocker_count) {
		size_t length = strlen(text);

		snprintf(text + length, room - length, "; and %u more VMs", stock->blocker_count - shown);
	}
	if (checked->predicted && !checked->prediction.completed) {
		size_t length = strlen(text);

		snprintf(text + length, room - length, "%sa migration is predicted not to finish in time",
		         length ? "; " : "");
	}
}

static enum colour verdict_colour(enum stock_verdict verdict)
{
	return verdict == STOCK_ALWAYS ? COLOUR_GOOD : verdict == STOCK_NEVER ? COLOUR_BAD : COLOUR_WARN;
}

static void plan_cell(const struct planned *planned, struct table *table)
{
	switch (planned->verdict) {
	case PLANNED_LOCKABLE:
		table_cell(table, COLOUR_GOOD, "%u move%s", planned->order_count,
		           planned->order_count == 1 ? "" : "s");
		break;
	case PLANNED_NOT_LOCKABLE:
		table_cell(table, COLOUR_BAD, "no");
		break;
	case PLANNED_UNKNOWN:
		table_cell(table, COLOUR_WARN, "unknown");
		break;
	}
}

static void people_row(const struct check *check, const struct checked *checked, struct table *table)
{
	const struct stock *stock = &checked->stock;
	const struct prediction *prediction = &checked->prediction;
	char why[1536];

	table_cell(table, COLOUR_NONE, "%s", check->cluster.hosts[checked->host].name);
	table_cell(table, verdict_colour(stock->verdict), "%s", stock_verdict_words[stock->verdict]);
	table_cell(table, COLOUR_NONE, "%u", stock->mover_count);
	if (checked->predicted && stock->mover_count > 0) {
		table_cell(table, COLOUR_NONE, "%.1f s", prediction->duration_s[1]);
		table_cell(table, COLOUR_NONE, "%.0f ms", prediction->worst_downtime_ms[1]);
	} else {
		table_cell(table, COLOUR_NONE, "-");
		table_cell(table, COLOUR_NONE, "-");
	}
	plan_cell(&checked->planned, table);
	describe(check, checked, why, sizeof(why));
	table_cell(table, COLOUR_NONE, "%s", why);
}

static int print_line(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int print_line(struct error *error, const char *format, ...)
{
	char line[2048];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	return cli_print(line, (size_t)(length < (int)sizeof(line) ? length : (int)sizeof(line) - 1), error);
}

static int print_order(const struct check *check, const char *what, const uint32_t *order, uint32_t count,
                       struct error *error)
{
	if (print_line(error, "  %s:", what))
		return ERROR_IO;
	for (uint32_t i = 0; i < count; i++) {
		if (print_line(error, " %s", vm_name(check, order[i])))
			return ERROR_IO;
	}
	return print_line(error, "\n");
}

/* What moves of any VMs make possible that the platform's own lock may not. */
static int print_planned(const struct check *check, const struct checked *checked, struct error *error)
{
	const struct planned *planned = &checked->planned;
	uint32_t others = 0;

	if (planned->verdict == PLANNED_NOT_LOCKABLE) {
		int result = print_line(error, "  no moves empty it: %s\n", checked->planned_why);

		for (uint32_t i = 0; i < checked->advice.count && !result; i++)
			result = print_line(error, "  would help: %s\n", checked->advice.texts[i]);
		return result;
	}
	if (planned->verdict == PLANNED_UNKNOWN)
		return print_line(error, "  whether any moves empty it was not decided within the limit\n");
	if (planned->order_count == 0)
		return 0;
	for (uint32_t i = 0; i < planned->order_count; i++)
		others += planned->orders[i].from != checked->host;
	if (print_line(error, "  a plan empties it by %u move%s", planned->order_count,
	               planned->order_count == 1 ? "" : "s"))
		return ERROR_IO;
	if (others > 0 && print_line(error, ", %u of them to make room", others))
		return ERROR_IO;
	for (uint32_t i = 0; i < planned->broken_count; i++) {
		if (print_line(error, "; best-effort group %s does not hold afterwards",
		               check->cluster.groups[planned->broken[i]].name))
			return ERROR_IO;
	}
	return print_line(error, "\n");
}

/* For hosts that were asked for by name: everything that is known. */
static int print_details(const struct check *check, const struct checked *checked, struct error *error)
{
	const struct stock *stock = &checked->stock;
	const struct prediction *prediction = &checked->prediction;

	if (print_line(error, "\n%s: %s\n", check->cluster.hosts[checked->host].name,
	               stock_verdict_words[stock->verdict]))
		return ERROR_IO;
	if (stock->message && print_line(error, "  the platform says: %s\n", stock->message))
		return ERROR_IO;
	for (uint32_t i = 0; i < stock->blocker_count; i++) {
		if (print_line(error, "  in the way: %s, by rule %s: %s\n",
		               vm_name(check, stock->blockers[i].vm), stock->blockers[i].rule,
		               stock->blockers[i].why))
			return ERROR_IO;
	}
	if (stock->verdict == STOCK_ORDER_DEPENDENT && stock->good_order &&
	    print_order(check, "an order that works", stock->good_order, stock->mover_count, error))
		return ERROR_IO;
	if (stock->bad_order &&
	    print_order(check, "an order that fails", stock->bad_order, stock->mover_count, error))
		return ERROR_IO;
	if (print_planned(check, checked, error))
		return ERROR_IO;
	if (!checked->predicted || stock->mover_count == 0)
		return 0;
	if (print_line(error,
	               "  %stakes %.1f s (p10 %.1f, p90 %.1f), "
	               "worst downtime %.0f ms (p10 %.0f, p90 %.0f), %.1f MiB\n",
	               checked->of_plan ? "the plan " : "", prediction->duration_s[1],
	               prediction->duration_s[0], prediction->duration_s[2], prediction->worst_downtime_ms[1],
	               prediction->worst_downtime_ms[0], prediction->worst_downtime_ms[2],
	               prediction->bytes / 1048576))
		return ERROR_IO;
	return print_line(error, "  within %.0f s with probability %.2f\n", check->window_s,
	                  prediction->probability_in_window);
}

static int print_people(const struct check *check, struct error *error)
{
	static const char *const columns[] = { "HOST",  "LOCK",      ">MOVES", ">TIME", ">WORST DOWNTIME",
		                               ">PLAN", "IN THE WAY" };
	struct table table;
	int result;

	table_create(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (uint32_t i = 0; i < check->count; i++)
		people_row(check, &check->checked[i], &table);
	result = table_print(&table, false, error);
	table_free(&table);
	for (uint32_t i = 0; i < check->count && check->name_count > 0 && !result; i++)
		result = print_details(check, &check->checked[i], error);
	return result;
}

static void number_cell(struct table *table, bool known, const char *format, double value)
{
	char text[64] = "";

	if (known)
		snprintf(text, sizeof(text), strcmp(format, "ms") ? "%.3f" : "%.1f", value);
	table_cell(table, COLOUR_NONE, "%s", text);
}

static int print_csv(const struct check *check, struct error *error)
{
	static const char *const columns[] = { "host",
		                               "verdict",
		                               "moves",
		                               "planned",
		                               "planned_moves",
		                               "duration_p10_s",
		                               "duration_p50_s",
		                               "duration_p90_s",
		                               "worst_downtime_p10_ms",
		                               "worst_downtime_p50_ms",
		                               "worst_downtime_p90_ms",
		                               "bytes",
		                               "probability_in_window",
		                               "message",
		                               "blocking" };
	struct table table;
	char why[1536];
	int result;

	table_create(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (uint32_t i = 0; i < check->count; i++) {
		const struct checked *checked = &check->checked[i];
		bool known = checked->predicted;

		table_cell(&table, COLOUR_NONE, "%s", check->cluster.hosts[checked->host].name);
		table_cell(&table, COLOUR_NONE, "%s", stock_verdict_words[checked->stock.verdict]);
		table_cell(&table, COLOUR_NONE, "%u", checked->stock.mover_count);
		table_cell(&table, COLOUR_NONE, "%s", planned_verdict_words[checked->planned.verdict]);
		if (checked->planned.verdict == PLANNED_LOCKABLE)
			table_cell(&table, COLOUR_NONE, "%u", checked->planned.order_count);
		else
			table_cell(&table, COLOUR_NONE, "%s", "");
		for (int p = 0; p < 3; p++)
			number_cell(&table, known, "s", checked->prediction.duration_s[p]);
		for (int p = 0; p < 3; p++)
			number_cell(&table, known, "ms", checked->prediction.worst_downtime_ms[p]);
		snprintf(why, sizeof(why), "%.0f", checked->prediction.bytes);
		table_cell(&table, COLOUR_NONE, "%s", known ? why : "");
		number_cell(&table, known, "s", checked->prediction.probability_in_window);
		table_cell(&table, COLOUR_NONE, "%s", checked->stock.message ? checked->stock.message : "");
		describe(check, checked, why, sizeof(why));
		table_cell(&table, COLOUR_NONE, "%s", why);
	}
	result = table_print(&table, true, error);
	table_free(&table);
	return result;
}

int check_print(const struct check *check, struct error *error)
{
	switch (check->common.output) {
	case OUTPUT_JSON:
		return print_json(check, error);
	case OUTPUT_CSV:
		return print_csv(check, error);
	default:
		return print_people(check, error);
	}
}

char *check_board_csv(const struct check *check, size_t *ret_length)
{
	char *text = NULL, why[1536];
	FILE *out = open_memstream(&text, ret_length);

	must(out);
	fputs("host,verdict,moves,duration_p10_s,duration_p50_s,duration_p90_s,downtime_p50_ms,"
	      "probability_in_window,why\n",
	      out);
	for (uint32_t i = 0; i < check->count; i++) {
		const struct checked *checked = &check->checked[i];
		const struct prediction *prediction = &checked->prediction;

		table_csv_cell(out, check->cluster.hosts[checked->host].name);
		fprintf(out, ",%s,%u,", stock_verdict_words[checked->stock.verdict],
		        checked->stock.mover_count);
		if (checked->predicted)
			fprintf(out, "%.3f,%.3f,%.3f,%.1f,%.3f,", prediction->duration_s[0],
			        prediction->duration_s[1], prediction->duration_s[2],
			        prediction->worst_downtime_ms[1], prediction->probability_in_window);
		else
			fputs(",,,,,", out);
		describe(check, checked, why, sizeof(why));
		table_csv_cell(out, *why ? why : "-");
		fputc('\n', out);
	}
	fclose(out);
	return text;
}
