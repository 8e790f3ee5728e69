/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/cpu_model.h"

#include <criterion/criterion.h>

struct model_case {
	const char *host, *guest;
	bool runs;
};

static const struct model_case cases[] = {
	{ "Haswell", "Haswell", true },
	{ "Haswell", "SandyBridge", true },
	{ "SandyBridge", "Haswell", false },
	{ "Broadwell", "Haswell", true },
	{ "haswell", "HASWELL", true },
	{ "Haswell-noTSX-IBRS", "Haswell", true },
	{ "Haswell", "Haswell-noTSX", true },
	{ "Skylake-Server-IBRS", "Broadwell-noTSX", true },
	{ "Skylake-Client", "Skylake-Server", false },
	{ "Skylake-Server", "Skylake-Client", true },
	{ "Icelake-Server", "Cascadelake-Server", true },
	{ "Cascadelake-Server", "Icelake-Server", false },
	{ "SapphireRapids", "Nehalem", true },
	{ "Nehalem", "Westmere", false },
	{ "Westmere", "Penryn", true },
	{ "EPYC-Milan", "EPYC-Rome", true },
	{ "EPYC", "EPYC-Rome", false },
	{ "EPYC-IBPB", "Opteron_G5", true },
	{ "EPYC-Milan", "Haswell", false },
	{ "Haswell", "Opteron_G1", false },
	{ "Opteron_G1", "qemu64", true },
	{ "Haswell", "kvm64", true },
	{ "MyOwnModel", "MyOwnModel", true },
	{ "MyOwnModel", "Haswell", false },
	{ "Haswell", "MyOwnModel", false },
	{ "HaswellX", "Haswell", false },
};

Test(cpu_model, newer_hosts_of_one_maker_run_older_guests)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_expect_eq(cpu_model_runs(cases[i].host, cases[i].guest), cases[i].runs, "%s on %s",
		             cases[i].guest, cases[i].host);
}
