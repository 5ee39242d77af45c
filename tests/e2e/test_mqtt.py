"""The MQTT door: presence, info, twin, commands in, statuses out."""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

import harness
from harness import ALPHA, BETA, GAMMA, free_port, wait_until

P = "esim/v1/dev-1"
EID = "89001039450410141400000000001580"
ENDED = ("succeeded", "failed", "rejected", "expired", "canceled")


@pytest.fixture
def lab3(lab):
    """Simulator, broker, watcher and a connected agent."""
    return start(lab)


def start(lab, overrides=None, config=None, extra=""):
    sim = lab.sim(None, overrides)
    broker = lab.broker(extra)
    watcher = lab.watcher(broker)
    agent = lab.agent(sim, broker, config=config)
    agent.wait_ready()
    watcher.wait_for(f"{P}/twin/esim")
    return sim, broker, watcher, agent


def ask(watcher, op, number, payload=None, **properties):
    watcher.publish(f"{P}/cmd/{op}/{number}/req", payload, **properties)


def status(watcher, op, number, state=None, timeout=120):
    """The end's payload."""
    return watcher.wait_for(
        lambda m: m.topic == f"{P}/cmd/{op}/{number}/status"
        and (m.payload["state"] == state if state else m.payload["state"] in ENDED),
        timeout,
        f"the end of {op} {number}",
    ).payload


def test_presence_info_and_twin_are_retained(lab, lab3):
    sim, broker, watcher, agent = lab3
    late = lab.watcher(broker)
    health = late.wait_for(f"{P}/status/health")
    assert health.retain and health.payload["online"] is True
    assert health.payload["session"] >= 1 and health.payload["agent"] and health.payload["since"]
    info = late.wait_for(f"{P}/info")
    assert info.retain and "LPM-SIM" in str(info.payload)
    twin = late.wait_for(f"{P}/twin/esim")
    assert twin.retain and twin.payload["eid"] == EID
    assert [p["iccid"] for p in twin.payload["profiles"]] == [ALPHA, BETA, GAMMA]
    assert ALPHA not in "".join(m.topic for m in late.all())


def test_the_session_number_rises_across_restarts(lab3):
    sim, broker, watcher, agent = lab3
    first = watcher.all(f"{P}/status/health")[0].payload["session"]
    agent.stop()
    watcher.clear()
    agent.start()
    again = watcher.wait_for(
        lambda m: m.topic == f"{P}/status/health" and m.payload["online"] and not m.retain
        or m.topic == f"{P}/status/health" and m.payload["online"]
    )
    assert again.payload["session"] > first


def test_the_will_tells_of_a_death(lab):
    sim, broker, watcher, agent = start(lab, config={"mqtt.will_delay_s": 0})
    agent.kill()
    watcher.wait_for(lambda m: m.topic == f"{P}/status/health" and m.payload["online"] is False)
    agent.start()


def test_reads(lab3):
    sim, broker, watcher, agent = lab3
    ask(watcher, "get-eid", "r1")
    answer = status(watcher, "get-eid", "r1")
    assert answer["id"] == "r1" and answer["kind"] == "get-eid"
    assert answer["state"] == "succeeded" and answer["result"]["eid"] == EID
    ask(watcher, "list-profiles", "r2", {})
    rows = status(watcher, "list-profiles", "r2")["result"]["profiles"]
    assert [r["iccid"] for r in rows] == [ALPHA, BETA, GAMMA]
    since = sim.last_n()
    ask(watcher, "list-profiles", "r3", {"refresh": True})
    assert status(watcher, "list-profiles", "r3")["state"] == "succeeded"
    assert sim.ops(since).count("list") == 1
    ask(watcher, "get-connectivity", "r4", {"refresh": True})
    assert status(watcher, "get-connectivity", "r4")["result"]["registration"] == "home"
    ask(watcher, "get-steering", "r5", {"refresh": True})
    assert status(watcher, "get-steering", "r5")["result"] == {"mode": "off"}


