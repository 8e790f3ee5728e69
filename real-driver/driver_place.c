/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/driver_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int nibble(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool uuid_parse(const char *text, unsigned char ret_uuid[16])
{
	unsigned char uuid[16];

	if (strlen(text) != 36)
		return false;
	for (int i = 0; i < 16; i++) {
		int high = nibble(text[0]), low = high < 0 ? -1 : nibble(text[1]);

		if (low < 0)
			return false;
		uuid[i] = (unsigned char)(high << 4 | low);
		text += 2;
		if ((i == 3 || i == 5 || i == 7 || i == 9) && *text++ != '-')
			return false;
	}
	memcpy(ret_uuid, uuid, sizeof(uuid));
	return true;
}

bool who_is(const struct who *who, const unsigned char uuid[16], const char *name)
{
	return who->has_uuid ? !memcmp(who->uuid, uuid, sizeof(who->uuid)) : !strcmp(who->name, name);
}

enum presence place_open(struct driver *driver, uint32_t host, const struct who *who, double timeout_s,
                         struct place *ret_place, char *ret_why)
{
	const struct libvirt_calls *calls = driver->calls;
	char why[DRIVER_WHY_ROOM];

	*ret_place =
		(struct place){ .connection = hosts_take(driver->hosts, host, timeout_s, why, sizeof(why)) };
	if (!ret_place->connection) {
		snprintf(ret_why, DRIVER_WHY_ROOM, "%s", why);
		return PRESENCE_SILENT;
	}
	ret_place->domain = who->has_uuid ? calls->virDomainLookupByUUID(ret_place->connection, who->uuid)
	                                  : calls->virDomainLookupByName(ret_place->connection, who->name);
	if (!ret_place->domain) {
		int code = driver_error(driver, host, ret_why);

		if (code != VIR_ERR_NO_DOMAIN)
			return PRESENCE_SILENT;
		snprintf(ret_why, DRIVER_WHY_ROOM, "%s: it does not know %s", driver->host_names[host],
		         who->name);
		return PRESENCE_ABSENT;
	}
	if (calls->virDomainGetState(ret_place->domain, &ret_place->state, &ret_place->reason, 0) == 0)
		return PRESENCE_THERE;
	/* It may have gone since. */
	return driver_error(driver, host, ret_why) == VIR_ERR_NO_DOMAIN ? PRESENCE_ABSENT : PRESENCE_SILENT;
}

void place_close(struct driver *driver, struct place *place)
{
	if (place->domain)
		driver->calls->virDomainFree(place->domain);
	if (place->connection)
		driver->calls->virConnectClose(place->connection);
	*place = (struct place){ 0 };
}

bool place_active(const struct place *place)
{
	return place->state != VIR_DOMAIN_SHUTOFF && place->state != VIR_DOMAIN_CRASHED &&
	       place->state != VIR_DOMAIN_NOSTATE;
}

/* ------------------------------------------------------------------ statistics */

static double number(const struct libvirt_calls *calls, virTypedParameterPtr parameters, int count,
                     const char *name)
{
	unsigned long long value = 0;

	return calls->virTypedParamsGetULLong(parameters, count, name, &value) == 1 ? (double)value : 0;
}

static struct progress read_progress(const struct libvirt_calls *calls, virTypedParameterPtr parameters,
                                     int count)
{
	int throttle = 0;

	calls->virTypedParamsGetInt(parameters, count, VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE, &throttle);
	return (struct progress){
		.elapsed_s = number(calls, parameters, count, VIR_DOMAIN_JOB_TIME_ELAPSED) / 1000,
		/* Memory, and disks that are copied along. */
		.remaining_bytes = number(calls, parameters, count, VIR_DOMAIN_JOB_DATA_REMAINING),
		.processed_bytes = number(calls, parameters, count, VIR_DOMAIN_JOB_DATA_PROCESSED),
		.total_bytes = number(calls, parameters, count, VIR_DOMAIN_JOB_DATA_TOTAL),
		.rate_bytes_s = number(calls, parameters, count, VIR_DOMAIN_JOB_MEMORY_BPS),
		.downtime_ms = number(calls, parameters, count, VIR_DOMAIN_JOB_DOWNTIME),
		.throttle_percent = throttle,
		.iterations = (uint32_t)number(calls, parameters, count, VIR_DOMAIN_JOB_MEMORY_ITERATION),
	};
}

static enum job kind_of(const struct libvirt_calls *calls, int type, virTypedParameterPtr parameters,
                        int count)
{
	int operation = VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;

	if (type == VIR_DOMAIN_JOB_NONE)
		return JOB_NONE;
	if (type != VIR_DOMAIN_JOB_BOUNDED && type != VIR_DOMAIN_JOB_UNBOUNDED)
		return JOB_DONE;
	/* Libraries before 3.3 do not say. */
	calls->virTypedParamsGetInt(parameters, count, VIR_DOMAIN_JOB_OPERATION, &operation);
	return operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT ||
	                       operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN
	               ? JOB_MIGRATION
	               : JOB_OTHER;
}

enum job place_job(struct driver *driver, virDomainPtr domain, unsigned flags, struct progress *ret_progress)
{
	const struct libvirt_calls *calls = driver->calls;
	virTypedParameterPtr parameters = NULL;
	int count = 0, type = VIR_DOMAIN_JOB_NONE;
	enum job job;

	if (calls->virDomainGetJobStats(domain, &type, &parameters, &count, flags) < 0)
		return JOB_UNSAID;
	if (ret_progress)
		*ret_progress = read_progress(calls, parameters, count);
	job = kind_of(calls, type, parameters, count);
	calls->virTypedParamsFree(parameters, count);
	return job;
}

/* ------------------------------------------------------------------ asking with a limit of time */

static void ask_unref(struct ask *ask)
{
	struct driver *driver = ask->driver;
	uint32_t left;

	pthread_mutex_lock(&driver->lock);
	left = --ask->references;
	pthread_mutex_unlock(&driver->lock);
	if (left)
		return;
	if (ask->forget)
		ask->forget(ask);
	free(ask);
}

static void *ask_run(void *argument)
{
	struct ask *ask = argument;
	struct driver *driver = ask->driver;

	ask->run(ask);
	pthread_mutex_lock(&driver->lock);
	ask->done = true;
	pthread_cond_broadcast(&driver->changed);
	pthread_mutex_unlock(&driver->lock);
	ask_unref(ask);
	driver_thread_ends(driver);
	return NULL;
}

struct ask *ask_start(struct driver *driver, const struct ask *pattern)
{
	struct ask *ask = memory_take(sizeof(*ask));

	*ask = *pattern;
	ask->driver = driver;
	ask->references = 2;
	if (driver_thread(driver, ask_run, ask))
		return ask;
	free(ask);
	return NULL;
}

bool ask_wait(struct ask *ask, int64_t deadline_ns)
{
	struct driver *driver = ask->driver;
	struct timespec deadline = clock_timespec(deadline_ns);
	bool done;

	pthread_mutex_lock(&driver->lock);
	while (!ask->done && !driver->closing &&
	       !pthread_cond_timedwait(&driver->changed, &driver->lock, &deadline))
		;
	done = ask->done;
	pthread_mutex_unlock(&driver->lock);
	return done;
}

double ask_reach_s(const struct driver *driver)
{
	return 0.8 * driver->options.look_s;
}

void ask_drop(struct ask *ask)
{
	ask_unref(ask);
}
