"""Readings of the network between operations: when they are taken, what is in them, who sees them."""

import json
import os
import signal
import socket
import threading
import time
from datetime import datetime, timedelta, timezone

import harness
from harness import ALPHA, BETA, wait_until

EPOCH = "1970-01-01T00:00:00Z"


def begin(lab, config=None, overrides=None):
    sim = lab.sim(overrides=overrides)
    agent = lab.agent(sim, config={"telemetry.sample_s": 1, **(config or {})})
    agent.wait_ready()
    return sim, agent


def samples(agent, since=EPOCH):
    status, _, body = agent.http("GET", f"/v1/connectivity?since={since}")
    assert status == 200, body
    return body["samples"]


def wait_for_sample(agent, predicate, what, timeout=30):
    return wait_until(
        lambda: next((s for s in samples(agent) if predicate(s)), None), timeout, what
    )


def time_of(sample):
    return datetime.fromisoformat(sample["at"].replace("Z", "+00:00"))


class Peer:
    """Takes connections on loopback, or refuses them."""

    def __init__(self):
        self.listener = None
        self.port = harness.free_port()
        self.open()

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def open(self):
        self.taken = 0
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self._take, args=(self.listener,), daemon=True).start()

    def _take(self, listener):
        try:
            while True:
                listener.accept()[0].close()
                self.taken += 1
        except OSError:
            pass

    def close(self):
        # A blocked accept() keeps the listener open.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_samples_follow_the_network(lab):
    sim, agent = begin(lab)
    first = wait_for_sample(agent, lambda s: s.get("registration") == "home", "a first sample")
    assert first["iccid"] == ALPHA
    assert len(first["imsi_hash"]) == 16 and int(first["imsi_hash"], 16) >= 0
    assert first["signal"]["rsrp_dbm"] < 0 and first["data"]["attached"] is True
    sim.set("card.profiles.0.network.rsrp", -118)
    weak = wait_for_sample(agent, lambda s: s["signal"].get("rsrp_dbm") == -118, "a weak signal")
    rows = samples(agent)
    times = [time_of(s) for s in rows]
    assert times == sorted(times) and len(set(times)) == len(times)
    assert rows.index(weak) > 0
    later = samples(agent, weak["at"])
    assert later[0] == weak, "since is a moment from which on they are told"
    beyond = (datetime.now(timezone.utc) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert samples(agent, beyond) == []
    # The reading itself stands beside them.
    body = agent.http("GET", f"/v1/connectivity?since={beyond}")[2]
    assert body["registration"] == "home" and body["iccid"] == ALPHA


def test_since_is_checked(lab):
    _, agent = begin(lab)
    for wrong in ("", "yesterday", "2026-13-01T00:00:00Z", "2026-11-23", "1"):
        status, _, problem = agent.http("GET", f"/v1/connectivity?since={wrong}")
        assert (status, problem["code"], problem["field"]) == (400, "invalid-request", "since"), wrong


def test_samples_are_told_without_a_modem(lab):
    sim, agent = begin(lab)
    wait_for_sample(agent, lambda s: s.get("registration") == "home", "a sample")
    sim.vanish()
    wait_until(lambda: agent.status("/readyz") == 503, what="the modem is missed")
    status, _, body = agent.http("GET", f"/v1/connectivity?since={EPOCH}")
    assert status == 200 and body["samples"] and "registration" not in body


def test_an_unsolicited_line_causes_one_at_once(lab):
    sim, agent = begin(lab, {"telemetry.sample_s": 3600})
    wait_for_sample(agent, lambda s: s.get("registration") == "home", "a first sample")
    count = wait_until(lambda: len(samples(agent)), what="samples")
    sim.set("card.profiles.0.network.rsrp", -101)
    sim.urc("+CEREG: 1")
    wait_for_sample(agent, lambda s: s["signal"].get("rsrp_dbm") == -101, "a sample after the line")
    assert len(samples(agent)) > count


def test_one_odd_answer_costs_one_value(lab):
    """The modem says something to AT+CIMI and AT+CCID that is none."""
    sim, agent = begin(lab, {"telemetry.sample_s": 3600})
    wait_for_sample(agent, lambda s: "imsi_hash" in s and "iccid" in s, "a whole first sample")
    for command in ("AT+CIMI", "AT+CCID"):
        sim.fault("modem", command, action="text", text="\r\njunk\r\n\r\nOK\r\n", count=1000)
    # For the ICCID there are other commands.
    status, _, reading = agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    assert status == 200, reading
    assert reading["registration"] == "home" and reading["signal"]["rsrp_dbm"] < 0
    assert "imsi_hash" not in reading and reading["iccid"] == ALPHA
    sim.clear_faults()
    reading = agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})[2]
    assert reading["iccid"] == ALPHA and "imsi_hash" in reading


