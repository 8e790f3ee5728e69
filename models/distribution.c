/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/distribution.h"

#include "core/must.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_math.h>
#include <math.h>
#include <stdlib.h>

static const char *const words[] = {
	"uniform",   "triangular", "pert",      "normal",  "lognormal", "exponential",
	"gamma",     "weibull",    "beta",      "pareto",  "logistic",  "gumbel",
	"laplace",   "rayleigh",   "student-t", "poisson", "binomial",  "negative-binomial",
	"geometric", "empirical",  NULL
};
const char *const *const distribution_words = words;

_Static_assert(sizeof(words) / sizeof(words[0]) == DISTRIBUTION_KINDS + 1, "a word a kind");

static const char *const parameters[] = { "mean", "sd",      "p50",    "p90",         "min",
	                                  "max",  "mode",    "shape",  "scale",       "alpha",
	                                  "beta", "degrees", "trials", "probability", NULL };
const char *const *const distribution_parameter_words = parameters;

_Static_assert(sizeof(parameters) / sizeof(parameters[0]) == PARAMETERS + 1, "a word a parameter");

static const double P90_DEVIATIONS = 1.2815515655446004; /* of a normal distribution: its p90 */

/* Quantiles of a discrete one are looked for up to this: GSL counts with unsigned int. */
static const double COUNT_MOST = 4e9;

/* ------------------------------------------------------------------ from what files give */

static bool make_uniform(const double *given, struct distribution *distribution)
{
	distribution->from = given[PARAMETER_MIN];
	distribution->span = given[PARAMETER_MAX] - given[PARAMETER_MIN];
	return distribution->span > 0;
}

static bool make_triangular(const double *given, struct distribution *distribution)
{
	if (!make_uniform(given, distribution))
		return false;
	distribution->a = (given[PARAMETER_MODE] - distribution->from) / distribution->span;
	return distribution->a >= 0 && distribution->a <= 1;
}

/* A beta distribution over [min, max] with the mean (min + 4 mode + max) / 6 (Malcolm et al., Operations
 * Research 1959). */
static bool make_pert(const double *given, struct distribution *distribution)
{
	bool fits = make_triangular(given, distribution);
	double mode = distribution->a;

	distribution->a = 1 + 4 * mode;
	distribution->b = 1 + 4 * (1 - mode);
	return fits;
}

static bool make_normal(const double *given, struct distribution *distribution)
{
	distribution->from = given[PARAMETER_MEAN];
	distribution->span = given[PARAMETER_SD];
	if (isnan(given[PARAMETER_MEAN])) {
		distribution->from = given[PARAMETER_P50];
		distribution->span = (given[PARAMETER_P90] - given[PARAMETER_P50]) / P90_DEVIATIONS;
	}
	return distribution->span > 0;
}

/* mean and sd are the numbers' own: of their logarithms, s^2 = ln(1 + (sd / mean)^2), m = ln mean - s^2 / 2.
 */
static bool make_lognormal(const double *given, struct distribution *distribution)
{
	double variance = log1p(gsl_pow_2(given[PARAMETER_SD] / given[PARAMETER_MEAN]));

	distribution->span = given[PARAMETER_MEAN] * exp(-variance / 2);
	distribution->a = sqrt(variance);
	if (isnan(given[PARAMETER_MEAN])) {
		distribution->span = given[PARAMETER_P50];
		distribution->a = log(given[PARAMETER_P90] / given[PARAMETER_P50]) / P90_DEVIATIONS;
	}
	return distribution->a > 0;
}

static bool make_exponential(const double *given, struct distribution *distribution)
{
	distribution->span = given[PARAMETER_MEAN];
	return true;
}

static bool make_gamma(const double *given, struct distribution *distribution)
{
	distribution->a = gsl_pow_2(given[PARAMETER_MEAN] / given[PARAMETER_SD]);
	distribution->span = given[PARAMETER_MEAN] / distribution->a;
	return true;
}

/* Weibull; Pareto, of which the scale is the least value; Rayleigh, which has no shape. */
static bool make_scaled(const double *given, struct distribution *distribution)
{
	distribution->span = given[PARAMETER_SCALE];
	distribution->a = given[PARAMETER_SHAPE];
	return true;
}

