/* SPDX-License-Identifier: GPL-3.0-or-later */
/* record: what one run looked like over time, for plots: who was where, what was left to send, what links
 * carried. */
#ifndef SIM_RECORD_H
#define SIM_RECORD_H

#include "sim/world.h"

#include <stddef.h>

/* The samples that are kept at the most of one migration or one link; beyond, every other one is dropped. */
enum { RECORD_SAMPLES = 2000 };

/* One stretch of a move. */
struct record_phase {
	uint32_t vm, from, to;
	uint32_t before; /* the move's phase before this one, NONE */
	const char *name;
	int64_t start_ns, end_ns;
	enum outcome outcome; /* of the whole move */
};

struct record_sample {
	int64_t time_ns;
	double first, second;
};

/* Samples of one migration (what is left, threshold; bytes) or of one link (used, capacity; bytes/s). */
struct record_track {
	uint32_t key; /* the VM or the link */
	uint32_t count, room;
	uint32_t step, offered; /* every step-th pair of those offered is kept */
	struct record_sample *samples;
};

struct record_tracks {
	struct record_track *at;
	uint32_t count, room;
};

/* Zero-initialised is empty and ready. */
struct recorder {
	struct record_phase *phases;
	uint32_t phase_count, phase_room;
	struct record_tracks memories, links;
	struct record_open {
		uint32_t phase, track; /* NONE: none yet */
	} * open;                      /* by move */
	uint32_t open_room;
	uint32_t *link_track; /* by link */
	uint32_t link_room;
	bool stale; /* a flow ended: links carry less */
};

enum record_table {
	RECORD_TIMELINE,  /* vm,from,to,phase,start_s,end_s,outcome; phases: setup, copying, switch-over,
	                     post-copy */
	RECORD_REMAINING, /* time_s,vm,remaining_mib,threshold_mib */
	RECORD_LINKS /* time_s,link,direction,used_mbit_s,capacity_mbit_s; only links that carried something
	              */
};

void recorder_free(struct recorder *recorder);

/*
 * One of the tables as CSV (RFC 4180) with a heading; the caller free()s it. What plots are drawn from: the
 * command writes them to DIR/timeline.csv, DIR/remaining.csv and DIR/links.csv.
 */
char *recorder_csv(const struct recorder *recorder, const struct cluster *cluster, enum record_table table,
                   size_t *ret_length);

/* Called by the parts of the world; nothing happens when it has no recorder. */
void record_start(struct world *world, const struct move *move);
void record_end(struct world *world, const struct move *move, enum outcome outcome);
void record_links(struct world *world);

/* What happens so often that even a call costs. */
void record_stage_now(struct world *world, const struct move *move);
void record_memory_now(struct world *world, const struct move *move);

/* It has gone on to another stage. */
static inline void record_stage(struct world *world, const struct move *move)
{
	if (world->recorder)
		record_stage_now(world, move);
}

/* Before and after each of the model's events. */
static inline void record_memory(struct world *world, const struct move *move)
{
	if (world->recorder)
		record_memory_now(world, move);
}

#endif
