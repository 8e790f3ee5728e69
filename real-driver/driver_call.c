/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/driver_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each more doubles the calls that libvirt may have to refuse before one is right. */
enum { UNSAID_MOST = 6 };

/* ------------------------------------------------------------------ looking on */

/* The thread that looks at a migration while another one waits for the call to return. */
struct looker {
	struct task *task;
	virDomainPtr domain;
	pthread_t thread;
	bool runs, ends;
};

/* Waits until there is news, or for the pause between two looks; false: no more looking. */
static bool looker_wait(struct looker *looker)
{
	struct driver *driver = looker->task->driver;
	struct doing *doing = &looker->task->tracked->doing;
	struct timespec deadline = clock_deadline(driver->options.poll_s);
	bool goes_on;

	pthread_mutex_lock(&driver->lock);
	while (!looker->ends && !driver->closing && !doing->news) {
		if (pthread_cond_timedwait(&driver->changed, &driver->lock, &deadline))
			break;
	}
	goes_on = !looker->ends && !driver->closing;
	doing->news = false;
	pthread_mutex_unlock(&driver->lock);
	return goes_on;
}

/* The limit that is wanted; some refuse it before there is a migration, then it is wanted still. */
static void bring_limit(struct task *task, virDomainPtr domain)
{
	struct driver *driver = task->driver;
	struct doing *doing = &task->tracked->doing;
	double limit_ms;

	pthread_mutex_lock(&driver->lock);
	limit_ms = doing->limit_ms;
	doing->limit_ms = 0;
	pthread_mutex_unlock(&driver->lock);
	if (!(limit_ms > 0) || driver->calls->virDomainMigrateSetMaxDowntime(
				       domain, (unsigned long long)round(limit_ms), 0) == 0)
		return;
	pthread_mutex_lock(&driver->lock);
	/* Unless there is a newer one. */
	if (!(doing->limit_ms > 0))
		doing->limit_ms = limit_ms;
	pthread_mutex_unlock(&driver->lock);
}

static void post_progress(struct task *task, const struct progress *progress)
{
	struct answer answer = { .event = { .kind = EVENT_PROGRESS,
		                            .move = task->command.move,
		                            .attempt = task->command.attempt,
		                            .progress = *progress } };

	driver_post(task->driver, &answer);
}

static void *looker_run(void *argument)
{
	struct looker *looker = argument;
	struct driver *driver = looker->task->driver;

	while (looker_wait(looker)) {
		struct progress progress;

		if (place_job(driver, looker->domain, 0, &progress) != JOB_MIGRATION)
			continue;
		bring_limit(looker->task, looker->domain);
		/* Before the first byte there is nothing to tell. */
		if (progress.total_bytes > 0)
			post_progress(looker->task, &progress);
	}
	return NULL;
}

static void looker_start(struct looker *looker)
{
	looker->runs = pthread_create(&looker->thread, NULL, looker_run, looker) == 0;
}

static void looker_end(struct looker *looker)
{
	struct driver *driver = looker->task->driver;

	pthread_mutex_lock(&driver->lock);
	looker->ends = true;
	pthread_cond_broadcast(&driver->changed);
	pthread_mutex_unlock(&driver->lock);
	if (looker->runs)
		pthread_join(looker->thread, NULL);
}

/* The statistics of a job that is over: the target's, else the source's, whichever has kept them. */
static void completed(struct task *task, struct answer *answer)
{
	const unsigned flags = VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED;
	const uint32_t hosts[] = { task->tracked->to, task->tracked->from };

	for (int i = 0; i < 2; i++) {
		char why[DRIVER_WHY_ROOM];
		struct progress progress = { 0 };
		struct place place;

		if (place_open(task->driver, hosts[i], &task->tracked->who, 0, &place, why) ==
		            PRESENCE_THERE &&
		    place_job(task->driver, place.domain, flags, &progress) == JOB_DONE)
			answer->event.progress = progress;
		place_close(task->driver, &place);
		if (answer->event.progress.total_bytes > 0)
			return;
	}
}

/* ------------------------------------------------------------------ the call */

struct call {
	virTypedParameterPtr parameters;
	int count, room;
	unsigned flags;
};

