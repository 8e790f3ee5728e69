/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/simulate.h"

#include "cli/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Beyond so many hosts, only those that changed are listed for people. */
enum { HOSTS_LISTED = 40, VMS_LISTED = 8 };

static const struct cluster *cluster_of(const struct simulation *simulation)
{
	return &simulation->scenario->cluster;
}

/* The file's n-th action. */
static const struct action *action_of(const struct simulation *simulation, uint32_t written)
{
	const struct scenario *scenario = simulation->scenario;

	/* Mostly they are written in the order in which they run. */
	if (scenario->as_written[written] == written)
		return &scenario->actions[written];
	for (uint32_t i = 0; i < scenario->action_count; i++) {
		if (scenario->as_written[i] == written)
			return &scenario->actions[i];
	}
	return NULL;
}

/* Times are written to the microsecond: what is beyond is arithmetic, not prediction. */
static double micro(double value)
{
	return round(value * 1e6) / 1e6;
}

/* ------------------------------------------------------------------ JSON */

static void add_percentiles(json_t *object, const char *key, const double percentiles[3],
                            double (*rounded)(double))
{
	json_t *value = json_add(object, key, json_object_new());

	json_add_number(value, "p10", rounded(percentiles[0]));
	json_add_number(value, "p50", rounded(percentiles[1]));
	json_add_number(value, "p90", rounded(percentiles[2]));
}

/* What the action is about, by the names of its own members. */
static void add_subject(json_t *value, const struct cluster *cluster, const struct action *action)
{
	if (action->kind == ACTION_BOOT)
		json_add_text(value, "name", action->name);
	if (action->host != NONE)
		json_add_text(value, "host", cluster->hosts[action->host].name);
	if (action->vm != NONE)
		json_add_text(value, "vm", cluster->vms[action->vm].name);
	if (action->to != NONE)
		json_add_text(value, "to", cluster->hosts[action->to].name);
	if (action->flavor != NONE)
		json_add_text(value, "flavor", cluster->flavors[action->flavor].name);
	if (action->group != NONE)
		json_add_text(value, "group", cluster->groups[action->group].name);
}

static json_t *actions_json(const struct simulation *simulation)
{
	const struct scenario *scenario = simulation->scenario;
	const struct action **actions = MEMORY_ARRAY(const struct action *, scenario->action_count);
	json_t *array = json_array_new();

	for (uint32_t i = 0; i < scenario->action_count; i++)
		actions[scenario->as_written[i]] = &scenario->actions[i];
	for (uint32_t i = 0; i < scenario->action_count; i++) {
		const struct action_summary *summary = &simulation->actions[i];
		json_t *value = json_push(array, json_object_new());

		json_add_text(value, "do", action_words[actions[i]->kind]);
		add_subject(value, &scenario->cluster, actions[i]);
		json_add_text(value, "verdict", verdict_words[summary->verdict]);
		json_add_text(value, "message", summary->message);
		json_add_number(value, "start_s", micro(summary->start_s));
		json_add_number(value, "end_s", micro(summary->end_s));
		if (summary->allowed) {
			json_t *allowed = json_add(value, "allowed_hosts", json_array_new());

			for (uint32_t host = 0; host < summary->allowed_count; host++)
				json_push(
					allowed,
					json_text_new(scenario->cluster.hosts[summary->allowed[host]].name));
		} else {
			json_add_null(value, "allowed_hosts");
		}
	}
	free(actions);
	return array;
}

static void add_host_name(json_t *object, const char *key, const struct cluster *cluster, uint32_t host)
{
	json_add_text(object, key, host == NONE ? NULL : cluster->hosts[host].name);
}

