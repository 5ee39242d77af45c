"""Idle is idle: connected, with nothing due, the worker and the HTTP thread do not wake."""

import time
from pathlib import Path

from harness import wait_until


def switches(pid):
    """Voluntary context switches by thread name: each is one wake-up and going back to sleep."""
    counts = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        status = (task / "status").read_text()
        line = next(l for l in status.splitlines() if l.startswith("voluntary_ctxt_switches"))
        counts[name] = counts.get(name, 0) + int(line.split()[1])
    return counts


def test_nobody_wakes(lab):
    sim = lab.sim()
    broker = lab.broker()
    watcher = lab.watcher(broker)
    agent = lab.agent(sim, broker, config={"telemetry.sample_s": 3600})
    agent.wait_ready()
    watcher.wait_for("esim/v1/dev-1/twin/esim")
    agent.http("GET", "/v1/connectivity")
    watched = ("lpm-worker", "lpm-http")

    def quiet_for_10_s():
        before = switches(agent.process.pid)
        assert set(watched) <= set(before), before
        time.sleep(10)
        after = switches(agent.process.pid)
        return all(after[name] == before[name] for name in watched)

    wait_until(quiet_for_10_s, 60, "ten seconds without a wake-up")
