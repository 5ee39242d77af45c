"""What the end-to-end tests are made of: the simulator, a real broker, the agent, and clients.

Standard library, Debian's python3-paho-mqtt 1.6 and, for witness and referee, python3-jsonschema. The binaries
are looked for in LPM_BIN_DIR. Everything lives in a folder of the test's own; each process is ended by
its id. LPM_TEST_SLOW (a number) multiplies every time-out.

    with harness.Lab() as lab:
        sim = lab.sim("guide.json", {"modem.refresh": "enable"})
        broker = lab.broker()
        agent = lab.agent(sim, broker)
        agent.wait_ready()
        status, headers, body = agent.http("GET", "/v1/eid")
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

import referee
from ports import free_port
from witness import Limits, Witness

SLOW = float(os.environ.get("LPM_TEST_SLOW", "1"))
TIMEOUT = 30.0
POLL = 0.015
SCENARIOS = Path(__file__).resolve().parent.parent / "sim" / "scenarios"
DEVICE = "dev-1"

# The guide's card.
ALPHA = "89123108001757010071"
BETA = "8949001312170061988"
GAMMA = "89123108001757010072"

SANITIZER = re.compile(
    r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w+Sanitizer"
)


def binary(name):
    folder = os.environ.get("LPM_BIN_DIR")
    if not folder:
        raise RuntimeError("LPM_BIN_DIR must name the folder of lpm-agent and lpm-sim")
    return str(Path(folder) / name)


def wait_until(predicate, timeout=TIMEOUT, what="the condition"):
    """Polls until the predicate gives something true, and returns that."""
    end = time.monotonic() + timeout * SLOW
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout * SLOW:g} s: {what}")
        time.sleep(POLL)


def end_process(process, number=signal.SIGTERM, timeout=10.0):
    """Ends a process that we started; kills it when it does not listen. Returns its status."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(timeout * SLOW)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


class Logged:
    """A child process whose stderr goes to a file that failures show."""

    def __init__(self, folder, name):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.stderr_path = self.folder / f"{name}.stderr"
        self.process = None

    def spawn(self, args, **more):
        with open(self.stderr_path, "ab") as err:
            self.process = subprocess.Popen(args, stderr=err, **more)

    def stderr(self):
        return self.stderr_path.read_text(errors="replace") if self.stderr_path.exists() else ""

    def complain(self, why):
        raise AssertionError(f"{self.name}: {why}\n--- {self.stderr_path} ---\n{self.stderr()[-8000:]}")

    def running(self):
        return self.process is not None and self.process.poll() is None

    def check_sanitizers(self):
        if SANITIZER.search(self.stderr()):
            self.complain("a sanitizer complained")

    def kill(self):
        """Ends it at once, as a power cut would."""
        if self.running():
            self.process.kill()
        if self.process:
            self.process.wait()


