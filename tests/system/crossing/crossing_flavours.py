"""Every way a query can be asked, each with a token that its reply must carry.

A flavour is an async function of the client and a token nobody else has. It sends, reads the
reply and compares types and contents of every message; whatever differs raises Crossed.
"""

import asyncio

from crossing_client import Crossed
from wireclient import (bind, close, copy_data, copy_done, copy_fail, describe, errors, execute,
                        flush, function_call, kinds, parse, query, sync)

TEXTS = 30
VERSION_FUNCTION = 1299  # now()


def statement_text(number):
    return f"select 'text {number}: ' || $1::text"


# ---- simple queries ---------------------------------------------------------------------------

async def simple(client, token):
    client.send(query(f"select '{token}'"))
    client.unnamed = None
    client.rows(await client.reply("TDCZ"), token)


async def several(client, token):
    count = client.chance.randint(2, 6)
    client.send(query("; ".join(f"select '{token}.{n}'" for n in range(count))))
    client.unnamed = None
    client.rows(await client.reply("TDC" * count + "Z"), *[f"{token}.{n}" for n in range(count)])


async def several_with_error(client, token):
    """An error ends the list; what stood before it has been answered."""
    client.send(query(f"select '{token}.a'; select 1/0; select '{token}.b'"))
    client.unnamed = None
    answers = await client.reply("TDCEZ")
    client.rows(answers, f"{token}.a")
    client.failed(answers, "22012")


async def failing(client, token):
    client.send(query(f"do $$ begin raise exception 'no {token}'; end $$"))
    client.unnamed = None
    client.failed(await client.reply("EZ"), "P0001", f"no {token}")


async def noticing(client, token):
    client.send(query(f"do $$ begin raise warning 'see {token}'; end $$"))
    client.unnamed = None
    answers = await client.reply("NCZ")
    if answers[0].fields()["M"] != f"see {token}":
        raise Crossed(f"notice {answers[0]} is not about {token}")


async def empty(client, _):
    client.send(query(" "))
    client.unnamed = None
    await client.reply("IZ")


async def large(client, token):
    size = client.chance.choice((100, 3000, 20000))
    client.send(query(f"select repeat('{token} ', {size})"))
    client.unnamed = None
    client.rows(await client.reply("TDCZ"), f"{token} " * size)


async def many_rows(client, token):
    count = client.chance.randint(1, 800)
    client.send(query(f"select '{token}.' || n from generate_series(1, {count}) n"))
    client.unnamed = None
    answers = await client.reply("T" + "D" * count + "CZ")
    client.rows(answers, *[f"{token}.{n}" for n in range(1, count + 1)])


async def called(client, _):
    """FunctionCall has no room for a token; the types of the messages must be right."""
    client.send(function_call(VERSION_FUNCTION))
    await client.reply("VZ")


# ---- extended queries -------------------------------------------------------------------------

async def unnamed(client, token):
    client.send(parse("", "select $1::text"), bind("", "", [token]), describe("P"), execute(),
                sync())
    client.unnamed = "select $1::text"
    client.rows(await client.reply("12TDCZ"), token)


async def unnamed_later(client, token):
    """Parse now, Bind in a later transaction: the unnamed statement is the client's own."""
    client.send(parse("", f"select '{token} ' || $1::text"), describe("S"), sync())
    await client.reply("1tTZ")
    await asyncio.sleep(client.chance.random() * 0.005)
    for turn in range(client.chance.randint(1, 3)):
        client.send(bind("", "", [turn]), execute(), sync())
        client.rows(await client.reply("2DCZ"), f"{token} {turn}")


async def named(client, token):
    """One of a few names, each with a text that many clients use under other names."""
    name = f"s{client.chance.randrange(8)}"
    number = client.statements.get(name)
    pattern = "2DCZ"
    if number is None:
        number = client.statements[name] = client.chance.randrange(TEXTS)
        client.send(parse(name, statement_text(number)))
        pattern = "1" + pattern
    client.send(bind("", name, [token]), execute(), sync())
    client.rows(await client.reply(pattern), f"text {number}: {token}")


