/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/inventory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The answer is there a moment after the time is over; hosts that are busy take longer. */
enum { LATE_MS = 5000, LOOK_MS = 100 };

/* What one measurement of one domain needs. */
struct probe {
	virDomainPtr domain; /* NULL: not measured */
	double (*points)[2];
};

static void nap_ms(unsigned ms)
{
	struct timespec left = { ms / 1000, (long)(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

/* MiB dirtied in the period; negative: not measured yet. */
static double read_mib(const struct libvirt_calls *calls, virDomainPtr domain, unsigned period_s)
{
	virDomainPtr list[] = { domain, NULL };
	virDomainStatsRecordPtr *records = NULL;
	int count = calls->virDomainListGetStats(list, VIR_DOMAIN_STATS_DIRTYRATE, &records, 0);
	int status = -1;
	long long rate = -1;
	double mib = -1;

	if (count > 0) {
		calls->virTypedParamsGetInt(records[0]->params, records[0]->nparams, "dirtyrate.calc_status",
		                            &status);
		/* Nothing dirtied: the rate is left out. */
		if (calls->virTypedParamsGetLLong(records[0]->params, records[0]->nparams,
		                                  "dirtyrate.megabytes_per_second", &rate) < 1)
			rate = 0;
		if (status == VIR_DOMAIN_DIRTYRATE_MEASURED)
			mib = (double)rate * period_s;
	}
	if (count >= 0)
		calls->virDomainStatsRecordListFree(records);
	return mib;
}

static void start(const struct libvirt_calls *calls, struct inventory_host *host, struct probe *probes,
                  unsigned period_s, const struct inventory_notes *notes)
{
	char why[300];

	for (uint32_t i = 0; i < host->domain_count; i++) {
		if (!probes[i].domain ||
		    !calls->virDomainStartDirtyRateCalc(probes[i].domain, (int)period_s, 0))
			continue;
		libvirt_error(calls, why, sizeof(why));
		inventory_note(notes, "%s: its dirty memory cannot be measured: %s", host->domains[i].name,
		               why);
		calls->virDomainFree(probes[i].domain);
		probes[i].domain = NULL;
	}
}

/* A longer time never dirties less: what sampling makes of it is smoothed upwards. */
static void take(struct inventory_domain *domain, struct probe *probe, unsigned period_s, double mib)
{
	double most = isnan(domain->used_mib) ? (double)domain->memory_mib : domain->used_mib;
	double before = domain->point_count ? probe->points[domain->point_count - 1][1] : 0;

	mib = mib < most ? mib : most;
	probe->points[domain->point_count][0] = period_s;
	probe->points[domain->point_count][1] = mib > before ? mib : before;
	domain->point_count++;
	domain->points = (const double(*)[2])probe->points;
}

static void collect(const struct libvirt_calls *calls, struct inventory_host *host, struct probe *probes,
                    unsigned period_s, const struct inventory_notes *notes)
{
	for (uint32_t i = 0, waited_ms = 0; i < host->domain_count; i++) {
		double mib = probes[i].domain ? read_mib(calls, probes[i].domain, period_s) : 0;

		while (mib < 0 && waited_ms < LATE_MS) {
			nap_ms(LOOK_MS);
			waited_ms += LOOK_MS;
			mib = read_mib(calls, probes[i].domain, period_s);
		}
		if (probes[i].domain && mib >= 0)
			take(&host->domains[i], &probes[i], period_s, mib);
		else if (probes[i].domain)
			inventory_note(notes, "%s: how much it dirties in %u s was not measured in time",
			               host->domains[i].name, period_s);
	}
}

void inventory_measure_dirty(const struct libvirt_calls *calls, virConnectPtr connection,
                             const unsigned *periods_s, uint32_t count, const struct inventory_notes *notes,
                             struct arena *arena, struct inventory_host *host)
{
	struct probe *probes = ARENA_ARRAY(arena, struct probe, host->domain_count + 1);

	for (uint32_t i = 0; i < host->domain_count; i++) {
		if (host->domains[i].state != VM_ACTIVE || host->domains[i].incoming)
			continue;
		probes[i].domain = calls->virDomainLookupByName(connection, host->domains[i].name);
		probes[i].points = (double(*)[2])arena_take(arena, sizeof(*probes[i].points) * count);
	}
	for (uint32_t p = 0; p < count; p++) {
		start(calls, host, probes, periods_s[p], notes);
		nap_ms(periods_s[p] * 1000);
		collect(calls, host, probes, periods_s[p], notes);
	}
	for (uint32_t i = 0; i < host->domain_count; i++) {
		if (probes[i].domain)
			calls->virDomainFree(probes[i].domain);
	}
}
