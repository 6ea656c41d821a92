"""A primary with streaming replicas, to be delayed, paused, frozen, killed, promoted.

Builds on harness.Postgres: each node is a server of its own folder and port, named by its
cluster_name. `select place()` tells where a query ran: a stable function of our own, because what
PostgreSQL's own functions say of the host is asked of the primary.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time

import harness
from wireclient import Gone, ServerError, wait_until

WHERE = "select place()"
PLACE = ("create function place() returns text stable language sql as"
         " 'select current_setting(''cluster_name'')';"
         " create function standby() returns boolean stable language sql as"
         " 'select pg_is_in_recovery()'")

STREAMING = {"wal_level": "replica", "max_wal_senders": 10, "hot_standby": "on",
             "wal_log_hints": "on", "wal_keep_size": "'256MB'", "wal_receiver_timeout": "'5s'",
             "wal_retrieve_retry_interval": "'200ms'", "wal_sender_timeout": "'5s'",
             "wal_receiver_status_interval": "'1s'", "max_connections": 100,
             "recovery_target_timeline": "'latest'", "max_prepared_transactions": 10}


def descendants(pid):
    """A process and all below it."""
    found, more = [], [pid]
    while more:
        one = more.pop()
        found.append(one)
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{one}/task"):
                more += [int(p) for p in
                         open(f"/proc/{one}/task/{task}/children", encoding="ascii").read().split()]
    return found


class Node(harness.Postgres):
    """One server of a cluster: made by initdb, or from a base backup of another one."""

    def __init__(self, parent, name, source=None, **settings):
        self.name, self.frozen = name, []
        self.version = None
        if source is None:
            super().__init__(parent, **{**STREAMING, "cluster_name": f"'{name}'", **settings})
            with open(self.data / "pg_hba.conf", "a", encoding="ascii") as hba:
                hba.write("local replication all trust\nhost replication all 127.0.0.1/32 trust\n")
            return
        self.parent = pathlib.Path(parent)
        self.process, self._admin = None, None
        self.folder = harness.make_folder(self.parent, "server.")
        self.data, self.port = self.folder / "data", harness.free_port()
        self.log_path = self.folder / "server.log"
        self.copy_from(source, **settings)

    def copy_from(self, source, **settings):
        """Become a fresh replica of source; must not run."""
        shutil.rmtree(self.data, ignore_errors=True)
        done = subprocess.run(
            [harness.postgres_bin("pg_basebackup"), "-D", self.data, "-h", "127.0.0.1", "-p",
             str(source.port), "-U", "postgres", "-X", "stream", "-c", "fast", "--no-sync"],
            cwd=self.folder, capture_output=True, text=True,
            env=harness.clean_environment(self.parent), **harness.unprivileged())
        if done.returncode:
            raise RuntimeError(f"pg_basebackup failed: {done.stderr}")
        self.follow(source, **settings)

    def set(self, **settings):
        """Append to the configuration; read at the next start or reload."""
        with open(self.data / "postgresql.auto.conf", "a", encoding="ascii") as conf:
            for name, value in settings.items():
                conf.write(f"{name} = {value}\n")

    def follow(self, source, **settings):
        """From its next start it streams from source."""
        self.set(port=self.port, unix_socket_directories=f"'{self.folder}'",
                 cluster_name=f"'{self.name}'",
                 primary_conninfo=f"'host=127.0.0.1 port={source.port} user=postgres"
                                  f" application_name={self.name}'", **settings)
        (self.data / "standby.signal").touch()
        harness.give_away(self.data / "standby.signal")

    def reload(self, **settings):
        self.set(**settings)
        self.process.send_signal(signal.SIGHUP)

    def value(self, text):
        return self.sql(text)[0][0]

    # -- mischief

    def pause(self):
        """Replay stops; what is streamed is kept."""
        self.sql("select pg_wal_replay_pause()")
        wait_until(lambda: self.value("select pg_get_wal_replay_pause_state()") == "paused", 10,
                   "the pause of replay")

    def resume(self):
        self.sql("select pg_wal_replay_resume()")

    def delay(self, milliseconds):
        """Commits are replayed so much later."""
        self.reload(recovery_min_apply_delay=f"'{milliseconds}ms'")

    def freeze(self):
        """All its processes stop as if the machine were gone: connections hang."""
        self.process.send_signal(signal.SIGSTOP)
        self.frozen = descendants(self.process.pid)
        for pid in self.frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def thaw(self):
        frozen, self.frozen = self.frozen, []
        for pid in reversed(frozen):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def crash(self):
        """Dies at once; its clients see their connections break."""
        self.thaw()
        self.stop(signal.SIGQUIT)

    def promote(self):
        self.sql("select pg_promote(true, 30)")
        wait_until(self.is_primary, 10, "the promotion")

    def is_primary(self):
        return self.value("select pg_is_in_recovery()") == "f"

    def accepts_writes(self):
        try:
            return self.is_primary()
        except (OSError, Gone, ServerError):
            return False

    def stop(self, how=signal.SIGINT):
        self.thaw()
        super().stop(how)


class Cluster:
    """A running primary with replicas; nodes[0] is the first primary."""

    def __init__(self, parent, replicas=2, **settings):
        self.parent = parent
        self.primary = Node(parent, "node0", **settings).start()
        self.nodes = [self.primary]
        for number in range(replicas):
            self.add(f"node{number + 1}")

    def add(self, name, upstream=None, **settings):
        """A replica of the primary, or of one of its replicas."""
        node = Node(self.parent, name, self.primary, **settings)
        if upstream:
            node.follow(upstream)
        self.nodes.append(node.start())
        return node

    @property
    def replicas(self):
        return [node for node in self.nodes if node is not self.primary]

    def words(self, **more):
        """The [databases] entry of the whole cluster."""
        return {"host": ",".join("127.0.0.1" for _ in self.nodes),
                "port": ",".join(str(node.port) for node in self.nodes),
                "read_write_split": "on", **more}

    def promote(self, node):
        """node becomes primary; the others that run follow it. The old primary must be gone."""
        old = self.primary
        node.promote()
        self.primary = node
        for other in self.nodes:
            if other not in (node, old) and other.process:
                other.follow(node)
                other.reload()
        return old

    def rejoin(self, node):
        """A former primary comes back as a replica, from a new base backup."""
        node.stop(signal.SIGQUIT)
        node.copy_from(self.primary)
        node.start()

    def wait_caught_up(self, seconds=20, nodes=None):
        # A record of our own: at the end of a page the insert position is ahead of all there is.
        position = self.primary.value("select pg_logical_emit_message(false, 'test', 'here')")

        def behind():
            return all(node.value(f"select pg_last_wal_replay_lsn() >= '{position}'") == "t"
                       for node in (nodes or self.replicas) if node.process)
        wait_until(behind, seconds, "the replicas to catch up")

    def remove(self):
        for node in self.nodes:
            with contextlib.suppress(OSError):
                node.thaw()
            node.remove()


def shown(pooler, name="app"):
    """Rows of SHOW CLUSTERS of a database by port."""
    return {row["port"]: row for row in pooler.console("SHOW CLUSTERS") if row["database"] == name}


def wait_state(pooler, node, wanted, seconds=15, column="state"):
    """Until the console says this of a node."""
    wait_until(lambda: shown(pooler).get(str(node.port), {}).get(column) == wanted, seconds,
               f"{node.name} to have {column} {wanted}")


def wait_ready(pooler, cluster, seconds=15, name="app"):
    """Until every running node is known as what it is and all replicas are fresh."""
    def ready():
        rows = shown(pooler, name)
        for node in cluster.nodes:
            row = rows.get(str(node.port), {})
            role = "primary" if node is cluster.primary else "replica"
            if node.process and (row.get("state") != "up" or row.get("role") != role):
                return False
            if node.process and role == "replica" and row["lag_seconds"] is None:
                return False
        return True
    wait_until(ready, seconds, "the pooler to know the cluster")
    # And the functions of the database, which are asked for when all else is known.
    time.sleep(0.3)
