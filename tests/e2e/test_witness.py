"""The witness of the harness: he hears all that an agent says, and says what is wrong with it."""

import pytest

import harness

P = "esim/v1/x"
CLIENT = "lpm-x"
AGENT = (frozenset([CLIENT]), P)
ID = "01JDDH5T3GB6D4WQZP7KX2N8YR"
SIM = {"id": ID, "at": "2026-11-23T20:01:29.120Z"}
GONE = {"online": False, "session": 1, "reason": "connection-lost"}


@pytest.fixture
def speak(lab):
    """Says something to a broker, by default as the agent."""

    def speak(broker, topic, payload, client_id=CLIENT, **more):
        count = len(broker.witness.heard(topic))
        client = harness.MqttWatcher(broker.port, "none", client_id)
        client.publish(topic, payload, **more)
        harness.wait_until(lambda: len(broker.witness.heard(topic)) > count, what=f"he hears {topic}")
        client.close()

    return speak


def verdict(broker, whole=True):
    broker.witness.finish()
    try:
        broker.witness.check(broker.stderr(), {AGENT}, whole)
    except AssertionError as e:
        return str(e)
    return ""


# topic, payload, what differs, what he says ("": nothing)
SAID = [
    (f"{P}/e/sim", SIM, {}, ""),
    (f"{P}/e/sim", {**SIM, "at": "now"}, {}, "$.at"),
    (f"{P}/e/sim", {**SIM, "more": 1}, {}, "'more' was unexpected"),
    (f"{P}/e/sim", "hello", {}, "no JSON"),
    (f"{P}/e/sim", SIM, {"retain": True}, "retained is True"),
    (f"{P}/e/sim", SIM, {"qos": 0}, "QoS is 0"),
    (f"{P}/e/sim", SIM, {"qos": 2}, "QoS is 2"),
    (f"{P}/e/weather", SIM, {}, "no channel"),
    (f"{P}/cmd/get-eid/1/req", {}, {}, "does not send"),
    (f"{P}/status/health", GONE, {"retain": True}, ""),
    (f"{P}/status/health", GONE, {}, "retained is False"),
    ("answers/me", {"id": "1"}, {}, "no channel"),
    # Of others.
    (f"{P}/e/sim", {}, {"client_id": "somebody"}, ""),
    (f"{P}/cmd/get-eid/1/req", "hello", {"client_id": "somebody"}, ""),
    ("answers/me", {"id": "1"}, {"client_id": "somebody"}, ""),
]


@pytest.mark.parametrize("row", SAID, ids=[f"{n}" for n in range(len(SAID))])
def test_what_is_said(lab, speak, row):
    topic, payload, more, expected = row
    broker = lab.broker()
    speak(broker, topic, payload, **more)
    said = verdict(broker)
    assert bool(said) == bool(expected), said
    assert expected in said
    if expected:
        assert topic in said


ANSWER = {"id": "q1", "kind": "get-eid", "state": "failed", "error": {"code": "modem-absent", "detail": ""}}


@pytest.mark.parametrize("topic", ["answers/me", f"{P}/answer/me"])
def test_a_response(lab, speak, topic):
    """Its topic is the request's to choose."""
    broker = lab.broker()
    request = f"{P}/cmd/get-eid/q1/req"
    speak(broker, request, {}, client_id="somebody", ResponseTopic=topic)
    speak(broker, topic, ANSWER)
    assert not verdict(broker)
    broker.witness.begin()
    speak(broker, topic, {**ANSWER, "kind": "weather"})
    assert "$.kind" in verdict(broker)


def test_a_response_to_where_commands_are(lab, speak):
    broker = lab.broker()
    request = f"{P}/cmd/get-eid/q1/req"
    speak(broker, request, {}, client_id="somebody", ResponseTopic=f"{P}/cmd/get-eid/q2/req")
    speak(broker, f"{P}/cmd/get-eid/q2/req", ANSWER)
    assert "does not send" in verdict(broker)


def test_a_will(lab):
    """Nobody publishes it, and it is the agent's all the same."""
    broker = lab.broker()
    client = harness.paho.Client(client_id=CLIENT, protocol=harness.paho.MQTTv5)
    client.will_set(f"{P}/status/health", "{}", 1, True)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    harness.wait_until(client.is_connected, what="the connection")
    client.loop_stop()
    client.socket().close()
    harness.wait_until(lambda: broker.witness.heard(f"{P}/status/health"), what="the will")
    assert f"{P}/status/health" in verdict(broker)


def test_he_hears_through_acls_and_restarts(lab, speak):
    acl = lab.folder / "acl"
    acl.write_text(f"topic write {P}/#\ntopic read none\n")
    acl.chmod(0o644)
    broker = lab.broker(f"acl_file {acl}")
    speak(broker, f"{P}/e/sim", SIM)
    broker.stop()
    broker.start()
    speak(broker, f"{P}/e/sim", {**SIM, "at": "once"})
    broker.kill()
    broker.start()
    speak(broker, f"{P}/e/sim", {**SIM, "at": "twice"})
    said = verdict(broker)
    assert "once" in said and "twice" in said
    assert len(broker.witness.heard(f"{P}/e/sim")) == 3


def test_what_he_has_not_heard(lab, speak):
    broker = lab.broker()
    for _ in range(3):
        speak(broker, f"{P}/e/sim", SIM)
    broker.witness.finish()
    assert len(broker.witness.heard(f"{P}/e/sim")) == 3
    broker.witness.messages.pop(0)
    assert "of 3 messages only 2" in verdict(broker)


def test_the_lab_fails(speak):
    """By what an agent of its own says, at its end."""
    with pytest.raises(AssertionError, match="e/weather"):
        with harness.Lab() as a_lab:
            broker = a_lab.broker()
            agent = a_lab.agent(a_lab.sim(), broker, start=False)
            agent.identities.add(agent.identity())
            clients, base = agent.identity()
            speak(broker, f"{base}/e/weather", {}, client_id=min(clients))
