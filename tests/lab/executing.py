# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans of one move, approved and carried out by `lockkeeper execute`, and what has to be true afterwards.

Stage has the hosts and one guest, the traveller, which goes from the first to the second and back. The third
host is in no cluster file. Execution is one plan with its journal. What is true is asked of QEMU and of
libvirt, never of lockkeeper.
"""
import contextlib
import copy
import json
import os
import re
import signal
import subprocess
import threading
import time

import libvirt

import faults
import lab as the_lab
import monitor
from phases import Hold
from world import WORK, LabError, make_signer, wait_until

PROGRAM = os.environ.get("LOCKKEEPER", "build/lockkeeper")
# It writes more than Hold's link takes away, and far less than a free one.
ORDERS = {"law": "uniform", "ws": 2048, "rate": 800, "bg": 40, "check": 1024, "seed": 3}
MEMORY_MIB = 96
PATIENCE_S = 45
# Longer than any execution here: patience, three tries and libvirt's keepalive.
END_S = 150
WATCH_EVERY_S = 0.2
STATES = {0: ("done",), 3: ("stale",), 4: ("stopped", "interrupted"), 5: ("unclear",)}


def lockkeeper(*arguments, timeout_s=60, environment=None):
    """(exit code, standard output, standard error)"""
    done = subprocess.run([PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, check=False, timeout=timeout_s,
                          env=dict(os.environ, **(environment or {})))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def must_run(*arguments):
    code, out, err = lockkeeper(*arguments)
    assert code == 0, f"lockkeeper {' '.join(arguments)}: exit code {code}: {err}"
    return out


class Watch(threading.Thread):
    """Sees whether a guest ever runs on two hosts at once, as their QEMUs say.

    Whichever of the two is asked second still runs when the first one ran: nothing runs first at the target
    and then at the source.
    """

    def __init__(self, guest, target):
        super().__init__(daemon=True)
        self.guest, self.target, self.open, self.twice = guest, target, True, ""
        self.start()

    def _runs(self, host):
        answers = host.qemu_pid(self.guest.name) and monitor.ask(host, self.guest.name, "query-status")
        return bool(answers) and answers[0]["status"] == "running"

    def run(self):
        while self.open:
            if self._runs(self.target):
                also = [host.name for host in self.guest.lab.hosts
                        if host is not self.target and self._runs(host)]
                if also and self._runs(self.target):
                    self.twice = f"it ran on {self.target.name} and on {', '.join(also)} at once"
            time.sleep(WATCH_EVERY_S)

    def close(self):
        self.open = False
        self.join()
        assert not self.twice, self.twice


class Execution:
    """A plan to empty the guest's host, approved; start() carries it out."""

    def __init__(self, stage, *options, guest=None, migration=None, alter=None, patience_s=PATIENCE_S,
                 expires="1h", folder=None):
        """migration: members of the cluster's; alter: changes the cluster file before the plan is made."""
        self.stage, self.guest = stage, guest or stage.traveller
        self.source, self.target = stage.ends(self.guest)
        self.folder = folder or stage.new_folder()
        self.options = [*options, "--patience", str(patience_s)]
        self.cluster, self.plan = self.folder + "/cluster.json", self.folder + "/plan.json"
        self.approval, self.journal = self.folder + "/approval.json", self.folder + "/journal"
        self.process = self.code = self.watch = None
        stage.executions.append(self)
        self.text = ""
        cluster = stage.cluster_of(self.guest)
        cluster["migration"].update(migration or {})
        if alter:
            alter(cluster)
        self.write(self.cluster, cluster)
        must_run("plan", self.cluster, "--lock", self.source.name, "-o", self.plan)
        must_run("approve", self.plan, "--cluster", self.cluster, "--key", stage.key, "--expires", expires,
                 "-o", self.approval)

    @staticmethod
    def write(path, document):
        with open(path, "w", encoding="ascii") as file:
            json.dump(document, file)

    def _spawn(self, arguments, environment):
        self.code, self.text = None, ""
        if self.watch is None and self.guest.monitored:
            self.watch = Watch(self.guest, self.target)
        with open(self.folder + "/stderr", "wb") as file:
            self.process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=file,
                                            stdin=subprocess.DEVNULL, env=dict(os.environ, **environment))
        return self

    def start(self, **environment):
        return self._spawn(["execute", self.plan, "--approval", self.approval, "--signers",
                            self.stage.signers, "--cluster", self.cluster, "--journal", self.journal,
                            *self.options], environment)

    def resume(self, **environment):
        return self._spawn(["resume", self.journal], environment)

    def said(self):
        """What it has written on standard error so far."""
        with open(self.folder + "/stderr", encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_said(self, words, timeout_s=30):
        wait_until(lambda: words in self.said() or self.process.poll() is not None, words, timeout_s)
        assert words in self.said(), f"it never said \"{words}\" but: {self.said()}"

    def end(self, timeout_s=END_S):
        """Its exit code."""
        try:
            self.code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            raise LabError(f"it goes on after {timeout_s} s: {self.story()}") from None
        finally:
            if self.watch:
                self.watch, watch = None, self.watch
                watch.close()
        self.text = self.said()
        return self.code

    def close(self):
        """When its test has failed, it may be at work."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.watch:
            self.watch.open = False

    def story(self):
        """What it said, and its journal: for people who look into a failure."""
        said = self.text or self.said()
        for host in self.guest.lab.hosts[:2]:
            with contextlib.suppress(OSError), open(
                    f"{host.folder}/var/log/libvirt/qemu/{self.guest.name}.log", encoding="utf-8") as log:
                said += f"{host.name}, QEMU: {log.read()[-600:]}\n"
        said += f"{self.guest.name} itself: {self.guest.log()[-600:]}\n"
        if not os.path.exists(self.journal):
            return said
        _, out, err = lockkeeper("replay", self.journal)
        return said + out + err

    def must_end(self, code, *words):
        """It ends with that exit code, says those words, and its journal can be replayed and looked at."""
        found = self.end()
        assert found == code, f"exit code {found}, expected {code}: {self.story()}"
        for one in words:
            assert re.search(one, self.text), f"it does not say \"{one}\": {self.story()}"
        self.must_be_replayed(code)
        return self

    def must_be_replayed(self, code=None):
        replayed, out, err = lockkeeper("replay", self.journal)
        assert replayed == 0 and "the same commands" in out, f"replay: exit code {replayed}: {out}{err}"
        seen, out, err = lockkeeper("status", self.journal, "--output", "json")
        status = json.loads(out)
        if code is not None:
            assert seen == code, f"status: exit code {seen}, expected {code}: {out}{err}"
            assert status["state"] in STATES[code], out
        return status

    def must_be_refused(self, code, *words):
        """It ends at once, before it has made a journal."""
        found = self.start().end()
        assert found == code, f"exit code {found}, expected {code}: {self.text}"
        for one in words:
            assert re.search(one, self.text), f"it does not say \"{one}\": {self.text}"

    def attempts(self):
        return self.must_be_replayed()["moves"][0]["attempts"]


class Stage:
    """Two hosts, a third one that no plan knows, and the traveller."""

    def __init__(self):
        self.lab = the_lab.Lab(3, data_network=True, vif_network=True, tls=True, shared_storage=True,
                               migration_ports=(49152, 49155))
        self.elsewhere = self.lab.hosts[2]
        self.key, self.signers = make_signer(WORK)
        self.folders = self.travellers = 0
        self.proxies, self.executions = [], []
        self._renew_traveller()
        imported = self.new_folder() + "/imported.json"
        must_run("import", "libvirt", *(host.uri for host in self.lab.hosts[:2]), "-o", imported)
        with open(imported, encoding="ascii") as file:
            self.imported = json.load(file)

    def _renew_traveller(self):
        if self.travellers:
            self.traveller.close()
            for host in self.lab.hosts:
                with contextlib.suppress(LabError):
                    faults.kill_qemu(host, self.traveller.name)
        self.travellers += 1
        self.traveller = the_lab.Guest(self.lab, self.lab.hosts[0], f"traveller{self.travellers}", MEMORY_MIB,
                                       ORDERS, ip="10.79.0.10", monitor=True)

    def renew(self):
        """When a test has failed, which may have left anything: hosts that answer, another traveller."""
        for host in self.lab.hosts:
            faults.go_on(host.daemon.pid)
            with contextlib.suppress(LabError):
                for link in (host.control, host.data):
                    link.restore()
            host.data.set_speed(0)
            # One that waits for ever for a migration does so on SIGTERM, too.
            host.restart_daemon(signal.SIGKILL)
        self._renew_traveller()

    def new_folder(self):
        self.folders += 1
        folder = f"{WORK}/execution{self.folders}"
        os.makedirs(folder)
        return folder

    def ends(self, guest=None):
        source = (guest or self.traveller).host
        return source, self.lab.hosts[1 - source.index]

    def cluster_of(self, guest):
        """The cluster file of two hosts that have this guest alone."""
        cluster = copy.deepcopy(self.imported)
        vm = cluster["vms"][0]
        vm.update(name=guest.name, id=guest.domain.UUIDString(), host=guest.host.name)
        if not guest.ip:
            vm["vifs"] = []
        return cluster

    def proxied(self, proxy, **more):
        """An execution whose stream goes through the proxy, which is closed when the test ends."""
        self.proxies.append(proxy)
        return Execution(self, "--migration-uri", f"{proxy.target.name}={proxy.uri}", **more)

    def end_test(self):
        for execution in self.executions:
            execution.close()
        for proxy in self.proxies:
            proxy.close()
        self.proxies, self.executions = [], []

    def execution(self, *options, **more):
        return Execution(self, *options, **more)

    @contextlib.contextmanager
    def held(self, execution, phase, **environment):
        """The execution, begun, and held in a phase."""
        with Hold(execution.guest, execution.target, phase) as held:
            execution.start(**environment)
            try:
                held.wait()
            except LabError as wrong:
                raise LabError(f"{wrong}: {execution.story()}") from wrong
            yield held

    # ------------------------------------------------------------- what must be true

    def must_have_moved(self, execution):
        """It runs at the target alone, intact and kept; the source has neither a domain nor a definition."""
        self.must_live(execution.target, execution.guest)
        assert find(execution.source, execution.guest.name) is None, f"{execution.source.name} still knows it"

    def must_have_stayed(self, execution):
        self.must_live(execution.source, execution.guest)
        left = find(execution.target, execution.guest.name)
        assert left is None, f"{execution.target.name} has something of it"

    def must_live(self, host, guest=None):
        """It runs there, nowhere else, has lost nothing, and is persistent."""
        guest = guest or self.traveller
        states = monitor.states(guest) if guest.monitored else \
            {one.name: "running" for one in monitor.exists_on(guest)}
        assert states == {host.name: "running"}, f"{states}, not running on {host.name}"
        host.reconnect()
        guest.look_up(host)
        assert guest.domain.isPersistent(), f"{host.name} would forget it"
        assert guest.domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING, f"libvirt says {guest.domain.state()}"
        assert guest.memory_is_intact(), guest.log()[-300:]

    def must_be_off(self, host):
        """It runs nowhere, and that host has its definition, from which it is started again."""
        wait_until(lambda: not monitor.exists_on(self.traveller), "the end of it on all hosts", 20)
        domain = find(host, self.traveller.name)
        assert domain is not None and domain.isPersistent(), f"{host.name} has lost its definition"
        self.start_again(host)

    def start_again(self, host):
        """What a person would do who has looked: ends what is left of it anywhere, and starts it there."""
        for other in monitor.exists_on(self.traveller):
            faults.kill_qemu(other, self.traveller.name)
        for other in self.lab.hosts:
            left = find(other, self.traveller.name)
            if left is None:
                continue
            wait_until(lambda left=left: not is_active(left), f"the end of it on {other.name}", 20)
            if other is not host and find(other, self.traveller.name):
                left.undefine()
        self.traveller.start_again(host)


def is_active(domain):
    try:
        return domain.isActive()
    except libvirt.libvirtError:
        return False


def find(host, name):
    """The domain of that name there; None: there is none."""
    host.reconnect()
    try:
        return host.connection.lookupByName(name)
    except libvirt.libvirtError as wrong:
        if wrong.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
            raise
    return None
