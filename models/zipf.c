/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/zipf.h"

#include <math.h>
#include <stddef.h>

/*
 * The first pages one by one, the rest as an integral (midpoint form of Euler and Maclaurin's formula with
 * its first correction). With f(x) = 1 - e^(-y), y = A x^-s, the integral has three parts: where y is large
 * f is 1, where y is small f is its series, and between the two (a factor of 320 in y) Gauss and Legendre's
 * rule takes ln x.
 */
enum { HEAD = 16, NODES = 6 };

static const double SATURATED_Y = 16.0;
static const double LINEAR_Y = 0.05;

/* Natural logarithms of 1 to HEAD. */
static const double LOG[HEAD] = {
	0.0,
	0.69314718055994530942,
	1.09861228866810969140,
	1.38629436111989061883,
	1.60943791243410037460,
	1.79175946922805500081,
	1.94591014905531330511,
	2.07944154167983592825,
	2.19722457733621938279,
	2.30258509299404568402,
	2.39789527279837054406,
	2.48490664978800031023,
	2.56494935746153673605,
	2.63905732961525861452,
	2.70805020110221006599,
	2.77258872223978123767,
};

/* Abscissas and weights of the 12-point rule; Abramowitz and Stegun, table 25.4. */
static const double NODE[NODES] = { 0.125233408511469, 0.367831498998180, 0.587317954286617,
	                            0.769902674194305, 0.904117256370475, 0.981560634246719 };
static const double WEIGHT[NODES] = { 0.249147045813403, 0.233492536538355, 0.203167426723066,
	                              0.160078328543346, 0.106939325995318, 0.047175336386512 };

static double clamp(double x, double low, double high)
{
	return x < low ? low : x > high ? high : x;
}

/* The integral of A^k x^-ks dx from x1 to x2, log_ratio = ln(x2 / x1), y the value of A x^-s at each end. */
static double power_integral(double k, double s, double x1, double y1, double x2, double y2, double log_ratio)
{
	double rest = 1.0 - k * s;

	if (fabs(rest) < 1e-7)
		return x1 * pow(y1, k) * log_ratio;
	return (x2 * pow(y2, k) - x1 * pow(y1, k)) / rest;
}

/* The integral of 1 - e^(-e^(log_a - s u)) e^u du, that is of f(x) dx, from u1 to u2. */
static double transition_integral(double log_a, double s, double u1, double u2)
{
	double middle = 0.5 * (u1 + u2), half = 0.5 * (u2 - u1), sum = 0.0;

	for (size_t i = 0; i < NODES; i++) {
		double high = middle + half * NODE[i], low = middle - half * NODE[i];

		sum -= WEIGHT[i] *
		       (exp(high) * expm1(-exp(log_a - s * high)) + exp(low) * expm1(-exp(log_a - s * low)));
	}
	return half * sum;
}

/* f'(x) = -s y e^(-y) / x at x. */
static double slope(double log_a, double s, double x)
{
	double y = exp(log_a - s * log(x));

	return -s * y * exp(-y) / x;
}

/* The sum of f(i) for HEAD < i <= pages. */
static double tail(double pages, double s, double log_a)
{
	double x1 = HEAD + 0.5, x2 = pages + 0.5, u1 = log(x1), u2 = log(x2);
	double saturated = clamp((log_a - log(SATURATED_Y)) / s, u1, u2);
	double linear = clamp((log_a - log(LINEAR_Y)) / s, u1, u2);
	double sum = exp(saturated) - x1;

	if (linear > saturated)
		sum += transition_integral(log_a, s, saturated, linear);
	if (u2 > linear) {
		double x = exp(linear), y = exp(log_a - s * linear), y2 = exp(log_a - s * u2),
		       ratio = u2 - linear;

		sum += power_integral(1, s, x, y, x2, y2, ratio) -
		       power_integral(2, s, x, y, x2, y2, ratio) / 2 +
		       power_integral(3, s, x, y, x2, y2, ratio) / 6;
	}
	return sum - (slope(log_a, s, x2) - slope(log_a, s, x1)) / 24;
}

/* H = the sum of i^-s for i <= pages. */
static double norm(double pages, double s)
{
	double sum = 0.0;

	for (size_t i = 0; i < HEAD && (double)i < pages; i++)
		sum += exp(-s * LOG[i]);
	if (pages > HEAD) {
		double x1 = HEAD + 0.5, x2 = pages + 0.5, f1 = pow(x1, -s), f2 = pow(x2, -s);

		sum += power_integral(1, s, x1, f1, x2, f2, log(x2 / x1));
		sum += s * (f2 / x2 - f1 / x1) / 24;
	}
	return sum;
}

double zipf_unique_pages(double pages, double exponent, double writes)
{
	double sum = 0.0, a;

	pages = fmax(1.0, floor(pages + 0.5));
	if (!(writes > 0.0))
		return 0.0;
	a = fmin(writes, 1e300) / norm(pages, exponent);
	for (size_t i = 0; i < HEAD && (double)i < pages; i++)
		sum -= expm1(-a * exp(-exponent * LOG[i]));
	if (pages > HEAD)
		sum += tail(pages, exponent, log(a));
	return clamp(sum, 0.0, pages);
}
