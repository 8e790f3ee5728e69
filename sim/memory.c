/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/memory.h"

#include "core/must.h"
#include "models/bounds.h"
#include "models/hypervisor.h"
#include "models/spread.h"
#include "sim/random.h"
#include "sim/record.h"
#include "sim/steer.h"
#include "sim/trace.h"

#include <math.h>

static const double PAGES_PER_MIB = 256;
static const double MIB = 1048576;
static const double PAGE = 4096;
static const double SECONDS_PER_NS = 1e-9;
/* A guest's haste cannot be nothing at all. */
static const double LOAD_LEAST = 1e-6;

/* What comes within this time is waited for by the clock: a link counts bytes, and rounds them. */
static const double CLOSE_S = 1e-3;

/* The cluster file's words in the model's terms. Points are converted into the run's arena. */
static struct dirty dirty_of(struct world *world, const struct move *move, double used_pages)
{
	static const enum dirty_law laws[] = {
		[DIRTY_MODEL_IDLE] = DIRTY_IDLE,
		[DIRTY_MODEL_UNIFORM] = DIRTY_UNIFORM,
		[DIRTY_MODEL_HOTCOLD] = DIRTY_HOTCOLD,
		[DIRTY_MODEL_ZIPF] = DIRTY_ZIPF,
		[DIRTY_MODEL_SEQUENTIAL] = DIRTY_SEQUENTIAL,
		[DIRTY_MODEL_MEASURED] = DIRTY_MEASURED,
	};
	const struct dirty_settings *settings = world->cluster->vms[move->vm].dirty;
	struct dirty dirty = { .law = laws[settings->model],
		               .working_set_pages = settings->working_set_mib * PAGES_PER_MIB,
		               .rate_pages_s = settings->rate_pages_s,
		               .hot_fraction = settings->hot_fraction,
		               .hot_probability = settings->hot_probability,
		               .exponent = settings->exponent,
		               .background_pages_s = settings->background_pages_s,
		               .duty_period_s = settings->duty_period_s,
		               .duty_on_fraction = settings->duty_on_fraction,
		               .limit_pages = used_pages };

	if (world->state->vm_state[move->vm] == VM_PAUSED)
		return (struct dirty){ .law = DIRTY_IDLE }; /* it writes nothing, nor does its kernel */
	if (settings->duty_period_s > 0 && settings->duty_on_fraction <= 0)
		dirty.rate_pages_s = 0;
	if (settings->model == DIRTY_MODEL_MEASURED) {
		struct dirty_point *points = ARENA_ARRAY(&world->arena, struct dirty_point,
		                                         settings->point_count);

		for (uint32_t i = 0; i < settings->point_count; i++)
			points[i] = (struct dirty_point){ settings->points[i][0],
				                          settings->points[i][1] * PAGES_PER_MIB };
		dirty.points = points;
		dirty.point_count = settings->point_count;
	}
	return dirty;
}

static double given_or(double given, double otherwise)
{
	return isnan(given) ? otherwise : given;
}

/* An unknown version goes by the default row. */
static const struct hypervisor *hypervisor_of(const struct world *world, const struct move *move)
{
	return hypervisors_for(world->hypervisors, move->timing.hypervisor);
}

/* The first run is the expected one: only what has no middle, as a phase, is drawn for it. */
static double draw_factor(const struct world *world, const struct move *move, enum spread_of of)
{
	if (world->run == 0)
		return 1;
	return spread_factor(hypervisor_of(world, move), of,
	                     random_unit(world->seed, world->run, move->vm, PURPOSE_SPREAD + of));
}

double memory_setup_s(const struct world *world, const struct move *move)
{
	const struct hypervisor *hypervisor = hypervisor_of(world, move);
	double setup_ms = move->timing.setup_ms;

	/* Whoever says how long it takes has counted that in. */
	if (isnan(setup_ms))
		setup_ms = hypervisor->setup_ms *
		           (world->setup_count[move->to] > 0 ? 1 + hypervisor->setup_crowd : 1);
	return setup_ms / 1000 * draw_factor(world, move, SPREAD_SETUP);
}

double memory_share(const struct world *world, const struct move *move)
{
	return draw_factor(world, move, SPREAD_SHARE);
}

void memory_links(const struct world *world, struct move *move)
{
	double efficiency = given_or(move->timing.wire_efficiency,
	                             hypervisor_of(world, move)->wire_efficiency);

	move->efficiency = fmin(efficiency * draw_factor(world, move, SPREAD_RATE), 1);
}

/* So many times what its `dirty` says does a guest write at this hour of the day. */
static double load_now(const struct world *world, const struct vm *vm)
{
	double hour;

	if (vm->load == NONE || world->start_hour < 0)
		return 1;
	hour = fmod(world->start_hour + (double)world->now_ns / 3.6e12, DAY_HOURS);
	return fmax(world->cluster->loads[vm->load].hours[(int)hour], LOAD_LEAST);
}