/* Over [min, max], which need not be given. */
static bool make_beta(const double *given, struct distribution *distribution)
{
	distribution->from = isnan(given[PARAMETER_MIN]) ? 0 : given[PARAMETER_MIN];
	distribution->span = (isnan(given[PARAMETER_MAX]) ? 1 : given[PARAMETER_MAX]) - distribution->from;
	distribution->a = given[PARAMETER_ALPHA];
	distribution->b = given[PARAMETER_BETA];
	return distribution->span > 0;
}

/* Of one with the scale 1 the variance is pi^2 / 3. */
static bool make_logistic(const double *given, struct distribution *distribution)
{
	distribution->from = given[PARAMETER_MEAN];
	distribution->span = given[PARAMETER_SD] * sqrt(3) / M_PI;
	return true;
}

/* Of largest values. F(x) = exp(-exp(-x)) has the mean 0.5772… (Euler's) and the variance pi^2 / 6. */
static bool make_gumbel(const double *given, struct distribution *distribution)
{
	distribution->span = given[PARAMETER_SD] * sqrt(6) / M_PI;
	distribution->from = given[PARAMETER_MEAN] - M_EULER * distribution->span;
	return true;
}

/* Of one with the scale 1 the variance is 2. */
static bool make_laplace(const double *given, struct distribution *distribution)
{
	distribution->from = given[PARAMETER_MEAN];
	distribution->span = given[PARAMETER_SD] / M_SQRT2;
	return true;
}

static bool make_student(const double *given, struct distribution *distribution)
{
	distribution->from = given[PARAMETER_MEAN];
	distribution->span = given[PARAMETER_SCALE];
	distribution->a = given[PARAMETER_DEGREES];
	return true;
}

static bool make_poisson(const double *given, struct distribution *distribution)
{
	distribution->a = given[PARAMETER_MEAN];
	return true;
}

static bool make_binomial(const double *given, struct distribution *distribution)
{
	distribution->a = given[PARAMETER_PROBABILITY];
	distribution->b = given[PARAMETER_TRIALS];
	return distribution->b == floor(distribution->b) && distribution->b <= 1e9 && distribution->a <= 1;
}

/* How often it fails before the n-th success: p = mean / sd^2, n = mean p / (1 - p). */
static bool make_negative_binomial(const double *given, struct distribution *distribution)
{
	distribution->a = given[PARAMETER_MEAN] / gsl_pow_2(given[PARAMETER_SD]);
	distribution->b = given[PARAMETER_MEAN] * distribution->a / (1 - distribution->a);
	return distribution->a < 1;
}

/* The first success: at least 1. */
static bool make_geometric(const double *given, struct distribution *distribution)
{
	distribution->a = given[PARAMETER_PROBABILITY];
	return distribution->a <= 1;
}

/* ------------------------------------------------------------------ shares and quantiles */

/* GSL's, each with as many parameters as it has. */
#define NO_SHAPE(kind_, function_)                                                \
	static double kind_##_share(const struct distribution *d, double x)       \
	{                                                                         \
		(void)d;                                                          \
		return gsl_cdf_##function_##_P(x, 1);                             \
	}                                                                         \
	static double kind_##_quantile(const struct distribution *d, double unit) \
	{                                                                         \
		(void)d;                                                          \
		return gsl_cdf_##function_##_Pinv(unit, 1);                       \
	}
#define SHAPED(kind_, function_, ...)                                             \
	static double kind_##_share(const struct distribution *d, double x)       \
	{                                                                         \
		return gsl_cdf_##function_##_P(x, __VA_ARGS__);                   \
	}                                                                         \
	static double kind_##_quantile(const struct distribution *d, double unit) \
	{                                                                         \
		return gsl_cdf_##function_##_Pinv(unit, __VA_ARGS__);             \
	}
#define COUNTED(kind_, function_, ...)                                                                  \
	static double kind_##_share(const struct distribution *d, double x)                             \
	{                                                                                               \
		return x < 0 ? 0 : gsl_cdf_##function_##_P((unsigned)fmin(x, COUNT_MOST), __VA_ARGS__); \
	}

NO_SHAPE(normal, gaussian)
NO_SHAPE(exponential, exponential)
NO_SHAPE(logistic, logistic)
NO_SHAPE(laplace, laplace)
NO_SHAPE(rayleigh, rayleigh)
SHAPED(lognormal, lognormal, 0, d->a)
SHAPED(gamma, gamma, d->a, 1)
SHAPED(weibull, weibull, 1, d->a)
SHAPED(beta, beta, d->a, d->b)
SHAPED(pareto, pareto, d->a, 1)
SHAPED(student, tdist, d->a)
COUNTED(poisson, poisson, d->a)
COUNTED(binomial, binomial, d->a, (unsigned)d->b)
COUNTED(negative_binomial, negative_binomial, d->a, d->b)
COUNTED(geometric, geometric, d->a)

