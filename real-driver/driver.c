/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/driver.h"

#include "core/must.h"
#include "real-driver/driver_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double poll_s = 0.5, look_s = DRIVER_LOOK_S, reach_s = 10, stop_s = 120, grace_s = 3;

/* What does each command, and the event that answers it. */
static const struct {
	void (*run)(struct task *task, struct answer *answer);
	uint8_t answer;
} rows[] = {
	[COMMAND_STOCK] = { task_stock, EVENT_STOCK },
	[COMMAND_CHECK] = { task_check, EVENT_CHECKED },
	[COMMAND_START] = { task_start, EVENT_RETURNED },
	[COMMAND_WATCH] = { task_watch, EVENT_RETURNED },
	[COMMAND_LIMIT] = { NULL, EVENT_COUNT },
	[COMMAND_POSTCOPY] = { task_postcopy, EVENT_RETURNED },
	[COMMAND_CANCEL] = { task_cancel, EVENT_RETURNED },
	[COMMAND_LOOK] = { task_look, EVENT_SEEN },
	[COMMAND_RECOVER] = { task_recover, EVENT_RETURNED },
	[COMMAND_RESUME_SOURCE] = { task_resume_source, EVENT_RETURNED },
	[COMMAND_DESTROY_SOURCE] = { task_destroy_source, EVENT_RETURNED },
	[COMMAND_DESTROY_TARGET] = { task_destroy_target, EVENT_RETURNED },
	[COMMAND_PERSIST_TARGET] = { task_persist_target, EVENT_RETURNED },
	[COMMAND_UNDEFINE_SOURCE] = { task_undefine_source, EVENT_RETURNED },
	[COMMAND_STOP] = { task_stop, EVENT_RETURNED },
	[COMMAND_CARRY] = { task_carry, EVENT_RETURNED },
	[COMMAND_BOOT_TARGET] = { task_boot_target, EVENT_RETURNED },
	[COMMAND_BOOT_SOURCE] = { task_boot_source, EVENT_RETURNED },
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == COMMAND_COUNT, "a row a command");

/* ------------------------------------------------------------------ events */

static int64_t now_ns(const struct driver *driver)
{
	return clock_ns() + driver->offset_ns;
}

static void answer_free(struct answer *answer)
{
	if (answer)
		free(answer->changes);
	free(answer);
}

void driver_post(struct driver *driver, const struct answer *answer)
{
	struct answer *filed = memory_take(sizeof(*filed));

	*filed = *answer;
	filed->next = NULL;
	filed->event.why = filed->why[0] ? filed->why : NULL;
	filed->event.changes = filed->changes;
	pthread_mutex_lock(&driver->lock);
	filed->event.at_ns = now_ns(driver);
	if (driver->last)
		driver->last->next = filed;
	else
		driver->first = filed;
	driver->last = filed;
	pthread_cond_broadcast(&driver->changed);
	pthread_mutex_unlock(&driver->lock);
}

static void driver_wait(struct backend *backend, int64_t deadline_ns, struct event *ret_event)
{
	struct driver *driver = (struct driver *)backend;
	struct timespec deadline = { 0 };

	if (deadline_ns != INT64_MAX && deadline_ns > driver->offset_ns)
		deadline = clock_timespec(deadline_ns - driver->offset_ns);
	pthread_mutex_lock(&driver->lock);
	answer_free(driver->held);
	driver->held = NULL;
	while (!driver->first && (deadline_ns == INT64_MAX || now_ns(driver) < deadline_ns)) {
		if (deadline_ns == INT64_MAX)
			pthread_cond_wait(&driver->changed, &driver->lock);
		else
			pthread_cond_timedwait(&driver->changed, &driver->lock, &deadline);
	}
	if (driver->first) {
		driver->held = driver->first;
		driver->first = driver->held->next;
		if (!driver->first)
			driver->last = NULL;
		*ret_event = driver->held->event;
	} else {
		*ret_event = (struct event){ .kind = EVENT_TIMER, .move = NONE, .at_ns = now_ns(driver) };
	}
	pthread_mutex_unlock(&driver->lock);
}