async def named_again(client, _):
    """A name that is in use, and one that is not."""
    name = f"s{client.chance.randrange(8)}"
    if name in client.statements:
        client.send(parse(name, statement_text(0)), sync())
        client.failed(await client.reply("EZ"), "42P05")
    else:
        client.send(bind("", name, ["x"]), execute(), sync())
        client.failed(await client.reply("EZ"), "26000")


async def forgotten(client, _):
    how = client.chance.randrange(3)
    if how == 0:
        client.send(query("deallocate all"))
        await client.reply("CZ")
        client.statements.clear()
    elif client.statements:
        name = client.chance.choice(sorted(client.statements))
        client.send(close("S", name), sync())
        await client.reply("3Z")
        del client.statements[name]


async def described(client, token):
    client.send(parse("", f"select $1::int as \"{token}\", 'x'::text as b"), describe("S"), sync())
    answers = await client.reply("1tTZ")
    names = [column[0] for column in answers[2].columns()]
    if names != [token, "b"]:
        raise Crossed(f"columns {names}, not those of {token}")


async def limited(client, token):
    """A portal read in pieces."""
    count = client.chance.randint(3, 40)
    client.send(parse("", f"select '{token}.' || n from generate_series(1, $1::int) n"),
                bind("", "", [count]), execute("", 2), execute("", 0), sync())
    answers = await client.reply("12DDs" + "D" * (count - 2) + "CZ")
    client.rows(answers, *[f"{token}.{n}" for n in range(1, count + 1)])


async def flushed(client, token):
    """Every part with a Flush, each answer read before the next part."""
    client.send(parse("", "select $1::text"), flush())
    await client.until("1")
    client.send(bind("", "", [token]), flush())
    await client.until("2")
    client.send(execute(), flush())
    client.rows(await client.until("C"), token)
    client.send(sync())
    await client.reply("Z")


async def pipelined(client, token):
    """Many statements in one batch, an error among them now and then."""
    batch, pattern, expected, broken = [], "", [], False
    for n in range(client.chance.randint(2, 12)):
        dice = client.chance.random()
        if dice < 0.1:
            batch.append(parse("", "select 1/$1::int") + bind("", "", [0]) + execute())
            pattern += "" if broken else "1E"  # found when Bind plans it
            broken = True
        elif dice < 0.5 and client.statements:
            name = client.chance.choice(sorted(client.statements))
            batch.append(bind("", name, [f"{token}.{n}"]) + execute())
            if not broken:
                pattern += "2DC"
                expected.append(f"text {client.statements[name]}: {token}.{n}")
        else:
            batch.append(parse("", "select $1::text") + bind("", "", [f"{token}.{n}"]) + execute())
            if not broken:
                pattern += "12DC"
                expected.append(f"{token}.{n}")
    client.send(*batch, sync())
    answers = await client.reply(pattern + "Z")
    client.rows(answers, *expected)
    if broken:
        client.failed(answers, "22012")


async def pipelined_syncs(client, token):
    """Many transactions sent at once; each is answered by itself."""
    expected = []
    for n in range(client.chance.randint(2, 12)):
        dice = client.chance.random()
        if dice < 0.15:
            client.send(parse("", "select nothing_here"), bind(), execute(), sync())
            expected.append(("EZ", "42703"))
        elif dice < 0.3:
            client.send(query(f"select '{token}.{n}'"))
            expected.append(("TDCZ", f"{token}.{n}"))
        else:
            client.send(parse("", "select $1::text"), bind("", "", [f"{token}.{n}"]), execute(),
                        sync())
            expected.append(("12DCZ", f"{token}.{n}"))
    for pattern, value in expected:
        answers = await client.reply(pattern)
        if pattern == "EZ":
            client.failed(answers, value)
        else:
            client.rows(answers, value)


# ---- writing ----------------------------------------------------------------------------------