static double uniform_share(const struct distribution *d, double x)
{
	(void)d;
	return fmin(fmax(x, 0), 1);
}

static double uniform_quantile(const struct distribution *d, double unit)
{
	(void)d;
	return unit;
}

/* Of [0, 1], with the mode a. */
static double triangular_share(const struct distribution *d, double x)
{
	x = fmin(fmax(x, 0), 1);
	return x < d->a ? x * x / d->a : d->a < 1 ? 1 - gsl_pow_2(1 - x) / (1 - d->a) : 1;
}

static double triangular_quantile(const struct distribution *d, double unit)
{
	return unit < d->a ? sqrt(unit * d->a) : 1 - sqrt((1 - unit) * (1 - d->a));
}

static double gumbel_share(const struct distribution *d, double x)
{
	(void)d;
	return gsl_cdf_gumbel1_P(x, 1, 1);
}

static double gumbel_quantile(const struct distribution *d, double unit)
{
	(void)d;
	return gsl_cdf_gumbel1_Pinv(unit, 1, 1);
}

static double empirical_share(const struct distribution *d, double x)
{
	uint32_t low = 0, high = d->value_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (d->values[middle].value <= x)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? d->values[low - 1].share : 0;
}

/* The first value whose share is not below the unit, which is more than 0. */
static double empirical_quantile(const struct distribution *d, double unit)
{
	uint32_t low = 0, high = d->value_count - 1;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (d->values[middle].share < unit)
			low = middle + 1;
		else
			high = middle;
	}
	return d->values[low].value;
}

/* ------------------------------------------------------------------ the kinds */

#define P(parameter_) (1u << PARAMETER_##parameter_)

struct kind {
	const char *needs;     /* in words */
	const char *unfit;     /* what is wrong with parameters that `make` refuses; NULL: it refuses none */
	unsigned given, other; /* the parameters that it needs, or these instead (0: no others) */
	unsigned positive;     /* of these, those that must be more than 0 */
	bool (*make)(const double *given, struct distribution *distribution);
	double (*share)(const struct distribution *distribution, double x);
	double (*quantile)(const struct distribution *distribution, double unit); /* NULL: of counts */
};

