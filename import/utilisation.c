/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "import/utilisation.h"

#include "core/arena.h"
#include "core/cluster.h"
#include "core/intern.h"
#include "import/csv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct utilisation_columns utilisation_columns_default = { "time", "vm", "cpu", "memory_mib" };

/* Times from here on are in milliseconds: as seconds they would lie beyond the year 5000. */
static const double MILLISECONDS_FROM = 1e11;

struct traced {
	const char *name;
	double cpu[DAY_HOURS]; /* sums */
	uint32_t seen[DAY_HOURS];
	double memory_mib; /* sum */
	uint32_t memory_seen;
};

struct utilisation {
	struct arena arena;
	struct interns *names;
	struct traced *vms;
	uint32_t count, room;
};

/* Where the columns are in a record. */
struct places {
	uint32_t time, vm, cpu, memory; /* memory: UINT32_MAX: there is none */
};

/* ------------------------------------------------------------------ reading */

static uint32_t place_of(const struct csv *csv, const char *name)
{
	for (uint32_t i = 0; i < csv->count; i++) {
		if (!strcmp(csv->fields[i], name))
			return i;
	}
	return UINT32_MAX;
}

static int find_places(struct csv *csv, const struct utilisation_columns *columns, struct places *ret_places,
                       struct error *error)
{
	const char *names[] = { columns->time, columns->vm, columns->cpu };
	uint32_t *places[] = { &ret_places->time, &ret_places->vm, &ret_places->cpu };
	int result = csv_next(csv, error);

	for (int i = 0; i < 3 && !result; i++) {
		*places[i] = place_of(csv, names[i]);
		if (*places[i] == UINT32_MAX)
			result = error_set(error, ERROR_INPUT,
			                   "%s:1: no column \"%.80s\", expected it in the heading", csv->file,
			                   names[i]);
	}
	ret_places->memory = place_of(csv, columns->memory);
	return result;
}

/* A field by its place; empty when the record is too short for it. */
static const char *field_of(const struct csv *csv, uint32_t place)
{
	return place < csv->count ? csv->fields[place] : "";
}

static int read_number(const struct csv *csv, const char *text, const char *column, double *ret,
                       struct error *error)
{
	char *end;

	errno = 0;
	*ret = strtod(text, &end);
	if (end == text || *end || !isfinite(*ret) || *ret < 0)
		return error_set(error, ERROR_INPUT, "%s:%u: %s: \"%.40s\", expected a number of at least 0",
		                 csv->file, csv->line, column, text);
	return 0;
}

/* So many digits, which are passed over; false: there are not. */
static bool take_digits(const char **at, int count, int *ret_number)
{
	*ret_number = 0;
	for (; count > 0; count--, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		*ret_number = 10 * *ret_number + (**at - '0');
	}
	return true;
}

/* One of these characters, which is passed over. */
static bool take_one(const char **at, const char *characters)
{
	return **at && strchr(characters, *(*at)++);
}

/* "+02:00", "-0530", "Z", "": seconds ahead of UTC. */
static bool read_zone(const char *text, double *ret_ahead_s)
{
	bool behind = *text == '-';
	int hours, minutes = 0;

	*ret_ahead_s = 0;
	if (!*text || !strcmp(text, "Z"))
		return true;
	if (!take_one(&text, "+-") || !take_digits(&text, 2, &hours))
		return false;
	text += *text == ':';
	if (*text && !take_digits(&text, 2, &minutes))
		return false;
	*ret_ahead_s = (behind ? -60.0 : 60.0) * (60 * hours + minutes);
	return !*text;
}

/* 2026-11-26T13:00[:00[.5]][ZONE]: as RFC 3339 has it, and as databases print it. */
static bool read_date(const char *text, double *ret_s)
{
	struct tm date = { 0 }, normal;
	double ahead_s, seconds = 0;
	char *end;

	if (!take_digits(&text, 4, &date.tm_year) || !take_one(&text, "-") ||
	    !take_digits(&text, 2, &date.tm_mon) || !take_one(&text, "-") ||
	    !take_digits(&text, 2, &date.tm_mday) || !take_one(&text, "T ") ||
	    !take_digits(&text, 2, &date.tm_hour) || !take_one(&text, ":") ||
	    !take_digits(&text, 2, &date.tm_min))
		return false;
	if (*text == ':') {
		seconds = strtod(text + 1, &end);
		if (end < text + 3 || !(seconds >= 0 && seconds < 61))
			return false;
		text = end;
	}
	date.tm_year -= 1900;
	date.tm_mon--;
	normal = date;
	*ret_s = (double)timegm(&normal) + seconds;
	if (normal.tm_mday != date.tm_mday || normal.tm_mon != date.tm_mon ||
	    normal.tm_hour != date.tm_hour || normal.tm_min != date.tm_min || !read_zone(text, &ahead_s))
		return false;
	*ret_s -= ahead_s;
	return true;
}

