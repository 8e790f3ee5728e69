/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/fleet_driver.h"

#include "core/must.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Polls of a migration's statistics, as the real driver's. */
static const double POLL_S = 0.5;

enum order_kind {
	ORDER_COMMAND, /* a command reaches its host */
	ORDER_SEEN,    /* the second half of a look */
	ORDER_POLL,
	ORDER_CALL, /* a call that waits for the end of a flight */
	ORDER_EVENT /* an answer comes back */
};

struct fleet_order {
	uint8_t kind;
	int64_t due_ns; /* TIME_NEVER: it waits */
	uint64_t sequence;
	uint32_t flight; /* POLL, CALL: its number */
	struct command command;
	struct event event;
};

static struct fleet_driver *of(struct backend *backend)
{
	return (struct fleet_driver *)backend;
}

static int64_t after(struct fleet_driver *driver, double least_s, double most_s)
{
	return driver->fleet->now_ns +
	       (int64_t)((least_s + (most_s - least_s) * fleet_draw(driver->fleet)) * 1e9);
}

static struct fleet_order *push(struct fleet_driver *driver, enum order_kind kind, int64_t due_ns)
{
	struct fleet_order *order;

	if (driver->order_count == driver->order_room) {
		driver->order_room = driver->order_room ? driver->order_room * 2 : 32;
		driver->orders = memory_resize(driver->orders, driver->order_room, sizeof(*driver->orders));
	}
	order = &driver->orders[driver->order_count++];
	*order = (struct fleet_order){ .kind = (uint8_t)kind,
		                       .due_ns = due_ns,
		                       .sequence = driver->sequence++ };
	return order;
}

static const struct plan_move *move_of(const struct fleet_driver *driver, uint32_t move)
{
	return &driver->executor->plan->moves[move];
}

static bool reaches(const struct fleet_driver *driver, uint32_t host)
{
	return driver->cut_ns[host] == 0 && fleet_answers(driver->fleet, host);
}

/* An answer sets out: it may be late, it may come twice. */
static void answer(struct fleet_driver *driver, struct event event)
{
	bool late = fleet_draw(driver->fleet) < driver->faults.late_share;
	bool twice = fleet_draw(driver->fleet) < driver->faults.twice_share;
	int64_t due_ns = after(driver, 0.001, late ? driver->faults.late_s : 0.02);

	push(driver, ORDER_EVENT, due_ns)->event = event;
	if (twice)
		push(driver, ORDER_EVENT, after(driver, 0.001, driver->faults.late_s))->event = event;
}

static void answer_at(struct fleet_driver *driver, struct event event, int64_t due_ns)
{
	push(driver, ORDER_EVENT, due_ns)->event = event;
}

static struct event event_for(const struct command *command, enum event_kind kind)
{
	return (struct event){ .kind = (uint8_t)kind,
		               .move = command->move,
		               .attempt = command->attempt,
		               .token = command->token,
		               .call = command->kind };
}

static struct event returned(const struct command *command, const char *why)
{
	struct event event = event_for(command, EVENT_RETURNED);

	event.ok = !why;
	event.why = why;
	return event;
}

static void answer_returned(struct fleet_driver *driver, const struct command *command, const char *why)
{
	answer(driver, returned(command, why));
}

/* ------------------------------------------------------------------ what the fleet says by itself */

static uint32_t move_of_call(const struct fleet_driver *driver, uint32_t vm)
{
	for (uint32_t i = 0; i < driver->executor->plan->move_count; i++) {
		if (move_of(driver, i)->vm == vm && driver->executor->standings[i] == STANDING_GOING)
			return i;
	}
	return NONE;
}

/* The statistics of a job that is over. */
static struct progress completed(const struct flight *flight)
{
	return (struct progress){ .elapsed_s = flight->precopy.now_s,
		                  .processed_bytes = flight->precopy.sent_bytes,
		                  .total_bytes = flight->precopy.sent_bytes,
		                  .downtime_ms = 1000 * flight->precopy.downtime_s,
		                  .throttle_percent = 100 * flight->precopy.throttle,
		                  .iterations = flight->precopy.iterations };
}

