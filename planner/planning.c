/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "planner/planning.h"

#include "planner/lockability.h"

void planning_create(struct planning *ret_planning, const struct cluster *cluster, const uint32_t *hosts,
                     uint32_t count)
{
	state_create(&ret_planning->state, cluster);
	shapes_create(&ret_planning->shapes, &ret_planning->state);
	for (uint32_t i = 0; hosts && i < count; i++)
		stock_want(&ret_planning->shapes, hosts[i]);
	for (uint32_t i = 0; i < ret_planning->shapes.count; i++) {
		ret_planning->shapes.shapes[i].wanted |= !hosts;
		shapes_fill(&ret_planning->shapes, i);
	}
	chooser_create(&ret_planning->chooser, &ret_planning->shapes);
	reaches_create(&ret_planning->reaches, &ret_planning->shapes, &ret_planning->state);
}

void planning_free(struct planning *planning)
{
	reaches_free(&planning->reaches);
	chooser_free(&planning->chooser);
	shapes_free(&planning->shapes);
	state_free(&planning->state);
}
