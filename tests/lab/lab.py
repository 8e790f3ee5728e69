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
import signal
import socket
import subprocess
import threading
import time
import uuid

import libvirt

import monitor
import pki
import storage
from network import Link, Place
from world import MIB, PAGE, WORK, LabError, is_running, run, state_of_process, wait_until

GUEST = os.environ.get("LAB_GUEST", "build/tests/lab/guest")
KERNEL = os.environ.get("LAB_KERNEL", "build/lab/vmlinuz")
BOOT_TIMEOUT_S = 60
# A guest that runs gives a sign of life every 5 ms.
HUNG_S = 5
# What keeps a guest's clock and the machine's apart: longer than any stop that is to be seen.
BEAT_SETTLE_S = 0.3
# A round that brings less than this share of what was left is one too few.
POSTCOPY_PROGRESS = 0.10


def make_initramfs(path, modules=None):
    """One static program is all that a guest runs; the kernel's modules are for guests with devices."""
    folder = path + "-files"
    os.makedirs(folder + "/modules")
    shutil.copy(GUEST, os.path.join(folder, "init"))
    names = ["init"]
    if modules:
        files = sorted(os.listdir(modules))
        for name in files:
            shutil.copy(os.path.join(modules, name), folder + "/modules")
        names += ["modules", *("modules/" + name for name in files)]
    with open(path, "wb") as file:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input="\n".join([*names, ""]).encode(),
                       stdout=file, cwd=folder, check=True)