static int read_time(const struct csv *csv, const char *text, double *ret_s, struct error *error)
{
	char *end;

	*ret_s = strtod(text, &end);
	if (end != text && !*end && isfinite(*ret_s)) {
		*ret_s /= *ret_s >= MILLISECONDS_FROM ? 1000 : 1;
		return 0;
	}
	if (read_date(text, ret_s))
		return 0;
	return error_set(error, ERROR_INPUT,
	                 "%s:%u: \"%.40s\", expected a time: seconds, or as 2026-11-26T13:00:00Z", csv->file,
	                 csv->line, text);
}

static struct traced *traced_of(struct utilisation *utilisation, const char *name)
{
	const char *text = intern(utilisation->names, name);
	uint32_t index = intern_bind(utilisation->names, 0, text, utilisation->count);

	if (index != UINT32_MAX)
		return &utilisation->vms[index];
	if (utilisation->count == utilisation->room) {
		utilisation->room = utilisation->room ? utilisation->room * 2 : 64;
		utilisation->vms = memory_resize(utilisation->vms, utilisation->room,
		                                 sizeof(*utilisation->vms));
	}
	utilisation->vms[utilisation->count] = (struct traced){ .name = text };
	return &utilisation->vms[utilisation->count++];
}

static int take_record(struct utilisation *utilisation, const struct csv *csv, const struct places *places,
                       double utc_offset_h, struct error *error)
{
	const char *name = field_of(csv, places->vm), *cpu_text = field_of(csv, places->cpu);
	const char *memory_text = field_of(csv, places->memory);
	double time_s, cpu, memory_mib = 0, hour;
	struct traced *traced;

	if (!*cpu_text)
		return 0;
	if (!*name)
		return error_set(error, ERROR_INPUT, "%s:%u: no VM, expected its name or id", csv->file,
		                 csv->line);
	if (read_time(csv, field_of(csv, places->time), &time_s, error) ||
	    read_number(csv, cpu_text, "CPU", &cpu, error) ||
	    (*memory_text && read_number(csv, memory_text, "memory", &memory_mib, error)))
		return ERROR_INPUT;
	hour = fmod(floor(time_s / 3600 + utc_offset_h), DAY_HOURS);
	hour += hour < 0 ? DAY_HOURS : 0;
	traced = traced_of(utilisation, name);
	traced->cpu[(int)hour] += cpu;
	traced->seen[(int)hour]++;
	traced->memory_mib += memory_mib;
	traced->memory_seen += *memory_text != '\0';
	return 0;
}

int utilisation_read(struct utilisation **ret_utilisation, const char *text, size_t length, const char *file,
                     const struct utilisation_columns *columns, double utc_offset_h, struct error *error)
{
	struct utilisation *utilisation = MEMORY_ARRAY(struct utilisation, 1);
	struct places places;
	struct csv csv;
	int result;

	utilisation->names = interns_new(&utilisation->arena);
	csv_open(&csv, text, length, file);
	result = find_places(&csv, columns, &places, error);
	while (!result && !(result = csv_next(&csv, error)) && csv.count > 0)
		result = take_record(utilisation, &csv, &places, utc_offset_h, error);
	csv_free(&csv);
	if (result)
		utilisation_free(utilisation);
	else
		*ret_utilisation = utilisation;
	return result;
}

void utilisation_free(struct utilisation *utilisation)
{
	arena_free(&utilisation->arena);
	free(utilisation->vms);
	free(utilisation);
}

/* ------------------------------------------------------------------ load profiles */

/* Hundredths of its mean, by hour. Returns whether it was seen in every hour. */
static bool hours_of(const struct traced *traced, uint32_t ret_hundredths[DAY_HOURS])
{
	double sum = 0;
	int seen = 0;

	for (int hour = 0; hour < DAY_HOURS; hour++) {
		if (traced->seen[hour] == 0)
			continue;
		sum += traced->cpu[hour] / traced->seen[hour];
		seen++;
	}
	for (int hour = 0; hour < DAY_HOURS; hour++) {
		double mean = traced->seen[hour] ? traced->cpu[hour] / traced->seen[hour] : 0;

		ret_hundredths[hour] = traced->seen[hour] && sum > 0
		                               ? (uint32_t)lrint(100 * fmin(mean * seen / sum, 1e6))
		                               : 100;
	}
	return seen == DAY_HOURS;
}

