# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks of guests: on storage that all hosts see, on a host's own, and on an iSCSI target.

Each function returns a disk's definition, for Guest(…, disks=[…]). The guest's order `disk` has it checked.
"""
import os
import subprocess

from network import Link, Place
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


def mount_shared():
    """The folder of shared disks: passed through bindfs, which calls itself GlusterFS.

    libvirt takes storage for shared by the kind of its file system, so that no kernel's NFS is needed.
    """
    real, folder = WORK + "/shared-files", WORK + "/shared"
    os.makedirs(real)
    os.makedirs(folder)
    with open(WORK + "/bindfs.log", "wb") as log:
        subprocess.Popen(["bindfs", "-f", "-o", "subtype=glusterfs,allow_other", real, folder], stdout=log,
                         stderr=log, stdin=subprocess.DEVNULL)
    wait_until(lambda: os.path.ismount(folder), "bindfs", 10)


def shared_disk(name, mib, cache="none"):
    """A file on storage that libvirt takes for shared, for a Lab(shared_storage=True).

    Any cache will do: libvirt 9.0 knows that this QEMU drops what the host has cached of a file when a guest
    arrives.
    """
    path = f"{WORK}/shared/{name}.img"
    make_file(path, mib)
    return FILE.format(path=path, cache=cache)


def unknown_shared_disk(name, mib, cache="writethrough"):
    """A file that all hosts share without libvirt knowing, which wants VIR_MIGRATE_UNSAFE."""
    path = f"{WORK}/unknown/{name}.img"
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


class IscsiTarget(Place):
    """A host of its own, 10.77.0.250, that offers disks by iSCSI; `link` can be cut, `daemon` be stopped."""

    ADDRESS = "10.77.0.250"

    def __init__(self):
        super().__init__()
        self.index, self.folder, self.targets = "s", WORK + "/iscsi", 0
        os.makedirs(self.folder)
        self.link = Link(self, "lab", "eth0", self.ADDRESS)
        # Its control socket; the usual place is a folder of the machine's.
        self.environment = dict(os.environ, TGT_IPC_SOCKET=self.folder + "/socket")
        with open(self.folder + "/log", "wb") as log:
            self.daemon = subprocess.Popen(
                [*self.enter(), "tgtd", "-f", "--iscsi", f"portal={self.ADDRESS}:3260"], stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, env=self.environment)
        wait_until(self._answers, "tgtd", 10)

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