/* Calls that wait for the end of the VM's flight come back. */
static void return_calls(struct fleet_driver *driver, uint32_t vm, bool ok, const char *why)
{
	for (uint32_t i = 0; i < driver->order_count; i++) {
		struct fleet_order order = driver->orders[i];
		struct event event;

		if (order.kind != ORDER_CALL || move_of(driver, order.command.move)->vm != vm)
			continue;
		driver->orders[i--] = driver->orders[--driver->order_count];
		event = returned(&order.command, ok ? NULL : why);
		event.progress = completed(&driver->fleet->flights[vm]);
		answer(driver, event);
	}
}

static void hear(void *context, uint32_t vm, enum event_kind kind, bool ok, const char *why)
{
	struct fleet_driver *driver = context;
	uint32_t move = move_of_call(driver, vm);
	struct event event = { .kind = (uint8_t)kind, .move = move, .why = why };

	if (kind == EVENT_RETURNED) {
		return_calls(driver, vm, ok, why);
		return;
	}
	if (move == NONE || !reaches(driver, move_of(driver, move)->from))
		return;
	event.attempt = driver->executor->migrations[move].attempt;
	answer(driver, event);
}

/* ------------------------------------------------------------------ commands */

static void check(struct fleet_driver *driver, const struct command *command)
{
	const struct plan_move *move = move_of(driver, command->move);
	const struct fleet_copy *source = fleet_copy(driver->fleet, move->vm, move->from);
	const struct fleet_copy *target = fleet_copy(driver->fleet, move->vm, move->to);
	struct event event = event_for(command, EVENT_CHECKED);
	bool live = fleet_lives(source);

	event.persistent = source->defined;
	event.running = source->side == SIDE_RUNNING;
	if (!reaches(driver, move->from) || !reaches(driver, move->to))
		event.why = "a host does not answer";
	else if (driver->fleet->flights[move->vm].phase != FLIGHT_NONE)
		event.why = "a migration of it is under way";
	else if (move->method == METHOD_LIVE ? !live : !live && source->side != SIDE_OFF)
		event.why = "it does not run at the source";
	else if (move->method == METHOD_COLD && !source->defined)
		event.why = "it would be forgotten when it is shut down";
	else if (target->side != SIDE_ABSENT && target->side != SIDE_OFF)
		event.why = "the target has a copy of it";
	event.ok = !event.why;
	answer(driver, event);
}

/* Answered when the VM's flight ends; until then there is somebody who looks on. */
static void wait_for_end(struct fleet_driver *driver, const struct command *command)
{
	uint32_t flight = driver->fleet->flights[move_of(driver, command->move)->vm].number;
	struct fleet_order *order = push(driver, ORDER_CALL, TIME_NEVER);

	order->command = *command;
	order->flight = flight;
	order = push(driver, ORDER_POLL, after(driver, POLL_S, POLL_S));
	order->command = *command;
	order->flight = flight;
}

static void start(struct fleet_driver *driver, const struct command *command)
{
	const struct plan_move *move = move_of(driver, command->move);
	const char *why = "a host does not answer";

	if (reaches(driver, move->from))
		why = fleet_start(driver->fleet, move->vm, move->from, move->to, command->number);
	if (why) {
		answer_returned(driver, command, why);
		return;
	}
	wait_for_end(driver, command);
}

/* One watcher a move is enough: the call that waited before is answered by the one that follows it. */
static void drop_watch(struct fleet_driver *driver, uint32_t move)
{
	for (uint32_t i = 0; i < driver->order_count; i++) {
		const struct fleet_order *order = &driver->orders[i];

		if (order->kind == ORDER_POLL && order->command.move == move)
			driver->orders[i--] = driver->orders[--driver->order_count];
	}
}

