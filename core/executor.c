/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/executor.h"

#include "core/must.h"
#include "core/schedule.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)

static const char *const standings[] = { "waiting", "going", "done", "skipped", "failed", "unclear", NULL };
static const char *const ends[] = { "going", "done", "stale", "stopped", "unclear", NULL };
const char *const *const standing_words = standings;
const char *const *const executor_end_words = ends;

_Static_assert(sizeof(standings) / sizeof(standings[0]) == STANDING_COUNT + 1, "a word a standing");

struct executor_options executor_options_default(void)
{
	return (struct executor_options){ .patience = migration_patience_default,
		                          .tries = 3,
		                          .retry_ns = 5 * SECOND_NS };
}

/* ------------------------------------------------------------------ life */

static void find_waiters(struct executor *executor)
{
	const struct plan *plan = executor->plan;
	uint32_t *first = MEMORY_ARRAY(uint32_t, plan->move_count + 2), count = 0;

	for (uint32_t i = 0; i < plan->move_count; i++) {
		executor->waits[i] = plan->moves[i].after_count;
		count += plan->moves[i].after_count;
		for (uint32_t j = 0; j < plan->moves[i].after_count; j++)
			first[plan->moves[i].after[j] + 2]++;
	}
	executor->waiters = MEMORY_ARRAY(uint32_t, count);
	executor->waiters_first = first;
	for (uint32_t i = 1; i < plan->move_count + 2; i++)
		first[i] += first[i - 1];
	for (uint32_t i = 0; i < plan->move_count; i++) {
		for (uint32_t j = 0; j < plan->moves[i].after_count; j++)
			executor->waiters[first[plan->moves[i].after[j] + 1]++] = i;
	}
}

void executor_create(struct executor *ret_executor, const struct cluster *cluster, const struct plan *plan,
                     const struct executor_options *options)
{
	struct executor *executor = ret_executor;
	uint32_t count = plan->move_count;

	must(options->tries > 0);
	*executor = (struct executor){ .cluster = cluster,
		                       .plan = plan,
		                       .options = *options,
		                       .stock_due_ns = TIME_FOREVER,
		                       .silent_since_ns = -1 };
	state_create(&executor->state, cluster);
	turns_create(&executor->turns, cluster);
	executor->migrations = MEMORY_ARRAY(struct migration, count);
	executor->standings = MEMORY_ARRAY(uint8_t, count);
	executor->waits = MEMORY_ARRAY(uint32_t, count);
	executor->bases = MEMORY_ARRAY(uint32_t, count);
	executor->retry_due_ns = MEMORY_ARRAY(int64_t, count);
	find_waiters(executor);
	for (uint32_t i = 0; i < count; i++) {
		const struct plan_move *move = &plan->moves[i];
		struct timing timing = timing_of(&executor->state, move->vm,
		                                 vm_has_local_disks(&executor->state, move->vm) &&
		                                         vm_backing(&executor->state, move->vm) !=
		                                                 STORAGE_REMOTE);

		migration_create(&executor->migrations[i], i, move->method == METHOD_COLD, &timing,
		                 &executor->options.patience);
		executor->retry_due_ns[i] = TIME_FOREVER;
	}
}

void executor_free(struct executor *executor)
{
	state_free(&executor->state);
	turns_free(&executor->turns);
	free(executor->migrations);
	free(executor->standings);
	free(executor->waits);
	free(executor->bases);
	free(executor->waiters);
	free(executor->waiters_first);
	free(executor->retry_due_ns);
	*executor = (struct executor){ 0 };
}

void executor_commands_free(struct executor_commands *commands)
{
	free(commands->at);
	*commands = (struct executor_commands){ 0 };
}

static struct command *push(struct executor_commands *out, struct command command)
{
	if (out->count == out->room) {
		out->room = out->room ? out->room * 2 : 16;
		out->at = memory_resize(out->at, out->room, sizeof(*out->at));
	}
	out->at[out->count] = command;
	return &out->at[out->count++];
}

static void push_all(struct executor_commands *out, const struct migration_commands *commands)
{
	for (uint32_t i = 0; i < commands->count; i++)
		push(out, commands->at[i]);
}

