/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "models/precopy_parts.h"

#include "core/must.h"
#include "models/hypervisor.h"
#include "models/luck.h"

#include <math.h>
#include <stddef.h>

static const double PAGE = 4096.0;
/* What luck is asked for where a sequential writer is: no window has this number. */
static const uint64_t SWEEP = UINT64_MAX;
/* e^-x is nothing beside 1 from here on: a double has 53 bits. */
static const double KERNEL_DONE = 40;
/* Chunks of the dirty log are told apart in at most this many groups a round. */
enum { CHUNK_GROUPS = 3 };

static double page_bytes(const struct precopy *precopy)
{
	return PAGE + precopy->input.hypervisor->page_header_bytes;
}

/* -------------------------------------------------------------------------------- what is left */

/* Pages, at 4096 bytes each, that are still to be sent when so many bytes of the queue are gone. */
static double pending_after(const struct precopy *precopy, double taken)
{
	double pages = 0;

	if (taken >= precopy->known_bytes)
		return 0; /* just that, not what rounding part by part makes of it */
	for (uint32_t i = 0; i < precopy->part_count; i++) {
		const struct precopy_part *part = &precopy->part[i];

		if (taken <= 0)
			pages += part->bytes > 0 ? part->pages : 0;
		else if (taken < part->bytes)
			pages += part->pages * (1 - taken / part->bytes);
		taken = at_least(taken - part->bytes, 0);
	}
	return PAGE * pages;
}

double precopy_parts_last(const struct precopy *precopy, double pending)
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

void precopy_parts_note(struct precopy *precopy)
{
	precopy->pending_bytes = pending_after(precopy, precopy->taken_bytes);
	if (precopy->pending_bytes < precopy->min_pending_bytes) {
		precopy->min_pending_bytes = precopy->pending_bytes;
		precopy->min_pending_s = precopy->now_s;
	}
}

double precopy_parts_find_zeros(const struct precopy *precopy)
{
	double before = -precopy->taken_bytes;

	for (uint32_t i = 0; i < precopy->part_count; i++) {
		if (precopy->part[i].zero)
			return at_least(before, 0);
		before += precopy->part[i].bytes;
	}
	return INFINITY;
}

/* -------------------------------------------------------------------------------- what is dirty */

/* About normal, of variance 1: the sum of three uniform numbers. One for each sync. */
static double draw_chance(const struct precopy *precopy)
{
	double sum = -1.5;

	for (uint64_t i = 0; i < 3; i++)
		sum += luck_unit(~precopy->input.luck, 3 * (uint64_t)precopy->iterations + i);
	return 2 * sum;
}

/*
 * Unique pages that a law expects, some more beside them, and by chance more or less. Which pages are hit is
 * chance: a page that expects m writes is hit with probability p = 1 - e^-m, and the sum of p (1 - p) over
 * all pages, the variance of their number, is D(2t) - D(t).
 */
static double pages_by_chance(const struct precopy *precopy, const struct dirty *dirty, double busy_s,
                              double clock_s, double beside)
{
	double doubled, expected;

	if (precopy->input.luck == 0)
		return dirty_pages_in(dirty, busy_s, clock_s) + beside;
	expected = dirty_pages_twice(dirty, busy_s, clock_s, &doubled);
	return expected + beside + precopy->chance * sqrt(at_least(doubled - expected, 0));
}

/* What the guest's own kernel wrote in so long. */
static double kernel_pages_in(const struct precopy *precopy, double clock_s)
{
	const struct hypervisor *row = precopy->input.hypervisor;

	if (!(row->kernel_s > 0))
		return 0;
	if (clock_s > KERNEL_DONE * row->kernel_s)
		return row->kernel_pages;
	return -row->kernel_pages * expm1(-clock_s / row->kernel_s);
}

/* Unique pages written in the whole guest since its clocks stood there. */
static double written_since(const struct precopy *precopy, const struct precopy_clocks *since)
{
	const struct dirty *dirty = &precopy->input.dirty;
	double clock_s = precopy->clock_s - since->clock_s, busy_s = precopy->busy_s - since->busy_s,
	       pages = pages_by_chance(precopy, dirty, busy_s, clock_s, kernel_pages_in(precopy, clock_s));

	return at_most(at_most(at_least(pages, 0), dirty->limit_pages), precopy->input.used_pages);
}