static void watch(struct fleet_driver *driver, const struct command *command)
{
	const struct plan_move *move = move_of(driver, command->move);
	const struct flight *flight = &driver->fleet->flights[move->vm];

	drop_watch(driver, command->move);
	if (!reaches(driver, move->from) || flight->phase == FLIGHT_NONE || flight->phase == FLIGHT_BROKEN) {
		answer_returned(driver, command, NULL);
		return;
	}
	wait_for_end(driver, command);
}

static void poll(struct fleet_driver *driver, const struct fleet_order *order)
{
	const struct plan_move *move = move_of(driver, order->command.move);
	const struct flight *flight = &driver->fleet->flights[move->vm];
	struct event event = event_for(&order->command, EVENT_PROGRESS);

	if (flight->phase != FLIGHT_MEMORY || flight->number != order->flight)
		return;
	if (reaches(driver, move->from)) {
		event.progress = (struct progress){
			.elapsed_s = flight->precopy.now_s,
			.remaining_bytes = precopy_remaining_bytes(&flight->precopy),
			.processed_bytes = flight->precopy.sent_bytes,
			.throttle_percent = 100 * flight->precopy.throttle,
			.iterations = flight->precopy.phase == PRECOPY_SETUP ? 0 : flight->precopy.iterations,
		};
		answer(driver, event);
	}
	*push(driver, ORDER_POLL, 0) = (struct fleet_order){ .kind = ORDER_POLL,
		                                             .due_ns = after(driver, POLL_S, POLL_S),
		                                             .sequence = driver->sequence++,
		                                             .flight = order->flight,
		                                             .command = order->command };
}

/* The source is asked first, then the target. */
static void look(struct fleet_driver *driver, const struct command *command)
{
	const struct plan_move *move = move_of(driver, command->move);
	const struct flight *flight = &driver->fleet->flights[move->vm];
	const struct fleet_copy *copy = fleet_copy(driver->fleet, move->vm, move->from);
	struct fleet_order *order = push(driver, ORDER_SEEN, after(driver, 0.001, 0.5));

	order->command = *command;
	order->event = event_for(command, EVENT_SEEN);
	if (!reaches(driver, move->from))
		return;
	order->event.seen.source = copy->side;
	order->event.seen.source_persistent = copy->defined;
	order->event.seen.source_job = (flight->phase == FLIGHT_MEMORY || flight->phase == FLIGHT_FINISH) &&
	                               flight->from == move->from;
}

static void look_at_target(struct fleet_driver *driver, struct fleet_order *order)
{
	const struct plan_move *move = move_of(driver, order->command.move);
	const struct flight *flight = &driver->fleet->flights[move->vm];
	const struct fleet_copy *copy = fleet_copy(driver->fleet, move->vm, move->to);

	if (reaches(driver, move->to)) {
		order->event.seen.target = copy->side;
		order->event.seen.target_persistent = copy->defined;
		order->event.seen.target_job = (flight->phase == FLIGHT_MEMORY ||
		                                flight->phase == FLIGHT_ORPHAN) &&
		                               flight->to == move->to;
	}
	answer(driver, order->event);
}

/* What makes vCPUs run is refused when another host runs it, or cannot be asked. */
static const char *why_not_alone(struct fleet_driver *driver, const struct command *command)
{
	const struct plan_move *move = move_of(driver, command->move);
	bool at_target = command->kind == COMMAND_BOOT_TARGET;
	uint32_t here = at_target ? move->to : move->from;

	if (command->kind != COMMAND_RESUME_SOURCE && command->kind != COMMAND_BOOT_SOURCE && !at_target)
		return NULL;
	FLEET_EACH_HOST (driver->fleet, host) {
		uint8_t side = fleet_copy(driver->fleet, move->vm, host)->side;

		if (host == here)
			continue;
		if (!reaches(driver, host))
			return "a host cannot be asked whether it runs there";
		if (side != SIDE_ABSENT && side != SIDE_OFF)
			return "another host has it";
	}
	return NULL;
}

