# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks of guests: on storage that all hosts see, on a host's own, and on an iSCSI target.

Each function returns a disk's definition, for Guest(…, disks=[…]). The guest's order `disk` has it checked.
"""
import os
import subprocess

from world import MIB, WORK, LabError, run, wait_until

FILE = """<disk type='file' device='disk'><driver name='qemu' type='raw' cache='{cache}'/>
      <source file='{path}'/><target dev='vda' bus='virtio'/></disk>"""
ISCSI = """<disk type='network' device='disk'><driver name='qemu' type='raw' cache='none'/>
      <source protocol='iscsi' name='{name}/1'><host name='{address}' port='3260'/></source>
      <target dev='vda' bus='virtio'/></disk>"""


def make_file(path, mib):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(mib * MIB)


def shared_disk(name, mib, cache="writethrough"):
    """A file in a folder that is one and the same on all hosts.

    libvirt does not know it for shared storage (it asks statfs for NFS and the like, and this is a tmpfs), so
    that it wants VIR_MIGRATE_UNSAFE; here that is safe: all hosts have one page cache.
    """
    path = f"{WORK}/shared/{name}.img"
    make_file(path, mib)
    return FILE.format(path=path, cache=cache)


def local_disk(host, name, mib, cache="writethrough"):
    """A file on that host alone; for VIR_MIGRATE_NON_SHARED_DISK its target needs one, too (local_file)."""
    local_file(host, name, mib)
    return FILE.format(path=f"{WORK}/here/{name}.img", cache=cache)


def local_file(host, name, mib):
    """What local_disk has on a host; returns its path as the sandbox sees it."""
    path = f"{host.folder}/here/{name}.img"
    make_file(path, mib)
    return path


def make_pool(host):
    """With it, libvirt makes the target's file itself: it does so only in storage pools."""
    pool = host.connection.storagePoolDefineXML(
        f"<pool type='dir'><name>here</name><target><path>{WORK}/here</path></target></pool>")
    pool.create()


class IscsiTarget:
    """A host of its own, 10.77.0.250, that offers disks by iSCSI; `link` can be cut, `daemon` be stopped."""

    ADDRESS = "10.77.0.250"

    def __init__(self, lab_module):
        self.index, self.folder, self.targets = "s", WORK + "/iscsi", 0
        os.makedirs(self.folder)
        self.holder = lab_module.hold_namespaces()
        self.link = lab_module.Link(self, "lab", "eth0", self.ADDRESS)
        # Its control socket; the usual place is a folder of the machine's.
        self.environment = dict(os.environ, TGT_IPC_SOCKET=self.folder + "/socket")
        with open(self.folder + "/log", "wb") as log:
            self.daemon = subprocess.Popen(
                [*self.enter(), "tgtd", "-f", "--iscsi", f"portal={self.ADDRESS}:3260"], stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, env=self.environment)
        wait_until(self._answers, "tgtd", 10)

    def enter(self):
        return ["nsenter", "-t", str(self.holder.pid), "--net", "--mount", "--uts"]

    def inside(self, *command):
        return run(*self.enter(), *command)

    def _answers(self):
        if self.daemon.poll() is not None:
            with open(self.folder + "/log", encoding="utf-8", errors="replace") as log:
                raise LabError("tgtd: " + log.read()[-1000:])
        try:
            return bool(self._control("sys", "show"))
        except LabError:
            return False

    def _control(self, mode, operation, *options):
        return run("tgtadm", "--lld", "iscsi", "--mode", mode, "--op", operation, *options,
                   env=self.environment)

    def disk(self, name, mib):
        self.targets += 1
        target, path = f"iqn.2024-01.org.example.lab:{name}", f"{self.folder}/{name}.img"
        make_file(path, mib)
        tid = str(self.targets)
        self._control("target", "new", "--tid", tid, "-T", target)
        self._control("logicalunit", "new", "--tid", tid, "--lun", "1", "-b", path)
        self._control("target", "bind", "--tid", tid, "-I", "ALL")
        return ISCSI.format(name=target, address=self.ADDRESS)
