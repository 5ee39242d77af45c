"""Who hears everything that goes over a broker, and holds what the agents said against the contract
(mqtt/asyncapi.json). The harness has one for each broker.

Who published what is the broker's log's to say: a will has no publisher there, and what tests publish
themselves is theirs to answer for, be it as bad as it likes.
"""

import collections
import functools
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "contract"))
import asyncapi  # noqa: E402

RECEIVED = re.compile(r"Received PUBLISH from (.+?) \(d\d, q\d, r\d, m\d+, '(.*)', \.\.\. \(\d+ bytes\)\)")
SHOWN = 5
FINISH_S = 300


@functools.cache
def contract():
    return asyncapi.Contract()


class Limits:
    """What a broker's configuration takes from a message."""

    def __init__(self, conf=""):
        words = dict(line.split(None, 1) for line in conf.splitlines() if " " in line.strip())
        self.max_qos = int(words.get("max_qos", 2))
        self.retains = words.get("retain_available", "true") == "true"


class Witness:
    """`connect`: gives a watcher of all topics whose session outlives the broker's absences."""

    def __init__(self, connect):
        self.messages = []
        self.limits = Limits()
        self.begins = 0
        self._connect = connect
        self._watcher = None

    def begin(self):
        """The broker is there (again)."""
        self.leave()
        self._watcher = self._connect()
        self.begins += 1

    def leave(self):
        if self._watcher:
            self._watcher.close()
            self.messages += self._watcher.all()
            self._watcher = None

    def finish(self):
        """Once all that the broker has for it is here: what it says itself comes last."""
        if self._watcher:
            # Behind all that a flood has left for it.
            self._watcher.publish("witness/end", timeout=FINISH_S)
            self._watcher.wait_for("witness/end", FINISH_S)
        self.leave()

    def heard(self, topic):
        """What came there so far."""
        now = self._watcher.all() if self._watcher else []
        return [m for m in self.messages + now if m.topic == topic]

    def check(self, log, identities, whole):
        """`log`: the broker's. `identities`: {({client id, …}, base)} of the agents. `whole`: the broker was
        there from the begin to finish(), so nothing may be missing. AssertionError: what is wrong."""
        complaints = list(self._complaints(log, identities, whole and self.begins == 1))
        if complaints:
            more = [f"… and {len(complaints) - SHOWN} more"] if len(complaints) > SHOWN else []
            raise AssertionError("\n".join(["not as mqtt/asyncapi.json says:", *complaints[:SHOWN], *more]))

    def _complaints(self, log, identities, whole):
        agents = {client for clients, _ in identities for client in clients}
        bases = {base for _, base in identities}
        said, others = collections.Counter(), set()
        for client, topic in RECEIVED.findall(log):
            if client in agents:
                said[topic] += 1
            else:
                others.add(topic)
        heard = collections.Counter(m.topic for m in self.messages)
        asked_for = {getattr(m.properties, "ResponseTopic", None) for m in self.messages}
        for m in self.messages:
            base = next((b for b in bases if m.topic.startswith(b + "/")), "")
            if m.topic not in said and (not base or m.topic in others):
                continue
            if m.topic in asked_for and not contract().channel_of(base, m.topic):
                base = None  # a response, be its topic under the base or not
            yield from self._wrong(base, m)
        for topic, count in said.items():
            if whole and heard[topic] < count:
                yield f"{topic}: of {count} messages only {heard[topic]} were heard"

    def _wrong(self, base, m):
        problems = contract().problems(
            base, m.topic, m.raw, bool(m.retain), m.qos,
            max_qos=self.limits.max_qos, retains=self.limits.retains,
        )
        if problems:
            yield f"{m.topic} {m.raw[:2000].decode(errors='replace')}\n    " + "\n    ".join(problems)
