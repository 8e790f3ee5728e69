/* SPDX-License-Identifier: GPL-3.0-or-later */
/* calls: every function of libvirt that is used, as a table, so that tests can put fakes in its place. */
#ifndef REAL_DRIVER_CALLS_H
#define REAL_DRIVER_CALLS_H

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdbool.h>
#include <stddef.h>

#define LIBVIRT_CALLS(X)                      \
	/* the event loop */                  \
	X(virInitialize)                      \
	X(virEventRegisterDefaultImpl)        \
	X(virEventRunDefaultImpl)             \
	X(virEventAddTimeout)                 \
	X(virEventUpdateTimeout)              \
	X(virEventRemoveTimeout)              \
	/* errors */                          \
	X(virGetLastError)                    \
	X(virResetLastError)                  \
	X(virSetErrorFunc)                    \
	/* connections */                     \
	X(virConnectOpen)                     \
	X(virConnectRef)                      \
	X(virConnectClose)                    \
	X(virConnectIsAlive)                  \
	X(virConnectSetKeepAlive)             \
	X(virConnectRegisterCloseCallback)    \
	X(virConnectUnregisterCloseCallback)  \
	X(virConnectDomainEventRegisterAny)   \
	X(virConnectDomainEventDeregisterAny) \
	/* hosts */                           \
	X(virConnectGetHostname)              \
	X(virConnectGetType)                  \
	X(virConnectGetVersion)               \
	X(virConnectGetCapabilities)          \
	X(virConnectGetDomainCapabilities)    \
	X(virConnectCompareCPU)               \
	X(virConnectCompareHypervisorCPU)     \
	X(virNodeGetInfo)                     \
	X(virNodeGetMemoryStats)              \
	X(virNodeGetFreePages)                \
	X(virConnectListAllInterfaces)        \
	X(virInterfaceGetName)                \
	X(virInterfaceFree)                   \
	X(virInterfaceLookupByName)           \
	X(virInterfaceIsActive)               \
	X(virConnectListAllNetworks)          \
	X(virNetworkGetName)                  \
	X(virNetworkFree)                     \
	X(virNetworkLookupByName)             \
	X(virNetworkIsActive)                 \
	X(virStoragePoolLookupByName)         \
	X(virStoragePoolLookupByTargetPath)   \
	X(virStoragePoolGetXMLDesc)           \
	X(virStoragePoolGetInfo)              \
	X(virStoragePoolFree)                 \
	X(virStorageVolLookupByPath)          \
	X(virStorageVolFree)                  \
	/* domains */                         \
	X(virConnectListAllDomains)           \
	X(virDomainLookupByUUID)              \
	X(virDomainLookupByName)              \
	X(virDomainFree)                      \
	X(virDomainGetName)                   \
	X(virDomainGetUUID)                   \
	X(virDomainGetState)                  \
	X(virDomainIsPersistent)              \
	X(virDomainHasManagedSaveImage)       \
	X(virDomainGetXMLDesc)                \
	X(virDomainMemoryStats)               \
	X(virDomainGetBlockInfo)              \
	X(virDomainGetJobStats)               \
	X(virDomainStartDirtyRateCalc)        \
	X(virDomainListGetStats)              \
	X(virDomainStatsRecordListFree)       \
	/* what changes something */          \
	X(virDomainMigrateToURI3)             \
	X(virDomainMigrateSetMaxDowntime)     \
	X(virDomainMigrateStartPostCopy)      \
	X(virDomainAbortJob)                  \
	X(virDomainQemuMonitorCommand)        \
	X(virDomainSuspend)                   \
	X(virDomainResume)                    \
	X(virDomainShutdownFlags)             \
	X(virDomainDestroyFlags)              \
	X(virDomainCreate)                    \
	X(virDomainDefineXMLFlags)            \
	X(virDomainUndefineFlags)             \
	/* typed parameters */                \
	X(virTypedParamsAddULLong)            \
	X(virTypedParamsAddString)            \
	X(virTypedParamsGetULLong)            \
	X(virTypedParamsGetLLong)             \
	X(virTypedParamsGetInt)               \
	X(virTypedParamsFree)

/* A member of each function's own name and type: calls->virDomainCreate(domain). */
struct libvirt_calls {
#define X(name) __typeof__(name) *name;
	LIBVIRT_CALLS(X)
#undef X
};

/* The library itself. */
extern const struct libvirt_calls libvirt_calls_real;

/* The newest error of this thread, in one line, and its code (VIR_ERR_OK: none). */
int libvirt_error(const struct libvirt_calls *calls, char *ret_text, size_t room);

/* Whether an error of that code will come again however often it is tried. */
bool libvirt_error_lasts(int code);

/* Whether an error of that code only means that this host cannot tell. */
bool libvirt_error_unsaid(int code);

#endif