static void size_part(const struct precopy *precopy, struct precopy_part *part)
{
	if (part->since.clock_s < 0)
		return; /* all of it, as it was at the start */
	part->pages = at_least(part->pages, part->share * written_since(precopy, &part->since));
	part->bytes = part->pages * page_bytes(precopy);
}

/* Where on the circle of addresses, [0, 1). */
static double round_the_circle(double address)
{
	return at_least(address - floor(address), 0);
}

/* A stretch of a part, of so great a share; if all memory were like it, so many pages would be dirty. */
static void append_stretch(struct precopy *precopy, const struct precopy_part *part, double share,
                           double dirty_pages)
{
	double pages = share * at_most(dirty_pages, precopy->input.dirty.limit_pages);

	if (share <= SAME)
		return;
	must(precopy->part_count < PRECOPY_PARTS);
	precopy->part[precopy->part_count++] = (struct precopy_part){
		.share = share, .since = part->since, .pages = pages, .bytes = pages * page_bytes(precopy)
	};
}

/* Written beside what the law says: spread over all memory. */
static double written_beside(const struct precopy *precopy, double clock_s)
{
	struct dirty beside = precopy->input.dirty;

	beside.law = DIRTY_IDLE;
	return dirty_pages_in(&beside, 0, clock_s) + kernel_pages_in(precopy, clock_s);
}

/*
 * A part that a sequential writer may have been in since it was passed last: from where it was then it went
 * so far, at most once round. Seen from the part's begin, that is a stretch from `begin` on, and what of it
 * goes beyond the whole circle lies at the part's begin.
 */
static void split_sequential(struct precopy *precopy, const struct precopy_part *part, double address)
{
	const struct dirty *dirty = &precopy->input.dirty;
	double pages = dirty->working_set_pages, per_page = pages > 0 ? 1 / pages : 0,
	       clean = written_beside(precopy, precopy->clock_s - part->since.clock_s), swept = clean + pages,
	       went = at_most(dirty->rate_pages_s * (precopy->busy_s - part->since.busy_s) * per_page, 1),
	       was = precopy->sweep_phase + dirty->rate_pages_s * part->since.busy_s * per_page,
	       begin = round_the_circle(was - address), share = part->share,
	       first = at_most(at_least(begin + went - 1, 0), share), from = at_most(begin, share),
	       to = at_most(begin + went, share);

	append_stretch(precopy, part, first, swept);
	append_stretch(precopy, part, from - first, clean);
	append_stretch(precopy, part, to - from, swept);
	append_stretch(precopy, part, share - at_least(to, first), clean);
}

/* Of the hot or the cold pages, those hit since the part was passed, if all memory were like that. */
static double hit_since(const struct precopy *precopy, const struct precopy_part *part, double share,
                        double probability)
{
	const struct dirty *dirty = &precopy->input.dirty;
	struct dirty region = { .law = DIRTY_UNIFORM,
		                .working_set_pages = dirty->working_set_pages * share,
		                .rate_pages_s = dirty->rate_pages_s * probability,
		                .limit_pages = dirty->limit_pages };
	double clock_s = precopy->clock_s - part->since.clock_s,
	       busy_s = precopy->busy_s - part->since.busy_s, pages;

	if (!(share > 0))
		return 0;
	pages = pages_by_chance(precopy, &region, busy_s, clock_s, 0);
	return at_least(pages, 0) / share;
}

