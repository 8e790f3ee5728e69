/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sweep: what the sweep and merge commands share. */
/*
 * A sweep's folder has
 *   sweep.json         the whole sweep: its scenario, its cluster, the model's constants
 *   units/KEY.json     results of units of work, by what they depend on (sim/sweep.h); each appears whole
 *   result.json, .csv  all of them merged: the same bytes whoever worked on what
 */
#ifndef CLI_SWEEP_H
#define CLI_SWEEP_H

#include "cli/cli.h"
#include "sim/sweep.h"

/* A sweep that is to be worked on. */
struct sweep_work {
	struct sweep sweep;
	struct json_doc *doc; /* the whole sweep */
	json_t *base;         /* its scenario, with "rolling" beside when that is what it is about */
	enum profile profile; /* PROFILE_COUNT: the scenario's */
	struct hypervisors hypervisors;
};

/* From a sweep's file and the options; a new whole document is made. Free with sweep_work_free, also after a
 * failure. */
int sweep_work_read(struct sweep_work *ret_work, const char *path, const struct cli_options *options,
                    struct error *error);

/* From the document in a sweep's folder. */
int sweep_work_open(struct sweep_work *ret_work, const char *folder, struct error *error);
void sweep_work_free(struct sweep_work *work);

/* The whole document's bytes; the caller free()s them. */
char *sweep_work_text(const struct sweep_work *work, size_t *ret_length);

/* Works on a unit; results: one a part, zero-initialised. By any thread. */
int sweep_work_unit(const struct sweep_work *work, uint32_t unit, struct sweep_result *results,
                    struct error *error);

/* Where a unit's result is. */
void sweep_unit_path(const struct sweep_work *work, const char *folder, uint32_t unit, char *ret_path,
                     size_t room);

/*
 * Merges what is in the folder, writes result.json and result.csv, and prints the rows. Returns an exit code
 * >= 0 (EXIT_STOPPED: units are missing, said on standard error), or a negative error.
 */
int sweep_merge(const struct sweep_work *work, const char *folder, const char *plots, enum output output,
                struct error *error);

/* Submits the sweep as an array of Slurm jobs, waits for them with progress, and returns as sweep_merge does;
 * 0: all have ended well, and the merge is to follow. */
struct slurm_options {
	uint32_t shards;
	const char *arguments; /* for sbatch, e.g. "--partition=night"; NULL: none */
	const char *sweep, *folder;
	uint32_t poll_s;
};

int slurm_run(const struct sweep_work *work, const struct slurm_options *options, struct error *error);

/* Draws a merged sweep into a folder (cli/sweep_plots.c). */
int sweep_plots(const struct sweep_work *work, const struct sweep_result *cells, const char *plots,
                struct error *error);

#endif
