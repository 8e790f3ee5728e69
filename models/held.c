/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/held.h"

#include "core/must.h"

#include <math.h>

const double held_of_others = 0.80, held_of_fitted = 0.85;

double held_find(double wanted, double low, double high, int steps, held_share share, void *context)
{
	must(low > 0 && high > low);
	low = log(low);
	high = log(high);
	for (int step = 0; step < steps; step++) {
		double middle = (low + high) / 2, held = share(context, exp(middle));

		if (held < 0)
			return -1;
		if (held < wanted)
			low = middle;
		else
			high = middle;
	}
	return exp((low + high) / 2);
}
