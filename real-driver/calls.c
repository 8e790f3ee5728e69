/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "real-driver/calls.h"

#include <stdio.h>

const struct libvirt_calls libvirt_calls_real = {
#define X(name) .name = name,
	LIBVIRT_CALLS(X)
#undef X
};

int libvirt_error(const struct libvirt_calls *calls, char *ret_text, size_t room)
{
	const virError *error = calls->virGetLastError();

	if (!error || error->code == VIR_ERR_OK) {
		snprintf(ret_text, room, "libvirt gave no reason");
		return VIR_ERR_OK;
	}
	snprintf(ret_text, room, "%s", error->message ? error->message : "libvirt gave no reason");
	for (char *at = ret_text; *at; at++) {
		if ((unsigned char)*at < ' ')
			*at = ' ';
	}
	return error->code;
}

/* Not "no such domain": a migration says so of what its target has lost. Who looks for one knows anyway. */
bool libvirt_error_lasts(int code)
{
	switch (code) {
	case VIR_ERR_NO_SUPPORT:
	case VIR_ERR_INVALID_ARG:
	case VIR_ERR_DOM_EXIST:
	case VIR_ERR_XML_ERROR:
	case VIR_ERR_XML_DETAIL:
	case VIR_ERR_CONFIG_UNSUPPORTED:
	case VIR_ERR_ARGUMENT_UNSUPPORTED:
	case VIR_ERR_OPERATION_DENIED:
	case VIR_ERR_OPERATION_UNSUPPORTED:
	case VIR_ERR_AUTH_FAILED:
	case VIR_ERR_MIGRATE_UNSAFE:
	case VIR_ERR_CPU_INCOMPATIBLE:
	case VIR_ERR_ACCESS_DENIED:
	case VIR_ERR_NO_NETWORK:
	case VIR_ERR_NO_STORAGE_POOL:
		return true;
	default:
		return false;
	}
}

bool libvirt_error_unsaid(int code)
{
	return code == VIR_ERR_NO_SUPPORT || code == VIR_ERR_OPERATION_UNSUPPORTED ||
	       code == VIR_ERR_NO_CONNECT || code == VIR_ERR_ARGUMENT_UNSUPPORTED;
}
