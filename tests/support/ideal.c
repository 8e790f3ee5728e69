/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/ideal.h"

#include <math.h>

struct hypervisor ideal_of(const struct hypervisor *row)
{
	struct hypervisor ideal = *row;

	ideal.setup_crowd = 0;
	ideal.sender_bytes_s = INFINITY;
	ideal.socket_bytes = ideal.socket_s = 0;
	ideal.window_more_s = 0;
	ideal.top_share = ideal.top_pages = 0;
	ideal.kernel_pages = 0;
	ideal.zero_page_s = 0;
	ideal.firmware_pages = 0;
	ideal.throttle_loss = 0;
	ideal.iterate_s = 0.05;
	ideal.iterate_bytes = 0;
	for (const struct hypervisor_constant *of = hypervisor_constants; of->name; of++) {
		if (of->spread)
			*(double *)((char *)&ideal + of->offset) = 0;
	}
	return ideal;
}

const struct hypervisors *ideal_hypervisors(void)
{
	static struct hypervisors ideal;

	for (size_t i = 0; i < HYPERVISORS && !ideal.rows[i].name; i++)
		ideal.rows[i] = ideal_of(&hypervisors_shipped()->rows[i]);
	return &ideal;
}

const struct hypervisor *ideal_hypervisor(void)
{
	return &ideal_hypervisors()->rows[0];
}
