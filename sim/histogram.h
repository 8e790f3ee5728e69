/* SPDX-License-Identifier: GPL-3.0-or-later */
/* histogram: how often which whole numbers came, in buckets so narrow that percentiles are true to 0.05 %. */
#ifndef SIM_HISTOGRAM_H
#define SIM_HISTOGRAM_H

#include "core/json.h"

/*
 * Numbers up to HISTOGRAM_EXACT each have a bucket of their own; above, each power of two is cut into
 * HISTOGRAM_EXACT equal ones (as in HdrHistogram). All is integers, so that histograms merge in any order to
 * the same bytes.
 */
enum { HISTOGRAM_EXACT = 1024 };

struct histogram_bucket {
	uint32_t bucket;
	uint64_t count;
};

/* Zero-initialised is empty and ready. Free with histogram_free. */
struct histogram {
	struct histogram_bucket *at; /* those that are not empty, rising */
	uint32_t count, room;
	uint64_t numbers; /* in all */
	uint64_t least, most;
	uint64_t sum_low, sum_high; /* of all numbers: 128 bits */
};

/* The largest number that it takes; larger ones count as this. */
#define HISTOGRAM_LARGEST UINT64_C(0xfffffffffffff)

void histogram_free(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t number);
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The number that a share of all does not exceed, by nearest rank: the middle of its bucket, within the least
 * and the most; 0 for none. The mean is exact. */
double histogram_quantile(const struct histogram *histogram, double share);
double histogram_mean(const struct histogram *histogram);

/* As a value of a file, and back: ERROR_INPUT for what none could be. */
json_t *histogram_json(const struct histogram *histogram);
int histogram_read(struct histogram *ret_histogram, const struct json_doc *doc, const json_t *value,
                   struct error *error);

#endif
