"""Session parameters that PostgreSQL reports follow each client from server to server."""

import time

import pytest

from wireclient import ServerError, extended, query, rows, startup

TRACKED = {"application_name": ("one", "two"), "datestyle": ("German, DMY", "SQL, MDY"),
           "timezone": ("Asia/Tokyo", "America/New_York"), "client_encoding": ("LATIN1", "UTF8"),
           "intervalstyle": ("iso_8601", "sql_standard")}


@pytest.mark.parametrize("name", TRACKED)
@pytest.mark.parametrize("how", ["startup", "set", "extended"])
def test_each_client_has_its_own_value(pooler, name, how):
    p = pooler()
    if how == "startup":
        clients = [p.wire(**{name: value}) for value in TRACKED[name]]
    else:
        clients = [p.wire(), p.wire()]
        for client, value in zip(clients, TRACKED[name]):
            if how == "set":
                client.sql(f"set {name} = '{value}'")
            else:
                client.bound(f"set {name} = '{value}'")
    with p.wire() as bystander:
        plain = bystander.value(f"show {name}")
        for _ in range(5):
            for client, value in zip(clients, TRACKED[name]):
                assert client.value(f"show {name}") == value
                assert client.bound(f"show {name}") == [(value,)]
            assert bystander.value(f"show {name}") == plain
    for client in clients:
        client.close()


@pytest.mark.parametrize("end, kept", [("commit", True), ("rollback", False)])
def test_set_in_a_transaction(pooler, end, kept):
    """SET is undone with its transaction."""
    p = pooler()
    with p.wire(application_name="before") as wire, p.wire() as other:
        wire.sql("begin")
        wire.sql("set application_name = 'inside'")
        assert wire.value("show application_name") == "inside"
        wire.sql(end)
        for _ in range(5):
            assert other.value("show application_name") == ""
            assert wire.value("show application_name") == ("inside" if kept else "before")


def test_set_undone_by_an_error(pooler):
    p = pooler()
    with p.wire(application_name="before") as wire, p.wire() as other:
        for broken in ("begin; set application_name = 'inside'; select 1/0",
                       "set application_name = 'inside'; select 1/0"):
            wire.ask(query(broken))
            wire.ask(query("rollback"))
            for _ in range(4):
                other.sql("select 1")
                assert wire.value("show application_name") == "before"


def test_set_local_does_not_travel(pooler):
    p = pooler()
    with p.wire(application_name="own") as wire, p.wire(application_name="other") as other:
        for _ in range(4):
            wire.sql("begin; set local application_name = 'local'")
            assert wire.value("show application_name") == "local"
            wire.sql("commit")
            assert other.value("show application_name") == "other"
            assert wire.value("show application_name") == "own"


@pytest.mark.parametrize("value", ["it's", 'say "hi"', "back\\slash", "semi; drop table x; --", "%s",
                                   "a'';b", "  spaces  ", "\\'", "x" * 60])
def test_values_that_need_quoting(pooler, value):
    p = pooler()
    with p.wire(application_name=value) as wire, p.wire(application_name="other") as other:
        for _ in range(4):
            assert other.value("show application_name") == "other"
            assert wire.value("show application_name") == value


def test_reset_restores_the_clients_start_value(pooler):
    p = pooler()
    with p.wire(application_name="start") as wire, p.wire(application_name="other") as other:
        wire.sql("set application_name = 'changed'")
        other.sql("select 1")
        assert wire.value("show application_name") == "changed"
    with p.wire(application_name="start") as wire:
        assert wire.value("show application_name") == "start"


def test_reports_reach_the_client(pooler):
    """ParameterStatus: at login and at every change, never for another client's value."""
    p = pooler()
    with p.wire(application_name="mine", timezone="Asia/Tokyo") as wire, p.wire() as other:
        for name in ("server_version", "client_encoding", "server_encoding", "DateStyle",
                     "integer_datetimes", "standard_conforming_strings", "is_superuser",
                     "IntervalStyle"):
            assert name in wire.parameters, name
        assert wire.parameters["application_name"] == "mine"
        assert wire.parameters["TimeZone"] == "Asia/Tokyo"
        for number in range(4):
            answers = wire.ask(query(f"set application_name = 'name {number}'"))
            assert [m.pair() for m in answers if m.kind == "S"] == [
                ("application_name", f"name {number}")]
            assert not [m for m in other.ask(query("select 1")) if m.kind == "S"]
            assert not [m for m in wire.ask(query("select 1")) if m.kind == "S"]


def test_encoding_decides_over_bytes(pooler):
    p = pooler()
    with p.wire(client_encoding="LATIN1") as latin, p.wire(client_encoding="UTF8") as utf:
        for _ in range(4):
            answers = latin.ask(query(b"select '\xe9', octet_length('\xe9')"))
            assert answers[1].row() == [b"\xe9", b"2"]
            answers = utf.ask(query("select '\u00e9', octet_length('\u00e9')"))
            assert answers[1].row() == ["\u00e9".encode(), b"2"]


