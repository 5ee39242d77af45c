"""Samples reach the fleet as columns: when batches are cut, what is in them, and that they wait."""

import json
import signal
import sqlite3
import time
from datetime import datetime, timedelta, timezone

import pytest

from harness import ALPHA, BETA, wait_until
from truth import Clock, P, needs_preload, quick_sim

TOPIC = f"{P}/m/connectivity"
TELEMETRY = 6  # the class of its letters
MEASURED = ("rssi_dbm", "rscp_dbm", "ecno_db", "rsrp_dbm", "rsrq_db", "sinr_db", "loss_pct",
            "rtt_ms", "rx_bytes", "tx_bytes")
STATE = ("iccid", "imsi_hash", "registration", "roaming", "operator", "technology", "attached")


def begin(lab, config=None, overrides=None, **more):
    sim = lab.sim(overrides=quick_sim(overrides))
    broker = lab.broker()
    watcher = lab.watcher(broker)
    config = {"telemetry": {"sample_s": 1, "publish_s": 2}, "switch.verify": "attached",
              **(config or {})}
    agent = lab.agent(sim, broker, config=config, **more)
    agent.wait_ready()
    watcher.wait_for(f"{P}/twin/esim", 60)
    return sim, broker, watcher, agent


def samples(agent):
    """All that the agent remembers of this run."""
    return agent.http("GET", "/v1/connectivity?since=1970-01-01T00:00:00Z")[2]["samples"]


def time_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def check(message):
    """What is true of any batch."""
    batch = message.payload
    assert message.qos == 1 and not message.retain
    assert len(message.raw) <= 500, len(message.raw)
    assert message.raw.decode() == json.dumps(batch, separators=(",", ":")), "compact, each key once"
    offsets = batch["offset_s"]
    assert offsets[0] == 0 and offsets == sorted(set(offsets)) and len(offsets) <= batch["samples"]
    assert set(batch) <= {"at", "clock_set", "samples", "offset_s", *MEASURED, *STATE}
    for name in MEASURED:
        if name in batch:
            assert len(batch[name]) == len(offsets), name
            assert any(value is not None for value in batch[name]), name
    for name in STATE:
        if isinstance(batch.get(name, ""), list):
            assert len(batch[name]) == len(offsets) and len(set(batch[name])) > 1, name
        else:
            assert batch.get(name, "") is not None
    return batch


def batches(watcher):
    """Each once, in the order of their first coming; one that came again came in the same words."""
    words = {}
    for message in watcher.all(TOPIC):
        batch = check(message)
        assert words.setdefault(batch["at"], message.raw) == message.raw, "twice in other words"
    return [json.loads(raw) for raw in words.values()]


def values(batch, name):
    """One a row."""
    value = batch.get(name)
    return value if isinstance(value, list) else [value] * len(batch["offset_s"])


def end_of(batch):
    return time_of(batch["at"]) + timedelta(seconds=batch["offset_s"][-1])


def check_order(rows):
    """One behind the other in time, none within another; a second is what offsets are rounded to."""
    for one, next_one in zip(rows, rows[1:]):
        assert time_of(next_one["at"]) > time_of(one["at"]), (one["at"], next_one["at"])
        assert time_of(next_one["at"]) > end_of(one) - timedelta(seconds=1)


def letters(agent, kind=TELEMETRY):
    """[(number, payload)] that wait on disk."""
    path = f"file:{agent.folder}/state/journal.db?mode=ro"
    with sqlite3.connect(path, uri=True, timeout=10) as db:
        return db.execute(
            "SELECT number, payload FROM outbox WHERE class=? ORDER BY number", (kind,)
        ).fetchall()


def wait_for_letters(agent, count):
    return wait_until(
        lambda: (rows := letters(agent)) and len(rows) >= count and rows, 60,
        f"{count} batches wait on disk",
    )


def broker_away(broker, agent):
    lost = agent.stderr().count("mqtt link is down")
    broker.stop()
    wait_until(lambda: agent.stderr().count("mqtt link is down") > lost, what="the loss is seen")


def wait_for_arrival(watcher, texts):
    wanted = {text.encode() for text in texts}
    wait_until(
        lambda: wanted <= {m.raw for m in watcher.all(TOPIC)}, 60, f"{len(wanted)} batches arrive"
    )