struct profiling {
	const struct utilisation *utilisation;
	struct interns *known; /* kind 0: texts of hours, to their profile */
	struct arena arena;
	json_t *profiles;
	const char **names; /* by profile */
	struct utilisation_report *report;
};

/* The name of the profile with these hours: a new one is called after its first VM. */
static const char *profile_of(struct profiling *profiling, const char *vm,
                              const uint32_t hundredths[DAY_HOURS])
{
	char text[DAY_HOURS * 12] = "";
	json_t *profile, *hours;
	size_t length = 0;
	uint32_t index;

	for (int hour = 0; hour < DAY_HOURS; hour++)
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%u ", hundredths[hour]);
	index = intern_bind(profiling->known, 0, text, profiling->report->profiles);
	if (index != UINT32_MAX)
		return profiling->names[index];
	profile = json_push(profiling->profiles, json_object_new());
	json_add_text(profile, "name", vm);
	hours = json_add(profile, "hours", json_array_new());
	for (int hour = 0; hour < DAY_HOURS; hour++)
		json_push(hours, json_number_new(hundredths[hour] / 100.0));
	profiling->names[profiling->report->profiles++] = vm;
	return vm;
}

static double flavor_memory_mib(const json_t *cluster, const json_t *vm)
{
	const json_t *name = json_get(vm, "flavor"), *flavors = json_get(cluster, "flavors");

	for (const json_t *flavor = flavors ? json_first(flavors) : NULL; flavor;
	     flavor = json_next(flavor)) {
		const json_t *own = json_get(flavor, "name");

		if (name && own && !strcmp(json_text(own), json_text(name)))
			return json_member_number(flavor, "memory_mib");
	}
	return INFINITY;
}

static void take_vm(struct profiling *profiling, const json_t *cluster, json_t *vm,
                    const struct traced *traced)
{
	uint32_t hundredths[DAY_HOURS];
	double mib;

	profiling->report->gaps += !hours_of(traced, hundredths);
	json_put(vm, "load_profile",
	         json_text_new(profile_of(profiling, json_text(json_get(vm, "name")), hundredths)));
	if (traced->memory_seen == 0)
		return;
	mib = fmin(traced->memory_mib / traced->memory_seen, flavor_memory_mib(cluster, vm));
	json_put(vm, "used_mib", json_number_new(round(mib)));
}

/* The trace's VM by the cluster's name or id; UINT32_MAX: it has none. */
static uint32_t find_traced(const struct utilisation *utilisation, const json_t *vm)
{
	static const char *const keys[] = { "name", "id" };
	uint32_t index = UINT32_MAX;

	for (int i = 0; i < 2 && index == UINT32_MAX; i++) {
		const json_t *text = json_get(vm, keys[i]);

		if (text && json_type(text) == JSON_TEXT)
			index = intern_find(utilisation->names, 0, json_text(text));
	}
	return index;
}

json_t *utilisation_cluster(const struct utilisation *utilisation, const json_t *cluster,
                            struct utilisation_report *ret_report)
{
	struct profiling profiling = { .utilisation = utilisation, .report = ret_report };
	bool *used = MEMORY_ARRAY(bool, utilisation->count);
	json_t *copy = json_copy(cluster), *vms;

	*ret_report = (struct utilisation_report){ 0 };
	profiling.known = interns_new(&profiling.arena);
	profiling.profiles = json_array_new();
	profiling.names = MEMORY_ARRAY(const char *, utilisation->count);
	vms = json_child(copy, json_get(copy, "vms"));
	for (const json_t *vm = json_first(vms); vm; vm = json_next(vm)) {
		uint32_t index = find_traced(utilisation, vm);

		json_remove(json_child(vms, vm), "load_profile");
		if (index == UINT32_MAX) {
			ret_report->untraced++;
			continue;
		}
		used[index] = true;
		take_vm(&profiling, copy, json_child(vms, vm), &utilisation->vms[index]);
	}
	for (uint32_t i = 0; i < utilisation->count; i++) {
		ret_report->known += used[i];
		ret_report->unknown += !used[i];
		if (!used[i] && !ret_report->first_unknown)
			ret_report->first_unknown = utilisation->vms[i].name;
	}
	json_put(copy, "load_profiles", profiling.profiles);
	arena_free(&profiling.arena);
	free(profiling.names);
	free(used);
	return copy;
}
