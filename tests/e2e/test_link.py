"""The MQTT link against brokers that refuse, hang up, want less than usual, or are old."""

import fcntl
import json
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

import harness
from harness import ALPHA, BETA, SLOW, MqttWatcher, free_port, wait_until
from raw_broker import RawBroker

P = "esim/v1/dev-1"
A_WEEK_S = 604800


class NoModem:
    """For what needs none: a link to the broker is made all the same."""

    link = "/nonexistent/modem"


def to(lab, broker, config=None, sim=NoModem, start=True):
    """An agent that talks to the broker."""
    agent = lab.agent(sim, mqtt_port=broker.port, config=config, start=False)
    if start:
        agent.start(ready=False)
    return agent


def wait_log(agent, text, count=1):
    wait_until(lambda: agent.stderr().count(text) >= count, what=f"the log says: {text}")


def health(connection):
    return [json.loads(p["payload"]) for p in connection.all("publish", "/status/health")]


def ask(connection, number, op="get-steering"):
    connection.publish(f"{P}/cmd/{op}/{number}/req")


@pytest.fixture
def broker():
    with RawBroker() as a_broker:
        yield a_broker


# --- refusals: no tight loop, and clear words ---


def refuse(code, **said):
    return {"on_connect": lambda c, p: (c.connack(code, values=said), c.close())}


def subscribing(answer):
    return {"on_subscribe": answer}


# what, hooks, configuration, the log's words, whether it is told to wait long
REFUSALS = [
    ("accepts and drops", {"on_accept": lambda c: c.close()}, {}, "it hung up without an answer", False),
    ("hangs up on CONNECT", {"on_connect": lambda c, p: c.close()}, {}, "it hung up without an answer", False),
    ("CONNACK and gone", subscribing(lambda c, p: c.close()), {}, "connection lost", False),
    ("held for a moment", {"on_publish": lambda c, p: c.close()}, {}, "connection lost", False),
    ("server busy", refuse(0x89), {}, "not connected: Server busy (137)", False),
    ("bad password", refuse(0x86), {}, "not connected: Bad User Name or Password (134)", True),
    ("not authorized", refuse(0x87), {}, "not connected: Not authorized (135)", True),
    ("banned", refuse(0x8A), {}, "not connected: Banned (138)", True),
    ("3.1.1, bad password", refuse(4), {"mqtt.version": "3.1.1"}, "not connected: bad user name or password (4)", True),
    ("SUBACK, not authorized", subscribing(lambda c, p: c.suback(p, 0x87, values={"reason_string": "ask Jo"})), {},
     "subscription refused: Not authorized (135): ask Jo", True),
    ("SUBACK, unspecified", subscribing(lambda c, p: c.suback(p, 0x80)), {},
     "subscription refused: Unspecified error (128)", False),
    ("SUBACK, no wildcards", subscribing(lambda c, p: c.suback(p, 0xA2)), {},
     "subscription refused: Wildcard Subscriptions not supported (162)", True),
    ("SUBACK of 3.1.1", subscribing(lambda c, p: c.suback(p, 1, 1, 0x80)), {"mqtt.version": "3.1.1"},
     "subscription refused: Unspecified error (128)", False),
    ("DISCONNECT, with words", subscribing(lambda c, p: c.disconnect(0x8B, {"reason_string": "tea"})), {},
     "disconnected by the broker: Server shutting down (139): tea", False),
]


def test_refusals_make_no_tight_loop(lab):
    """All at once: most of it is waiting. With full jitter a wait may be short, ten in a row not."""
    cases = []
    for what, hooks, config, words, long in REFUSALS:
        broker = RawBroker()
        for name, hook in hooks.items():
            setattr(broker, name, hook)
        config = {"mqtt.reconnect_min_s": 5, "mqtt.reconnect_max_s": 300, "log.level": "info", **config}
        cases.append((what, broker, to(lab, broker, config), words, long))
    for what, broker, agent, words, long in cases:
        print(what)
        wait_log(agent, words)
    time.sleep(5)
    for what, broker, agent, words, long in cases:
        print(what)
        tries = [c for c in broker.connections if c.level == 5] if "hangs" in what else broker.connections
        assert len(tries) <= 8, f"{what}: {len(tries)} tries in a few seconds"
        if long:
            line = next(line for line in agent.stderr().splitlines() if words in line)
            assert " err " in line and int(re.search(r"in_ms=(\d+)", line)[1]) >= 150000, line
        assert not broker.complaints, broker.complaints
        broker.stop()


