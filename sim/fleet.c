/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fleet.h"

#include "core/must.h"
#include "models/hypervisor.h"
#include "sim/memory.h"
#include "sim/random.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libvirt's keepalive: five probes, five seconds apart, and one interval more. */
static const double KEEPALIVE_S = 30;

/* How long libvirt takes at the most to end a QEMU: SIGTERM, and SIGKILL when that does not help in ten. */
static const double KILL_S = 15;

/* The longest that a driver's looks and orders are under way. */
static const int64_t LATE_NS = INT64_C(15000000000);

static const double SECONDS_PER_NS = 1e-9;

/* Numbers what is to be kept, in the file's order. Returns how many there are. */
static uint32_t number(const bool *kept, uint32_t count, uint32_t **ret_list, uint32_t **ret_places)
{
	uint32_t *list = MEMORY_ARRAY(uint32_t, count + 1), *places = MEMORY_ARRAY(uint32_t, count + 1);
	uint32_t found = 0;

	for (uint32_t i = 0; i < count; i++) {
		places[i] = kept[i] ? found : NONE;
		if (kept[i])
			list[found++] = i;
	}
	*ret_list = list;
	*ret_places = places;
	return found;
}

/* Of a plan: its VMs, where they are, and the hosts between which it moves them. */
static void choose(struct fleet *fleet, const struct plan *plan)
{
	const struct cluster *cluster = fleet->cluster;
	bool *vms = MEMORY_ARRAY(bool, cluster->vm_count + 1);
	bool *hosts = MEMORY_ARRAY(bool, cluster->host_count + 1);

	memset(vms, !plan, cluster->vm_count);
	memset(hosts, !plan, cluster->host_count);
	for (uint32_t i = 0; plan && i < plan->move_count; i++) {
		const struct plan_move *move = &plan->moves[i];

		vms[move->vm] = hosts[move->from] = hosts[move->to] = true;
		if (cluster->vms[move->vm].host != NONE)
			hosts[cluster->vms[move->vm].host] = true;
	}
	fleet->vm_count = number(vms, cluster->vm_count, &fleet->vms, &fleet->vm_places);
	fleet->host_count = number(hosts, cluster->host_count, &fleet->host_list, &fleet->host_places);
	free(vms);
	free(hosts);
}

void fleet_create(struct fleet *ret_fleet, const struct cluster *cluster, const struct plan *plan,
                  uint64_t seed, bool persistent)
{
	struct fleet *fleet = ret_fleet;

	*fleet = (struct fleet){ .cluster = cluster, .seed = seed };
	choose(fleet, plan);
	state_create(&fleet->state, cluster);
	world_create(&fleet->world, cluster);
	fleet->world.state = &fleet->state;
	fleet->world.seed = seed;
	fleet->world.run = 1;
	fleet->hosts = MEMORY_ARRAY(struct fleet_host, cluster->host_count);
	fleet->copies = MEMORY_ARRAY(struct fleet_copy, (size_t)fleet->vm_count * fleet->host_count + 1);
	fleet->flights = MEMORY_ARRAY(struct flight, cluster->vm_count);
	fleet->left_over = MEMORY_ARRAY(bool, cluster->vm_count);
	fleet->touched = MEMORY_ARRAY(bool, cluster->vm_count);
	fleet->doubled = MEMORY_ARRAY(bool, cluster->vm_count);
	fleet->full = MEMORY_ARRAY(bool, cluster->host_count);
	fleet->touched_ns = MEMORY_ARRAY(int64_t, cluster->vm_count);
	for (uint32_t host = 0; host < cluster->host_count; host++)
		fleet->hosts[host].mbit = cluster->hosts[host].nic_mbit_s;
	FLEET_EACH_VM (fleet, vm) {
		uint8_t state = cluster->vms[vm].state;

		FLEET_EACH_HOST (fleet, host)
			*fleet_copy(fleet, vm, host) = (struct fleet_copy){ .side = SIDE_ABSENT,
				                                            .clean_ns = TIME_NEVER };
		if (cluster->vms[vm].host == NONE)
			continue;
		fleet_copy(fleet, vm, cluster->vms[vm].host)->defined = persistent || state == VM_STOPPED;
		fleet_copy(fleet, vm, cluster->vms[vm].host)->side = state == VM_ACTIVE   ? SIDE_RUNNING
		                                                     : state == VM_PAUSED ? SIDE_PAUSED
		                                                                          : SIDE_OFF;
	}
}