struct precopy_input memory_input(struct world *world, const struct move *move)
{
	const struct vm *vm = &world->cluster->vms[move->vm];
	const struct timing *timing = &move->timing;
	const struct hypervisor *hypervisor = hypervisor_of(world, move);
	double memory_pages = (double)state_flavor(world->state, move->vm)->memory_mib * PAGES_PER_MIB;
	double used_pages = fmin(vm->used_mib * PAGES_PER_MIB * draw_factor(world, move, SPREAD_USED),
	                         memory_pages);
	struct precopy_input input = {
		.hypervisor = hypervisor,
		.dirty = dirty_of(world, move, used_pages),
		.memory_pages = memory_pages,
		.used_pages = used_pages,
		.bandwidth_bytes_s = timing->bandwidth_bytes_s,
		.setup_s = memory_setup_s(world, move),
		.stop_s = hypervisor->stop_ms / 1000 * draw_factor(world, move, SPREAD_STOP),
		.switchover_s = given_or(timing->switchover_ms, hypervisor->switchover_ms) / 1000,
		.haste = draw_factor(world, move, SPREAD_DIRTY) * load_now(world, vm) - 1,
		.luck = random_key(world->seed, world->run, move->vm, PURPOSE_WINDOWS),
		.auto_converge = timing->auto_converge,
	};

	if (input.dirty.duty_period_s > 0)
		input.duty_phase_s = input.dirty.duty_period_s *
		                     random_unit(world->seed, world->run, move->vm, PURPOSE_DUTY_PHASE);
	return input;
}

void memory_start(struct world *world, struct move *move)
{
	struct precopy_input input = memory_input(world, move);

	move->stage = STAGE_MEMORY;
	move->memory_ns = world->now_ns;
	precopy_start(&move->precopy, &input, move->core.limit_ms / 1000);
	move->in_setup = move->precopy.phase == PRECOPY_SETUP;
	world->setup_count[move->to] += move->in_setup;
	trace_move(world, move, "set-up", "%.1f MiB of %.0f MiB, limit %.0f ms",
	           input.used_pages / PAGES_PER_MIB, input.memory_pages / PAGES_PER_MIB, move->core.limit_ms);
	record_memory(world, move); /* a pair, as around events */
	record_memory(world, move);
	steer_progress(world, move, precopy_remaining_bytes(&move->precopy), world->now_ns);
}

/* Once the switch-over is decided, asking for post-copy comes too late. */
void memory_postcopy(struct world *world, struct move *move)
{
	if (move->stage != STAGE_MEMORY || move->precopy.phase != PRECOPY_COPYING || move->precopy.stopping ||
	    move->precopy.asked)
		return;
	precopy_start_postcopy(&move->precopy);
	if (world->trace)
		trace_move(world, move, "post-copy", "%s", migration_last_why());
}

static void trace_event(struct world *world, const struct move *move, enum precopy_event event)
{
	const struct precopy *precopy = &move->precopy;
	double left = precopy_remaining_bytes(precopy) / MIB;

	switch (event) {
	case PRECOPY_STARTED:
		trace_move(world, move, "copying", "%.1f MiB left", left);
		break;
	case PRECOPY_THROTTLED:
		trace_move(world, move, "throttled", "%.0f %%", 100 * precopy->throttle);
		/* fall through */
	case PRECOPY_SYNCED:
		trace_move(world, move, "synced", "round %u, %.1f MiB left, threshold %.1f MiB",
		           precopy->iterations, left, precopy->threshold_bytes / MIB);
		break;
	case PRECOPY_STOPPED:
		trace_move(world, move, "stopped", "round %u, %.1f MiB left", precopy->iterations, left);
		break;
	case PRECOPY_SWITCHED:
		trace_move(world, move, "switched", "after %.1f ms, %.1f MiB left to fetch",
		           1000 * precopy->downtime_s, left);
		break;
	case PRECOPY_COMPLETED:
	case PRECOPY_NOTHING:
		break;
	}
}

void memory_catch_up(struct world *world, struct move *move)
{
	const struct precopy *precopy = &move->precopy;

	/* A page less is progress; less than that is rounding. */
	if (move->stage == STAGE_MEMORY && precopy->phase == PRECOPY_COPYING &&
	    precopy->min_pending_bytes < move->core.low_bytes - PAGE)
		steer_progress(world, move, precopy->min_pending_bytes,
		               move->memory_ns + seconds_ns(precopy->min_pending_s));
}

static void tell_event(struct world *world, struct move *move, enum precopy_event event)
{
	switch (event) {
	case PRECOPY_STARTED:
	case PRECOPY_SYNCED:
	case PRECOPY_THROTTLED:
		if (move->heeds)
			steer_progress(world, move, precopy_remaining_bytes(&move->precopy), world->now_ns);
		break;
	case PRECOPY_STOPPED:
		steer_tell(world, move, EVENT_STOPPED);
		break;
	case PRECOPY_SWITCHED:
		steer_tell(world, move, EVENT_SWITCHED);
		break;
	case PRECOPY_COMPLETED:
	case PRECOPY_NOTHING:
		break;
	}
}

