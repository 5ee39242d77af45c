import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import harness  # noqa: E402
import referee  # noqa: E402


@pytest.fixture
def lab():
    with harness.Lab() as a_lab:
        yield a_lab


def pytest_collection_modifyitems(config, items):
    """LPM_SHARD=2/3: only the second third, so that ctest can run one file's tests side by side."""
    shard = os.environ.get("LPM_SHARD")
    if not shard:
        return
    number, of = map(int, shard.split("/"))
    items[:] = items[number - 1 :: of]


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"{referee.count} answers and events were as api/openapi.json says")