void fleet_free(struct fleet *fleet)
{
	FLEET_EACH_VM (fleet, vm) {
		if (fleet->flights[vm].phase != FLIGHT_NONE && fleet->flights[vm].flow != NONE)
			links_close(&fleet->world.links, fleet->flights[vm].flow, fleet->now_ns);
	}
	world_free(&fleet->world);
	state_free(&fleet->state);
	free(fleet->vms);
	free(fleet->vm_places);
	free(fleet->host_list);
	free(fleet->host_places);
	free(fleet->hosts);
	free(fleet->copies);
	free(fleet->flights);
	free(fleet->left_over);
	free(fleet->touched);
	free(fleet->doubled);
	free(fleet->full);
	free(fleet->touched_ns);
	*fleet = (struct fleet){ 0 };
}

double fleet_draw(struct fleet *fleet)
{
	return random_unit(fleet->seed, 0x464c4545, fleet->draws++, PURPOSE_DUTY_PHASE);
}

static int64_t later(struct fleet *fleet, double least_s, double most_s)
{
	return fleet->now_ns + (int64_t)((least_s + (most_s - least_s) * fleet_draw(fleet)) * 1e9);
}

static void __attribute__((format(printf, 2, 3))) violate(struct fleet *fleet, const char *format, ...)
{
	va_list arguments;

	if (fleet->violation.text[0])
		return;
	fleet->violation.at_ns = fleet->now_ns;
	va_start(arguments, format);
	vsnprintf(fleet->violation.text, sizeof(fleet->violation.text), format, arguments);
	va_end(arguments);
}

static void tell(struct fleet *fleet, uint32_t vm, enum event_kind kind, bool ok, const char *why)
{
	for (uint32_t i = 0; i < fleet->listener_count; i++)
		fleet->listeners[i].told(fleet->listeners[i].context, vm, kind, ok, why);
}

void fleet_listen(struct fleet *fleet, struct fleet_listener listener)
{
	must(fleet->listener_count < FLEET_LISTENERS_MOST);
	fleet->listeners[fleet->listener_count++] = listener;
}

void fleet_listen_no_more(struct fleet *fleet, const void *context)
{
	for (uint32_t i = 0; i < fleet->listener_count; i++) {
		if (fleet->listeners[i].context == context)
			fleet->listeners[i--] = fleet->listeners[--fleet->listener_count];
	}
}

static const char *vm_name(const struct fleet *fleet, uint32_t vm)
{
	return fleet->cluster->vms[vm].name;
}

static void touch(struct fleet *fleet, uint32_t vm)
{
	fleet->touched[vm] = true;
	fleet->touched_ns[vm] = fleet->now_ns;
}

/* By others, between the look and the order that followed it. */
static bool was_touched(const struct fleet *fleet, uint32_t vm)
{
	return fleet->touched[vm] && fleet->now_ns - fleet->touched_ns[vm] < LATE_NS;
}

/* Nothing of it runs there any more. */
static void end_copy(struct fleet_copy *copy)
{
	copy->side = copy->defined ? SIDE_OFF : SIDE_ABSENT;
	copy->clean_ns = TIME_NEVER;
}

/* ------------------------------------------------------------------ flights */

static void drop_flow(struct fleet *fleet, struct flight *flight)
{
	if (flight->flow != NONE)
		links_close(&fleet->world.links, flight->flow, fleet->now_ns);
	flight->flow = NONE;
}

static void end_flight(struct fleet *fleet, struct flight *flight, bool ok, const char *why)
{
	uint32_t vm = flight->vm;

	drop_flow(fleet, flight);
	flight->phase = FLIGHT_NONE;
	tell(fleet, vm, EVENT_RETURNED, ok, why);
}

/* What was being received is ended by the target's daemon, sooner or later; when that is down, after it. */
static void clean_target(struct fleet *fleet, const struct flight *flight, double most_s)
{
	struct fleet_copy *target = fleet_copy(fleet, flight->vm, flight->to);

	if (target->side != SIDE_INCOMING || fleet_draw(fleet) < fleet->stubborn)
		return;
	target->clean_ns = later(fleet, 0, most_s);
	fleet->left_over[flight->vm] = true;
}

