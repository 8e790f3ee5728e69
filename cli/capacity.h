/* SPDX-License-Identifier: GPL-3.0-or-later */
/* capacity: what the capacity command finds out, and how it is written and drawn. */
#ifndef CLI_CAPACITY_H
#define CLI_CAPACITY_H

#include "cli/cli.h"
#include "planner/growth.h"
#include "planner/next_host.h"

/* One candidate for the next host, and what there would be room for with it. */
struct bought {
	struct next_host next;
	struct capacity_range more;
};

/* The answers about one unit of VMs. */
struct sized {
	struct unit unit;
	const char *name; /* "m1.small", "3 m1.small + 1 m1.large" */
	struct capacity capacity;
	struct bought *bought; /* the best first */
	uint32_t bought_count;
};

struct capacity_command {
	struct cli_options common;
	const char *path, *plots, *group_name, *mix;
	const char **flavor_names, **except_names;
	uint32_t flavor_name_count, except_name_count;
	double limit_s;
	struct growth growth; /* rate 0: none asked for */
	const char *growth_text;
	uint32_t months, tolerate, group;
	enum loss by;
	struct cluster cluster;
	uint32_t present_vms; /* that are on hosts */
	bool *except;         /* by host */
	struct losses losses;
	struct capacity_now now;
	struct sized *rows;
	uint32_t row_count;
	struct arena arena; /* of lists */
};

/* Prints the answers on standard output in the form asked for. */
int capacity_print(const struct capacity_command *command, struct error *error);

/* Draws the head-room, and with a growth the months, into the folder asked for. */
int capacity_draw(const struct capacity_command *command, struct error *error);

/* What is missing now, or stops one more of the row; NULL: nothing is known to. */
const struct hindrance *capacity_stop(const struct capacity_command *command, const struct sized *row);

/* How many units the row's growth needs by the end of a month. */
uint32_t capacity_needed(const struct capacity_command *command, const struct sized *row, uint32_t month);

/* The first month in which the row's growth no longer fits; 0: none, or no growth was asked for. */
uint32_t capacity_full_month(const struct capacity_command *command, const struct sized *row);

/* Units that are known to fit: none while even that is not known. */
uint32_t capacity_known(const struct capacity_range *range);

/* What is gained in units over what fits without it, at the least. */
int64_t capacity_gain(const struct sized *row, const struct bought *bought);

/* "like compute-0", "like compute-0, twice the memory". */
void capacity_next_text(const struct capacity_command *command, const struct next_host *next, char *text,
                        size_t room);

/* A resource of a hindrance for people: "memory". Devices of an alias stay as they are. */
const char *capacity_resource_words(const char *resource);

#endif