/* ------------------------------------------------------------------ ends */

/* The first reason is the one that is told. */
static void __attribute__((format(printf, 3, 4)))
stop_for(struct executor *executor, enum executor_end end, const char *format, ...)
{
	va_list arguments;

	if (end <= (enum executor_end)executor->end)
		return;
	executor->end = (uint8_t)end;
	va_start(arguments, format);
	vsnprintf(executor->why, sizeof(executor->why), format, arguments);
	va_end(arguments);
}

/* Others go on, but it will not be done. The first reason is the one that is told. */
static void __attribute__((format(printf, 2, 3)))
note_failure(struct executor *executor, const char *format, ...)
{
	va_list arguments;

	if (executor->why[0] || executor->end != EXECUTOR_GOING)
		return;
	va_start(arguments, format);
	vsnprintf(executor->why, sizeof(executor->why), format, arguments);
	va_end(arguments);
}

static const char *vm_name(const struct executor *executor, uint32_t vm)
{
	return executor->cluster->vms[vm].name;
}

static const char *host_name(const struct executor *executor, uint32_t host)
{
	return host == NONE ? "no host" : executor->cluster->hosts[host].name;
}

static void set_standing(struct executor *executor, uint32_t move, enum standing standing)
{
	bool was_going = executor->standings[move] == STANDING_GOING;

	executor->going += (uint32_t)(standing == STANDING_GOING) - (uint32_t)was_going;
	executor->standings[move] = (uint8_t)standing;
	if (standing != STANDING_DONE && standing != STANDING_SKIPPED)
		return;
	for (uint32_t i = executor->waiters_first[move]; i < executor->waiters_first[move + 1]; i++)
		executor->waits[executor->waiters[i]]--;
}

bool executor_is_left(const struct executor *executor, uint32_t move)
{
	const struct plan_move *of = &executor->plan->moves[move];
	uint8_t standing = executor->standings[move];

	if (standing != STANDING_WAITING && standing != STANDING_GOING)
		return false;
	for (uint32_t i = 0; i < of->after_count; i++) {
		uint8_t before = executor->standings[of->after[i]];

		if (before == STANDING_FAILED || before == STANDING_UNCLEAR)
			return false;
	}
	return true;
}

/* Those that wait for a move that failed fail with it, one after another: moves only wait for earlier ones.
 */
static void fail_waiters(struct executor *executor)
{
	for (uint32_t i = 0; i < executor->plan->move_count; i++) {
		if (executor->standings[i] == STANDING_WAITING && !executor_is_left(executor, i))
			set_standing(executor, i, STANDING_FAILED);
	}
}

static void release(struct executor *executor, uint32_t move, bool arrived)
{
	const struct plan_move *of = &executor->plan->moves[move];

	if (arrived)
		state_arrive(&executor->state, of->vm);
	else
		state_unclaim(&executor->state, of->vm);
	state_set_vm_busy(&executor->state, of->vm, false);
	if (of->method == METHOD_LIVE)
		turns_give(&executor->turns, of->from, of->to, plan_reserve_bytes_s(of));
	executor->fresh = false;
}

static void end_failed(struct executor *executor, uint32_t move)
{
	struct migration *migration = &executor->migrations[move];
	const struct plan_move *of = &executor->plan->moves[move];

	if (!migration->lasting && !executor->aborting &&
	    migration->attempt - executor->bases[move] < executor->options.tries) {
		executor->retry_due_ns[move] = executor->now_ns + executor->options.retry_ns;
		set_standing(executor, move, STANDING_WAITING);
		migration_retry(migration, executor->now_ns);
		return;
	}
	set_standing(executor, move, STANDING_FAILED);
	fail_waiters(executor);
	note_failure(executor, "%s did not move from %s to %s: %s%s%s", vm_name(executor, of->vm),
	             host_name(executor, of->from), host_name(executor, of->to),
	             migration_reason_words[migration->reason], migration->why[0] ? ": " : "",
	             migration->why);
}