/* The post-copy's connection is gone: the guest stands still, a part of its memory on either side. */
static void break_postcopy(struct fleet *fleet, struct flight *flight)
{
	struct fleet_copy *source = fleet_copy(fleet, flight->vm, flight->from);
	struct fleet_copy *target = fleet_copy(fleet, flight->vm, flight->to);
	uint32_t vm = flight->vm;

	if (source->side == SIDE_POSTCOPY)
		source->side = SIDE_BROKEN;
	if (target->side == SIDE_POSTCOPY)
		target->side = SIDE_BROKEN;
	drop_flow(fleet, flight);
	flight->phase = FLIGHT_BROKEN;
	tell(fleet, vm, EVENT_RETURNED, false, "post-copy migration failed");
}

/* It does not come about. The source's QEMU goes on by itself, or libvirt resumes it. */
static void fail_flight(struct fleet *fleet, struct flight *flight, double clean_s, const char *why)
{
	struct fleet_copy *source = fleet_copy(fleet, flight->vm, flight->from);

	if (flight->switched) {
		break_postcopy(fleet, flight);
		return;
	}
	clean_target(fleet, flight, clean_s);
	if (source->side == SIDE_SENT && fleet_answers(fleet, flight->from))
		source->side = SIDE_RUNNING;
	end_flight(fleet, flight, false, why);
}

/* The guest runs at the target from here on. */
static void finish_flight(struct fleet *fleet, struct flight *flight)
{
	struct fleet_copy *source = fleet_copy(fleet, flight->vm, flight->from);
	struct fleet_copy *target = fleet_copy(fleet, flight->vm, flight->to);
	bool paused = fleet->cluster->vms[flight->vm].state == VM_PAUSED;

	if (!flight->switched && !fleet_answers(fleet, flight->to)) {
		fail_flight(fleet, flight, 0, "the target does not answer");
		return;
	}
	target->side = paused ? SIDE_PAUSED : SIDE_RUNNING;
	target->clean_ns = TIME_NEVER;
	if (fleet_lives(source))
		source->side = SIDE_SENT;
	/* Writing the definition can fail, and is only warned of. */
	if (flight->persist && !fleet->full[flight->to] && fleet_draw(fleet) < 0.97)
		target->defined = true;
	drop_flow(fleet, flight);
	if (flight->phase == FLIGHT_ORPHAN) {
		/* Nobody is there to be told: what was sent is left where it is. */
		end_flight(fleet, flight, true, NULL);
		return;
	}
	flight->phase = FLIGHT_FINISH;
	flight->due_ns = later(fleet, 0.01, 0.3);
}

static void confirm_flight(struct fleet *fleet, struct flight *flight)
{
	end_copy(fleet_copy(fleet, flight->vm, flight->from));
	end_flight(fleet, flight, true, NULL);
}

static void stop_source(struct fleet *fleet, struct flight *flight)
{
	fleet_copy(fleet, flight->vm, flight->from)->side = SIDE_SENT;
	tell(fleet, flight->vm, EVENT_STOPPED, true, NULL);
}

static void switch_over(struct fleet *fleet, struct flight *flight)
{
	flight->switched = true;
	fleet_copy(fleet, flight->vm, flight->from)->side = SIDE_POSTCOPY;
	fleet_copy(fleet, flight->vm, flight->to)->side = SIDE_POSTCOPY;
	fleet_copy(fleet, flight->vm, flight->to)->clean_ns = TIME_NEVER;
	tell(fleet, flight->vm, EVENT_SWITCHED, true, NULL);
}

static bool sends(const struct flight *flight)
{
	return flight->phase == FLIGHT_MEMORY || flight->phase == FLIGHT_ORPHAN;
}

static void pass_flight(struct fleet *fleet, struct flight *flight)
{
	switch (precopy_step(&flight->precopy)) {
	case PRECOPY_STOPPED:
		stop_source(fleet, flight);
		break;
	case PRECOPY_SWITCHED:
		switch_over(fleet, flight);
		break;
	case PRECOPY_COMPLETED:
		finish_flight(fleet, flight);
		break;
	default:
		break;
	}
}

/* ------------------------------------------------------------------ time */

static void ignore_changed(void *context, uint32_t owner)
{
	(void)context;
	(void)owner;
}

/* What each flight gets of the links now. */
static void share_links(struct fleet *fleet)
{
	struct links *links = &fleet->world.links;

	FLEET_EACH_VM (fleet, vm) {
		struct flight *flight = &fleet->flights[vm];

		if (sends(flight))
			links_demand(links, flight->flow,
			             precopy_demand_bytes_s(&flight->precopy) / flight->efficiency,
			             fleet->now_ns);
	}
	links_solve(links, fleet->now_ns, ignore_changed, NULL);
	FLEET_EACH_VM (fleet, vm) {
		struct flight *flight = &fleet->flights[vm];

		if (sends(flight))
			precopy_set_rate(&flight->precopy,
			                 links_rate(links, flight->flow) * flight->efficiency);
	}
}

