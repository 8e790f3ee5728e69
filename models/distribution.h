/* SPDX-License-Identifier: GPL-3.0-or-later */
/* distribution: a number that is not known for sure, and what it is at a given share of the chances. */
#ifndef MODELS_DISTRIBUTION_H
#define MODELS_DISTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

enum distribution_kind {
	DISTRIBUTION_UNIFORM,
	DISTRIBUTION_TRIANGULAR,
	DISTRIBUTION_PERT,
	DISTRIBUTION_NORMAL,
	DISTRIBUTION_LOGNORMAL,
	DISTRIBUTION_EXPONENTIAL,
	DISTRIBUTION_GAMMA,
	DISTRIBUTION_WEIBULL,
	DISTRIBUTION_BETA,
	DISTRIBUTION_PARETO,
	DISTRIBUTION_LOGISTIC,
	DISTRIBUTION_GUMBEL,
	DISTRIBUTION_LAPLACE,
	DISTRIBUTION_RAYLEIGH,
	DISTRIBUTION_STUDENT_T,
	DISTRIBUTION_POISSON,
	DISTRIBUTION_BINOMIAL,
	DISTRIBUTION_NEGATIVE_BINOMIAL,
	DISTRIBUTION_GEOMETRIC,
	DISTRIBUTION_EMPIRICAL, /* the last: it is made of values */
	DISTRIBUTION_KINDS
};

/* The words of `dist` in files, in the enumeration's order, NULL at the end. */
extern const char *const *const distribution_words;

/* What describes a distribution; each kind takes some of them (docs/uncertainty.md has the table). */
enum distribution_parameter {
	PARAMETER_MEAN,
	PARAMETER_SD,
	PARAMETER_P50,
	PARAMETER_P90,
	PARAMETER_MIN,
	PARAMETER_MAX,
	PARAMETER_MODE,
	PARAMETER_SHAPE,
	PARAMETER_SCALE,
	PARAMETER_ALPHA,
	PARAMETER_BETA,
	PARAMETER_DEGREES,
	PARAMETER_TRIALS,
	PARAMETER_PROBABILITY,
	PARAMETERS
};

/* Their names in files, in the enumeration's order, NULL at the end. */
extern const char *const *const distribution_parameter_words;

/* One value of an empirical distribution. */
struct distribution_value {
	double value;
	double share; /* of all chances, with those of all smaller values */
};

struct distribution {
	enum distribution_kind kind;
	double from, span;   /* the number is from + span * what the kind's functions are about */
	double a, b;         /* their parameters */
	double min, max;     /* it is kept within these: what it is, given that it lies there */
	double below, above; /* shares of the chances: below min, and up to max; above > below */
	const struct distribution_value *values; /* empirical; rising */
	uint32_t value_count;
};

/*
 * From what a file gives (NAN: not given), of any kind but an empirical one. min and max bound every kind.
 * Returns NULL, or what is wrong with it, a text of one line that lasts; nothing is filled in then.
 */
const char *distribution_make(struct distribution *ret_distribution, enum distribution_kind kind,
                              const double given[PARAMETERS]);

/*
 * Of values seen, at least one, in any order, and weights: NULL (all the same), or as many, none negative and
 * not all 0. They are sorted into room[0 … count), which must outlive the distribution. Otherwise as above.
 */
const char *distribution_make_empirical(struct distribution *ret_distribution, const double *values,
                                        const double *weights, uint32_t count,
                                        struct distribution_value *room);

/*
 * Keeps it within [min, max] as well: its chances there, scaled to 1 in all. false: none of it lies there;
 * nothing is changed then.
 */
bool distribution_restrict(struct distribution *distribution, double min, double max);

/*
 * The value that it does not exceed with this probability; unit: in [0, 1]. Always within its bounds. One
 * uniform number a value, and rising with it, so that two policies can be compared under the same luck.
 */
double distribution_quantile(const struct distribution *distribution, double unit);

/* The probability of at most this value, bounds included. */
double distribution_share(const struct distribution *distribution, double value);

#endif
