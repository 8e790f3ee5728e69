/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/record.h"

#include "core/must.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tracks_free(struct record_tracks *tracks)
{
	for (uint32_t i = 0; i < tracks->count; i++)
		free(tracks->at[i].samples);
	free(tracks->at);
}

void recorder_free(struct recorder *recorder)
{
	tracks_free(&recorder->memories);
	tracks_free(&recorder->links);
	free(recorder->phases);
	free(recorder->open);
	free(recorder->link_track);
	*recorder = (struct recorder){ 0 };
}

/* ------------------------------------------------------------------ samples */

static uint32_t track_new(struct record_tracks *tracks, uint32_t key)
{
	if (tracks->count == tracks->room) {
		tracks->room = tracks->room ? tracks->room * 2 : 16;
		tracks->at = memory_resize(tracks->at, tracks->room, sizeof(*tracks->at));
	}
	tracks->at[tracks->count] = (struct record_track){ .key = key, .step = 1 };
	return tracks->count++;
}

/* Samples come in pairs, before and after a jump; a pair stays together. */
static void thin_out(struct record_track *track)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < track->count; i++) {
		if (i / 2 % 2 == 0)
			track->samples[kept++] = track->samples[i];
	}
	track->count = kept;
	track->step *= 2;
}

static void sample(struct record_track *track, bool always, struct record_sample sample)
{
	bool wanted = always || track->offered / 2 % track->step == 0;

	track->offered++;
	if (!wanted)
		return;
	if (track->count >= RECORD_SAMPLES - 1)
		thin_out(track);
	if (track->count == track->room) {
		track->room = track->room ? track->room * 2 : 32;
		track->samples = memory_resize(track->samples, track->room, sizeof(*track->samples));
	}
	must(track->samples != NULL);
	track->samples[track->count++] = sample;
}

/* ------------------------------------------------------------------ moves */

static struct record_open *open_of(struct recorder *recorder, const struct move *move)
{
	while (move->index >= recorder->open_room) {
		uint32_t room = recorder->open_room ? recorder->open_room * 2 : 16;

		recorder->open = memory_resize(recorder->open, room, sizeof(*recorder->open));
		recorder->open_room = room;
	}
	return &recorder->open[move->index];
}

/* While a guest stands still it is being switched over, also when it is moved cold. */
static const char *phase_name(const struct move *move)
{
	if (move->kind != MOVE_LIVE)
		return "switch-over";
	if (move->stage == STAGE_DISK)
		return "copying";
	if (move->stage != STAGE_MEMORY)
		return "setup";
	switch (move->precopy.phase) {
	case PRECOPY_COPYING:
		return "copying";
	case PRECOPY_SWITCHING:
		return "switch-over";
	case PRECOPY_POSTCOPY:
		return "post-copy";
	default:
		return "setup";
	}
}

static void close_phase(struct world *world, const struct record_open *open)
{
	if (open->phase != NONE)
		world->recorder->phases[open->phase].end_ns = world->now_ns;
}

void record_stage_now(struct world *world, const struct move *move)
{
	struct recorder *recorder = world->recorder;
	struct record_open *open;
	const char *name;

	open = open_of(recorder, move);
	name = phase_name(move);
	if (open->phase != NONE && !strcmp(recorder->phases[open->phase].name, name))
		return;
	if (move->stage == STAGE_MEMORY && move->precopy.phase == PRECOPY_DONE)
		return;
	close_phase(world, open);
	if (recorder->phase_count == recorder->phase_room) {
		recorder->phase_room = recorder->phase_room ? recorder->phase_room * 2 : 64;
		recorder->phases = memory_resize(recorder->phases, recorder->phase_room,
		                                 sizeof(*recorder->phases));
	}
	recorder->phases[recorder->phase_count] = (struct record_phase){
		.vm = move->vm,
		.from = move->from,
		.to = move->to,
		.before = open->phase,
		.name = name,
		.start_ns = world->now_ns,
		.end_ns = world->now_ns,
	};
	open->phase = recorder->phase_count++;
}

void record_start(struct world *world, const struct move *move)
{
	struct record_open *open;

	if (!world->recorder)
		return;
	open = open_of(world->recorder, move);
	open->phase = open->track = NONE;
}

void record_memory_now(struct world *world, const struct move *move)
{
	struct recorder *recorder = world->recorder;
	struct record_open *open;

	record_stage(world, move);
	open = open_of(recorder, move);
	if (open->track == NONE)
		open->track = track_new(&recorder->memories, move->vm);
	sample(&recorder->memories.at[open->track], false,
	       (struct record_sample){ world->now_ns, precopy_remaining_bytes(&move->precopy),
	                               move->precopy.threshold_bytes });
}

void record_end(struct world *world, const struct move *move, enum outcome outcome)
{
	struct recorder *recorder = world->recorder;
	struct record_open *open;

	if (!recorder)
		return;
	record_stage(world, move);
	open = open_of(recorder, move);
	close_phase(world, open);
	for (uint32_t phase = open->phase; phase != NONE; phase = recorder->phases[phase].before)
		recorder->phases[phase].outcome = outcome;
	if (open->track != NONE)
		sample(&recorder->memories.at[open->track], true,
		       (struct record_sample){ world->now_ns, precopy_remaining_bytes(&move->precopy),
		                               move->precopy.threshold_bytes });
	recorder->stale = true;
}

