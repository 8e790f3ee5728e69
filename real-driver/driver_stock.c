/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/driver_parts.h"
#include "real-driver/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A domain, as a host has it. */
struct stocked {
	unsigned char uuid[16];
	char *name;
	uint32_t host;
	uint8_t state; /* enum vm_state */
	bool active;
	bool passing; /* active, but as one end of a migration that stands still there */
	bool known;   /* it is a VM of the cluster */
};

struct stock {
	struct task *task;
	struct driver *driver;
	struct stocked *all;
	struct stocked **by_uuid, **by_name;
	uint32_t count;
	bool *answered;            /* of each host */
	const char *silent;        /* a host that did not answer; NULL: all did */
	char why[DRIVER_WHY_ROOM]; /* of the first needed host that did not answer */
	struct stock_change *changes;
	uint32_t change_count, change_room;
};

/* ------------------------------------------------------------------ one host */

static void forget_found(struct ask *ask)
{
	for (uint32_t i = 0; i < ask->found_count; i++)
		free(ask->found[i].name);
	free(ask->found);
}

static bool stock_one(const struct libvirt_calls *calls, virDomainPtr domain, struct stocked *into)
{
	const char *name = calls->virDomainGetName(domain);
	int state, reason;

	if (!name || calls->virDomainGetUUID(domain, into->uuid) < 0 ||
	    calls->virDomainGetState(domain, &state, &reason, 0) < 0)
		return false;
	into->name = strdup(name);
	into->active = state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_CRASHED;
	into->state = inventory_state(calls, domain, state);
	into->passing = state == VIR_DOMAIN_PAUSED &&
	                (reason == VIR_DOMAIN_PAUSED_MIGRATION || reason == VIR_DOMAIN_PAUSED_POSTCOPY ||
	                 reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED ||
	                 reason == VIR_DOMAIN_PAUSED_STARTING_UP);
	return true;
}

static void stock_run(struct ask *ask)
{
	struct driver *driver = ask->driver;
	const struct libvirt_calls *calls = driver->calls;
	virConnectPtr connection = hosts_take(driver->hosts, ask->host, ask_connect_s(driver), ask->why,
	                                      sizeof(ask->why));
	virDomainPtr *domains = NULL;
	int count = connection ? calls->virConnectListAllDomains(connection, &domains, 0) : -1;

	if (connection && count < 0)
		driver_error(driver, ask->host, ask->why);
	ask->answered = count >= 0;
	ask->found = MEMORY_ARRAY(struct stocked, count > 0 ? count : 1);
	for (int i = 0; i < count; i++) {
		ask->found[ask->found_count].host = ask->host;
		/* One that vanished while it was looked at is not there. */
		ask->found_count += stock_one(calls, domains[i], &ask->found[ask->found_count]);
		calls->virDomainFree(domains[i]);
	}
	free(domains);
	if (connection)
		calls->virConnectClose(connection);
}

/* ------------------------------------------------------------------ all hosts */

static int compare_uuid(const void *a, const void *b)
{
	const struct stocked *one = *(const struct stocked *const *)a,
			     *two = *(const struct stocked *const *)b;

	return memcmp(one->uuid, two->uuid, sizeof(one->uuid));
}

static int compare_name(const void *a, const void *b)
{
	const struct stocked *one = *(const struct stocked *const *)a,
			     *two = *(const struct stocked *const *)b;

	return strcmp(one->name, two->name);
}

/* The hosts that must answer: those of moves whose VM is where they begin, or will be; or every one. */
static bool *needed_hosts(const struct stock *stock)
{
	const struct driver *driver = stock->driver;
	bool *needed = MEMORY_ARRAY(bool, driver->cluster->host_count + 1);
	uint32_t *at = MEMORY_ARRAY(uint32_t, driver->cluster->vm_count + 1);

	for (uint32_t i = 0; i < driver->cluster->vm_count; i++)
		at[i] = stock->task->beliefs[i].host;
	for (uint32_t i = 0; i < driver->plan_moves; i++) {
		const struct tracked *move = &driver->moves[i];

		if (at[move->vm] != move->from)
			continue;
		at[move->vm] = move->to;
		needed[move->from] = needed[move->to] = true;
	}
	for (uint32_t i = 0; driver->options.every_host && i < driver->cluster->host_count; i++)
		needed[i] = true;
	free(at);
	return needed;
}

