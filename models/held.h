/* SPDX-License-Identifier: GPL-3.0-or-later */
/* held: how wide intervals must be to hold of what was measured as much as they promise. */
#ifndef MODELS_HELD_H
#define MODELS_HELD_H

/*
 * What the intervals from the 10th to the 90th percentile should hold: 80 % of rows that the constants were
 * not fitted to. Of those that they were they hold more, since the constants know them, and a guest gives
 * several of them: 85 % there came to about 80 % of others.
 */
extern const double held_of_others, held_of_fitted;

/*
 * The share [0, 1] of what was measured that the intervals hold at this value of a spread, which does not
 * fall as the value rises, but for chance; negative: it cannot be told.
 */
typedef double (*held_share)(void *context, double value);

/*
 * The value between low and high, 0 < low < high, at which the intervals hold the share `wanted`: found by so
 * many halvings of its logarithm's range. Negative: `share` could not tell. The last call of `share` need not
 * be with the value that is returned.
 */
double held_find(double wanted, double low, double high, int steps, held_share share, void *context);

#endif