/* Sources: the GNU Scientific Library's manual, "Random Number Distributions"; PERT above. */
static const struct kind kinds[] = {
	[DISTRIBUTION_UNIFORM] = { "needs min and max", "min must be below max", P(MIN) | P(MAX), 0, 0,
	                           make_uniform, uniform_share, uniform_quantile },
	[DISTRIBUTION_TRIANGULAR] = { "needs min, mode and max",
	                              "mode must lie from min to max, and min below max",
	                              P(MIN) | P(MODE) | P(MAX), 0, 0, make_triangular, triangular_share,
	                              triangular_quantile },
	[DISTRIBUTION_PERT] = { "needs min, mode and max", "mode must lie from min to max, and min below max",
	                        P(MIN) | P(MODE) | P(MAX), 0, 0, make_pert, beta_share, beta_quantile },
	[DISTRIBUTION_NORMAL] = { "needs mean and sd, or p50 and p90", "p90 must be above p50",
	                          P(MEAN) | P(SD), P(P50) | P(P90), P(SD), make_normal, normal_share,
	                          normal_quantile },
	[DISTRIBUTION_LOGNORMAL] = { "needs mean and sd, or p50 and p90", "p90 must be above p50",
	                             P(MEAN) | P(SD), P(P50) | P(P90), P(MEAN) | P(SD) | P(P50) | P(P90),
	                             make_lognormal, lognormal_share, lognormal_quantile },
	[DISTRIBUTION_EXPONENTIAL] = { "needs mean", NULL, P(MEAN), 0, P(MEAN), make_exponential,
	                               exponential_share, exponential_quantile },
	[DISTRIBUTION_GAMMA] = { "needs mean and sd", NULL, P(MEAN) | P(SD), 0, P(MEAN) | P(SD), make_gamma,
	                         gamma_share, gamma_quantile },
	[DISTRIBUTION_WEIBULL] = { "needs scale and shape", NULL, P(SCALE) | P(SHAPE), 0, P(SCALE) | P(SHAPE),
	                           make_scaled, weibull_share, weibull_quantile },
	[DISTRIBUTION_BETA] = { "needs alpha and beta", "min must be below max", P(ALPHA) | P(BETA), 0,
	                        P(ALPHA) | P(BETA), make_beta, beta_share, beta_quantile },
	[DISTRIBUTION_PARETO] = { "needs scale and shape", NULL, P(SCALE) | P(SHAPE), 0, P(SCALE) | P(SHAPE),
	                          make_scaled, pareto_share, pareto_quantile },
	[DISTRIBUTION_LOGISTIC] = { "needs mean and sd", NULL, P(MEAN) | P(SD), 0, P(SD), make_logistic,
	                            logistic_share, logistic_quantile },
	[DISTRIBUTION_GUMBEL] = { "needs mean and sd", NULL, P(MEAN) | P(SD), 0, P(SD), make_gumbel,
	                          gumbel_share, gumbel_quantile },
	[DISTRIBUTION_LAPLACE] = { "needs mean and sd", NULL, P(MEAN) | P(SD), 0, P(SD), make_laplace,
	                           laplace_share, laplace_quantile },
	[DISTRIBUTION_RAYLEIGH] = { "needs scale", NULL, P(SCALE), 0, P(SCALE), make_scaled, rayleigh_share,
	                            rayleigh_quantile },
	[DISTRIBUTION_STUDENT_T] = { "needs mean, scale and degrees", NULL, P(MEAN) | P(SCALE) | P(DEGREES),
	                             0, P(SCALE) | P(DEGREES), make_student, student_share,
	                             student_quantile },
	[DISTRIBUTION_POISSON] = { "needs mean", NULL, P(MEAN), 0, P(MEAN), make_poisson, poisson_share,
	                           NULL },
	[DISTRIBUTION_BINOMIAL] = { "needs trials and probability",
	                            "trials must be an integer up to 1e9, and probability at most 1",
	                            P(TRIALS) | P(PROBABILITY), 0, P(TRIALS) | P(PROBABILITY), make_binomial,
	                            binomial_share, NULL },
	[DISTRIBUTION_NEGATIVE_BINOMIAL] = { "needs mean and sd", "sd squared must be more than mean",
	                                     P(MEAN) | P(SD), 0, P(MEAN) | P(SD), make_negative_binomial,
	                                     negative_binomial_share, NULL },
	[DISTRIBUTION_GEOMETRIC] = { "needs probability", "probability must be at most 1", P(PROBABILITY), 0,
	                             P(PROBABILITY), make_geometric, geometric_share, NULL },
	[DISTRIBUTION_EMPIRICAL] = { "needs values", NULL, 0, 0, 0, NULL, empirical_share,
	                             empirical_quantile },
};

_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == DISTRIBUTION_KINDS, "a row a kind");

/* ------------------------------------------------------------------ making */

static const char *const too_small[PARAMETERS] = {
	[PARAMETER_MEAN] = "mean must be more than 0",
	[PARAMETER_SD] = "sd must be more than 0",
	[PARAMETER_P50] = "p50 must be more than 0",
	[PARAMETER_P90] = "p90 must be more than 0",
	[PARAMETER_SHAPE] = "shape must be more than 0",
	[PARAMETER_SCALE] = "scale must be more than 0",
	[PARAMETER_ALPHA] = "alpha must be more than 0",
	[PARAMETER_BETA] = "beta must be more than 0",
	[PARAMETER_DEGREES] = "degrees must be more than 0",
	[PARAMETER_TRIALS] = "trials must be more than 0",
	[PARAMETER_PROBABILITY] = "probability must be more than 0",
};

static const char *check_given(const struct kind *kind, const double *given)
{
	unsigned set = 0, bounds = P(MIN) | P(MAX);

	for (int i = 0; i < PARAMETERS; i++) {
		if (isnan(given[i]))
			continue;
		if (!isfinite(given[i]))
			return "a parameter is not finite";
		set |= 1u << i;
		if ((kind->positive >> i & 1) && given[i] <= 0)
			return too_small[i];
	}
	if ((set & ~bounds) == (kind->given & ~bounds) && (set & kind->given) == kind->given)
		return NULL;
	return kind->other && (set & ~bounds) == kind->other ? NULL : kind->needs;
}

