"""Clusters for the tests of routing: a shared one for tests that do no harm, and own ones."""

import pytest

import cluster as clusters
import harness

SCHEMA = clusters.PLACE + """;
    create table notes (id int primary key, v int not null default 0, who text);
    insert into notes select n, 0 from generate_series(1, 2000) n;
    create table events (worker int, seq int);
    create table log (worker int, seq int, primary key (worker, seq));
    create function bump(int) returns int language sql volatile as
        'update notes set v = v + 1 where id = $1 returning v';
    create procedure bump_by_call(int) language sql as
        'update notes set v = v + 1 where id = $1';
    create view bumped as select bump(1) as v;
    create sequence tickets;
    grant all on all tables in schema public to public;
    grant all on all sequences in schema public to public;
"""


def populate(one):
    one.primary.sql(SCHEMA)
    one.wait_caught_up()


def pytest_collection_modifyitems(items):
    if harness.KIND != "pgcarwash":
        for item in items:
            if "clusters" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="only pgcarwash routes"))


@pytest.fixture(scope="session")
def shared_cluster(folder):
    made = clusters.Cluster(folder)
    populate(made)
    yield made
    made.remove()


@pytest.fixture
def calm(shared_cluster):
    """The cluster that no test may harm: pauses and delays are undone by who made them."""
    return shared_cluster


@pytest.fixture
def own_cluster(folder):
    """own_cluster(replicas=2, KEY=VALUE of postgresql.conf): to kill, promote, split."""
    made = []

    def make(replicas=2, **settings):
        made.append(clusters.Cluster(folder, replicas, **settings))
        populate(made[-1])
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def splitter(pooler):
    """splitter(cluster, KEY=VALUE): a pooler whose entry app is the cluster, which it knows."""
    def make(cluster, words=None, ready=True, **settings):
        one = pooler(postgres=cluster.primary, warm=False,
                     databases={"app": cluster.words(**(words or {}))},
                     **{"probe_interval": "0.2", "probe_timeout": "1", **settings})
        if ready:
            clusters.wait_ready(one, cluster)
        return one
    return make