/* ------------------------------------------------------------------ links */

/* A link that carries something for the first time gets a track. */
static void find_links(struct world *world)
{
	struct recorder *recorder = world->recorder;
	const struct links *links = &world->links;

	if (!recorder->link_track) {
		recorder->link_track = MEMORY_ARRAY(uint32_t, links->link_count);
		for (uint32_t i = 0; i < links->link_count; i++)
			recorder->link_track[i] = NONE;
	}
	for (uint32_t i = 0; i < links->flow_count; i++) {
		const struct flow *flow = &links->flows[i];

		if (!flow->in_use || flow->cap_bytes_s == 0)
			continue;
		for (uint32_t hop = 0; hop < flow->hop_count; hop++) {
			uint32_t link = links->hops[i * links->stride + hop].link;

			if (recorder->link_track[link] == NONE)
				recorder->link_track[link] = track_new(&recorder->links, link);
		}
	}
}

void record_links(struct world *world)
{
	struct recorder *recorder = world->recorder;

	if (!recorder)
		return;
	recorder->stale = false;
	find_links(world);
	for (uint32_t i = 0; i < recorder->links.count; i++) {
		struct record_track *track = &recorder->links.at[i];
		double used = links_used(&world->links, track->key);
		double capacity = world->links.links[track->key].capacity_bytes_s;
		const struct record_sample *last = track->count ? &track->samples[track->count - 1] : NULL;

		if (!last || last->first != used || last->second != capacity)
			sample(track, used == 0, (struct record_sample){ world->now_ns, used, capacity });
	}
}

/* ------------------------------------------------------------------ as text */

struct text {
	char *bytes;
	size_t length, room;
};

__attribute__((format(printf, 2, 3))) static void print(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	must(length >= 0);
	if (text->length + (size_t)length + 1 > text->room) {
		text->room = (text->length + (size_t)length + 1) * 2;
		text->bytes = memory_resize(text->bytes, text->room, 1);
	}
	va_start(arguments, format);
	vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
	va_end(arguments);
	text->length += (size_t)length;
}

/* A field of RFC 4180: quoted when it must be. */
static void print_name(struct text *text, const char *name)
{
	if (!strpbrk(name, ",\"\r\n")) {
		print(text, "%s", name);
		return;
	}
	print(text, "\"");
	for (; *name; name++)
		print(text, "%s%c", *name == '"' ? "\"" : "", *name);
	print(text, "\"");
}

static double in_seconds(int64_t time_ns)
{
	return (double)time_ns / 1e9;
}

static void print_timeline(struct text *text, const struct recorder *recorder, const struct cluster *cluster)
{
	print(text, "vm,from,to,phase,start_s,end_s,outcome\n");
	for (uint32_t i = 0; i < recorder->phase_count; i++) {
		const struct record_phase *phase = &recorder->phases[i];

		print_name(text, cluster->vms[phase->vm].name);
		print(text, ",");
		print_name(text, cluster->hosts[phase->from].name);
		print(text, ",");
		print_name(text, cluster->hosts[phase->to].name);
		print(text, ",%s,%.6f,%.6f,%s\n", phase->name, in_seconds(phase->start_ns),
		      in_seconds(phase->end_ns), outcome_words[phase->outcome]);
	}
}

static void print_remaining(struct text *text, const struct recorder *recorder, const struct cluster *cluster)
{
	print(text, "time_s,vm,remaining_mib,threshold_mib\n");
	for (uint32_t i = 0; i < recorder->memories.count; i++) {
		const struct record_track *track = &recorder->memories.at[i];

		for (uint32_t at = 0; at < track->count; at++) {
			const struct record_sample *of = &track->samples[at];

			print(text, "%.6f,", in_seconds(of->time_ns));
			print_name(text, cluster->vms[track->key].name);
			print(text, ",%.3f,%.3f\n", of->first / 1048576, of->second / 1048576);
		}
	}
}

static const char *link_name(const struct cluster *cluster, uint32_t link)
{
	if (link / 2 < cluster->host_count)
		return cluster->hosts[link / 2].name;
	return cluster->switches[link / 2 - cluster->host_count].name;
}

static void print_links(struct text *text, const struct recorder *recorder, const struct cluster *cluster)
{
	print(text, "time_s,link,direction,used_mbit_s,capacity_mbit_s\n");
	for (uint32_t i = 0; i < recorder->links.count; i++) {
		const struct record_track *track = &recorder->links.at[i];

		for (uint32_t at = 0; at < track->count; at++) {
			const struct record_sample *of = &track->samples[at];

			print(text, "%.6f,", in_seconds(of->time_ns));
			print_name(text, link_name(cluster, track->key));
			print(text, ",%s,%.3f,%.3f\n", track->key % 2 ? "down" : "up", of->first / 125000,
			      of->second / 125000);
		}
	}
}

char *recorder_csv(const struct recorder *recorder, const struct cluster *cluster, enum record_table table,
                   size_t *ret_length)
{
	struct text text = { 0 };

	switch (table) {
	case RECORD_TIMELINE:
		print_timeline(&text, recorder, cluster);
		break;
	case RECORD_REMAINING:
		print_remaining(&text, recorder, cluster);
		break;
	case RECORD_LINKS:
		print_links(&text, recorder, cluster);
		break;
	}
	*ret_length = text.length;
	return text.bytes;
}
