/* SPDX-License-Identifier: GPL-3.0-or-later */
/* score: how far predictions are from what was measured. */
#ifndef TESTS_SUPPORT_SCORE_H
#define TESTS_SUPPORT_SCORE_H

#include "models/measured.h"

/* What a method says of a row. NAN: it says nothing of that. */
struct guess {
	/* 10th, 50th and 90th percentile; all the same unless `ranged` */
	double elapsed_s[3], bytes[3], iterations[3], downtime_s[3];
	double converged; /* the probability that it completes */
	bool ranged;      /* it says how far off it may be */
};

/* Over some rows. NAN: there is nothing to score. Shares and relative errors in percent. */
struct score {
	uint32_t rows;  /* of which the method says anything */
	uint32_t timed; /* of these, those that completed as it said: the errors are theirs */
	double time_mean, time_p50, time_p90;
	double bytes_mean;
	double iterations_near; /* off by one at most */
	double downtime_p50_ms, downtime_p90_ms;
	double wrong;       /* another verdict, or a time that is off by WRONG_TIME or more */
	double wrongly_yes; /* how many it said would converge that did not */
	double time_within, bytes_within, downtime_within; /* measured between the 10th and 90th percentile */
};

/* A total time that is off by this share is no better than a wrong verdict. */
#define WRONG_TIME 0.25

/* A guess with everything NAN. */
struct guess guess_none(void);

/* Whether a method that says `guess` is wrong about the row; false when it says nothing. */
bool guess_wrong(const struct measured *row, const struct guess *guess);

/* Relative errors and differences of the medians: 0.02 is two percent more than measured. NAN: not both are
 * there. */
double guess_time_error(const struct measured *row, const struct guess *guess);
double guess_bytes_error(const struct measured *row, const struct guess *guess);
double guess_iterations_error(const struct measured *row, const struct guess *guess);
double guess_downtime_error_s(const struct measured *row, const struct guess *guess);

/* The rows rows[which[0 … count)] against guesses at the same places. */
struct score score_rows(const struct measured *rows, const struct guess *guesses, const uint32_t *which,
                        uint32_t count);

/*
 * What two repeats of one cell differ by, over all pairs of repeats among those rows, in the same terms: the
 * difference in percent of the two's mean, and for `wrong` whether one completed and the other did not, or
 * their times are WRONG_TIME apart. rows: the pairs; no prediction that takes a cell's settings alone can be
 * much nearer than that.
 */
struct score score_repeats(const struct measured *rows, const uint32_t *which, uint32_t count);

#endif
