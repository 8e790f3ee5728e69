/* SPDX-License-Identifier: GPL-3.0-or-later */
/* members: how many members of a server group each host holds. */
#ifndef CORE_MEMBERS_H
#define CORE_MEMBERS_H

#include <stdint.h>

struct members;

struct members *members_new(uint32_t group_count);
void members_free(struct members *members);

/* Changes how many of a group's members are at a host, and how many are on their way to it. */
void members_change(struct members *members, uint32_t group, uint32_t host, int here, int coming);

uint32_t members_here(const struct members *members, uint32_t group, uint32_t host);
uint32_t members_coming(const struct members *members, uint32_t group, uint32_t host);

/* Of a group in all: how many are on some host, on how many hosts. */
uint32_t members_placed(const struct members *members, uint32_t group);
uint32_t members_hosts(const struct members *members, uint32_t group);

#endif
