/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * QEMU's migration thread (migration/migration.c and ram.c), as a fluid that flows at the link's rate
 * between the moments at which QEMU looks at what is pending:
 *
 * - A rate limit holds per window of 100 ms: the window's bytes go out at its start, then the sender waits.
 *   So when the cap binds, QEMU looks at window starts only, and whatever is pending and fits in a window's
 *   bytes is gone right then (`ahead_bytes`: the fluid pays for it until the window's end).
 * - When the link binds, the sender fills the sockets and then goes at the link's pace: by QEMU's count the
 *   sockets' bytes are sent (`socket_bytes`), and after the stop they must get over the link first. It looks
 *   when 50 ms are over and a multiple of 64 pages is sent, and when it has sent all; a window ends at the
 *   first look after its 100 ms.
 * - The threshold is the bandwidth of the last complete window times the downtime limit, so it is 0 in the
 *   first one. What a window measures when the link binds comes in lumps: it is noisy.
 */
#include "models/precopy.h"

#include "core/must.h"
#include "models/hypervisor.h"
#include "models/luck.h"

#include <math.h>
#include <stddef.h>

static const double PAGE = 4096.0;
/* Faster than any link; keeps infinities out of the arithmetic. */
static const double RATE_MAX = 1e15;
/* Numbers closer together than this share of them are the same. */
static const double SAME = 1e-9;
/* So are times: callers may count in whole nanoseconds, rounded up or down. */
static const double SAME_S = 2e-9;
/* The measured bandwidth's standard deviation is at most this share of it, on slow links. */
static const double NOISE_MOST = 0.08;
/* Chunks of the dirty log are told apart in at most this many groups a round. */
enum { CHUNK_GROUPS = 3 };

static double at_most(double x, double limit)
{
	return x < limit ? x : limit;
}

static double at_least(double x, double limit)
{
	return x > limit ? x : limit;
}

static double page_bytes(const struct precopy *precopy)
{
	return PAGE + precopy->input.hypervisor->page_header_bytes;
}

static double wire_bytes(const struct precopy *precopy)
{
	return at_least(precopy->known_bytes - precopy->taken_bytes, 0);
}

/* What the cap comes to: its bytes a window, and the wait for the window's end takes a little longer. */
static double cap_bytes_s(const struct precopy *precopy)
{
	const struct hypervisor *row = precopy->input.hypervisor;

	return precopy->input.bandwidth_bytes_s * (row->window_s / (row->window_s + row->window_more_s));
}

/* The rate at which the fluid flows now. */
static double flow_bytes_s(const struct precopy *precopy)
{
	if (precopy->phase == PRECOPY_SETUP || precopy->phase == PRECOPY_DONE)
		return 0;
	if (precopy->phase == PRECOPY_COPYING)
		return at_most(precopy->rate_bytes_s, cap_bytes_s(precopy));
	return precopy->rate_bytes_s;
}

static bool is_capped(const struct precopy *precopy)
{
	return precopy->input.bandwidth_bytes_s < RATE_MAX &&
	       precopy->rate_bytes_s >= cap_bytes_s(precopy) * (1 - SAME);
}

/* From one look to the next when no cap binds. */
static double look_step_s(const struct precopy *precopy)
{
	const struct hypervisor *row = precopy->input.hypervisor;
	double flow = flow_bytes_s(precopy);

	/* Half of the lump on average; on a slow link pages go singly. */
	return row->iterate_s + (flow > 0 ? at_most(row->iterate_bytes / 2 / flow, row->window_s / 4) : 0);
}

/* How long a window that begins now will be. */
static double window_step_s(const struct precopy *precopy)
{
	const struct hypervisor *row = precopy->input.hypervisor;
	double look_s;

	if (is_capped(precopy))
		return row->window_s + row->window_more_s;
	look_s = look_step_s(precopy);
	return look_s * ceil(row->window_s / look_s * (1 - SAME));
}

/* Pages, at 4096 bytes each, that are still to be sent when so many bytes of the queue are gone. */
static double pending_after(const struct precopy *precopy, double taken)
{
	double pages = 0;

	if (taken >= precopy->known_bytes)
		return 0; /* just that, not what rounding part by part makes of it */
	for (uint32_t i = 0; i < precopy->part_count; i++) {
		const struct precopy_part *part = &precopy->part[i];

		if (taken < part->bytes)
			pages += part->pages * (1 - taken / part->bytes);
		taken = at_least(taken - part->bytes, 0);
	}
	return PAGE * pages;
}

/* The other way round: the bytes on the wire of the last so many pending bytes of the queue. */
static double wire_of(const struct precopy *precopy, double pending)
{
	double wire = 0;

	for (uint32_t i = precopy->part_count; i > 0 && pending > 0; i--) {
		const struct precopy_part *part = &precopy->part[i - 1];

		if (pending < PAGE * part->pages)
			wire += part->bytes * (pending / (PAGE * part->pages));
		else
			wire += part->bytes;
		pending -= PAGE * part->pages;
	}
	return wire;
}

static void note_pending(struct precopy *precopy)
{
	precopy->pending_bytes = pending_after(precopy, precopy->taken_bytes);
	if (precopy->pending_bytes < precopy->min_pending_bytes) {
		precopy->min_pending_bytes = precopy->pending_bytes;
		precopy->min_pending_s = precopy->now_s;
	}
}

/* Bytes to be sent before the first zero page; INFINITY: it is behind us. */
static double wire_before_zeros(const struct precopy *precopy)
{
	double before = -precopy->taken_bytes;

	if (!(precopy->scan_left_s > 0))
		return INFINITY;
	for (uint32_t i = 0; i < precopy->part_count; i++) {
		if (precopy->part[i].zero)
			return at_least(before, 0);
		before += precopy->part[i].bytes;
	}
	return INFINITY;
}

/* Of dt_s, the time in which the sender looks at zero pages and sends nothing. */
static double scanning_s(const struct precopy *precopy, double flow, double dt_s)
{
	double before = wire_before_zeros(precopy);

	if (before == INFINITY || !(flow > 0))
		return 0;
	return at_most(at_least(dt_s - (before + precopy->ahead_bytes) / flow, 0), precopy->scan_left_s);
}

/* -------------------------------------------------------------------------------- noise */

/*
 * The noise of the bandwidth measured in this window, as a factor: uniform, of two parts. The bytes come in
 * multiples of 64 pages, and the link hands out its rate in lumps of its own.
 */
static double window_spread(const struct precopy *precopy)
{
	const struct hypervisor *row = precopy->input.hypervisor;
	double lump;

	if (precopy->input.luck == 0 || is_capped(precopy) || !(precopy->rate_bytes_s > 0))
		return 0;
	lump = row->iterate_bytes / 2 / (precopy->rate_bytes_s * row->window_s) / sqrt(12);
	return sqrt(3) * at_most(sqrt(lump * lump + row->window_spread * row->window_spread), NOISE_MOST);
}

static double window_noise(const struct precopy *precopy)
{
	double spread = window_spread(precopy);

	if (spread <= 0)
		return 1;
	return 1 + spread * (2 * luck_unit(precopy->input.luck, precopy->windows) - 1);
}

/* -------------------------------------------------------------------------------- the next event */

/*
 * The largest threshold until the window after this one ends: nothing is looked for above it. What is in
 * force may come from a time with another rate or limit.
 */
static double threshold_most(const struct precopy *precopy, double flow)
{
	double window_s = precopy->input.hypervisor->window_s, noise = 1 + window_spread(precopy),
	       this_s = precopy->window_left_s + precopy->window_gone_s, rate = flow;

	if (this_s > 0)
		rate = at_least(rate, (precopy->window_bytes + flow * precopy->window_left_s) /
		                              at_least(this_s, window_s / 2));
	return at_least(precopy->threshold_bytes, rate * precopy->downtime_limit_s * noise);
}

/* A cap that binds: seconds to the first window start at which QEMU may sync or has sent all. */
static double next_capped_s(const struct precopy *precopy, double flow, double wire)
{
	double step_s = window_step_s(precopy), burst = flow * step_s, left, below, windows;

	if (wire <= flow * precopy->window_left_s - precopy->ahead_bytes)
		return precopy->at_window_start ? 0 : (wire + precopy->ahead_bytes) / flow;
	left = at_least(wire - at_least(flow * precopy->window_left_s - precopy->ahead_bytes, 0), 0);
	below = wire_of(precopy, threshold_most(precopy, flow));
	if (left <= burst || left < below)
		return precopy->window_left_s;
	windows = at_most(floor((left - below) / burst) + 1, ceil(left / burst) - 1);
	return precopy->window_left_s + at_least(windows, 1) * step_s;
}

/* No cap binds: seconds to the first look at which QEMU may sync, or until all is sent. */
static double next_uncapped_s(const struct precopy *precopy, double flow, double wire)
{
	double step_s = look_step_s(precopy), all_s = (wire + precopy->ahead_bytes) / flow,
	       below_s = all_s - wire_of(precopy, threshold_most(precopy, flow)) / flow, looks, look_s;

	looks = at_least(ceil((below_s - precopy->check_left_s) / step_s), 0);
	look_s = precopy->check_left_s + looks * step_s;
	return at_most(look_s, all_s);
}

/*
 * Seconds to the background sync (cpu-throttle.c): a tick that finds no sync since the last tick, nor only
 * the first.
 */
static double next_tick_s(const struct precopy *precopy)
{
	if (precopy->input.hypervisor->background_sync_s <= 0 || !precopy->input.auto_converge)
		return INFINITY;
	if (precopy->iterations <= 1)
		return INFINITY;
	if (precopy->iterations == precopy->tick_iterations)
		return precopy->tick_left_s;
	return precopy->tick_left_s + precopy->input.hypervisor->background_sync_s;
}

static double next_copying_s(const struct precopy *precopy)
{
	double flow = flow_bytes_s(precopy), wire = wire_bytes(precopy), next_s;

	if (precopy->stopping)
		return 0;
	if (flow <= 0)
		return INFINITY;
	next_s = is_capped(precopy) ? next_capped_s(precopy, flow, wire)
	                            : next_uncapped_s(precopy, flow, wire);
	if (flow * next_s > wire_before_zeros(precopy) + precopy->ahead_bytes)
		next_s += precopy->scan_left_s;
	return at_most(next_s, next_tick_s(precopy));
}

/* What is left to look at after the stop. */
static double stopped_scan_s(const struct precopy *precopy)
{
	return precopy->postcopy || wire_before_zeros(precopy) == INFINITY ? 0 : precopy->scan_left_s;
}

/*
 * The sockets take in what they hold at once, when it is the link that the sender waits for. When the link is
 * slower than before they hold less: the fluid pays for the rest before anything new.
 */
static void fill_sockets(struct precopy *precopy)
{
	const struct hypervisor *row = precopy->input.hypervisor;
	double room, fill, surplus;

	if (precopy->phase != PRECOPY_COPYING || !(precopy->rate_bytes_s > 0) || is_capped(precopy) ||
	    precopy->rate_bytes_s >= row->sender_bytes_s)
		return;
	room = row->socket_bytes + row->socket_s * precopy->rate_bytes_s - precopy->socket_bytes;
	surplus = at_least(-room, 0);
	precopy->socket_bytes -= surplus;
	precopy->ahead_bytes += surplus;
	fill = at_most(at_least(room, 0), wire_bytes(precopy));
	precopy->taken_bytes += fill;
	precopy->socket_bytes += fill;
	precopy->window_bytes += fill;
	note_pending(precopy);
}

static void plan_event(struct precopy *precopy)
{
	double wire = wire_bytes(precopy) + precopy->socket_bytes;
	struct precopy filled;

	switch (precopy->phase) {
	case PRECOPY_SETUP:
		precopy->event_s = at_least(precopy->input.setup_s - precopy->now_s, 0);
		break;
	case PRECOPY_COPYING:
		/* They do so only when time goes on: a caller may ask what another rate would do. */
		filled = *precopy;
		fill_sockets(&filled);
		precopy->event_s = next_copying_s(&filled);
		break;
	case PRECOPY_SWITCHING:
		if (precopy->postcopy)
			wire = precopy->socket_bytes;
		if (wire <= 0)
			precopy->event_s = precopy->tail_s;
		else
			precopy->event_s = precopy->rate_bytes_s > 0
			                           ? wire / precopy->rate_bytes_s + stopped_scan_s(precopy) +
			                                     precopy->tail_s
			                           : INFINITY;
		break;
	case PRECOPY_POSTCOPY:
		precopy->event_s = wire <= 0                   ? 0
		                   : precopy->rate_bytes_s > 0 ? wire / precopy->rate_bytes_s
		                                               : INFINITY;
		break;
	case PRECOPY_DONE:
		precopy->event_s = INFINITY;
		break;
	}
}

/* -------------------------------------------------------------------------------- time goes by */

static void begin_window(struct precopy *precopy, double gone_s, double flow)
{
	precopy->window_left_s = at_least(window_step_s(precopy) - gone_s, SAME_S);
	precopy->window_gone_s = gone_s;
	precopy->window_bytes = flow * gone_s;
}

static void advance_windows(struct precopy *precopy, double flow, double dt_s)
{
	double step_s = window_step_s(precopy), rest, windows;

	if (dt_s < precopy->window_left_s - SAME_S) {
		precopy->window_left_s -= dt_s;
		precopy->window_gone_s += dt_s;
		precopy->window_bytes += flow * dt_s;
		return;
	}
	rest = at_least(dt_s - precopy->window_left_s, 0);
	windows = floor((rest + SAME_S) / step_s);
	precopy->windows += 1 + (uint64_t)at_most(windows, 1e15);
	precopy->window_rate = windows > 0 ? flow
	                                   : (precopy->window_bytes + flow * precopy->window_left_s) /
	                                             (precopy->window_gone_s + precopy->window_left_s);
	precopy->threshold_bytes = precopy->window_rate * window_noise(precopy) * precopy->downtime_limit_s;
	rest = at_least(rest - windows * step_s, 0);
	/* A remainder that is rounding only: the window has just begun, and its burst is still to come. */
	precopy->at_window_start = rest <= SAME_S + SAME * dt_s;
	begin_window(precopy, precopy->at_window_start ? 0 : rest, flow);
	if (precopy->ahead_bytes <= SAME * flow * step_s) {
		precopy->sent_bytes += precopy->ahead_bytes; /* paid but for rounding */
		precopy->ahead_bytes = 0;
	}
}

static void advance_checks(struct precopy *precopy, double dt_s)
{
	double step = look_step_s(precopy), rest = precopy->check_left_s - dt_s;

	if (rest <= SAME_S)
		rest = at_most(rest + step * (floor((SAME_S - rest) / step) + 1), step);
	precopy->check_left_s = rest;
	step = precopy->input.hypervisor->background_sync_s;
	if (step <= 0)
		return;
	rest = precopy->tick_left_s - dt_s;
	if (rest < -SAME_S) {
		precopy->tick_iterations = precopy->iterations;
		rest += step * ceil(-rest / step);
	}
	precopy->tick_left_s = at_least(rest, 0);
}

/* What of `bytes` pays for the burst at the window's start, what is new, and what empties the sockets. */
static void advance_bytes(struct precopy *precopy, double bytes, double wire)
{
	double burst = at_most(bytes, precopy->ahead_bytes), fresh = at_most(bytes - burst, wire),
	       drained = 0;

	if (precopy->phase != PRECOPY_COPYING)
		drained = at_most(bytes - burst - fresh, precopy->socket_bytes);
	precopy->ahead_bytes -= burst;
	precopy->taken_bytes += fresh;
	precopy->socket_bytes -= drained;
	precopy->sent_bytes += burst + fresh + drained;
}

void precopy_advance(struct precopy *precopy, double dt_s)
{
	double flow = flow_bytes_s(precopy), pace = precopy->paused ? 0 : 1 + precopy->input.haste, wire,
	       left, sending_s, scan_s;

	must(dt_s >= 0 && dt_s <= precopy->event_s * (1 + SAME) + SAME_S);
	if (dt_s <= 0)
		return;
	fill_sockets(precopy);
	precopy->now_s += dt_s;
	if (precopy->event_s < INFINITY)
		precopy->event_s = at_least(precopy->event_s - dt_s, 0);
	switch (precopy->phase) {
	case PRECOPY_SETUP:
		precopy->clock_s += dt_s * pace;
		break;
	case PRECOPY_COPYING:
		precopy->clock_s += dt_s * pace * (1 - precopy->throttle);
		precopy->at_window_start = false;
		scan_s = scanning_s(precopy, flow, dt_s);
		precopy->scan_left_s -= scan_s;
		advance_bytes(precopy, flow * (dt_s - scan_s), wire_bytes(precopy));
		advance_windows(precopy, flow, dt_s);
		advance_checks(precopy, dt_s);
		note_pending(precopy);
		break;
	case PRECOPY_SWITCHING:
		wire = precopy->postcopy ? 0 : wire_bytes(precopy);
		left = wire + precopy->socket_bytes;
		scan_s = at_most(stopped_scan_s(precopy), dt_s);
		precopy->scan_left_s -= scan_s;
		dt_s -= scan_s;
		sending_s = left <= 0 ? 0 : flow > 0 ? at_most(left / flow, dt_s) : dt_s;
		precopy->tail_s = at_least(precopy->tail_s - (dt_s - sending_s), 0);
		advance_bytes(precopy, flow * sending_s, wire);
		note_pending(precopy);
		break;
	case PRECOPY_POSTCOPY:
		advance_bytes(precopy, flow * dt_s, wire_bytes(precopy));
		note_pending(precopy);
		break;
	case PRECOPY_DONE:
		break;
	}
}

/* -------------------------------------------------------------------------------- syncs */

/* About normal, of variance 1: the sum of three uniform numbers. One for each sync. */
static double chance(const struct precopy *precopy)
{
	double sum = -1.5;

	for (uint64_t i = 0; i < 3; i++)
		sum += luck_unit(~precopy->input.luck, 3 * (uint64_t)precopy->iterations + i);
	return 2 * sum;
}

/*
 * Unique pages written in the whole guest on its clock from from_s to now. Which pages are hit is chance: a
 * page that expects m writes is hit with probability p = 1 - e^-m, and the sum of p (1 - p) over all pages,
 * the variance of their number, is D(2t) - D(t).
 */
static double written_since(const struct precopy *precopy, double from_s)
{
	const struct dirty *dirty = &precopy->input.dirty;
	const struct hypervisor *row = precopy->input.hypervisor;
	double clock_s = precopy->clock_s - from_s, phase_s = precopy->input.duty_phase_s,
	       busy_s = dirty_busy_s(dirty, phase_s, precopy->clock_s) - dirty_busy_s(dirty, phase_s, from_s),
	       law = dirty_pages_in(dirty, busy_s, clock_s), pages = law;

	if (row->kernel_s > 0)
		pages -= row->kernel_pages * expm1(-clock_s / row->kernel_s);
	if (precopy->input.luck != 0)
		pages += chance(precopy) *
		         sqrt(at_least(dirty_pages_in(dirty, 2 * busy_s, 2 * clock_s) - law, 0));
	return at_most(at_most(at_least(pages, 0), dirty->limit_pages), precopy->input.used_pages);
}

static void size_part(const struct precopy *precopy, struct precopy_part *part)
{
	if (part->since_clock_s < 0)
		return; /* all of it, as it was at the start */
	part->pages = at_least(part->pages, part->share * written_since(precopy, part->since_clock_s));
	part->bytes = part->pages * page_bytes(precopy);
}

/*
 * Takes what was sent since the last sync out of the queue. The share of memory that the cursor passed is
 * returned; *ret_since is the oldest clock of what it passed (< 0: never sent before).
 */
static double pass_parts(struct precopy *precopy, double *ret_since)
{
	double taken = precopy->taken_bytes, passed = 0;
	uint32_t first = 0;

	*ret_since = precopy->sync_clock_s;
	for (; first < precopy->part_count; first++) {
		struct precopy_part *part = &precopy->part[first];

		if (taken > 0 && first == 0)
			*ret_since = part->since_clock_s;
		if (taken < part->bytes * (1 - SAME)) {
			double left = 1 - taken / part->bytes;

			passed += part->share * (1 - left);
			part->share *= left;
			part->pages *= left;
			part->bytes *= left;
			break;
		}
		taken = at_least(taken - part->bytes, 0);
		passed += part->share;
	}
	precopy->part_count -= first;
	for (uint32_t i = 0; i < precopy->part_count; i++)
		precopy->part[i] = precopy->part[i + first];
	return passed;
}

/* Makes room: the two neighbours that were last passed at the most similar times become one. */
static void join_parts(struct precopy *precopy)
{
	struct precopy_part *best = NULL;
	double best_gap = INFINITY, share;

	for (uint32_t i = 0; i + 1 < precopy->part_count; i++) {
		struct precopy_part *part = &precopy->part[i];
		double gap = part[1].since_clock_s - part->since_clock_s;

		if (part->since_clock_s >= 0 && gap < best_gap) {
			best = part;
			best_gap = gap;
		}
	}
	must(best != NULL);
	share = best[0].share + best[1].share;
	if (share > 0)
		best->since_clock_s += best_gap * (best[1].share / share);
	best->share = share;
	best->pages += best[1].pages;
	best->bytes += best[1].bytes;
	precopy->part_count--;
	for (struct precopy_part *part = best + 1; part < precopy->part + precopy->part_count; part++)
		*part = part[1];
}

static void append_part(struct precopy *precopy, double share, double since_clock_s)
{
	if (precopy->part_count == PRECOPY_PARTS)
		join_parts(precopy);
	precopy->part[precopy->part_count++] = (struct precopy_part){ .share = share,
		                                                      .since_clock_s = since_clock_s };
}

/*
 * The dirty log of a guest beyond one chunk is cleared chunk by chunk, each when its first page is about to
 * be sent (migration_clear_memory_region_dirty_bitmap). What was written between the sync and the clear to
 * a page known to be dirty is thus forgotten, and rightly so; to a page that was not known to be, it is
 * kept. In terms of unions, the known ones being those written since `since_s`, the share w of the pages
 * written between sync and clear that were not known counts from the sync, and the part's beginning lies
 * that much before the clear.
 */
static void append_chunks(struct precopy *precopy, double passed, double since_s, double chunks)
{
	const struct dirty *dirty = &precopy->input.dirty;
	double sync_s = precopy->sync_clock_s, round_s = precopy->clock_s - sync_s,
	       phase_s = precopy->input.duty_phase_s;
	double groups = at_least(1, at_most(CHUNK_GROUPS, ceil(chunks * (1 - SAME)))), unknown = 0;

	if (since_s >= 0 && chunks > 1) {
		double clear_s = sync_s + round_s / 2;
		double written = dirty_unique_pages(dirty, phase_s, sync_s, clear_s);

		if (written > 0)
			unknown = (dirty_unique_pages(dirty, phase_s, since_s, clear_s) -
			           dirty_unique_pages(dirty, phase_s, since_s, sync_s)) /
			          written;
		unknown = at_most(at_least(unknown, 0), 1);
	}
	for (double group = 0; group < groups; group++) {
		double place = at_least((group + 0.5) / groups - 0.5 / chunks, 0);

		append_part(precopy, passed / groups, sync_s + round_s * place * (1 - unknown));
	}
}

static void sum_parts(struct precopy *precopy)
{
	precopy->known_bytes = 0;
	for (uint32_t i = 0; i < precopy->part_count; i++)
		precopy->known_bytes += precopy->part[i].bytes;
	precopy->taken_bytes = 0;
}

/* Merges the dirty log. */
static void sync_pages(struct precopy *precopy)
{
	double memory_bytes = precopy->input.memory_pages * PAGE,
	       chunk_bytes = precopy->input.hypervisor->clear_chunk_bytes;
	double since_s, passed, before = precopy->pending_bytes;

	precopy->iterations++;
	if (precopy->clock_s <= precopy->sync_clock_s && precopy->taken_bytes <= 0)
		return; /* again at the same moment: nothing new */
	passed = pass_parts(precopy, &since_s);
	if (passed > 0) {
		if (chunk_bytes > 0 && memory_bytes > chunk_bytes)
			append_chunks(precopy, passed, since_s, passed * memory_bytes / chunk_bytes);
		else
			append_part(precopy, passed, precopy->sync_clock_s);
	}
	for (uint32_t i = 0; i < precopy->part_count; i++)
		size_part(precopy, &precopy->part[i]);
	sum_parts(precopy);
	precopy->sync_clock_s = precopy->clock_s;
	note_pending(precopy);
	precopy->period_dirty_bytes += at_least(precopy->pending_bytes - before, 0);
}

/* migration_trigger_throttle: at most once a period; too much was dirtied twice, not necessarily in a row. */
static bool raise_throttle(struct precopy *precopy)
{
	const struct hypervisor *row = precopy->input.hypervisor;
	double sent = precopy->sent_bytes - precopy->period_sent_bytes, dirty = precopy->period_dirty_bytes;

	if (precopy->now_s <= precopy->period_s + row->throttle_period_s)
		return false;
	precopy->period_s = precopy->now_s;
	precopy->period_dirty_bytes = 0;
	precopy->period_sent_bytes = precopy->sent_bytes;
	if (!precopy->input.auto_converge || dirty <= sent * row->throttle_trigger ||
	    ++precopy->period_high < 2)
		return false;
	precopy->period_high = 0;
	if (precopy->throttle >= row->throttle_max)
		return false;
	precopy->throttle = precopy->throttle > 0 ? precopy->throttle + row->throttle_increment
	                                          : row->throttle_initial;
	precopy->throttle = at_most(precopy->throttle, row->throttle_max);
	return true;
}

/* -------------------------------------------------------------------------------- events */

static enum precopy_event begin_copying(struct precopy *precopy)
{
	precopy->phase = PRECOPY_COPYING;
	precopy->iterations = 1;
	begin_window(precopy, 0, 0);
	precopy->check_left_s = look_step_s(precopy);
	precopy->tick_left_s = precopy->input.hypervisor->background_sync_s;
	precopy->at_window_start = true;
	precopy->sync_clock_s = precopy->clock_s;
	precopy->period_s = precopy->now_s;
	return PRECOPY_STARTED;
}

/*
 * The vCPUs stand still; the last sync. What a burst has already sent of this window is no longer owed; what
 * a slower link has not yet taken from the sockets is.
 */
static void stop_guest(struct precopy *precopy)
{
	if (is_capped(precopy))
		precopy->sent_bytes += precopy->ahead_bytes;
	else
		precopy->socket_bytes += precopy->ahead_bytes;
	precopy->ahead_bytes = 0;
	sync_pages(precopy);
	precopy->phase = PRECOPY_SWITCHING;
	precopy->stopping = false;
	precopy->tail_s = precopy->input.stop_s + precopy->input.switchover_s;
	if (precopy->stopped_s < 0)
		precopy->stopped_s = precopy->now_s;
}

/* All was sent, in a burst when the cap binds: those bytes are now paid for by the rest of the window. */
static void send_burst(struct precopy *precopy)
{
	double wire = wire_bytes(precopy),
	       burst = flow_bytes_s(precopy) * precopy->window_left_s - precopy->ahead_bytes;

	if (wire <= SAME * precopy->known_bytes + SAME_S * flow_bytes_s(precopy)) {
		precopy->sent_bytes += wire; /* nothing is left but rounding */
		precopy->taken_bytes = precopy->known_bytes;
		note_pending(precopy);
		return;
	}
	if (!precopy->at_window_start || !is_capped(precopy) || wire > burst * (1 + SAME))
		return;
	if (precopy->pending_bytes < precopy->threshold_bytes)
		return; /* looked at before the burst */
	precopy->ahead_bytes += wire;
	precopy->taken_bytes = precopy->known_bytes;
	note_pending(precopy);
}

static enum precopy_event handle_copying(struct precopy *precopy)
{
	enum precopy_event event = PRECOPY_SYNCED;
	bool tick = next_tick_s(precopy) <= SAME_S;

	if (!precopy->stopping) {
		send_burst(precopy);
		/* With a threshold of 0 nothing is below it: the migration ends when nothing is pending. */
		precopy->stopping = !(precopy->threshold_bytes > 0) && precopy->pending_bytes <= 0;
	}
	if (precopy->stopping) {
		stop_guest(precopy);
		return PRECOPY_STOPPED;
	}
	if (!tick && precopy->pending_bytes > 0 && precopy->pending_bytes >= precopy->threshold_bytes)
		return PRECOPY_NOTHING; /* what the last window measured was less than it might have been */
	sync_pages(precopy);
	if (raise_throttle(precopy))
		event = PRECOPY_THROTTLED;
	precopy->stopping = precopy->pending_bytes <= 0 || precopy->pending_bytes < precopy->threshold_bytes;
	precopy->check_left_s = look_step_s(precopy);
	return event;
}

static enum precopy_event finish(struct precopy *precopy)
{
	precopy->phase = PRECOPY_DONE;
	precopy->sent_bytes += wire_bytes(precopy) + precopy->socket_bytes;
	precopy->taken_bytes = precopy->known_bytes;
	precopy->socket_bytes = 0;
	note_pending(precopy);
	return PRECOPY_COMPLETED;
}

enum precopy_event precopy_step(struct precopy *precopy)
{
	enum precopy_event event = PRECOPY_NOTHING;

	must(precopy->event_s <= SAME_S);
	fill_sockets(precopy);
	switch (precopy->phase) {
	case PRECOPY_SETUP:
		event = begin_copying(precopy);
		break;
	case PRECOPY_COPYING:
		event = handle_copying(precopy);
		break;
	case PRECOPY_SWITCHING:
		precopy->downtime_s = precopy->now_s - precopy->stopped_s;
		if (precopy->postcopy) {
			precopy->phase = PRECOPY_POSTCOPY;
			event = PRECOPY_SWITCHED;
		} else {
			event = finish(precopy);
		}
		break;
	case PRECOPY_POSTCOPY:
		event = finish(precopy);
		break;
	case PRECOPY_DONE:
		break;
	}
	plan_event(precopy);
	return event;
}

/* -------------------------------------------------------------------------------- from outside */

static void add_unsent(struct precopy *precopy, double pages, double used_pages, double page_size)
{
	if (pages <= 0)
		return;
	must(precopy->part_count < PRECOPY_PARTS);
	precopy->part[precopy->part_count++] = (struct precopy_part){
		.share = pages / used_pages, .since_clock_s = -1, .pages = pages, .bytes = pages * page_size
	};
}

/*
 * In the order in which QEMU sends them: by address. Linux takes pages from the bottom up, but for what it
 * allots at boot, the descriptors of all pages above all: it comes from the top. Zero pages lie in between.
 */
static void add_memory(struct precopy *precopy)
{
	const struct precopy_input *input = &precopy->input;
	const struct hypervisor *row = input->hypervisor;
	double zero_pages = input->memory_pages - input->used_pages, top_pages = 0;

	if (zero_pages > 0)
		top_pages = at_most(row->top_share * input->memory_pages + row->top_pages, input->used_pages);
	add_unsent(precopy, input->used_pages - top_pages, input->used_pages, page_bytes(precopy));
	add_unsent(precopy, zero_pages, INFINITY, row->zero_page_bytes);
	if (zero_pages > 0) {
		precopy->part[precopy->part_count - 1].zero = true;
		precopy->scan_left_s = zero_pages * row->zero_page_s;
	}
	add_unsent(precopy, top_pages, input->used_pages, page_bytes(precopy));
	add_unsent(precopy, row->firmware_pages, INFINITY, page_bytes(precopy));
}

void precopy_start(struct precopy *ret_precopy, const struct precopy_input *input, double downtime_limit_s)
{
	must(input->memory_pages > 0 && input->used_pages >= 0 && input->used_pages <= input->memory_pages);
	must(input->bandwidth_bytes_s >= 0 && input->setup_s >= 0);
	must(input->stop_s >= 0 && input->switchover_s >= 0);
	must(input->haste > -1);
	*ret_precopy = (struct precopy){ .input = *input, .stopped_s = -1 };
	ret_precopy->input.bandwidth_bytes_s = at_most(input->bandwidth_bytes_s, RATE_MAX);
	ret_precopy->downtime_limit_s = at_least(downtime_limit_s, 0);
	add_memory(ret_precopy);
	sum_parts(ret_precopy);
	ret_precopy->min_pending_bytes = INFINITY;
	note_pending(ret_precopy);
	if (!(input->setup_s > 0))
		begin_copying(ret_precopy);
	plan_event(ret_precopy);
}

void precopy_set_rate(struct precopy *precopy, double rate_bytes_s)
{
	bool looked;

	must(rate_bytes_s >= 0);
	rate_bytes_s = at_most(rate_bytes_s, at_most(precopy->input.hypervisor->sender_bytes_s, RATE_MAX));
	if (rate_bytes_s == precopy->rate_bytes_s)
		return;
	looked = fabs(precopy->check_left_s - look_step_s(precopy)) <= SAME_S;
	precopy->rate_bytes_s = rate_bytes_s;
	/* A window or the way to a look that has just begun is as long as the new rate makes it. */
	if (precopy->phase == PRECOPY_COPYING && precopy->window_gone_s <= 0)
		precopy->window_left_s = window_step_s(precopy);
	if (precopy->phase == PRECOPY_COPYING && looked)
		precopy->check_left_s = look_step_s(precopy);
	/* An event that is due is due; the new rate is for the time after it. */
	if (precopy->phase != PRECOPY_SETUP && !(precopy->event_s <= 0))
		plan_event(precopy);
}

void precopy_set_downtime_limit(struct precopy *precopy, double downtime_limit_s)
{
	precopy->downtime_limit_s = at_least(downtime_limit_s, 0);
	if (precopy->phase == PRECOPY_COPYING && !(precopy->event_s <= 0))
		plan_event(precopy);
}

void precopy_start_postcopy(struct precopy *precopy)
{
	must(precopy->phase == PRECOPY_COPYING);
	precopy->postcopy = true;
	stop_guest(precopy);
	plan_event(precopy);
}

void precopy_pause(struct precopy *precopy)
{
	must(precopy->phase == PRECOPY_SETUP || precopy->phase == PRECOPY_COPYING);
	if (precopy->paused)
		return;
	precopy->paused = true;
	precopy->stopped_s = precopy->now_s;
}

double precopy_demand_bytes_s(const struct precopy *precopy)
{
	double most = precopy->input.hypervisor->sender_bytes_s;

	switch (precopy->phase) {
	case PRECOPY_COPYING:
		return precopy->input.bandwidth_bytes_s < RATE_MAX
		               ? at_most(precopy->input.bandwidth_bytes_s, most)
		               : most;
	case PRECOPY_SWITCHING:
		return (!precopy->postcopy && wire_bytes(precopy) > 0) || precopy->socket_bytes > 0 ? most
		                                                                                    : 0;
	case PRECOPY_POSTCOPY:
		return wire_bytes(precopy) > 0 ? most : 0;
	case PRECOPY_SETUP:
	case PRECOPY_DONE:
		break;
	}
	return 0;
}

double precopy_next_s(const struct precopy *precopy)
{
	return precopy->event_s;
}

double precopy_remaining_bytes(const struct precopy *precopy)
{
	return precopy->pending_bytes;
}

void precopy_run(struct precopy *precopy, double rate_bytes_s, double limit_s)
{
	precopy_set_rate(precopy, rate_bytes_s);
	while (precopy->phase != PRECOPY_DONE) {
		double next_s = precopy_next_s(precopy), left_s = at_least(limit_s - precopy->now_s, 0);

		if (next_s > left_s || next_s == INFINITY) {
			if (left_s < INFINITY)
				precopy_advance(precopy, left_s);
			return;
		}
		precopy_advance(precopy, next_s);
		precopy_step(precopy);
	}
}