static int64_t flight_due_ns(const struct fleet *fleet, const struct flight *flight)
{
	double next_s;

	if (flight->phase == FLIGHT_FINISH)
		return flight->due_ns;
	if (!sends(flight))
		return TIME_NEVER;
	next_s = precopy_next_s(&flight->precopy);
	return next_s < 6e9 ? fleet->now_ns + (int64_t)ceil(next_s * 1e9) : TIME_NEVER;
}

int64_t fleet_next_ns(struct fleet *fleet)
{
	int64_t next_ns = TIME_NEVER;

	share_links(fleet);
	FLEET_EACH_VM (fleet, vm) {
		int64_t due_ns = flight_due_ns(fleet, &fleet->flights[vm]);

		next_ns = due_ns < next_ns ? due_ns : next_ns;
		if (!fleet->left_over[vm])
			continue;
		FLEET_EACH_HOST (fleet, host) {
			const struct fleet_copy *copy = fleet_copy(fleet, vm, host);

			if (copy->clean_ns < next_ns && fleet_answers(fleet, host))
				next_ns = copy->clean_ns > fleet->now_ns ? copy->clean_ns : fleet->now_ns;
		}
	}
	return next_ns;
}

static void move_on(struct fleet *fleet, int64_t to_ns)
{
	double dt_s = (double)(to_ns - fleet->now_ns) * SECONDS_PER_NS;

	FLEET_EACH_VM (fleet, vm) {
		struct flight *flight = &fleet->flights[vm];

		if (sends(flight))
			precopy_advance(&flight->precopy, fmin(dt_s, precopy_next_s(&flight->precopy)));
	}
	fleet->now_ns = fleet->world.now_ns = to_ns;
}

/* A daemon ends what it was receiving; the guest itself, when that ran already (doubt_target). */
static void clean_copy(struct fleet *fleet, uint32_t vm, struct fleet_copy *copy)
{
	bool ran = fleet_lives(copy), sent = false;

	if (ran && fleet->flights[vm].phase != FLIGHT_NONE) {
		copy->clean_ns = TIME_NEVER;
		return;
	}
	end_copy(copy);
	if (!ran)
		return;
	FLEET_EACH_HOST (fleet, host)
		sent = sent || fleet_copy(fleet, vm, host)->side == SIDE_SENT;
	if (!sent && !fleet->touched[vm])
		violate(fleet, "%s is ended by its target's libvirt, and was destroyed at the source",
		        vm_name(fleet, vm));
	tell(fleet, vm, EVENT_CHANGED, false, "its QEMU is gone");
}

static void pass_due(struct fleet *fleet)
{
	FLEET_EACH_VM (fleet, vm) {
		struct flight *flight = &fleet->flights[vm];

		if (flight->phase == FLIGHT_FINISH && flight->due_ns <= fleet->now_ns)
			confirm_flight(fleet, flight);
		else if (sends(flight) && precopy_next_s(&flight->precopy) <= SECONDS_PER_NS)
			pass_flight(fleet, flight);
		if (!fleet->left_over[vm])
			continue;
		FLEET_EACH_HOST (fleet, host) {
			struct fleet_copy *copy = fleet_copy(fleet, vm, host);

			if (fleet->left_over[vm] && copy->clean_ns <= fleet->now_ns &&
			    fleet_answers(fleet, host))
				clean_copy(fleet, vm, copy);
		}
	}
}

void fleet_advance(struct fleet *fleet, int64_t to_ns)
{
	for (;;) {
		int64_t next_ns = fleet_next_ns(fleet);

		if (next_ns > to_ns)
			break;
		move_on(fleet, next_ns);
		pass_due(fleet);
		fleet_check(fleet);
	}
	if (to_ns > fleet->now_ns)
		move_on(fleet, to_ns);
}

/* ------------------------------------------------------------------ orders */

