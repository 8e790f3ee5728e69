/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/score.h"

#include "core/arena.h"
#include "sim/percentile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PERCENT = 100;
static const double MS_PER_S = 1000;

/* Values that are collected; NANs are left out. */
struct values {
	double *at, sum;
	uint32_t count;
};

static struct values values_new(uint32_t room)
{
	return (struct values){ .at = MEMORY_ARRAY(double, room) };
}

static void values_add(struct values *values, double value)
{
	if (isnan(value))
		return;
	values->at[values->count++] = value;
	values->sum += value;
}

/* Mean, and 50th and 90th percentile; ends the collection. */
static void values_take(struct values *values, double *ret_mean, double *ret_p50, double *ret_p90)
{
	double percentiles[3] = { NAN, NAN, NAN };

	if (values->count)
		percentiles_take(values->at, values->count, percentiles);
	if (ret_mean)
		*ret_mean = values->count ? values->sum / values->count : NAN;
	if (ret_p50)
		*ret_p50 = percentiles[1];
	if (ret_p90)
		*ret_p90 = percentiles[2];
	free(values->at);
}

struct guess guess_none(void)
{
	return (struct guess){ .elapsed_s = { NAN, NAN, NAN },
		               .bytes = { NAN, NAN, NAN },
		               .iterations = { NAN, NAN, NAN },
		               .downtime_s = { NAN, NAN, NAN },
		               .converged = NAN };
}

/* Whether there are numbers to compare: a method that says nothing of convergence is taken to agree. */
static bool both_completed(const struct measured *row, const struct guess *guess)
{
	return row->completed && !(guess->converged < 0.5);
}

double guess_time_error(const struct measured *row, const struct guess *guess)
{
	return both_completed(row, guess) ? guess->elapsed_s[1] / row->elapsed_s - 1 : NAN;
}

double guess_bytes_error(const struct measured *row, const struct guess *guess)
{
	return both_completed(row, guess) && row->bytes > 0 ? guess->bytes[1] / row->bytes - 1 : NAN;
}

double guess_iterations_error(const struct measured *row, const struct guess *guess)
{
	return both_completed(row, guess) ? guess->iterations[1] - row->iterations : NAN;
}

double guess_downtime_error_s(const struct measured *row, const struct guess *guess)
{
	return both_completed(row, guess) ? guess->downtime_s[1] - row->downtime_s : NAN;
}

bool guess_wrong(const struct measured *row, const struct guess *guess)
{
	if (isnan(guess->converged))
		return false;
	if ((guess->converged >= 0.5) != row->completed)
		return true;
	return fabs(guess_time_error(row, guess)) >= WRONG_TIME;
}

/* 100, 0, or NAN where there is nothing to compare. */
static double within(bool ranged, const double range[3], double measured)
{
	if (!ranged || isnan(measured) || isnan(range[0]))
		return NAN;
	return measured >= range[0] && measured <= range[2] ? PERCENT : 0;
}

static double near(double iterations_error)
{
	if (isnan(iterations_error))
		return NAN;
	return fabs(iterations_error) <= 1 + 1e-9 ? PERCENT : 0;
}

enum quantity { TIME, BYTES, ITERATIONS, DOWNTIME, WRONG, IN_TIME, IN_BYTES, IN_DOWNTIME, QUANTITIES };

static void collect(struct values values[QUANTITIES], uint32_t room)
{
	for (int i = 0; i < QUANTITIES; i++)
		values[i] = values_new(room);
}

static void conclude(struct values values[QUANTITIES], struct score *score)
{
	if (values[WRONG].count == 0)
		score->wrongly_yes = NAN;
	values_take(&values[TIME], &score->time_mean, &score->time_p50, &score->time_p90);
	values_take(&values[BYTES], &score->bytes_mean, NULL, NULL);
	values_take(&values[ITERATIONS], &score->iterations_near, NULL, NULL);
	values_take(&values[DOWNTIME], NULL, &score->downtime_p50_ms, &score->downtime_p90_ms);
	values_take(&values[WRONG], &score->wrong, NULL, NULL);
	values_take(&values[IN_TIME], &score->time_within, NULL, NULL);
	values_take(&values[IN_BYTES], &score->bytes_within, NULL, NULL);
	values_take(&values[IN_DOWNTIME], &score->downtime_within, NULL, NULL);
}