def test_an_operation_goes_first(lab):
    """A reading under way ends with the command that is on the wire."""
    sim, agent = begin(lab, overrides={"modem.latency_ms": 150})
    wait_for_sample(agent, lambda s: s.get("registration") == "home", "a first sample")
    readings = ("AT+COPS?", "AT+CESQ")  # a switch asks for neither
    for turn in range(2):
        # In the middle of a reading, which takes longer than a second.
        since = sim.last_n()
        wait_until(lambda: "AT+COPS?" in sim.at_lines(since), what="a reading has begun")
        status, _, op = agent.enable(BETA if turn % 2 == 0 else ALPHA, wait=0)
        asked = sim.last_n()
        assert status == 202, op
        sim.wait(op="enable", count=turn + 1)
        lines = sim.log(asked)
        before = [e["at"] for e in lines[: [e.get("op") for e in lines].index("enable")]]
        sampled = [line for line in before if line.startswith(readings)]
        assert len(sampled) <= 1, before
        assert agent.wait_operation(op["id"])["state"] == "succeeded"
        # The reading is made up for.
        wait_for_sample(
            agent,
            lambda s: s["at"] > op["created_at"] and s.get("registration") == "home",
            "a sample after the switch",
        )
    sim.check()


def test_probes_tell_how_well_data_flows(lab):
    good, bad = Peer(), Peer()
    bad.close()
    _, agent = begin(
        lab,
        {
            "probe.targets": [good.target, bad.target],
            "probe.interval_s": 1,
            "probe.failing_interval_s": 1,
        },
    )
    half = wait_for_sample(agent, lambda s: s["quality"].get("loss_pct") == 50, "half of them lost")
    assert half["quality"]["rtt_ms"] >= 0
    bad.open()
    wait_for_sample(
        agent, lambda s: s["at"] > half["at"] and s["quality"].get("loss_pct") == 0, "none lost"
    )
    good.close()
    bad.close()
    lost = wait_for_sample(agent, lambda s: s["quality"].get("loss_pct") == 100, "all lost")
    assert "rtt_ms" not in lost["quality"]
    # It is shown where a reader looks first.
    wait_until(
        lambda: agent.http("GET", "/v1/connectivity")[2]["quality"].get("loss_pct") == 100,
        what="the reading says so",
    )


def test_traffic_is_counted_and_spares_the_probes(lab):
    peer = Peer()
    _, agent = begin(
        lab, {"probe.targets": [peer.target], "probe.interval_s": 1, "probe.interface": "lo"}
    )
    wait_until(lambda: peer.taken > 0, what="a probe arrives")
    other = Peer()
    stop = threading.Event()

    def load():
        while not stop.wait(0.05):
            with socket.create_connection(("127.0.0.1", other.port)) as s:
                s.sendall(bytes(8192))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        busy = wait_for_sample(
            agent,
            lambda s: s["quality"].get("rx_bytes", 0) > 8192 and "loss_pct" not in s["quality"],
            "a sample of traffic without probes",
        )
        assert busy["quality"]["tx_bytes"] > 8192
    finally:
        stop.set()
        thread.join()
        other.close()
        peer.close()


def test_lost_reach_is_a_reading_at_once(lab):
    peer = Peer()
    _, agent = begin(
        lab,
        {
            "telemetry.sample_s": 3600,
            "probe.targets": [peer.target],
            "probe.interval_s": 1,
            "probe.failing_interval_s": 1,
        },
    )
    wait_until(lambda: peer.taken > 1, what="probes arrive")
    peer.close()
    wait_for_sample(agent, lambda s: s["quality"].get("loss_pct") == 100, "a reading of the loss")
    peer.open()
    wait_for_sample(agent, lambda s: s["quality"].get("loss_pct") == 0, "a reading of its end")
    peer.close()


