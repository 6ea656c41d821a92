"""What read_write_split costs: pgcarwash with it off and on, doing the same work.

The entry that splits is a primary and its replica; the one that does not has only the host to
which all of the line's transactions belong. So on both sides the same server does the same work
over as many connections, and what differs is the pooler: judging texts, choosing a host, keeping
turns that may be moved, probes. A run during which transactions went elsewhere does not count.
"""

import machine
from machine import DATABASE, POOL_SIZE, USER, BenchError, Setup
from loads import PgbenchLine
from rawclient import RawClient, ServerError
from report import split_rounds

SCALE = 5
SIMPLE_LIMIT, PREPARED_LIMIT = 1.10, 1.05
READY_SECONDS = 20
REASONS = {"primary": ("write",), "replica": ("read", "read_only_block")}
AT_PLACE = 0.98  # of a run's transactions: a few may go by before the replica is known


class Primary(machine.Postgres):
    SETTINGS = {**machine.Postgres.SETTINGS, "wal_level": "replica", "max_wal_senders": 4,
                "shared_buffers": "'256MB'", "max_connections": 150, "hot_standby": "on"}
    scale = SCALE


class Replica(Primary):
    def __init__(self, folder, primary):
        super().__init__(folder)
        self.primary = primary

    def make(self):
        machine.run([machine.postgres_program("pg_basebackup"), "-D", self.data, "-R", "-h",
                     "127.0.0.1", "-p", self.primary.port, "-U", USER, "-X", "stream", "-c",
                     "fast", "--no-sync"], self.folder)
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as conf:
            conf.write(f"port = {self.port}\n")

    def fill(self):
        """It has what the primary has."""


class Pair:
    """A primary and its replica, as the other lines have one PostgreSQL."""

    def __init__(self, folder):
        self.primary = Primary(machine.make_folder(folder))
        self.replica = Replica(machine.make_folder(folder), self.primary)
        self.folder = folder

    def start(self):
        self.primary.start()
        self.replica.start()
        self.secret = self.primary.secret

    def ask(self, sql):
        return self.primary.ask(sql)

    def be_quiet(self):
        self.primary.be_quiet()
        self.replica.be_quiet()

    def stop(self):
        self.replica.stop()
        self.primary.stop()


class Unsplit(machine.Pgcarwash):
    """Only the host where the line's transactions belong."""

    name = "off"

    def entry(self, setup):
        host = self.postgres.replica if setup.place == "replica" else self.postgres.primary
        return f"host=127.0.0.1 port={host.port}"

    def config(self, setup):
        return super().config(setup) + f"admin_users = {USER}\n"


class Splitting(Unsplit):
    name = "on"

    def entry(self, setup):
        ports = f"{self.postgres.primary.port},{self.postgres.replica.port}"
        return f"host=127.0.0.1,127.0.0.1 port={ports} read_write_split=on probe_user={USER}"

    def start(self, setup=machine.PLAIN):
        super().start(setup)
        machine.wait_until(self._reads_from_replica, READY_SECONDS, "reads on the replica", 0.1)

    def _reads_from_replica(self):
        """Functions are known after all else, and until then a call of one is no read."""
        try:
            self.rows("select abs(-1)", DATABASE)
        except ServerError:
            return False
        return self.counts()["read"] > 0

    def rows(self, sql, database):
        client = RawClient(self.port, USER, database)
        try:
            return client.rows(sql)
        finally:
            client.close()

    def counts(self):
        """Transactions so far by where they went and why."""
        return {reason: int(count) for database, reason, count, _ in
                self.rows("SHOW ROUTES", "pgcarwash") if database == DATABASE}


class SplitLine(PgbenchLine):
    kind, ground, measured, rival, scale = "split", "pair", "on", "off", SCALE

    def __init__(self, script, protocol, clients, seconds, place):
        super().__init__(script, protocol, clients, seconds, wanted=Setup(place=place))
        self.name = "split-" + self.name
        self.seconds = seconds / 2
        self.limit = PREPARED_LIMIT if protocol == "prepared" else SIMPLE_LIMIT

    def rounds(self, wanted):
        return split_rounds(wanted)

    def run(self, target):
        if not isinstance(target, Splitting):
            return super().run(target)
        before = target.counts()
        numbers = super().run(target)
        after = target.counts()
        gone = {reason: after[reason] - before[reason] for reason in after}
        there = sum(gone[reason] for reason in REASONS[self.wanted.place])
        if there < AT_PLACE * sum(gone.values()):
            raise BenchError(f"transactions went elsewhere: {gone}")
        return numbers


def all_lines(seconds, quick):
    lines = [SplitLine("select", protocol, clients, seconds, "replica")
             for protocol in ("simple", "extended", "prepared")
             for clients in ((50,) if quick else (1, 50))]
    lines += [SplitLine("tpcb", "simple", 50, seconds, "primary"),
              SplitLine("tpcb", "prepared", POOL_SIZE, seconds, "primary"),
              SplitLine("update", "simple", 50, seconds, "primary"),
              SplitLine("block", "simple", 50, seconds, "primary"),
              SplitLine("readonly", "simple", 50, seconds, "replica")]
    return lines