const char *fleet_start(struct fleet *fleet, uint32_t vm, uint32_t from, uint32_t to, double limit_ms)
{
	struct flight *flight = &fleet->flights[vm];
	struct fleet_copy *source = fleet_copy(fleet, vm, from), *target = fleet_copy(fleet, vm, to);
	struct move move = { .vm = vm, .from = from, .to = to };
	struct precopy_input input;

	if (flight->phase != FLIGHT_NONE)
		return "a migration job is already active";
	if (!fleet_lives(source))
		return "the domain is not running";
	if (target->side != SIDE_ABSENT && target->side != SIDE_OFF)
		return "the domain is already active at the target";
	if (!fleet_answers(fleet, to))
		return "the target does not answer";
	arena_reset(&fleet->world.arena);
	move.timing = timing_of(&fleet->state, vm, false);
	memory_links(&fleet->world, &move);
	input = memory_input(&fleet->world, &move);
	*flight = (struct flight){ .vm = vm,
		                   .from = from,
		                   .to = to,
		                   .number = ++fleet->flight_number,
		                   .phase = FLIGHT_MEMORY,
		                   .persist = source->defined,
		                   .efficiency = move.efficiency,
		                   .start_ns = fleet->now_ns };
	/* The points of a measured law live in the arena, which is used again: what is dirtied is uniform
	 * here. */
	if (input.dirty.law == DIRTY_MEASURED)
		input.dirty = (struct dirty){ .law = DIRTY_IDLE };
	precopy_start(&flight->precopy, &input, limit_ms / 1000);
	flight->flow = links_open(&fleet->world.links, from, to, vm);
	target->side = SIDE_INCOMING;
	target->clean_ns = TIME_NEVER;
	return NULL;
}

void fleet_limit(struct fleet *fleet, uint32_t vm, double limit_ms)
{
	struct flight *flight = &fleet->flights[vm];

	if (sends(flight) &&
	    (flight->precopy.phase == PRECOPY_SETUP || flight->precopy.phase == PRECOPY_COPYING))
		precopy_set_downtime_limit(&flight->precopy, limit_ms / 1000);
}

const char *fleet_postcopy(struct fleet *fleet, uint32_t vm)
{
	struct flight *flight = &fleet->flights[vm];

	if (flight->phase != FLIGHT_MEMORY || flight->precopy.phase != PRECOPY_COPYING)
		return "no migration is copying";
	if (!flight->precopy.stopping)
		precopy_start_postcopy(&flight->precopy);
	return NULL;
}

const char *fleet_cancel(struct fleet *fleet, uint32_t vm, uint32_t from)
{
	struct flight *flight = &fleet->flights[vm];

	if (flight->phase != FLIGHT_MEMORY || flight->from != from)
		return "no job is active";
	if (flight->switched)
		return "a post-copy cannot be cancelled";
	if (fleet_draw(fleet) < fleet->stubborn)
		return NULL;
	if (fleet_copy(fleet, vm, from)->side == SIDE_SENT)
		fleet_copy(fleet, vm, from)->side = SIDE_RUNNING;
	fail_flight(fleet, flight, 1, "operation aborted: migration out: canceled by client");
	return NULL;
}

const char *fleet_recover(struct fleet *fleet, uint32_t vm, uint32_t from, uint32_t to)
{
	struct flight *flight = &fleet->flights[vm];
	struct fleet_copy *source = fleet_copy(fleet, vm, from), *target = fleet_copy(fleet, vm, to);

	if (flight->phase != FLIGHT_BROKEN || source->side != SIDE_BROKEN || target->side != SIDE_BROKEN)
		return "no post-copy is broken";
	if (!fleet_answers(fleet, to) || fleet->hosts[from].mbit <= 0 || fleet->hosts[to].mbit <= 0)
		return "the target cannot be reached";
	/* The target's QEMU waits for a page with its lock held, and its libvirt for it. */
	if (fleet_draw(fleet) < fleet->deaf)
		return NULL;
	source->side = target->side = SIDE_POSTCOPY;
	flight->flow = links_open(&fleet->world.links, from, to, vm);
	flight->phase = FLIGHT_MEMORY;
	return NULL;
}

/* Whether the guest's memory is all at the source still: nobody has gone on with it elsewhere. */
static void check_resumed(struct fleet *fleet, uint32_t vm, uint32_t from, uint32_t to)
{
	struct fleet_copy *target = fleet_copy(fleet, vm, to);

	if (target->side != SIDE_ABSENT && target->side != SIDE_OFF)
		violate(fleet, "%s is resumed at the source while the target is %s", vm_name(fleet, vm),
		        side_words[target->side]);
	/* What was seen a moment ago is known: an answer may take that long. */
	if (!fleet_answers(fleet, to) && fleet->now_ns - fleet->hosts[to].silent_ns > LATE_NS)
		violate(fleet, "%s is resumed at the source while the target is unknown", vm_name(fleet, vm));
	(void)from;
}