def test_a_refused_subscription_keeps_the_will(lab, broker):
    """A goodbye would make the broker forget it, and who was online before would be so for ever."""
    broker.on_subscribe = lambda c, p: c.suback(p, 0x80)
    agent = to(lab, broker)
    assert broker.wait_connection().wait("disconnect")["reason"] == 0x04
    assert health(broker.connections[0]) == []
    agent.stop()


def test_another_cause_is_told_at_once(lab, broker):
    broker.on_connect = lambda c, p: (c.connack(0x89), c.close())
    agent = to(lab, broker)
    wait_log(agent, "Server busy")
    broker.on_connect = lambda c, p: (c.connack(0x97), c.close())
    wait_log(agent, "Quota exceeded")


def test_a_modem_that_registers_ends_the_wait(lab, broker):
    """However long the back-off is, of the first try, too."""
    week = {"mqtt.reconnect_min_s": A_WEEK_S, "mqtt.reconnect_max_s": A_WEEK_S}
    to(lab, broker, week, lab.sim())
    broker.wait_online()


# --- presence ---


def test_online_only_after_the_suback(lab, broker):
    asked, answered = threading.Event(), threading.Event()

    def on_subscribe(c, p):
        asked.set()
        assert answered.wait(60 * SLOW)
        c.suback(p)

    broker.on_subscribe = on_subscribe
    agent = to(lab, broker)
    assert asked.wait(30 * SLOW)
    connection = broker.connections[0]
    connect = connection.packets[0]
    time.sleep(0.5)
    assert [p["type"] for p in connection.packets] == ["connect", "subscribe"]
    answered.set()
    assert connection.wait("publish")["topic"] == f"{P}/status/health"
    assert health(connection)[0]["online"] is True and health(connection)[0]["session"] == 1

    assert not connect["clean"] and connect["keep_alive"] == 300
    assert connect["properties"]["session_expiry"] == 3600
    will = connect["will"]
    assert (will["topic"], will["qos"], will["retain"]) == (f"{P}/status/health", 1, True)
    assert will["properties"]["will_delay"] == 300
    told = json.loads(will["payload"])
    assert (told["online"], told["session"], told["reason"]) == (False, 1, "connection-lost")

    agent.stop()
    goodbye = connection.wait("disconnect")
    assert goodbye["reason"] == 0 and connection.packets[-1] is goodbye
    assert connection.packets[-2]["topic"] == f"{P}/status/health"
    assert (health(connection)[-1]["online"], health(connection)[-1]["reason"]) == (False, "shutdown")


def test_the_session_number_is_the_next_wills(lab, broker):
    to(lab, broker)
    broker.wait_online().close()
    second = broker.wait_online(2)
    assert health(second)[0]["session"] == 2
    assert json.loads(second.packets[0]["will"]["payload"])["session"] == 2


def test_a_switch_is_announced_and_looks_like_no_outage(lab):
    """Over the modem's own bearer, with a real broker, which holds the will back."""
    real = lab.broker()
    bearer = free_port()
    sim = lab.sim(None, {"bearer.switch": "close"}, [(bearer, real.port)])
    watcher = lab.watcher(real)
    agent = lab.agent(sim, mqtt_port=bearer)
    agent.wait_ready()
    watcher.wait_for(f"{P}/twin/esim", 60)
    watcher.publish(f"{P}/cmd/enable-profile/n1/req", {"iccid": BETA})
    topic = f"{P}/cmd/enable-profile/n1/status"
    watcher.wait_for(lambda m: m.topic == topic and m.payload["state"] == "succeeded", 120)
    told = watcher.all(f"{P}/status/health")
    assert all(m.payload["online"] for m in told), told
    announced = next(m for m in told if "switching_until" in m.payload)
    after_enable = ("resetting", "registering", "attaching", "verifying", "committed")
    assert announced.at < min(m.at for m in watcher.all(topic) if m.payload["phase"] in after_enable)
    assert told[-1].payload["session"] > told[0].payload["session"], "the link was made anew"


