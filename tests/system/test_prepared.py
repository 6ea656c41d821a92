"""Prepared statements in transaction mode: each client has its own, on whichever server."""

import random
import time

import pytest

from wireclient import (ServerError, bind, close, describe, errors, execute, extended, flush,
                        kinds, parse, query, rows, sync)


def run(wire, name, *values):
    """Bind and Execute a statement prepared earlier; the rows."""
    answers = wire.ask(bind("", name, values), execute(), sync())
    found = errors(answers)
    assert not found, found
    assert kinds(answers) in ("2CZ", "2" + "D" * len(rows(answers)) + "CZ")
    return rows(answers)


def prepare(wire, name, sql, *types):
    answers = wire.ask(parse(name, sql, *types), sync())
    assert kinds(answers) == "1Z", answers


def test_statement_outlives_the_transaction(pooler):
    with pooler().wire() as wire:
        prepare(wire, "s", "select $1::int + 1")
        for number in range(10):
            assert run(wire, "s", number) == [(str(number + 1),)]
            assert wire.value("select 7") == "7"


def test_same_name_other_text(pooler):
    """Two clients that use one name for two texts get each their own."""
    p = pooler()
    with p.wire() as one, p.wire() as two:
        prepare(one, "s", "select 'one ' || $1::text")
        prepare(two, "s", "select 'two ' || $1::text")
        for number in range(8):
            assert run(one, "s", number) == [(f"one {number}",)]
            assert run(two, "s", number) == [(f"two {number}",)]


@pytest.mark.fixed
@pytest.mark.pgcarwash
def test_same_text_is_prepared_once(pooler):
    p = pooler(default_pool_size=1)
    clients = [p.wire() for _ in range(5)]
    for number, client in enumerate(clients):
        prepare(client, f"name {number}", "select $1::int * 2")
        assert run(client, f"name {number}", number) == [(str(2 * number),)]
    assert clients[0].value("select count(*) from pg_prepared_statements") == "1"
    for client in clients:
        client.close()


def test_same_text_other_types(pooler):
    p = pooler()
    with p.wire() as one, p.wire() as two:
        prepare(one, "s", "select $1", 23)
        prepare(two, "s", "select $1", 25)
        for _ in range(4):
            for wire, oid in ((one, 23), (two, 25)):
                answers = wire.ask(describe("S", "s"), bind("", "s", ["12"]), execute(), sync())
                assert kinds(answers) == "tT2DCZ"
                assert answers[1].columns()[0][3] == oid
                assert rows(answers) == [("12",)]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_more_statements_than_the_server_keeps(pooler, limit):
    p = pooler(max_prepared_statements=limit)
    chance = random.Random(limit)
    with p.wire() as one, p.wire() as two:
        for wire in (one, two):
            for number in range(12):
                prepare(wire, f"s{number}", f"select '{number} ' || $1::text")
        for _ in range(120):
            wire, number = chance.choice((one, two)), chance.randrange(12)
            assert run(wire, f"s{number}", "x") == [(f"{number} x",)]


@pytest.mark.fixed
@pytest.mark.pgcarwash
def test_the_server_keeps_no_more_than_asked(pooler):
    p = pooler(max_prepared_statements=2, default_pool_size=1)
    with p.wire() as wire:
        for number in range(10):
            prepare(wire, f"s{number}", f"select {number}")
            assert run(wire, f"s{number}") == [(str(number),)]
        assert int(wire.value("select count(*) from pg_prepared_statements")) <= 2


@pytest.mark.parametrize("limit", [2, 200])
def test_pipeline_with_more_statements_than_kept(pooler, limit):
    """One batch needs more statements at once than max_prepared_statements."""
    p = pooler(max_prepared_statements=limit)
    with p.wire() as wire:
        for name_round in range(3):
            batch = b""
            for number in range(40):
                name = f"r{name_round} s{number}"
                batch += parse(name, f"select '{name_round}.{number}.' || $1::text")
                batch += bind("", name, [number]) + execute()
            answers = wire.ask(batch, sync())
            assert kinds(answers) == "12DC" * 40 + "Z"
            assert rows(answers) == [(f"{name_round}.{n}.{n}",) for n in range(40)]
        batch = b"".join(bind("", f"r{r} s{n}", ["again"]) + execute()
                         for n in range(40) for r in range(3))
        answers = wire.ask(batch, sync())
        assert kinds(answers) == "2DC" * 120 + "Z"
        assert rows(answers) == [(f"{r}.{n}.again",) for n in range(40) for r in range(3)]


