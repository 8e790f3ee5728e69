/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/score.h"

#include <criterion/criterion.h>
#include <math.h>

enum { ROWS = 5 };

static struct measured make_row(double elapsed_s, double downtime_s)
{
	return (struct measured){ .cell = "",
		                  .batch = "",
		                  .kind = "",
		                  .completed = elapsed_s > 0,
		                  .elapsed_s = elapsed_s,
		                  .bytes = 1e6 * elapsed_s,
		                  .iterations = 5,
		                  .downtime_s = downtime_s };
}

static struct guess make_guess(double elapsed_s, double iterations, double downtime_s, double converged)
{
	struct guess guess = { .ranged = true, .converged = converged };

	for (int i = 0; i < 3; i++) {
		guess.elapsed_s[i] = elapsed_s * (0.9 + 0.1 * i);
		guess.bytes[i] = 1e6 * elapsed_s;
		guess.iterations[i] = iterations;
		guess.downtime_s[i] = downtime_s;
	}
	return guess;
}

Test(score, counts_what_is_off)
{
	struct measured rows[ROWS] = { make_row(10, 0.1), make_row(10, 0.2), make_row(10, 0.1),
		                       make_row(0, 0), make_row(10, 0.1) };
	struct guess guesses[ROWS] = {
		make_guess(10.2, 6, 0.11, 1), /* 2 % too long, one sync too many, 10 ms */
		make_guess(8, 3, 0.17, 0.5),  /* 20 % too short, two syncs too few, 30 ms */
		make_guess(12.5, 5, 0.1, 1),  /* 25 %: wrong */
		make_guess(10, 5, 0.1, 1),    /* says that it completes */
		make_guess(10, 5, 0.1, 0.4),  /* says that it does not */
	};
	uint32_t which[ROWS] = { 0, 1, 2, 3, 4 };
	struct score score = score_rows(rows, guesses, which, ROWS);

	cr_assert_eq(score.rows, 5);
	cr_assert_eq(score.timed, 3);
	cr_assert_float_eq(score.time_mean, 47.0 / 3, 1e-9);
	cr_assert_float_eq(score.time_p50, 20, 1e-9);
	cr_assert_float_eq(score.time_p90, 24, 1e-9);
	cr_assert_float_eq(score.bytes_mean, 47.0 / 3, 1e-9);
	cr_assert_float_eq(score.iterations_near, 200.0 / 3, 1e-9);
	cr_assert_float_eq(score.downtime_p50_ms, 10, 1e-9);
	cr_assert_float_eq(score.downtime_p90_ms, 26, 1e-9);
	cr_assert_float_eq(score.wrong, 60, 1e-9);
	cr_assert_eq(score.wrongly_yes, 1);
	/* 9.18 … 11.22 holds 10; 7.2 … 8.8 and 11.25 … 13.75 do not. */
	cr_assert_float_eq(score.time_within, 100.0 / 3, 1e-9);
	cr_assert_float_eq(score.downtime_within, 100.0 / 3, 1e-9);
	score = score_rows(rows, guesses, which, 1);
	cr_assert_eq(score.wrong, 0);
	cr_assert_eq(score.time_within, 100);
}

Test(score, what_is_not_said_is_not_scored)
{
	struct measured rows[2] = { make_row(10, 0.1), make_row(10, NAN) };
	struct guess guesses[2] = { guess_none(), guess_none() };
	uint32_t which[2] = { 0, 1 };
	struct score score = score_rows(rows, guesses, which, 2);

	cr_assert_eq(score.rows, 0);
	cr_assert_eq(score.timed, 0);
	cr_assert(isnan(score.time_mean) && isnan(score.wrong) && isnan(score.wrongly_yes));
	guesses[0].downtime_s[1] = 0.15;
	guesses[1].downtime_s[1] = 0.15;
	score = score_rows(rows, guesses, which, 2);
	cr_assert_eq(score.rows, 2);
	cr_assert_eq(score.timed, 0);
	cr_assert_float_eq(score.downtime_p90_ms, 50, 1e-9);
	cr_assert(isnan(score.downtime_within) && isnan(score.wrong));
	score = score_rows(rows, guesses, which, 0);
	cr_assert(isnan(score.downtime_p50_ms));
}

Test(score, repeats_differ_pair_by_pair)
{
	struct measured rows[ROWS] = { make_row(10, 0.1), make_row(12, 0.1), make_row(10, 0.14),
		                       make_row(0, 0), make_row(11, 0.1) };
	uint32_t which[ROWS] = { 0, 1, 2, 3, 4 };
	struct score score;

	rows[0].cell = rows[2].cell = rows[4].cell = "a";
	rows[1].cell = rows[3].cell = "b";
	rows[4].iterations = 7;
	score = score_repeats(rows, which, ROWS);
	cr_assert_eq(score.rows, 4);
	cr_assert_eq(score.timed, 3);
	/* a: 0 %, and twice 1 s of 10.5 s; b: one of the two did not complete */
	cr_assert_float_eq(score.time_mean, 200 / 10.5 / 3, 1e-9);
	cr_assert_float_eq(score.time_p50, 100 / 10.5, 1e-9);
	cr_assert_float_eq(score.bytes_mean, 200 / 10.5 / 3, 1e-9);
	cr_assert_float_eq(score.iterations_near, 100.0 / 3, 1e-9);
	cr_assert_float_eq(score.downtime_p50_ms, 40, 1e-9);
	cr_assert_float_eq(score.wrong, 25, 1e-9);
	rows[2].elapsed_s = 13; /* 26 % of the mean more than 10, 17 % more than 11 */
	score = score_repeats(rows, which, ROWS);
	cr_assert_float_eq(score.wrong, 50, 1e-9);
	score = score_repeats(rows, which, 2);
	cr_assert_eq(score.rows, 0);
	cr_assert(isnan(score.time_mean) && isnan(score.wrong) && isnan(score.wrongly_yes));
}
