"""Holds what the agents answer over HTTP against the contract (api/openapi.json): http() of the harness
shows every answer here, those of refusals, too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "contract"))
import openapi  # noqa: E402

SHOWN = 5

# Answers and events that were as they have to be, of this process.
count = 0
_complaints = []


def look(method, target, status, headers, body):
    """AssertionError: what is wrong. It is kept for check(), too: a thread of a test may swallow it.
    `body` None: not looked at."""
    faults = openapi.contract().faults(method, target, status, headers, body)
    text = (body or b"")[:2000].decode(errors="replace")
    _judge(f"{method} {target}: {status} {headers}\n    {text}", faults)


def look_at_event(name, data):
    """The same of a server-sent event; `data`: its JSON, parsed."""
    _judge(f"event {name}: {data}", openapi.contract().event_faults(name, data))


def _judge(what, faults):
    global count
    if not faults:
        count += 1
        return
    _complaints.append("\n    ".join([what, *faults]))
    raise AssertionError(f"not as api/openapi.json says:\n{_complaints[-1]}")


def check():
    """At the end of a test: what was wrong in it."""
    complaints = _complaints[:SHOWN]
    _complaints.clear()
    assert not complaints, "\n".join(["not as api/openapi.json says:", *complaints])