# --- what a broker of MQTT 5 may want ---


@pytest.mark.parametrize("most", [1, 2])
def test_receive_maximum(lab, broker, most):
    """No more than that are on their way, and all arrive."""
    broker.connack = {"receive_maximum": most}
    waiting, seen = [], []
    lock = threading.Lock()

    def on_publish(c, p):
        with lock:
            waiting.append(p)
            seen.append(len(waiting))

    def acknowledge():
        while not done.wait(0.05):
            with lock:
                ready, waiting[:] = waiting[:], []
            for p in ready:
                connection.puback(p)

    broker.on_publish = on_publish
    to(lab, broker)
    connection = broker.wait_online()
    for n in range(8):
        ask(connection, f"r{n}")
    done = threading.Event()
    thread = threading.Thread(target=acknowledge)
    thread.start()
    try:
        for n in range(8):
            connection.wait("publish", f"/cmd/get-steering/r{n}/status")
    finally:
        done.set()
        thread.join()
    assert max(seen) == most


def test_a_message_that_is_too_long_for_the_broker(lab, broker):
    """It is set aside and told; all else arrives."""
    broker.connack = {"maximum_packet_size": 300}
    agent = to(lab, broker)
    connection = broker.wait_online()
    told = json.loads(connection.wait("publish", "/e/journal")["payload"])
    assert told["what"] == "refused" and told["detail"] == f"Packet too large: {P}/info"
    wait_log(agent, "Packet too large (149)")
    ask(connection, "r1")
    connection.wait("publish", "/cmd/get-steering/r1/status")
    assert max(p["bytes"] for p in connection.packets) <= 300
    assert not connection.all("publish", "/info")


def test_a_refused_message_is_told_in_the_brokers_words(lab, broker):
    def on_publish(c, p):
        if p["topic"].endswith("/info"):
            c.puback(p, 0x87, {"reason_string": "nobody may"})
        else:
            c.puback(p)

    broker.on_publish = on_publish
    agent = to(lab, broker)
    wait_log(agent, 'why="Not authorized (135): nobody may"')
    told = json.loads(broker.wait_online().wait("publish", "/e/journal")["payload"])
    assert told["detail"] == f"Not authorized: {P}/info"
    assert len(broker.connections[0].all("publish", "/info")) == 1


def test_no_qos_1_and_nothing_retained(lab, broker):
    """A will that asks for more is refused: it asks for less, one after the other."""
    broker.connack = {"maximum_qos": 0, "retain_available": 0}

    def on_connect(c, p):
        will = p["will"]
        code = 0x9B if will["qos"] else 0x9A if will["retain"] else 0
        c.connack(code)
        if code:
            c.close()

    broker.on_connect = on_connect
    broker.on_subscribe = lambda c, p: c.suback(p, 0)
    agent = to(lab, broker)
    connection = broker.wait_online(3)
    connection.publish(f"{P}/cmd/get-steering/q1/req", qos=0)
    connection.wait("publish", "/cmd/get-steering/q1/status")
    assert not [p for p in connection.all("publish") if p["qos"] or p["retain"]]
    wait_log(agent, "the broker takes only QoS 0")
    wait_log(agent, "the broker retains nothing")


def test_server_keep_alive(lab, broker):
    """The library does not know of it: another connection asks for what the broker wants, at once."""
    broker.on_connect = lambda c, p: c.connack(
        values={"server_keep_alive": 3} if p["keep_alive"] > 3 else {}
    )
    to(lab, broker, {"mqtt.reconnect_min_s": A_WEEK_S, "mqtt.reconnect_max_s": A_WEEK_S}, lab.sim())
    second = broker.wait_online(2)
    assert [c.packets[0]["keep_alive"] for c in broker.connections] == [300, 3]
    first = broker.connections[0]
    assert [p["type"] for p in first.packets] == ["connect", "disconnect"]
    assert first.packets[1]["reason"] == 0x04, "a will that an earlier connection left is still wanted"
    assert health(second)[0]["session"] == 1
    second.wait("pingreq", count=2)