def test_a_switch_tells_every_phase_in_order(lab3):
    sim, broker, watcher, agent = lab3
    ask(watcher, "enable-profile", "s1", {"iccid": BETA, "reason": "test", "requester": "me"})
    end = status(watcher, "enable-profile", "s1")
    assert end["state"] == "succeeded" and end["result"]["now"] == BETA == sim.enabled()
    assert end["source"] == {"channel": "mqtt", "requester": "me", "request": "s1"}
    told = [m.payload["rev"] for m in watcher.all(f"{P}/cmd/enable-profile/s1/status")]
    assert told == sorted(set(told)) and told[-1] == end["rev"]
    phases = [m.payload["phase"] for m in watcher.all(f"{P}/cmd/enable-profile/s1/status")]
    assert phases[-1] == "committed" and "registering" in phases
    event = watcher.wait_for(f"{P}/e/switch").payload
    assert event["id"] and event["at"] and BETA in str(event)
    wait_until(
        lambda: any(
            [p["iccid"] for p in m.payload["profiles"] if p["enabled"]] == [BETA]
            for m in watcher.all(f"{P}/twin/esim")
        ),
        what="the twin shows the new profile",
    )
    assert any("switching_until" in m.payload for m in watcher.all(f"{P}/status/health"))
    assert len(watcher.all(f"{P}/e/switch")) == 1


def test_a_refused_switch(lab):
    sim, broker, watcher, agent = start(lab, {"card.profiles.0.pol1": True})
    ask(watcher, "enable-profile", "s1", {"iccid": BETA})
    end = status(watcher, "enable-profile", "s1")
    assert end["state"] == "failed" and end["error"]["code"] == "policy-forbids"
    assert end["error"]["sw"] == "69E1" and sim.enabled() == ALPHA


def test_a_repeated_command_is_done_once(lab3):
    sim, broker, watcher, agent = lab3
    for reason in ("one", "two"):
        ask(watcher, "enable-profile", "same", {"iccid": BETA, "reason": reason, "ttl_s": 60})
        status(watcher, "enable-profile", "same")
    ask(watcher, "enable-profile", "same", {"iccid": GAMMA})
    reused = status(watcher, "enable-profile", "same", "rejected")
    assert reused["error"]["code"] == "key-reused" and "rev" not in reused
    assert reused["error"]["operation"]
    assert sim.counters()["enable"] == 1 and sim.enabled() == BETA


def test_rest_and_mqtt_share_one_queue(lab):
    sim, broker, watcher, agent = start(lab, {"card.profiles.1.network.delay_ms": 2000})
    _, _, op = agent.enable(BETA, wait=None)
    sim.wait(op="enable", count=1)
    ask(watcher, "enable-profile", "s2", {"iccid": GAMMA})
    end = status(watcher, "enable-profile", "s2")
    assert (end["state"], end["error"]["code"]) == ("rejected", "switch-in-progress")
    assert end["error"]["operation"] == op["id"]
    assert agent.wait_operation(op["id"])["state"] == "succeeded"
    assert watcher.wait_for(f"{P}/e/switch").payload
    wait_until(
        lambda: any(op["id"] in str(m.payload) for m in watcher.all(f"{P}/twin/operations")),
        what="the twin of operations",
    )


