"""The command line, the configuration file, signals."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

import harness
from wireclient import ServerError, errors, query, rows, wait_until

pytestmark = [pytest.mark.pgcarwash, pytest.mark.fixed]

SEED_INI = """\
# pgbouncer.ini
[databases]
carwash = host=db.supabase.co port=5432 dbname=postgres

[pgbouncer]
listen_addr = *
listen_port = 6432
auth_type = md5
auth_file = /etc/pgbouncer/userlist.txt
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 25
min_pool_size = 5
reserve_pool_size = 5
reserve_pool_timeout = 3
max_db_connections = 100
max_user_connections = 100
server_idle_timeout = 600
server_lifetime = 3600
server_connect_timeout = 15
query_wait_timeout = 120
client_idle_timeout = 0
client_login_timeout = 60
"""


def run(folder, *arguments, as_root=False, ini=None, timeout=10):
    """Run the program to its end, as the unprivileged user; its output and status."""
    program = folder / "pgcarwash"
    if not program.exists():
        program.write_bytes(harness.Pooler.binary().read_bytes())
        program.chmod(0o755)
    words = [program, *arguments]
    if ini is not None:
        path = harness.make_folder(folder, "ini.") / "test.ini"
        path.write_text(ini, encoding="utf-8")
        harness.give_away(path)
        words.append(path)
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=timeout,
                          cwd=folder, env=harness.clean_environment(folder),
                          **({} if as_root else harness.unprivileged()))


# ---- options ----------------------------------------------------------------------------------

@pytest.mark.parametrize("option", ["-V", "--version"])
def test_version(folder, option):
    done = run(folder, option)
    assert done.returncode == 0
    first, *more = done.stdout.splitlines()
    assert first.split()[0].lower() == "pgcarwash" and first.split()[1][0].isdigit()
    assert any(line.startswith("libevent") for line in more)
    assert {line.split(":")[0] for line in more} >= {"adns", "tls", "systemd", "pam", "ldap"}


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(folder, option):
    done = run(folder, option)
    assert done.returncode == 0
    for word in ("-d", "-q", "-v", "-u", "-V", "-h", "--check", "CONFIG"):
        assert word in done.stdout, f"{word} is not in the help"


@pytest.mark.parametrize("arguments", [[], ["a.ini", "b.ini"], ["--no-such-option", "a.ini"], ["-u"],
                                       ["/no/such/file.ini"]])
def test_wrong_arguments(folder, arguments):
    done = run(folder, *arguments)
    assert done.returncode == 1
    assert done.stderr.strip() and "Sanitizer" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_is_refused(folder, pg):
    ini = f"[databases]\n* = port={pg.port}\n[pgcarwash]\nlisten_addr = 127.0.0.1\n" \
          f"listen_port = {harness.free_port()}\nunix_socket_dir =\n"
    done = run(folder, as_root=True, ini=ini)
    assert done.returncode == 1
    assert "root" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_change_of_user(pooler):
    """Started as root with -u, it runs as that user."""
    p = pooler(start=False)
    p.install()
    name = "postgres" if harness.unprivileged()["user"] != 65534 else "nobody"
    with open(p.log_path, "ab") as log:
        p.process = subprocess.Popen([str(p.folder / "pgcarwash"), "-u", name, str(p.ini)],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                     cwd=p.folder, env=harness.clean_environment(p.folder))
    p.wait()
    status = open(f"/proc/{p.pid}/status", encoding="ascii").read()
    uids = [line for line in status.splitlines() if line.startswith("Uid:")][0].split()[1:]
    assert set(uids) == {str(harness.unprivileged()["user"])}
    with p.wire() as wire:
        assert wire.value("select 1") == "1"


def test_background(pooler):
    """-d: the first process ends, the daemon writes its pid and goes on."""
    p = pooler(start=False)
    p.settings.update(pidfile=p.folder / "pid", logfile=p.folder / "daemon.log")
    p.write()
    p.args = ["-d"]
    p.start(wait=False)
    assert p.wait_end() == 0
    path = p.folder / "pid"
    wait_until(path.exists, 3, "the pid file")
    pid = int(path.read_text())
    try:
        wait_until(lambda: "process up" in (p.folder / "daemon.log").read_text(), 3, "process up")
        with p.wire() as wire:
            assert wire.value("select 1") == "1"
        assert os.getsid(pid) != os.getsid(0)
    finally:
        os.kill(pid, signal.SIGQUIT)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), 5, "the daemon's end")
    assert not path.exists(), "the pid file is left behind"


def test_background_says_why_it_failed(folder):
    """-d without a log file: stderr is where a start that fails is explained."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ini = (f"[databases]\n* = port=5432\n[pgcarwash]\nlisten_addr = 127.0.0.1\n"
               f"listen_port = {taken.getsockname()[1]}\nunix_socket_dir =\n"
               f"pidfile = {folder}/pid\n")
        done = run(folder, "-d", ini=ini)
    assert done.returncode == 1
    assert "in use" in done.stderr, done.stderr