/* Whether a disk is copied; `copied` has a bit for each whose share could not be told, in their order. */
static bool is_copied(const struct disk *disk, uint32_t copied, uint32_t *unsaid)
{
	return disk->local && (!disk->unsaid || copied >> (*unsaid)++ & 1);
}

static void add_disks(const struct libvirt_calls *calls, struct call *call, const struct disks *disks,
                      uint32_t copied)
{
	uint32_t unsaid = 0;

	/* Named, lest it copies those of the network too. */
	for (uint32_t i = 0; i < disks->count; i++) {
		if (!is_copied(&disks->at[i], copied, &unsaid))
			continue;
		call->flags |= VIR_MIGRATE_NON_SHARED_DISK;
		calls->virTypedParamsAddString(&call->parameters, &call->count, &call->room,
		                               VIR_MIGRATE_PARAM_MIGRATE_DISKS, disks->at[i].target);
	}
}

static void call_free(struct driver *driver, struct call *call)
{
	driver->calls->virTypedParamsFree(call->parameters, call->count);
}

/* What is common to all ways to migrate. Never VIR_MIGRATE_UNDEFINE_SOURCE: that is decided later. */
static struct call call_make(const struct task *task, unsigned flags)
{
	struct driver *driver = task->driver;
	const struct timing *timing = &task->tracked->timing;
	const char *uri = driver->options.migration_uris[task->tracked->to];
	struct call call = { .flags = flags | VIR_MIGRATE_PEER2PEER };

	if (flags & VIR_MIGRATE_OFFLINE)
		return call;
	call.flags |= VIR_MIGRATE_LIVE;
	if (timing->auto_converge)
		call.flags |= VIR_MIGRATE_AUTO_CONVERGE;
	if (timing->post_copy)
		call.flags |= VIR_MIGRATE_POSTCOPY;
	if (driver->options.tls)
		call.flags |= VIR_MIGRATE_TLS;
	if (uri)
		driver->calls->virTypedParamsAddString(&call.parameters, &call.count, &call.room,
		                                       VIR_MIGRATE_PARAM_URI, uri);
	if (isfinite(timing->bandwidth_bytes_s) && timing->bandwidth_bytes_s > 0)
		driver->calls->virTypedParamsAddULLong(
			&call.parameters, &call.count, &call.room, VIR_MIGRATE_PARAM_BANDWIDTH,
			(unsigned long long)fmax(1, round(timing->bandwidth_bytes_s / MIB)));
	return call;
}

static bool read_disks(struct task *task, const struct place *place, struct arena *arena,
                       struct disks *ret_disks, struct answer *answer)
{
	struct driver *driver = task->driver;
	char *text = driver->calls->virDomainGetXMLDesc(place->domain, 0);
	struct xml *xml = text ? xml_parse(text) : NULL;

	if (!text)
		answer_error(driver, task->tracked->from, answer);
	else if (!xml)
		answer_no(answer, true, "%s: the definition of %s is no XML",
		          driver->host_names[task->tracked->from], task->tracked->who.name);
	else
		*ret_disks = disks_read(driver->calls, place->connection, xml, &driver->options.shared,
		                        arena);
	xml_free(xml);
	free(text);
	return xml != NULL;
}

/* Calls and waits, with somebody looking on; returns the code of libvirt's error, VIR_ERR_OK: none. */
static int migrate(struct task *task, const struct place *place, const struct call *call,
                   struct answer *answer)
{
	struct driver *driver = task->driver;
	struct looker looker = { .task = task, .domain = place->domain };
	int result, code = VIR_ERR_OK;

	bring_limit(task, place->domain);
	looker_start(&looker);
	result = driver->calls->virDomainMigrateToURI3(place->domain, driver->uris[task->tracked->to],
	                                               call->parameters, (unsigned)call->count, call->flags);
	/* Before the looker's thread ends, this thread's error may not be read by another call. */
	if (result < 0) {
		code = answer_error(driver, task->tracked->from, answer);
	} else {
		answer->event.ok = true;
		answer->why[0] = '\0';
	}
	looker_end(&looker);
	if (answer->event.ok)
		completed(task, answer);
	return code;
}

