/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/refusal.h"

#include <stdio.h>
#include <string.h>

/* Reasons that one host may give, and rules there are. */
enum { REASONS_MOST = 24 };

/* Rules by which something is short. */
static const struct shortage {
	const char *rule, *resource;
} shortages[] = { { "ram", "memory_mib" },
	          { "cpu", "vcpus" },
	          { "disk", "disk_gib" },
	          { "pci", "pci" },
	          { "numa", "numa" } };

static const char *resource_of(const char *rule)
{
	for (size_t i = 0; i < sizeof(shortages) / sizeof(shortages[0]); i++) {
		if (!strcmp(shortages[i].rule, rule))
			return shortages[i].resource;
	}
	return NULL;
}

void refusal_find(const struct request *request, const bool *left_out, struct refusal *ret_refusal)
{
	const struct state *state = request->state;
	struct refusal found[REASONS_MOST];
	uint32_t count = 0, open = 0, best = 0;

	for (uint32_t host = 0; host < state->cluster->host_count; host++) {
		struct reason reasons[REASONS_MOST];
		size_t given;

		if (host == request->source || (left_out && left_out[host]) || !state_host_up(state, host) ||
		    !state_host_enabled(state, host))
			continue;
		open++;
		given = rules_explain(request, host, reasons, REASONS_MOST);
		for (size_t i = 0; i < given; i++) {
			uint32_t at = 0;

			while (at < count && strcmp(found[at].rule, reasons[i].rule))
				at++;
			if (at == REASONS_MOST)
				continue;
			if (at == count) {
				found[count++] = (struct refusal){ .rule = reasons[i].rule };
				memcpy(found[at].why, reasons[i].why, sizeof(found[at].why));
			}
			found[at].hosts++;
		}
	}
	for (uint32_t i = 1; i < count; i++)
		best = found[i].hosts > found[best].hosts ? i : best;
	*ret_refusal = count > 0 ? found[best] : (struct refusal){ .why = "no other host is up and enabled" };
	ret_refusal->open = open;
	ret_refusal->resource = ret_refusal->rule ? resource_of(ret_refusal->rule) : NULL;
}

void refusal_text(const struct refusal *refusal, char *text, size_t room)
{
	if (refusal->open <= 1)
		snprintf(text, room, "%s", refusal->why);
	else
		snprintf(text, room, "refused by %u of the %u hosts: %s", refusal->hosts, refusal->open,
		         refusal->why);
}
