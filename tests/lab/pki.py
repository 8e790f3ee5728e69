# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority of the lab's own, and certificates of hosts and clients, good and bad."""
import os
import shutil

from world import WORK, run

# What a host's certificate may be; only the first is accepted by who connects.
KINDS = ("good", "expired", "wrong name", "unknown authority")


class Authority:
    """Signs certificates; `folder` has cacert.pem, and is a client's ?pkipath= as well."""

    def __init__(self, name="lab"):
        self.folder = os.path.join(WORK, "pki-" + name)
        os.makedirs(self.folder)
        self.certificate, self.key = self.folder + "/cacert.pem", self.folder + "/cakey.pem"
        make_key(self.key)
        template = self._template("authority", f'cn = "{name}"\nca\ncert_signing_key\n'
                                  'activation_date = "2019-01-01 00:00:00"\nexpiration_days = 30000\n')
        run("certtool", "--generate-self-signed", "--load-privkey", self.key, "--template", template,
            "--outfile", self.certificate)
        self.sign(self.folder, "client", 'cn = "operator"\ntls_www_client\n')

    def _template(self, name, text):
        path = f"{self.folder}/{name}.template"
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def sign(self, folder, name, text, expired=False):
        """Puts folder/NAMEcert.pem and folder/NAMEkey.pem there."""
        text += "signing_key\nencryption_key\n"
        text += 'activation_date = "2020-01-01 00:00:00"\nexpiration_date = "2021-01-01 00:00:00"\n' \
            if expired else "expiration_days = 30\n"
        key = f"{folder}/{name}key.pem"
        make_key(key)
        run("certtool", "--generate-certificate", "--load-privkey", key, "--load-ca-certificate",
            self.certificate, "--load-ca-privkey", self.key, "--template", self._template(name, text),
            "--outfile", f"{folder}/{name}cert.pem")


def make_key(path):
    # RSA: libvirt 9.0 wants certificates that may encipher keys, which those of elliptic curves cannot.
    run("certtool", "--generate-privkey", "--key-type", "rsa", "--bits", "2048", "--outfile", path)


def put(folder, authority, names, kind="good"):
    """A host's /etc/pki: libvirt's, to serve and to connect, and QEMU's for a migration's own TLS.

    names: its addresses and its host name. The client's certificate is good in any case.
    """
    signer = Authority(f"stranger-{os.path.basename(os.path.dirname(os.path.dirname(folder)))}") \
        if kind == "unknown authority" else authority
    if kind == "wrong name":
        names = ["192.0.2.1", "elsewhere"]
    text = f'cn = "{names[-1]}"\ntls_www_server\ntls_www_client\ndns_name = "{names[-1]}"\n'
    text += "".join(f'ip_address = "{name}"\n' for name in names[:-1])
    libvirt, qemu = folder + "/libvirt", folder + "/qemu"
    for made in (folder + "/CA", libvirt + "/private", qemu):
        shutil.rmtree(made, ignore_errors=True)
        os.makedirs(made)
    signer.sign(qemu, "server", text, expired=kind == "expired")
    copies = {
        f"{folder}/CA/cacert.pem": authority.certificate, f"{qemu}/ca-cert.pem": authority.certificate,
        f"{libvirt}/servercert.pem": f"{qemu}/servercert.pem",
        f"{libvirt}/private/serverkey.pem": f"{qemu}/serverkey.pem",
        f"{qemu}/server-cert.pem": f"{qemu}/servercert.pem",
        f"{qemu}/server-key.pem": f"{qemu}/serverkey.pem",
        f"{qemu}/client-cert.pem": f"{authority.folder}/clientcert.pem",
        f"{qemu}/client-key.pem": f"{authority.folder}/clientkey.pem",
        f"{libvirt}/clientcert.pem": f"{authority.folder}/clientcert.pem",
        f"{libvirt}/private/clientkey.pem": f"{authority.folder}/clientkey.pem",
    }
    for path, source in copies.items():
        shutil.copy(source, path)


def put_client(authority):
    """The sandbox's own /etc/pki, where libvirt's clients look when no pkipath is named."""
    for path, name in (("CA/cacert.pem", "cacert.pem"), ("libvirt/clientcert.pem", "clientcert.pem"),
                       ("libvirt/private/clientkey.pem", "clientkey.pem")):
        os.makedirs(os.path.dirname("/etc/pki/" + path), exist_ok=True)
        shutil.copy(f"{authority.folder}/{name}", "/etc/pki/" + path)
