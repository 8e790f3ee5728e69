/* SPDX-License-Identifier: GPL-3.0-or-later */
/* held: how wide intervals must be to hold of what was measured as much as they promise. */
#ifndef MODELS_HELD_H
#define MODELS_HELD_H

/*
 * What the intervals from the 10th to the 90th percentile should hold of the rows that a model is fitted to.
 * Of others they hold less: the constants know these rows, and a guest gives several of them. 85 % here came
 * to about 80 % there.
 */
extern const double held_of_fitted;

/*
 * The share [0, 1] of what was measured that the intervals hold at this value of a spread, which does not
 * fall as the value rises, but for chance; negative: it cannot be told.
 */
typedef double (*held_share)(void *context, double value);

/*
 * The value between low and high, 0 < low < high, at which the intervals hold as much: found by so
 * many halvings of its logarithm's range. Negative: `share` could not tell. The last call of `share` need not
 * be with the value that is returned.
 */
double held_find(double low, double high, int steps, held_share share, void *context);

#endif