void driver_abort(struct backend *backend)
{
	struct answer answer = { .event = { .kind = EVENT_ABORT, .move = NONE } };

	driver_post((struct driver *)backend, &answer);
}

/* ------------------------------------------------------------------ threads */

static void driver_drop(struct driver *driver)
{
	uint32_t left;

	pthread_mutex_lock(&driver->lock);
	left = --driver->references;
	pthread_mutex_unlock(&driver->lock);
	if (left)
		return;
	hosts_free(driver->hosts);
	while (driver->first) {
		struct answer *next = driver->first->next;

		answer_free(driver->first);
		driver->first = next;
	}
	answer_free(driver->held);
	pthread_mutex_destroy(&driver->lock);
	pthread_cond_destroy(&driver->changed);
	arena_free(&driver->arena);
	free(driver);
}

bool driver_thread(struct driver *driver, void *(*run)(void *), void *argument)
{
	pthread_t thread;
	bool started;

	pthread_mutex_lock(&driver->lock);
	driver->threads++;
	driver->references++;
	pthread_mutex_unlock(&driver->lock);
	started = pthread_create(&thread, NULL, run, argument) == 0;
	if (started)
		pthread_detach(thread);
	else
		driver_thread_ends(driver);
	return started;
}

void driver_thread_ends(struct driver *driver)
{
	pthread_mutex_lock(&driver->lock);
	driver->threads--;
	pthread_cond_broadcast(&driver->changed);
	pthread_mutex_unlock(&driver->lock);
	driver_drop(driver);
}

bool driver_nap(struct driver *driver, double seconds)
{
	struct timespec deadline = clock_deadline(seconds);
	bool closing;

	pthread_mutex_lock(&driver->lock);
	while (!driver->closing && !pthread_cond_timedwait(&driver->changed, &driver->lock, &deadline))
		;
	closing = driver->closing;
	pthread_mutex_unlock(&driver->lock);
	return !closing;
}

bool driver_closing(struct driver *driver)
{
	bool closing;

	pthread_mutex_lock(&driver->lock);
	closing = driver->closing;
	pthread_mutex_unlock(&driver->lock);
	return closing;
}

/* ------------------------------------------------------------------ words */

int driver_error(struct driver *driver, uint32_t host, char *ret_why)
{
	char text[300];
	int code = libvirt_error(driver->calls, text, sizeof(text));

	snprintf(ret_why, DRIVER_WHY_ROOM, "%s: %s", driver->host_names[host], text);
	return code;
}

void answer_no(struct answer *answer, bool lasting, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(answer->why, sizeof(answer->why), format, arguments);
	va_end(arguments);
	answer->event.ok = false;
	answer->event.lasting = lasting;
}

int answer_error(struct driver *driver, uint32_t host, struct answer *answer)
{
	int code = driver_error(driver, host, answer->why);

	answer->event.lasting = libvirt_error_lasts(code);
	answer->event.ok = false;
	return code;
}

/* ------------------------------------------------------------------ commands */

static void task_free(struct task *task)
{
	struct driver *driver = task->driver;

	if (!task->tracked) {
		pthread_mutex_lock(&driver->lock);
		driver->borrowers--;
		pthread_cond_broadcast(&driver->changed);
		pthread_mutex_unlock(&driver->lock);
	}
	free(task->beliefs);
	free(task);
}

static void *task_run(void *argument)
{
	struct task *task = argument;
	struct driver *driver = task->driver;
	struct answer answer = { .event = { .kind = rows[task->command.kind].answer,
		                            .move = task->command.move,
		                            .attempt = task->command.attempt,
		                            .token = task->command.token,
		                            .call = task->command.kind } };

	rows[task->command.kind].run(task, &answer);
	driver_post(driver, &answer);
	task_free(task);
	driver_thread_ends(driver);
	return NULL;
}

