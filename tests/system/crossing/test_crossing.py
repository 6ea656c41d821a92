"""Runs the crossing test (crossing.py) against the pooler."""

import os

import pytest

import harness
from crossing import Crossing

SECONDS = float(os.environ.get("CROSSING_SECONDS", 20))
SEED = int(os.environ.get("CROSSING_SEED", 1))


@pytest.mark.parametrize("limit", [200, 4])
def test_every_reply_belongs_to_its_query(pooler, pg, rotation, limit):
    """With plenty of room for prepared statements on each server, and with next to none."""
    p = pooler(default_pool_size=12, max_prepared_statements=limit)
    direct = p.kind == "direct"
    run = Crossing(p.address, pg.socket, clients=60 if direct else 200, seed=SEED + limit,
                   seconds=SECONDS / (2 if direct or "ROTATE" in os.environ else 4),
                   pooled=not direct, patience=60.0 if harness.SANITIZED else 20.0).run()
    print(run.summary())
    assert not run.troubles, run.summary() + "\n" + "\n".join(run.troubles[:20])
    assert len(run.done) == len(run.flavours), run.summary()