void memory_leave_setup(struct world *world, struct move *move)
{
	world->setup_count[move->to] -= move->in_setup;
	move->in_setup = false;
}

/* Time goes on at the rate that was set. Returns whether it is all over. */
static bool go_on(struct world *world, struct move *move, double dt_s)
{
	struct precopy *precopy = &move->precopy;

	for (;;) {
		double next_s = precopy_next_s(precopy);
		enum precopy_event event;

		if (next_s > dt_s + SECONDS_PER_NS) {
			if (dt_s > 0)
				precopy_advance(precopy, dt_s);
			return false;
		}
		if (dt_s > 0 && next_s > 0)
			precopy_advance(precopy, at_most(next_s, dt_s));
		dt_s = at_least(dt_s - next_s, 0);
		record_memory(world, move);
		event = precopy_step(precopy);
		record_memory(world, move);
		if (world->trace)
			trace_event(world, move, event);
		if (event == PRECOPY_STARTED)
			memory_leave_setup(world, move);
		if (event == PRECOPY_COMPLETED)
			return true;
		tell_event(world, move, event);
	}
}

/*
 * The same where many share a link (links_is_crowded) and the rate drifted. QEMU decides by the bandwidth
 * that it measured last: that at the end.
 */
static bool go_on_drifting(struct world *world, struct move *move, double dt_s, double bytes, bool look)
{
	struct precopy *precopy = &move->precopy;
	double rate = links_rate(&world->links, move->flow) * move->efficiency;

	if (precopy->phase != PRECOPY_COPYING || precopy->stopping || precopy->pace.capped) {
		precopy_set_rate(precopy, bytes / dt_s);
		return go_on(world, move, dt_s);
	}
	precopy_drift(precopy, dt_s, bytes, rate, look);
	return go_on(world, move, 0);
}

bool memory_pass(struct world *world, struct move *move, double dt_s, double wire_bytes,
                 enum memory_pace pace)
{
	struct precopy *precopy = &move->precopy;
	double bytes = wire_bytes * move->efficiency;

	if (move->hopeless) {
		move->vain_bytes += bytes;
		return false;
	}
	if ((pace == MEMORY_DRIFTED || pace == MEMORY_LOOKS) && dt_s > 0) {
		if (go_on_drifting(world, move, dt_s, bytes, pace == MEMORY_LOOKS))
			return true;
	} else {
		if (pace != MEMORY_STEADY && dt_s > 0)
			precopy_set_rate(precopy, bytes / dt_s);
		if (go_on(world, move, dt_s))
			return true;
	}
	if (move->heeds)
		memory_catch_up(world, move);
	return false;
}

/* Whether neither the core's progress nor another rate gives it a chance any more. */
static bool is_vain(const struct world *world, const struct move *move)
{
	return world->now_ns >= move->despair_ns && world->now_ns >= move->chance_ns + DESPAIR_NS;
}

void memory_despair(struct world *world, struct move *move)
{
	if (move->stage != STAGE_MEMORY || move->precopy.phase != PRECOPY_COPYING || !is_vain(world, move))
		return;
	memory_catch_up(world, move);
	if (is_vain(world, move))
		move->hopeless = true;
}

void memory_limit(struct world *world, struct move *move, double limit_ms)
{
	move->hopeless = false;
	if (move->stage != STAGE_MEMORY ||
	    (move->precopy.phase != PRECOPY_SETUP && move->precopy.phase != PRECOPY_COPYING))
		return;
	precopy_set_downtime_limit(&move->precopy, limit_ms / 1000);
	trace_move(world, move, "limit", "%.0f ms", limit_ms);
}

int64_t memory_next_ns(struct world *world, struct move *move)
{
	double rate, next_s;

	if (move->hopeless) {
		links_wake_drop(&world->links, move->flow, world->now_ns);
		return TIME_NEVER;
	}
	rate = links_rate(&world->links, move->flow) * move->efficiency;
	precopy_set_rate(&move->precopy, rate);
	next_s = precopy_next_s(&move->precopy);
	if (next_s > CLOSE_S && next_s < 6e9 && links_is_crowded(&world->links, move->flow) &&
	    !precopy_next_is_timed(&move->precopy)) {
		links_wake(&world->links, move->flow, rate * next_s / move->efficiency, world->now_ns);
		return TIME_NEVER;
	}
	links_wake_drop(&world->links, move->flow, world->now_ns);
	return next_s < 6e9 ? world->now_ns + whole_above(next_s * 1e9) : TIME_NEVER;
}

double memory_demand(const struct move *move)
{
	return precopy_demand_bytes_s(&move->precopy) / move->efficiency;
}
