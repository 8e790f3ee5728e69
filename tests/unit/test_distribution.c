/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/distribution.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A distribution as a file would give it: names and values, NULL at the end. */
struct given {
	const char *name;
	double value;
};

static const char *try(struct distribution *ret_distribution, const char *word, const struct given *given)
{
	double parameters[PARAMETERS];
	int kind = 0;

	for (int i = 0; i < PARAMETERS; i++)
		parameters[i] = NAN;
	for (; given->name; given++) {
		int i = 0;

		while (strcmp(distribution_parameter_words[i], given->name))
			i++;
		parameters[i] = given->value;
	}
	while (strcmp(distribution_words[kind], word))
		kind++;
	return distribution_make(ret_distribution, (enum distribution_kind)kind, parameters);
}

#define MAKE(distribution_, word_, ...) \
	cr_assert_null(try(distribution_, word_, (const struct given[]){ __VA_ARGS__, { NULL, 0 } }))
#define REFUSED(word_, why_, ...)                                                            \
	do {                                                                                 \
		struct distribution refused;                                                 \
		const char *wrong = try(&refused, word_,                                     \
		                        (const struct given[]){ __VA_ARGS__, { NULL, 0 } }); \
                                                                                             \
		cr_assert(wrong && !strcmp(wrong, why_), "%s: %s", word_, wrong);            \
	} while (0)

/* Mean and standard deviation, from its quantiles in the middles of so many equal shares. */
static void moments(const struct distribution *distribution, double *ret_mean, double *ret_sd)
{
	enum { SHARES = 200000 };
	double sum = 0, squares = 0, *values = malloc(sizeof(double) * SHARES);

	for (int i = 0; i < SHARES; i++) {
		values[i] = distribution_quantile(distribution, (i + 0.5) / SHARES);
		sum += values[i];
	}
	*ret_mean = sum / SHARES;
	for (int i = 0; i < SHARES; i++)
		squares += (values[i] - *ret_mean) * (values[i] - *ret_mean);
	*ret_sd = sqrt(squares / SHARES);
	free(values);
}

static void has_moments(const struct distribution *distribution, double mean, double sd, double error)
{
	double got_mean, got_sd;

	moments(distribution, &got_mean, &got_sd);
	cr_assert_float_eq(got_mean, mean, error * sd, "%s: mean %g, expected %g",
	                   distribution_words[distribution->kind], got_mean, mean);
	cr_assert_float_eq(got_sd, sd, error * sd, "%s: sd %g, expected %g",
	                   distribution_words[distribution->kind], got_sd, sd);
}

/* What is asked for at a share of the chances lies there: the two functions are each other's inverse. */
static void is_consistent(const struct distribution *distribution)
{
	double last = -INFINITY;

	for (double unit = 1.0 / 256; unit < 1; unit += 1.0 / 256) {
		double value = distribution_quantile(distribution, unit);

		cr_assert(value >= last && value >= distribution->min && value <= distribution->max);
		last = value;
		cr_assert_float_eq(distribution_share(distribution, value), unit, 1e-9,
		                   "%s: %g at %g, whose share is %.12g",
		                   distribution_words[distribution->kind], value, unit,
		                   distribution_share(distribution, value));
	}
}

/* The least value that has the share. */
static void is_consistent_in_steps(const struct distribution *distribution)
{
	for (double unit = 1.0 / 256; unit < 1; unit += 1.0 / 256) {
		double value = distribution_quantile(distribution, unit);

		cr_assert_eq(value, floor(value));
		cr_assert(distribution_share(distribution, value) >= unit * (1 - 1e-12));
		cr_assert(distribution_share(distribution, value - 1) < unit);
	}
}

Test(distribution, mean_and_deviation_are_those_of_the_numbers)
{
	static const char *const words[] = {
		"normal", "lognormal", "gamma", "logistic", "gumbel", "laplace"
	};
	struct distribution d;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		MAKE(&d, words[i], { "mean", 100 }, { "sd", 30 });
		has_moments(&d, 100, 30, 2e-3);
		is_consistent(&d);
	}
	MAKE(&d, "negative-binomial", { "mean", 10 }, { "sd", 6 });
	has_moments(&d, 10, 6, 2e-3);
	is_consistent_in_steps(&d);
}