/* Where a migration begins: the VM at its source. False: the answer says why not. */
static bool at_source(struct task *task, struct place *ret_place, struct answer *answer)
{
	enum presence presence = place_open(task->driver, task->tracked->from, &task->tracked->who,
	                                    task->driver->options.reach_s, ret_place, answer->why);

	answer->event.ok = false;
	answer->event.lasting = presence == PRESENCE_ABSENT;
	if (presence == PRESENCE_THERE && !task->driver->uris[task->tracked->to]) {
		answer_no(answer, true, "%s: the cluster file gives it no uri",
		          task->driver->host_names[task->tracked->to]);
		return false;
	}
	return presence == PRESENCE_THERE;
}

static bool start_copying(struct task *task, const struct place *place, const struct disks *disks,
                          uint32_t copied, struct answer *answer)
{
	struct driver *driver = task->driver;
	bool persistent = driver->calls->virDomainIsPersistent(place->domain) == 1;
	struct call call = call_make(task, persistent ? VIR_MIGRATE_PERSIST_DEST : 0);
	int code;

	add_disks(driver->calls, &call, disks, copied);
	code = migrate(task, place, &call, answer);
	call_free(driver, &call);
	return code == VIR_ERR_MIGRATE_UNSAFE;
}

/*
 * A file that all hosts share, unknown to us, must not be copied: onto itself, with old data over new (seen
 * in the lab, on a share without locks; QEMU's locks prevent it on others). libvirt knows a share by its file
 * system, and refuses to leave a disk behind that is on none before anything has begun. So it is asked for
 * the fewest copies first: what it then takes has copies of the host's own disks alone.
 */
static void start_with_fewest(struct task *task, const struct place *place, const struct disks *disks,
                              struct answer *answer)
{
	uint32_t unsaid = 0;

	for (uint32_t i = 0; i < disks->count; i++)
		unsaid += disks->at[i].local && disks->at[i].unsaid;
	if (unsaid > UNSAID_MOST) {
		answer_no(answer, true,
		          "%s: %s has %u disks of which it cannot be told whether hosts share them, at most "
		          "%d are taken (--shared names shares)",
		          task->driver->host_names[task->tracked->from], task->tracked->who.name, unsaid,
		          UNSAID_MOST);
		return;
	}
	for (uint32_t copies = 0; copies <= unsaid; copies++) {
		for (uint32_t copied = 0; copied < 1u << unsaid; copied++) {
			if ((uint32_t)__builtin_popcount(copied) == copies &&
			    (driver_closing(task->driver) ||
			     !start_copying(task, place, disks, copied, answer)))
				return;
		}
	}
}

void task_start(struct task *task, struct answer *answer)
{
	struct driver *driver = task->driver;
	struct arena arena = { 0 };
	struct disks disks;
	struct place place;

	if (at_source(task, &place, answer) && read_disks(task, &place, &arena, &disks, answer))
		start_with_fewest(task, &place, &disks, answer);
	place_close(driver, &place);
	arena_free(&arena);
}

void task_recover(struct task *task, struct answer *answer)
{
	struct place place;

	if (at_source(task, &place, answer)) {
		bool persistent = task->driver->calls->virDomainIsPersistent(place.domain) == 1;
		struct call call = call_make(task, VIR_MIGRATE_POSTCOPY | VIR_MIGRATE_POSTCOPY_RESUME |
		                                           (persistent ? VIR_MIGRATE_PERSIST_DEST : 0));

		migrate(task, &place, &call, answer);
		call_free(task->driver, &call);
	}
	place_close(task->driver, &place);
}

void task_carry(struct task *task, struct answer *answer)
{
	struct driver *driver = task->driver;
	struct arena arena = { 0 };
	struct disks disks;
	struct place place;

	if (!at_source(task, &place, answer) || !read_disks(task, &place, &arena, &disks, answer))
		goto out;
	if (place_active(&place)) {
		answer_no(answer, false, "%s: %s is not shut off", driver->host_names[task->tracked->from],
		          task->tracked->who.name);
	} else if (disks.local) {
		answer_no(answer, true,
		          "%s: %s has disks of its host's own, which libvirt does not copy cold",
		          driver->host_names[task->tracked->from], task->tracked->who.name);
	} else {
		struct call call = call_make(task, VIR_MIGRATE_OFFLINE | VIR_MIGRATE_PERSIST_DEST);

		if (driver->calls->virDomainMigrateToURI3(place.domain, driver->uris[task->tracked->to],
		                                          call.parameters, (unsigned)call.count,
		                                          call.flags) < 0)
			answer_error(driver, task->tracked->from, answer);
		else
			answer->event.ok = true;
		call_free(driver, &call);
	}
out:
	place_close(driver, &place);
	arena_free(&arena);
}