def test_background_leaves_stderr(folder):
    """-d: whoever reads stderr to its end gets there once all is up."""
    ini = (f"[databases]\n* = port=5432\n[pgcarwash]\nlisten_addr = 127.0.0.1\n"
           f"listen_port = {harness.free_port()}\nunix_socket_dir =\npidfile = {folder}/pid\n")
    done = run(folder, "-d", ini=ini)
    assert done.returncode == 0, done.stderr
    os.kill(int((folder / "pid").read_text()), signal.SIGQUIT)
    assert "fast exit" not in done.stderr


def test_quiet(pooler):
    p = pooler(start=False)
    p.args = ["-q"]
    p.start()
    with p.wire() as wire:
        wire.sql("select 1")
    assert p.log() == ""


# ---- configuration ----------------------------------------------------------------------------

def test_check_of_the_seed_file(folder):
    """The pgbouncer.ini people already have loads as it stands."""
    done = run(folder, "--check", ini=SEED_INI)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("line, text", [
    ("defaul_pool_size = 5", "default_pool_size"),     # the nearest known name is offered
    ("default_pool_size = many", "default_pool_size"), ("pool_mode = sessions", "pool_mode"),
    ("auth_type = none", "auth_type"), ("query_timeout = -1", "query_timeout"),
    ("listen_port = 99999999", "listen_port"), ("nonsense", None)])
def test_check_reports_file_and_line(folder, line, text):
    ini = f"[databases]\na = port=5432\n[pgcarwash]\nlisten_port = 6432\n{line}\nverbose = 0\n"
    done = run(folder, "--check", ini=ini)
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "test.ini:5" in output, output
    if text:
        assert text in output, output


def test_check_reports_every_error(folder):
    ini = ("[databases]\none = port=5432\ntwo = port=99999999\none = port=5433\nthree = prt=1\n"
           "[users]\nsomeone = pool_mod=session\n[pgcarwash]\nfirst = 1\npool_mode = x\n[what]\n")
    done = run(folder, "--check", ini=ini)
    output = done.stdout + done.stderr
    assert done.returncode == 1
    for number in (3, 4, 5, 7, 9, 10):
        assert f"test.ini:{number}" in output, f"line {number} is not reported:\n{output}"


def check_rules(folder, rules, maps=""):
    (folder / "users.txt").write_text('"app" ""\n', encoding="ascii")
    (folder / "hba.conf").write_text(rules, encoding="ascii")
    (folder / "ident.conf").write_text(maps, encoding="ascii")
    ini = (f"[databases]\na =\n[pgcarwash]\nauth_file = {folder}/users.txt\nauth_type = hba\n"
           f"auth_hba_file = {folder}/hba.conf\nauth_ident_file = {folder}/ident.conf\n")
    return run(folder, "--check", ini=ini)


def test_check_reports_rules_and_maps(folder):
    """A running daemon skips them; whoever asks beforehand is told that they are wrong."""
    done = check_rules(folder, "local all all trust\nhost all all 1.2.3.4/99 trust\n"
                       "host all all all ldap ldapserver=a\nhost all all all psm\n",
                       "m a b\nm a\n")
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    for line in ("hba.conf:2: bad number of bits behind the address",
                 "hba.conf:3: ldapbasedn, ldapprefix or ldapsuffix is missing",
                 "hba.conf:4: unknown method", "ident.conf:2: "):
        assert f"error: {folder}/{line}" in output, output
    assert "configuration is valid" not in output
    done = check_rules(folder, "local all all trust\nhost all all all pam pamservice=x\n"
                       "host all all all ldap ldapurl=ldap://a/dc=b?uid?sub\n", "m a b\n")
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_reports_ldap_options(folder):
    ini = "[databases]\na =\n[pgcarwash]\nauth_type = ldap\nauth_ldap_options = ldaptls=x\n"
    done = run(folder, "--check", ini=ini)
    assert done.returncode == 1
    assert "test.ini:5: auth_ldap_options: ldaptls is neither 0 nor 1" in done.stderr