def test_another_broker_gets_the_whole_keep_alive(lab, broker):
    broker.on_connect = lambda c, p: c.connack(
        values={"server_keep_alive": 60} if p["keep_alive"] > 60 else {}, session_present=c.number > 1
    )
    to(lab, broker)
    broker.on_connect, wanted = (lambda c, p: c.connack()), broker.wait_online(2)
    wanted.close()
    broker.wait_online(3).close()
    assert broker.wait_online(4).packets[0]["keep_alive"] == 300


def told(connection):
    return {p["topic"].removeprefix(f"{P}/") for p in connection.all("publish")}


@pytest.mark.parametrize("cut", ["before the SUBACK", "for a keep-alive"])
def test_documents_are_told_to_a_broker_that_has_forgotten_them(lab, broker, cut):
    """Also where the connection that learns it does not last, and the next one finds a session."""
    sim = lab.sim()
    agent = to(lab, broker, sim=sim)
    agent.wait_ready()
    first = broker.wait_online()
    wait_until(lambda: {"info", "twin/esim", "twin/connectivity"} <= told(first), what="all documents")
    if cut == "before the SUBACK":
        broker.on_subscribe = lambda c, p: c.close()
    else:
        broker.on_connect = lambda c, p: c.connack(values={"server_keep_alive": 60})
    first.close()
    second = broker.wait_connection(2)
    second.wait("subscribe" if cut == "before the SUBACK" else "disconnect")
    broker.on_subscribe = lambda c, p: RawBroker.on_subscribe(broker, c, p)
    broker.on_connect = lambda c, p: c.connack(session_present=True)
    third = wait_until(
        lambda: next((c for c in broker.connections[2:] if c.all("publish", "/status/health")), None),
        what="it is online",
    )
    wait_until(lambda: {"info", "twin/esim", "twin/connectivity"} <= told(third), what="all documents")


def test_a_keep_alive_that_falls_each_time_makes_no_loop(lab, broker):
    broker.on_connect = lambda c, p: c.connack(values={"server_keep_alive": p["keep_alive"] - 1})
    to(lab, broker, {"mqtt.reconnect_min_s": A_WEEK_S, "mqtt.reconnect_max_s": A_WEEK_S}, lab.sim())
    broker.wait_connection(2).wait("disconnect")
    time.sleep(3)
    assert len(broker.connections) <= 3  # one more where registration came late


def test_an_id_and_a_shorter_session_that_the_broker_chooses(lab, broker):
    broker.connack = {"assigned_client_id": "somebody", "session_expiry": 60}
    agent = to(lab, broker)
    first = broker.wait_online()
    wait_log(agent, "shorter time than mqtt.session_expiry_s")
    first.close()
    assert broker.wait_online(2).packets[0]["client_id"] == first.packets[0]["client_id"]


# --- topic aliases ---


AGAIN = "/twin/operations"


def restless(connection, count):
    """Makes the agent tell of its operations again and again."""
    for n in range(count):
        before = len(connection.all("publish", AGAIN))
        connection.publish(f"{P}/cmd/enable-profile/k{n}/req", json.dumps({"iccid": ALPHA}))
        connection.wait("publish", f"/k{n}/status")
        connection.wait("publish", AGAIN, before + 1)


def test_topics_that_come_again_have_an_alias(lab, broker):
    broker.connack = {"topic_alias_maximum": 10}
    sim = lab.sim()
    agent = to(lab, broker, sim=sim)
    connection = broker.wait_online()
    agent.wait_ready()
    ask(connection, "a1")
    restless(connection, 3)
    told = connection.all("publish", AGAIN)
    assert told[0]["wire_topic"] and told[0]["properties"]["topic_alias"] <= 10
    assert told[-1]["wire_topic"] == "" and told[-1]["topic"] == P + AGAIN
    later = [p["bytes"] - len(p["payload"]) for p in told[1:] if not p["wire_topic"]]
    assert told[0]["bytes"] - len(told[0]["payload"]) - min(later) == len(P + AGAIN)
    answer = connection.wait("publish", "/cmd/get-steering/a1/status")
    assert "topic_alias" not in answer["properties"], "topics of commands do not come again"

    connection.close()
    again = broker.wait_online(2)
    for p in again.all("publish"):
        assert p["wire_topic"], "an alias is of one connection"