static void take_found(struct stock *stock, struct ask *ask)
{
	stock->answered[ask->host] = ask->answered;
	if (ask->found_count == 0)
		return;
	stock->all = memory_resize(stock->all, stock->count + ask->found_count, sizeof(*stock->all));
	memcpy(stock->all + stock->count, ask->found, ask->found_count * sizeof(*ask->found));
	stock->count += ask->found_count;
	ask->found_count = 0; /* their names are ours now */
}

static void ask_all(struct stock *stock)
{
	struct driver *driver = stock->driver;
	uint32_t count = driver->cluster->host_count;
	struct ask **asks = MEMORY_ARRAY(struct ask *, count + 1);
	int64_t deadline_ns = clock_ns() + (int64_t)(driver->options.look_s * 1e9);
	bool *needed = needed_hosts(stock);

	for (uint32_t i = 0; i < count; i++)
		asks[i] = ask_start(driver,
		                    &(struct ask){ .host = i, .run = stock_run, .forget = forget_found });
	for (uint32_t i = 0; i < count; i++) {
		bool done = asks[i] && ask_wait(asks[i], deadline_ns);

		if (done)
			take_found(stock, asks[i]);
		if (!stock->answered[i])
			stock->silent = driver->host_names[i];
		if (!stock->answered[i] && needed[i] && !stock->why[0]) {
			if (done)
				snprintf(stock->why, sizeof(stock->why), "%s", asks[i]->why);
			else
				snprintf(stock->why, sizeof(stock->why), "%s: it has not answered for %.3g s",
				         driver->host_names[i], driver->options.look_s);
		}
		if (asks[i])
			ask_drop(asks[i]);
	}
	free(needed);
	free(asks);
	stock->by_uuid = MEMORY_ARRAY(struct stocked *, stock->count + 1);
	stock->by_name = MEMORY_ARRAY(struct stocked *, stock->count + 1);
	for (uint32_t i = 0; i < stock->count; i++)
		stock->by_uuid[i] = stock->by_name[i] = &stock->all[i];
	qsort(stock->by_uuid, stock->count, sizeof(*stock->by_uuid), compare_uuid);
	qsort(stock->by_name, stock->count, sizeof(*stock->by_name), compare_name);
}

/* ------------------------------------------------------------------ against what is believed */

static void add_change(struct stock *stock, const struct stock_change *change)
{
	if (stock->change_count == stock->change_room) {
		stock->change_room = stock->change_room ? stock->change_room * 2 : 16;
		stock->changes = memory_resize(stock->changes, stock->change_room, sizeof(*stock->changes));
	}
	stock->changes[stock->change_count++] = *change;
}

