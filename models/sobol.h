/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sobol: points that fill a unit cube evenly, by their number (Sobol's sequence; Antonov and Saleev 1979). */
#ifndef MODELS_SOBOL_H
#define MODELS_SOBOL_H

#include <stdint.h>

enum { SOBOL_DIMENSIONS = 40 }; /* the most: GSL's */

struct sobol;

/* dimensions: 1 … SOBOL_DIMENSIONS. Free with sobol_free, which takes NULL too. */
struct sobol *sobol_new(uint32_t dimensions);
void sobol_free(struct sobol *sobol);

/*
 * The coordinates of a point, in (0, 1); point 0 is the cube's middle. Points may be asked for in any order;
 * it is in the rising one that it is fast.
 */
void sobol_point(struct sobol *sobol, uint32_t number, double *ret_units);

#endif
