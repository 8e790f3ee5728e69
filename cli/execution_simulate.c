/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The executor in virtual time: the same decisions, on hosts that always answer; all stages. */
#include "cli/execution.h"

#include "sim/fleet_driver.h"

/* It has stopped, and nothing has failed. */
static bool is_between_stages(const struct executor *executor)
{
	return executor_end(executor) == EXECUTOR_STOPPED && !executor->why[0];
}

int execution_simulate(struct execution *execution, uint64_t seed, enum executor_end *ret_end,
                       struct error *error)
{
	static const struct fleet_faults none = { 0 };
	struct fleet_driver driver;
	struct fleet fleet;
	int result;

	fleet_create(&fleet, &execution->cluster, seed, true);
	fleet_driver_create(&driver, &fleet, &execution->executor, &none);
	result = run(&driver.backend, &execution->executor, execution->journal, EVENT_BEGIN, 0, NULL, error);
	/* In virtual time nobody has to maintain hosts between stages. */
	while (!result && is_between_stages(&execution->executor))
		result = run(&driver.backend, &execution->executor, execution->journal, EVENT_RESUMED,
		             execution->executor.now_ns, NULL, error);
	driver.backend.close(&driver.backend);
	fleet_free(&fleet);
	*ret_end = executor_end(&execution->executor);
	return result;
}