static void check_undefined(struct fleet *fleet, uint32_t vm, uint32_t from, uint32_t to)
{
	const struct fleet_copy *source = fleet_copy(fleet, vm, from), *target = fleet_copy(fleet, vm, to);

	if (was_touched(fleet, vm))
		return;
	if (!fleet_lives(target) && fleet->cluster->vms[vm].state != VM_STOPPED && !fleet->touched[vm])
		violate(fleet, "%s is undefined before the target runs it", vm_name(fleet, vm));
	if (source->defined && !target->defined)
		violate(fleet, "%s is undefined before the target keeps it", vm_name(fleet, vm));
}

static const char *mend_copy(struct fleet *fleet, enum command_kind mend, uint32_t vm, uint32_t from,
                             uint32_t to)
{
	struct fleet_copy *source = fleet_copy(fleet, vm, from), *target = fleet_copy(fleet, vm, to);
	struct flight *flight = &fleet->flights[vm];

	switch (mend) {
	case COMMAND_RESUME_SOURCE:
		if (source->side == SIDE_POSTCOPY || source->side == SIDE_BROKEN)
			violate(fleet, "%s is resumed at the source after post-copy has switched",
			        vm_name(fleet, vm));
		if (source->side != SIDE_SENT)
			return "the domain is not paused";
		check_resumed(fleet, vm, from, to);
		source->side = SIDE_RUNNING;
		return NULL;
	case COMMAND_DESTROY_SOURCE:
		if (fleet_lives(source))
			return "the domain runs here";
		if (!(fleet_lives(target) || target->side == SIDE_POSTCOPY) && !was_touched(fleet, vm))
			violate(fleet, "%s is destroyed at the source, the target is %s", vm_name(fleet, vm),
			        side_words[target->side]);
		end_copy(source);
		if (flight->phase != FLIGHT_NONE)
			end_flight(fleet, flight, true, NULL);
		return NULL;
	case COMMAND_DESTROY_TARGET:
		if (target->side != SIDE_INCOMING || !(fleet_lives(source) || source->side == SIDE_SENT))
			violate(fleet, "%s is destroyed at the target, where it is %s", vm_name(fleet, vm),
			        side_words[target->side]);
		end_copy(target);
		return NULL;
	case COMMAND_PERSIST_TARGET:
		if (!fleet_lives(target) || fleet->full[to])
			return "the domain does not run here, or cannot be written down";
		target->defined = true;
		return NULL;
	case COMMAND_UNDEFINE_SOURCE:
		if (fleet_lives(source))
			return "the domain runs here";
		check_undefined(fleet, vm, from, to);
		source->defined = false;
		if (source->side == SIDE_OFF)
			source->side = SIDE_ABSENT;
		return NULL;
	default:
		must(false);
	}
}

void fleet_judge_order(struct fleet *fleet, enum command_kind kind, uint32_t vm, uint32_t from, uint32_t to)
{
	const struct fleet_copy *source = fleet_copy(fleet, vm, from), *target = fleet_copy(fleet, vm, to);

	if (was_touched(fleet, vm))
		return;
	if (kind == COMMAND_RESUME_SOURCE && target->side != SIDE_ABSENT && target->side != SIDE_OFF)
		violate(fleet, "%s is to be resumed at the source while the target is %s", vm_name(fleet, vm),
		        side_words[target->side]);
	if (kind == COMMAND_BOOT_TARGET && fleet_lives(source))
		violate(fleet, "%s is to be started at the target while it runs at the source",
		        vm_name(fleet, vm));
	if (kind == COMMAND_BOOT_SOURCE && fleet_lives(target))
		violate(fleet, "%s is to be started at the source while it runs at the target",
		        vm_name(fleet, vm));
}

const char *fleet_mend(struct fleet *fleet, enum command_kind mend, uint32_t vm, uint32_t from, uint32_t to)
{
	if (fleet_draw(fleet) < fleet->stubborn)
		return "internal error: it did not work";
	if (fleet_draw(fleet) < fleet->lying)
		return NULL;
	return mend_copy(fleet, mend, vm, from, to);
}