/* A migration that has come to its end. */
static void take_end(struct executor *executor, uint32_t move)
{
	struct migration *migration = &executor->migrations[move];
	const struct plan_move *of = &executor->plan->moves[move];

	if (executor->standings[move] != STANDING_GOING || !migration_is_over(migration))
		return;
	switch ((enum migration_state)migration->state) {
	case MIGRATION_DONE:
		executor->moved = true;
		release(executor, move, true);
		set_standing(executor, move, STANDING_DONE);
		break;
	case MIGRATION_FAILED:
		release(executor, move, false);
		end_failed(executor, move);
		break;
	default:
		/* Both ends stay claimed: nobody knows. */
		set_standing(executor, move, STANDING_UNCLEAR);
		fail_waiters(executor);
		stop_for(executor, EXECUTOR_UNCLEAR, "%s, from %s to %s: %s (%s at %s, %s at %s)%s%s",
		         vm_name(executor, of->vm), host_name(executor, of->from),
		         host_name(executor, of->to), migration_reason_words[migration->reason],
		         side_words[migration->last_side_source], host_name(executor, of->from),
		         side_words[migration->last_side_target], host_name(executor, of->to),
		         migration->why[0] ? ": " : "", migration->why);
		break;
	}
}

/* ------------------------------------------------------------------ stock */

static bool is_settled(uint8_t standing)
{
	return standing == STANDING_DONE || standing == STANDING_SKIPPED;
}

static bool is_goal(const struct executor *executor, uint32_t host)
{
	for (uint32_t i = 0; i < executor->plan->goal_count; i++) {
		if (executor->plan->goal[i] == host)
			return true;
	}
	return false;
}

/* The first of its moves that has not begun; NONE: none. */
static uint32_t next_of(const struct executor *executor, uint32_t vm)
{
	for (uint32_t i = 0; i < executor->plan->move_count; i++) {
		if (executor->plan->moves[i].vm == vm && executor->standings[i] == STANDING_WAITING)
			return i;
	}
	return NONE;
}

/*
 * The VM is somewhere else than its next move expects it: where one of its moves would have brought it, or
 * off the hosts that are to be emptied, its moves up to there are needless. Otherwise they cannot be done.
 */
static void move_by_other_hands(struct executor *executor, uint32_t vm, uint32_t host, bool runs)
{
	const struct plan *plan = executor->plan;
	uint32_t last = NONE;
	bool leaves = host == NONE || !runs || !is_goal(executor, host);
	uint32_t next = next_of(executor, vm);

	if (next == NONE || (plan->moves[next].from == host && runs))
		return;
	for (uint32_t i = 0; i < plan->move_count; i++) {
		if (plan->moves[i].vm == vm && executor->standings[i] == STANDING_WAITING &&
		    plan->moves[i].to == host)
			last = i;
	}
	for (uint32_t i = 0; i < plan->move_count; i++) {
		if (plan->moves[i].vm != vm || executor->standings[i] != STANDING_WAITING)
			continue;
		if (last != NONE ? i <= last : leaves) {
			set_standing(executor, i, STANDING_SKIPPED);
		} else if (plan->moves[i].from != host || !runs) {
			set_standing(executor, i, STANDING_FAILED);
			note_failure(executor, "%s is on %s now, by other hands", vm_name(executor, vm),
			             host_name(executor, host));
		}
		if (i > last || last == NONE)
			host = plan->moves[i].from == host ? plan->moves[i].to : host;
	}
	fail_waiters(executor);
}

static bool is_moving(const struct executor *executor, uint32_t vm)
{
	return executor->state.vm_target[vm] != NONE;
}

static void take_change(struct executor *executor, const struct stock_change *change)
{
	struct state *state = &executor->state;
	uint32_t vm = change->vm;
	bool runs = change->state == VM_ACTIVE || change->state == VM_PAUSED;

	if (change->twice) {
		stop_for(executor, EXECUTOR_UNCLEAR, "%s is on two hosts: a person must look",
		         vm_name(executor, vm));
		return;
	}
	if (is_moving(executor, vm))
		return; /* that is for its migration to find out */
	if (state->vm_host[vm] != change->host) {
		if (state->vm_host[vm] != NONE && change->host != NONE)
			state_move(state, vm, change->host);
		else if (change->host != NONE)
			state_place(state, vm, change->host);
		else
			state_remove(state, vm);
	}
	if (state->vm_state[vm] != change->state)
		state_set_vm_state(state, vm, (enum vm_state)change->state);
	move_by_other_hands(executor, vm, change->host, runs);
}

