/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/memory.h"

#include "core/must.h"
#include "models/hypervisor.h"
#include "models/spread.h"
#include "sim/random.h"
#include "sim/record.h"
#include "sim/trace.h"

#include <math.h>

static const double PAGES_PER_MIB = 256;
static const double MIB = 1048576;
static const double PAGE = 4096;
static const double SECONDS_PER_NS = 1e-9;

/*
 * Where many share a link, a flow's events are looked for at the highest rate that it may get
 * (links_rate_most). Within this time of the event at the present rate, the present rate does: it comes late
 * by a part of this at most.
 */
static const double CLOSE_S = 1e-3;

/*
 * A migration that has made no progress for so long, and whose limit did not rise, never will as long as its
 * rate stays the same. QEMU would go on round by round: we wait for its time limit, and give it up when it
 * has none.
 */
static const double NEVER_S = 6 * 3600;

/* Nova's rule for post-copy (libvirt driver, should_switch_to_postcopy): an iteration that brought less than
 * this. */
static const double POSTCOPY_PROGRESS = 0.10;

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
		.haste = draw_factor(world, move, SPREAD_DIRTY) - 1,
		.luck = random_key(world->seed, world->run, move->vm, PURPOSE_WINDOWS),
		.auto_converge = timing->auto_converge,
	};

	if (input.dirty.duty_period_s > 0)
		input.duty_phase_s = input.dirty.duty_period_s *
		                     random_unit(world->seed, world->run, move->vm, PURPOSE_DUTY_PHASE);
	return input;
}

static double elapsed_s(const struct world *world, const struct move *move)
{
	return (double)(world->now_ns - move->start_ns) * SECONDS_PER_NS;
}

static int64_t after_start(const struct move *move, double seconds)
{
	int64_t span_ns = seconds_ns(seconds);

	return span_ns >= TIME_NEVER - move->start_ns ? TIME_NEVER : move->start_ns + span_ns;
}

void memory_start(struct world *world, struct move *move)
{
	struct precopy_input input = memory_input(world, move);

	move->stage = STAGE_MEMORY;
	move->memory_ns = world->now_ns;
	move->limit_ms = timing_limit_ms(&move->timing, elapsed_s(world, move));
	move->limit_ns = after_start(move, timing_next_step_s(&move->timing, elapsed_s(world, move)));
	move->limit_since_ns = world->now_ns;
	precopy_start(&move->precopy, &input, move->limit_ms / 1000);
	move->in_setup = move->precopy.phase == PRECOPY_SETUP;
	world->setup_count[move->to] += move->in_setup;
	move->low_bytes = precopy_remaining_bytes(&move->precopy);
	move->low_ns = world->now_ns;
	move->synced_bytes = move->low_bytes;
	trace_move(world, move, "set-up", "%.1f MiB of %.0f MiB, limit %.0f ms",
	           input.used_pages / PAGES_PER_MIB, input.memory_pages / PAGES_PER_MIB, move->limit_ms);
	record_memory(world, move); /* a pair, as around events */
	record_memory(world, move);
}

static void start_postcopy(struct world *world, struct move *move, const char *why)
{
	precopy_start_postcopy(&move->precopy);
	trace_move(world, move, "post-copy", "%s", why);
}

