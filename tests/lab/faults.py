# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with hosts, done on purpose: processes, links, ports and disks, each named exactly.

Links, `host.control` and `host.data`, are cut, restored and slowed each by itself: Link.cut, .restore,
.set_speed.
Daemons: Host.end_daemon and .restart_daemon. Streams: proxy.Proxy. Phases: phases.Hold.
"""
import contextlib
import os
import signal
import subprocess

from world import MIB, WORK, LabError, is_running, run, state_of_process, wait_until


def kill_daemon(host):
    """As if libvirtd had crashed."""
    host.end_daemon(signal.SIGKILL)


def stop(pid):
    """The process hangs, until go_on(); returns when all of it stands still."""
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: state_of_process(pid) in ("T", ""), f"process {pid} to stop", 5, 0.002)


def go_on(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def stopped(pid):
    stop(pid)
    try:
        yield
    finally:
        go_on(pid)


def kill_qemu(host, name):
    """Ends the guest's QEMU on that host, source or target, as a crash would."""
    pid = host.qemu_pid(name)
    if pid is None:
        raise LabError(f"{host.name} has no QEMU of {name}")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid), f"the end of {name} on {host.name}", 5)


@contextlib.contextmanager
def slow(*links, mbit):
    """Links that have that speed for a while."""
    before = [link.mbit for link in links]
    for link in links:
        link.set_speed(mbit)
    try:
        yield
    finally:
        for link, speed in zip(links, before):
            link.set_speed(speed)


@contextlib.contextmanager
def cut(*links):
    for link in links:
        link.cut()
    try:
        yield
    finally:
        for link in links:
            link.restore()


@contextlib.contextmanager
def apart(one, other):
    """Neither host reaches the other, on any network, while both reach all else and are reached."""
    ways = [(host, address) for host, peer in ((one, other), (other, one))
            for address in dict.fromkeys((peer.address, peer.data_address))]
    for host, address in ways:
        host.inside("ip", "route", "add", "blackhole", address + "/32")
    try:
        yield
    finally:
        for host, address in ways:
            host.inside("ip", "route", "del", "blackhole", address + "/32")


TAKE_PORTS = """import socket, sys
taken = []
for port in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
    taken.append(socket.socket())
    taken[-1].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken[-1].bind(("0.0.0.0", port))
        taken[-1].listen()
    except OSError:
        pass
print("taken", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def no_migration_ports(host):
    """All ports that libvirt may take for an incoming migration are in use."""
    first, last = (str(port) for port in host.lab.migration_ports)
    taker = subprocess.Popen([*host.enter(), "python3", "-c", TAKE_PORTS, first, last], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    try:
        if taker.stdout.readline() != b"taken\n":
            raise LabError(f"{host.name}: ports cannot be taken")
        yield
    finally:
        taker.stdin.close()
        taker.wait(10)
        taker.stdout.close()


class SmallDisk:
    """A file system of its own that has so many MiB: for a journal that must meet a full disk."""

    def __init__(self, name, mib):
        self.folder = os.path.join(WORK, "disk-" + name)
        self.filler = os.path.join(self.folder, "filler")
        os.makedirs(self.folder)
        run("mount", "-t", "tmpfs", "-o", f"size={mib}m", "small", self.folder)

    def fill(self, but_bytes=0):
        """Nothing more fits, but for so many bytes (in whole pages)."""
        with open(self.filler, "ab", buffering=0) as file:
            chunk = bytes(MIB)
            while chunk:
                try:
                    written = file.write(chunk)
                except OSError:
                    written = 0
                if written < len(chunk):
                    chunk = chunk[:len(chunk) // 2]
            file.truncate(max(0, file.tell() - but_bytes))

    def free(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.filler)

    def close(self):
        run("umount", self.folder)
