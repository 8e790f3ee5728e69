# SPDX-License-Identifier: GPL-3.0-or-later
"""What all parts of the lab need: its folder, its error, running commands, and waiting."""
import json
import os
import subprocess
import time

WORK = os.environ.get("LAB_WORK", "")
PAGE = 4096
MIB = 1048576


class LabError(Exception):
    """Something of the lab did not work; the text says what."""


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          check=False, **options)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {done.stdout.decode(errors='replace').strip()}")
    return done.stdout.decode()


def alter_json(path, function):
    """Has the function change the document of a file."""
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    function(document)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)


def make_signer(folder):
    """A new SSH key, and the file of signers that knows it alone."""
    key, signers = folder + "/key", folder + "/signers"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
    with open(key + ".pub", encoding="ascii") as public, open(signers, "w", encoding="ascii") as file:
        file.write("operator@example.org " + public.read())
    return key, signers


def wait_until(true, what, timeout_s=20, every_s=0.02):
    """Returns what true() returns as soon as that is neither None nor False; `what` is waited for."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = true()
        if found is not None and found is not False:
            return found
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {timeout_s} s")
        time.sleep(every_s)


def state_of_process(pid):
    """Its letter in /proc (T: stopped, Z: ended and not waited for); empty: there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_running(pid):
    return state_of_process(pid) not in ("", "Z", "X")