# what, op, payload, code, field
BAD = [
    ("no JSON", "enable-profile", "hello", "invalid-request", None),
    ("array", "enable-profile", "[]", "invalid-request", None),
    ("no target", "enable-profile", "{}", "invalid-request", None),
    ("empty", "enable-profile", None, "invalid-request", None),
    ("both targets", "enable-profile", '{"iccid":"%s","aid":"A0000005591010FFFFFFFF8900001000"}' % BETA, "invalid-request", None),
    ("bad ICCID", "enable-profile", '{"iccid":"8912"}', "invalid-request", "iccid"),
    ("unknown field", "enable-profile", '{"iccid":"%s","what":1}' % BETA, "invalid-request", "what"),
    ("ttl_s", "enable-profile", '{"iccid":"%s","ttl_s":-1}' % BETA, "invalid-request", "ttl_s"),
    ("expires_at", "enable-profile", '{"iccid":"%s","expires_at":"soon"}' % BETA, "invalid-request", "expires_at"),
    ("force is off", "enable-profile", '{"iccid":"%s","force":true}' % BETA, "forbidden", None),
    ("expect_enabled", "enable-profile", '{"iccid":"%s","expect_enabled":"%s"}' % (BETA, GAMMA), "precondition-failed", None),
    ("unknown field of a read", "get-eid", '{"x":1}', "invalid-request", "x"),
    ("refresh text", "get-eid", '{"refresh":"yes"}', "invalid-request", "refresh"),
    ("plan of nothing", "plan-profile", "{}", "invalid-request", "iccid"),
    ("plan of two", "plan-profile", '{"iccid":"%s","aid":"A0000005591010FFFFFFFF8900001000"}' % BETA, "invalid-request", "aid"),
    ("unknown field of a plan", "plan-profile", '{"iccid":"%s","force":true}' % BETA, "invalid-request", "force"),
    ("lock for nobody", "lock-switch", '{"ttl_s":60}', "invalid-request", "holder"),
    ("lock without an end", "lock-switch", '{"holder":"me"}', "invalid-request", "ttl_s"),
    ("lock for too long", "lock-switch", '{"holder":"me","ttl_s":86401}', "invalid-request", "ttl_s"),
    ("unknown field of a lock", "lock-switch", '{"holder":"me","ttl_s":60,"force":true}', "invalid-request", "force"),
    ("unlock for nobody", "unlock-switch", None, "invalid-request", "holder"),
    ("unlock by force", "unlock-switch", '{"force":true}', "forbidden", "force"),
    ("unknown field of an unlock", "unlock-switch", '{"holder":"me","ttl_s":60}', "invalid-request", "ttl_s"),
    ("too large", "get-eid", '{"refresh":true' + " " * 5000 + "}", "payload-too-large", None),
]


@pytest.mark.parametrize("row", BAD, ids=[row[0] for row in BAD])
def test_bad_commands(shared, row):
    sim, watcher = shared
    what, op, payload, code, field = row
    since = sim.last_n()
    number = what.replace(" ", "-")
    ask(watcher, op, number, payload)
    end = status(watcher, op, number)
    assert (end["state"], end["error"]["code"]) == ("rejected", code), end
    if field:
        assert end["error"]["field"] == field
    assert "enable" not in sim.ops(since)


@pytest.fixture(scope="module")
def shared():
    with harness.Lab() as a_lab:
        sim, broker, watcher, agent = start(a_lab, config={"telemetry.sample_s": 3600})
        yield sim, watcher


def test_odd_topics_are_not_answered(shared):
    sim, watcher = shared
    since = sim.last_n()
    for topic in (
        f"{P}/cmd/enable-profile/{'x' * 65}/req",
        f"{P}/cmd/enable-profile/a/b/req",
        f"{P}/cmd/enable-profile/a b/req",
        f"{P}/cmd/format-card/1/req",
        f"{P}/cmd/enable-profile/req",
    ):
        watcher.publish(topic, {"iccid": BETA})
    ask(watcher, "get-eid", "after")
    status(watcher, "get-eid", "after")
    assert not [m for m in watcher.all(f"{P}/cmd/format-card/#") if m.topic.endswith("status")]
    assert "enable" not in sim.ops(since)


def test_retained_commands_are_refused(lab3):
    sim, broker, watcher, agent = lab3
    agent.stop()
    watcher.publish(f"{P}/cmd/enable-profile/old/req", {"iccid": BETA}, retain=True)
    agent.start()
    agent.wait_ready()
    end = status(watcher, "enable-profile", "old")
    assert end["state"] == "rejected" and "retain" in end["error"]["detail"].lower()
    assert sim.enabled() == ALPHA
    watcher.publish(f"{P}/cmd/enable-profile/old/req", b"", retain=True)
    ask(watcher, "get-eid", "then")
    status(watcher, "get-eid", "then")


def test_response_topic_and_correlation_data(lab3):
    sim, broker, watcher, agent = lab3
    ask(watcher, "get-eid", "c1", None, ResponseTopic="answers/me", CorrelationData=b"\x01x")
    answer = watcher.wait_for("answers/me")
    assert answer.payload["result"]["eid"] == EID
    assert answer.properties.CorrelationData == b"\x01x"
    ask(watcher, "get-eid", "c2", None, ResponseTopic=f"{P}/cmd/enable-profile/c3/req")
    status(watcher, "get-eid", "c2")
    ask(watcher, "get-eid", "c4")
    status(watcher, "get-eid", "c4")
    assert not watcher.all(f"{P}/cmd/enable-profile/c3/#")


