"""mqtt/examples: Telegraf's configuration makes points of what the agent says, and Grafana's dashboard
asks for nothing else.

Telegraf runs the configuration's script as Starlark, a subset of Python: here it is run as Python,
after a look that it keeps to the subset, with what Telegraf gives it.
"""

import ast
import json
import re
import tomllib
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import paho.mqtt.client as paho
import pytest

from harness import ALPHA, BETA, DEVICE, GAMMA, wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "mqtt" / "examples"
P = f"esim/v1/{DEVICE}"
ARRIVAL = 1_800_000_000_000_000_000
SECOND = 1_000_000_000
# Every column that a batch may have; one that held for all rows, one that changed, one not always known.
BATCH = {
    "at": "2026-11-23T20:00:29.120Z", "samples": 30,
    "iccid": BETA, "imsi_hash": "0123456789abcdef", "registration": ["home", "home", "roaming"],
    "roaming": [False, False, True], "operator": "26201", "technology": ["LTE", "LTE", None],
    "attached": True, "offset_s": [0, 60, 180],
    "rssi_dbm": [-67, None, -71], "rscp_dbm": [None, -98, None], "ecno_db": [None, -7.5, None],
    "rsrp_dbm": [-97, -98, None], "rsrq_db": [-11, -11.5, -11], "sinr_db": [15, 14, 15],
    "loss_pct": [0, 0, 33.3], "rtt_ms": [120, 131, None], "rx_bytes": [1200, 0, 310],
    "tx_bytes": [900, 0, 200],
}

# --- Telegraf's side ---

ALLOWED = tuple(
    getattr(ast, name)
    for name in """Module FunctionDef Return Assign AugAssign For If Expr Pass Break Continue arguments
    arg Name Load Store Constant Attribute Subscript Slice Call keyword List Tuple Dict ListComp DictComp
    comprehension BoolOp And Or BinOp Add Sub Mult FloorDiv Mod UnaryOp Not USub IfExp Compare Eq NotEq Lt
    LtE Gt GtE In NotIn Lambda""".split()
)


def check_starlark(tree):
    for node in ast.walk(tree):
        assert isinstance(node, ALLOWED), f"line {getattr(node, 'lineno', '?')}: {ast.dump(node)[:90]}"
        assert not isinstance(node, ast.Compare) or len(node.ops) == 1, "no chains of comparisons"
    for node in tree.body:
        assert isinstance(node, (ast.FunctionDef, ast.Assign, ast.Expr)), "at top level, no if, no for"


class Typed(dict):
    """Tags or fields, which take some types only."""

    def __init__(self, *types):
        super().__init__()
        self.types = types

    def __setitem__(self, name, value):
        assert type(value) in self.types, f"{name}: {value!r}"
        super().__setitem__(name, value)


class Metric:
    def __init__(self, name):
        self.name, self.time = name, ARRIVAL
        self.tags, self.fields = Typed(str), Typed(int, float, str, bool)


def parse_time(text):
    at = datetime.fromisoformat(text)
    return SimpleNamespace(unix_nano=int(at.timestamp()) * SECOND + at.microsecond * 1000)


class Telegraf:
    """As much of it as the configuration uses."""

    def __init__(self, text):
        conf = tomllib.loads(text)
        (self.input,) = conf["inputs"]["mqtt_consumer"]
        (processor,) = conf["processors"]["starlark"]
        self.kinds = processor["tagpass"]["kind"]
        tree = ast.parse(processor["source"])
        check_starlark(tree)
        self.script = {
            "load": lambda *names: None,
            "json": SimpleNamespace(decode=json.loads),
            "time": SimpleNamespace(parse_time=parse_time),
            "type": lambda value: {list: "list", dict: "dict"}.get(type(value), "other"),
            "Metric": Metric,
        }
        exec(compile(tree, "telegraf.conf", "exec"), self.script)

    def take(self, topic, payload, arrival=ARRIVAL):
        """The points that a message makes."""
        assert any(paho.topic_matches_sub(f, topic) for f in self.input["topics"]), topic
        metric = Metric("mqtt_consumer")
        metric.time = arrival
        metric.fields["value"] = payload if isinstance(payload, str) else json.dumps(payload)
        levels = topic.split("/")
        for row in self.input["topic_parsing"]:
            if paho.topic_matches_sub(row["topic"], topic):
                names = row["tags"].split("/")
                places = row["measurement"].split("/")
                assert len(names) == len(places) == len(levels)
                metric.tags.update({n: v for n, v in zip(names, levels) if n != "_"})
                metric.name = next(v for n, v in zip(places, levels) if n != "_")
        assert metric.tags["kind"] in self.kinds
        points = self.script["apply"](metric) or []
        assert all(p.fields for p in points), "a point without a field is none"
        return points


@pytest.fixture(scope="module")
def telegraf():
    return Telegraf((EXAMPLES / "telegraf.conf").read_text())


def messages_of(lab):
    """An agent's: it comes, switches, is refused a switch, and dies."""
    sim = lab.sim(None, {"card.profiles.1.pol1": True})
    broker = lab.broker()
    watcher = lab.watcher(broker, f"{P}/#")
    agent = lab.agent(sim, broker, config={"mqtt.will_delay_s": 0})
    agent.wait_ready()
    watcher.wait_for(f"{P}/twin/connectivity", 60)
    agent.enable(BETA)
    agent.enable(GAMMA)
    wait_until(lambda: len(watcher.all(f"{P}/e/switch")) == 2, 60, "both switches are told")
    watcher.wait_for(
        lambda m: m.topic == f"{P}/twin/esim" and m.payload.get("enabled") == BETA, 60
    )
    # Without a delay the will also speaks when a switch moves the link: the last word counts.
    agent.kill()
    wait_until(lambda: not watcher.all(f"{P}/status/health")[-1].payload["online"], 60, "its will")
    return [(m.topic, m.payload) for m in watcher.all()]