def test_batches_tell_what_was_sampled(lab):
    sim, _, watcher, agent = begin(lab)
    sim.set("card.profiles.0.network.rsrp", -118)
    sim.set("card.profiles.0.network.rsrq", -17)
    watcher.wait_for(lambda m: m.topic == TOPIC and -118 in m.payload["rsrp_dbm"])
    sim.set("card.profiles.0.network.registration", "searching")
    lost = watcher.wait_for(
        lambda m: m.topic == TOPIC and "searching" in values(m.payload, "registration")
    ).payload
    assert ALPHA in values(lost, "iccid")
    sim.set("card.profiles.0.network.registration", "home")
    watcher.wait_for(
        lambda m: m.topic == TOPIC and time_of(m.payload["at"]) > end_of(lost)
        and "home" in values(m.payload, "registration"),
        60,
    )
    known = samples(agent)
    agent.stop()
    # Each sample is in one of them, the last ones by the stop.
    wait_until(
        lambda: end_of(batches(watcher)[-1]) >= time_of(known[-1]["at"]) - timedelta(seconds=1),
        what="the last batch",
    )
    rows = batches(watcher)
    check_order(rows)
    assert sum(row["samples"] for row in rows) >= len(known)
    by_time = {sample["at"]: sample for sample in known}
    for row in rows:
        first = by_time.get(row["at"])
        if first is None:
            assert time_of(row["at"]) > time_of(known[-1]["at"]), "a moment that nobody sampled at"
            continue
        assert values(row, "rsrp_dbm")[0] == first["signal"].get("rsrp_dbm")
        assert values(row, "registration")[0] == first.get("registration")
        assert values(row, "imsi_hash")[0] == first.get("imsi_hash")
        for offset, rsrp in zip(row["offset_s"], values(row, "rsrp_dbm")):
            at = time_of(row["at"]) + timedelta(seconds=offset)
            near = [s for s in known if abs(time_of(s["at"]) - at) <= timedelta(seconds=1.5)]
            assert not near or rsrp in [s["signal"].get("rsrp_dbm") for s in near]


def test_an_event_takes_samples_along(lab):
    _, _, watcher, agent = begin(lab, {"telemetry": {"sample_s": 1, "publish_s": 604800}})
    wait_until(lambda: len(samples(agent)) >= 4, what="samples")
    before = watcher.all()
    events = sum(m.topic.startswith(f"{P}/e/") for m in before)
    assert sum(m.topic == TOPIC for m in before) <= events, "without an event"
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    event = watcher.wait_for(f"{P}/e/switch")
    along = watcher.wait_for(lambda m: m.topic == TOPIC and m.at >= event.at).payload
    assert "home" in values(along, "registration")
    told = sum(row["samples"] for row in batches(watcher))
    assert told >= 4


def test_a_reload_changes_the_time(lab):
    _, _, watcher, agent = begin(lab, {"telemetry": {"sample_s": 1, "publish_s": 604800}})
    wait_until(lambda: len(samples(agent)) >= 3, what="samples")
    agent.write_config({"telemetry.publish_s": 1})
    agent.process.send_signal(signal.SIGHUP)
    count = len(batches(watcher))
    wait_until(lambda: len(batches(watcher)) >= count + 3, 30, "batches each second")
    check_order(batches(watcher))


def test_batches_outlast_an_outage(lab):
    _, broker, watcher, agent = begin(lab)
    watcher.wait_for(TOPIC)
    broker_away(broker, agent)
    waiting = wait_for_letters(agent, 3)
    broker.start()
    wait_for_arrival(watcher, [text for _, text in waiting])
    count = len(batches(watcher))
    wait_until(lambda: len(batches(watcher)) > count, what="one that was cut since")
    wait_until(lambda: len(letters(agent)) <= 1, what="what is acknowledged leaves the disk")
    rows = batches(watcher)
    check_order(rows)
    # Nothing is missing between them.
    for one, next_one in zip(rows, rows[1:]):
        assert time_of(next_one["at"]) - end_of(one) < timedelta(seconds=10)