def test_responses_use_up_no_aliases(lab, broker):
    broker.connack = {"topic_alias_maximum": 3}
    sim = lab.sim()
    agent = to(lab, broker, {"telemetry.publish_s": A_WEEK_S}, sim)
    connection = broker.wait_online()
    agent.wait_ready()
    for n in range(5):
        topic = f"{P}/answer/{n}"
        connection.publish(f"{P}/cmd/get-steering/r{n}/req", values={"response_topic": topic})
        response = connection.wait("publish", f"/answer/{n}")
        assert "topic_alias" not in response["properties"]


def test_an_alias_whose_message_was_refused_is_not_relied_upon(lab, broker):
    broker.connack = {"topic_alias_maximum": 10}
    broker.on_publish = lambda c, p: c.puback(p, 0x87 if p["topic"].endswith(AGAIN) else 0)
    sim = lab.sim()
    agent = to(lab, broker, sim=sim)
    connection = broker.wait_online()
    agent.wait_ready()
    restless(connection, 2)
    assert all(p["wire_topic"] for p in connection.all("publish", AGAIN))


def test_no_aliases_where_the_broker_takes_none(lab, broker):
    sim = lab.sim()
    agent = to(lab, broker, sim=sim)
    connection = broker.wait_online()
    agent.wait_ready()
    restless(connection, 2)
    assert not [p for p in connection.all("publish") if "topic_alias" in p["properties"]]


# --- brokers of 3.1.1 ---


def old_broker(c, p, says_so):
    """As brokers from before MQTT 5 answer."""
    if p["level"] != 5:
        c.connack()
        return
    if says_so:
        c.send(b"\x20\x02\x00\x01")
    c.close()


@pytest.mark.parametrize("says_so", [True, False], ids=["code 1", "hangs up"])
def test_an_old_broker_and_the_day_it_is_renewed(lab, broker, says_so):
    broker.on_connect = lambda c, p: old_broker(c, p, says_so)
    agent = to(lab, broker)
    # One that only hangs up is taken for old the third time.
    tries = 1 if says_so else 3
    first = broker.wait_online(tries + 1)
    assert first.level == 4 and [p["level"] for p in first.all("connect")] == [4]
    ask(first, "o1")
    first.wait("publish", "/cmd/get-steering/o1/status")
    first.close()  # it restarts
    again = broker.wait_online(tries + 3)
    assert again.level == 4
    ask(again, "o2")
    again.wait("publish", "/cmd/get-steering/o2/status")
    broker.on_connect = lambda c, p: RawBroker.on_connect(broker, c, p)
    again.close()
    renewed = broker.wait_online(tries + 4)
    assert renewed.level == 5
    agent.stop()


def test_a_broker_of_mqtt_5_that_hangs_up_is_not_old(lab, broker):
    """It may be starting, or a balancer have nobody behind it: 3.1.1 would lose sight of expiry."""
    broker.on_connect = lambda c, p: c.connack() if c.number == 1 else c.close()
    to(lab, broker)
    broker.wait_online().close()
    broker.wait_connection(7)
    assert {c.level for c in broker.connections[:6]} == {5}
    broker.on_connect = lambda c, p: RawBroker.on_connect(broker, c, p)
    wait_until(lambda: broker.connections[-1].all("subscribe"), what="it is in again")
    assert broker.connections[-1].level == 5


def test_a_retained_message_that_is_too_long_for_3_1_1(lab, broker):
    """No limit can be told to such a broker, and it comes with each subscription."""
    broker.on_subscribe = lambda c, p: (
        RawBroker.on_subscribe(broker, c, p),
        c.publish(f"{P}/cmd/get-eid/big/req", b"x" * 70000),
    )
    to(lab, broker, {"mqtt.version": "3.1.1"})
    connection = broker.wait_online()
    answer = json.loads(connection.wait("publish", "/cmd/get-eid/big/status")["payload"])
    assert (answer["state"], answer["error"]["code"]) == ("rejected", "payload-too-large"), answer
    ask(connection, "after")
    connection.wait("publish", "/cmd/get-steering/after/status")
    assert len(broker.connections) == 1