async def inserted(client, token):
    client.promise(token, 1)
    if client.chance.random() < 0.5:
        client.send(query(f"insert into crossing_rows values ('{token}')"))
        await client.reply("CZ")
        client.unnamed = None
    else:
        client.send(parse("", "insert into crossing_rows values ($1)"), bind("", "", [token]),
                    execute(), sync())
        await client.reply("12CZ")
    client.settle(token, 1)


async def transaction(client, token):
    """Several exchanges on one server, then COMMIT, ROLLBACK or an error."""
    count = client.chance.randint(1, 4)
    client.promise(token, count)
    client.send(query("begin"))
    await client.reply("CZ", status="T")
    for n in range(count):
        if client.chance.random() < 0.5:
            client.send(query(f"insert into crossing_rows values ('{token}')"))
            await client.reply("CZ", status="T")
        else:
            client.send(parse("", "insert into crossing_rows values ($1)"),
                        bind("", "", [token]), execute(), sync())
            await client.reply("12CZ", status="T")
        client.send(query(f"select count(*) || '{token}' from crossing_rows"
                          f" where token = '{token}'"))
        client.rows(await client.reply("TDCZ", status="T"), f"{n + 1}{token}")
        if client.chance.random() < 0.3:
            await asyncio.sleep(client.chance.random() * 0.003)
    end = client.chance.choice(("commit", "commit", "rollback", "error"))
    if end == "error":
        client.send(query("select 1/0"))
        client.failed(await client.reply("EZ", status="E"), "22012")
        client.send(query("commit"))
    else:
        client.send(query(end))
    await client.reply("CZ")
    client.settle(token, count if end == "commit" else 0)


async def copied_in(client, token):
    count = client.chance.randint(1, 300)
    client.promise(token, count)
    client.send(query("copy crossing_rows from stdin"))
    if kinds(await client.until("GZ")) != "G":
        raise Crossed("COPY did not begin")
    data = f"{token}\n".encode() * count
    while data:
        size = client.chance.randint(1, 3000)
        client.send(copy_data(data[:size]))
        data = data[size:]
    end = client.chance.random()
    if end < 0.2:
        client.send(copy_fail(f"no more {token}"))
        client.failed(await client.reply("EZ"), "57014", token)
        client.settle(token, 0)
    else:
        # Sync messages are ignored while the copy runs (documentation, "COPY Operations").
        client.send(sync() if end < 0.4 else b"", copy_done())
        answers = await client.reply("CZ")
        if answers[0].tag() != f"COPY {count}":
            raise Crossed(f"{answers[0].tag()} for {count} rows")
        client.settle(token, count)


async def copied_in_wrong(client, token):
    """The server refuses a line; what the client still sends is ignored."""
    client.promise(token, 0)
    client.send(query("copy crossing_rows from stdin"))
    await client.until("G")
    client.send(copy_data(f"{token}\n"), copy_data(f"{token}\ttoo many\n"))
    for _ in range(client.chance.randint(0, 20)):
        client.send(copy_data(f"{token}\n" * 10))
    client.send(copy_done())
    client.failed(await client.reply("EZ"), "22P04")
    client.settle(token, 0)


async def copied_out(client, token):
    count = client.chance.randint(1, 500)
    client.send(query(f"copy (select '{token}.' || n from generate_series(1, {count}) n)"
                      " to stdout"))
    answers = await client.reply("H" + "d" * count + "cCZ")
    got = b"".join(m.body for m in answers if m.kind == "d").decode().split()
    if got != [f"{token}.{n}" for n in range(1, count + 1)]:
        raise Crossed(f"COPY of {token} gave {got[:4]}")


# ---- settings ---------------------------------------------------------------------------------

async def renamed(client, token):
    client.send(query(f"set application_name = '{token}'"))
    client.name, before = token, client.name
    try:
        await client.reply("CZ")
    except Crossed:
        client.name = before
        raise