static void carry_out(struct fleet_driver *driver, const struct command *command)
{
	const struct plan_move *move = move_of(driver, command->move);
	struct fleet *fleet = driver->fleet;
	bool at_target = command->kind == COMMAND_DESTROY_TARGET || command->kind == COMMAND_PERSIST_TARGET ||
	                 command->kind == COMMAND_BOOT_TARGET;
	const char *why = NULL;

	if (!reaches(driver, at_target ? move->to : move->from)) {
		if (command->kind != COMMAND_LIMIT)
			answer_returned(driver, command, "the host does not answer");
		return;
	}
	fleet_judge_order(fleet, command->kind, move->vm, move->from, move->to);
	why = why_not_alone(driver, command);
	if (why) {
		answer_returned(driver, command, why);
		return;
	}
	switch ((enum command_kind)command->kind) {
	case COMMAND_LIMIT:
		fleet_limit(fleet, move->vm, command->number);
		return;
	case COMMAND_POSTCOPY:
		why = fleet_postcopy(fleet, move->vm);
		break;
	case COMMAND_CANCEL:
		why = fleet_cancel(fleet, move->vm, move->from);
		break;
	case COMMAND_RECOVER:
		why = fleet_recover(fleet, move->vm, move->from, move->to);
		if (why)
			break;
		wait_for_end(driver, command);
		return;
	case COMMAND_STOP:
	case COMMAND_CARRY:
	case COMMAND_BOOT_TARGET:
	case COMMAND_BOOT_SOURCE:
		why = fleet_cold(fleet, command->kind, move->vm, move->from, move->to);
		answer_at(driver, returned(command, why), after(driver, 0.5, 8));
		return;
	default:
		why = fleet_mend(fleet, command->kind, move->vm, move->from, move->to);
		break;
	}
	answer_returned(driver, command, why);
}

/* ------------------------------------------------------------------ stock */

/* Where the VM is, as far as hosts answer. */
static struct stock_change find_vm(struct fleet_driver *driver, uint32_t vm)
{
	struct fleet *fleet = driver->fleet;
	struct stock_change found = { .vm = vm, .host = NONE, .state = VM_STOPPED };
	uint32_t live = 0;

	FLEET_EACH_HOST (fleet, host) {
		const struct fleet_copy *copy = fleet_copy(fleet, vm, host);
		bool runs = fleet_lives(copy) || copy->side == SIDE_SENT;

		if (!reaches(driver, host) || copy->side == SIDE_ABSENT || (!runs && live > 0))
			continue;
		if (runs)
			live++;
		found.host = host;
		found.state = runs ? (copy->side == SIDE_PAUSED ? VM_PAUSED : VM_ACTIVE) : VM_STOPPED;
	}
	found.twice = fleet_running(fleet, vm) > 1;
	return found;
}

static bool is_needed(const struct fleet_driver *driver, uint32_t host)
{
	for (uint32_t i = 0; i < driver->executor->plan->move_count; i++) {
		const struct plan_move *move = move_of(driver, i);

		if ((move->from == host || move->to == host) && executor_is_left(driver->executor, i))
			return true;
	}
	return false;
}

static void take_stock(struct fleet_driver *driver, const struct command *command)
{
	const struct cluster *cluster = driver->fleet->cluster;
	const struct state *believed = &driver->executor->state;
	struct event event = event_for(command, EVENT_STOCK);
	uint32_t count = 0;

	event.verdict = TAKING_PROVEN;
	FLEET_EACH_HOST (driver->fleet, host) {
		if (!reaches(driver, host) && is_needed(driver, host)) {
			event.verdict = TAKING_UNKNOWN;
			event.why = "a host does not answer";
		}
	}
	free(driver->changes);
	driver->changes = MEMORY_ARRAY(struct stock_change, cluster->vm_count);
	FLEET_EACH_VM (driver->fleet, vm) {
		struct stock_change found = find_vm(driver, vm);
		bool away = believed->vm_host[vm] != NONE && !reaches(driver, believed->vm_host[vm]);

		if (event.verdict != TAKING_PROVEN || cluster->vms[vm].host == NONE ||
		    believed->vm_target[vm] != NONE || away)
			continue;
		if (cluster->vms[vm].state != VM_ACTIVE && cluster->vms[vm].state != VM_PAUSED)
			found.state = believed->vm_state[vm];
		if (found.host != believed->vm_host[vm] || found.state != believed->vm_state[vm] ||
		    found.twice)
			driver->changes[count++] = found;
	}
	driver->stock_token = command->token;
	event.changes = driver->changes;
	event.change_count = count;
	answer(driver, event);
}