static json_t *migrations_json(const struct simulation *simulation)
{
	const struct cluster *cluster = cluster_of(simulation);
	json_t *array = json_array_new();

	for (uint32_t i = 0; i < simulation->migration_count; i++) {
		const struct migration_summary *of = &simulation->migrations[i];
		json_t *value = json_push(array, json_object_new());

		json_add_number(value, "action", of->action);
		json_add_text(value, "vm", cluster->vms[of->vm].name);
		add_host_name(value, "from", cluster, of->from);
		add_host_name(value, "to", cluster, of->to);
		json_add_text(value, "method", method_words[of->method]);
		json_add_text(value, "outcome", outcome_words[of->outcome]);
		json_add_number(value, "start_s", micro(of->start_s));
		add_percentiles(value, "duration_s", of->duration_s, micro);
		add_percentiles(value, "downtime_ms", of->downtime_ms, micro);
		add_percentiles(value, "bytes", of->bytes, round);
		add_percentiles(value, "iterations", of->iterations, micro);
		json_add_number(value, "throttle_percent", micro(of->throttle_percent));
		json_add_number(value, "probability_converged", micro(of->probability_converged));
	}
	return array;
}

static json_t *alarms_json(const struct simulation *simulation)
{
	json_t *array = json_array_new();

	for (uint32_t i = 0; i < simulation->alarm_count; i++) {
		const struct alarm *alarm = &simulation->alarms[i];
		json_t *value = json_push(array, json_object_new());

		json_add_text(value, "id", alarm->id);
		json_add_text(value, "severity", alarm->severity);
		json_add_text(value, "subject", alarm->subject);
		json_add_text(value, "text", alarm->text);
		json_add_number(value, "raised_s", micro((double)alarm->raised_ns / 1e9));
		if (alarm->cleared_ns < 0)
			json_add_null(value, "cleared_s");
		else
			json_add_number(value, "cleared_s", micro((double)alarm->cleared_ns / 1e9));
	}
	return array;
}

static json_t *final_json(const struct simulation *simulation)
{
	const struct cluster *cluster = cluster_of(simulation);
	const struct final_state *final = &simulation->final;
	json_t *value = json_object_new(), *hosts = json_add(value, "hosts", json_object_new()), *vms;

	for (uint32_t i = 0; i < cluster->host_count; i++) {
		json_t *host;

		if (final->hosts[i].absent)
			continue;
		host = json_add(hosts, cluster->hosts[i].name, json_object_new());
		json_add_text(host, "administrative", administrative_words[final->hosts[i].administrative]);
		json_add_text(host, "operational", operational_words[final->hosts[i].operational]);
		json_add_text(host, "availability", availability_words[final->hosts[i].availability]);
	}
	vms = json_add(value, "vms", json_object_new());
	for (uint32_t i = 0; i < cluster->vm_count; i++) {
		json_t *vm;

		if (!final->vm_exists[i])
			continue;
		vm = json_add(vms, cluster->vms[i].name, json_object_new());
		add_host_name(vm, "host", cluster, final->vm_hosts[i]);
		json_add_text(vm, "state", vm_state_words[final->vm_states[i]]);
	}
	return value;
}

static int print_json(const struct simulation *simulation, const struct simulate_report *report,
                      struct error *error)
{
	json_t *value = json_object_new();

	json_add_text(value, "schema", "lockkeeper.simulation/1");
	json_add_text(value, "profile", profile_words[cluster_of(simulation)->profile]);
	json_add_number(value, "runs", simulation->runs);
	json_add(value, "actions", actions_json(simulation));
	json_add(value, "migrations", migrations_json(simulation));
	json_add(value, "alarms", alarms_json(simulation));
	json_add(value, "final", final_json(simulation));
	if (simulation->runs > 1)
		json_add(value, "summary", simulate_report_json(simulation, report));
	return cli_print_json(value, error);
}

/* ------------------------------------------------------------------ CSV: a row a migration */

static void csv_numbers(struct table *table, const double percentiles[3], int digits)
{
	for (int i = 0; i < 3; i++)
		table_cell(table, COLOUR_NONE, "%.*f", digits, percentiles[i]);
}

