# SPDX-License-Identifier: GPL-3.0-or-later
"""Real libvirt hosts on one machine: network namespaces on a bridge, a libvirtd and its QEMU in each.

For use inside tests/lab/sandbox, which makes all of it vanish. Lab brings hosts up and sets the speed of
their links; Guest boots a guest that runs tests/lab/guest.c; Migration moves it and tells what was measured.

Guests run with page-table isolation (pti=on): QEMU 7.2's TCG clears dirty bits at a sync without telling the
vCPU's TLB, so that writes through an entry that stays in it are lost, and with them the guest; isolation
flushes the TLB whenever the kernel is entered.
"""
import contextlib
import os
import select
import shutil
import socket
import subprocess
import threading
import time
import uuid

import libvirt

WORK = os.environ.get("LAB_WORK", "")
GUEST = os.environ.get("LAB_GUEST", "build/tests/lab/guest")
KERNEL = os.environ.get("LAB_KERNEL", "build/lab/vmlinuz")
PAGE = 4096
MIB = 1048576
BOOT_TIMEOUT_S = 60
# What keeps a guest's clock and the machine's apart: longer than any stop that is to be seen.
BEAT_SETTLE_S = 0.3
# A round that brings less than this share of what was left is one too few.
POSTCOPY_PROGRESS = 0.10


class LabError(Exception):
    """Something of the lab did not work; the text says what."""


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          check=False, **options)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {done.stdout.decode(errors='replace').strip()}")
    return done.stdout.decode()


def make_initramfs(path):
    """One static program is all that a guest runs."""
    folder = os.path.join(WORK, "initramfs")
    os.makedirs(folder, exist_ok=True)
    shutil.copy(GUEST, os.path.join(folder, "init"))
    with open(path, "wb") as file:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input=b"init\n", stdout=file, cwd=folder,
                       check=True)