/* ------------------------------------------------------------------ the backend */

static void submit(struct backend *backend, const struct command *command)
{
	struct fleet_driver *driver = of(backend);

	push(driver, ORDER_COMMAND, after(driver, 0.001, 0.05))->command = *command;
}

static void obey(struct fleet_driver *driver, const struct command *command)
{
	switch ((enum command_kind)command->kind) {
	case COMMAND_STOCK:
		take_stock(driver, command);
		break;
	case COMMAND_CHECK:
		check(driver, command);
		break;
	case COMMAND_START:
		start(driver, command);
		break;
	case COMMAND_WATCH:
		watch(driver, command);
		break;
	case COMMAND_LOOK:
		look(driver, command);
		break;
	default:
		carry_out(driver, command);
		break;
	}
}

static uint32_t first_order(const struct fleet_driver *driver)
{
	uint32_t first = NONE;

	for (uint32_t i = 0; i < driver->order_count; i++) {
		const struct fleet_order *order = &driver->orders[i], *best;

		best = first == NONE ? NULL : &driver->orders[first];
		if (order->due_ns < TIME_NEVER &&
		    (!best || order->due_ns < best->due_ns ||
		     (order->due_ns == best->due_ns && order->sequence < best->sequence)))
			first = i;
	}
	return first;
}

/* Contact is there again; those whose hosts these are hear of it. */
static void tell_hosts_moves(struct fleet_driver *driver, uint32_t host, enum event_kind kind)
{
	for (uint32_t i = 0; i < driver->executor->plan->move_count; i++) {
		const struct plan_move *move = move_of(driver, i);

		if ((move->from != host && move->to != host) ||
		    driver->executor->standings[i] != STANDING_GOING)
			continue;
		answer(driver, (struct event){ .kind = (uint8_t)kind,
		                               .move = i,
		                               .attempt = driver->executor->migrations[i].attempt });
	}
}

/* Calls over a line that is cut come back with an error; what they had ordered goes on. */
static void break_calls(struct fleet_driver *driver, uint32_t host)
{
	for (uint32_t i = 0; i < driver->order_count; i++) {
		struct fleet_order order = driver->orders[i];

		if (order.kind != ORDER_CALL || move_of(driver, order.command.move)->from != host)
			continue;
		driver->orders[i--] = driver->orders[--driver->order_count];
		answer_returned(driver, &order.command, "the connection to the host is lost");
	}
}

void fleet_driver_cut(struct fleet_driver *driver, uint32_t host, double seconds)
{
	int64_t until_ns = driver->fleet->now_ns + (int64_t)(seconds * 1e9);

	if (driver->cut_ns[host] == 0)
		tell_hosts_moves(driver, host, EVENT_LOST);
	if (until_ns > driver->cut_ns[host])
		driver->cut_ns[host] = until_ns;
	break_calls(driver, host);
}

/* A daemon that dies takes the lines to it along. */
static void note_silent_hosts(struct fleet_driver *driver)
{
	FLEET_EACH_HOST (driver->fleet, host) {
		if (!fleet_answers(driver->fleet, host) && driver->cut_ns[host] == 0)
			fleet_driver_cut(driver, host, 1);
		if (driver->cut_ns[host] > 0 && driver->cut_ns[host] <= driver->fleet->now_ns) {
			driver->cut_ns[host] = 0;
			if (fleet_answers(driver->fleet, host))
				tell_hosts_moves(driver, host, EVENT_BACK);
			else
				driver->cut_ns[host] = driver->fleet->now_ns + 1000000000;
		}
	}
}