class Sim(Logged):
    """lpm-sim. `scenario`: a dict, a file name in tests/sim/scenarios, a path, or None for the
    guide's card. `overrides`: {"modem.refresh": "enable", …}. `bearers`: [(listen, target), …]
    as ports on 127.0.0.1."""

    def __init__(self, folder, scenario=None, overrides=None, bearers=()):
        super().__init__(folder, "lpm-sim")
        self.link = str(self.folder / "modem")
        self.control_path = str(self.folder / "sim.sock")
        self.trace_path = self.folder / "sim.trace"
        args = [binary("lpm-sim"), "--link", self.link, "--control", self.control_path]
        args += ["--trace", str(self.trace_path)]
        args += self._scenario_args(scenario)
        for path, value in (overrides or {}).items():
            args += ["--set", f"{path}={json.dumps(value)}"]
        for listen, target in bearers:
            args += ["--bearer", f"127.0.0.1:{listen}=127.0.0.1:{target}"]
        self.spawn(args, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        line = self.process.stdout.readline().decode()
        if not line.startswith("ready"):
            self.kill()
            self.complain("it did not get ready")

    def _scenario_args(self, scenario):
        if scenario is None:
            return []
        if isinstance(scenario, dict):
            path = self.folder / "scenario.json"
            path.write_text(json.dumps(scenario, indent=1))
        elif (SCENARIOS / str(scenario)).exists():
            path = SCENARIOS / str(scenario)
        else:
            path = Path(scenario)
        return ["--scenario", str(path)]

    def control(self, cmd, **more):
        """One command on the control socket, on a connection of its own: waits may overlap."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(more.get("timeout_ms", 0) / 1000 + 10 * SLOW)
            s.connect(self.control_path)
            s.sendall(json.dumps({"cmd": cmd, **more}).encode() + b"\n")
            data = b""
            while not data.endswith(b"\n"):
                part = s.recv(65536)
                if not part:
                    break
                data += part
        answer = json.loads(data) if data else {"ok": False, "error": "closed"}
        if not answer["ok"]:
            raise AssertionError(f"lpm-sim: {cmd} {more}: {answer['error']}")
        return answer

    def set(self, path, value):
        self.control("set", path=path, value=value)

    def fault(self, where, match, **more):
        self.control("fault", where=where, match=match, **more)

    def clear_faults(self):
        self.control("clear-faults")

    def state(self):
        return self.control("state")

    def log(self, since=0):
        return self.control("log", since=since)["log"]

    def last_n(self):
        """The number of the newest entry, for log(since)."""
        entries = self.log()
        return entries[-1]["n"] if entries else 0

    def ops(self, since=0):
        """What the card was asked: ["open", "select", "list", …]."""
        return [e["op"] for e in self.log(since) if e.get("op")]

    def at_lines(self, since=0):
        return [e["at"] for e in self.log(since)]

    def counters(self):
        return self.control("counters")["counters"]

    def reset_counters(self):
        self.control("reset-counters")

    def switch(self, iccid):
        self.control("switch", iccid=iccid)

    def vanish(self, ms=None):
        self.control("vanish", ms=ms)

    def come_back(self):
        self.control("return")

    def urc(self, text):
        self.control("urc", text=text)

    def raw(self, data):
        self.control("raw", hex=data.hex())

    def reboot(self):
        self.control("reboot")

    def wait(self, timeout=TIMEOUT, **until):
        """wait(op="enable", count=1), wait(enabled=ICCID), wait(registration="home", data=True)"""
        return self.control("wait", until=until, timeout_ms=int(timeout * SLOW * 1000))

    def enabled(self):
        """The ICCID that the card has enabled."""
        return self.state()["card"]["enabled"]

    def check(self, channels=True):
        """What must be true after any test: no command over another, no channel left open."""
        assert self.counters()["overlaps"] == 0, "a command was sent before the last one's end"
        if channels:
            # A job may be under way: the agent lists the card after a switch by itself.
            wait_until(lambda: not self.state()["card"]["channels"], what="all channels closed")

    def stop(self):
        if not self.process:
            return
        status = end_process(self.process)
        self.process.stdout.close()
        self.check_sanitizers()
        if status != 0:
            self.complain(f"exit status {status}")
        self.process = None


class Broker(Logged):
    """A real mosquitto on a port of its own; stop() and start() keep the port and the sessions. It has
    a witness, who comes in by a listener of his own: passwords and ACLs are not his.
    `extra`: more lines. `conf`: the whole configuration, with `port` as one of its listeners."""

    def __init__(self, folder, port=None, extra="", start=True, conf=None):
        super().__init__(folder, "mosquitto")
        self.port = port or free_port()
        self._side_port = free_port()
        self.witness = Witness(self._let_witness_in)
        self.conf = self.folder / "mosquitto.conf"
        self.configure(extra, conf)
        if start:
            self.start()

    def configure(self, extra="", conf=None):
        """For the next start."""
        conf = conf or (
            f"per_listener_settings true\nuser root\n"
            f"persistence true\npersistence_location {self.folder}/\n"
            f"log_type all\nmax_queued_messages 100000\n"
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n{extra}\n"
        )
        assert "per_listener_settings true\n" in conf, "it would be the witness's, too"
        before, rest = conf.split("\nlistener ", 1)
        side = f"listener {self._side_port} 127.0.0.1\nallow_anonymous true\n"
        self.conf.write_text(f"{before}\n{side}listener {rest}")
        self.witness.limits = Limits(conf)

    @property
    def uri(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self):
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.spawn([program, "-c", str(self.conf)], stdin=subprocess.DEVNULL)
        wait_until(self._answers, what=f"mosquitto on port {self.port}")
        self.witness.begin()

    def _let_witness_in(self):
        """Each message keeps the QoS that it was sent with. He comes back when the broker does, not by
        trying: a try at a port of this machine where nobody listens may meet itself, and keep it."""
        client_id = f"witness-{self._side_port}"
        return MqttWatcher(self._side_port, client_id=client_id, qos=2, tries_again=False)

    def _answers(self):
        if not self.running():
            self.complain("it ended")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def stop(self):
        if self.process:
            end_process(self.process)
            self.process = None


class UnixConnection(HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("lpm", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        end = time.monotonic() + self.timeout
        while True:
            try:
                return self.sock.connect(self.path)
            except BlockingIOError:  # a full backlog, to a socket with a time-out
                if time.monotonic() > end:
                    raise
                time.sleep(POLL)


def connect(door, timeout):
    if isinstance(door, int):
        return HTTPConnection("127.0.0.1", door, timeout=timeout)
    return UnixConnection(str(door), timeout)


def http(door, method, path, headers=None, body=None, timeout=None):
    """(status, headers, parsed JSON or text). `door`: a socket's path, or a port on 127.0.0.1. `body`:
    bytes, text, or what goes out as JSON. Header names are lower case. The answer has to be as
    api/openapi.json says."""
    headers = dict(headers or {})
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
        headers.setdefault("Content-Type", "application/json")
    connection = connect(door, timeout or (TIMEOUT * 4 * SLOW))
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            # A server that has refused the head may close before the body is through.
            connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        data = response.read()
        names = {name.lower(): value for name, value in response.getheaders()}
        referee.look(method, path, response.status, names, data)
        if "json" in names.get("content-type", "") and data:
            return response.status, names, json.loads(data)
        return response.status, names, data.decode(errors="replace")
    finally:
        connection.close()


def merge(into, more):
    """Deep, `more` wins. Keys with dots are paths: {"switch.register_s": 5}."""
    for key, value in more.items():
        *folders, last = key.split(".") if isinstance(key, str) else (key,)
        at = into
        for folder in folders:
            at = at.setdefault(folder, {})
        if isinstance(value, dict) and isinstance(at.get(last), dict):
            merge(at[last], value)
        else:
            at[last] = value
    return into


class Agent(Logged):
    """lpm-agent with a configuration of its own. `port`: the simulator's link. `config`: over the
    test's defaults, nested or with dots. Stopped and started again it keeps its state."""

    def __init__(self, folder, port, mqtt_uri=None, config=None, start=True, env=None):
        super().__init__(folder, "lpm-agent")
        self.socket = str(self.folder / "api.sock")
        self.config_path = self.folder / "config.json"
        self.env = env or {}
        # Each ({MQTT client id, …}, base of its topics) that it was started with.
        self.identities = set()
        self.config = {
            "device_id": DEVICE,
            "state_dir": str(self.folder / "state"),
            "log": {"level": "debug", "format": "text"},
            "api": {"socket": self.socket},
            "modem": {"port": port},
            "switch": {"min_interval_s": 0, "max_per_hour": 1000, "max_per_day": 10000},
        }
        if mqtt_uri:
            self.config["mqtt"] = {"uri": mqtt_uri, "reconnect_min_s": 1, "reconnect_max_s": 2}
        merge(self.config, config or {})
        (self.folder / "state").mkdir(exist_ok=True)
        self.write_config()
        if start:
            self.start()

    def write_config(self, more=None):
        merge(self.config, more or {})
        self.config_path.write_text(json.dumps(self.config, indent=1))

    def identity(self):
        device, mqtt = self.config["device_id"], self.config.get("mqtt", {})
        # A broker may take the certificate's name, which is the device's, for the client's.
        clients = frozenset([mqtt.get("client_id") or f"lpm-{device}", device])
        return clients, f"{mqtt.get('topic_prefix', 'esim/v1')}/{device}"

    def start(self, ready=True):
        self.identities.add(self.identity())
        env = {k: v for k, v in os.environ.items() if not k.startswith("LPM_AGENT__")}
        env.update(self.env)
        self.spawn(
            [binary("lpm-agent"), "--config", str(self.config_path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env=env,
        )
        if ready:
            wait_until(self.healthy, what="lpm-agent answers /healthz")

    def healthy(self):
        if not self.running():
            self.complain(f"it ended with status {self.process.returncode}")
        return self.status("/healthz") == 200

    def ready(self):
        """Set-up is through and the applet is there."""
        return self.status("/readyz") == 200

    def wait_ready(self, timeout=TIMEOUT):
        try:
            wait_until(self.ready, timeout, "lpm-agent answers /readyz with 200")
        except AssertionError as e:
            self.complain(str(e))

    def status(self, path):
        """Of a GET; 0: nobody answers."""
        with contextlib.suppress(OSError, HTTPException):
            return self.http("GET", path, timeout=5 * SLOW)[0]
        return 0

    def http(self, method, path, headers=None, body=None, timeout=None):
        return http(self.socket, method, path, headers, body, timeout)

    def enable(self, ref, wait=120, key=None, **body):
        """Asks for a switch; with `wait` (s) until it has ended. (status, headers, operation)"""
        headers = {"Prefer": f"wait={int(wait * SLOW)}"} if wait else {}
        if key:
            headers["Idempotency-Key"] = key
        return self.http("POST", f"/v1/profiles/{ref}/enable", headers, body or None)

    def operation(self, operation_id):
        return self.http("GET", f"/v1/operations/{operation_id}")[2]

    def wait_operation(self, operation_id, predicate=None, timeout=120.0):
        """Until it has ended, or the predicate holds. Returns the operation."""
        ended = ("succeeded", "failed", "rejected", "expired", "canceled")
        holds = predicate or (lambda op: op["state"] in ended)

        def look():
            op = self.operation(operation_id)
            return op if holds(op) else None

        return wait_until(look, timeout, f"operation {operation_id}")

    def stop(self, timeout=10.0):
        """SIGTERM; it has to end with status 0, in time, and without a sanitizer's report."""
        if not self.process:
            return
        try:
            status = end_process(self.process, timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process = None
            self.complain(f"it did not stop within {timeout * SLOW:g} s")
        self.process = None
        self.check_sanitizers()
        if status != 0:
            self.complain(f"exit status {status}")

    def kill(self):
        super().kill()
        self.process = None


class Message:
    """One MQTT message: topic, payload (parsed JSON, or text), retain, qos, properties, at."""

    def __init__(self, message):
        self.topic = message.topic
        self.raw = message.payload
        self.retain = message.retain
        self.qos = message.qos
        self.properties = message.properties
        self.at = time.monotonic()
        try:
            self.payload = json.loads(message.payload) if message.payload else None
        except ValueError:
            self.payload = message.payload.decode(errors="replace")

    def __repr__(self):
        return f"<{self.topic}{' retained' if self.retain else ''} {self.payload}>"


class MqttWatcher:
    """A client that hears everything (MQTT 5, Retain As Published) and may publish. Its session
    outlives a broker that is stopped and started, so it misses nothing. `setup` is called with
    Paho's client before it connects."""

    def __init__(self, port, topic="#", client_id=None, setup=None, qos=1, tries_again=True):
        self.messages = []
        self._lock = threading.Lock()
        self._subscribed = threading.Event()
        self._published = set()
        self._topic = topic
        self._qos = qos
        self.client = paho.Client(
            client_id=client_id or f"watcher-{os.getpid()}-{time.monotonic_ns()}",
            protocol=paho.MQTTv5,
            reconnect_on_failure=tries_again,
        )
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *args: self._subscribed.set()
        self.client.on_message = self._on_message
        self.client.on_publish = lambda client, userdata, mid: self._published.add(mid)
        self.client.reconnect_delay_set(1, 1)
        if setup:
            setup(self.client)
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3600
        # Mosquitto 2.0 saves no session that began with a clean start.
        self.client.connect("127.0.0.1", port, clean_start=False, properties=session)
        self.client.loop_start()
        if not self._subscribed.wait(TIMEOUT * SLOW):
            raise AssertionError("the watcher could not subscribe")

    def _on_connect(self, client, userdata, flags, reason, properties=None):
        options = SubscribeOptions(qos=self._qos, retainAsPublished=True)
        client.subscribe([(self._topic, options)])

    def _on_message(self, client, userdata, message):
        with self._lock:
            self.messages.append(Message(message))

    def all(self, topic=None):
        """What came so far; `topic`: an MQTT filter."""
        with self._lock:
            seen = list(self.messages)
        return [m for m in seen if topic is None or paho.topic_matches_sub(topic, m.topic)]

    def clear(self):
        with self._lock:
            self.messages.clear()

    def wait_for(self, predicate, timeout=TIMEOUT, what="a message"):
        """The first message the predicate takes; a text is a topic filter."""
        if isinstance(predicate, str):
            wanted = predicate
            what = f"a message on {wanted}"
            predicate = lambda m: paho.topic_matches_sub(wanted, m.topic)
        try:
            return wait_until(
                lambda: next((m for m in self.all() if predicate(m)), None), timeout, what
            )
        except AssertionError as e:
            seen = "\n".join(repr(m) for m in self.all()[-40:])
            raise AssertionError(f"{e}\n--- messages ---\n{seen}") from None

    def publish(self, topic, payload=None, qos=1, retain=False, timeout=TIMEOUT, **properties):
        """`payload`: bytes, text, None, or what goes out as JSON. Properties by Paho's names:
        MessageExpiryInterval=60, ResponseTopic="…", CorrelationData=b"…"."""
        if payload is not None and not isinstance(payload, (bytes, str)):
            payload = json.dumps(payload)
        props = Properties(PacketTypes.PUBLISH)
        for name, value in properties.items():
            setattr(props, name, value)
        info = self.client.publish(topic, payload, qos, retain, props)
        if qos:  # goes out after a reconnection where there is no connection now
            wait_until(lambda: info.mid in self._published, timeout, f"the broker has {topic}")
        return info

    def wait_back(self):
        """Subscribed again, at a broker that was killed and has forgotten this session: what is said
        before that is heard by nobody."""
        topic = f"watcher/{time.monotonic_ns()}"

        def heard():
            self.publish(topic)
            return self.all(topic)

        wait_until(heard, what="the watcher is back")

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Lab:
    """A folder and all that was started in it. Ends everything, newest first, whatever fails."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="lpm-"))
        self._stack = contextlib.ExitStack()
        self._numbers = {}
        self._agents = []

    def _place(self, name):
        n = self._numbers[name] = self._numbers.get(name, 0) + 1
        return self.folder / (name if n == 1 else f"{name}-{n}")

    def sim(self, scenario=None, overrides=None, bearers=()):
        sim = Sim(self._place("sim"), scenario, overrides, bearers)
        self._stack.callback(sim.stop)
        return sim

    def broker(self, extra="", start=True, **more):
        broker = Broker(self._place("broker"), extra=extra, start=start, **more)
        self._stack.callback(self._end_broker, broker)
        return broker

    def _end_broker(self, broker):
        """What the agents said on it has to be what the contract says."""
        whole = broker.running()
        try:
            if whole:
                broker.witness.finish()
            broker.witness.leave()
        finally:
            broker.stop()
        identities = set().union(*(agent.identities for agent in self._agents))
        broker.witness.check(broker.stderr(), identities, whole)

    def agent(self, sim, broker=None, config=None, start=True, mqtt_port=None, env=None):
        """`mqtt_port`: of a bearer, instead of the broker's own."""
        port = mqtt_port or (broker.port if broker else None)
        uri = f"mqtt://127.0.0.1:{port}" if port else None
        agent = Agent(self._place("agent"), sim.link, uri, config, False, env)
        self._agents.append(agent)
        self._stack.callback(self._end_agent, agent)
        if start:
            agent.start()
        return agent

    def _end_agent(self, agent):
        if agent.process and not agent.running():
            agent.complain(f"it ended by itself with status {agent.process.returncode}")
        agent.stop()

    def watcher(self, broker, topic="#", port=None, **more):
        """`port`: another listener of the broker than its first."""
        watcher = MqttWatcher(port or broker.port, topic, **more)
        self._stack.callback(watcher.close)
        return watcher

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        failed = kind is not None
        try:
            self._stack.close()
            referee.check()
        except BaseException:
            failed = True
            if kind is None:
                raise
        finally:
            # pytest shows what is printed at teardown only for the tests that failed.
            if failed or "PYTEST_CURRENT_TEST" in os.environ:
                self._show()
            if not os.environ.get("LPM_TEST_KEEP"):
                shutil.rmtree(self.folder, ignore_errors=True)

    def _show(self):
        """On failure: the ends of what everyone said."""
        for path in sorted(self.folder.rglob("*")):
            if path.suffix in (".stderr", ".trace") and path.stat().st_size:
                text = path.read_text(errors="replace")[-6000:]
                print(f"--- {path.relative_to(self.folder)} ---\n{text}")