def test_check_reports_files_and_tls(folder):
    """Where the setting stands, or the line of the file that it names."""
    (folder / "broken.txt").write_text('"app" ""\nother "x"\n"third "x"\n', encoding="ascii")
    done = run(folder, "--check", ini="[databases]\na =\n[pgcarwash]\n"
               f"auth_file = {folder}/broken.txt\nuser = no_such_user\n"
               "client_tls_sslmode = require\nserver_tls_protocols = tlsv9\n")
    assert done.returncode == 1
    for line in (f"error: {folder}/broken.txt:2: broken auth file",
                 'test.ini:5: user: there is no operating system user "no_such_user"',
                 "test.ini:6: TLS setup failed: client_tls_sslmode other than disable needs",
                 'test.ini:7: TLS setup failed: invalid server_tls_protocols: "tlsv9"'):
        assert line in done.stderr, done.stderr


def test_fatal_lines_name_their_place(folder):
    done = run(folder, ini="[databases]\na =\n[pgcarwash]\nno_such_key = 1\n")
    assert re.search(r" FATAL @src/daemon/daemon\.c:\d+ in function load_settings\(\): "
                     r"cannot load config file\n", done.stderr), done.stderr


def test_bad_configuration_refuses_to_start(folder):
    done = run(folder, ini="[databases]\na =\n[pgcarwash]\nno_such_key = 1\n")
    assert done.returncode == 1
    assert "no_such_key" in done.stderr and "test.ini:4" in done.stderr


def test_section_pgbouncer_means_the_same(folder, pg):
    ini = f"[pgbouncer]\nlisten_port = 7000\n[databases]\na = port={pg.port}\n"
    assert run(folder, "--check", ini=ini).returncode == 0


def test_port_taken(pooler):
    """Two poolers on one port: the second one says so and ends."""
    p = pooler()
    second = pooler(wait=False, listen_port=p.port, unix_socket_dir="")
    assert second.wait_end(5) == 1
    assert str(p.port) in second.log()


# ---- signals ----------------------------------------------------------------------------------

def test_quit(pooler):
    p = pooler()
    wire = p.wire()
    wire.sql("begin")
    p.signal(signal.SIGQUIT)
    assert p.wait_end(3) == 0
    assert not os.path.exists(p.socket)


def test_term_waits_for_clients(pooler):
    p = pooler()
    first, second = p.wire(), p.wire()
    first.sql("select 1")
    p.signal(signal.SIGTERM)
    time.sleep(0.6)
    assert p.process.poll() is None, "it did not wait"
    with pytest.raises(OSError):
        p.wire(timeout=2)
    for _ in range(3):
        assert first.value("select 'served to the end'") == "served to the end"
    first.close()
    time.sleep(0.5)
    assert p.process.poll() is None
    assert second.value("select 2") == "2"
    second.close()
    assert p.wait_end(3) == 0
    assert "got SIGTERM" in p.log()


def test_int_waits_for_servers(pooler):
    p = pooler()
    busy, idle = p.wire(), p.wire()
    idle.sql("select 1")
    busy.sql("begin")
    p.signal(signal.SIGINT)
    time.sleep(0.5)
    assert p.process.poll() is None, "it did not wait"
    assert busy.value("select 'in my transaction'") == "in my transaction"
    idle.send(query("select 2"))
    assert errors(idle.rest())[-1][1] == "server shutting down"
    busy.sql("commit")
    assert p.wait_end(3) == 0


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_at_once(pooler, which):
    p = pooler()
    wire = p.wire()
    wire.sql("begin")
    p.signal(which)
    time.sleep(0.4)
    assert p.process.poll() is None
    p.signal(which)
    p.wait_end(2)
    assert "fast exit" in p.log()


def test_pause_and_resume(pooler, pg):
    p = pooler()
    with p.wire() as working, p.wire() as idle:
        idle.sql("select 1")
        working.sql("begin")
        p.signal(signal.SIGUSR1)
        time.sleep(0.3)
        assert working.value("select 'to its end'") == "to its end"
        working.sql("commit")
        wait_until(lambda: not pg.backends("usename = 'app'"), 3, "the servers' end")
        idle.send(query("select 'after'"))
        assert idle.quiet(0.4)
        p.signal(signal.SIGUSR2)
        assert rows(idle.ready()) == [("after",)]


