/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/xml.h"

#include "core/arena.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct xml {
	xmlDoc *doc;
	xmlXPathContext *context;
	xmlNode *node; /* what paths are seen from */
};

static void say_nothing(void *context, const xmlError *error)
{
	(void)context;
	(void)error;
}

struct xml *xml_parse(const char *text)
{
	xmlDoc *doc = xmlReadMemory(text, (int)strlen(text), "libvirt.xml", NULL,
	                            XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	struct xml *xml;

	if (!doc)
		return NULL;
	xml = memory_take(sizeof(*xml));
	xml->doc = doc;
	xml->node = xmlDocGetRootElement(doc);
	xml->context = xmlXPathNewContext(doc);
	if (!xml->context || !xml->node) {
		xml_free(xml);
		return NULL;
	}
	xml->context->error = (xmlStructuredErrorFunc)say_nothing;
	xmlXPathRegisterNs(xml->context, BAD_CAST "lockkeeper", BAD_CAST "urn:lockkeeper:group:1");
	return xml;
}

void xml_free(struct xml *xml)
{
	if (!xml)
		return;
	xmlXPathFreeContext(xml->context);
	xmlFreeDoc(xml->doc);
	free(xml);
}

static xmlXPathObject *find(const struct xml *xml, const char *path)
{
	xml->context->node = xml->node;
	return xmlXPathEval(BAD_CAST path, xml->context);
}

static xmlNode *first(const xmlXPathObject *found)
{
	return found && found->type == XPATH_NODESET && found->nodesetval && found->nodesetval->nodeNr > 0
	               ? found->nodesetval->nodeTab[0]
	               : NULL;
}

char *xml_text(const struct xml *xml, const char *path)
{
	xmlXPathObject *found = find(xml, path);
	xmlNode *node = first(found);
	xmlChar *content = node ? xmlNodeGetContent(node) : NULL;
	char *text = NULL;

	if (content) {
		text = memory_take(strlen((const char *)content) + 1);
		memcpy(text, content, strlen((const char *)content) + 1);
		xmlFree(content);
	}
	xmlXPathFreeObject(found);
	return text;
}

double xml_number(const struct xml *xml, const char *path, double otherwise)
{
	char *text = xml_text(xml, path), *end;
	double number = otherwise;

	if (text) {
		number = strtod(text, &end);
		if (end == text || !isfinite(number))
			number = otherwise;
		free(text);
	}
	return number;
}

bool xml_has(const struct xml *xml, const char *path)
{
	xmlXPathObject *found = find(xml, path);
	bool has = first(found) != NULL;

	xmlXPathFreeObject(found);
	return has;
}

struct amount {
	int64_t kib;
};

/* libvirt's units: without one KiB; KB and its kin are powers of ten. */
static void take_amount(void *context, const struct xml *element)
{
	static const struct {
		const char *word;
		double bytes;
	} units[] = {
		{ "b", 1 },
		{ "bytes", 1 },
		{ "KB", 1e3 },
		{ "k", 1024 },
		{ "KiB", 1024 },
		{ "MB", 1e6 },
		{ "M", 1048576 },
		{ "MiB", 1048576 },
		{ "GB", 1e9 },
		{ "G", 1073741824 },
		{ "GiB", 1073741824 },
		{ "TB", 1e12 },
		{ "T", 1099511627776.0 },
		{ "TiB", 1099511627776.0 },
	};
	struct amount *amount = context;
	char *unit = xml_text(element, "@unit");
	double number = xml_number(element, ".", -1), bytes = 1024;

	for (size_t i = 0; unit && i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(unit, units[i].word))
			bytes = units[i].bytes;
	}
	free(unit);
	if (amount->kib < 0 && number >= 0 && number * bytes < 9e18)
		amount->kib = (int64_t)(number * bytes / 1024);
}

int64_t xml_kib(const struct xml *xml, const char *path)
{
	struct amount amount = { .kib = -1 };

	xml_each(xml, path, take_amount, &amount);
	return amount.kib;
}

void xml_each(const struct xml *xml, const char *path, void (*each)(void *context, const struct xml *element),
              void *context)
{
	xmlXPathObject *found = find(xml, path);
	int count = found && found->type == XPATH_NODESET && found->nodesetval ? found->nodesetval->nodeNr
	                                                                       : 0;

	for (int i = 0; i < count; i++) {
		struct xml element = { xml->doc, xml->context, found->nodesetval->nodeTab[i] };

		each(context, &element);
	}
	xmlXPathFreeObject(found);
}

char *xml_part(const struct xml *xml, const char *path)
{
	xmlXPathObject *found = find(xml, path);
	xmlNode *node = first(found);
	char *text = NULL;

	if (node && node->type == XML_ELEMENT_NODE) {
		xmlBuffer *buffer = xmlBufferCreate();

		if (buffer && xmlNodeDump(buffer, xml->doc, node, 0, 0) >= 0) {
			size_t length = (size_t)xmlBufferLength(buffer);

			text = memory_take(length + 1);
			memcpy(text, xmlBufferContent(buffer), length);
			text[length] = '\0';
		}
		xmlBufferFree(buffer);
	}
	xmlXPathFreeObject(found);
	return text;
}
