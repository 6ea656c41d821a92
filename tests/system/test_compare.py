"""The same raw conversation, once with PostgreSQL directly and once through the pooler, gives
the same messages in the same order, with the same contents."""

import random
from itertools import zip_longest

import pytest

import wireclient
from wireclient import (bind, close, copy_data, copy_done, copy_fail, describe, execute, extended,
                        flush, function_call, parse, query, sync)

SCRIPTS = []


def script(function):
    SCRIPTS.append(function)
    return function


def normal(message):
    """A message without what differs from connection to connection."""
    if message.kind in "EN":
        fields = {k: v for k, v in message.fields().items() if k in "SVCMDHPWtcnsd"}
        return (message.kind, tuple(sorted(fields.items())))
    if message.kind == "A":
        return (message.kind, message.body[4:])
    if message.kind == "T":
        return (message.kind, [(name, table > 0, *rest)
                               for name, table, *rest in message.columns()])
    return (message.kind, message.body)


def transcript(endpoint, play, table):
    with endpoint.wire(timeout=20) as wire:
        play(wire, table)
        wire.send(sync(), query("rollback"), query("select 'the end'"))
        while ("the end",) not in wireclient.rows(wire.received[-3:]):
            wire.read()
        wire.ready()
        return [normal(m) for m in wire.received]


def same(pg, pooler_made, play, fresh):
    """Both transcripts must be equal; the message names the first difference."""
    tables = fresh("cmp"), fresh("cmp")
    results = []
    for endpoint, table in zip((pg, pooler_made), tables):
        pg.sql(f"create table {table} (a int, b text); insert into {table} select n, 'row ' || n"
               f" from generate_series(1, 5) n; alter table {table} owner to app")
        seen = transcript(endpoint, play, table)
        # Names of tables and pieces of them appear in errors.
        results.append([(kind, repr(body).replace(table, "TABLE")) for kind, body in seen])
    direct, pooled = results
    for at, (expected, got) in enumerate(zip_longest(direct, pooled)):
        if expected != got:
            raise AssertionError(
                f"message {at} differs:\n  directly {expected}\n  pooled   {got}\n"
                f"  types directly {''.join(k for k, _ in direct)}\n"
                f"  types pooled   {''.join(k for k, _ in pooled)}")


# ---- simple queries ---------------------------------------------------------------------------

@script
def simple_queries(wire, table):
    for text in ("select 1", "", " ; ", "select 1; select 2", "select null, 'a', 1.5, now() is null",
                 "select", f"select * from {table}", f"insert into {table} values (9, 'nine')",
                 f"update {table} set b = 'x' returning *", f"delete from {table}", "selekt",
                 "select 1; selekt", "select 1/0", "select 1; select 1/0; select 2",
                 "select nothing", "rollback", "commit", "show server_version", "values (1), (2)",
                 "-- only a comment", "/* and */ select /* another */ 1", "explain (costs off) select 1",
                 "do $$ begin raise notice 'n'; raise warning 'w'; end $$",
                 "select 'a\u00e9\u20ac' as \"na\u00efve\"", f"lock table {table}",
                 "table nowhere", "checkpoint", f"truncate {table}"):
        wire.ask(query(text))


@script
def transactions(wire, table):
    for text in ("begin", f"insert into {table} values (1, 'x')", "commit", "begin", "begin",
                 "select 1/0", "select 1", "commit", "begin; select 1", "rollback",
                 "begin; select 1/0; commit", "rollback", "start transaction read only",
                 f"delete from {table}", "rollback", "begin", "savepoint s", "select 1/0",
                 "rollback to s", "select 2", "release s", "commit and chain", "rollback and chain",
                 "rollback", "begin isolation level serializable; select 1; commit; begin",
                 "abort", f"begin; declare c cursor for select * from {table}; fetch 2 from c",
                 "fetch all from c", "close c", "commit", "begin; set local datestyle = german",
                 "select date '2024-02-01'", "commit", "select date '2024-02-01'"):
        wire.ask(query(text))


@script
def statements_ended_by_time(wire, _):
    wire.ask(query("begin; set local statement_timeout = 30"))
    wire.ask(query("select pg_sleep(5)"))
    wire.ask(query("rollback"))


@script
def many_columns_and_rows(wire, _):
    wire.ask(query("select " + ", ".join(f"{n} as c{n}" for n in range(1000))))
    wire.ask(query("select n, repeat('x', n % 500) from generate_series(1, 20000) n"))
    wire.ask(query("select repeat('y', 3000000)"))


