/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cpu_model.h"

#include <string.h>
#include <strings.h>

/* Oldest first. Variants (-IBRS, -noTSX, -v2 …) count as the model they vary. */
static const char *const intel[] = {
	"486",           "pentium",    "pentium2",  "pentium3",       "pentiumpro",     "coreduo",
	"core2duo",      "Conroe",     "Penryn",    "Nehalem",        "Westmere",       "SandyBridge",
	"IvyBridge",     "Haswell",    "Broadwell", "Skylake",        "Skylake-Client", "Skylake-Server",
	"Cascadelake",   "Cooperlake", "Icelake",   "Icelake-Client", "Icelake-Server", "SapphireRapids",
	"GraniteRapids", NULL,
};
static const char *const amd[] = {
	"athlon",     "phenom", "Opteron_G1", "Opteron_G2", "Opteron_G3", "Opteron_G4",
	"Opteron_G5", "EPYC",   "EPYC-Rome",  "EPYC-Milan", "EPYC-Genoa", NULL,
};
static const char *const generic[] = { "qemu32",      "kvm32",       "qemu64", "kvm64",
	                               "cpu64-rhel5", "cpu64-rhel6", NULL };

/* The longest model of a list that the name is, or is a variant of; -1: none. */
static int generation(const char *const *models, const char *name)
{
	int best = -1;
	size_t best_length = 0;

	for (int i = 0; models[i]; i++) {
		size_t length = strlen(models[i]);

		if (!strncasecmp(models[i], name, length) && (name[length] == '\0' || name[length] == '-') &&
		    length > best_length) {
			best = i;
			best_length = length;
		}
	}
	return best;
}

bool cpu_model_runs(const char *host, const char *guest)
{
	static const char *const *const makers[] = { intel, amd };

	if (!strcasecmp(host, guest) || generation(generic, guest) >= 0)
		return true;
	for (int i = 0; i < 2; i++) {
		int of_host = generation(makers[i], host), of_guest = generation(makers[i], guest);

		if (of_host >= 0 && of_guest >= 0)
			return of_host >= of_guest;
	}
	return false;
}