static int64_t next_ns(struct fleet_driver *driver)
{
	uint32_t first = first_order(driver);
	int64_t due_ns = first == NONE ? TIME_NEVER : driver->orders[first].due_ns;

	FLEET_EACH_HOST (driver->fleet, host) {
		if (driver->cut_ns[host] > 0 && driver->cut_ns[host] < due_ns)
			due_ns = driver->cut_ns[host];
	}
	return driver->befall_ns < due_ns ? driver->befall_ns : due_ns;
}

/* Whether an event has come. */
static bool pass_order(struct fleet_driver *driver, uint32_t index, struct event *ret_event)
{
	struct fleet_order order = driver->orders[index];

	driver->orders[index] = driver->orders[--driver->order_count];
	switch ((enum order_kind)order.kind) {
	case ORDER_COMMAND:
		obey(driver, &order.command);
		return false;
	case ORDER_SEEN:
		look_at_target(driver, &order);
		return false;
	case ORDER_POLL:
		poll(driver, &order);
		return false;
	case ORDER_EVENT:
		*ret_event = order.event;
		ret_event->at_ns = driver->fleet->now_ns;
		/* What it told of may be gone when it comes late. */
		if (ret_event->kind == EVENT_STOCK && ret_event->token != driver->stock_token)
			ret_event->change_count = 0;
		return true;
	case ORDER_CALL:
		break;
	}
	must(false);
}

static void wait_for(struct backend *backend, int64_t deadline_ns, struct event *ret_event)
{
	struct fleet_driver *driver = of(backend);

	for (;;) {
		int64_t due_ns = next_ns(driver), fleet_ns = fleet_next_ns(driver->fleet);
		uint32_t first;

		if (fleet_ns < due_ns && fleet_ns < deadline_ns) {
			fleet_advance(driver->fleet, fleet_ns);
			continue;
		}
		if (due_ns > deadline_ns || due_ns >= TIME_NEVER) {
			int64_t to_ns = deadline_ns < TIME_NEVER ? deadline_ns : driver->fleet->now_ns;

			if (to_ns > driver->fleet->now_ns)
				fleet_advance(driver->fleet, to_ns);
			*ret_event = (struct event){ .kind = EVENT_TIMER,
				                     .move = NONE,
				                     .at_ns = driver->fleet->now_ns };
			return;
		}
		if (due_ns > driver->fleet->now_ns)
			fleet_advance(driver->fleet, due_ns);
		if (driver->befall_ns <= driver->fleet->now_ns)
			driver->befall_ns = driver->befall(driver->befall_context, driver);
		note_silent_hosts(driver);
		first = first_order(driver);
		if (first != NONE && driver->orders[first].due_ns <= driver->fleet->now_ns &&
		    pass_order(driver, first, ret_event))
			return;
	}
}

static void close_driver(struct backend *backend)
{
	struct fleet_driver *driver = of(backend);

	fleet_listen_no_more(driver->fleet, driver);
	free(driver->orders);
	free(driver->cut_ns);
	free(driver->changes);
}

void fleet_driver_create(struct fleet_driver *ret_driver, struct fleet *fleet,
                         const struct executor *executor, const struct fleet_faults *faults)
{
	*ret_driver = (struct fleet_driver){ .backend = { submit, wait_for, close_driver },
		                             .fleet = fleet,
		                             .executor = executor,
		                             .faults = *faults,
		                             .befall_ns = TIME_NEVER };
	ret_driver->cut_ns = MEMORY_ARRAY(int64_t, fleet->cluster->host_count);
	fleet_listen(fleet, (struct fleet_listener){ hear, ret_driver });
}
