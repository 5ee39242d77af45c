"""Holds what the agents answer over HTTP against the contract (api/openapi.json): http() of the harness
shows every answer here, those of refusals, too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "contract"))
import openapi  # noqa: E402

SHOWN = 5

# Answers that were as they have to be, of this process.
count = 0
_complaints = []


def look(method, target, status, headers, body):
    """AssertionError: what is wrong. It is kept for check(), too: a thread of a test may swallow it."""
    global count
    faults = openapi.contract().faults(method, target, status, headers, body)
    if not faults:
        count += 1
        return
    text = body[:2000].decode(errors="replace")
    _complaints.append("\n    ".join([f"{method} {target}: {status} {headers}", text, *faults]))
    raise AssertionError(f"not as api/openapi.json says:\n{_complaints[-1]}")


def check():
    """At the end of a test: what was wrong in it."""
    complaints = _complaints[:SHOWN]
    _complaints.clear()
    assert not complaints, "\n".join(["not as api/openapi.json says:", *complaints])