@pytest.mark.parametrize("broker_is", ["there", "away"])
def test_a_stop_loses_no_sample(lab, broker_is):
    _, broker, watcher, agent = begin(lab, {"telemetry": {"sample_s": 1, "publish_s": 604800}})
    if broker_is == "away":
        broker_away(broker, agent)
    count = len(samples(agent))
    known = wait_until(lambda: len(rows := samples(agent)) >= count + 4 and rows, what="samples")
    told = sum(row["samples"] for row in batches(watcher))
    agent.stop()
    if broker_is == "away":
        rows = [json.loads(text) for _, text in letters(agent)]
    else:
        wait_until(
            lambda: sum(row["samples"] for row in batches(watcher)) >= told + 4, what="the last batch"
        )
        rows = batches(watcher)
        assert not letters(agent)
    assert end_of(rows[-1]) >= time_of(known[-1]["at"]) - timedelta(seconds=1)
    assert rows[-1]["samples"] >= 4
    agent.start()


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_batches_that_wait_outlive_the_agent(lab, how):
    _, broker, watcher, agent = begin(lab)
    watcher.wait_for(TOPIC)
    broker_away(broker, agent)
    wait_for_letters(agent, 2)
    if how == "killed":
        agent.kill()
    else:
        agent.stop()
    waiting = letters(agent)
    agent.start()
    agent.wait_ready()
    fresh = wait_until(lambda: [t for _, t in letters(agent)[len(waiting):]], 30, "a new one")
    assert [n for n, _ in letters(agent)][: len(waiting)] == [n for n, _ in waiting]
    broker.start()
    wait_for_arrival(watcher, [text for _, text in waiting] + fresh)
    check_order(batches(watcher))


def test_a_full_outbox_gets_coarser(lab):
    """Of telemetry every second one goes, from the oldest; of outcomes none."""
    _, broker, watcher, agent = begin(
        lab, {"telemetry": {"sample_s": 1, "publish_s": 1}, "mqtt.outbox_max_kib": 7}
    )
    watcher.wait_for(TOPIC)
    broker_away(broker, agent)
    first = wait_for_letters(agent, 1)[0][0]
    op = agent.enable(BETA)[2]
    assert op["state"] == "succeeded"

    def thinned():
        rows = [number for number, _ in letters(agent)]
        gaps = [b - a for a, b in zip(rows, rows[1:])]
        half = len(gaps) // 2
        coarser = half >= 2 and sum(gaps[:half]) > sum(gaps[-half:])
        return coarser and rows[-1] - first > 2 * len(rows) and gaps

    gaps = wait_until(thinned, 90, "coarser the older it is")
    broker.start()
    switch = watcher.wait_for(f"{P}/e/switch", 60)
    assert switch.payload["id"] == op["id"]
    wait_until(lambda: len(letters(agent)) <= 1, 60, "what waited arrives")

    def back():
        return [m for m in watcher.all() if m.topic == TOPIC and m.at > switch.at]

    wait_until(lambda: len(back()) >= len(gaps) // 2, 60, "the watcher has it")
    # What is told first after an outage is what came of things.
    early = [m for m in watcher.all(TOPIC) if m.at <= switch.at]
    assert all(time_of(m.payload["at"]) < time_of(op["ended_at"]) for m in early)
    check_order(batches(watcher))


@needs_preload
def test_the_clock_is_set_late(lab):
    clock = Clock(lab)
    clock.set_wall(-int(time.time()) + 1000)
    _, _, watcher, agent = begin(lab, env=clock.env)
    early = watcher.wait_for(TOPIC).payload
    assert early["clock_set"] is False and early["at"].startswith("1970-01-01T00:"), early
    clock.set_wall(0)
    late = watcher.wait_for(lambda m: m.topic == TOPIC and "clock_set" not in m.payload).payload
    now = datetime.now(timezone.utc)
    assert now - timedelta(seconds=60) < time_of(late["at"]) <= now, late
    batches(watcher)


def test_the_twin_does_not_chatter(lab):
    """A level that swings is told now and then; what changes is told at once."""
    sim, _, watcher, agent = begin(lab, {"telemetry": {"sample_s": 1, "publish_s": 604800}})
    twin = f"{P}/twin/connectivity"
    watcher.wait_for(lambda m: m.topic == twin and m.payload.get("registration") == "home")
    for rsrp in (-110, -90, -110, -90, -110):
        sim.set("card.profiles.0.network.rsrp", rsrp)
        wait_until(
            lambda: samples(agent)[-1]["signal"].get("rsrp_dbm") == rsrp, what=f"{rsrp} dBm"
        )
    sim.set("card.profiles.0.network.plmn", "26202")
    watcher.wait_for(lambda m: m.topic == twin and m.payload.get("operator") == "26202")
    levels = [m.payload["signal"].get("rsrp_dbm") for m in watcher.all(twin)]
    swings = sum(a != b for a, b in zip(levels, levels[1:]))
    assert 1 <= swings <= 2, levels  # the first swing, and what came with the operator