const char *distribution_make(struct distribution *ret_distribution, enum distribution_kind kind,
                              const double given[PARAMETERS])
{
	struct distribution distribution = { .kind = kind, .span = 1, .above = 1 };
	const char *wrong;

	must(kind < DISTRIBUTION_EMPIRICAL);
	wrong = check_given(&kinds[kind], given);
	if (wrong)
		return wrong;
	if (!kinds[kind].make(given, &distribution))
		return kinds[kind].unfit;
	distribution.min = -INFINITY;
	distribution.max = INFINITY;
	if (!distribution_restrict(&distribution,
	                           isnan(given[PARAMETER_MIN]) ? -INFINITY : given[PARAMETER_MIN],
	                           isnan(given[PARAMETER_MAX]) ? INFINITY : given[PARAMETER_MAX]))
		return "no part of it lies from min to max";
	*ret_distribution = distribution;
	return NULL;
}

static int value_compare(const void *a, const void *b)
{
	const struct distribution_value *x = a, *y = b;

	return x->value < y->value ? -1 : x->value > y->value;
}

const char *distribution_make_empirical(struct distribution *ret_distribution, const double *values,
                                        const double *weights, uint32_t count,
                                        struct distribution_value *room)
{
	double sum = 0, sum_so_far = 0;

	must(count > 0);
	for (uint32_t i = 0; i < count; i++) {
		double weight = weights ? weights[i] : 1;

		if (!isfinite(values[i]) || !(weight >= 0 && isfinite(weight)))
			return "values must be finite and weights not negative";
		room[i] = (struct distribution_value){ values[i], weight };
		sum += weight;
	}
	if (!(sum > 0))
		return "one weight at least must be more than 0";
	qsort(room, count, sizeof(room[0]), value_compare);
	for (uint32_t i = 0; i < count; i++) {
		sum_so_far += room[i].share;
		room[i].share = i + 1 < count ? fmin(sum_so_far / sum, 1) : 1;
	}
	*ret_distribution = (struct distribution){ .kind = DISTRIBUTION_EMPIRICAL,
		                                   .span = 1,
		                                   .min = -INFINITY,
		                                   .max = INFINITY,
		                                   .above = 1,
		                                   .values = room,
		                                   .value_count = count };
	return NULL;
}

/* ------------------------------------------------------------------ using */

/* Those that have their own steps: the share at a bound is not the share below it. */
static bool has_steps(const struct distribution *distribution)
{
	return !kinds[distribution->kind].quantile || distribution->kind == DISTRIBUTION_EMPIRICAL;
}

static double plain_share(const struct distribution *distribution, double value)
{
	if (isinf(value))
		return value > 0;
	return kinds[distribution->kind].share(distribution,
	                                       (value - distribution->from) / distribution->span);
}

bool distribution_restrict(struct distribution *distribution, double min, double max)
{
	double below, above;

	min = fmax(min, distribution->min);
	max = fmin(max, distribution->max);
	if (!(min <= max))
		return false;
	below = plain_share(distribution, has_steps(distribution) ? nextafter(min, -INFINITY) : min);
	above = plain_share(distribution, max);
	if (!(above > below))
		return false;
	distribution->min = min;
	distribution->max = max;
	distribution->below = below;
	distribution->above = above;
	return true;
}

/* The least count whose share is not below this. */
static double count_quantile(const struct distribution *distribution, double unit)
{
	double (*share)(const struct distribution *, double) = kinds[distribution->kind].share;
	double low = 0, high = 1;

	while (high < COUNT_MOST && share(distribution, high) < unit)
		high *= 2;
	high = fmin(high, COUNT_MOST);
	while (low < high) {
		double middle = floor((low + high) / 2);

		if (share(distribution, middle) < unit)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

double distribution_quantile(const struct distribution *distribution, double unit)
{
	double share, value;

	must(unit >= 0 && unit <= 1);
	share = distribution->below + unit * (distribution->above - distribution->below);
	/* Above `below`: at the very share the quantile of a discrete one is still the step before. */
	if (has_steps(distribution))
		share = fmax(share, nextafter(distribution->below, 1));
	value = kinds[distribution->kind].quantile ? kinds[distribution->kind].quantile(distribution, share)
	                                           : count_quantile(distribution, share);
	value = distribution->from + distribution->span * value;
	return fmin(fmax(value, distribution->min), distribution->max);
}

double distribution_share(const struct distribution *distribution, double value)
{
	if (value < distribution->min || value >= distribution->max)
		return value >= distribution->max;
	return fmax(plain_share(distribution, value) - distribution->below, 0) /
	       (distribution->above - distribution->below);
}