class Host:
    """One libvirtd in namespaces of its own."""

    FOLDERS = ("/run/libvirt", "/var/lib/libvirt", "/etc/libvirt", "/var/cache/libvirt", "/var/log/libvirt")

    def __init__(self, lab, index):
        self.lab, self.name, self.address = lab, f"host{index}", f"10.77.0.{index + 1}"
        self.folder = os.path.join(WORK, self.name)
        self.uri = f"qemu+tcp://{self.address}/system"
        self.holder, self.connection, self.mbit = None, None, 0
        os.makedirs(self.folder)
        self._enter_namespaces(index)
        self._write_settings()
        self._start()

    def _enter_namespaces(self, index):
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "--uts", "sleep", "infinity"])
        pid, link = str(self.holder.pid), f"lab{index}"
        deadline = time.monotonic() + 10
        while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net") or \
                open(f"/proc/{pid}/comm", encoding="ascii").read() != "sleep\n":
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: no namespace")
            time.sleep(0.01)
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", pid)
        run("ip", "link", "set", link, "master", "lab", "up")
        self.inside("ip", "addr", "add", self.address + "/24", "dev", "eth0")
        self.inside("ip", "link", "set", "eth0", "up")
        # A host as most are. Linux's default control of congestion, whatever this machine's is: under bbr,
        # whose flows probe once in 10 s, one that comes later gets an eighth of the link until then.
        self.inside("ip", "route", "replace", "10.77.0.0/24", "dev", "eth0", "src", self.address, "congctl",
                    "cubic")
        # And an interface that serves its flows byte by byte, as fq_codel does, which small kernels lack. In
        # a plain queue each flow has two packets, and those of one that came when the link was busy stay
        # small (tcp_tso_rtt_log): small packets, and little of each flow in the queue, come to the same.
        self.inside("sysctl", "-q", "-w", "net.ipv4.tcp_limit_output_bytes=16384")
        self.inside("ip", "link", "set", "eth0", "gso_max_size", "16384")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("hostname", self.name)
        for folder in self.FOLDERS:
            own = self.folder + folder
            os.makedirs(own)
            os.makedirs(folder, exist_ok=True)
            self.inside("mount", "--bind", own, folder)
        os.makedirs(self.folder + "/here")
        os.makedirs(WORK + "/here", exist_ok=True)
        self.inside("mount", "--bind", self.folder + "/here", WORK + "/here")

    def _write_settings(self):
        settings = {
            "libvirtd.conf": f"""listen_tls = 0
listen_tcp = 1
auth_tcp = "none"
auth_unix_ro = "none"
auth_unix_rw = "none"
host_uuid = "{uuid.uuid4()}"
""",
            "qemu.conf": f"""security_driver = "none"
user = "root"
group = "root"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
remember_owner = 0
migration_address = "{self.address}"
migration_host = "{self.address}"
""",
        }
        for name, text in settings.items():
            with open(f"{self.folder}/etc/libvirt/{name}", "w", encoding="ascii") as file:
                file.write(text)

    def _start(self):
        with open(f"{self.folder}/libvirtd.log", "wb") as log:
            self.daemon = subprocess.Popen([*self._enter(), "libvirtd", "--listen", "--pid-file",
                                            "/run/libvirt/libvirtd.pid"], stdout=log, stderr=log,
                                           stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while True:
            try:
                self.connection = libvirt.open(self.uri)
                break
            except libvirt.libvirtError as wrong:
                if time.monotonic() > deadline or self.daemon.poll() is not None:
                    with open(f"{self.folder}/libvirtd.log", encoding="utf-8", errors="replace") as log:
                        raise LabError(f"{self.name}: {wrong}: {log.read()[-2000:]}") from wrong
            time.sleep(0.05)
        # A daemon that has never seen its QEMU asks it what it can: 0.7 s, which are no migration's.
        self.connection.getDomainCapabilities(None, "x86_64", None, "qemu")

    def restart(self):
        """Starts libvirtd again, after somebody has killed it; guests have gone on running."""
        self._start()

    def _enter(self):
        return ["nsenter", "-t", str(self.holder.pid), "--net", "--mount", "--uts"]

    def inside(self, *command):
        """Runs a command in the host's namespaces."""
        return run(*self._enter(), *command)

    def set_link(self, mbit):
        """The speed of the host's link, both ways; 0: as fast as it goes."""
        if mbit == self.mbit:
            return
        for where, device in ((self._enter(), "eth0"), ([], f"lab{self.name[4:]}")):
            if self.mbit:
                run(*where, "tc", "qdisc", "del", "dev", device, "root")
            if mbit:
                burst = max(65536 * 2, int(mbit * 1e6 / 8 * 0.002))
                run(*where, "tc", "qdisc", "add", "dev", device, "root", "tbf", "rate", f"{mbit}mbit",
                    "burst", str(burst), "latency", "50ms")
        self.mbit = mbit


class Lab:
    """N hosts on one bridge."""

    def __init__(self, hosts=2):
        if not WORK:
            raise LabError("must run inside tests/lab/sandbox")
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=self._events, daemon=True).start()
        libvirt.registerErrorHandler(lambda *_: None, None)
        self.initramfs = os.path.join(WORK, "initramfs.cpio")
        self.kernel = os.path.join(WORK, "vmlinuz")
        shutil.copy(KERNEL, self.kernel)
        make_initramfs(self.initramfs)
        run("ip", "link", "add", "lab", "type", "bridge", "forward_delay", "0")
        run("ip", "addr", "add", "10.77.0.254/24", "dev", "lab")
        run("ip", "link", "set", "lab", "up")
        self.hosts = [Host(self, index) for index in range(hosts)]

    @staticmethod
    def _events():
        while True:
            libvirt.virEventRunDefaultImpl()


class Beats:
    """Listens to the guests' beats on every host, by a clock that does not stop."""

    def __init__(self, lab, name):
        self.times, self.sockets, self.open = [], [], True
        for host in lab.hosts:
            path = f"{host.folder}/here/{name}.beat"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen(4)
            self.sockets.append(listener)
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        listeners, peers = set(self.sockets), []
        while self.open:
            ready, _, _ = select.select([*listeners, *peers], [], [], 0.2)
            now = time.monotonic()
            for one in ready:
                if one in listeners:
                    peers.append(one.accept()[0])
                elif one.recv(4096):
                    self.times.append(now)
                else:
                    one.close()
                    peers.remove(one)
        for one in [*listeners, *peers]:
            one.close()

    def longest_gap_ms(self, since):
        """The longest time without a beat since then (time.monotonic)."""
        times = [t for t in list(self.times) if t >= since - 1]
        gaps = [b - a for a, b in zip(times, times[1:]) if b >= since]
        return 1000 * max(gaps) if gaps else float("nan")

    def close(self):
        self.open = False
        self.thread.join()


DOMAIN = """<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-i440fx-7.2'>hvm</type>
    <kernel>{kernel}</kernel><initrd>{initramfs}</initrd><cmdline>{cmdline}</cmdline></os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact'><model>qemu64</model></cpu>
  <on_reboot>destroy</on_reboot>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <serial type='file'><source path='{here}/{name}.log'/><target port='0'/></serial>
    <serial type='unix'><source mode='connect' path='{here}/{name}.beat'/><target port='1'/></serial>
    <memballoon model='none'/>
    <video><model type='none'/></video>
  </devices>
  {extra}
</domain>"""


