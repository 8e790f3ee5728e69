/* SPDX-License-Identifier: GPL-3.0-or-later */
/* utilisation: what guests used over days (CSV), made into the load profiles of a cluster. */
#ifndef IMPORT_UTILISATION_H
#define IMPORT_UTILISATION_H

#include "core/json.h"

#include <stddef.h>

/* Names of the columns; memory may be missing in the file. */
struct utilisation_columns {
	const char *time;   /* seconds or milliseconds (from 1e11 on) since 1970 or since the trace began, or
	                       RFC   3339, also with a blank for the T, without a zone: UTC */
	const char *vm;     /* its name or id in the cluster */
	const char *cpu;    /* of its vCPUs, %; any unit, since only hours are compared with each other */
	const char *memory; /* used, MiB */
};

extern const struct utilisation_columns utilisation_columns_default; /* time, vm, cpu, memory_mib */

struct utilisation;

/*
 * Reads text[0 … length); other columns are passed over, and rows whose CPU field is empty. file: how
 * messages call it. utc_offset_h: the hour of the day counts by the clocks of a zone so many hours ahead of
 * UTC. Refused with file and line: missing columns, a time, CPU or memory that is no number or below 0. Free
 * with utilisation_free.
 */
int utilisation_read(struct utilisation **ret_utilisation, const char *text, size_t length, const char *file,
                     const struct utilisation_columns *columns, double utc_offset_h, struct error *error);
void utilisation_free(struct utilisation *utilisation);

/* What became of it. */
struct utilisation_report {
	uint32_t known, unknown;   /* VMs of the trace that the cluster has, and has not */
	const char *first_unknown; /* NULL: all are known; lives as long as the utilisation */
	uint32_t untraced;         /* VMs of the cluster that the trace has not */
	uint32_t gaps;             /* known VMs that were not seen in every hour of the day */
	uint32_t profiles;
};

/*
 * Puts load_profiles into a copy of a cluster's document, over those that it has, and their names and what
 * memory they used (the mean; not above the flavor's) into its VMs. In each hour of the day a guest's load is
 * its mean CPU in that hour over the mean of all hours that it was seen in, to the hundredth; 1 in hours that
 * it was not, and for a guest that used none. VMs of the same hours share a profile. The caller json_free()s
 * the value.
 */
json_t *utilisation_cluster(const struct utilisation *utilisation, const json_t *cluster,
                            struct utilisation_report *ret_report);

#endif
