/* SPDX-License-Identifier: GPL-3.0-or-later */
/* inventory: what is on a live host: its size, its CPUs and networks, its domains and what they are made of.
 */
#ifndef REAL_DRIVER_INVENTORY_H
#define REAL_DRIVER_INVENTORY_H

#include "core/cluster.h"
#include "real-driver/disks.h"

struct inventory_group {
	const char *name; /* NULL: none */
	const char *policy;
	bool best_effort;
	int64_t max_per_host; /* 0: not said */
};

struct inventory_cell {
	int64_t cpus, memory_mib, pages_2m, pages_1g;
	const char *cpu_set; /* of a guest's: "0-1,4" */
};

struct inventory_domain {
	const char *name;
	char uuid[37];
	uint8_t state; /* enum vm_state */
	bool persistent, active, incoming, migrating;
	int64_t vcpus, memory_mib;
	double used_mib;   /* NAN: not known */
	const char *pages; /* of hugepages: KiB as text, or "large"; NULL: none */
	bool dedicated;    /* each vCPU is pinned to a CPU of its own */
	bool host_cpu;     /* the guest sees its host's CPU as it is */
	const struct inventory_cell *cells;
	const struct vif *vifs;
	struct disks disks;
	int64_t local_gib; /* of the disks that only this host has */
	uint32_t cell_count, vif_count;
	struct inventory_group group;
	const double (*points)[2]; /* seconds, MiB dirtied in them */
	uint32_t point_count;
};

struct inventory_host {
	const char *uri, *name;
	int64_t cpus, memory_mib;
	uint32_t qemu; /* 7002: 7.2; 0: not told */
	const char *cpu_model;
	const char *const *features, *const *networks;
	const struct inventory_cell *cells;
	struct inventory_domain *domains; /* by name */
	uint32_t feature_count, network_count, cell_count, domain_count;
	bool networks_known;
};

/* Says one line about what could not be told, or was assumed. */
struct inventory_notes {
	void *context;
	void (*note)(void *context, const char *text);
};

void inventory_note(const struct inventory_notes *notes, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Everything lives in the arena. Returns ERROR_IO when the host or a domain cannot be asked. */
int inventory_read(const struct libvirt_calls *calls, virConnectPtr connection, const char *uri,
                   const struct shared_paths *shared, const struct inventory_notes *notes,
                   struct arena *arena, struct inventory_host *ret_host, struct error *error);

/* The platform's word for a domain in that state of libvirt's: enum vm_state. */
uint8_t inventory_state(const struct libvirt_calls *calls, virDomainPtr domain, int state);

/* What a running domain has of its host's memory, QEMU's own included, in KiB; 0: its host does not say. */
double inventory_resident_kib(const struct libvirt_calls *calls, virDomainPtr domain);

/* One domain; false when it vanished meanwhile. */
bool inventory_read_domain(const struct libvirt_calls *calls, virConnectPtr connection, virDomainPtr domain,
                           const struct shared_paths *shared, struct arena *arena,
                           struct inventory_domain *ret_domain);

/*
 * Measures how much memory the running domains of a host dirty in each of these times (whole seconds, rising,
 * 1 to 60), all domains at once, one time after the other, and sets their points. A domain that cannot be
 * measured is noted. Takes as long as all times together.
 */
void inventory_measure_dirty(const struct libvirt_calls *calls, virConnectPtr connection,
                             const unsigned *periods_s, uint32_t count, const struct inventory_notes *notes,
                             struct arena *arena, struct inventory_host *host);

#endif