/* The hot pages lie together, at the begin of the working set. */
static void split_hotcold(struct precopy *precopy, const struct precopy_part *part, double address)
{
	const struct dirty *dirty = &precopy->input.dirty;
	double beside = written_beside(precopy, precopy->clock_s - part->since.clock_s),
	       hot_share = dirty->hot_fraction,
	       hot = beside + hit_since(precopy, part, hot_share, dirty->hot_probability),
	       cold = beside + hit_since(precopy, part, 1 - hot_share, 1 - dirty->hot_probability),
	       at = round_the_circle(address), left = part->share;

	while (left > SAME) {
		bool is_hot = at < hot_share - SAME;
		double share = at_most(left, (is_hot ? hot_share : 1) - at);

		append_stretch(precopy, part, share, is_hot ? hot : cold);
		left -= share;
		at = is_hot ? hot_share : 0;
	}
}

/* Neighbours that were passed at the same time are one part. */
static uint32_t rejoin_parts(const struct precopy *precopy, struct precopy_part *ret_parts)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < precopy->part_count; i++) {
		const struct precopy_part *part = &precopy->part[i];
		struct precopy_part *last = &ret_parts[count - (count > 0)];

		if (count > 0 && part->since.clock_s >= 0 && part->since.clock_s == last->since.clock_s)
			last->share += part->share;
		else
			ret_parts[count++] = *part;
	}
	return count;
}

/* Some laws say where the dirty pages are: parts are split there. */
static void size_placed_parts(struct precopy *precopy)
{
	enum { SPLIT_MOST = 4 };
	struct precopy_part parts[PRECOPY_PARTS];
	uint32_t count = rejoin_parts(precopy, parts);
	double address = precopy->cursor;

	precopy->part_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		bool room = precopy->part_count + SPLIT_MOST + (count - i - 1) <= PRECOPY_PARTS;

		if (parts[i].since.clock_s < 0 || !room) {
			size_part(precopy, &parts[i]);
			precopy->part[precopy->part_count++] = parts[i];
		} else if (precopy->input.dirty.law == DIRTY_SEQUENTIAL) {
			split_sequential(precopy, &parts[i], address);
		} else {
			split_hotcold(precopy, &parts[i], address);
		}
		address += parts[i].share;
	}
}

static void size_parts(struct precopy *precopy)
{
	enum dirty_law law = precopy->input.dirty.law;

	if (law == DIRTY_SEQUENTIAL || law == DIRTY_HOTCOLD) {
		size_placed_parts(precopy);
		return;
	}
	for (uint32_t i = 0; i < precopy->part_count; i++)
		size_part(precopy, &precopy->part[i]);
}

/*
 * Takes what was sent since the last sync out of the queue. The share of memory that the cursor passed is
 * returned; *ret_since is the oldest time at which what it passed was passed before (< 0: never).
 */
static double pass_parts(struct precopy *precopy, struct precopy_clocks *ret_since)
{
	double taken = precopy->taken_bytes, passed = 0;
	uint32_t first = 0;

	*ret_since = precopy->sync;
	for (; first < precopy->part_count; first++) {
		struct precopy_part *part = &precopy->part[first];

		if (taken > 0 && first == 0)
			*ret_since = part->since;
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
		double gap = part[1].since.clock_s - part->since.clock_s;

		if (part->since.clock_s >= 0 && gap < best_gap) {
			best = part;
			best_gap = gap;
		}
	}
	must(best != NULL);
	share = best[0].share + best[1].share;
	if (share > 0) {
		best->since.clock_s += best_gap * (best[1].share / share);
		best->since.busy_s += (best[1].since.busy_s - best->since.busy_s) * (best[1].share / share);
	}
	best->share = share;
	best->pages += best[1].pages;
	best->bytes += best[1].bytes;
	precopy->part_count--;
	for (struct precopy_part *part = best + 1; part < precopy->part + precopy->part_count; part++)
		*part = part[1];
}

/* Passed in the round that ends now, when so much of it was over: [0, 1). */
static void append_part(struct precopy *precopy, double share, double place)
{
	double clock_s = precopy->sync.clock_s, busy_s = precopy->sync.busy_s;

	if (precopy->part_count == PRECOPY_PARTS)
		join_parts(precopy);
	precopy->part[precopy->part_count++] =
		(struct precopy_part){ .share = share,
		                       .since = { clock_s + (precopy->clock_s - clock_s) * place,
		                                  busy_s + (precopy->busy_s - busy_s) * place } };
}

