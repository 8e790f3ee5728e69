/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * drive CLUSTER VM TO ORDER…: has the driver of real hosts carry out single orders about one VM, and prints
 * the events that come. An order is a command's word, with "=NUMBER" for a downtime limit; its answer is
 * waited for, unless "&" stands behind. "sleep=SECONDS" and "join" (until all is answered) are orders too.
 * From the environment: DRIVE_POSTCOPY, DRIVE_MIB_S, DRIVE_LOOK_S, DRIVE_URI (the migration's).
 */
#include "core/must.h"
#include "core/state.h"
#include "real-driver/driver.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct drive {
	struct backend *backend;
	unsigned waiting; /* answers that have not come */
	int64_t begun_ns;
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void print_event(const struct drive *drive, const struct event *event)
{
	printf("%.2f %s", (double)(event->at_ns - drive->begun_ns) / 1e9, event_words[event->kind]);
	if (event->kind == EVENT_RETURNED)
		printf(" %s", command_words[event->call]);
	if (event->kind == EVENT_RETURNED || event->kind == EVENT_CHECKED)
		printf(" %s%s", event->ok ? "ok" : "no", event->lasting ? " lasting" : "");
	if (event->kind == EVENT_CHECKED)
		printf("%s%s", event->persistent ? " persistent" : "", event->running ? " running" : "");
	if (event->kind == EVENT_SEEN)
		printf(" %s%s%s %s%s%s", side_words[event->seen.source], event->seen.source_job ? "+job" : "",
		       event->seen.source_persistent ? "+persistent" : "", side_words[event->seen.target],
		       event->seen.target_job ? "+job" : "",
		       event->seen.target_persistent ? "+persistent" : "");
	if (event->kind == EVENT_STOCK)
		printf(" %s %" PRIu32, taking_words[event->verdict], event->change_count);
	if (event->progress.total_bytes > 0)
		printf(" %.1f s, %.0f of %.0f MiB left, round %" PRIu32 ", %.0f ms",
		       event->progress.elapsed_s, event->progress.remaining_bytes / 1048576,
		       event->progress.total_bytes / 1048576, event->progress.iterations,
		       event->progress.downtime_ms);
	printf("%s%s\n", event->why ? ": " : "", event->why ? event->why : "");
	fflush(stdout);
}

/* The command that an event answers; COMMAND_COUNT: none. */
static uint8_t answered(const struct event *event)
{
	switch (event->kind) {
	case EVENT_RETURNED:
		return event->call;
	case EVENT_CHECKED:
		return COMMAND_CHECK;
	case EVENT_SEEN:
		return COMMAND_LOOK;
	case EVENT_STOCK:
		return COMMAND_STOCK;
	default:
		return COMMAND_COUNT;
	}
}

/* Events until a time, until a command is answered, or (COMMAND_COUNT) until all are. */
static void listen_until(struct drive *drive, int64_t deadline_ns, uint8_t command)
{
	struct event event;
	uint8_t kind;

	while (command != COMMAND_COUNT || drive->waiting > 0 || deadline_ns != INT64_MAX) {
		drive->backend->wait(drive->backend, deadline_ns, &event);
		if (event.kind == EVENT_TIMER)
			return;
		print_event(drive, &event);
		kind = answered(&event);
		drive->waiting -= kind != COMMAND_COUNT;
		if (command != COMMAND_COUNT && kind == command)
			return;
	}
}

static uint8_t command_of(const char *word)
{
	for (uint8_t i = 0; command_words[i]; i++) {
		if (!strcmp(command_words[i], word))
			return i;
	}
	fprintf(stderr, "drive: no order %s\n", word);
	exit(1);
}

static void obey(struct drive *drive, char *order)
{
	char *number = strchr(order, '='), *background = strchr(order, '&');
	struct command command = { .kind = COMMAND_COUNT, .attempt = 1, .token = 1 };

	if (number)
		*number++ = '\0';
	if (background)
		*background = '\0';
	if (!strcmp(order, "sleep")) {
		listen_until(drive, now_ns() + (int64_t)(strtod(number ? number : "1", NULL) * 1e9),
		             COMMAND_COUNT);
		return;
	}
	if (strcmp(order, "join") != 0) {
		command.kind = command_of(order);
		command.move = command.kind == COMMAND_STOCK ? NONE : 0;
		command.number = number ? strtod(number, NULL) : 0;
		drive->backend->submit(drive->backend, &command);
		drive->waiting += command.kind != COMMAND_LIMIT;
	}
	if (!background && command.kind != COMMAND_LIMIT)
		listen_until(drive, INT64_MAX, command.kind);
}

static void read_cluster(const char *path, struct cluster *ret_cluster)
{
	static char text[1 << 20];
	FILE *file = fopen(path, "r");
	struct json_doc *doc;
	struct error error;
	size_t length;
	char *copy;

	must(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	copy = memory_take(length + 1);
	memcpy(copy, text, length + 1);
	if (json_doc_parse(&doc, path, copy, length, &error) ||
	    cluster_read(ret_cluster, doc, PROFILE_COUNT, &error)) {
		fprintf(stderr, "drive: %s\n", error.text);
		exit(1);
	}
	json_doc_free(doc);
}

static double setting(const char *name, double otherwise)
{
	const char *text = getenv(name);

	return text ? strtod(text, NULL) : otherwise;
}

int main(int argc, char **argv)
{
	struct cluster cluster;
	struct plan_move move;
	struct plan plan = { .moves = &move, .move_count = 1 };
	struct timing timing = { .bandwidth_bytes_s = setting("DRIVE_MIB_S", INFINITY) * 1048576,
		                 .post_copy = setting("DRIVE_POSTCOPY", 0) != 0 };
	struct driver_options options = { .timings = &timing, .look_s = setting("DRIVE_LOOK_S", 0) };
	struct drive drive = { .begun_ns = now_ns() };
	const char **uris;

	must(argc > 4);
	read_cluster(argv[1], &cluster);
	move = (struct plan_move){ .vm = cluster_vm(&cluster, argv[2]),
		                   .to = cluster_host(&cluster, argv[3]) };
	must(move.vm != NONE && move.to != NONE);
	move.from = cluster.vms[move.vm].host;
	uris = MEMORY_ARRAY(const char *, cluster.host_count);
	uris[move.to] = getenv("DRIVE_URI");
	options.migration_uris = uris;
	drive.backend = driver_open(&cluster, &plan, &options);
	driver_settle(drive.backend, 10);
	for (int i = 4; i < argc; i++)
		obey(&drive, argv[i]);
	drive.backend->close(drive.backend);
	free(uris);
	cluster_free(&cluster);
	return 0;
}
