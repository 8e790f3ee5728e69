/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/live.h"

#include "core/arena.h"
#include "real-driver/driver.h"
#include "system/monotonic.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Seconds between two looks; for which the first contact with all hosts is waited; for one look at most. */
enum { LOOK_EVERY_S = 5, SETTLE_S = 10, LOOK_MOST_S = 60 };

struct live {
	struct site *site;
	struct board *board;
	struct runs *runs;
	struct news *news;
	struct plan plan; /* with nothing in it: the driver is only asked what is there */
	struct backend *backend;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool over;
	char wrong[LIVE_WRONG_ROOM];
};

/* What the site believes, so that only what is otherwise comes back. */
static void believed(void *context, struct driver_belief *ret_beliefs)
{
	const struct live *live = context;

	site_look(live->site);
	for (uint32_t vm = 0; vm < live->site->cluster.vm_count; vm++)
		ret_beliefs[vm] = (struct driver_belief){ live->site->state.vm_host[vm],
			                                  live->site->state.vm_state[vm] };
	site_look_away(live->site);
}

static void set_wrong(struct live *live, const char *what, const char *why)
{
	char text[LIVE_WRONG_ROOM];
	bool other;

	snprintf(text, sizeof(text), "%s%s", what, why);
	pthread_mutex_lock(&live->lock);
	other = strcmp(text, live->wrong) != 0;
	memcpy(live->wrong, text, sizeof(text));
	pthread_mutex_unlock(&live->lock);
	if (other)
		news_tell(live->news, "site", json_object_new());
}

/* Takes over what is otherwise. */
static void take(struct live *live, const struct event *event)
{
	struct site_change *changes = MEMORY_ARRAY(struct site_change, 2 * event->change_count + 1);
	const char *twice = NULL;
	struct error error;
	uint64_t revision = live->site->revision;
	uint32_t count = 0;

	for (uint32_t i = 0; i < event->change_count; i++) {
		const struct stock_change *change = &event->changes[i];

		if (change->twice) {
			twice = live->site->cluster.vms[change->vm].name;
			continue;
		}
		changes[count++] = (struct site_change){ SITE_VM_HOST, change->vm, change->host };
		if (change->host != NONE)
			changes[count++] = (struct site_change){ SITE_VM_STATE, change->vm, change->state };
	}
	if (site_change(live->site, changes, count, &error))
		fprintf(stderr, "lockkeeper: warning: %s\n", error.text);
	free(changes);
	if (twice)
		set_wrong(live, twice, " runs on two hosts at once: a person must look");
	else
		set_wrong(live, "", event->verdict == TAKING_UNKNOWN && event->why ? event->why : "");
	if (live->site->revision == revision)
		return;
	news_tell(live->news, "site", json_object_new());
	/* While moves are under way everything is otherwise in a moment: verdicts are found when they end. */
	if (!runs_are_going(live->runs))
		board_renew(live->board);
}

/* One look at all hosts. */
static void look(struct live *live, uint32_t token)
{
	struct command command = { .kind = COMMAND_STOCK, .move = NONE, .token = token };
	struct timespec now;
	int64_t deadline_ns;
	struct event event;

	clock_gettime(CLOCK_REALTIME, &now);
	deadline_ns = ((int64_t)now.tv_sec + LOOK_MOST_S) * 1000000000;
	live->backend->submit(live->backend, &command);
	do {
		live->backend->wait(live->backend, deadline_ns, &event);
		if (event.kind == EVENT_STOCK && event.token == token) {
			take(live, &event);
			return;
		}
	} while (event.kind != EVENT_TIMER);
	set_wrong(live, "", "the hosts could not be asked");
}

static void *live_main(void *context)
{
	struct live *live = context;
	bool over = false;

	driver_settle(live->backend, SETTLE_S);
	for (uint32_t token = 1; !over; token++) {
		look(live, token);
		pthread_mutex_lock(&live->lock);
		if (!live->over)
			monotonic_wait(&live->wake, &live->lock, LOOK_EVERY_S);
		over = live->over;
		pthread_mutex_unlock(&live->lock);
	}
	return NULL;
}

struct live *live_open(struct site *site, struct board *board, struct runs *runs, struct news *news)
{
	struct live *live = MEMORY_ARRAY(struct live, 1);
	struct driver_options options = {
		.strangers = true, .every_host = true, .context = live, .believed = believed
	};

	live->site = site;
	live->board = board;
	live->runs = runs;
	live->news = news;
	pthread_mutex_init(&live->lock, NULL);
	monotonic_condition(&live->wake);
	live->backend = driver_open(&site->cluster, &live->plan, &options);
	live->has_thread = pthread_create(&live->thread, NULL, live_main, live) == 0;
	return live;
}

void live_end(struct live *live)
{
	if (!live)
		return;
	pthread_mutex_lock(&live->lock);
	live->over = true;
	pthread_cond_signal(&live->wake);
	pthread_mutex_unlock(&live->lock);
	if (live->has_thread)
		pthread_join(live->thread, NULL);
	live->backend->close(live->backend);
}

void live_free(struct live *live)
{
	if (!live)
		return;
	pthread_cond_destroy(&live->wake);
	pthread_mutex_destroy(&live->lock);
	free(live);
}

void live_wrong(struct live *live, char ret_wrong[LIVE_WRONG_ROOM])
{
	pthread_mutex_lock(&live->lock);
	memcpy(ret_wrong, live->wrong, LIVE_WRONG_ROOM);
	pthread_mutex_unlock(&live->lock);
}