class Guest:
    """One guest; `orders` are tests/lab/guest.c's, without their "lk."."""

    def __init__(self, lab, host, name, memory_mib, orders, extra=""):
        self.lab, self.host, self.name, self.memory_mib = lab, host, name, memory_mib
        for one in lab.hosts:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{one.folder}/here/{name}.log")
        self.beats = Beats(lab, name)
        words = " ".join(f"lk.{key}={value}" for key, value in orders.items())
        xml = DOMAIN.format(name=name, uuid=uuid.uuid4(), memory=memory_mib, kernel=lab.kernel,
                            initramfs=lab.initramfs, here=WORK + "/here", extra=extra,
                            cmdline="console=ttyS0 quiet panic=-1 pti=on " + words)
        # Persistent, here and (see Migration) wherever it goes: a transient domain's statistics go with it.
        self.domain = host.connection.defineXML(xml)
        self.domain.create()
        self._wait_ready()

    def log(self):
        """What the guest has said, on all hosts."""
        text = ""
        for host in self.lab.hosts:
            with contextlib.suppress(FileNotFoundError):
                with open(f"{host.folder}/here/{self.name}.log", encoding="utf-8", errors="replace") as file:
                    text += file.read()
        return text

    def _wait_ready(self):
        deadline = time.monotonic() + BOOT_TIMEOUT_S
        while "lk ready" not in self.log():
            if "lk error" in self.log() or time.monotonic() > deadline:
                raise LabError(f"{self.name} did not start: {self.log()[-500:]}")
            time.sleep(0.05)

    def pid(self):
        with open(f"{self.host.folder}/run/libvirt/qemu/{self.name}.pid", encoding="ascii") as file:
            return int(file.read())

    def used_pages(self):
        """Pages of the guest's memory that are not zero, counted from outside."""
        pid, spans = self.pid(), []
        with open(f"/proc/{pid}/maps", encoding="ascii") as file:
            for line in file:
                first, last = (int(x, 16) for x in line.split()[0].split("-"))
                spans.append((last - first, first, line.split()[1]))
        size, at, _ = max(span for span in spans if span[2] == "rw-p")
        zero, used, step = bytes(PAGE), 0, 4 * MIB
        with open(f"/proc/{pid}/pagemap", "rb") as pagemap, open(f"/proc/{pid}/mem", "rb", 0) as memory:
            for begin in range(at, at + size, step):
                pagemap.seek(begin // PAGE * 8)
                present = pagemap.read(step // PAGE * 8)
                if not any(present[7::8]):
                    continue
                memory.seek(begin)
                data = memory.read(min(step, at + size - begin))
                used += sum(data[i:i + PAGE] != zero for i in range(0, len(data), PAGE))
        return used

    def dirty_mib(self, seconds):
        """Unique memory dirtied in that many seconds, as the hypervisor finds it (sampling pages)."""
        self.domain.startDirtyRateCalc(int(seconds), 0)
        deadline = time.monotonic() + seconds + 10
        while time.monotonic() < deadline:
            time.sleep(0.1)
            stats = self.host.connection.domainListGetStats([self.domain], libvirt.VIR_DOMAIN_STATS_DIRTYRATE)
            found = stats[0][1]
            if found.get("dirtyrate.calc_status") == libvirt.VIR_DOMAIN_DIRTYRATE_MEASURED:
                return found.get("dirtyrate.megabytes_per_second", 0) * found["dirtyrate.calc_period"]
        raise LabError(f"{self.name}: no dirty rate after {seconds} s")

    def is_alive(self):
        """Whether it has sent a sign of life in the last second."""
        return bool(self.beats.times) and time.monotonic() - self.beats.times[-1] < 1

    def close(self):
        for host in self.lab.hosts:
            with contextlib.suppress(libvirt.libvirtError):
                host.connection.lookupByName(self.name).destroy()
            with contextlib.suppress(libvirt.libvirtError):
                host.connection.lookupByName(self.name).undefine()
        self.beats.close()


class Migration(threading.Thread):
    """One migration of a guest; start() it, then join() and look at `outcome` and `stats`."""

    LOOK_S = 0.5

    def __init__(self, guest, target, bandwidth_mib_s=0, max_downtime_ms=300, timeout_s=0,
                 auto_converge=False, post_copy=False):
        super().__init__(daemon=True)
        self.guest, self.target, self.timeout_s = guest, target, timeout_s
        self.bandwidth_mib_s, self.max_downtime_ms = bandwidth_mib_s, max_downtime_ms
        self.auto_converge, self.post_copy = auto_converge, post_copy
        self.outcome, self.stats, self.error, self.throttle_percent = None, {}, "", 0
        self.took_s = self.own_gap_ms = float("nan")
        self.expected_downtime_ms = self.gap_ms = float("nan")
        self.done, self.began, self.switched_s = threading.Event(), 0, float("nan")
        self.rounds, self.synced_bytes = threading.Event(), 0

    def run(self):
        watcher = threading.Thread(target=self._watch, daemon=True)
        log_length = len(self.guest.log())
        # As `virsh migrate` after `virsh migrate-setmaxdowntime`: the whole limit holds from the start.
        flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_PERSIST_DEST
        flags |= libvirt.VIR_MIGRATE_AUTO_CONVERGE if self.auto_converge else 0
        flags |= libvirt.VIR_MIGRATE_POSTCOPY if self.post_copy else 0
        parameters = {libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://{self.target.address}"}
        if self.bandwidth_mib_s:
            parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = self.bandwidth_mib_s
        self.began = time.monotonic()
        try:
            self.guest.domain.migrateSetMaxDowntime(self.max_downtime_ms, 0)
            self.began = time.monotonic()
            watcher.start()
            self.guest.domain.migrateToURI3(self.target.uri, parameters, flags)
            self.outcome = "completed"
        except libvirt.libvirtError as wrong:
            self.outcome, self.error = "aborted", str(wrong)
        self.took_s = time.monotonic() - self.began
        self.done.set()
        if watcher.ident:
            watcher.join()
        if self.outcome == "completed":
            self._settle()
        gaps = [float(line.split()[2]) for line in self.guest.log()[log_length:].split("\n")
                if line.startswith("lk gap") and len(line.split()) > 2]
        self.own_gap_ms = max(gaps) if gaps else 0

    def _settle(self):
        """What the hosts say of the finished job; after post-copy only the source does."""
        source = self.guest.domain
        self.guest.host = self.target
        self.guest.domain = self.target.connection.lookupByName(self.guest.name)
        for domain in (self.guest.domain, source):
            stats = domain.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
            if "memory_total" in stats:
                self.stats = stats
                break
        time.sleep(BEAT_SETTLE_S)
        self.gap_ms = self.guest.beats.longest_gap_ms(self.began)

    def _synced(self, *_):
        """After each round: did it bring less than 10 %? Then post-copy, as nova has it."""
        with contextlib.suppress(libvirt.libvirtError, KeyError):
            left = self.guest.domain.jobStats()["memory_remaining"]
            before, self.synced_bytes = self.synced_bytes, left
            if self.post_copy and before > 0 and (before - left) / before < POSTCOPY_PROGRESS:
                self.guest.domain.migrateStartPostCopy(0)
                self.switched_s, self.post_copy = time.monotonic() - self.began, False

    def _listen(self):
        """Hears of rounds in a thread of its own: an event's callback must not ask its own connection."""
        while not self.done.is_set():
            if self.rounds.wait(0.1):
                self.rounds.clear()
                self._synced()

    def _watch(self):
        """Looks at it each half second: the time limit, and the statistics so far."""
        connection = self.guest.host.connection
        handle = connection.domainEventRegisterAny(
            self.guest.domain, libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
            lambda *_: self.rounds.set(), None)
        listener = threading.Thread(target=self._listen, daemon=True)
        listener.start()
        self._look()
        listener.join()
        with contextlib.suppress(libvirt.libvirtError):
            connection.domainEventDeregisterAny(handle)

    def _look(self):
        while not self.done.wait(self.LOOK_S):
            try:
                stats = self.guest.domain.jobStats()
            except libvirt.libvirtError:
                continue
            if stats.get("type") != libvirt.VIR_DOMAIN_JOB_UNBOUNDED or "memory_total" not in stats:
                continue
            self.stats = stats
            self.throttle_percent = max(self.throttle_percent, stats.get("auto_converge_throttle", 0))
            if stats.get("downtime"):
                self.expected_downtime_ms = stats["downtime"]
            elapsed_s = time.monotonic() - self.began
            with contextlib.suppress(libvirt.libvirtError):
                if self.timeout_s and elapsed_s >= self.timeout_s:
                    self.guest.domain.abortJob()
                    self.timeout_s = 0
