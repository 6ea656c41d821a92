"""An ordinary application's conversations get PostgreSQL's own answers through an entry that
splits, in transaction and in session pooling, while its reads are served by replicas.

Each conversation runs on the primary itself and then through the pooler. SETTLE waits until reads
are on replicas again; a part of what is sent at once is one tuple.
"""

import pytest

from cluster import WHERE
from wireclient import (bind, close, copy_data, copy_done, copy_fail, describe, execute, extended,
                        flush, parse, query, sync, wait_until)

pytestmark = pytest.mark.fixed

REPLICAS = {"node1", "node2"}
SETTLE = "settle"
READ, WRITE = "select v from pairs where id = $1", "update pairs set v = v + 1 where id = $1"
COUNT = "select count(*) from pairs"


def named(name, *values):
    return bind("", name, values) + describe("P") + execute()


CONVERSATIONS = {
    "reads and writes": [
        query("insert into pairs values (10, 1)"), query("select * from pairs order by id"),
        SETTLE, query("select * from pairs order by id"), extended(READ, 10), extended(WRITE, 10),
        extended(READ, 10), SETTLE, extended(READ, 10), query("delete from pairs where id = 10"),
        query(COUNT), query(""), query("select 1; select 2"), query(f"{WRITE[:-2]}1; {COUNT}"),
        query("selekt 1"), query("select nothing from pairs"), query("select * from nowhere"),
        query("select 1/0"), extended("select 1/$1::int", 0), query(COUNT)],
    "blocks": [
        query("begin"), query(COUNT), query("insert into pairs values (11, 1)"), query(COUNT),
        query("rollback"), query(COUNT), query("begin"), query("commit"), query("begin"),
        query("begin"), query("commit"), query("commit"), query("rollback"), SETTLE,
        query("begin"), query("select 1/0"), query("select 1"), query("commit"), query("begin"),
        query("selekt"), query("select 1"), query("rollback"),
        query("begin; select 1; commit"), query("select 1; begin"), query(COUNT), query("end"),
        query("begin"), query("commit and chain"), query(COUNT), query("rollback and chain"),
        query("commit"), query("savepoint a"), query("begin"), query("abort"),
        query("start transaction isolation level serializable"), query(COUNT), query("commit")],
    "savepoints": [
        query("begin"), query("savepoint a"), query("insert into pairs values (12, 1)"),
        query("select 1/0"), query("rollback to a"), query(COUNT), query("release a"),
        query("release a"), query("rollback"), SETTLE, query("begin read only"),
        query("savepoint a"), query("select 1/0"), query("rollback to savepoint a"),
        query(COUNT), query("commit")],
    "read only": [
        SETTLE, query("begin read only"), query(COUNT), query("show transaction_read_only"),
        query("insert into pairs values (13, 1)"), query(COUNT), query("commit"),
        query("begin"), query("set transaction read only"), query(COUNT), query("commit"),
        query("begin read only"), query("set transaction read write"),
        query("insert into pairs values (13, 1)"), query("rollback"),
        query("begin read only"), query(COUNT), query("set transaction read write"),
        query("rollback"), query("begin read only; insert into pairs values (1, 1); commit"),
        query("rollback"), query("begin isolation level repeatable read, read only"), query(COUNT),
        query("end"), query("begin isolation level serializable read only deferrable"),
        query(COUNT), query("end")],
    "what says that it reads only": [
        SETTLE, query("show transaction_read_only"),
        query("select current_setting('transaction_read_only')"),
        query("set session characteristics as transaction read only"),
        query("show transaction_read_only"), query("show default_transaction_read_only"),
        query("insert into pairs values (14, 1)"), query(COUNT), query("begin"), query(COUNT),
        query("show transaction_read_only"), query("commit"), query("begin read write"),
        query("insert into pairs values (14, 1)"), query("rollback"),
        query("set default_transaction_read_only = off"), query("insert into pairs values (14, 1)"),
        query("delete from pairs where id = 14"), query("reset default_transaction_read_only"),
        query("show transaction_read_only"), query("select pg_is_in_recovery()"),
        query("show in_hot_standby"), query("show server_version"), query("select version()"),
        query("show server_encoding"), query("select current_database(), current_user"),
        query("show default_transaction_isolation"), query("show transaction_isolation")],
    "settings that are reported": [
        SETTLE, query("set datestyle = 'German'"), query("select date '2024-02-29'"),
        query("insert into pairs values (15, 1)"), query("select date '2024-02-29'"), SETTLE,
        query("select date '2024-02-29'"), query("set timezone = 'Asia/Tokyo'"),
        extended("select timestamptz '2024-02-29 12:00+00'"), query("begin"),
        query("set local timezone = 'UTC'"), query("select timestamptz '2024-02-29 12:00+00'"),
        query("commit"), query("select timestamptz '2024-02-29 12:00+00'"), query("begin"),
        query("set intervalstyle = 'iso_8601'"), query("select interval '1 day'"),
        query("rollback"), query("select interval '1 day'"), query("set application_name = 'mine'"),
        query("show application_name"), query("delete from pairs where id = 15"),
        query("show application_name"), SETTLE, query("select current_setting('application_name')"),
        query("set client_encoding = 'LATIN1'"), query("select length('\u00e4')"),
        query("show all"),
        query("select set_config('application_name', 'other', false)"),
        query("show application_name"), query("select current_setting('application_name')"),
        query("reset datestyle"), query("select date '2024-02-29'"), query("reset timezone"),
        query("select interval '1 day', timestamptz '2024-02-29 12:00+00'")],
    "prepared on the primary first": [
        query("begin"), (parse("r", READ), parse("w", WRITE), sync()),
        (named("r", 1), named("w", 1), named("r", 1), sync()), query("commit"), SETTLE,
        (named("r", 1), sync()), (named("r", 1), sync()), (named("w", 1), sync()),
        (named("r", 1), sync()), SETTLE, (describe("S", "r"), sync()), (named("r", 1), sync()),
        (close("S", "r"), sync()), (named("r", 1), sync()), (parse("w", READ), sync()),
        query("deallocate w"), (named("w", 1), sync()), (parse("r", COUNT), sync()),
        (named("r"), sync()), query("discard all"), (named("r"), sync())],
    "prepared on a replica first": [
        SETTLE, (parse("r", READ), describe("S", "r"), sync()), (named("r", 1), sync()),
        query("begin"), (named("r", 1), sync()), query(WRITE.replace("$1", "1")),
        (named("r", 1), sync()), query("commit"), (named("r", 1), sync()), SETTLE,
        (named("r", 1), sync()), query("begin read only"), (named("r", 1), sync()),
        query("commit"), query("deallocate all"), (named("r", 1), sync())],
    "pipelines": [
        SETTLE, (parse("r", READ), parse("w", WRITE), sync()),
        (named("r", 1), sync(), named("w", 1), sync(), named("r", 1), sync(), named("r", 2),
         sync()),
        (query(COUNT), query("insert into pairs values (16, 1)"), query(COUNT),
         query("delete from pairs where id = 16"), query(COUNT)),
        (named("r", 1), named("w", 1), named("r", 1), sync()), SETTLE,
        (named("r", 1), bind("", "none"), execute(), named("r", 1), sync(), named("r", 1), sync()),
        (query("begin"), named("w", 1), sync(), named("r", 1), sync(), query("rollback"),
         named("r", 1), sync()),
        (named("r", "x"), sync(), named("w", 1), sync(), query("select 1/0"), named("r", 2),
         sync()),
        (parse("", "begin"), bind(), execute(), named("w", 2), parse("", "commit"), bind(),
         execute(), sync()), SETTLE,
        (parse("", "begin read only"), bind(), execute(), named("r", 2), parse("", "commit"),
         bind(), execute(), sync()), (named("r", 2), flush(), named("r", 1), sync()), (sync(),),
        (sync(), named("r", 1), sync(), sync())],
    "portals": [
        SETTLE, (parse("", "select generate_series(1, 5)"), bind("p"), execute("p", 2),
                 execute("p", 2), execute("p", 2), execute("p"), sync()),
        (execute("p", 2), sync()), query("begin"),
        (parse("", "select generate_series(1, 5)"), bind("p"), execute("p", 2), sync()),
        (execute("p", 2), sync()), (close("P", "p"), sync()), (execute("p", 2), sync()),
        query("rollback"), query("begin read only"),
        (parse("s", "select generate_series(1, 5)"), bind("p", "s"), describe("P", "p"),
         execute("p", 2), sync()), (execute("p", 2), sync()), (execute("p", 2), sync()),
        query("commit"), (close("S", "s"), sync())],
    "cursors": [
        SETTLE, query("begin"), query("declare c cursor for select generate_series(1, 5)"),
        query("fetch 2 from c"), query("move 1 in c"), query("fetch all from c"), query("close c"),
        query("commit"), query("begin read only"),
        query("declare c cursor for select generate_series(1, 5)"), query("fetch 2 from c"),
        query("commit"), query("fetch 1 from c"),
        query("declare c cursor for select 1")],
    "copy": [
        (query("copy pairs from stdin"), copy_data("20\t1\n"), copy_data("21\t1\n"), copy_done()),
        query("copy pairs to stdout"), SETTLE,
        query("copy (select id from pairs order by id) to stdout"),
        (query("copy pairs from stdin"), copy_data("22\t"), copy_fail("enough")),
        (query("copy pairs from stdin"), copy_data("nonsense\n"), copy_done()),
        query("copy (select 1/0) to stdout"), query("copy nowhere to stdout"),
        query("begin"), query("copy pairs to stdout"),
        (query("copy pairs from stdin"), copy_data("23\t1\n"), copy_done()), query("rollback"),
        extended("copy (select 1) to stdout"), query("delete from pairs where id >= 20"),
        query(COUNT)],
    "statements of all kinds": [
        SETTLE, query("values (1), (2)"), query("table pairs"),
        query("explain (costs off) table pairs"),
        query("with x as (select 1 as a) select a from x"),
        query("with x as (update pairs set v = v where id = 1 returning v) select count(*) from x"),
        query("select v from pairs where id = 2 for update"), SETTLE,
        query("explain (analyze, costs off, timing off, summary off) update pairs set v = v where"
              " id = 2"),
        query("select id into made from pairs"), query("select count(*) from made"),
        query("drop table made"), query("create table made as select 1 as a"),
        query("table made"), SETTLE, query("table made"), query("truncate made"),
        query("table made"), query("drop table made"), query("table made"),
        query("do $$ begin perform 1; end $$"), query("lock table pairs"),
        query("begin"), query("lock table pairs in share mode"), query("commit"),
        query("select pg_advisory_xact_lock(1)"), query("notify nobody"), query("checkpoint"),
        query("vacuum pairs"), query("analyze pairs"), query("begin"), query("vacuum pairs"),
        query("rollback"), query("prepare transaction 'x'"), query("commit prepared 'x'")],
}