class Host(Place):
    """One libvirtd in namespaces of its own; `control` and `data` are its links (the same, if the lab has
    one network), `vif` the one that guests' interfaces are bridged to."""

    FOLDERS = ("/run/libvirt", "/var/lib/libvirt", "/etc/libvirt", "/var/cache/libvirt", "/var/log/libvirt")

    def __init__(self, lab, index):
        self.lab, self.index, self.name = lab, index, f"host{index}"
        self.address = f"10.77.0.{index + 1}"
        self.data_address = f"10.78.0.{index + 1}" if lab.data_network else self.address
        self.folder = os.path.join(WORK, self.name)
        self.uri = f"qemu+tcp://{self.address}/system"
        self.tls_uri = f"qemu+tls://{self.address}/system"
        self.connection = self.daemon = self.vif = None
        os.makedirs(self.folder)
        super().__init__()
        self._join_networks()
        self._bind_folders()
        self._write_settings()
        self.start_daemon()
        # A daemon that has never seen its QEMU asks it what it can: 0.7 s, which are no migration's.
        self.connection.getDomainCapabilities(None, "x86_64", None, "qemu")

    def _join_networks(self):
        self.control = self.data = Link(self, "lab", "eth0", self.address)
        if self.lab.data_network:
            self.data = Link(self, "labdata", "eth1", self.data_address)
        if self.lab.vif_network:
            self.vif = Link(self, "labvif", "eth2", None)
            self.inside("ip", "link", "add", "guests", "type", "bridge", "forward_delay", "0")
            self.inside("ip", "link", "set", "eth2", "master", "guests")
            self.inside("ip", "link", "set", "guests", "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("hostname", self.name)
        # What libvirt finds out about the host's interfaces, it reads there.
        self.inside("mount", "-t", "sysfs", "sysfs", "/sys")

    def _bind_folders(self):
        for folder in self.FOLDERS + (("/etc/pki",) if self.lab.authority else ()):
            own = self.folder + folder
            os.makedirs(own)
            os.makedirs(folder, exist_ok=True)
            self.inside("mount", "--bind", own, folder)
        if self.lab.authority:
            self.give_certificate(self.lab.certificates.get(self.name, "good"))
        os.makedirs(self.folder + "/here")
        os.makedirs(WORK + "/here", exist_ok=True)
        self.inside("mount", "--bind", self.folder + "/here", WORK + "/here")

    def give_certificate(self, kind):
        """What libvirtd and QEMU show from their next start on: one of pki.KINDS."""
        names = list(dict.fromkeys([self.address, self.data_address])) + [self.name]
        pki.put(self.folder + "/etc/pki", self.lab.authority, names, kind)

    def _write_settings(self):
        first, last = self.lab.migration_ports
        settings = {
            # A daemon with a bad certificate of its own would not start: it is who connects that must see it.
            "libvirtd.conf": f"""listen_tls = {int(self.lab.authority is not None)}
listen_tcp = 1
auth_tcp = "none"
auth_unix_ro = "none"
auth_unix_rw = "none"
tls_no_sanity_certificate = 1
host_uuid = "{uuid.uuid4()}"
""",
            "qemu.conf": f"""security_driver = "none"
user = "root"
group = "root"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
remember_owner = 0
migration_address = "{self.data_address}"
migration_host = "{self.data_address}"
migration_port_min = {first}
migration_port_max = {last}
""",
        }
        if self.lab.authority:
            settings["qemu.conf"] += 'migrate_tls_x509_cert_dir = "/etc/pki/qemu"\n'
        for name, text in settings.items():
            with open(f"{self.folder}/etc/libvirt/{name}", "w", encoding="ascii") as file:
                file.write(text)

    def start_daemon(self):
        """libvirtd, which finds the guests that run; returns when it answers."""
        with open(f"{self.folder}/libvirtd.log", "ab") as log:
            self.daemon = subprocess.Popen([*self.enter(), "libvirtd", "--listen", "--pid-file",
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

    def reconnect(self):
        """When its link was cut for so long that libvirt has given our connection up."""
        if not self.connection.isAlive():
            self.connection = libvirt.open(self.uri)

    def end_daemon(self, how=signal.SIGTERM):
        """Ends libvirtd; its guests run on."""
        self.daemon.send_signal(how)
        try:
            self.daemon.wait(20)
        except subprocess.TimeoutExpired as late:
            raise LabError(f"{self.name}: libvirtd does not end") from late

    def restart_daemon(self, how=signal.SIGTERM):
        """As its service manager would; guests must be looked up again (Guest.look_up)."""
        with contextlib.suppress(libvirt.libvirtError):
            self.connection.close()
        if self.daemon.poll() is None:
            self.end_daemon(how)
        self.start_daemon()

    def qemu_pid(self, name):
        """The process of that guest's QEMU here, incoming ones as well; None: there is none."""
        try:
            with open(f"{self.folder}/run/libvirt/qemu/{name}.pid", encoding="ascii") as file:
                pid = int(file.read())
        except (FileNotFoundError, ValueError):
            return None
        return pid if is_running(pid) else None

    def set_link(self, mbit):
        """The speed of the link that migrations take, both ways; 0: as fast as it goes."""
        self.data.set_speed(mbit)


class Lab:
    """N hosts on one bridge, 10.77.0.0/24; the sandbox itself is .254 on each network.

    data_network: migrations have a network of their own, 10.78.0.0/24, so that it and libvirt's can be cut
    one by one. vif_network: guests may have interfaces, on 10.79.0.0/24. tls: hosts answer to qemu+tls as
    well; certificates: {host's name: one of pki.KINDS}, for those whose certificate is bad. shared_storage:
    a folder that libvirt takes for shared by all hosts (storage.shared_disk).
    """

    def __init__(self, hosts=2, data_network=False, vif_network=False, tls=False, certificates=None,
                 shared_storage=False, migration_ports=(49152, 49215)):
        if not WORK:
            raise LabError("must run inside tests/lab/sandbox")
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=self._events, daemon=True).start()
        libvirt.registerErrorHandler(lambda *_: None, None)
        self.data_network, self.vif_network = data_network, vif_network
        self.migration_ports, self.certificates = migration_ports, certificates or {}
        self.authority = pki.Authority() if tls else None
        if tls:
            pki.put_client(self.authority)
        self.initramfs = os.path.join(WORK, "initramfs.cpio")
        self.initramfs_modules = os.path.join(WORK, "initramfs-modules.cpio")
        self.kernel = os.path.join(WORK, "vmlinuz")
        shutil.copy(KERNEL, self.kernel)
        make_initramfs(self.initramfs)
        make_initramfs(self.initramfs_modules, KERNEL + "-modules")
        if shared_storage:
            storage.mount_shared()
        networks = {"lab": 77, **({"labdata": 78} if data_network else {}),
                    **({"labvif": 79} if vif_network else {})}
        for bridge, number in networks.items():
            run("ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0")
            run("ip", "addr", "add", f"10.{number}.0.254/24", "dev", bridge)
            run("ip", "link", "set", bridge, "up")
        self.hosts = [Host(self, index) for index in range(hosts)]
        self.guests = []  # that were booted and not closed

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
  {cpu}
  <on_reboot>destroy</on_reboot>
  <devices>
    <emulator>{emulator}</emulator>
    <controller type='usb' model='none'/>
    <serial type='file'><source path='{here}/{name}.log'/><target port='0'/></serial>
    <serial type='unix'><source mode='connect' path='{here}/{name}.beat'/><target port='1'/></serial>
    <memballoon model='none'/>
    <video><model type='none'/></video>
    {devices}
  </devices>
  {extra}
</domain>"""
CPU = "<cpu mode='custom' match='exact'><model>qemu64</model></cpu>"
VIF = "<interface type='bridge'><source bridge='guests'/><mac address='{mac}'/><model type='virtio'/>" \
    "</interface>"
MONITOR = "<qemu:commandline><qemu:arg value='-qmp'/>" \
    "<qemu:arg value='unix:{here}/{name}.qmp,server=on,wait=off'/></qemu:commandline>"


class Guest:
    """One guest; `orders` are tests/lab/guest.c's, without their "lk.".

    disks: definitions of disks (see storage.py); ip: the address of its interface on the guests' network;
    monitor: QEMU can be asked beside libvirt (see monitor.py), on any host where the guest is. cpu: the
    definition of its processor. transient: no host keeps its definition once it has ended. emulator: what
    libvirt runs as its QEMU.
    """

    def __init__(self, lab, host, name, memory_mib, orders, extra="", disks=(), ip=None, monitor=False,
                 cpu=CPU, transient=False, emulator="/usr/bin/qemu-system-x86_64"):
        self.lab, self.host, self.name, self.memory_mib, self.ip = lab, host, name, memory_mib, ip
        self.monitored = monitor
        self._forget_log()
        self.beats = Beats(lab, name)
        devices = list(disks)
        if ip:
            orders = dict(orders, ip=ip)
            devices.append(VIF.format(mac=f"52:54:00:79:00:{int(ip.rpartition('.')[2]):02x}"))
        if monitor:
            extra += MONITOR.format(here=WORK + "/here", name=name)
        words = " ".join(f"lk.{key}={value}" for key, value in orders.items())
        xml = DOMAIN.format(name=name, uuid=uuid.uuid4(), memory=memory_mib, kernel=lab.kernel,
                            initramfs=lab.initramfs_modules if devices else lab.initramfs,
                            here=WORK + "/here", extra=extra, cpu=cpu, emulator=emulator,
                            devices="\n    ".join(devices),
                            cmdline="console=ttyS0 quiet panic=-1 unknown_nmi_panic pti=on " + words)
        # Persistent, here and (see Migration) wherever it goes: a transient domain's statistics go with it.
        if transient:
            self.domain = host.connection.createXML(xml)
        else:
            self.domain = host.connection.defineXML(xml)
            self.domain.create()
        lab.guests.append(self)
        try:
            self._wait_ready()
        except LabError:
            self.close()
            raise

    def _forget_log(self):
        for host in self.lab.hosts:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{host.folder}/here/{self.name}.log")

    def start_again(self, host=None):
        """Boots it there, where it is defined and off.

        libvirtd may hold on to the migration of a guest whose QEMU has died, for ever (docs/execution.md,
        "a person must look"): then it is restarted, as by a person.
        """
        self._forget_log()
        try:
            self.look_up(host).create()
        except libvirt.libvirtError as wrong:
            if wrong.get_error_code() != libvirt.VIR_ERR_OPERATION_TIMEOUT:
                raise
            print(f"# NOTE {self.host.name}: libvirtd was restarted, {wrong}", flush=True)
            self.host.restart_daemon(signal.SIGKILL)
            self.look_up().create()
        self._wait_ready()

    def look_up(self, host=None):
        """Takes it to be on that host (else where it was), by the host's connection of now."""
        self.host = host or self.host
        self.domain = self.host.connection.lookupByName(self.name)
        return self.domain

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
        return self.host.qemu_pid(self.name)

    def rounds(self, what="check"):
        """How many rounds of its memory ("disk": of its disk) it has found intact. Raises at a bad one."""
        rounds = 0
        for line in self.log().split("\n"):
            words = line.split()
            if words[:3] == ["lk", what, "BAD"]:
                raise LabError(f"{self.name}: {line.strip()}")
            if words[:2] == ["lk", what] and words[3:4] == ["ok"]:
                rounds = max(rounds, int(words[2]))
        return rounds

    def memory_is_intact(self, what="check", timeout_s=30):
        """Whether it finds all intact in a round that begins after now (it needs the order `check`)."""
        try:
            begun = self.rounds(what)
            wait_until(lambda: self.rounds(what) >= begun + 2, f"{self.name}: a round of {what}", timeout_s,
                       0.05)
        except LabError as wrong:
            if "BAD" in str(wrong):
                return False
            raise LabError(f"{wrong}; it says: {self.log()[-600:]}") from None
        return True

    def disk_is_intact(self, timeout_s=30):
        """The same for its disk (order `disk`)."""
        return self.memory_is_intact("disk", timeout_s)

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

    def is_alive(self, within_s=1):
        """Whether it has sent a sign of life in the last second, or in so many."""
        return bool(self.beats.times) and time.monotonic() - self.beats.times[-1] < within_s

    def has_broken(self):
        """Whether its kernel has given up: that is said on its console, it has shut itself down, or it hangs.

        Lab guests never shut down. One that is ended by others leaves another reason behind, whether libvirt
        was asked to or a process was killed. A libvirtd that a test left stopped is not asked.
        """
        if "Kernel panic" in self.log() or self._hangs():
            return True
        for host in self.lab.hosts:
            if state_of_process(host.daemon.pid) == "T":
                continue
            with contextlib.suppress(libvirt.libvirtError):
                state = host.connection.lookupByName(self.name).state()
                if state == [libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN]:
                    return True
        return False

    def _hangs(self):
        """Whether its QEMU lets it run, with all of its memory there, and it gives no sign of life."""
        if not self.monitored or self.is_alive(HUNG_S):
            return False
        for host in self.lab.hosts:
            answers = monitor.ask(host, self.name, "query-status", "query-migrate")
            if answers and answers[0]["status"] == "running":
                return answers[1].get("status", "none") in ("none", "completed", "cancelled", "failed")
        return False

    def close(self):
        for host in self.lab.hosts:
            with contextlib.suppress(libvirt.libvirtError):
                host.connection.lookupByName(self.name).destroy()
            with contextlib.suppress(libvirt.libvirtError):
                host.connection.lookupByName(self.name).undefine()
        self.beats.close()
        if self in self.lab.guests:
            self.lab.guests.remove(self)


class Migration(threading.Thread):
    """One migration of a guest; start() it, then join() and look at `outcome` and `stats`."""

    LOOK_S = 0.5

    def __init__(self, guest, target, bandwidth_mib_s=0, max_downtime_ms=300, timeout_s=0,
                 auto_converge=False, post_copy=False, uri=None, flags=0, parameters=None):
        """uri: of the target's libvirtd; flags and parameters: libvirt's, beside or instead of the usual."""
        super().__init__(daemon=True)
        self.uri, self.flags, self.parameters = uri or target.uri, flags, parameters or {}
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
        flags |= self.flags
        parameters = {libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://{self.target.data_address}"}
        if self.bandwidth_mib_s:
            parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = self.bandwidth_mib_s
        parameters.update(self.parameters)
        self.began = time.monotonic()
        try:
            self.guest.domain.migrateSetMaxDowntime(self.max_downtime_ms, 0)
            self.began = time.monotonic()
            watcher.start()
            self.guest.domain.migrateToURI3(self.uri, parameters, flags)
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
        self.guest.look_up(self.target)
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