/* ------------------------------------------------------------------ one that is under way already */

/* What became of a migration that nobody here has called for. */
static void watch_ended(struct task *task, const struct place *place, enum presence presence,
                        struct answer *answer)
{
	answer->event.ok = presence == PRESENCE_ABSENT || !place_active(place);
	answer->why[0] = '\0';
	if (answer->event.ok)
		return;
	if (place->state == VIR_DOMAIN_PAUSED && place->reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED)
		answer_no(answer, false, "%s: the post-copy of %s broke off",
		          task->driver->host_names[task->tracked->from], task->tracked->who.name);
	else
		answer_no(answer, false, "%s: no migration of %s is under way, and it is still there",
		          task->driver->host_names[task->tracked->from], task->tracked->who.name);
}

/* Whether the migration is over, as one look says; a host that does not answer says nothing. */
static bool watch_once(struct task *task, struct answer *answer)
{
	struct driver *driver = task->driver;
	struct progress progress = { 0 };
	struct place place;
	enum presence presence = place_open(driver, task->tracked->from, &task->tracked->who,
	                                    driver->options.poll_s, &place, answer->why);
	bool broken = place.state == VIR_DOMAIN_PAUSED && place.reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED;
	enum job job = JOB_NONE;
	bool over;

	if (presence == PRESENCE_THERE && place_active(&place) && !broken) {
		bring_limit(task, place.domain);
		job = place_job(driver, place.domain, 0, &progress);
	}
	if (job == JOB_MIGRATION && progress.total_bytes > 0)
		post_progress(task, &progress);
	/* One that does not say is asked again: its state tells then. */
	over = presence != PRESENCE_SILENT && (job == JOB_NONE || job == JOB_OTHER || job == JOB_DONE);
	if (over)
		watch_ended(task, &place, presence, answer);
	place_close(driver, &place);
	return over;
}

void task_watch(struct task *task, struct answer *answer)
{
	struct looker as = { .task = task };

	while (!watch_once(task, answer)) {
		if (!looker_wait(&as))
			break;
	}
	if (answer->event.ok)
		completed(task, answer);
}

/* ------------------------------------------------------------------ orders to one that is under way */

void task_postcopy(struct task *task, struct answer *answer)
{
	struct place place;

	if (at_source(task, &place, answer)) {
		if (task->driver->calls->virDomainMigrateStartPostCopy(place.domain, 0) < 0)
			answer_error(task->driver, task->tracked->from, answer);
		else
			answer->event.ok = true;
	}
	place_close(task->driver, &place);
}

static bool was_cancelled(struct task *task)
{
	bool was;

	pthread_mutex_lock(&task->driver->lock);
	was = task->tracked->doing.cancelled;
	pthread_mutex_unlock(&task->driver->lock);
	return was;
}

static void note_cancelled(struct task *task)
{
	pthread_mutex_lock(&task->driver->lock);
	task->tracked->doing.cancelled = true;
	pthread_mutex_unlock(&task->driver->lock);
}

/* Never the end of somebody's save or backup. */
static void cancel(struct task *task, const struct place *place, struct answer *answer)
{
	struct driver *driver = task->driver;
	struct progress progress = { 0 };
	enum job job = place_job(driver, place->domain, 0, &progress);

	if (job == JOB_OTHER) {
		answer_no(answer, false, "%s: what is under way with %s is no migration",
		          driver->host_names[task->tracked->from], task->tracked->who.name);
		return;
	}
	if (job == JOB_MIGRATION && was_cancelled(task) && mend_cancel(task, place, &progress, answer))
		return;
	if (driver->calls->virDomainAbortJob(place->domain) < 0) {
		answer_error(driver, task->tracked->from, answer);
		return;
	}
	answer->event.ok = true;
	note_cancelled(task);
}

void task_cancel(struct task *task, struct answer *answer)
{
	struct place place;

	if (at_source(task, &place, answer))
		cancel(task, &place, answer);
	place_close(task->driver, &place);
}