@script
def long_queries(wire, _):
    for size in (1, 100, 2000, 4085, 4086, 4087, 4096, 8192, 16384, 65536, 300000):
        wire.ask(query(f"select length('{'x' * size}')"))


# ---- extended queries -------------------------------------------------------------------------

@script
def extended_in_many_orders(wire, table):
    for batch in (
            [sync()], [flush(), sync()], [sync(), sync()],
            [parse("", "select 1"), sync()],
            [bind(), execute(), sync()],
            [describe("S"), sync()],
            [parse("", "select $1::int"), describe("S"), bind("", "", [1]), describe("P"),
             execute(), close("P"), sync()],
            [parse("", ""), describe("S"), bind(), describe("P"), execute(), sync()],
            [parse("", f"insert into {table} values ($1, $2)"), describe("S"),
             bind("", "", [1, "b"]), describe("P"), execute(), sync()],
            [parse("", f"insert into {table} values ($1, $2) returning b"), describe("S"),
             bind("", "", [1, None]), describe("P"), execute(), sync()],
            [parse("", "select 1; select 2"), sync()],
            [parse("", "selekt"), bind(), execute(), sync()],
            [parse("", "select $1::int"), bind("", "", ["no number"]), execute(), sync()],
            [parse("", "select $1::int"), bind("", "", []), execute(), sync()],
            [parse("", "select 1"), bind("p", ""), bind("p", ""), execute("p"), sync()],
            [execute("nothing"), sync()], [describe("P", "nothing"), sync()],
            [close("P", "nothing"), close("S", "nothing"), sync()],
            [parse("", "select 1", 23, 25), sync()],
            [parse("", "select $1", 0), describe("S"), sync()],
            [parse("", "select $1::int8", 20), bind("", "", [b"\0" * 8], [1], [1]), execute(),
             sync()],
            [parse("", "select $1::int8"), bind("", "", [b"\0" * 3], [1], [1]), execute(), sync()],
            [parse("", "select 1"), bind(), execute(), execute(), sync()],
            [parse("", "select generate_series(1, 10)"), bind(), execute("", 4), execute("", 4),
             execute("", 4), execute("", 4), sync(), execute("", 4), sync()],
            [parse("", "rollback"), bind(), execute(), sync()],
            [query("select 1"), sync(), query("select 2")],
    ):
        wire.send(*batch, sync(), close("S", "mark"), sync())
        wire.until("3")
        while wire.received[-3:][0].kind != "Z" or wire.received[-2].kind != "3":
            wire.read()


@script
def named_statements(wire, table):
    wire.ask(parse("a", f"select * from {table} where a = $1"), sync())
    wire.ask(parse("a", "select 1"), sync())
    wire.ask(describe("S", "a"), sync())
    wire.ask(bind("", "a", [3]), execute(), bind("", "a", [4]), execute(), sync())
    wire.ask(bind("", "b", [3]), execute(), sync())
    wire.ask(describe("S", "b"), execute(), sync())
    wire.ask(close("S", "a"), bind("", "a", [3]), execute(), sync())
    wire.ask(parse("a", "select 'again'"), bind("", "a"), execute(), sync())
    wire.ask(query("select 'between'"))
    wire.ask(bind("", "a"), execute(), sync())
    wire.ask(query("deallocate all"))
    wire.ask(bind("", "a"), execute(), sync())
    wire.ask(query("discard all"))
    wire.ask(query("begin"), )
    wire.ask(parse("c", "select 'c'"), sync())
    wire.ask(bind("", "zzz"), sync())
    wire.ask(bind("", "c"), execute(), sync())
    wire.ask(query("rollback"))
    wire.ask(bind("", "c"), execute(), sync())


@script
def portals(wire, table):
    wire.ask(query("begin"))
    wire.ask(parse("s", f"select * from {table} order by a"), bind("p", "s"), bind("q", "s"),
             execute("p", 2), execute("q", 1), sync())
    wire.ask(execute("p", 1), describe("P", "p"), sync())
    wire.ask(query("fetch 1 from q"))
    wire.ask(close("P", "p"), execute("q", 100), execute("q", 100), sync())
    wire.ask(execute("p"), sync())
    wire.ask(query("commit"))
    wire.ask(bind("p", "s"), execute("p", 2), sync())
    wire.ask(execute("p", 2), sync())