def test_settings_in_pipelines(pooler):
    """SET and its use in one batch, on whichever server it lands."""
    p = pooler()
    with p.wire(application_name="a") as one, p.wire(application_name="b") as two:
        for number in range(10):
            for wire, letter in ((one, "a"), (two, "b")):
                name = f"{letter}{number}"
                wire.send(extended("show application_name"),
                          extended(f"set application_name = '{name}'"),
                          extended("show application_name"))
                before = f"{letter}{number - 1}" if number else letter
                assert rows(wire.ready()) == [(before,)]
                wire.ready()
                assert rows(wire.ready()) == [(name,)]


@pytest.mark.pooled
@pytest.mark.fixed
def test_track_extra_parameters(pooler):
    p = pooler(track_extra_parameters="IntervalStyle, default_transaction_read_only",
               default_pool_size=1)
    if p.kind != "pgcarwash":
        pytest.skip("only pgcarwash has this")
    with p.wire() as one, p.wire() as two:
        one.sql("set default_transaction_read_only = on")
        for _ in range(3):
            assert one.value("show default_transaction_read_only") == "on"
            assert two.value("show default_transaction_read_only") == "off"


@pytest.mark.pooled
@pytest.mark.fixed
def test_startup_parameters(pooler):
    p = pooler(ignore_startup_parameters="extra_float_digits, nonsense")
    with p.wire(extra_float_digits="3", nonsense="1") as wire:
        assert wire.value("select 1") == "1"


def in_force_or_refused(pooler, name, value, text, **startup):
    """A setting that is let in must be in force for this client, on every server, and no other."""
    try:
        wire = pooler.wire(**startup)
    except ServerError as refusal:
        assert (refusal.severity, refusal.sqlstate, refusal.text) == ("FATAL", "08P01", text)
        return
    with wire, pooler.wire() as other:
        plain = other.value(f"show {name}")
        for _ in range(6):
            assert wire.value(f"show {name}") == value
            assert other.value(f"show {name}") == plain != value


@pytest.mark.pooled
def test_startup_parameter_that_is_not_reported(pooler):
    in_force_or_refused(pooler(), "enable_seqscan", "off",
                        "unsupported startup parameter: enable_seqscan", enable_seqscan="off")


@pytest.mark.pgcarwash
@pytest.mark.parametrize("options, name, value", [
    ("-c enable_seqscan=off", "enable_seqscan", "off"), ("--work_mem=1MB", "work_mem", "1MB"),
    ("-c search_path=pg_catalog,\\ public -c work_mem=2MB", "work_mem", "2MB")])
def test_options_that_are_not_reported(pooler, options, name, value):
    text = f"unsupported startup parameter in options: {options.split('=')[0].split()[-1]}"
    in_force_or_refused(pooler(), name, value, text.replace("--", ""), options=options)


@pytest.mark.pgcarwash
@pytest.mark.parametrize("options, expected", [
    ("-c datestyle=german", "German, DMY"), ("--datestyle=sql", "SQL, MDY"),
    ("-c  datestyle=german  -c timezone=UTC", "German, DMY")])
def test_options(pooler, options, expected):
    p = pooler()
    with p.wire(options=options) as wire, p.wire() as other:
        for _ in range(4):
            assert wire.value("show datestyle") == expected
            assert other.value("show datestyle") == "ISO, MDY"


@pytest.mark.pgcarwash
@pytest.mark.fixed
@pytest.mark.parametrize("options", ["-d 5", "datestyle=german", "-c", "-c nothing"])
def test_options_of_another_form(pooler, options):
    with pytest.raises(ServerError) as caught:
        pooler().wire(options=options)
    assert caught.value.text == ("unsupported options startup parameter: only '-c config=val' and"
                                 " '--config=val' are allowed")


@pytest.mark.pgcarwash
def test_value_the_server_refuses(pooler):
    """At login or with the first query, and fatal: the client could not know otherwise."""
    p = pooler()
    wire = p.wire(datestyle="no such style", login=False)
    wire.send(startup(wire.params))
    if wire.until("ZE")[-1].kind == "Z":
        wire.send(query("select 1"))
        wire.until("E")
    assert wire.received[-1].fields()["S"] == "FATAL"
    with p.wire() as wire:
        assert wire.value("show datestyle") == "ISO, MDY"


@pytest.mark.pooled
@pytest.mark.fixed
def test_parameters_of_a_database_entry(pooler):
    p = pooler(databases={"app": {"datestyle": "german", "timezone": "Asia/Tokyo",
                                  "application_name": "entry", "client_encoding": "LATIN1"}})
    with p.wire() as wire, p.wire(application_name="own") as own:
        for _ in range(2):
            assert wire.value("show timezone") == "Asia/Tokyo"
            assert wire.value("show datestyle") == "German, DMY"
            assert own.value("show application_name") == "own"


def test_values_survive_a_lost_server(pooler, pg):
    p = pooler()
    if p.kind == "direct":
        pytest.skip("needs a pooler")
    with p.wire(application_name="kept", timezone="Asia/Tokyo") as wire:
        for _ in range(3):
            assert wire.value("show application_name") == "kept"
            assert wire.value("show timezone") == "Asia/Tokyo"
            pg.kill_backends("usename = 'app'")
            time.sleep(0.1)