def test_a_broker_renewed_between_two_tries(lab, broker):
    """It has said that it is old, and refuses the old version a moment later."""

    def on_connect(c, p):
        if p["level"] == 5 and c.number > 2:
            c.connack()
        else:
            c.connack(0x84 if p["level"] == 5 else 1)
            c.close()

    broker.on_connect = on_connect
    to(lab, broker)
    assert broker.wait_online(3).level == 5
    assert [c.level for c in broker.connections] == [5, 4, 5]


class Aedes(harness.Logged):
    """npm's aedes 3.1.1 broker. Installed once into the build's folder."""

    FILES = ("package.json", "package-lock.json", "broker.mjs")

    def __init__(self, folder):
        super().__init__(folder, "aedes")
        self.port = free_port()
        self.at = Path(harness.binary("..")).resolve() / "aedes"
        self._install()

    def _install(self):
        self.at.mkdir(exist_ok=True)
        with open(self.at / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for name in self.FILES:
                shutil.copy(Path(__file__).parent / "aedes" / name, self.at / name)
            wanted = (self.at / "package-lock.json").read_text()
            done = self.at / "installed"
            if done.exists() and done.read_text() == wanted:
                return
            npm = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            try:
                subprocess.run(npm, cwd=self.at, capture_output=True, text=True, timeout=300, check=True)
            except subprocess.SubprocessError as e:
                pytest.skip(f"SKIPPED LOUDLY: npm cannot install aedes: {e} {(e.stderr or '')[-500:]}")
            done.write_text(wanted)

    def start(self):
        self.spawn(
            ["node", str(self.at / "broker.mjs"), str(self.port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        )
        if self.process.stdout.readline() != b"ready\n":
            self.complain("it did not get ready")

    def stop(self):
        if self.process:
            self.kill()
            self.process.stdout.close()
            self.process = None


@pytest.fixture
def aedes(tmp_path):
    aedes = Aedes(tmp_path)
    aedes.start()
    yield aedes
    aedes.stop()


class OldWatcher(MqttWatcher):
    """Over 3.1.1, and its session ends with its connection."""

    def __init__(self, port):
        self.messages = []
        self._lock = threading.Lock()
        self._published = set()
        subscribed = threading.Event()
        self.client = harness.paho.Client(client_id="watcher", protocol=harness.paho.MQTTv311)
        self.client.on_connect = lambda client, *rest: client.subscribe("#", 1)
        self.client.on_subscribe = lambda *args: subscribed.set()
        self.client.on_message = self._on_message
        self.client.on_publish = lambda client, userdata, mid: self._published.add(mid)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert subscribed.wait(30 * SLOW)

    def _on_message(self, client, userdata, message):
        message.properties = None
        super()._on_message(client, userdata, message)


@pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")),
    reason="SKIPPED LOUDLY: node and npm are not installed, so aedes, a real broker of 3.1.1, is not tried",
)
def test_a_real_broker_of_3_1_1(lab, aedes):
    """It gets in, switches, and is there again after a restart of the broker."""
    watcher = OldWatcher(aedes.port)
    agent = to(lab, aedes, sim=lab.sim())
    online = lambda m: m.topic == f"{P}/status/health" and m.payload["online"]
    watcher.wait_for(online)
    agent.wait_ready()
    watcher.client.publish(f"{P}/cmd/enable-profile/s1/req", json.dumps({"iccid": BETA}), 1)
    topic = f"{P}/cmd/enable-profile/s1/status"
    end = watcher.wait_for(lambda m: m.topic == topic and m.payload["state"] == "succeeded", 120)
    assert end.payload["result"]["now"] == BETA
    watcher.close()
    aedes.stop()
    aedes.start()
    watcher = OldWatcher(aedes.port)
    watcher.wait_for(online, 60)
    watcher.client.publish(f"{P}/cmd/get-eid/s2/req", "", 1)
    watcher.wait_for(f"{P}/cmd/get-eid/s2/status")
    assert "version=4" in agent.stderr() and "version=5" not in agent.stderr()
    agent.stop()
    watcher.wait_for(lambda m: m.topic == f"{P}/status/health" and m.payload.get("reason") == "shutdown")
    watcher.close()