def count_ready(parts):
    """How many ReadyForQuery these messages ask for."""
    data, count = b"".join(parts), 0
    while data:
        count += data[:1] in b"QS"
        data = data[1 + int.from_bytes(data[1:5], "big"):]
    return count


def plain(answer):
    """Without what is another one's by nature: a table's number, a line of PostgreSQL's source."""
    if answer.kind == "T":
        return "T", [(name, *rest) for name, _, *rest in answer.columns()]
    if answer.kind in "EN":
        return answer.kind, {k: v for k, v in answer.fields().items() if k in "SCMDHP"}
    return answer


def talk(wire, conversation, settle):
    """What was answered to each step, apart from the order of settings that are reported."""
    told = []
    for step in conversation:
        if step is SETTLE:
            settle(wire)
            continue
        parts = step if isinstance(step, tuple) else (step,)
        wire.send(*parts)
        answers = wire.ready(count_ready(parts))
        told.append((b"".join(parts), [plain(m) for m in answers if m.kind != "S"],
                     sorted(m.pair() for m in answers if m.kind == "S")))
    return told


def wait_for_replicas(wire):
    wait_until(lambda: wire.value(WHERE) in REPLICAS, 10, "reads on replicas")


def make_pairs(cluster):
    cluster.primary.sql("create table if not exists pairs (id int primary key, v int);"
                        " truncate pairs; insert into pairs values (1, 1), (2, 1);"
                        " grant all on pairs to public; drop table if exists made")
    cluster.wait_caught_up()


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_same_answers(splitter, calm, name, mode):
    p = splitter(calm, pool_mode=mode)
    make_pairs(calm)
    with calm.primary.wire(user="app") as wire:
        expected = talk(wire, CONVERSATIONS[name], lambda _: None)
    make_pairs(calm)
    with p.wire() as wire:
        found = talk(wire, CONVERSATIONS[name],
                     wait_for_replicas if mode == "transaction" else lambda _: None)
        assert wire.quiet(0.05)
    for (sent, *theirs), (_, *ours) in zip(expected, found, strict=True):
        assert ours == theirs, sent
    if mode == "transaction":
        served = {row["reason"]: int(row["transactions"]) for row in p.console("SHOW ROUTES")
                  if row["database"] == "app"}
        assert served["read"] > 0, served