/*
 * The dirty log of a guest beyond one chunk is cleared chunk by chunk, each when its first page is about to
 * be sent (migration_clear_memory_region_dirty_bitmap). What a guest uses lies together, from the bottom up:
 * one that uses less than a chunk has one, whatever its size. What was written between the sync and the clear
 * to a page known to be dirty is thus forgotten, and rightly so; to a page that was not known to be, it is
 * kept. In terms of unions, the known ones being those written since `since`, the share w of the pages
 * written between sync and clear that were not known counts from the sync, and the part's beginning lies
 * that much before the clear.
 */
static void append_chunks(struct precopy *precopy, double passed, const struct precopy_clocks *since,
                          double chunks)
{
	const struct dirty *dirty = &precopy->input.dirty;
	double groups = at_least(1, at_most(CHUNK_GROUPS, ceil(chunks * (1 - SAME)))), unknown = 0;

	if (since->clock_s >= 0 && chunks > 1) {
		double clock_s = precopy->sync.clock_s - since->clock_s,
		       busy_s = precopy->sync.busy_s - since->busy_s,
		       half_s = (precopy->clock_s - precopy->sync.clock_s) / 2,
		       half_busy_s = (precopy->busy_s - precopy->sync.busy_s) / 2,
		       written = dirty_pages_in(dirty, half_busy_s, half_s);

		if (written > 0)
			unknown = (dirty_pages_in(dirty, busy_s + half_busy_s, clock_s + half_s) -
			           dirty_pages_in(dirty, busy_s, clock_s)) /
			          written;
		unknown = at_most(at_least(unknown, 0), 1);
	}
	for (double group = 0; group < groups; group++) {
		double place = at_least((group + 0.5) / groups - 0.5 / chunks, 0);

		append_part(precopy, passed / groups, place * (1 - unknown));
	}
}

static void sum_parts(struct precopy *precopy)
{
	precopy->known_bytes = 0;
	for (uint32_t i = 0; i < precopy->part_count; i++)
		precopy->known_bytes += precopy->part[i].bytes;
	precopy->taken_bytes = 0;
}

void precopy_parts_sync(struct precopy *precopy)
{
	double used_bytes = precopy->input.used_pages * PAGE,
	       chunk_bytes = precopy->input.hypervisor->clear_chunk_bytes;
	double passed, before = precopy->pending_bytes;
	struct precopy_clocks since;

	precopy->iterations++;
	if (precopy->clock_s <= precopy->sync.clock_s && precopy->taken_bytes <= 0)
		return; /* again at the same moment: nothing new */
	if (precopy->input.luck != 0)
		precopy->chance = draw_chance(precopy);
	passed = pass_parts(precopy, &since);
	if (passed > 0) {
		if (chunk_bytes > 0 && used_bytes > chunk_bytes)
			append_chunks(precopy, passed, &since, passed * used_bytes / chunk_bytes);
		else
			append_part(precopy, passed, 0);
	}
	precopy->cursor = round_the_circle(precopy->cursor + passed);
	size_parts(precopy);
	sum_parts(precopy);
	precopy->sync = (struct precopy_clocks){ precopy->clock_s, precopy->busy_s };
	precopy_parts_note(precopy);
	precopy->period_dirty_bytes += at_least(precopy->pending_bytes - before, 0);
}

/* -------------------------------------------------------------------------------- the begin */

static void add_unsent(struct precopy *precopy, double pages, double used_pages, double page_size)
{
	if (pages <= 0)
		return;
	must(precopy->part_count < PRECOPY_PARTS);
	precopy->part[precopy->part_count++] = (struct precopy_part){
		.share = pages / used_pages, .since = { -1, 0 }, .pages = pages, .bytes = pages * page_size
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

void precopy_parts_start(struct precopy *precopy)
{
	const struct precopy_input *input = &precopy->input;

	precopy->sweep_phase = input->luck != 0 ? luck_unit(input->luck, SWEEP) : 0;
	add_memory(precopy);
	sum_parts(precopy);
	precopy->min_pending_bytes = INFINITY;
	precopy_parts_note(precopy);
}
