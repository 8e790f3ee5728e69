/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/names.h"

#include <stddef.h>

#define DIRTY(member_, max_)                                                                               \
	{                                                                                                  \
		.name = #member_, .kind = READ_NUMBER, .offset = offsetof(struct dirty_settings, member_), \
		.max = max_, .required = true                                                              \
	}

static const struct read_member duty_members[] = {
	{ .name = "period_s",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct dirty_settings, duty_period_s),
	  .max = 1e9,
	  .above = true,
	  .required = true },
	{ .name = "on_fraction",
	  .kind = READ_NUMBER,
	  .offset = offsetof(struct dirty_settings, duty_on_fraction),
	  .max = 1,
	  .required = true },
	{ 0 },
};

static int read_duty(struct reader *reader, const json_t *value, void *into)
{
	return read_object(reader, value, duty_members, into, "a duty");
}

static int read_points(struct reader *reader, const json_t *value, void *into)
{
	static const struct read_member seconds = { .name = "", .kind = READ_NUMBER, .max = 1e9 };
	static const struct read_member mib = { .name = "", .kind = READ_NUMBER, .max = 1e11 };
	struct dirty_settings *dirty = into;
	double(*points)[2];
	uint32_t count = 0;

	if (read_type(reader, value, JSON_ARRAY, "an array of [seconds, unique_mib]"))
		return ERROR_INPUT;
	points = (double(*)[2])arena_take(&reader->cluster->arena, sizeof(*points) * json_count(value));
	for (const json_t *pair = json_first(value); pair; pair = json_next(pair)) {
		double *point = points[count];

		if (json_type(pair) != JSON_ARRAY || json_count(pair) != 2)
			return json_fail(reader->doc, pair, reader->error,
			                 "expected a pair [seconds, unique_mib]");
		if (read_value(reader, json_first(pair), &seconds, &point[0]) ||
		    read_value(reader, json_next(json_first(pair)), &mib, &point[1]))
			return ERROR_INPUT;
		if (count == 0 && point[0] == 0 && point[1] == 0)
			continue; /* [0, 0] is implied */
		if (point[0] <= (count ? points[count - 1][0] : 0))
			return json_fail(reader->doc, pair, reader->error,
			                 "expected more seconds than in the point before");
		if (point[1] < (count ? points[count - 1][1] : 0))
			return json_fail(reader->doc, pair, reader->error,
			                 "expected at least the memory of the point before");
		count++;
	}
	if (count == 0)
		return json_fail(reader->doc, value, reader->error,
		                 "no point, expected at least one beside [0, 0]");
	dirty->points = (const double(*)[2])points;
	dirty->point_count = count;
	return 0;
}

#define DIRTY_ALWAYS                                                                       \
	{ .name = "model",                                                                 \
	  .kind = READ_WORD,                                                               \
	  .offset = offsetof(struct dirty_settings, model),                                \
	  .words = &dirty_model_words,                                                     \
	  .required = true },                                                              \
		{ .name = "duty", .kind = READ_BY, .by = read_duty },                      \
	{                                                                                  \
		.name = "background_pages_s", .kind = READ_NUMBER,                         \
		.offset = offsetof(struct dirty_settings, background_pages_s), .max = 1e12 \
	}
#define DIRTY_WORKING                                                 \
	{ .name = "working_set_mib",                                  \
	  .kind = READ_NUMBER,                                        \
	  .offset = offsetof(struct dirty_settings, working_set_mib), \
	  .max = 1e11,                                                \
	  .above = true,                                              \
	  .required = true },                                         \
		DIRTY(rate_pages_s, 1e12)

static const struct read_member idle_members[] = { DIRTY_ALWAYS, { 0 } };
static const struct read_member uniform_members[] = { DIRTY_ALWAYS, DIRTY_WORKING, { 0 } };
static const struct read_member hotcold_members[] = {
	DIRTY_ALWAYS, DIRTY_WORKING, DIRTY(hot_fraction, 1), DIRTY(hot_probability, 1), { 0 }
};
static const struct read_member zipf_members[] = { DIRTY_ALWAYS, DIRTY_WORKING, DIRTY(exponent, 20), { 0 } };
static const struct read_member measured_members[] = {
	DIRTY_ALWAYS,
	{ .name = "points", .kind = READ_BY, .by = read_points, .required = true },
	{ 0 },
};

static const struct read_member *const members_of[] = {
	[DIRTY_MODEL_IDLE] = idle_members,          [DIRTY_MODEL_UNIFORM] = uniform_members,
	[DIRTY_MODEL_HOTCOLD] = hotcold_members,    [DIRTY_MODEL_ZIPF] = zipf_members,
	[DIRTY_MODEL_SEQUENTIAL] = uniform_members, [DIRTY_MODEL_MEASURED] = measured_members,
};

int dirty_read(struct reader *reader, const json_t *value, void *into)
{
	struct dirty_settings *dirty = ARENA_ARRAY(&reader->cluster->arena, struct dirty_settings, 1);
	const json_t *model = json_get(value, "model");
	uint8_t word = 0;

	*dirty = *dirty_default();
	if (read_type(reader, value, JSON_OBJECT, "a dirty model (an object)"))
		return ERROR_INPUT;
	if (!model)
		return json_fail(reader->doc, value, reader->error,
		                 "member \"model\" is missing, expected in dirty");
	if (read_value(reader, model, &idle_members[0], dirty))
		return ERROR_INPUT;
	word = dirty->model;
	if (read_object(reader, value, members_of[word], dirty, "a dirty model"))
		return ERROR_INPUT;
	*(const struct dirty_settings **)into = dirty;
	return 0;
}

const struct dirty_settings *dirty_default(void)
{
	static const struct dirty_settings settings = {
		.model = DIRTY_MODEL_UNIFORM,
		.working_set_mib = 128,
		.rate_pages_s = 1000,
		.background_pages_s = 40,
		.duty_on_fraction = 1,
	};

	return &settings;
}
