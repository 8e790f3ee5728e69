# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of hosts, and the links that join them to the lab's bridges."""
import os
import subprocess

from world import run, wait_until

SEND_BUFFERS = "net.ipv4.tcp_wmem"


class Place:
    """Network, mounts and a host name of its own, kept by a process that does nothing else."""

    def __init__(self):
        self.holder = hold_namespaces()

    def enter(self):
        return ["nsenter", "-t", str(self.holder.pid), "--net", "--mount", "--uts"]

    def inside(self, *command):
        """Runs a command there."""
        return run(*self.enter(), *command)

    def send_buffer(self, most=None):
        """Bytes of a connection that may wait to be sent, at the most; the value before. None: asked only."""
        least, initial, before = (int(one) for one in self.inside("sysctl", "-n", SEND_BUFFERS).split())
        if most:
            self.inside("sysctl", "-q", "-w", f"{SEND_BUFFERS}={least} {initial} {most}")
        return before


def hold_namespaces():
    """A process that keeps a network, mounts and a host name of its own."""
    holder = subprocess.Popen(["unshare", "--net", "--mount", "--uts", "sleep", "infinity"])
    pid = str(holder.pid)

    def is_there():
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net") and \
                file.read() == "sleep\n"
    wait_until(is_there, "namespaces", 10, 0.01)
    return holder


class Link:
    """A host's wire to one of the lab's bridges."""

    def __init__(self, host, bridge, device, address):
        self.host, self.bridge, self.device, self.address = host, bridge, device, address
        # The bridge's end, in the sandbox's own namespace.
        self.port, self.mbit = f"{bridge}{host.index}", 0
        run("ip", "link", "add", self.port, "type", "veth", "peer", "name", device, "netns",
            str(host.holder.pid))
        run("ip", "link", "set", self.port, "master", bridge, "up")
        if address:
            host.inside("ip", "addr", "add", address + "/24", "dev", device)
        host.inside("ip", "link", "set", device, "up")
        if address:
            self._as_most_are()
        # And an interface that serves its flows byte by byte, as fq_codel does, which small kernels lack. In
        # a plain queue each flow has two packets, and those of one that came when the link was busy stay
        # small (tcp_tso_rtt_log): small packets, and little of each flow in the queue, come to the same.
        host.inside("sysctl", "-q", "-w", "net.ipv4.tcp_limit_output_bytes=16384")
        host.inside("ip", "link", "set", device, "gso_max_size", "16384")

    def _as_most_are(self):
        # Linux's default control of congestion, whatever this machine's is: under bbr, whose flows probe once
        # in 10 s, one that comes later gets an eighth of the link until then.
        network = self.address.rpartition(".")[0] + ".0/24"
        self.host.inside("ip", "route", "replace", network, "dev", self.device, "src", self.address,
                         "congctl", "cubic")

    def set_speed(self, mbit):
        """Both ways; 0: as fast as it goes."""
        if mbit == self.mbit:
            return
        for where, device in ((self.host.enter(), self.device), ([], self.port)):
            if self.mbit:
                run(*where, "tc", "qdisc", "del", "dev", device, "root")
            if mbit:
                burst = max(65536 * 2, int(mbit * 1e6 / 8 * 0.002))
                run(*where, "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", f"{mbit}mbit",
                    "burst", str(burst), "latency", "50ms")
        self.mbit = mbit

    def cut(self):
        """From now on nothing gets through, and nobody is told: connections stay open and silent."""
        run("ip", "link", "set", self.port, "down")

    def restore(self):
        run("ip", "link", "set", self.port, "up")