Test(distribution, what_their_books_say)
{
	struct distribution d;

	MAKE(&d, "uniform", { "min", 2 }, { "max", 6 });
	has_moments(&d, 4, 4 / sqrt(12), 1e-4);
	is_consistent(&d);
	MAKE(&d, "triangular", { "min", 1 }, { "mode", 2 }, { "max", 6 });
	has_moments(&d, 3, sqrt((1 + 4 + 36 - 2 - 6 - 12) / 18.0), 1e-4);
	is_consistent(&d);
	cr_assert_float_eq(distribution_share(&d, 2), 0.2, 1e-12);
	MAKE(&d, "pert", { "min", 1 }, { "mode", 2 }, { "max", 6 });
	has_moments(&d, 2.5, sqrt((2.5 - 1) * (6 - 2.5) / 7), 1e-3);
	is_consistent(&d);
	MAKE(&d, "exponential", { "mean", 5 });
	has_moments(&d, 5, 5, 1e-3);
	is_consistent(&d);
	MAKE(&d, "weibull", { "scale", 3 }, { "shape", 2 });
	has_moments(&d, 3 * tgamma(1.5), 3 * sqrt(tgamma(2) - tgamma(1.5) * tgamma(1.5)), 1e-3);
	is_consistent(&d);
	MAKE(&d, "rayleigh", { "scale", 3 });
	has_moments(&d, 3 * sqrt(M_PI / 2), 3 * sqrt((4 - M_PI) / 2), 1e-3);
	is_consistent(&d);
	MAKE(&d, "beta", { "alpha", 2 }, { "beta", 3 });
	has_moments(&d, 0.4, 0.2, 1e-3);
	is_consistent(&d);
	MAKE(&d, "beta", { "alpha", 2 }, { "beta", 3 }, { "min", 10 }, { "max", 20 });
	has_moments(&d, 14, 2, 1e-3);
	is_consistent(&d);
	MAKE(&d, "pareto", { "scale", 2 }, { "shape", 6 });
	has_moments(&d, 2.4, 2 * sqrt(6.0 / (25 * 4)), 2e-2);
	is_consistent(&d);
	cr_assert_eq(distribution_quantile(&d, 0), 2);
	MAKE(&d, "student-t", { "mean", 7 }, { "scale", 2 }, { "degrees", 10 });
	has_moments(&d, 7, 2 * sqrt(10 / 8.0), 1e-2);
	is_consistent(&d);
}

Test(distribution, counts)
{
	struct distribution d;

	MAKE(&d, "poisson", { "mean", 4 });
	has_moments(&d, 4, 2, 1e-3);
	is_consistent_in_steps(&d);
	cr_assert_float_eq(distribution_share(&d, 0), exp(-4), 1e-12);
	MAKE(&d, "binomial", { "trials", 20 }, { "probability", 0.25 });
	has_moments(&d, 5, sqrt(20 * 0.25 * 0.75), 1e-3);
	is_consistent_in_steps(&d);
	MAKE(&d, "geometric", { "probability", 0.25 });
	has_moments(&d, 4, sqrt(0.75) / 0.25, 2e-3);
	is_consistent_in_steps(&d);
	cr_assert_eq(distribution_quantile(&d, 0), 1);
}

Test(distribution, median_and_p90_may_describe_it)
{
	static const char *const words[] = { "normal", "lognormal" };
	struct distribution d;

	for (int i = 0; i < 2; i++) {
		MAKE(&d, words[i], { "p50", 40 }, { "p90", 90 });
		cr_assert_float_eq(distribution_quantile(&d, 0.5), 40, 1e-9);
		cr_assert_float_eq(distribution_quantile(&d, 0.9), 90, 1e-9);
	}
}

Test(distribution, bounds_scale_what_is_left_to_one)
{
	struct distribution d;

	MAKE(&d, "normal", { "mean", 0 }, { "sd", 1 }, { "min", 0 });
	is_consistent(&d);
	/* The half-normal distribution. */
	has_moments(&d, sqrt(2 / M_PI), sqrt(1 - 2 / M_PI), 1e-3);
	cr_assert_eq(distribution_quantile(&d, 0), 0);
	cr_assert_eq(distribution_share(&d, -1e-9), 0);
	cr_assert(distribution_restrict(&d, -5, 0.5));
	is_consistent(&d);
	cr_assert_float_eq(distribution_quantile(&d, 1), 0.5, 1e-12);
	cr_assert_not(distribution_restrict(&d, 0.6, 1));
	cr_assert_not(distribution_restrict(&d, 0.3, 0.2));
	cr_assert_float_eq(distribution_quantile(&d, 1), 0.5, 1e-12);
	cr_assert_eq(distribution_share(&d, 0.5), 1);
}

