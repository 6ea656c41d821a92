"""Tests of other folders through an entry that splits.

    from splitting import fresh, pg, pooler
    from test_drivers import *

in a module of tests here runs all of test_drivers.py with entries that stand for the shared
cluster, and with what is made in its primary.
"""

import pytest

import cluster as clusters
import harness


@pytest.fixture
def pg(shared_cluster):
    return shared_cluster.primary


@pytest.fixture
def pooler(pooler, shared_cluster):
    """As the fixture of this name does, but each entry is the cluster."""
    def make(**settings):
        databases = settings.pop("databases", {"app": {}, "second": {}})
        words = {name: {**shared_cluster.words(), **more} for name, more in databases.items()}
        settings = {"probe_interval": "0.2", "probe_timeout": "2", **settings}
        one = pooler(postgres=shared_cluster.primary, databases=words, **settings)
        if isinstance(one, harness.Pooler) and settings.get("start", True):
            for name in words:
                clusters.wait_ready(one, shared_cluster, name=name)
        return one
    return make
