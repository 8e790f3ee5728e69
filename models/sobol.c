/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/sobol.h"

#include "core/arena.h"
#include "core/must.h"

#include <gsl/gsl_qrng.h>
#include <stdlib.h>

struct sobol {
	gsl_qrng *sequence;
	uint32_t next; /* the number of the point that comes next */
};

struct sobol *sobol_new(uint32_t dimensions)
{
	struct sobol *sobol = MEMORY_ARRAY(struct sobol, 1);

	must(dimensions > 0 && dimensions <= SOBOL_DIMENSIONS);
	sobol->sequence = gsl_qrng_alloc(gsl_qrng_sobol, dimensions);
	must(sobol->sequence);
	return sobol;
}

void sobol_free(struct sobol *sobol)
{
	if (!sobol)
		return;
	gsl_qrng_free(sobol->sequence);
	free(sobol);
}

void sobol_point(struct sobol *sobol, uint32_t number, double *ret_units)
{
	if (number < sobol->next) {
		gsl_qrng_init(sobol->sequence);
		sobol->next = 0;
	}
	do
		gsl_qrng_get(sobol->sequence, ret_units);
	while (sobol->next++ < number);
}