Test(distribution, bounds_of_counts_are_their_own_steps)
{
	struct distribution d;

	MAKE(&d, "poisson", { "mean", 3 }, { "min", 2 }, { "max", 4 });
	cr_assert_eq(distribution_quantile(&d, 0), 2);
	cr_assert_eq(distribution_quantile(&d, 1), 4);
	/* Chances of 2, 3, 4 are as 4.5 : 4.5 : 3.375. */
	cr_assert_float_eq(distribution_share(&d, 2), 4.5 / 12.375, 1e-12);
	cr_assert_float_eq(distribution_share(&d, 3), 9 / 12.375, 1e-12);
	is_consistent_in_steps(&d);
}

Test(distribution, what_was_seen_comes_again)
{
	static const double values[] = { 30, 10, 20, 20 }, weights[] = { 1, 0, 2, 1 };
	struct distribution_value room[4];
	struct distribution d;

	cr_assert_null(distribution_make_empirical(&d, values, NULL, 4, room));
	cr_assert_eq(distribution_quantile(&d, 0), 10);
	cr_assert_eq(distribution_quantile(&d, 0.25), 10);
	cr_assert_eq(distribution_quantile(&d, 0.26), 20);
	cr_assert_eq(distribution_quantile(&d, 0.75), 20);
	cr_assert_eq(distribution_quantile(&d, 1), 30);
	cr_assert_eq(distribution_share(&d, 20), 0.75);
	cr_assert_eq(distribution_share(&d, 9), 0);
	cr_assert(distribution_restrict(&d, 15, 100));
	cr_assert_eq(distribution_quantile(&d, 0), 20);
	cr_assert_float_eq(distribution_share(&d, 20), 2 / 3.0, 1e-12);
	cr_assert_not(distribution_restrict(&d, 21, 29));
	cr_assert(distribution_restrict(&d, 30, 30));
	cr_assert_eq(distribution_quantile(&d, 0), 30);
	/* What has no weight never comes. */
	cr_assert_null(distribution_make_empirical(&d, values, weights, 4, room));
	cr_assert_eq(distribution_quantile(&d, 0), 20);
	cr_assert_eq(distribution_share(&d, 20), 0.75);
}

Test(distribution, refuses_what_is_none)
{
	static const double values[] = { 1, NAN }, weights[] = { 0, 0 }, negative[] = { 1, -1 };
	static const double fine[] = { 1, 2 };
	struct distribution_value room[2];
	struct distribution d;

	REFUSED("lognormal", "needs mean and sd, or p50 and p90", { "mean", 1 });
	REFUSED("lognormal", "needs mean and sd, or p50 and p90", { "mean", 1 }, { "sd", 1 }, { "p50", 1 });
	REFUSED("lognormal", "mean must be more than 0", { "mean", 0 }, { "sd", 1 });
	REFUSED("lognormal", "p90 must be above p50", { "p50", 2 }, { "p90", 1 });
	REFUSED("normal", "sd must be more than 0", { "mean", 0 }, { "sd", 0 });
	REFUSED("normal", "p90 must be above p50", { "p50", 1 }, { "p90", 1 });
	REFUSED("normal", "no part of it lies from min to max", { "mean", 0 }, { "sd", 1 }, { "min", 1 },
	        { "max", 0 });
	REFUSED("normal", "a parameter is not finite", { "mean", INFINITY }, { "sd", 1 });
	REFUSED("uniform", "min must be below max", { "min", 1 }, { "max", 1 });
	REFUSED("uniform", "needs min and max", { "min", 1 });
	REFUSED("triangular", "mode must lie from min to max, and min below max", { "min", 1 }, { "mode", 4 },
	        { "max", 3 });
	REFUSED("triangular", "mode must lie from min to max, and min below max", { "min", 3 }, { "mode", 3 },
	        { "max", 3 });
	REFUSED("pert", "mode must lie from min to max, and min below max", { "min", 1 }, { "mode", 0 },
	        { "max", 3 });
	REFUSED("beta", "min must be below max", { "alpha", 1 }, { "beta", 1 }, { "min", 2 });
	REFUSED("binomial", "trials must be an integer up to 1e9, and probability at most 1",
	        { "trials", 1.5 }, { "probability", 0.5 });
	REFUSED("binomial", "trials must be an integer up to 1e9, and probability at most 1", { "trials", 2 },
	        { "probability", 1.5 });
	REFUSED("geometric", "probability must be at most 1", { "probability", 1.5 });
	REFUSED("negative-binomial", "sd squared must be more than mean", { "mean", 4 }, { "sd", 2 });
	cr_assert_str_eq(distribution_make_empirical(&d, values, NULL, 2, room),
	                 "values must be finite and weights not negative");
	cr_assert_str_eq(distribution_make_empirical(&d, fine, negative, 2, room),
	                 "values must be finite and weights not negative");
	cr_assert_str_eq(distribution_make_empirical(&d, fine, weights, 2, room),
	                 "one weight at least must be more than 0");
}