const char *fleet_cold(struct fleet *fleet, enum command_kind step, uint32_t vm, uint32_t from, uint32_t to)
{
	struct fleet_copy *source = fleet_copy(fleet, vm, from), *target = fleet_copy(fleet, vm, to);

	if (fleet_draw(fleet) < fleet->stubborn)
		return "internal error: it did not work";
	switch (step) {
	case COMMAND_STOP:
		if (!fleet_lives(source) || !source->defined)
			return "the domain does not run here, or would be forgotten";
		source->side = SIDE_OFF;
		return NULL;
	case COMMAND_CARRY:
		if (source->side != SIDE_OFF)
			return "the domain is not shut off";
		target->defined = true;
		if (target->side == SIDE_ABSENT)
			target->side = SIDE_OFF;
		return NULL;
	case COMMAND_BOOT_TARGET:
		if (target->side != SIDE_OFF)
			return "the domain is not shut off";
		target->side = SIDE_RUNNING;
		return NULL;
	case COMMAND_BOOT_SOURCE:
		if (source->side != SIDE_OFF)
			return "the domain is not shut off";
		source->side = SIDE_RUNNING;
		return NULL;
	default:
		must(false);
	}
}

/* ------------------------------------------------------------------ what befalls it */

/*
 * The target's daemon has let the guest run, and hears that who asked for it is gone before it has taken note
 * of that: then it ends the guest, which is seen to run until it is dead.
 */
static void doubt_target(struct fleet *fleet, const struct flight *flight)
{
	if (flight->switched || fleet_draw(fleet) >= 0.3)
		return;
	fleet_copy(fleet, flight->vm, flight->to)->clean_ns = later(fleet, 0, KILL_S);
	fleet->left_over[flight->vm] = true;
}

/* Its connection to the other daemon is gone. */
static void daemon_gone(struct fleet *fleet, struct flight *flight, uint32_t host)
{
	if (flight->phase == FLIGHT_NONE || flight->phase == FLIGHT_BROKEN)
		return;
	if (flight->phase == FLIGHT_FINISH) {
		/* It runs at the target. Nobody confirms, what was sent is left where it is. */
		if (flight->from == host)
			doubt_target(fleet, flight);
		if (flight->from == host || flight->to == host)
			end_flight(fleet, flight, flight->to == host ? false : true, "connection reset");
		return;
	}
	if (flight->from == host) {
		/* A post-copy goes on without it. Otherwise the target ends what it was receiving. */
		if (flight->switched)
			flight->phase = FLIGHT_ORPHAN;
		else
			fail_flight(fleet, flight, 1, "the source's daemon is gone");
	} else if (flight->to == host && !flight->switched) {
		fail_flight(fleet, flight, KEEPALIVE_S, "the target's daemon is gone");
	}
}

void fleet_daemon_dies(struct fleet *fleet, uint32_t host)
{
	if (!fleet_answers(fleet, host))
		return;
	fleet->hosts[host].daemon_down = true;
	fleet->hosts[host].silent_ns = fleet->now_ns;
	FLEET_EACH_VM (fleet, vm)
		daemon_gone(fleet, &fleet->flights[vm], host);
}

/* It finds its guests again: cancels what it was sending and resumes it, or leaves it when it cannot know. */
void fleet_daemon_starts(struct fleet *fleet, uint32_t host)
{
	if (fleet->hosts[host].dead)
		return;
	fleet->hosts[host].daemon_down = false;
	FLEET_EACH_VM (fleet, vm) {
		struct fleet_copy *copy = fleet_copy(fleet, vm, host);
		bool elsewhere = false;

		FLEET_EACH_HOST (fleet, other) {
			uint8_t side = fleet_copy(fleet, vm, other)->side;

			elsewhere = elsewhere || (other != host && side != SIDE_ABSENT && side != SIDE_OFF);
		}
		if (copy->side == SIDE_SENT && !elsewhere && fleet_draw(fleet) < 0.5)
			copy->side = SIDE_RUNNING;
	}
}

void fleet_qemu_dies(struct fleet *fleet, uint32_t vm, uint32_t host)
{
	struct flight *flight = &fleet->flights[vm];
	struct fleet_copy *copy = fleet_copy(fleet, vm, host);

	if (copy->side == SIDE_ABSENT || copy->side == SIDE_OFF)
		return;
	touch(fleet, vm);
	if (flight->phase != FLIGHT_NONE && flight->from == host) {
		end_copy(copy);
		if (flight->switched)
			break_postcopy(fleet, flight);
		else if (flight->phase == FLIGHT_FINISH)
			end_flight(fleet, flight, true, NULL);
		else
			fail_flight(fleet, flight, 5, "the source's QEMU is gone");
	} else if (flight->phase != FLIGHT_NONE && flight->to == host) {
		end_copy(copy);
		if (flight->phase == FLIGHT_FINISH) {
			/* libvirt sees that the target failed to start, and goes on at the source. */
			struct fleet_copy *source = fleet_copy(fleet, vm, flight->from);

			if (source->side == SIDE_SENT && !flight->switched)
				source->side = SIDE_RUNNING;
			end_flight(fleet, flight, false, "the target's QEMU is gone");
		} else {
			fail_flight(fleet, flight, 0, "the target's QEMU is gone");
		}
	} else {
		end_copy(copy);
	}
	tell(fleet, vm, EVENT_CHANGED, false, "its QEMU is gone");
}