async def remembered(client, _):
    client.send(query("select current_setting('application_name')"))
    client.rows(await client.reply("TDCZ"), client.name)


# ---- cancels and sudden ends ------------------------------------------------------------------

async def canceled(client, token):
    """Runs for ever unless the cancel reaches it."""
    client.send(query(f"select '{token}', pg_sleep(60)"))
    ended = asyncio.Event()
    tries = asyncio.create_task(_insist(client, ended))
    try:
        # Without T when the cancel finds the query before it has begun, or still in a queue.
        client.failed(await client.reply("TEZ", "EZ"), "57014")
    finally:
        ended.set()
        await tries


async def _insist(client, ended):
    """Again and again: a cancel that comes before the query has begun may do nothing."""
    while not ended.is_set():
        await asyncio.sleep(client.chance.random() * 0.1)
        if not ended.is_set():
            await client.cancel()


async def canceled_late(client, token):
    """The cancel and the end of the query race; either is right."""
    pause = client.chance.choice((0, 0.001, 0.005))
    client.send(query(f"select '{token}' from pg_sleep({pause})"))
    await asyncio.sleep(client.chance.random() * 0.01)
    await client.cancel()
    answers = await client.until("Z")
    if errors(answers):
        client.failed(answers, "57014")
    elif kinds(answers) != "TDCZ":
        raise Crossed(f"unexpected {kinds(answers)}")
    else:
        client.rows(answers, token)


async def canceled_idle(client, token):
    """Nothing runs, so nothing may be hit: neither the next query nor anybody else's."""
    await client.cancel()
    await simple(client, token)


async def canceled_strange(client, token):
    """A key nobody has."""
    await client.cancel(client.chance.getrandbits(31), client.chance.getrandbits(32))
    await simple(client, token)


async def vanished(client, token):
    """Leaves at a random point of something; the caller connects anew."""
    scene = client.chance.randrange(7)
    if scene == 0:
        client.send(query(f"select '{token}', pg_sleep(60)"))
    elif scene == 1:
        client.promise(token, 0)
        client.send(query("begin"))
        await client.reply("CZ", status="T")
        client.send(query(f"insert into crossing_rows values ('{token}')"))
        if client.chance.random() < 0.5:
            await client.reply("CZ", status="T")
        client.settle(token, 0)
    elif scene == 2:
        client.promise(token, 0)
        client.send(query("copy crossing_rows from stdin"))
        await client.until("G")
        client.send(copy_data(f"{token}\n" * 20)[:client.chance.randint(1, 200)])
        client.settle(token, 0)
    elif scene == 3:
        client.send(query(f"select repeat('{token}', 100) from generate_series(1, 20000)"))
        await client.until("D")
    elif scene == 4:
        client.send(parse("", f"select '{token}'"), bind(), execute())
    elif scene == 5:
        client.send(query(f"select '{token}'" + " " * 300)[:client.chance.randint(1, 300)])
    else:
        count = client.chance.randint(1, 20)
        client.promise(token, count)
        for _ in range(count):
            client.send(parse("", "insert into crossing_rows values ($1)"),
                        bind("", "", [token]), execute(), sync())
    if client.chance.random() < 0.5:
        await asyncio.sleep(client.chance.random() * 0.01)
    client.leave(politely=False)


FLAVOURS = [(simple, 10), (several, 6), (several_with_error, 3), (failing, 3), (noticing, 3),
            (empty, 1), (large, 3), (many_rows, 2), (called, 2), (unnamed, 10),
            (unnamed_later, 6), (named, 16), (named_again, 4), (forgotten, 2), (described, 4),
            (limited, 3), (flushed, 3), (pipelined, 8), (pipelined_syncs, 6), (inserted, 6),
            (transaction, 8), (copied_in, 3), (copied_in_wrong, 2), (copied_out, 3), (renamed, 2),
            (remembered, 4), (canceled, 1), (canceled_late, 3), (canceled_idle, 2),
            (canceled_strange, 1), (vanished, 3)]