/*
 * A second opinion beside the proof: the rest in the plan's order, one after another, by the rules, those
 * that are under way first. The state is as before afterwards.
 */
static bool can_go_on(struct executor *executor, uint32_t *ret_move)
{
	struct state *state = &executor->state;
	uint32_t mark = state_mark(state);
	bool possible = true;

	for (uint32_t i = 0; i < executor->plan->move_count; i++) {
		if (executor->standings[i] == STANDING_GOING)
			state_arrive(state, executor->plan->moves[i].vm);
	}
	for (uint32_t i = 0; i < executor->plan->move_count && possible; i++) {
		const struct plan_move *of = &executor->plan->moves[i];
		struct request request;

		if (executor->standings[i] != STANDING_WAITING || !executor_is_left(executor, i) ||
		    of->stage > executor->stage)
			continue;
		request = request_for(state, of->method == METHOD_LIVE ? MOVE_LIVE : MOVE_COLD, of->vm);
		possible = state->vm_host[of->vm] == of->from && schedule_allows_named(&request, of->to);
		if (possible)
			state_move(state, of->vm, of->to);
		else
			*ret_move = i;
	}
	state_rollback(state, mark);
	return possible;
}

static void take_stale(struct executor *executor, const char *why)
{
	stop_for(executor, executor->moved || executor->going > 0 ? EXECUTOR_STOPPED : EXECUTOR_STALE, "%s",
	         why ? why : "the plan is not safe from what the hosts hold now");
}

static void take_proven(struct executor *executor)
{
	uint32_t move = NONE;
	char why[200];

	executor->silent_since_ns = -1;
	executor->fresh = can_go_on(executor, &move);
	if (executor->fresh)
		return;
	snprintf(why, sizeof(why), "%s could not move to %s any more",
	         vm_name(executor, executor->plan->moves[move].vm),
	         host_name(executor, executor->plan->moves[move].to));
	take_stale(executor, why);
}

static void ask_for_stock(struct executor *executor, struct executor_commands *out)
{
	struct command *command = push(out, (struct command){ .kind = COMMAND_STOCK, .move = NONE });

	command->token = ++executor->token;
	executor->stocking = true;
	executor->stock_due_ns = TIME_FOREVER;
}

static void take_stock(struct executor *executor, const struct event *event)
{
	if (!executor->stocking || event->token != executor->token)
		return;
	executor->stocking = false;
	for (uint32_t i = 0; i < event->change_count; i++)
		take_change(executor, &event->changes[i]);
	switch ((enum taking)event->verdict) {
	case TAKING_PROVEN:
		take_proven(executor);
		break;
	case TAKING_STALE:
		take_stale(executor, event->why);
		break;
	case TAKING_UNKNOWN:
		if (executor->silent_since_ns < 0)
			executor->silent_since_ns = executor->now_ns;
		if (executor->now_ns - executor->silent_since_ns >= executor->options.patience.unclear_ns)
			stop_for(executor, EXECUTOR_STOPPED, "%s",
			         event->why ? event->why : "a host does not answer");
		executor->stock_due_ns = executor->now_ns + executor->options.patience.look_ns;
		break;
	}
}

/* ------------------------------------------------------------------ who may start */

static int64_t most_of(const struct executor *executor, uint32_t move)
{
	int64_t most = executor->migrations[move].timing.parallel_per_host;
	uint32_t own = executor->options.parallel_most;

	return own > 0 && (most == 0 || most > own) ? own : most;
}

static bool may_wait_no_more(const struct executor *executor, uint32_t move)
{
	return executor->standings[move] == STANDING_WAITING && executor->waits[move] == 0 &&
	       executor->plan->moves[move].stage <= executor->stage &&
	       (executor->retry_due_ns[move] == TIME_FOREVER ||
	        executor->retry_due_ns[move] <= executor->now_ns);
}