static void no_thread(struct task *task)
{
	struct answer answer = { .event = { .kind = rows[task->command.kind].answer,
		                            .move = task->command.move,
		                            .attempt = task->command.attempt,
		                            .token = task->command.token,
		                            .call = task->command.kind,
		                            .verdict = TAKING_UNKNOWN } };

	answer_no(&answer, false, "this machine has no more threads");
	driver_post(task->driver, &answer);
	task_free(task);
}

/* From these on, what happens to the VM is an event; a look may be the first of a driver that came back. */
static bool begins(uint8_t kind)
{
	return kind == COMMAND_START || kind == COMMAND_WATCH || kind == COMMAND_RECOVER ||
	       kind == COMMAND_STOP || kind == COMMAND_LOOK;
}

/* What events need to know of a command before they come. */
static void track(struct driver *driver, const struct command *command)
{
	struct tracked *tracked = &driver->moves[command->move];

	pthread_mutex_lock(&driver->lock);
	if (tracked->attempt != command->attempt)
		tracked->doing = (struct doing){ 0 };
	tracked->attempt = command->attempt;
	driver->latest[tracked->vm] = command->move;
	tracked->doing.begun = tracked->doing.begun || begins(command->kind);
	if (command->kind == COMMAND_STOP || command->kind == COMMAND_BOOT_SOURCE)
		tracked->doing.stopping = command->kind == COMMAND_STOP;
	tracked->doing.ending_source = tracked->doing.ending_source ||
	                               command->kind == COMMAND_DESTROY_SOURCE;
	tracked->doing.ending_target = tracked->doing.ending_target ||
	                               command->kind == COMMAND_DESTROY_TARGET;
	if (command->kind == COMMAND_LIMIT || (command->kind == COMMAND_START && command->number > 0)) {
		tracked->doing.limit_ms = fmax(1, command->number);
		tracked->doing.news = true;
		pthread_cond_broadcast(&driver->changed);
	}
	pthread_mutex_unlock(&driver->lock);
}

static void believe(struct task *task)
{
	struct driver *driver = task->driver;
	const struct cluster *cluster = driver->cluster;

	task->beliefs = MEMORY_ARRAY(struct driver_belief, cluster->vm_count + 1);
	if (driver->options.believed) {
		driver->options.believed(driver->options.context, task->beliefs);
		return;
	}
	for (uint32_t i = 0; i < cluster->vm_count; i++)
		task->beliefs[i] = (struct driver_belief){ cluster->vms[i].host, cluster->vms[i].state };
}

static void driver_submit(struct backend *backend, const struct command *command)
{
	struct driver *driver = (struct driver *)backend;
	struct task *task;

	must(command->kind < COMMAND_COUNT);
	if (command->kind != COMMAND_STOCK) {
		must(command->move < driver->plan_moves);
		track(driver, command);
	}
	if (command->kind == COMMAND_LIMIT)
		return;
	task = MEMORY_ARRAY(struct task, 1);
	task->driver = driver;
	task->command = *command;
	if (command->kind == COMMAND_STOCK) {
		believe(task);
		pthread_mutex_lock(&driver->lock);
		driver->borrowers++;
		pthread_mutex_unlock(&driver->lock);
	} else {
		task->tracked = &driver->moves[command->move];
	}
	if (!driver_thread(driver, task_run, task))
		no_thread(task);
}

static void driver_close(struct backend *backend)
{
	struct driver *driver = (struct driver *)backend;
	struct timespec deadline = clock_deadline(driver->options.grace_s);

	pthread_mutex_lock(&driver->lock);
	driver->closing = true;
	pthread_cond_broadcast(&driver->changed);
	while (driver->threads && !pthread_cond_timedwait(&driver->changed, &driver->lock, &deadline))
		;
	while (driver->borrowers)
		pthread_cond_wait(&driver->changed, &driver->lock);
	pthread_mutex_unlock(&driver->lock);
	hosts_stop(driver->hosts);
	driver_drop(driver);
}

