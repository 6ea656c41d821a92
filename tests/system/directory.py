"""A throw-away LDAP directory: slapd in a folder of its own, on a free port."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess

import harness
from wireclient import wait_until

BASE = "dc=example,dc=net"
BOSS, BOSS_PASSWORD = f"cn=searcher,{BASE}", "searcher's word"
MODULES = ("/usr/lib/ldap", "/usr/lib/openldap")

CONF = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {folder}/slapd.pid
{tls}
database mdb
suffix "{base}"
directory {folder}/data
maxsize 10485760
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{boss}" read by * none
"""


def slapd():
    path = shutil.which("slapd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/lib/openldap")
    if not path:
        raise RuntimeError("slapd is not installed (make deps-check)")
    return path


class Directory:
    """people: uid -> password; each is uid=UID,ou=people and has the mail address UID@example.net.
    tls: files of a certificate and its key; then StartTLS works, and tls_port speaks ldaps."""

    def __init__(self, parent, people, tls=None):
        self.folder = harness.make_folder(parent, "directory.")
        self.port = harness.free_port()
        self.tls_port = harness.free_port() if tls else None
        # A copy runs where it likes: distributions may confine the installed path.
        for name in ("slapd", "slapadd"):
            shutil.copy(slapd(), self.folder / name)
            (self.folder / name).chmod(0o755)
        (self.folder / "data").mkdir()
        harness.give_away(self.folder / "data")
        modules = next(path for path in MODULES if pathlib.Path(path).is_dir())
        self.conf = self.folder / "slapd.conf"
        words = ["TLSCertificateFile {}", "TLSCertificateKeyFile {}"]
        self.conf.write_text(CONF.format(
            modules=modules, folder=self.folder, base=BASE, boss=BOSS,
            tls="\n".join(w.format(f) for w, f in zip(words, tls or []))), encoding="ascii")
        self._fill(people)
        self.log_path = self.folder / "slapd.log"
        self.process = None

    def _fill(self, people):
        entries = [f"dn: {BASE}\nobjectClass: domain\ndc: example\n",
                   f"dn: {BOSS}\nobjectClass: person\ncn: searcher\nsn: searcher\n"
                   f"userPassword: {BOSS_PASSWORD}\n",
                   f"dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n"]
        for uid, password in people.items():
            entries.append(f"dn: uid={uid},ou=people,{BASE}\nobjectClass: inetOrgPerson\n"
                           f"uid: {uid}\ncn: {uid}\nsn: {uid}\nmail: {uid}@example.net\n"
                           f"userPassword: {password}\n")
        ldif = self.folder / "people.ldif"
        ldif.write_text("\n".join(entries), encoding="ascii")
        for path in (ldif, self.conf):
            harness.give_away(path)
        done = subprocess.run([self.folder / "slapadd", "-f", self.conf, "-l", ldif],
                              capture_output=True, text=True, cwd=self.folder,
                              **harness.unprivileged())
        if done.returncode:
            raise RuntimeError(f"slapadd failed: {done.stdout}{done.stderr}")

    def start(self):
        urls = f"ldap://127.0.0.1:{self.port}/"
        if self.tls_port:
            urls += f" ldaps://127.0.0.1:{self.tls_port}/"
        with open(self.log_path, "ab") as log:
            self.process = harness.spawn(
                [self.folder / "slapd", "-h", urls, "-f", self.conf, "-d", "0"], self.folder, log)

        def accepts():
            if self.process.poll() is not None:
                raise AssertionError("slapd ended: " + self.log_path.read_text()[-2000:])
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                return False
        wait_until(accepts, 10, "slapd's start")
        return self

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.thaw()
            self.process.terminate()
            self.process.wait(10)
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