static bool has_turn(struct executor *executor, uint32_t move)
{
	const struct plan_move *of = &executor->plan->moves[move];

	if (of->method != METHOD_LIVE)
		return true;
	return turns_host_open(&executor->turns, of->from, most_of(executor, move)) &&
	       turns_short(&executor->turns, of->from, of->to, plan_reserve_bytes_s(of)) == NONE;
}

/* What is really there must still allow what the plan says. */
static bool is_allowed(const struct executor *executor, uint32_t move, struct reason *ret_reason)
{
	const struct plan_move *of = &executor->plan->moves[move];
	struct request request = request_for(&executor->state,
	                                     of->method == METHOD_LIVE ? MOVE_LIVE : MOVE_COLD, of->vm);

	if (executor->state.vm_host[of->vm] != of->from) {
		snprintf(ret_reason->why, sizeof(ret_reason->why), "it is on %s",
		         host_name(executor, executor->state.vm_host[of->vm]));
		return false;
	}
	if (schedule_allows_named(&request, of->to))
		return true;
	if (rules_explain(&request, of->to, ret_reason, 1) == 0)
		snprintf(ret_reason->why, sizeof(ret_reason->why), "the platform's rules refuse it");
	return false;
}

static void start_move(struct executor *executor, uint32_t move, struct executor_commands *out)
{
	const struct plan_move *of = &executor->plan->moves[move];
	struct migration_commands commands;

	state_claim(&executor->state, of->vm, of->to);
	state_set_vm_busy(&executor->state, of->vm, true);
	if (of->method == METHOD_LIVE)
		turns_take(&executor->turns, of->from, of->to, plan_reserve_bytes_s(of));
	executor->retry_due_ns[move] = TIME_FOREVER;
	set_standing(executor, move, STANDING_GOING);
	migration_go(&executor->migrations[move], executor->now_ns, &commands);
	push_all(out, &commands);
}

/* Starts what may, in the plan's order; first a look at the hosts, if something has changed since the last.
 */
static void start_moves(struct executor *executor, struct executor_commands *out)
{
	struct reason reason = { NULL, "" };
	uint32_t refused = NONE;

	for (uint32_t i = 0; i < executor->plan->move_count; i++) {
		if (!may_wait_no_more(executor, i) || !has_turn(executor, i))
			continue;
		if (!executor->fresh) {
			if (!executor->stocking && executor->stock_due_ns == TIME_FOREVER)
				ask_for_stock(executor, out);
			return;
		}
		if (is_allowed(executor, i, &reason))
			start_move(executor, i, out);
		else if (refused == NONE)
			refused = i;
	}
	/* What others hold may be free when they have ended. When nobody is left to end, it never will be. */
	if (refused != NONE && executor->going == 0)
		stop_for(executor, EXECUTOR_STOPPED, "%s may not move to %s: %s",
		         vm_name(executor, executor->plan->moves[refused].vm),
		         host_name(executor, executor->plan->moves[refused].to), reason.why);
}

/* ------------------------------------------------------------------ steps */

/* A rolling plan stops between its stages: the hosts are locked, maintained and unlocked by others. */
static void find_stage(struct executor *executor)
{
	const struct plan *plan = executor->plan;

	executor->stage = UINT32_MAX;
	for (uint32_t i = 0; i < plan->move_count; i++) {
		if (!is_settled(executor->standings[i]) && plan->moves[i].stage < executor->stage)
			executor->stage = plan->moves[i].stage;
	}
	if (executor->stage == UINT32_MAX)
		executor->stage = 0;
}

/* What stopped it before may be over: those that failed are tried again. */
static void take_up_again(struct executor *executor)
{
	executor->fresh = executor->stocking = executor->aborting = false;
	executor->stock_due_ns = TIME_FOREVER;
	executor->silent_since_ns = -1;
	executor->end = EXECUTOR_GOING;
	executor->why[0] = '\0';
	for (uint32_t i = 0; i < executor->plan->move_count; i++) {
		struct migration *migration = &executor->migrations[i];

		executor->bases[i] = migration->attempt;
		if (executor->standings[i] == STANDING_FAILED) {
			executor->standings[i] = STANDING_WAITING;
			if (migration->state == MIGRATION_FAILED) {
				migration->lasting = false;
				migration_retry(migration, executor->now_ns);
			}
		} else if (executor->standings[i] == STANDING_UNCLEAR) {
			set_standing(executor, i, STANDING_GOING);
		}
	}
	find_stage(executor);
}

