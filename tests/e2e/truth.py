"""A switch to be looked at from all sides, and what has to be true of it however it went: whatever
failed, whoever was killed on the way.

    scene = Scene(lab, broker=True, killer=True)
    number = scene.ask(BETA)
    scene.killer.kill_at("sync:3:after")
    ...
    scene.check(scene.end(number))
"""

import contextlib
import json
import os
import signal
import time
from http.client import HTTPException
from pathlib import Path

import pytest

import harness
from harness import ALPHA, BETA, DEVICE, SLOW, wait_until

P = f"esim/v1/{DEVICE}"
ENDED = ("succeeded", "failed", "rejected", "expired", "canceled")
# In an AT line: P1, P2, Lc and the head of an ISD-P's AID; only ENABLE has it.
ENABLE = "01000010A000000559"
# Of the list: INS, P1, P2, Le.
LIST = "180000FF"

# Phases end soon, well or badly.
SHORT = {
    "switch": {"refresh_s": 2, "register_s": 5, "attach_s": 3, "verify_s": 20},
    "mqtt": {"keepalive_s": 10},
    "probe": {"timeout_s": 1},
}

needs_preload = pytest.mark.skipif(
    bool(os.environ.get("LPM_SANITIZE")), reason="sanitizers do not take a preloaded library"
)


def net(index, **keys):
    """Overrides of one profile's network: net(1, registration="searching")."""
    return {f"card.profiles.{index}.network.{key}": value for key, value in keys.items()}


def quick_sim(more=None):
    """A modem and networks that cost no time of their own."""
    overrides = {"modem.refresh_ms": 100, "modem.cgla": False}
    for index in range(3):
        overrides.update(net(index, delay_ms=100, attach_delay_ms=50))
    return {**overrides, **(more or {})}


class Killer:
    """The library kill_at in an agent: LPM_KILL_AT's boundaries, and what was synced."""

    def __init__(self, folder):
        self.spec = Path(folder) / "kill-at"
        self.count_path = Path(folder) / "syncs"
        self.env = {
            "LD_PRELOAD": harness.binary("libkill_at.so"),
            "LPM_KILL_AT": f"@{self.spec}",
            "LPM_COUNT_SYNCS": str(self.count_path),
        }

    def arm(self, boundary):
        """From now on its occurrences are counted."""
        new = self.spec.with_suffix(".new")
        new.write_text(boundary)
        new.rename(self.spec)

    def disarm(self):
        """Before the next start: one that runs keeps what it has read."""
        self.spec.unlink(missing_ok=True)

    def syncs(self):
        """[(file name, microseconds)] of the journal's syncs so far."""
        lines = self.count_path.read_text().splitlines() if self.count_path.exists() else []
        return [(Path(path).name, int(us)) for path, us in (line.rsplit(" ", 1) for line in lines)]


class Clock:
    """The library shift_clock in an agent: its wall clock, and the one since the boot."""

    def __init__(self, lab):
        self.wall = lab.folder / "clock-shift"
        self.boot = lab.folder / "boot-shift"
        self.env = {
            "LD_PRELOAD": harness.binary("libshift_clock.so"),
            "LPM_CLOCK_SHIFT": str(self.wall),
            "LPM_BOOT_SHIFT": str(self.boot),
        }

    def set_wall(self, seconds):
        self._set(self.wall, seconds)

    def set_boot(self, seconds):
        self._set(self.boot, seconds)

    @staticmethod
    def _set(path, seconds):
        new = path.with_suffix(".new")
        new.write_text(str(int(seconds)))
        new.rename(path)


def preloads(one, other):
    """Both environments, with the libraries of both."""
    libraries = [e["LD_PRELOAD"] for e in (one, other) if "LD_PRELOAD" in e]
    return {**one, **other, **({"LD_PRELOAD": " ".join(libraries)} if libraries else {})}


