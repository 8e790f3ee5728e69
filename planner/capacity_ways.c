/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/capacity_parts.h"

#include <stdlib.h>
#include <string.h>

/* Beyond this many units the last one is not looked for where a way ends. */
enum { EXACT_MOST = 2000 };

struct path seek_path(struct seeking *seek, enum spread_way way, uint32_t units_most)
{
	struct path path = { seek, way, NULL, 0 };
	struct whatif *whatif = &seek->whatif;
	struct spread spread;

	if (seek->question->unit->kinds > 1)
		return path;
	whatif_fill(whatif, seek->question->unit, units_most, seek->question->group);
	spread_create(&spread, whatif, &seek->amounts, way, &seek->hints);
	path.length = spread.placed;
	path.hosts = MEMORY_ARRAY(uint32_t, spread.placed);
	if (spread.placed > 0)
		memcpy(path.hosts, spread.state.vm_host + whatif->vms_at_start,
		       sizeof(uint32_t) * spread.placed);
	seek->capacity->ticks += spread.ticks;
	spread_free(&spread);
	return path;
}

bool seek_follow(struct path *path, uint32_t units)
{
	struct seeking *seek = path->seek;
	struct whatif *whatif = &seek->whatif;
	uint32_t vms = units * unit_vms(seek->question->unit);
	const uint32_t *hosts = path->hosts;
	struct spread spread = { 0 };
	bool placed;

	whatif_fill(whatif, seek->question->unit, units, seek->question->group);
	placed = vms <= path->length;
	if (!hosts) {
		spread_create(&spread, whatif, &seek->amounts, path->way, &seek->hints);
		seek->capacity->ticks += spread.ticks;
		placed = spread.placed == vms;
		hosts = spread.state.vm_host + whatif->vms_at_start;
	}
	for (uint32_t i = 0; i < vms && placed; i++)
		whatif->vms[whatif->vms_at_start + i].host = hosts[i];
	spread_free(&spread);
	return placed;
}

/* Whether so many will do in that way; they are taken if these are more than before. */
static enum withstood try_units(struct path *path, uint32_t units, uint64_t steps_each)
{
	struct seeking *seek = path->seek;
	enum withstood answer;

	if (!seek_follow(path, units))
		return NOT_WITHSTOOD;
	answer = seek_verdict(seek, (struct effort){ steps_each, false });
	if (answer == WITHSTOOD && units > seek->capacity->more.lower)
		seek_take(seek, units);
	return answer;
}

/* What is between a number that will do and one that will not, by halves; of large numbers not the last
 * digits.
 */
static void halve(struct path *path, uint64_t steps_each, uint32_t bad, struct capacity_range *range)
{
	while (bad > range->lower + 1 + range->lower / EXACT_MOST) {
		uint32_t next = range->lower + (bad - range->lower) / 2;
		enum withstood answer = try_units(path, next, steps_each);

		if (answer == WITHSTOOD) {
			range->lower = next;
			continue;
		}
		if (answer == NOT_WITHSTOOD)
			range->upper = next - 1;
		bad = next;
	}
}

/*
 * The largest number that the way is found to reach, above one that it does: from the top down by 1, 2, 4, …
 * since bounds are near as a rule, then by halves. range->upper: it does not reach more.
 */
static void climb(struct path *path, struct capacity_range *range)
{
	uint64_t steps_each = seek_steps_few(path->seek);
	uint32_t bad = range->upper + 1, step = 1;

	/* A way may find fewer places than another one has filled. */
	while (bad > range->lower + 1 + range->lower / EXACT_MOST) {
		uint32_t half = range->lower + (bad - range->lower) / 2,
			 next = bad > half + step ? bad - step : half;
		enum withstood answer = try_units(path, next, steps_each);

		if (answer == WITHSTOOD) {
			range->lower = next;
			break;
		}
		if (answer == NOT_WITHSTOOD)
			range->upper = next - 1;
		bad = next;
		step = step < bad ? 2 * step : step;
	}
	halve(path, steps_each, bad, range);
}

void seek_way(struct seeking *seek, enum spread_way way, struct capacity_range *ret_range)
{
	struct capacity *capacity = seek->capacity;
	uint32_t vms = unit_vms(seek->question->unit), lower = capacity->more.lower;
	struct path path = seek_path(seek, way, capacity->more.upper);
	struct capacity_range range = { ret_range ? 0 : lower, capacity->more.upper };

	if (path.hosts && path.length / vms < range.upper)
		range.upper = path.length / vms;
	climb(&path, &range);
	if (ret_range)
		*ret_range = range;
	free(path.hosts);
}