static void step_move(struct executor *executor, uint32_t move, const struct event *event,
                      struct executor_commands *out)
{
	struct migration_commands commands;

	migration_step(&executor->migrations[move], event, &commands);
	push_all(out, &commands);
	take_end(executor, move);
}

static void step_all(struct executor *executor, const struct event *event, struct executor_commands *out)
{
	for (uint32_t i = 0; i < executor->plan->move_count; i++) {
		if (executor->standings[i] != STANDING_GOING)
			continue;
		if (event->kind == EVENT_TIMER && migration_due_ns(&executor->migrations[i]) > event->at_ns)
			continue;
		step_move(executor, i, event, out);
	}
}

static void abort_all(struct executor *executor, const struct event *event, struct executor_commands *out)
{
	executor->aborting = true;
	stop_for(executor, EXECUTOR_STOPPED, "an operator stopped it");
	step_all(executor, event, out);
}

void executor_step(struct executor *executor, const struct event *event,
                   struct executor_commands *ret_commands)
{
	ret_commands->count = 0;
	must(event->at_ns >= executor->now_ns);
	executor->now_ns = event->at_ns;
	switch ((enum event_kind)event->kind) {
	case EVENT_BEGIN:
		executor->begun = true;
		find_stage(executor);
		break;
	case EVENT_RESUMED:
		executor->begun = true;
		take_up_again(executor);
		step_all(executor, event, ret_commands);
		break;
	case EVENT_ABORT:
		abort_all(executor, event, ret_commands);
		break;
	case EVENT_STOCK:
		take_stock(executor, event);
		break;
	case EVENT_TIMER:
		if (executor->stock_due_ns <= executor->now_ns)
			executor->stock_due_ns = TIME_FOREVER;
		step_all(executor, event, ret_commands);
		break;
	case EVENT_CHANGED:
	case EVENT_BACK:
		executor->fresh = false;
		/* fall through */
	default:
		if (event->move != NONE)
			step_move(executor, event->move, event, ret_commands);
		break;
	}
	if (executor->begun && executor->end == EXECUTOR_GOING)
		start_moves(executor, ret_commands);
}

int64_t executor_due_ns(const struct executor *executor)
{
	int64_t due_ns = executor->end == EXECUTOR_GOING ? executor->stock_due_ns : TIME_FOREVER;

	for (uint32_t i = 0; i < executor->plan->move_count; i++) {
		int64_t own_ns = TIME_FOREVER;

		if (executor->standings[i] == STANDING_GOING)
			own_ns = migration_due_ns(&executor->migrations[i]);
		else if (executor->standings[i] == STANDING_WAITING && executor->end == EXECUTOR_GOING)
			own_ns = executor->retry_due_ns[i] > executor->now_ns ? executor->retry_due_ns[i]
			                                                      : TIME_FOREVER;
		due_ns = own_ns < due_ns ? own_ns : due_ns;
	}
	return due_ns;
}

static bool is_all_settled(const struct executor *executor)
{
	for (uint32_t i = 0; i < executor->plan->move_count; i++) {
		if (!is_settled(executor->standings[i]))
			return false;
	}
	return true;
}

enum executor_end executor_end(const struct executor *executor)
{
	uint32_t later = 0;

	if (!executor->begun || executor->going > 0)
		return EXECUTOR_GOING;
	/* Whoever wanted it to stop came too late. */
	if (executor->end == EXECUTOR_STOPPED && is_all_settled(executor))
		return EXECUTOR_DONE;
	for (uint32_t i = 0; i < executor->plan->move_count; i++) {
		if (executor->standings[i] != STANDING_WAITING)
			continue;
		if (executor->plan->moves[i].stage <= executor->stage && executor->end == EXECUTOR_GOING)
			return EXECUTOR_GOING;
		later++;
	}
	if (executor->end != EXECUTOR_GOING)
		return (enum executor_end)executor->end;
	return later > 0 || !is_all_settled(executor) ? EXECUTOR_STOPPED : EXECUTOR_DONE;
}