@script
def pipelines(wire, table):
    insert = parse("", f"insert into {table} values ($1, $2)")
    good = insert + bind("", "", [1, "x"]) + execute()
    bad = insert + bind("", "", ["x", "x"]) + execute()
    wire.ask(good, good, good, sync())
    wire.ask(good, bad, good, sync())
    wire.send(good, sync(), bad, good, sync(), good, sync(), query("select 5"), bad, sync())
    wire.ready(5)
    wire.ask(query(f"select count(*) from {table}"))
    wire.send(*[extended("select $1::text", n) for n in range(300)])
    wire.ready(300)
    begin, commit = (parse("", word) + bind() + execute() for word in ("begin", "commit"))
    wire.send(begin, good, sync(), good, sync(), commit, sync(), begin, bad, sync(), commit, sync())
    wire.ready(5)


@script
def query_in_the_middle_of_a_batch(wire, _):
    wire.send(parse("", "select 1"), bind(), query("select 2"), execute(), sync())
    wire.ready(2)
    wire.send(parse("", "selekt"), query("select 'skipped'"), sync())
    wire.ready(1)


@script
def function_calls(wire, _):
    for arguments in ((1299,), (1598,), (1317, b"abc"), (999999,), (1317,)):
        if arguments[0] != 1598:  # random()
            wire.send(function_call(*arguments) if arguments[0] != 1299 else function_call(861))
            wire.ready()
    wire.ask(query("begin"))
    wire.ask(function_call(1317, b"four"))
    wire.ask(function_call(999999))
    wire.ask(function_call(1317, b"four"))
    wire.ask(query("rollback"))


# ---- COPY -------------------------------------------------------------------------------------

@script
def copies(wire, table):
    def copied(*parts, text=f"copy {table} from stdin"):
        wire.send(query(text), *parts)
        wire.ready()

    copied(copy_data("10\tten\n11\televen\n"), copy_done())
    copied(copy_done())
    copied(copy_data("12\ttw"), copy_data("elve\n"), copy_done())
    copied(copy_data("no number\tx\n"), copy_data("13\tx\n"), copy_done())
    copied(copy_data("14\tx\n"), copy_fail("enough"))
    copied(copy_data("15\tx\n"), sync(), flush(), copy_data("16\tx\n"), sync(), copy_done())
    copied(copy_data("17\tx\n\\.\n"), copy_done())
    copied(copy_data("18,x\n"), copy_done(), text=f"copy {table} from stdin csv")
    copied(text="copy nowhere from stdin")
    wire.ask(query(f"copy {table} to stdout"))
    wire.ask(query("copy (select 1/(3 - n) from generate_series(1, 5) n) to stdout"))
    wire.ask(query(f"copy {table} to stdout (format binary)"))
    # Messages of a copy outside of one are ignored.
    wire.ask(copy_data("stray"), copy_done(), copy_fail("stray"), query("select 'not lost'"))
    wire.send(query(f"select 1; copy {table} from stdin; select 2; copy {table} to stdout;"
                    " select 3"), copy_data("19\tx\n"), copy_done())
    wire.ready()
    wire.send(query(f"copy {table} from stdin; copy {table} from stdin"), copy_data("20\tx\n"),
              copy_done(), copy_data("21\tx\n"), copy_done())
    wire.ready()
    wire.ask(query("begin"))
    copied(copy_data("22\tx\n"), copy_done())
    copied(copy_data("bad\n"), copy_done())
    copied()
    wire.ask(query("rollback"))
    wire.ask(query(f"select count(*), sum(a) from {table}"))


@script
def copy_refused_late(wire, table):
    """Much data behind the error: it is read and dropped."""
    wire.send(query(f"copy {table} from stdin"), copy_data("bad line\n"))
    for _ in range(200):
        wire.send(copy_data("1\tgood\n" * 500))
    wire.send(copy_done(), query("select 'behind'"))
    wire.ready(2)


@script
def copies_in_the_extended_protocol(wire, table):
    begin = parse("", f"copy {table} from stdin") + bind() + describe("P") + execute()
    wire.send(begin, sync())
    wire.until("G")
    wire.send(copy_data("30\tx\n"), copy_done(), sync())
    wire.ready()
    wire.send(begin, flush())
    wire.until("G")
    wire.send(copy_data("bad\n"), copy_data("31\tx\n"), copy_done(), sync())
    wire.ready()
    wire.send(begin, flush())
    wire.until("G")
    wire.send(copy_fail("no"), sync())
    wire.ready()
    wire.ask(parse("", f"copy {table} to stdout"), bind(), describe("P"), execute(), sync())
    wire.ask(parse("", "copy nowhere to stdout"), bind(), execute(), sync())


