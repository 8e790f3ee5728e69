/* SPDX-License-Identifier: GPL-3.0-or-later */
/* scenario_file: a scenario as a command is given it: its own file, or a cluster's and the hosts to lock; and
 * the numbers in it that are distributions. */
#ifndef CLI_SCENARIO_FILE_H
#define CLI_SCENARIO_FILE_H

#include "sim/simulation.h"
#include "sim/uncertain.h"

struct scenario_file {
	struct scenario scenario;      /* numbers that are distributions are at their medians */
	struct uncertain uncertain;    /* these numbers */
	struct simulation_draws draws; /* to draw them: only when there are such */
	/* its own business */
	const char *path;
	bool quiet;
	struct json_doc *doc, *cluster_doc;
};

/*
 * Reads it, and prints warnings on standard error. locks: names of hosts, of a cluster file only. path must
 * outlive it, and it must stay where it is: readers point to it. Free with scenario_file_free, also after a
 * failure.
 */
int scenario_file_read(struct scenario_file *ret_file, const char *path, const char *const *locks,
                       uint32_t lock_count, enum profile profile, struct error *error);
void scenario_file_free(struct scenario_file *file);

/* The same of a document that has been read already, which is taken over. path: what its paths are relative
 * to. quiet: without warnings. */
int scenario_file_take(struct scenario_file *ret_file, struct json_doc *doc, const char *path,
                       const char *const *locks, uint32_t lock_count, enum profile profile, bool quiet,
                       struct error *error);

/*
 * A scenario with its cluster in place, to be changed; the caller json_free()s it. A cluster becomes a
 * scenario that locks the hosts. root: of the file whose path it is.
 */
int scenario_file_whole(const json_t *root, const char *path, const char *const *locks, uint32_t lock_count,
                        json_t **ret_whole, struct error *error);

/* Puts the numbers of CSV files in place of their names, wherever a value has distributions. path: as above.
 */
int scenario_file_place(json_t *value, const char *path, struct error *error);

/* uncertain_column; context: a pointer to the path that names are relative to. */
int scenario_file_column(void *context, const char *path, const char *name, double **ret_values,
                         uint32_t *ret_count, struct error *error);

/* A path that a file names, which is relative to that file. */
int scenario_file_beside(const char *base, const char *path, char *ret_joined, size_t room,
                         struct error *error);

#endif