def test_error_in_the_middle_of_a_batch(pooler):
    """What was prepared before the error exists, what came behind it does not."""
    with pooler().wire() as wire:
        answers = wire.ask(
            parse("before", "select 'before'"), bind("", "before"), execute(),
            parse("wrong", "selekt"), parse("behind", "select 'behind'"), bind("", "behind"),
            execute(), sync())
        assert kinds(answers) == "12DCEZ"
        assert errors(answers)[0][0] == "42601"
        assert run(wire, "before") == [("before",)]
        for name in ("wrong", "behind"):
            answers = wire.ask(bind("", name), execute(), sync())
            assert errors(answers) == [("26000", f'prepared statement "{name}" does not exist')]
            prepare(wire, name, f"select '{name} at last'")
        assert run(wire, "wrong") == [("wrong at last",)]
        assert run(wire, "behind") == [("behind at last",)]


def test_execute_error_leaves_the_statement(pooler):
    with pooler().wire() as wire:
        prepare(wire, "s", "select 10 / $1::int")
        for divisor in (0, 5, 0, 2):
            answers = wire.ask(bind("", "s", [divisor]), execute(), sync())
            if divisor == 0:
                assert errors(answers)[0][0] == "22012"
            else:
                assert rows(answers) == [(str(10 // divisor),)]


@pytest.mark.parametrize("part", ["bind", "describe"])
def test_unknown_name(pooler, part):
    p = pooler()
    with p.wire() as wire, p.wire() as other:
        prepare(other, "s", "select 'not yours'")
        first = {"bind": bind("", "s"), "describe": describe("S", "s")}[part]
        for _ in range(3):
            answers = wire.ask(first, execute(), sync())
            assert kinds(answers) == "EZ"
            fields = answers[0].fields()
            assert (fields["S"], fields["C"]) == ("ERROR", "26000")
            assert fields["M"] == 'prepared statement "s" does not exist'
            assert wire.value("select 'alive'") == "alive"
        assert run(other, "s") == [("not yours",)]


def test_unknown_name_in_a_transaction(pooler):
    """The error aborts the transaction, as PostgreSQL's own does."""
    with pooler().wire() as wire:
        wire.sql("begin")
        answers = wire.ask(bind("", "nothing"), execute(), sync())
        assert kinds(answers) == "EZ" and answers[-1].status() == "E"
        with pytest.raises(ServerError, match="25P02"):
            wire.sql("select 1")
        assert kinds(wire.ask(query("commit"))) == "CZ"
        assert wire.value("select 1") == "1"


def test_unknown_name_behind_good_work(pooler):
    """What stood before the error in the batch is undone with it."""
    with pooler().wire() as wire:
        answers = wire.ask(parse("", "select 'fine'"), bind(), execute(),
                           bind("", "nothing"), execute(), parse("", "select 2"), sync(),
                           parse("", "select 3"), bind(), execute(), sync())
        assert kinds(answers) == "12DCEZ"
        assert kinds(wire.ready()) == "12DCZ"


def test_name_taken(pooler):
    with pooler().wire() as wire:
        prepare(wire, "s", "select 'first'")
        for text in ("select 'second'", "select 'first'"):
            answers = wire.ask(parse("s", text), sync())
            assert kinds(answers) == "EZ"
            assert errors(answers) == [("42P05", 'prepared statement "s" already exists')]
        assert run(wire, "s") == [("first",)]


def test_name_taken_in_one_batch(pooler):
    with pooler().wire() as wire:
        answers = wire.ask(parse("s", "select 'first'"), parse("s", "select 'second'"),
                           bind("", "s"), execute(), sync())
        assert kinds(answers) == "1EZ"
        assert errors(answers)[0][0] == "42P05"
        assert run(wire, "s") == [("first",)]


def test_failed_parse_leaves_the_name_free(pooler):
    with pooler().wire() as wire:
        for text in ("selekt", "select nothing_like_it", "select $1 + $3"):
            answers = wire.ask(parse("s", text), sync())
            assert kinds(answers) == "EZ"
        prepare(wire, "s", "select 'good'")
        assert run(wire, "s") == [("good",)]


# ---- the unnamed statement --------------------------------------------------------------------

def test_unnamed_statement_is_the_clients(pooler):
    """Parse and Sync, then Bind in a later transaction, with others in between."""
    p = pooler()
    clients = [p.wire() for _ in range(6)]
    for number, client in enumerate(clients):
        prepare(client, "", f"select '{number} ' || $1::text")
    for turn in range(5):
        for number, client in enumerate(clients):
            assert run(client, "", turn) == [(f"{number} {turn}",)]
    for client in clients:
        client.close()


def test_unnamed_statement_pattern_of_go(pooler):
    """Parse, Describe, Sync; then Bind, Execute, Sync: with everybody between the two."""
    p = pooler(default_pool_size=2)
    clients = [p.wire() for _ in range(8)]
    for turn in range(12):
        for number, client in enumerate(clients):
            client.send(parse("", f"select '{number}.{turn} ' || $1::text"), describe("S"), sync())
        for client in clients:
            assert kinds(client.ready()) == "1tTZ"
        for client in clients:
            client.send(bind("", "", [turn]), execute(), sync())
        for number, client in enumerate(clients):
            answers = client.ready()
            assert rows(answers) == [(f"{number}.{turn} {turn}",)], answers
    for client in clients:
        client.close()


def test_unnamed_describe_later(pooler):
    p = pooler()
    with p.wire() as one, p.wire() as two:
        prepare(one, "", "select 1::int as a, 'x'::text as b")
        prepare(two, "", "select 1::bool as c")
        for wire, names in ((one, ["a", "b"]), (two, ["c"])):
            answers = wire.ask(describe("S"), sync())
            assert kinds(answers) == "tTZ"
            assert [c[0] for c in answers[1].columns()] == names


def test_simple_query_ends_the_unnamed_statement(pooler):
    """PostgreSQL, "Extended Query": a simple Query message destroys it."""
    with pooler().wire() as wire:
        prepare(wire, "", "select 'old'")
        assert wire.value("select 'between'") == "between"
        answers = wire.ask(bind(), execute(), sync())
        assert errors(answers) == [("26000", "unnamed prepared statement does not exist")]
        prepare(wire, "", "select 'new'")
        assert run(wire, "") == [("new",)]


def test_failed_parse_ends_the_unnamed_statement(pooler):
    with pooler().wire() as wire:
        prepare(wire, "", "select 'old'")
        assert kinds(wire.ask(parse("", "selekt"), sync())) == "EZ"
        answers = wire.ask(bind(), execute(), sync())
        assert [e[0] for e in errors(answers)] == ["26000"]
        assert wire.value("select 1") == "1"


def test_unnamed_statement_never_parsed(pooler):
    p = pooler()
    with p.wire() as other, p.wire() as wire:
        prepare(other, "", "select 'not yours'")
        answers = wire.ask(bind(), execute(), sync())
        assert [e[0] for e in errors(answers)] == ["26000"]


def test_close_of_the_unnamed_statement(pooler):
    with pooler().wire() as wire:
        prepare(wire, "", "select 1")
        assert kinds(wire.ask(close("S"), sync())) == "3Z"
        answers = wire.ask(bind(), execute(), sync())
        assert [e[0] for e in errors(answers)] == ["26000"]


# ---- Close, DEALLOCATE, DISCARD ---------------------------------------------------------------

def test_close(pooler):
    p = pooler()
    with p.wire() as wire, p.wire() as other:
        for one in (wire, other):
            prepare(one, "s", "select 'same text'")
        assert kinds(wire.ask(close("S", "s"), close("S", "never was"), sync())) == "33Z"
        answers = wire.ask(bind("", "s"), execute(), sync())
        assert [e[0] for e in errors(answers)] == ["26000"]
        assert run(other, "s") == [("same text",)]
        prepare(wire, "s", "select 'another'")
        assert run(wire, "s") == [("another",)]


def test_close_and_parse_in_one_batch(pooler):
    with pooler().wire() as wire:
        prepare(wire, "s", "select 0")
        batch = b"".join(close("S", "s") + parse("s", f"select {n}") + bind("", "s") + execute()
                         for n in range(1, 30))
        answers = wire.ask(batch, sync())
        assert kinds(answers) == "312DC" * 29 + "Z"
        assert rows(answers) == [(str(n),) for n in range(1, 30)]
        assert run(wire, "s") == [("29",)]


def test_close_behind_an_error_does_nothing(pooler):
    with pooler().wire() as wire:
        prepare(wire, "s", "select 'still here'")
        assert kinds(wire.ask(parse("", "selekt"), close("S", "s"), sync())) == "EZ"
        assert run(wire, "s") == [("still here",)]


@pytest.mark.parametrize("way", ["simple", "extended", "in a list"])
@pytest.mark.parametrize("command", ["deallocate all", "discard all", "DEALLOCATE  ALL ;"])
def test_forget_all(pooler, command, way):
    if way == "in a list" and command == "discard all":
        pytest.skip("DISCARD ALL cannot run in a multi-statement query")
    p = pooler()
    with p.wire() as wire, p.wire() as other:
        prepare(wire, "s", "select 'mine'")
        prepare(other, "s", "select 'its'")
        message = {"simple": query(command), "extended": extended(command.strip(" ;")),
                   "in a list": query(f"select 1; {command}")}[way]
        assert not errors(wire.ask(message))
        answers = wire.ask(bind("", "s"), execute(), sync())
        assert [e[0] for e in errors(answers)] == ["26000"]
        assert run(other, "s") == [("its",)]
        prepare(wire, "s", "select 'new'")
        assert run(wire, "s") == [("new",)]
        assert run(other, "s") == [("its",)]


@pytest.mark.parametrize("command", ["deallocate s", "DEALLOCATE PREPARE s;", 'deallocate "s"'])
@pytest.mark.parametrize("way", ["simple", "extended"])
def test_deallocate_by_name(pooler, command, way):
    """PHP, Perl and Ruby prepare by protocol and deallocate by SQL."""
    p = pooler()
    with p.wire() as wire, p.wire() as other:
        for one in (wire, other):
            prepare(one, "s", "select 'text'")
        message = query(command) if way == "simple" else extended(command.strip(";"))
        answers = wire.ask(message)
        assert not errors(answers) and answers[-2].tag() == "DEALLOCATE"
        answers = wire.ask(bind("", "s"), execute(), sync())
        assert errors(answers) == [("26000", 'prepared statement "s" does not exist')]
        assert [e[0] for e in errors(wire.ask(message))] == ["26000"]
        assert run(other, "s") == [("text",)]
        prepare(wire, "s", "select 'new'")
        assert run(wire, "s") == [("new",)]


def test_deallocate_by_name_in_a_transaction(pooler):
    """An error here would undo the transaction."""
    with pooler().wire() as wire:
        for turn in range(6):
            wire.sql("begin")
            prepare(wire, "s", f"select {turn}")
            assert run(wire, "s") == [(str(turn),)]
            assert wire.ask(query("deallocate s"))[-1].status() == "T"
            assert wire.value("select 'alive'") == "alive"
            assert wire.ask(query("commit"))[0].tag() == "COMMIT"


def test_failed_discard_forgets_nothing(pooler):
    with pooler().wire() as wire:
        prepare(wire, "s", "select 'kept'")
        wire.sql("begin")
        with pytest.raises(ServerError, match="25001"):
            wire.sql("discard all")
        wire.sql("rollback")
        assert run(wire, "s") == [("kept",)]


# ---- transactions, portals, formats -----------------------------------------------------------

def test_statement_prepared_in_a_transaction_rolled_back(pooler):
    """Prepared statements are not part of the transaction."""
    with pooler().wire() as wire:
        wire.sql("begin")
        prepare(wire, "s", "select 'stays'")
        wire.sql("rollback")
        assert run(wire, "s") == [("stays",)]


def test_bind_in_a_failed_transaction(pooler):
    with pooler().wire() as wire:
        prepare(wire, "s", "select 1")
        wire.sql("begin")
        wire.ask(query("select 1/0"))
        answers = wire.ask(bind("", "s"), execute(), sync())
        assert [e[0] for e in errors(answers)] == ["25P02"]
        wire.sql("rollback")
        assert run(wire, "s") == [("1",)]


def test_portals_with_limits(pooler):
    with pooler().wire() as wire:
        prepare(wire, "s", "select generate_series(1, 7)")
        wire.sql("begin")
        answers = wire.ask(bind("p", "s"), execute("p", 3), execute("p", 3), sync())
        assert kinds(answers) == "2DDDsDDDsZ" and answers[-1].status() == "T"
        answers = wire.ask(execute("p", 3), close("P", "p"), sync())
        assert kinds(answers) == "DC3Z"
        assert rows(answers) == [("7",)]
        wire.sql("commit")
        answers = wire.ask(bind("", "s"), execute("", 2), sync())
        assert kinds(answers) == "2DDsZ" and answers[-1].status() == "I"


def test_flush_between_the_parts(pooler):
    """A client that reads each answer before it sends the next part, without Sync."""
    with pooler().wire() as wire:
        for _ in range(3):
            wire.send(parse("", "select $1::int"), flush())
            assert kinds(wire.until("1")) == "1"
            wire.send(describe("S"), flush())
            assert kinds(wire.until("T")) == "tT"
            wire.send(bind("", "", [5]), flush())
            assert kinds(wire.until("2")) == "2"
            wire.send(execute(), flush())
            assert kinds(wire.until("C")) == "DC"
            assert kinds(wire.ask(sync())) == "Z"


def test_binary_values_and_nulls(pooler):
    with pooler().wire() as wire:
        prepare(wire, "s", "select $1, $2, $3::bytea", 23, 20, 17)
        values = [b"\x00\x00\x00\x05", None, bytes(range(256))]
        answers = wire.ask(bind("", "s", values, [1, 1, 1], [1]), execute(), sync())
        assert answers[1].row() == values


def test_wrong_number_of_values(pooler):
    with pooler().wire() as wire:
        prepare(wire, "s", "select $1::int")
        answers = wire.ask(bind("", "s", [1, 2]), execute(), sync())
        assert [e[0] for e in errors(answers)] == ["08P01"]
        assert run(wire, "s", 4) == [("4",)]


@pytest.mark.parametrize("name", ["x" * 62, "with space", 'quo"ted', "naïve ⛲", "PGCARWASH_1",
                                  "PGBOUNCER_1", "x" * 5000])
def test_strange_names(pooler, name):
    p = pooler()
    with p.wire() as wire, p.wire() as other:
        prepare(other, "other", "select 'other'")
        prepare(wire, name, "select 'strange'")
        assert run(other, "other") == [("other",)]
        assert run(wire, name) == [("strange",)]
        assert run(wire, name) == [("strange",)]


def test_long_statements(pooler):
    """Texts far longer than any buffer."""
    with pooler().wire() as wire:
        for size in (4000, 16000, 70000, 1500000):
            text = "select length($1), '" + "x" * size + "' as big"
            prepare(wire, f"s{size}", text)
            answers = wire.ask(bind("", f"s{size}", ["y" * size]), execute(), sync())
            assert rows(answers) == [(str(size), "x" * size)]


def test_pipelines_with_many_syncs(pooler):
    """Each Sync is a transaction of its own; errors stay where they are."""
    with pooler().wire() as wire:
        batch, expected = b"", []
        for number in range(60):
            if number % 7 == 3:
                batch += bind("", f"missing {number}") + execute() + sync()
                expected.append(("E", "26000"))
            elif number % 7 == 5:
                batch += parse("", "select 1/0") + bind() + execute() + sync()
                expected.append(("E", "22012"))
            else:
                batch += parse(f"s{number}", f"select {number}") + sync()
                batch += bind("", f"s{number}") + execute() + sync()
                expected += [("Z", None), ("D", str(number))]
        wire.send(batch)
        for kind, value in expected:
            answers = wire.ready()
            if kind == "E":
                assert [e[0] for e in errors(answers)] == [value], answers
            elif kind == "D":
                assert rows(answers) == [(value,)], answers
            else:
                assert kinds(answers) == "1Z", answers
        assert wire.value("select 'end'") == "end"


def test_one_batch_byte_by_byte(pooler):
    with pooler().wire() as wire:
        data = (parse("s", "select $1::text") + describe("S", "s")
                + bind("", "s", ["drip"]) + execute() + sync())
        for at in range(len(data)):
            wire.send(data[at:at + 1])
        answers = wire.ready()
        assert kinds(answers) == "1tT2DCZ" and rows(answers) == [("drip",)]


# ---- DDL, lost servers ------------------------------------------------------------------------

@pytest.mark.pgcarwash
def test_result_type_changed_for_a_new_client(pooler, pg, fresh):
    """A statement whose type DDL has changed never meets a new client."""
    table = fresh("t")
    pg.sql(f"create table {table} (a int); insert into {table} values (1);"
           f"grant all on {table} to public")
    p = pooler()
    with p.wire() as old:
        prepare(old, "s", f"select * from {table}")
        for _ in range(5):
            assert run(old, "s") == [("1",)]
        pg.sql(f"alter table {table} add b text default 'b'")
        for number in range(5):
            with p.wire() as new:
                prepare(new, f"n{number}", f"select * from {table}")
                answers = new.ask(describe("S", f"n{number}"), bind("", f"n{number}"), execute(),
                                  sync())
                assert kinds(answers) == "tT2DCZ", answers
                assert len(answers[1].columns()) == 2
                assert rows(answers) == [("1", "b")]


@pytest.mark.pgcarwash
def test_result_type_changed_for_an_old_client(pooler, pg, fresh):
    """Outside a transaction the statement is prepared anew and nobody notices."""
    table = fresh("t")
    pg.sql(f"create table {table} (a int); insert into {table} values (1);"
           f"grant all on {table} to public")
    p = pooler()
    with p.wire() as wire:
        prepare(wire, "s", f"select * from {table}")
        for _ in range(5):
            assert run(wire, "s") == [("1",)]
        pg.sql(f"alter table {table} add b text default 'b'")
        for _ in range(6):
            assert run(wire, "s") == [("1", "b")]


@pytest.mark.pgcarwash
def test_result_type_changed_in_a_transaction(pooler, pg, fresh):
    """There PostgreSQL's error goes to the client; the next try works."""
    table = fresh("t")
    pg.sql(f"create table {table} (a int); insert into {table} values (1);"
           f"grant all on {table} to public")
    p = pooler(default_pool_size=1, min_pool_size=0)
    with p.wire() as wire:
        prepare(wire, "s", f"select * from {table}")
        assert run(wire, "s") == [("1",)]
        pg.sql(f"alter table {table} add b text default 'b'")
        wire.sql("begin")
        answers = wire.ask(bind("", "s"), execute(), sync())
        assert errors(answers) == [("0A000", "cached plan must not change result type")]
        assert answers[-1].status() == "E"
        wire.sql("rollback")
        assert run(wire, "s") == [("1", "b")]


@pytest.mark.pooled
def test_statements_survive_lost_servers(pooler, pg):
    p = pooler()
    with p.wire() as wire:
        prepare(wire, "s", "select 'here ' || $1::text")
        prepare(wire, "", "select 'unnamed ' || $1::text")
        for turn in range(4):
            assert run(wire, "s", turn) == [(f"here {turn}",)]
            assert run(wire, "", turn) == [(f"unnamed {turn}",)]
            assert pg.kill_backends("usename = 'app'") > 0
            time.sleep(0.1)  # the pooler sees its idle servers' end a moment later


# ---- other modes ------------------------------------------------------------------------------

@pytest.mark.parametrize("limit", [0, 200])
def test_session_mode(pooler, limit):
    p = pooler(pool_mode="session", max_prepared_statements=limit)
    for number in range(6):
        with p.wire() as wire:
            prepare(wire, "s", f"select {number}")
            prepare(wire, "", f"select -{number}")
            assert run(wire, "s") == [(str(number),)]
            assert run(wire, "") == [(str(-number),)]


def test_statement_mode(pooler):
    p = pooler(pool_mode="statement")
    with p.wire() as one, p.wire() as two:
        prepare(one, "s", "select 1")
        prepare(two, "s", "select 2")
        for _ in range(5):
            assert run(one, "s") == [("1",)]
            assert run(two, "s") == [("2",)]


@pytest.mark.parametrize("limit", [3, 200])
def test_many_clients_at_random(pooler, limit):
    """Twenty clients with books of their own, a few servers, everything mixed."""
    p = pooler(max_prepared_statements=limit, default_pool_size=4)
    chance = random.Random(limit)
    clients = [(p.wire(), {}) for _ in range(20)]
    for step in range(1500):
        wire, book = chance.choice(clients)
        name = f"s{chance.randrange(6)}"
        action = chance.random()
        if action < 0.15 and name in book:
            assert kinds(wire.ask(close("S", name), sync())) == "3Z"
            del book[name]
        elif name not in book:
            book[name] = f"t{chance.randrange(15)}"
            prepare(wire, name, f"select '{book[name]}', $1::int")
        elif action < 0.25:
            assert errors(wire.ask(parse(name, "select 1"), sync()))[0][0] == "42P05"
        elif action < 0.3:
            wire.sql("deallocate all")
            book.clear()
        elif action < 0.4:
            wire.sql("begin")
            assert run(wire, name, step) == [(book[name], str(step))]
            wire.sql(chance.choice(["commit", "rollback"]))
        else:
            assert run(wire, name, step) == [(book[name], str(step))]
    for wire, _ in clients:
        wire.close()
