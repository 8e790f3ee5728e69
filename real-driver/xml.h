/* SPDX-License-Identifier: GPL-3.0-or-later */
/* xml: what libvirt says in XML, asked by XPath. */
#ifndef REAL_DRIVER_XML_H
#define REAL_DRIVER_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A document, or one element of it; xml_free the document alone. */
struct xml;

/* NULL when it is no XML. Nothing outside of the text is ever read. */
struct xml *xml_parse(const char *text);
void xml_free(struct xml *xml);

/*
 * The text of the first thing that an XPath finds, seen from an element (the root: /domain/name); NULL: it
 * finds nothing. The prefix `lockkeeper` is urn:lockkeeper:group:1. The caller free()s it.
 */
char *xml_text(const struct xml *xml, const char *path);

/* The same as a number, `otherwise` when there is none. */
double xml_number(const struct xml *xml, const char *path, double otherwise);

/* Whether it finds anything. */
bool xml_has(const struct xml *xml, const char *path);

/* An amount of memory in KiB, by its `unit` attribute; -1: none. */
int64_t xml_kib(const struct xml *xml, const char *path);

/* Calls each(context, element) for each element found, in the document's order. */
void xml_each(const struct xml *xml, const char *path, void (*each)(void *context, const struct xml *element),
              void *context);

/* The first element found as a document of its own; NULL: none. The caller free()s it. */
char *xml_part(const struct xml *xml, const char *path);

#endif
