#!/usr/bin/env python3
"""The crossing test: does every reply reach the client whose query it answers?

Hundreds of clients ask everything a client can ask, each query with a token of its own, while
queries fail and are cancelled, clients vanish and server processes are killed. In the end the
rows in the database are compared with what the clients were told.

Also a program: crossing.py --port PORT --admin SOCKET_OR_HOST:PORT [--seconds N] [--seed N]
The admin address is PostgreSQL itself: for the table, for the kills, for the final count.
"""

import argparse
import asyncio
import collections
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1]))

from crossing_client import Client, Crossed, Lost  # noqa: E402
from crossing_flavours import FLAVOURS  # noqa: E402
from wireclient import Wire  # noqa: E402


class Crossing:
    """One run. After run(): `troubles` (empty is good), `done` per flavour, `kills`, `lost`."""

    def __init__(self, address, admin, user="app", database="app", clients=200, seed=1,
                 seconds=20.0, kills=True, patience=20.0, without=(), pooled=True):
        self.address, self.user, self.database = address, user, database
        self.admin_address, self.clients, self.seed = admin, clients, seed
        self.seconds, self.with_kills, self.patience = seconds, kills, patience
        self.flavours = [(f, weight) for f, weight in FLAVOURS if f.__name__ not in without]
        self.ledger, self.done = {}, collections.Counter()
        self.troubles, self.kills, self.lost = [], 0, []
        self.deadline, self.admin, self.longest = 0, None, 0.0
        self.pooled, self.silent = pooled, 0

    def run(self):
        self.admin = Wire(self.admin_address, "postgres", self.database, timeout=60)
        self.admin.sql("set client_min_messages = error; drop table if exists crossing_rows;"
                       "create unlogged table crossing_rows (token text);"
                       "create index on crossing_rows (token);"
                       "grant all on crossing_rows to public")
        try:
            asyncio.run(self._all())
            self._compare()
            self.admin.sql("drop table crossing_rows")
        finally:
            self.admin.close()
        return self

    async def _all(self):
        self.deadline = time.monotonic() + self.seconds
        killer = asyncio.create_task(self._kill()) if self.with_kills else None
        await asyncio.gather(*[self._client(number) for number in range(self.clients)])
        if killer:
            killer.cancel()
            await asyncio.gather(killer, return_exceptions=True)

    # -- clients

    async def _client(self, number):
        client = Client(self, number)
        await asyncio.sleep(client.chance.random() * min(0.5, self.seconds / 10))
        while time.monotonic() < self.deadline and len(self.troubles) < 20:
            await self._turn(client)
        if client.link:
            await self._end(client)

    async def _turn(self, client):
        """One operation; its random choices depend on seed, client and index only."""
        client.chance = random.Random(f"{self.seed}.{client.number}.{client.index}")
        flavour, = client.chance.choices([f for f, _ in self.flavours],
                                         [weight for _, weight in self.flavours])
        token = f"c{client.number}.{client.index}.{client.chance.getrandbits(24):06x}"
        client.index += 1
        started = time.monotonic()
        try:
            if not client.link:
                await client.connect()
            client.nothing_left()
            await flavour(client, token)
            self.done[flavour.__name__] += 1
            self.longest = max(self.longest, time.monotonic() - started)
        except Lost as end:
            self._lose(client, flavour, token, end)
        except ConnectionError as end:
            self._lose(client, flavour, token, Lost("08006", str(end)))
        except Crossed as trouble:
            self._report(client, flavour, token, str(trouble))
            client.leave(politely=False)

    def _report(self, client, flavour, token, text):
        self.troubles.append(f"client {client.number}, {flavour.__name__}, {token}: {text}")

    def _lose(self, client, flavour, token, end):
        """A connection may only be lost to a killed server process, with a fitting error."""
        self.lost.append(f"client {client.number}, {flavour.__name__}, {token}: {end}")
        if end.sqlstate is None:
            self.silent += 1
        elif end.sqlstate[:2] not in ("08", "57"):
            self._report(client, flavour, token, f"connection lost with {end}")
        client.leave(politely=False)

    async def _end(self, client):
        """Nothing may come any more once the last reply is there."""
        await asyncio.sleep(0.05)
        try:
            client.nothing_left()
        except Crossed as trouble:
            self.troubles.append(f"client {client.number} at the end: {trouble}")
        client.leave()

    # -- kills

    async def _kill(self):
        """End a random server process of the pooler now and then."""
        chance = random.Random(f"{self.seed}.kill")
        while True:
            await asyncio.sleep(0.2 + chance.random() * 0.4)
            pids = [row[0] for row in self.admin.sql(
                "select pid from pg_stat_activity where client_addr is not null and usename ="
                f" '{self.user}' and datname = '{self.database}'")]
            if pids and time.monotonic() < self.deadline:
                self.admin.sql(f"select pg_terminate_backend({chance.choice(sorted(pids))})")
                self.kills += 1

    # -- the end

    def _compare(self):
        """Rows in the table against the books; connections lost against kills."""
        for _ in range(50):  # what vanished clients began ends in a moment
            busy = self.admin.sql("select query from pg_stat_activity where client_addr is not"
                                  " null and state <> 'idle' and pid <> pg_backend_pid()")
            if not busy:
                break
            time.sleep(0.1)
        if busy and self.pooled:
            self.troubles.append(f"still running after all clients have left: {busy[:5]}")
        found = dict(self.admin.sql("select token, count(*) from crossing_rows group by 1"))
        for token, (least, most) in self.ledger.items():
            count = int(found.pop(token, 0))
            if not least <= count <= most:
                self.troubles.append(f"{token}: {count} rows, the client knows of"
                                     f" {least} to {most}")
        for token, count in found.items():
            self.troubles.append(f"{token}: {count} rows nobody wrote")
        if len(self.lost) > self.kills:
            self.troubles.append(f"{len(self.lost)} connections lost, {self.kills} server"
                                 f" processes killed: {self.lost[:10]}")
        # Bytes a client sends to a closed socket can cost it the error (TCP reset), but rarely.
        if self.pooled and self.silent > 2 + self.kills // 4:
            self.troubles.append(f"{self.silent} of {self.kills} connections lost without an"
                                 f" error: {self.lost[:10]}")

    def summary(self):
        flavours = ", ".join(f"{name} {count}" for name, count in sorted(self.done.items()))
        return (f"seed {self.seed}: {sum(self.done.values())} operations of {self.clients} clients"
                f" in {self.seconds} s, longest {self.longest:.2f} s, {self.kills} server"
                f" processes killed, {len(self.lost)} connections lost with them,"
                f" {len(self.troubles)} troubles\n  {flavours}")


def _address(text):
    if text.startswith("/"):
        return text
    host, port = text.rsplit(":", 1)
    return (host, int(port))


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--admin", type=_address, required=True)
    options.add_argument("--user", default="app")
    options.add_argument("--database", default="app")
    options.add_argument("--clients", type=int, default=200)
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--no-kills", action="store_true")
    options.add_argument("--without", nargs="*", default=(), help="flavours to leave out")
    given = options.parse_args()
    run = Crossing(("127.0.0.1", given.port), given.admin, given.user, given.database,
                   given.clients, given.seed, given.seconds, not given.no_kills,
                   without=given.without).run()
    print(run.summary())
    for trouble in run.troubles[:20]:
        print("  " + trouble)
    return 1 if run.troubles else 0


if __name__ == "__main__":
    sys.exit(main())