def test_points_of_what_the_agent_says_and_a_dashboard_of_the_points(lab, telegraf):
    told = messages_of(lab)
    points = []
    for topic_filter in telegraf.input["topics"]:
        match = [(t, p) for t, p in told if paho.topic_matches_sub(topic_filter, t)]
        if topic_filter.endswith("/m/connectivity"):
            match = match or [(f"{P}/m/connectivity", BATCH)]
        assert match, f"the agent says nothing to {topic_filter}"
        for topic, payload in match:
            points += telegraf.take(topic, payload)
    assert {p.tags["device"] for p in points} == {DEVICE}

    presence = [p.fields for p in points if p.name == "esim_presence"]
    assert presence[0]["online"] == 1 and presence[-1]["online"] == 0
    assert 1 in [p["switching"] for p in presence]
    profiles = [p.fields.get("enabled") for p in points if p.name == "esim_profile"]
    assert profiles[0] == ALPHA and profiles[-1] == BETA

    done, refused = [p for p in points if p.name == "esim_switch"]
    event, _ = [payload for topic, payload in told if topic == f"{P}/e/switch"]
    assert done.tags == {"device": DEVICE, "state": "succeeded", "channel": "rest"}
    assert done.fields["from"] == ALPHA and done.fields["to"] == done.fields["now"] == BETA
    assert done.fields["blackout_ms"] == event["result"]["blackout_ms"]
    assert done.fields["registering_ms"] == event["phases"][2]["ms"]
    spent = parse_time(event["ended_at"]).unix_nano - parse_time(event["started_at"]).unix_nano
    assert done.fields["took_ms"] == spent // 1_000_000
    assert done.time == parse_time(event["at"]).unix_nano
    assert refused.tags["state"] == "failed" and refused.tags["error"] == "policy-forbids"

    reading = next(p for p in points if p.name == "esim_connectivity")
    assert reading.tags["iccid"] and reading.tags["technology"] == "LTE"
    assert reading.fields["registration"] == "home" and reading.fields["attached"] == 1
    assert type(reading.fields["rsrp_dbm"]) is float

    check_dashboard(points + telegraf.take(f"{P}/m/connectivity", BATCH))


def test_a_batch_becomes_rows(telegraf):
    rows = telegraf.take(f"{P}/m/connectivity", BATCH)
    first = parse_time(BATCH["at"]).unix_nano
    assert [p.time for p in rows] == [first, first + 60 * SECOND, first + 180 * SECOND]
    assert rows[0].tags == {"device": DEVICE, "iccid": BETA, "operator": "26201", "technology": "LTE"}
    assert "technology" not in rows[2].tags
    assert [p.fields["registration"] for p in rows] == ["home", "home", "roaming"]
    assert [p.fields["roaming"] for p in rows] == [0, 0, 1] and rows[1].fields["attached"] == 1
    assert [p.fields.get("rsrp_dbm") for p in rows] == [-97.0, -98.0, None]
    assert [p.fields["rsrq_db"] for p in rows] == [-11.0, -11.5, -11.0]
    assert [p.fields["rx_bytes"] for p in rows] == [1200, 0, 310]
    columns = {name for p in rows for name in (*p.fields, *p.tags)} - {"device"}
    assert columns == set(BATCH) - {"at", "samples", "offset_s", "imsi_hash"}
    for name in {name for p in rows for name in p.fields}:
        assert len({type(p.fields[name]) for p in rows if name in p.fields}) == 1, name


def test_a_batch_that_comes_twice_is_the_same_points(telegraf):
    once, again = (telegraf.take(f"{P}/m/connectivity", BATCH, ARRIVAL + n) for n in (0, 1))
    assert [vars(p) for p in once] == [vars(p) for p in again]


def test_without_a_clock_the_arrival_counts(telegraf):
    batch = {"at": "1970-01-01T00:05:00.000Z", "clock_set": False, "samples": 2,
             "registration": "searching", "offset_s": [0, 60]}
    assert [p.time for p in telegraf.take(f"{P}/m/connectivity", batch)] == [
        ARRIVAL - 60 * SECOND, ARRIVAL]


def test_what_clears_a_topic_is_no_point(telegraf):
    assert telegraf.take(f"{P}/status/health", "") == []


# --- Grafana's side ---


def texts_at(node, key):
    """Every text under `key`, however deep."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key and isinstance(value, str):
                yield value
            yield from texts_at(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from texts_at(value, key)


def check_dashboard(points):
    """Each query names a measurement that Telegraf makes, and fields and tags that it has."""
    names = {}
    for p in points:
        names.setdefault(p.name, set()).update(p.fields, p.tags)
    dashboard = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
    queries = [q for q in texts_at(dashboard, "query") if q != "influxdb"]
    asked = set()
    for query in queries:
        measurement, = re.findall(r'FROM "(\w+)"', query)
        assert measurement in names, query
        asked.add(measurement)
        for name in set(re.findall(r'"(\w+)"', query)) - {measurement}:
            assert name in names[measurement], f"{name} in {query}"
    assert asked == set(names), "a measurement that nothing shows"
    panels = dashboard["panels"]
    assert len({p["id"] for p in panels}) == len(panels)
    assert all(p["targets"] for p in panels)
    titles = " ".join(p["title"] for p in panels)
    for title in ("Presence", "Registration", "Signal", "Switches", "Blackout"):
        assert title in titles