void driver_settle(struct backend *backend, double timeout_s)
{
	hosts_settle(((struct driver *)backend)->hosts, timeout_s);
}

static double or_else(double seconds, double otherwise)
{
	return seconds > 0 ? seconds : otherwise;
}

static const char *copy(struct driver *driver, const char *text)
{
	return text ? arena_text(&driver->arena, text, strlen(text)) : NULL;
}

static const char **copies(struct driver *driver, const char *const *texts, uint32_t count)
{
	const char **copied = ARENA_ARRAY(&driver->arena, const char *, count + 1);

	for (uint32_t i = 0; texts && i < count; i++)
		copied[i] = copy(driver, texts[i]);
	return copied;
}

static void copy_hosts(struct driver *driver, const struct driver_options *options)
{
	const struct cluster *cluster = driver->cluster;

	driver->host_names = ARENA_ARRAY(&driver->arena, const char *, cluster->host_count + 1);
	driver->uris = ARENA_ARRAY(&driver->arena, const char *, cluster->host_count + 1);
	driver->host_count = cluster->host_count;
	for (uint32_t i = 0; i < cluster->host_count; i++) {
		driver->host_names[i] = copy(driver, cluster->hosts[i].name);
		driver->uris[i] = copy(driver, cluster->hosts[i].uri);
	}
	driver->options.migration_uris = copies(driver, options->migration_uris, cluster->host_count);
	driver->options.shared.at = copies(driver, options->shared.at, options->shared.count);
}

static void copy_moves(struct driver *driver, const struct driver_options *options)
{
	const struct plan *plan = driver->plan;

	driver->plan_moves = plan->move_count;
	driver->moves = ARENA_ARRAY(&driver->arena, struct tracked, plan->move_count + 1);
	driver->latest = ARENA_ARRAY(&driver->arena, uint32_t, driver->cluster->vm_count + 1);
	for (uint32_t i = 0; i < driver->cluster->vm_count; i++)
		driver->latest[i] = NONE;
	for (uint32_t i = 0; i < plan->move_count; i++) {
		const struct vm *vm = &driver->cluster->vms[plan->moves[i].vm];
		struct tracked *tracked = &driver->moves[i];

		tracked->vm = plan->moves[i].vm;
		tracked->from = plan->moves[i].from;
		tracked->to = plan->moves[i].to;
		tracked->overcommitted = driver->cluster->hosts[tracked->to].memory_ratio > RATIO_ONE;
		tracked->timing = options->timings[i];
		tracked->who.name = copy(driver, vm->name);
		tracked->who.has_uuid = vm->id && uuid_parse(vm->id, tracked->who.uuid);
	}
}

struct backend *driver_open(const struct cluster *cluster, const struct plan *plan,
                            const struct driver_options *options)
{
	struct driver *driver = MEMORY_ARRAY(struct driver, 1);

	driver->backend = (struct backend){ driver_submit, driver_wait, driver_close };
	driver->options = *options;
	driver->options.poll_s = or_else(options->poll_s, poll_s);
	driver->options.look_s = or_else(options->look_s, look_s);
	driver->options.reach_s = or_else(options->reach_s, reach_s);
	driver->options.stop_s = or_else(options->stop_s, stop_s);
	driver->options.grace_s = or_else(options->grace_s, grace_s);
	driver->calls = options->calls ? options->calls : &libvirt_calls_real;
	driver->cluster = cluster;
	driver->plan = plan;
	driver->references = 1;
	driver->offset_ns = clock_offset_ns();
	copy_hosts(driver, options);
	copy_moves(driver, options);
	pthread_mutex_init(&driver->lock, NULL);
	clock_condition(&driver->changed);
	driver->hosts = hosts_open(driver->calls, driver->uris, cluster->host_count,
	                           &(struct host_listener){ driver, events_lifecycle, events_iteration,
	                                                    events_lost, events_back });
	return &driver->backend;
}