# ---- settings ---------------------------------------------------------------------------------

@script
def reported_settings(wire, _):
    for text in ("set application_name = 'one'", "set datestyle = 'german'", "set timezone = 'UTC'",
                 "set client_encoding = 'latin1'", "select 'e'", "set client_encoding = 'utf8'",
                 "begin; set application_name = 'two'; rollback", "show application_name",
                 "begin; set local application_name = 'three'; commit", "show application_name",
                 "set application_name = 'four'; select 1/0", "show application_name",
                 "set intervalstyle = 'iso_8601'", "select interval '1 day'",
                 "set standard_conforming_strings = off", "set standard_conforming_strings = on",
                 "set nothing = 1", "set datestyle = 'no style'", "set datestyle = 'iso, mdy'",
                 "select set_config('application_name', 'five', false)", "show application_name",
                 "set intervalstyle = 'postgres'"):
        wire.ask(query(text))
    wire.ask(extended("set application_name = 'six'"), )
    wire.ask(extended("show application_name"))


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("play", SCRIPTS, ids=lambda play: play.__name__)
def test_same_messages(pooler, pg, fresh, play, mode):
    same(pg, pooler(pool_mode=mode), play, fresh)


# ---- at random --------------------------------------------------------------------------------

TEXTS = ["select 1", "select $1::text", "select generate_series(1, 5)", "select 1/0", "begin",
         "begin", "commit", "commit", "rollback", "insert into TABLE values (1, 'x')",
         "update TABLE set b = b || '!' where a = 2", "select count(*) from TABLE", "selekt", "",
         "savepoint s", "rollback to s", "deallocate all",
         "do $$ begin raise notice 'note'; end $$", "values (1, 2), (3, 4)",
         "select repeat('long ', 3000)", "set application_name = 'random'",
         "show application_name"]


def random_part(chance, table):
    """One message, or a copy."""
    text = chance.choice(TEXTS).replace("TABLE", table)
    statement, portal = chance.choice(["", "", "a", "b", "c"]), chance.choice(["", "", "", "p"])
    values = chance.choice([[], [], ["v"]])
    kind = chance.randrange(14)
    if kind == 0:
        return query(f"copy {table} from stdin") + copy_data(chance.choice(
            ["7\tseven\n", "bad\n"])) + chance.choice([copy_done(), copy_fail("no")]) + sync()
    if kind == 1:
        return query(f"copy {table} to stdout")
    if kind in (2, 3):
        return query(chance.choice([text, f"{text}; {text}"]))
    if kind in (4, 5):
        return parse(statement, text) + bind(portal, statement, ["v"] if "$1" in text else [])
    if kind == 6:
        return parse(statement, text)
    if kind in (7, 8):
        return bind(portal, statement, values)
    if kind == 9:
        # Not of a statement parsed long ago: in a failed transaction a server that lacks it
        # cannot be given it.
        return chance.choice([parse("", text) + describe("S"), describe("P", portal)])
    if kind == 10:
        return close(chance.choice("SSP"), statement)
    if kind == 11:
        return flush()
    return execute(portal, chance.choice([0, 0, 0, 2]))


def random_play(seed):
    """A conversation of some forty messages, sent in pieces of any size."""
    def play(wire, table):
        chance = random.Random(seed)
        for _ in range(chance.randint(3, 8)):
            parts = []
            for _ in range(chance.randint(1, 10)):
                parts.append(random_part(chance, table))
                if chance.random() < 0.35:
                    parts.append(sync())
            data = b"".join(parts) + sync() + close("S", "mark") + sync()
            while data:
                size = chance.choice([1, 3, 30, 3000, len(data)])
                wire.send(data[:size])
                data = data[size:]
            wire.until("3")
            while wireclient.kinds(wire.received[-3:]) != "Z3Z":
                wire.read()
    return play


@pytest.mark.parametrize("mode", ["transaction", "session"])
@pytest.mark.parametrize("block", range(4))
def test_same_messages_at_random(pooler, pg, fresh, block, mode):
    p = pooler(pool_mode=mode)
    for seed in range(block * 25, block * 25 + 25):
        try:
            same(pg, p, random_play(seed), fresh)
        except (AssertionError, TimeoutError, wireclient.Gone) as trouble:
            raise AssertionError(f"seed {seed}: {trouble}") from None