class Scene:
    """Simulator, agent and, where wanted, broker and watcher. `bearer`: the broker is reached through
    the modem only."""

    def __init__(
        self, lab, overrides=None, config=None, broker=False, bearer=False, killer=False,
        scenario=None, env=None, extra="",
    ):
        self.lab = lab
        self.broker = lab.broker(extra) if broker or bearer else None
        self.bearer = harness.free_port() if bearer else None
        relays = [(self.bearer, self.broker.port)] if bearer else []
        self.sim = lab.sim(scenario, quick_sim(overrides), relays)
        self.watcher = lab.watcher(self.broker) if self.broker else None
        self.killer = Killer(lab.folder) if killer else None
        config = harness.merge(json.loads(json.dumps(SHORT)), config or {})
        env = preloads(self.killer.env if killer else {}, env or {})
        self.agent = lab.agent(
            self.sim, self.broker, config=config, mqtt_port=self.bearer, env=env
        )
        self.agent.wait_ready()
        if self.watcher:
            self.watcher.wait_for(f"{P}/twin/esim", 60)

    # --- asking ---

    def try_to_ask(self, iccid=BETA, by="rest", key="k1"):
        """Of an agent that may die before it answers."""
        if by == "mqtt":
            self.publish(iccid, key)
            return
        with contextlib.suppress(OSError, HTTPException):
            self.agent.enable(iccid, wait=None, key=key)

    def ask_again(self, iccid=BETA, by="rest", key="k1"):
        """After a death: who got no answer asks by the same key; the broker does that by itself. The
        agent's id of the operation."""
        if by == "rest":
            return self.ask(iccid, by, key)
        return wait_until(lambda: self.find(key), 60, f"the command {key} comes again")["id"]

    def ask(self, iccid=BETA, by="rest", key="k1", **body):
        """The agent's own id of the operation that was let in."""
        if by == "rest":
            status, _, op = self.agent.enable(iccid, wait=None, key=key, **body)
            assert status in (200, 202), op
            return op["id"]
        self.publish(iccid, key, **body)
        # The statuses wait where the switch cuts the way to the broker.
        return wait_until(lambda: self.find(key), 60, f"the command {key} is let in")["id"]

    def find(self, key):
        """The operation that was asked for with that key or id; None: not known (yet)."""
        rows = self.agent.http("GET", "/v1/operations", timeout=5 * SLOW)[2]["operations"]
        mine = [row for row in rows if row["source"].get("request") == key]
        assert len(mine) <= 1, f"one request, two operations: {mine}"
        return mine[0] if mine else None

    def publish(self, iccid=BETA, key="k1", **body):
        self.watcher.publish(f"{P}/cmd/enable-profile/{key}/req", {"iccid": iccid, **body})

    def told(self, key, timeout=60):
        """The statuses of a command, at least one."""
        topic = f"{P}/cmd/enable-profile/{key}/status"
        self.watcher.wait_for(topic, timeout)
        return self.watcher.all(topic)

    def wait_phase(self, number, *phases):
        """Until it is in one of them; an end before is a failure."""

        def look():
            op = self.agent.operation(number)
            if op["phase"] in phases:
                return op
            assert op["state"] not in ENDED, f"it ended before {phases}: {op}"
            return None

        return wait_until(look, 120, f"phase {phases}")

    def end(self, number, timeout=180):
        return self.agent.wait_operation(number, timeout=timeout)

    # --- killing ---

    def kill(self):
        self.agent.kill()

    def wait_killed(self, timeout=60, ends=(-signal.SIGKILL,)):
        """By a boundary of the killer's."""
        process = self.agent.process
        wait_until(lambda: process.poll() is not None, timeout, "the boundary was reached")
        assert process.returncode in ends, process.returncode
        self.agent.process = None
        if self.killer:
            self.killer.disarm()

    def restart(self, until="ready"):
        """`until`: "ready", "healthy", or "" where it may die before it is."""
        self.agent.start(ready=bool(until))
        if until == "ready":
            self.agent.wait_ready(60)

    def dies(self, key):
        """Waits for its death at the boundary that is armed. False: the operation ended before that,
        and the agent is stopped; the boundary may still be on the way out."""
        process = self.agent.process

        def ended():
            with contextlib.suppress(OSError, HTTPException, KeyError):
                op = self.find(key)
                return bool(op) and op["state"] in ENDED
            return False

        wait_until(lambda: process.poll() is not None or ended(), 120, "its death, or the end")
        if process.poll() is None:
            process.terminate()
            self.wait_killed(ends=(0, -signal.SIGKILL))
            return False
        self.wait_killed()
        return True

    # --- truth ---

    def in_use(self):
        """(of the card, of the modem)"""
        state = self.sim.state()
        return state["card"]["enabled"], state["modem"]["iccid"]

    def check(self, op, works=True, channels=True):
        """The operation has ended once, in one set of words everywhere; what it says is so; nothing is
        left open; a profile that works is in use. Returns the operation."""
        assert op["state"] in ENDED, op
        assert self.agent.operation(op["id"]) == op, "its words change after the end"
        assert all(p["ms"] >= 0 for p in op["phases"]), op
        self.check_result(op)
        if self.watcher:
            self.check_told(op)
        for state in ("accepted", "running"):
            rows = self.agent.http("GET", f"/v1/operations?state={state}")[2]["operations"]
            assert all(row["id"] != op["id"] for row in rows), "it ended and goes on"
        if channels:
            wait_until(
                lambda: not self.sim.state()["card"]["channels"], what="all channels closed"
            )
        if works:
            wait_until(self.works, 60, "a working profile is in use")
        return op

    def check_result(self, op):
        """What it says of the card, and of its own time."""
        if op["state"] in ("succeeded", "failed") and op["result"]:
            card, modem = self.in_use()
            assert op["result"]["now"] == card == modem, (op, card, modem)
        if op["state"] == "succeeded":
            assert op["error"] is None and op["result"]["now"] == op["result"]["to"], op
            assert op["phase"] == "committed" or not op["result"]["changed"], op
        elif op["state"] != "canceled":
            assert op["error"]["code"], op
        blackout = (op["result"] or {}).get("blackout_ms")
        assert blackout is None or blackout >= 0, op
        if op["started_at"]:
            assert op["started_at"] <= op["ended_at"] <= op["ends_by"], op

    def works(self):
        modem = self.sim.state()["modem"]
        return modem["registration"] in ("home", "roaming") and modem["data"] and modem["cfun"] == 1

    def check_told(self, op):
        """The outcome is at the broker; what came twice came in the same words."""
        self.watcher.wait_for(
            lambda m: m.topic == f"{P}/e/switch" and m.payload["id"] == op["id"],
            120,
            f"the outcome of {op['id']}",
        )
        events = [m for m in self.watcher.all(f"{P}/e/switch") if m.payload["id"] == op["id"]]
        assert len({m.raw for m in events}) == 1, "one outcome, two stories"
        told = {name: events[0].payload.get(name) for name in op}
        assert told == op, f"REST says {op}\nthe fleet was told {told}"
        if op["source"]["channel"] == "mqtt":
            self.check_statuses(op)

    def check_statuses(self, op):
        topic = f"{P}/cmd/enable-profile/{op['source']['request']}/status"
        self.watcher.wait_for(
            lambda m: m.topic == topic and m.payload["state"] in ENDED, 120, "the end's status"
        )
        words, order = {}, []
        for m in self.watcher.all(topic):
            rev = m.payload.get("rev")
            if rev is None:  # a refusal of the same id
                continue
            words.setdefault(rev, set()).add(json.dumps(m.payload, sort_keys=True))
            if rev not in order:
                order.append(rev)
        assert order == sorted(order), f"revs came as {order}"
        twice = {rev: texts for rev, texts in words.items() if len(texts) > 1}
        assert not twice, f"one rev, two stories: {twice}"
        ends = [rev for rev in order if json.loads(min(words[rev]))["state"] in ENDED]
        assert ends == [op["rev"]] == order[-1:], (ends, op["rev"], order)


def rolled_back(op, code, now=ALPHA):
    """Failed, and back on a profile that works."""
    assert (op["state"], op["phase"]) == ("failed", "rolled-back"), op
    assert op["error"]["code"] == code, op
    assert op["result"]["now"] == now, op
    return op


def committed(op, verified=None, now=BETA):
    assert (op["state"], op["phase"]) == ("succeeded", "committed"), op
    assert op["result"]["now"] == now and op["result"]["changed"] is True, op
    if verified:
        assert op["result"]["verified"] == verified, op
    return op


def enables(sim):
    return sim.counters()["enable"]


def pause(seconds):
    """Where time itself is what is tested."""
    time.sleep(seconds * SLOW)