/* After each round: did it bring enough? */
static void consider_postcopy(struct world *world, struct move *move)
{
	double left = precopy_remaining_bytes(&move->precopy), before = move->synced_bytes;

	move->synced_bytes = left;
	if (!move->timing.post_copy || move->precopy.phase != PRECOPY_COPYING || move->precopy.stopping ||
	    move->precopy.asked)
		return;
	if (before > 0 && (before - left) / before < POSTCOPY_PROGRESS)
		start_postcopy(world, move, "the last round brought less than 10 %");
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

void memory_leave_setup(struct world *world, struct move *move)
{
	world->setup_count[move->to] -= move->in_setup;
	move->in_setup = false;
}

bool memory_pass(struct world *world, struct move *move, double dt_s, double wire_bytes, bool steady)
{
	struct precopy *precopy = &move->precopy;

	if (move->hopeless) {
		move->vain_bytes += wire_bytes * move->efficiency;
		return false;
	}
	if (!steady && dt_s > 0)
		precopy_set_rate(precopy, wire_bytes * move->efficiency / dt_s);
	for (;;) {
		double next_s = precopy_next_s(precopy);
		enum precopy_event event;

		if (next_s > dt_s + SECONDS_PER_NS) {
			precopy_advance(precopy, dt_s);
			break;
		}
		precopy_advance(precopy, fmin(next_s, dt_s));
		dt_s = fmax(dt_s - next_s, 0);
		record_memory(world, move);
		event = precopy_step(precopy);
		record_memory(world, move);
		if (world->trace)
			trace_event(world, move, event);
		if (event == PRECOPY_STARTED)
			memory_leave_setup(world, move);
		if (event == PRECOPY_COMPLETED)
			return true;
		if (event == PRECOPY_SYNCED || event == PRECOPY_THROTTLED)
			consider_postcopy(world, move);
	}
	/* A page less is progress; less than that is rounding. */
	if (precopy->min_pending_bytes < move->low_bytes - PAGE) {
		move->low_bytes = precopy->min_pending_bytes;
		move->low_ns = move->memory_ns + seconds_ns(precopy->min_pending_s);
	}
	return false;
}

bool memory_can_abort(const struct move *move)
{
	return move->stage != STAGE_MEMORY || move->precopy.phase == PRECOPY_SETUP ||
	       (move->precopy.phase == PRECOPY_COPYING && !move->precopy.asked);
}

static int64_t time_out_ns(const struct move *move)
{
	return after_start(move, move->timing.timeout_s);
}

/* When it will have made no new low of what is left for too long. */
static int64_t stalled_ns(const struct move *move)
{
	int64_t since_ns = move->low_ns > move->limit_since_ns ? move->low_ns : move->limit_since_ns;

	if (move->stage != STAGE_MEMORY || move->precopy.phase != PRECOPY_COPYING || move->hopeless)
		return TIME_NEVER;
	if (isfinite(move->timing.no_progress_s))
		return move->low_ns + seconds_ns(move->timing.no_progress_s);
	return since_ns + seconds_ns(NEVER_S);
}

const char *memory_given_up(struct world *world, struct move *move)
{
	bool late = world->now_ns >= time_out_ns(move);

	if (!memory_can_abort(move) || (!late && world->now_ns < stalled_ns(move)))
		return NULL;
	if (move->timing.post_copy && move->stage == STAGE_MEMORY && move->precopy.phase == PRECOPY_COPYING) {
		start_postcopy(world, move, late ? "the time limit is reached" : "no progress");
		return NULL;
	}
	if (late)
		return world_text(world, "it did not finish within %.10g s", move->timing.timeout_s);
	if (isfinite(move->timing.timeout_s) && !isfinite(move->timing.no_progress_s)) {
		move->hopeless = true;
		return NULL;
	}
	return world_text(world, "it made no progress for %.10g s",
	                  isfinite(move->timing.no_progress_s) ? move->timing.no_progress_s : NEVER_S);
}

void memory_limit(struct world *world, struct move *move)
{
	if (move->stage != STAGE_MEMORY || world->now_ns < move->limit_ns)
		return;
	move->limit_ms = timing_limit_ms(&move->timing, elapsed_s(world, move));
	move->limit_ns = after_start(move, timing_next_step_s(&move->timing, elapsed_s(world, move)));
	move->limit_since_ns = world->now_ns;
	move->hopeless = false;
	if (memory_can_abort(move)) {
		precopy_set_downtime_limit(&move->precopy, move->limit_ms / 1000);
		trace_move(world, move, "limit", "%.0f ms", move->limit_ms);
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t memory_next_ns(const struct world *world, struct move *move)
{
	int64_t next_ns = TIME_NEVER;
	double next_s;

	if (move->stage == STAGE_MEMORY && !move->hopeless) {
		double rate = links_rate(&world->links, move->flow) * move->efficiency;
		double most = links_rate_most(&world->links, move->flow) * move->efficiency;
		precopy_set_rate(&move->precopy, rate);
		next_s = precopy_next_s(&move->precopy);
		if (most > rate && next_s > CLOSE_S) {
			precopy_set_rate(&move->precopy, most);
			next_s = fmax(fmin(precopy_next_s(&move->precopy), next_s), CLOSE_S / 2);
			precopy_set_rate(&move->precopy, rate);
		}
		if (next_s < 6e9)
			next_ns = world->now_ns + (int64_t)ceil(next_s * 1e9);
	}
	if (move->stage == STAGE_MEMORY && memory_can_abort(move))
		next_ns = earlier(next_ns, move->limit_ns);
	if (memory_can_abort(move)) {
		int64_t give_up_ns = earlier(time_out_ns(move), stalled_ns(move));

		next_ns = earlier(next_ns, give_up_ns > world->now_ns ? give_up_ns : world->now_ns);
	}
	return next_ns;
}

double memory_demand(const struct move *move)
{
	return precopy_demand_bytes_s(&move->precopy) / move->efficiency;
}