void fleet_host_dies(struct fleet *fleet, uint32_t host)
{
	if (fleet->hosts[host].dead)
		return;
	FLEET_EACH_VM (fleet, vm)
		fleet_qemu_dies(fleet, vm, host);
	if (fleet_answers(fleet, host))
		fleet->hosts[host].silent_ns = fleet->now_ns;
	fleet->hosts[host].dead = true;
}

void fleet_host_boots(struct fleet *fleet, uint32_t host)
{
	fleet->hosts[host].dead = fleet->hosts[host].daemon_down = false;
}

void fleet_flight_breaks(struct fleet *fleet, uint32_t vm)
{
	struct flight *flight = &fleet->flights[vm];

	if (!sends(flight))
		return;
	if (fleet_copy(fleet, vm, flight->from)->side == SIDE_SENT)
		fleet_copy(fleet, vm, flight->from)->side = SIDE_RUNNING;
	fail_flight(fleet, flight, 2, "connection reset by peer");
}

void fleet_link(struct fleet *fleet, uint32_t host, double mbit)
{
	fleet->hosts[host].mbit = mbit;
	links_set_nic(&fleet->world.links, host, mbit);
}

void fleet_guest_stops(struct fleet *fleet, uint32_t vm)
{
	FLEET_EACH_HOST (fleet, host) {
		if (fleet_lives(fleet_copy(fleet, vm, host)))
			fleet_qemu_dies(fleet, vm, host);
	}
}

void fleet_guest_moves(struct fleet *fleet, uint32_t vm, uint32_t to)
{
	if (fleet->flights[vm].phase != FLIGHT_NONE || !fleet_answers(fleet, to) ||
	    fleet_copy(fleet, vm, to)->side == SIDE_INCOMING)
		return;
	FLEET_EACH_HOST (fleet, host) {
		struct fleet_copy *copy = fleet_copy(fleet, vm, host);
		struct fleet_copy *target = fleet_copy(fleet, vm, to);

		if (host == to || !fleet_lives(copy) || !fleet_answers(fleet, host))
			continue;
		target->side = copy->side;
		target->defined = target->defined || copy->defined;
		copy->defined = false;
		end_copy(copy);
		touch(fleet, vm);
		tell(fleet, vm, EVENT_CHANGED, true, "somebody else moved it");
		return;
	}
}

void fleet_guest_doubles(struct fleet *fleet, uint32_t vm, uint32_t host)
{
	struct fleet_copy *copy = fleet_copy(fleet, vm, host);

	if ((copy->side != SIDE_ABSENT && copy->side != SIDE_OFF) || !fleet_answers(fleet, host))
		return;
	copy->side = SIDE_RUNNING;
	fleet->doubled[vm] = true;
	touch(fleet, vm);
	tell(fleet, vm, EVENT_CHANGED, true, "somebody else started it");
}

/* ------------------------------------------------------------------ what must hold */

uint32_t fleet_running(struct fleet *fleet, uint32_t vm)
{
	uint32_t count = 0;

	FLEET_EACH_HOST (fleet, host) {
		uint8_t side = fleet_copy(fleet, vm, host)->side;
		const struct flight *flight = &fleet->flights[vm];
		bool fetching = side == SIDE_POSTCOPY && flight->to == host;

		count += side == SIDE_RUNNING || fetching;
	}
	return count;
}

void fleet_check(struct fleet *fleet)
{
	FLEET_EACH_VM (fleet, vm) {
		bool anything = false;

		if (fleet->cluster->vms[vm].host == NONE)
			continue;
		FLEET_EACH_HOST (fleet, host)
			anything = anything || fleet_copy(fleet, vm, host)->side != SIDE_ABSENT;
		if (fleet_running(fleet, vm) > 1 && !fleet->doubled[vm])
			violate(fleet, "%s runs twice", vm_name(fleet, vm));
		if (!anything && !fleet->touched[vm])
			violate(fleet, "nothing is left of %s", vm_name(fleet, vm));
	}
}
