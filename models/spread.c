/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/spread.h"

#include "core/must.h"
#include "models/hypervisor.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static const double TAIL = 1e-3;

double spread_factor(const struct hypervisor *hypervisor, enum spread_of of, double unit)
{
	const double spreads[SPREAD_COUNT] = {
		[SPREAD_SETUP] = hypervisor->setup_spread, [SPREAD_RATE] = hypervisor->rate_spread,
		[SPREAD_USED] = hypervisor->used_spread,   [SPREAD_DIRTY] = hypervisor->dirty_spread,
		[SPREAD_STOP] = hypervisor->stop_spread,   [SPREAD_SHARE] = hypervisor->share_spread,
	};

	must(of < SPREAD_COUNT && unit >= 0 && unit < 1);
	unit = fmin(fmax(unit, TAIL), 1 - TAIL);
	return exp(spreads[of] * gsl_cdf_ugaussian_Pinv(unit));
}
