"""The drivers, as their users use them, through an entry that splits."""

from splitting import pg, pooler  # noqa: F401 (fixtures)
from test_drivers import *  # noqa: F401,F403
