/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doors: connections that are open, each with the time by which it has to have got on. */
/*
 * libmicrohttpd ends connections on which nothing comes for a while. One that sends a byte now and then would
 * keep its place for ever: what it is about has a deadline here.
 */
#ifndef WEB_DOORS_H
#define WEB_DOORS_H

#include <stdbool.h>
#include <stdint.h>

struct MHD_Connection;
struct doors;

/* With a thread that closes those that are too late. */
struct doors *doors_create(void);
void doors_free(struct doors *doors);

/* A connection came in, its first head is awaited for so long. Returns what doors_closed is to be given. */
void *doors_opened(struct doors *doors, struct MHD_Connection *connection, double head_s);
void doors_closed(struct doors *doors, void *door);

/* Its head is here, its body may take so long. */
void doors_head(struct doors *doors, struct MHD_Connection *connection, double body_s);

/* It is being answered: so long at most, unless it is a stream. */
void doors_answering(struct doors *doors, struct MHD_Connection *connection, bool stream, double answer_s);

/* It was answered: the next head is awaited for so long. */
void doors_idle(struct doors *doors, struct MHD_Connection *connection, double idle_s);

uint32_t doors_count(struct doors *doors);
uint64_t doors_cut_off(struct doors *doors);

#endif