def test_hup_reloads(pooler):
    p = pooler()
    with p.wire() as wire:
        wire.sql("select 1")
        p.settings["default_pool_size"] = 7
        p.databases["third"] = {"dbname": "second"}
        p.write()
        p.signal(signal.SIGHUP)
        wait_until(lambda: [row for row in p.console("SHOW CONFIG")
                            if row["key"] == "default_pool_size" and row["value"] == "7"],
                   3, "the new pool size")
        assert wire.value("select 2") == "2"
        with p.wire(database="third") as third:
            assert third.value("select current_database()") == "second"


# ---- reload -----------------------------------------------------------------------------------

def test_reload_is_all_or_nothing(pooler):
    p = pooler()
    with p.wire() as wire:
        before = p.console("SHOW CONFIG")
        p.settings.update(default_pool_size=3, pool_mode="nonsense", query_timeout=9)
        p.databases["new"] = {}
        with pytest.raises(ServerError) as caught:
            p.reload()
        assert caught.value.sqlstate == "F0000"
        assert "RELOAD failed, see logs for additional details" in caught.value.text
        assert "pool_mode" in p.log() and "pooler.ini:" in p.log()
        assert p.console("SHOW CONFIG") == before
        assert "new" not in [row["name"] for row in p.console("SHOW DATABASES")]
        assert wire.value("select 1") == "1"
    p.settings["pool_mode"] = "transaction"
    p.reload()
    assert "new" in [row["name"] for row in p.console("SHOW DATABASES")]


def test_reload_keeps_connections(pooler):
    p = pooler()
    with p.wire() as wire:
        wire.sql("begin")
        pid = wire.value("select pg_backend_pid()")
        p.settings["query_wait_timeout"] = 33
        p.secrets["newcomer"] = "word"
        p.reload()
        assert wire.value("select pg_backend_pid()") == pid
        wire.sql("commit")
        assert wire.value("select pg_backend_pid()") == pid


def test_reload_of_users(pooler):
    p = pooler(auth_type="md5", secrets={"app": "old"}, warm=False)
    p.secrets.update(app="new", admin="x")
    with p.wire(password="old") as wire:
        p.write()
        p.signal(signal.SIGHUP)

        def changed():
            try:
                p.wire(password="new").close()
                return True
            except ServerError:
                return False
        wait_until(changed, 3, "the new password")
        with pytest.raises(ServerError):
            p.wire(password="old")
        assert wire.value("select 'still here'") == "still here"


def test_reload_removes_a_database(pooler):
    p = pooler()
    with p.wire(database="second") as gone, p.wire() as stays:
        gone.sql("select 1")
        stays.sql("select 1")
        del p.databases["second"]
        p.reload()
        assert errors(gone.rest())[-1] == ("08P01", "database removed")
        assert stays.value("select 'stays'") == "stays"
        with pytest.raises(ServerError, match="no such database: second"):
            p.wire(database="second")


def test_reload_moves_a_database(pooler, pg):
    """New address: running transactions end where they are, the next ones go to the new place."""
    p = pooler()
    with p.wire() as wire:
        wire.sql("begin")
        p.databases["app"] = {"dbname": "second"}
        p.reload()
        assert wire.value("select current_database()") == "app"
        wire.sql("commit")
        assert wire.value("select current_database()") == "second"


def test_reload_changes_pool_size(pooler, pg):
    p = pooler(default_pool_size=1)
    with p.wire() as one, p.wire() as two:
        one.sql("begin")
        two.send(query("select 'waited'"))
        assert two.quiet(0.2)
        p.settings["default_pool_size"] = 2
        p.reload()
        assert rows(two.ready()) == [("waited",)]
        one.sql("commit")


def test_job_name_is_the_name_of_the_process(pooler):
    one = pooler(job_name="wash bay 7, left side")
    with open(f"/proc/{one.pid}/comm", encoding="utf-8") as file:
        assert file.read() == "wash bay 7, lef\n"


def test_check_tells_the_differences_from_pgbouncer(folder):
    ini = SEED_INI.replace("auth_file =", "syslog = 1\nauth_file =")
    done = run(folder, "--check", ini=ini)
    assert done.returncode == 0 and "configuration is valid" in done.stdout
    assert "differences from PgBouncer" in done.stdout
    assert "syslog_ident" in done.stdout and "unnamed prepared statements" in done.stdout
    done = run(folder, "--check", ini=ini.replace("[pgbouncer]", "[pgcarwash]"))
    assert done.returncode == 0 and "differences" not in done.stdout