static int print_csv(const struct simulation *simulation, struct error *error)
{
	static const char *const columns[] = {
		"action",
		"do",
		"vm",
		"from",
		"to",
		"method",
		"outcome",
		"start_s",
		"duration_s_p10",
		"duration_s_p50",
		"duration_s_p90",
		"downtime_ms_p10",
		"downtime_ms_p50",
		"downtime_ms_p90",
		"bytes_p10",
		"bytes_p50",
		"bytes_p90",
		"iterations_p10",
		"iterations_p50",
		"iterations_p90",
		"throttle_percent",
		"probability_converged",
	};
	const struct cluster *cluster = cluster_of(simulation);
	struct table table;
	int result;

	table_create(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (uint32_t i = 0; i < simulation->migration_count; i++) {
		const struct migration_summary *of = &simulation->migrations[i];

		table_cell(&table, COLOUR_NONE, "%u", of->action);
		table_cell(&table, COLOUR_NONE, "%s", action_words[action_of(simulation, of->action)->kind]);
		table_cell(&table, COLOUR_NONE, "%s", cluster->vms[of->vm].name);
		table_cell(&table, COLOUR_NONE, "%s", of->from == NONE ? "" : cluster->hosts[of->from].name);
		table_cell(&table, COLOUR_NONE, "%s", of->to == NONE ? "" : cluster->hosts[of->to].name);
		table_cell(&table, COLOUR_NONE, "%s", method_words[of->method]);
		table_cell(&table, COLOUR_NONE, "%s", outcome_words[of->outcome]);
		table_cell(&table, COLOUR_NONE, "%.6f", of->start_s);
		csv_numbers(&table, of->duration_s, 6);
		csv_numbers(&table, of->downtime_ms, 3);
		csv_numbers(&table, of->bytes, 0);
		csv_numbers(&table, of->iterations, 1);
		table_cell(&table, COLOUR_NONE, "%.10g", micro(of->throttle_percent));
		table_cell(&table, COLOUR_NONE, "%.10g", micro(of->probability_converged));
	}
	result = table_print(&table, true, error);
	table_free(&table);
	return result;
}

/* ------------------------------------------------------------------ for people */

static int print_line(const char *text, struct error *error)
{
	return cli_print(text, strlen(text), error);
}

static enum colour verdict_colour(enum verdict verdict)
{
	return verdict == VERDICT_LOCKED || verdict == VERDICT_DONE ? COLOUR_GOOD : COLOUR_BAD;
}

static const char *action_subject(const struct cluster *cluster, const struct action *action)
{
	if (action->vm != NONE)
		return cluster->vms[action->vm].name;
	if (action->host != NONE)
		return cluster->hosts[action->host].name;
	if (action->kind == ACTION_BOOT)
		return action->name;
	return action->group != NONE ? cluster->groups[action->group].name : "";
}

static int print_actions(const struct simulation *simulation, struct error *error)
{
	static const char *const columns[] = { "ACTION", "OF", ">START S", ">END S", "VERDICT", "MESSAGE" };
	struct table table;
	int result;

	table_create(&table, columns, 6);
	for (uint32_t i = 0; i < simulation->scenario->action_count; i++) {
		const struct action *action = &simulation->scenario->actions[i];
		const struct action_summary *of = &simulation->actions[simulation->scenario->as_written[i]];

		table_cell(&table, COLOUR_NONE, "%s", action_words[action->kind]);
		table_cell(&table, COLOUR_NONE, "%s", action_subject(cluster_of(simulation), action));
		table_cell(&table, COLOUR_NONE, "%.1f", of->start_s);
		table_cell(&table, COLOUR_NONE, "%.1f", of->end_s);
		table_cell(&table, verdict_colour(of->verdict), "%s", verdict_words[of->verdict]);
		table_cell(&table, COLOUR_NONE, "%s", of->message ? of->message : "");
	}
	result = table_print(&table, false, error);
	table_free(&table);
	return result;
}

/* A median, and the range from the 10th to the 90th percentile where there is one. */
static void range_cell(struct table *table, const double percentiles[3], int digits)
{
	if (percentiles[2] - percentiles[0] < 0.5 * pow(10, -digits))
		table_cell(table, COLOUR_NONE, "%.*f", digits, percentiles[1]);
	else
		table_cell(table, COLOUR_NONE, "%.*f (%.*f-%.*f)", digits, percentiles[1], digits,
		           percentiles[0], digits, percentiles[2]);
}

static void migration_cells(struct table *table, const struct migration_summary *of)
{
	double mib[3] = { of->bytes[0] / 1048576, of->bytes[1] / 1048576, of->bytes[2] / 1048576 };

	range_cell(table, of->duration_s, 1);
	range_cell(table, of->downtime_ms, 0);
	range_cell(table, mib, 0);
	range_cell(table, of->iterations, 0);
	table_cell(table, COLOUR_NONE, "%.0f", of->throttle_percent);
}

static int print_migrations(const struct simulation *simulation, struct error *error)
{
	static const char *const columns[] = { "VM",       "FROM",        "TO",           "METHOD",
		                               ">START S", ">TIME S",     ">DOWNTIME MS", ">MIB",
		                               ">ROUNDS",  ">THROTTLE %", "OUTCOME" };
	const struct cluster *cluster = cluster_of(simulation);
	struct table table;
	int result;

	table_create(&table, columns, 11);
	for (uint32_t i = 0; i < simulation->migration_count; i++) {
		const struct migration_summary *of = &simulation->migrations[i];

		table_cell(&table, COLOUR_NONE, "%s", cluster->vms[of->vm].name);
		table_cell(&table, COLOUR_NONE, "%s", of->from == NONE ? "-" : cluster->hosts[of->from].name);
		table_cell(&table, COLOUR_NONE, "%s", of->to == NONE ? "-" : cluster->hosts[of->to].name);
		table_cell(&table, COLOUR_NONE, "%s", method_words[of->method]);
		table_cell(&table, COLOUR_NONE, "%.1f", of->start_s);
		if (of->outcome == OUTCOME_REJECTED) {
			for (int cell = 0; cell < 5; cell++)
				table_cell(&table, COLOUR_NONE, "-");
		} else {
			migration_cells(&table, of);
		}
		if (of->probability_converged > 0 && of->probability_converged < 1)
			table_cell(&table, COLOUR_WARN, "%s (%.0f %% converge)", outcome_words[of->outcome],
			           100 * of->probability_converged);
		else
			table_cell(&table, of->outcome == OUTCOME_COMPLETED ? COLOUR_GOOD : COLOUR_BAD, "%s",
			           outcome_words[of->outcome]);
	}
	result = table_print(&table, false, error);
	table_free(&table);
	return result;
}

static int print_alarms(const struct simulation *simulation, struct error *error)
{
	static const char *const columns[] = { "ALARM", "SEVERITY", ">RAISED S", ">CLEARED S", "TEXT" };
	struct table table;
	int result;

	table_create(&table, columns, 5);
	for (uint32_t i = 0; i < simulation->alarm_count; i++) {
		const struct alarm *alarm = &simulation->alarms[i];

		table_cell(&table, COLOUR_WARN, "%s", alarm->id);
		table_cell(&table, COLOUR_NONE, "%s", alarm->severity);
		table_cell(&table, COLOUR_NONE, "%.1f", (double)alarm->raised_ns / 1e9);
		if (alarm->cleared_ns < 0)
			table_cell(&table, COLOUR_NONE, "-");
		else
			table_cell(&table, COLOUR_NONE, "%.1f", (double)alarm->cleared_ns / 1e9);
		table_cell(&table, COLOUR_NONE, "%s", alarm->text);
	}
	result = table_print(&table, false, error);
	table_free(&table);
	return result;
}

/* Who is where at the end: by host, in the file's order. */
struct residents {
	uint32_t *first, *next; /* lists of VMs by host */
	uint32_t *count;
	bool *changed;
};

static void residents_find(const struct simulation *simulation, struct residents *residents)
{
	const struct cluster *cluster = cluster_of(simulation);
	const struct final_state *final = &simulation->final;

	residents->first = MEMORY_ARRAY(uint32_t, cluster->host_count);
	residents->count = MEMORY_ARRAY(uint32_t, cluster->host_count);
	residents->changed = MEMORY_ARRAY(bool, cluster->host_count);
	residents->next = MEMORY_ARRAY(uint32_t, cluster->vm_count);
	for (uint32_t i = 0; i < cluster->host_count; i++) {
		residents->first[i] = NONE;
		residents->changed[i] = final->hosts[i].administrative != cluster->hosts[i].administrative ||
		                        final->hosts[i].availability != cluster->hosts[i].availability;
	}
	for (uint32_t i = cluster->vm_count; i-- > 0;) {
		uint32_t host = final->vm_hosts[i], before = cluster->vms[i].host;

		if (before != host && before != NONE)
			residents->changed[before] = true;
		if (host == NONE || !final->vm_exists[i])
			continue;
		residents->changed[host] |= before != host;
		residents->next[i] = residents->first[host];
		residents->first[host] = i;
		residents->count[host]++;
	}
}

static void residents_cell(struct table *table, const struct simulation *simulation,
                           const struct residents *residents, uint32_t host)
{
	char text[1024] = "";
	size_t length = 0;
	uint32_t shown = 0;

	for (uint32_t vm = residents->first[host]; vm != NONE && shown < VMS_LISTED;
	     vm = residents->next[vm]) {
		const char *name = cluster_of(simulation)->vms[vm].name;
		uint8_t state = simulation->final.vm_states[vm];

		if (length + strlen(name) + 64 > sizeof(text))
			break;
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", shown ? ", " : "",
		                           name);
		if (state != VM_ACTIVE)
			length += (size_t)snprintf(text + length, sizeof(text) - length, " (%s)",
			                           vm_state_words[state]);
		shown++;
	}
	if (shown < residents->count[host])
		snprintf(text + length, sizeof(text) - length, "%s… %u in all", shown ? ", " : "",
		         residents->count[host]);
	table_cell(table, COLOUR_NONE, "%s", text);
}