def test_a_command_that_came_too_late(lab3):
    sim, broker, watcher, agent = lab3
    sim.vanish()
    wait_until(lambda: agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
    ask(watcher, "enable-profile", "e1", {"iccid": BETA}, MessageExpiryInterval=1)
    assert status(watcher, "enable-profile", "e1")["state"] in ("expired",)
    sim.come_back()
    agent.wait_ready()
    assert sim.enabled() == ALPHA


def test_cancel(lab3):
    sim, broker, watcher, agent = lab3
    sim.vanish()
    wait_until(lambda: agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
    ask(watcher, "enable-profile", "x1", {"iccid": BETA})
    status(watcher, "enable-profile", "x1", "accepted")
    watcher.wait_for(
        lambda m: m.topic == f"{P}/twin/operations" and m.payload["operations"][0]["state"] == "accepted"
    )
    watcher.publish(f"{P}/cmd/enable-profile/x1/cancel", None)
    assert status(watcher, "enable-profile", "x1")["state"] == "canceled"
    sim.come_back()


def test_commands_that_remote_may_not_give(lab):
    sim, broker, watcher, agent = start(lab, config={"mqtt.commands": ["get-eid"]})
    ask(watcher, "enable-profile", "f1", {"iccid": BETA})
    end = status(watcher, "enable-profile", "f1")
    assert (end["state"], end["error"]["code"]) == ("rejected", "forbidden")
    ask(watcher, "get-eid", "f2")
    assert status(watcher, "get-eid", "f2")["state"] == "succeeded"
    assert sim.enabled() == ALPHA


def test_commands_given_while_the_agent_was_away_are_done(lab3):
    sim, broker, watcher, agent = lab3
    agent.kill()
    ask(watcher, "enable-profile", "q1", {"iccid": BETA})
    agent.start()
    assert status(watcher, "enable-profile", "q1")["state"] == "succeeded"
    assert sim.enabled() == BETA


def test_the_broker_restarts(lab3):
    sim, broker, watcher, agent = lab3
    broker.stop()
    time.sleep(1)
    broker.start()
    wait_until(watcher.client.is_connected, what="the watcher is back")
    watcher.wait_for(
        lambda m: m.topic == f"{P}/status/health" and m.payload["online"] and m.at > 0
    )

    def answered():
        ask(watcher, "get-eid", f"b{time.monotonic_ns()}")
        time.sleep(0.3)
        return any(re.search("/get-eid/b[0-9]+/status$", m.topic) for m in watcher.all())

    wait_until(answered, 60, "a command after the restart is answered")


def test_the_outcome_arrives_over_the_new_profile(lab):
    """The broker is reached through the modem: the switch breaks the link, the outcome waits."""
    broker = lab.broker()
    bearer = free_port()
    sim = lab.sim(None, {"bearer.switch": "silent"}, [(bearer, broker.port)])
    watcher = lab.watcher(broker)
    agent = lab.agent(sim, mqtt_port=bearer, config={"mqtt.keepalive_s": 5})
    agent.wait_ready()
    watcher.wait_for(f"{P}/twin/esim", 60)
    ask(watcher, "enable-profile", "n1", {"iccid": BETA})
    end = status(watcher, "enable-profile", "n1", timeout=180)
    assert end["state"] == "succeeded" and end["result"]["now"] == BETA
    sim.check()


def test_a_switch_tells_no_document_for_nothing(lab):
    """The link is made anew in the middle, where the list is not known and the operation runs: that
    is no reason to tell what the broker has, or will have in a moment."""
    broker = lab.broker()
    bearer = free_port()
    sim = lab.sim(None, {}, [(bearer, broker.port)])
    watcher = lab.watcher(broker)
    agent = lab.agent(sim, mqtt_port=bearer)
    agent.wait_ready()
    watcher.wait_for(f"{P}/twin/esim", 60)
    watcher.wait_for(lambda m: m.topic == f"{P}/info" and "profiles" in m.payload["card"])
    watcher.clear()
    ask(watcher, "enable-profile", "d1", {"iccid": BETA})
    assert status(watcher, "enable-profile", "d1", timeout=120)["state"] == "succeeded"
    watcher.wait_for(lambda m: m.topic == f"{P}/twin/esim" and m.payload["enabled"] == BETA)
    ask(watcher, "get-eid", "d2")
    status(watcher, "get-eid", "d2")
    assert not watcher.all(f"{P}/info")
    told = [m.payload["operations"][0] for m in watcher.all(f"{P}/twin/operations")]
    assert told[-1]["state"] == "succeeded"
    assert not [op for op in told if op["phase"] not in (None, "enabling", "committed")], told


def test_version_3_1_1(lab):
    sim, broker, watcher, agent = start(lab, config={"mqtt.version": "3.1.1"})
    ask(watcher, "enable-profile", "v1", {"iccid": BETA})
    assert status(watcher, "enable-profile", "v1")["state"] == "succeeded"


def test_wrong_credentials_are_retried_slowly(lab):
    sim = lab.sim()
    broker = lab.broker("allow_anonymous false")
    agent = lab.agent(sim, broker, config={"mqtt.reconnect_max_s": 300})
    agent.wait_ready()
    wait_until(lambda: "refused" in agent.stderr().lower() or "authori" in agent.stderr().lower(), what="the refusal is logged")
    attempts = broker.stderr().count("New connection")
    time.sleep(4)
    assert broker.stderr().count("New connection") - attempts <= 3
    assert agent.http("GET", "/v1/eid")[0] == 200


def test_the_password_is_read_at_every_connect(lab):
    """Only the file's first line, however long a token it is."""
    token = "t" * 1000
    users, secret = lab.folder / "users", lab.folder / "secret"
    users.touch()
    users.chmod(0o644)
    subprocess.run(["mosquitto_passwd", "-b", users, "gw", token], check=True, capture_output=True)
    users.chmod(0o644)
    secret.write_text("wrong\n")
    broker = lab.broker(f"password_file {users}")
    watcher = lab.watcher(broker)
    config = {
        "mqtt.username": "gw",
        "mqtt.password_file": str(secret),
        "mqtt.reconnect_min_s": 1,
        "mqtt.reconnect_max_s": 1,
    }
    agent = lab.agent(lab.sim(), broker, config=config)
    agent.wait_ready()
    wait_until(lambda: "refused" in agent.stderr() or "authori" in agent.stderr(), what="a refusal")
    assert not watcher.all(f"{P}/status/health")
    secret.write_text(f"{token}\r\nmore\n")
    watcher.wait_for(lambda m: m.topic == f"{P}/status/health" and m.payload["online"])
    assert token not in agent.stderr()


def test_a_flood_of_commands_leaves_the_door_open(lab):
    """Repeats and commands with nothing to do: bounded in memory, and others are still heard."""
    sim, broker = lab.sim(), lab.broker()
    watcher = lab.watcher(broker)
    # A sanitizer would keep 256 MiB of what was freed.
    options = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
    env = {"ASAN_OPTIONS": options}
    agent = lab.agent(sim, broker, {"log.level": "info", "mqtt.outbox_max_kib": 256}, env=env)
    agent.wait_ready()
    watcher.wait_for(f"{P}/twin/esim")
    ask(watcher, "enable-profile", "k0", {"iccid": ALPHA})
    status(watcher, "enable-profile", "k0")

    def resident_kib():
        text = open(f"/proc/{agent.process.pid}/status").read()
        return int(text.split("VmRSS:")[1].split()[0])

    def flood(count):
        for n in range(count):
            for number in ("k0", f"n{n}"):
                watcher.client.publish(
                    f"{P}/cmd/enable-profile/{number}/req",
                    f'{{"iccid":"{ALPHA}","reason":"{"r" * 200}"}}',
                )
        # It comes after all of them: each costs a sync of the disk.
        number = f"after{time.monotonic_ns()}"
        ask(watcher, "get-eid", number)
        assert status(watcher, "get-eid", number, timeout=300)["state"] == "succeeded"

    flood(2500)  # fills what may be filled
    before = resident_kib()
    flood(2500)
    assert resident_kib() - before < 4 * 1024, "what came was kept"


def test_a_reused_id_does_not_take_the_owners_answer(lab):
    sim, broker, watcher, agent = start(lab, {"card.profiles.1.network.delay_ms": 2000})
    owner = {"ResponseTopic": "answers/owner", "CorrelationData": b"A"}
    ask(watcher, "enable-profile", "h1", {"iccid": BETA}, **owner)
    ask(
        watcher, "enable-profile", "h1", {"iccid": GAMMA},
        ResponseTopic="answers/other", CorrelationData=b"B",
    )
    ask(watcher, "enable-profile", "h1", {"iccid": BETA}, **owner)
    ask(watcher, "enable-profile", "h1", {"iccid": BETA}, ResponseTopic="answers/third")
    answers = {}
    for who in ("owner", "other", "third"):
        answers[who] = watcher.wait_for(f"answers/{who}", 120)
    assert answers["other"].payload["error"]["code"] == "key-reused"
    assert answers["other"].properties.CorrelationData == b"B"
    assert answers["owner"].payload["state"] == answers["third"].payload["state"] == "succeeded"
    assert answers["owner"].properties.CorrelationData == b"A"
    time.sleep(0.5)
    assert len(watcher.all("answers/#")) == 3


def test_revs_never_fall_however_often_it_is_asked(lab3):
    sim, broker, watcher, agent = lab3
    end = time.monotonic() + 60
    while time.monotonic() < end:
        watcher.client.publish(f"{P}/cmd/enable-profile/r1/req", f'{{"iccid":"{BETA}"}}')
        time.sleep(0.01)
        told = [m.payload for m in watcher.all(f"{P}/cmd/enable-profile/r1/status")]
        if told and told[-1]["state"] in ENDED:
            break
    status(watcher, "enable-profile", "r1", "succeeded")
    time.sleep(0.5)
    revs = [m.payload["rev"] for m in watcher.all(f"{P}/cmd/enable-profile/r1/status")]
    assert revs == sorted(revs)
    assert sim.counters()["enable"] == 1


def test_every_cancel_is_answered(lab3):
    sim, broker, watcher, agent = lab3
    sim.vanish()
    wait_until(lambda: agent.http("GET", "/readyz")[0] == 503, what="modem-absent")

    def cancel(number, answer_to):
        topic = f"{P}/cmd/enable-profile/{number}"
        watcher.clear()
        watcher.publish(f"{topic}/cancel", None, ResponseTopic=answer_to)
        assert status(watcher, "enable-profile", number)["state"] == "canceled"
        assert watcher.wait_for(answer_to).payload["state"] == "canceled"

    ask(watcher, "enable-profile", "x1", {"iccid": BETA})
    status(watcher, "enable-profile", "x1", "accepted")
    cancel("x1", "answers/1")
    cancel("x1", "answers/2")
    first = agent.http("GET", "/v1/operations?limit=1")[2]["operations"][0]
    cancel(first["id"], "answers/3")
    _, _, op = agent.http("POST", f"/v1/profiles/{BETA}/enable")
    cancel(op["id"], "answers/4")
    assert agent.operation(op["id"])["state"] == "canceled"
    sim.come_back()


def test_a_profile_that_is_not_there_is_refused_at_the_door(lab3):
    sim, broker, watcher, agent = lab3
    ask(watcher, "list-profiles", "l1", {"refresh": True})
    status(watcher, "list-profiles", "l1")
    since = sim.last_n()
    ask(watcher, "enable-profile", "u1", {"iccid": "8949001312170061970"})
    end = status(watcher, "enable-profile", "u1")
    assert (end["state"], end["error"]["code"]) == ("rejected", "profile-not-found")
    code, _, problem = agent.http("POST", "/v1/profiles/8949001312170061970/enable")
    assert (code, problem["code"]) == (404, "profile-not-found")
    assert not set(sim.ops(since)) & {"list", "enable"}


def test_no_identity_reaches_the_log(lab3):
    sim, broker, watcher, agent = lab3
    ask(watcher, "enable-profile", BETA, {"iccid": ALPHA, "requester": EID})
    status(watcher, "enable-profile", BETA)
    watcher.publish(f"{P}/cmd/{GAMMA}/1/req", None)
    wait_until(lambda: "unknown topic" in agent.stderr(), what="the odd topic is logged")
    log = agent.stderr()
    for identity in (ALPHA, BETA, GAMMA, EID):
        assert identity not in log
    assert f"request=*{BETA[-4:]}" in log and f"requester=*{EID[-4:]}" in log
    assert log.index("operation came") < log.index("operation ended")


def test_3_1_1_says_that_its_link_is_made_anew(lab):
    """A DISCONNECT of 3.1.1 makes the broker forget the will: presence goes out before it."""
    sim, broker, watcher, agent = start(lab, config={"mqtt.version": "3.1.1"})
    ask(watcher, "enable-profile", "n1", {"iccid": BETA})
    status(watcher, "enable-profile", "n1", "succeeded", 180)
    gone = watcher.wait_for(
        lambda m: m.topic == f"{P}/status/health" and m.payload["online"] is False, 60
    )
    assert gone.payload["reason"] == "relink"
    wait_until(
        lambda: watcher.all(f"{P}/status/health")[-1].payload["online"], 60, "it is back"
    )


def test_a_reload_that_takes_the_targets_wants_a_word(lab):
    """mqtt.link other: nothing but probes or somebody's word proves a profile."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = f"127.0.0.1:{server.getsockname()[1]}"
        sim, broker, watcher, agent = start(lab, config={"mqtt.link": "other", "probe.targets": [target]})
        agent.write_config({"probe": {"targets": []}})
        agent.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "configuration reloaded" in agent.stderr(), what="the reload")
        ask(watcher, "enable-profile", 1, {"iccid": BETA})
        refused = status(watcher, "enable-profile", 1, "rejected")
        assert (refused["error"]["code"], refused["error"]["field"]) == ("invalid-request", "confirm_s")
        assert sim.enabled() == ALPHA


def test_both_doors_know_the_same_of_a_profile(lab):
    """Also what earlier switches say of it, in the answer and in the twin."""
    sim, broker, watcher, agent = start(lab, {"card.profiles.2.network.registration": "denied"})
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    assert agent.enable(GAMMA)[2]["error"]["code"] == "registration-denied"

    def rows():
        profiles = agent.http("GET", "/v1/profiles")[2]["profiles"]
        told = [p for p in profiles if "proven_at" in p or "last_error" in p]
        return profiles if len(told) == 2 else None

    profiles = wait_until(rows, what="the list knows of both switches")
    assert [p["iccid"] for p in profiles if "proven_at" in p] == [BETA]
    assert [p["iccid"] for p in profiles if p.get("last_error") == "registration-denied"] == [GAMMA]
    ask(watcher, "list-profiles", 1)
    assert status(watcher, "list-profiles", 1, "succeeded")["result"]["profiles"] == profiles
    watcher.wait_for(
        lambda m: m.topic == f"{P}/twin/esim" and m.payload["profiles"] == profiles, what="the twin"
    )


def test_since_when_a_profile_is_in_use_outlives_the_agent(lab):
    sim, broker, watcher, agent = start(lab)
    assert agent.enable(BETA)[2]["state"] == "succeeded"

    def told(m):
        return m.topic == f"{P}/twin/esim" and m.payload.get("enabled") == BETA

    before = watcher.wait_for(lambda m: told(m) and "enabled_since" in m.payload).payload
    assert before["enabled_by"] == "operation"
    agent.kill()
    watcher.clear()
    agent.start()
    agent.wait_ready()
    after = watcher.wait_for(told).payload
    assert (after["enabled_since"], after["enabled_by"]) == (before["enabled_since"], "operation")


def test_a_modem_that_is_back_brings_the_link_back(lab):
    """However long the back-off is by then."""
    broker, port = lab.broker(), free_port()
    sim = lab.sim(bearers=[(port, broker.port)])
    week = {"mqtt.reconnect_min_s": 604800, "mqtt.reconnect_max_s": 604800}
    agent = lab.agent(sim, mqtt_port=port, config=week)
    agent.wait_ready()
    wait_until(lambda: agent.stderr().count("mqtt link is up") == 1, what="the link is up")
    sim.vanish()
    wait_until(lambda: agent.status("/readyz") == 503, what="the modem is missed")
    wait_until(lambda: "mqtt link is down" in agent.stderr(), 60, "the link is missed")
    sim.come_back()
    wait_until(lambda: agent.stderr().count("mqtt link is up") == 2, 60, "the link is up again")