def test_no_probes_without_service(lab):
    peer = Peer()
    sim, agent = begin(lab, {"probe.targets": [peer.target], "probe.interval_s": 1})
    wait_until(lambda: peer.taken > 1, what="probes arrive")
    sim.set("card.profiles.0.network.registration", "searching")
    wait_for_sample(agent, lambda s: s.get("registration") == "searching", "no service")
    taken = peer.taken
    seen = len(samples(agent))
    wait_until(lambda: len(samples(agent)) >= seen + 3, what="three samples more")
    assert peer.taken <= taken + 1, "only one that was under way"
    assert "loss_pct" not in samples(agent)[-1]["quality"]
    peer.close()


def test_the_record(lab):
    record = lab.folder / "samples.jsonl"
    _, agent = begin(lab, {"telemetry.record": str(record)})
    wait_until(lambda: record.exists() and len(record.read_text().splitlines()) >= 3, what="lines")
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    kept = samples(agent)
    assert lines[:3] == kept[:3]
    assert record.stat().st_mode & 0o777 == 0o600
    agent.kill()
    agent.start()
    agent.wait_ready()
    wait_until(lambda: len(record.read_text().splitlines()) > len(lines) + 1, what="more lines")
    for line in record.read_text().splitlines():
        json.loads(line)


def test_a_reload_changes_telemetry_and_probes(lab):
    peer = Peer()
    record = lab.folder / "later.jsonl"
    _, agent = begin(lab, {"telemetry.sample_s": 3600})
    wait_for_sample(agent, lambda s: s.get("registration") == "home", "a first sample")
    agent.write_config(
        {
            "telemetry": {"sample_s": 1, "record": str(record)},
            "probe": {"targets": [peer.target], "interval_s": 1},
        }
    )
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: peer.taken > 0, what="the new target is probed")
    wait_until(lambda: record.exists() and record.read_text().count("\n") >= 2, what="the record")
    # What is wrong changes nothing.
    agent.write_config({"telemetry": {"sample_s": 0, "record": None}})
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration is wrong" in agent.stderr(), what="it says so")
    lines = record.read_text().count("\n")
    wait_until(lambda: record.read_text().count("\n") >= lines + 2, what="it goes on")
    # A switch goes by what is in force now: the new target proves it.
    taken = peer.taken
    op = agent.enable(BETA)[2]
    assert (op["state"], op["result"]["verified"]) == ("succeeded", "reachable"), op
    assert peer.taken > taken
    # Many times in a row, as a careless script does.
    agent.write_config({"telemetry": {"sample_s": 1}})
    for _ in range(50):
        agent.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    assert agent.enable(ALPHA)[2]["state"] == "succeeded"
    peer.close()


def test_a_switch_right_after_a_reload_goes_by_it(lab):
    """Also where nothing else came in between: here the modem was away."""
    old, new = Peer(), Peer()
    sim, agent = begin(lab, {"probe.targets": [old.target], "probe.interval_s": 3600})
    wait_until(lambda: old.taken > 0, what="the old target is probed")
    sim.vanish()
    wait_until(lambda: agent.status("/readyz") == 503, what="the modem is missed")
    agent.write_config({"probe": {"targets": [new.target], "interval_s": 3600}})
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in agent.stderr(), what="the reload")
    taken = old.taken
    status, _, op = agent.enable(BETA, wait=0)
    assert status == 202
    sim.come_back()
    op = agent.wait_operation(op["id"])
    assert (op["state"], op["result"]["verified"]) == ("succeeded", "reachable"), op
    assert new.taken > 0 and old.taken == taken
    old.close()
    new.close()


def test_a_pipe_is_no_record(lab):
    pipe = lab.folder / "pipe"
    os.mkfifo(pipe)
    _, agent = begin(lab, {"telemetry.record": str(pipe)})
    wait_until(lambda: "sample cannot be recorded" in agent.stderr(), what="it says so")
    assert agent.enable(BETA)[2]["state"] == "succeeded"


def test_a_record_that_cannot_be_written(lab):
    place = lab.folder / "away" / "samples.jsonl"
    _, agent = begin(lab, {"telemetry.record": str(place)})
    wait_until(lambda: "sample cannot be recorded" in agent.stderr(), what="it says so")
    wait_for_sample(agent, lambda s: s.get("registration") == "home", "a sample all the same")
    place.parent.mkdir()
    wait_until(lambda: place.exists() and place.read_text().count("\n") >= 2, what="the record")
    assert agent.stderr().count("sample cannot be recorded") == 1