static int print_final(const struct simulation *simulation, struct error *error)
{
	static const char *const columns[] = { "HOST", "STATE", "VMS AT THE END" };
	const struct cluster *cluster = cluster_of(simulation);
	struct residents residents;
	struct table table;
	uint32_t left_out = 0;
	char text[64];
	int result;

	residents_find(simulation, &residents);
	table_create(&table, columns, 3);
	for (uint32_t i = 0; i < cluster->host_count; i++) {
		const struct host_status *status = &simulation->final.hosts[i];

		if (status->absent)
			continue;
		if (cluster->host_count > HOSTS_LISTED && !residents.changed[i]) {
			left_out++;
			continue;
		}
		table_cell(&table, COLOUR_NONE, "%s", cluster->hosts[i].name);
		table_cell(&table, COLOUR_NONE, "%s/%s/%s", administrative_words[status->administrative],
		           operational_words[status->operational], availability_words[status->availability]);
		residents_cell(&table, simulation, &residents, i);
	}
	result = table_print(&table, false, error);
	table_free(&table);
	free(residents.first);
	free(residents.next);
	free(residents.count);
	free(residents.changed);
	if (result || left_out == 0)
		return result;
	snprintf(text, sizeof(text), "%u other hosts are as before.\n", left_out);
	return print_line(text, error);
}

static int print_table(const struct simulation *simulation, const struct simulate_report *report,
                       struct error *error)
{
	int result = 0;

	if (simulation->scenario->action_count > 0)
		result = print_actions(simulation, error);
	if (!result && simulation->migration_count > 0) {
		result = print_line("\n", error);
		result = result ? result : print_migrations(simulation, error);
	}
	if (!result && simulation->alarm_count > 0) {
		result = print_line("\n", error);
		result = result ? result : print_alarms(simulation, error);
	}
	if (!result && simulation->scenario->action_count > 0)
		result = print_line("\n", error);
	if (!result)
		result = print_final(simulation, error);
	if (result || simulation->runs == 1)
		return result;
	result = print_line("\n", error);
	return result ? result : simulate_report_print(simulation, report, error);
}

int simulate_print(const struct simulation *simulation, const struct simulate_report *report,
                   enum output output, struct error *error)
{
	switch (output) {
	case OUTPUT_JSON:
		return print_json(simulation, report, error);
	case OUTPUT_CSV:
		return print_csv(simulation, error);
	case OUTPUT_TABLE:
		break;
	}
	return print_table(simulation, report, error);
}