static void add_row(struct values values[QUANTITIES], struct score *score, const struct measured *row,
                    const struct guess *guess)
{
	bool ranged = guess->ranged && both_completed(row, guess);
	double time_error = guess_time_error(row, guess);

	values_add(&values[TIME], PERCENT * fabs(time_error));
	values_add(&values[BYTES], PERCENT * fabs(guess_bytes_error(row, guess)));
	values_add(&values[ITERATIONS], near(guess_iterations_error(row, guess)));
	values_add(&values[DOWNTIME], MS_PER_S * fabs(guess_downtime_error_s(row, guess)));
	values_add(&values[IN_TIME], within(ranged, guess->elapsed_s, row->elapsed_s));
	values_add(&values[IN_BYTES], within(ranged, guess->bytes, row->bytes));
	values_add(&values[IN_DOWNTIME], within(ranged, guess->downtime_s, row->downtime_s));
	if (!isnan(guess->converged)) {
		values_add(&values[WRONG], guess_wrong(row, guess) ? PERCENT : 0);
		score->wrongly_yes += guess->converged >= 0.5 && !row->completed;
	}
	score->rows += !isnan(guess->converged) || !isnan(guess->downtime_s[1]);
	score->timed += !isnan(time_error);
}

struct score score_rows(const struct measured *rows, const struct guess *guesses, const uint32_t *which,
                        uint32_t count)
{
	struct values values[QUANTITIES];
	struct score score = { 0 };

	collect(values, count);
	for (uint32_t i = 0; i < count; i++)
		add_row(values, &score, &rows[which[i]], &guesses[which[i]]);
	conclude(values, &score);
	return score;
}

/* ------------------------------------------------------------------ repeats */

/* Percent of the mean. */
static double difference(double a, double b)
{
	return a + b > 0 ? PERCENT * fabs(a - b) / ((a + b) / 2) : NAN;
}

static void add_pair(struct values values[QUANTITIES], struct score *score, const struct measured *a,
                     const struct measured *b)
{
	double time = difference(a->elapsed_s, b->elapsed_s);

	score->rows++;
	values_add(&values[WRONG], a->completed != b->completed ? PERCENT : 0);
	if (!a->completed || !b->completed)
		return;
	score->timed++;
	if (time >= PERCENT * WRONG_TIME)
		values[WRONG].sum += PERCENT;
	values_add(&values[TIME], time);
	values_add(&values[BYTES], difference(a->bytes, b->bytes));
	values_add(&values[ITERATIONS], near(a->iterations - b->iterations));
	values_add(&values[DOWNTIME], MS_PER_S * fabs(a->downtime_s - b->downtime_s));
}

static bool same_cell(const struct measured *a, const struct measured *b)
{
	return *a->cell && !strcmp(a->cell, b->cell);
}

static uint32_t count_pairs(const struct measured *rows, const uint32_t *which, uint32_t count)
{
	uint32_t pairs = 0;

	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = i + 1; j < count; j++)
			pairs += same_cell(&rows[which[i]], &rows[which[j]]);
	}
	return pairs;
}

struct score score_repeats(const struct measured *rows, const uint32_t *which, uint32_t count)
{
	struct values values[QUANTITIES];
	struct score score = { 0 };

	collect(values, count_pairs(rows, which, count));
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t j = i + 1; j < count; j++) {
			if (same_cell(&rows[which[i]], &rows[which[j]]))
				add_pair(values, &score, &rows[which[i]], &rows[which[j]]);
		}
	}
	conclude(values, &score);
	score.wrongly_yes = NAN;
	return score;
}