/* The first of the domains that are this VM, in the order by UUID or by name. */
static struct stocked **find_first(const struct stock *stock, const struct stocked *key, bool by_uuid)
{
	struct stocked **sorted = by_uuid ? stock->by_uuid : stock->by_name;
	int (*compare)(const void *, const void *) = by_uuid ? compare_uuid : compare_name;
	uint32_t low = 0, high = stock->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare(&sorted[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return sorted + low;
}

/* How much a copy says about where the VM is: what runs, what passes, what is only defined. */
static int weight(const struct stocked *one, uint32_t believed)
{
	return (one->active ? one->passing ? 2 : 4 : 0) + (one->host == believed);
}

static bool state_differs(uint8_t believed, uint8_t seen)
{
	/* Words of the platform for what is running to a hypervisor. */
	if (believed == VM_RESCUED || believed == VM_VERIFY_RESIZE || believed == VM_ERROR)
		return false;
	return believed != seen;
}

static void compare_vm(struct stock *stock, uint32_t vm)
{
	const struct vm *of = &stock->driver->cluster->vms[vm];
	const struct driver_belief *belief = &stock->task->beliefs[vm];
	struct stocked key = { .name = (char *)of->name }, *best = NULL;
	bool by_uuid = of->id && uuid_parse(of->id, key.uuid);
	struct stocked **end = (by_uuid ? stock->by_uuid : stock->by_name) + stock->count;
	struct stock_change change = { .vm = vm, .host = NONE, .state = VM_STOPPED };
	uint32_t running = 0;

	for (struct stocked **at = find_first(stock, &key, by_uuid); at < end; at++) {
		if (by_uuid ? memcmp((*at)->uuid, key.uuid, 16) != 0 : strcmp((*at)->name, key.name) != 0)
			break;
		(*at)->known = true;
		running += (*at)->active && !(*at)->passing;
		if (!best || weight(*at, belief->host) > weight(best, belief->host))
			best = *at;
	}
	/* What a silent host holds is not known: nothing has changed there. */
	if (belief->host != NONE && !stock->answered[belief->host] && (!best || !best->active))
		return;
	if (!best && stock->silent && !stock->why[0])
		snprintf(stock->why, sizeof(stock->why), "%s is nowhere, and %s does not answer", of->name,
		         stock->silent);
	if (best) {
		change.host = best->host;
		change.state = best->passing ? belief->state : best->state;
		change.twice = running > 1;
	}
	if (change.twice || change.host != belief->host ||
	    (change.host != NONE && state_differs(belief->state, change.state)))
		add_change(stock, &change);
}

static void judge(struct stock *stock, struct answer *answer)
{
	struct driver *driver = stock->driver;
	uint32_t strangers = 0;
	const struct stocked *stranger = NULL;

	for (uint32_t i = 0; i < stock->count; i++) {
		if (stock->all[i].known || !stock->all[i].active)
			continue;
		stranger = strangers++ ? stranger : &stock->all[i];
	}
	if (stock->why[0]) {
		answer->event.verdict = TAKING_UNKNOWN;
		memcpy(answer->why, stock->why, sizeof(answer->why));
	} else if (strangers && !driver->options.strangers) {
		answer->event.verdict = TAKING_STALE;
		snprintf(answer->why, sizeof(answer->why),
		         "%s: %s runs there, and is not in the cluster file",
		         driver->host_names[stranger->host], stranger->name);
	} else if (driver->options.verify && !driver_closing(driver)) {
		answer->event.verdict = driver->options.verify(driver->options.context, stock->changes,
		                                               stock->change_count, answer->why,
		                                               sizeof(answer->why));
	} else {
		answer->event.verdict = stock->change_count ? TAKING_STALE : TAKING_PROVEN;
		if (stock->change_count)
			snprintf(answer->why, sizeof(answer->why), "%s is not where it was",
			         driver->cluster->vms[stock->changes[0].vm].name);
	}
}

void task_stock(struct task *task, struct answer *answer)
{
	struct driver *driver = task->driver;
	struct stock stock = { .task = task, .driver = driver };

	stock.answered = MEMORY_ARRAY(bool, driver->cluster->host_count + 1);
	ask_all(&stock);
	for (uint32_t i = 0; i < driver->cluster->vm_count; i++) {
		if (task->beliefs[i].state != VM_DELETED)
			compare_vm(&stock, i);
	}
	judge(&stock, answer);
	answer->changes = stock.changes;
	answer->event.change_count = stock.change_count;
	for (uint32_t i = 0; i < stock.count; i++)
		free(stock.all[i].name);
	free(stock.all);
	free(stock.by_uuid);
	free(stock.by_name);
	free(stock.answered);
}
