import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
import harness  # noqa: E402


@pytest.fixture
def lab():
    with harness.Lab() as a_lab:
        yield a_lab
