"""GET /metrics: Prometheus' own tool takes it, it counts what happened and nothing twice, it costs the
modem nothing, and nobody is named in it."""

import os
import re
import shutil
import subprocess
import time
import warnings
from pathlib import Path

import pytest

import harness
from harness import ALPHA, BETA, DEVICE, GAMMA, wait_until
from truth import SHORT, net, quick_sim

P = f"esim/v1/{DEVICE}"
EXAMPLES = Path(__file__).resolve().parents[2] / "api" / "examples"
MEDIA = "text/plain; version=0.0.4; charset=utf-8"
# As Prometheus 2 asks.
ACCEPT = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
LINE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)*)\})? ([-+0-9.e]+|\+Inf)$')


def promtool(*args, text=None):
    program = shutil.which("promtool")
    if not program:
        warnings.warn("promtool is missing (Debian: prometheus): NOT CHECKED")
        pytest.skip("promtool is missing (Debian: prometheus)")
    return subprocess.run([program, *args], input=text, capture_output=True, text=True, timeout=60)


def check(text):
    """promtool has nothing to say."""
    done = promtool("check", "metrics", text=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done


def read(agent):
    status, headers, text = agent.http("GET", "/metrics", {"Accept": ACCEPT})
    assert (status, headers["content-type"]) == (200, MEDIA), text
    assert headers["cache-control"] == "no-store"
    return text


class Scrape(dict):
    """{"name": {labels: value}} of one page."""

    def __init__(self, agent):
        super().__init__()
        self.text = read(agent)
        for line in self.text.splitlines():
            if line.startswith("#"):
                continue
            match = LINE.match(line)
            assert match, f"no line of the format: {line}"
            labels = tuple(sorted(re.findall(r'([a-z]+)="([^"]*)"', match[2] or "")))
            rows = self.setdefault(match[1], {})
            assert labels not in rows, f"twice: {line}"
            rows[labels] = float(match[3])

    def sum(self, name, **labels):
        """Of all rows that have these labels; None: there is no such metric."""
        wanted = {(key, value) for key, value in labels.items()}
        rows = [v for k, v in self.get(name, {}).items() if wanted <= set(k)]
        return sum(rows) if rows else None


def rise(before, after, name, **labels):
    return (after.sum(name, **labels) or 0) - (before.sum(name, **labels) or 0)


def wait_scrape(agent, holds, what):
    def look():
        now = Scrape(agent)
        return now if holds(now) else None

    return wait_until(look, 60, what)


def quick(lab, overrides=None, config=None, broker=None):
    sim = lab.sim(None, quick_sim(overrides))
    config = harness.merge({**SHORT, "switch.verify": "attached"}, config or {})
    agent = lab.agent(sim, broker, config=config)
    agent.wait_ready()
    return sim, agent


def ends(scrape, state, channel="rest"):
    return scrape.sum("lpm_operations_total", channel=channel, state=state)


# --- the page ---


def test_promtool_is_silent(lab):
    sim, agent = quick(lab, broker=lab.broker())
    check(read(agent))
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    check(read(agent))
    sim.vanish()
    wait_scrape(agent, lambda s: s.sum("lpm_modem_up") == 0, "the modem is away")
    check(read(agent))


def test_without_a_modem(lab):
    sim = lab.sim()
    sim.vanish()
    agent = lab.agent(sim)
    now = Scrape(agent)
    check(now.text)
    assert now.sum("lpm_modem_up") == now.sum("lpm_ready") == 0
    assert now.sum("lpm_registration_state", state="unknown") == 1
    assert now.sum("lpm_registration_state") == 1
    # Not known is absent, and so is all of a broker that is not configured.
    for name in now:
        assert not name.startswith(("lpm_signal_", "lpm_quality_", "lpm_mqtt_", "lpm_outbox_")), name
    assert now.sum("lpm_data_attached") is None


def test_who_may_read_it(lab):
    sim = lab.sim()
    port = harness.free_port()
    tokens = lab.folder / "tokens"
    tokens.write_text("operator op-token\nviewer view-token\n")
    os.chmod(tokens, 0o600)
    view = str(lab.folder / "view.sock")
    lab.agent(
        sim,
        config={
            "api.view_socket": view,
            "api.listen": f"127.0.0.1:{port}",
            "api.token_file": str(tokens),
        },
    )
    assert harness.http(view, "GET", "/metrics")[0] == 200
    url = f"http://127.0.0.1:{port}/metrics"
    for token, status in ((None, "401"), ("wrong", "401"), ("view-token", "200"), ("op-token", "200")):
        args = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url]
        if token:
            args += ["-H", f"Authorization: Bearer {token}"]
        assert subprocess.run(args, capture_output=True, text=True, timeout=30).stdout == status
    assert harness.http(view, "POST", "/metrics")[0] == 405


def test_nobody_is_named(lab):
    """Not the card, the profiles, the subscribers, the operator, nor whatever the modem says."""
    sim, agent = quick(lab, broker=lab.broker())
    agent.enable(BETA)
    agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    agent.enable("8900000000000000000")
    agent.http("GET", "/v1/profiles/8900000000000000000")
    agent.http("GET", "/secret-path")
    text = read(agent)
    info = agent.http("GET", "/v1/info")[2]
    reading = agent.http("GET", "/v1/connectivity")[2]
    eid = agent.http("GET", "/v1/eid")[2]["eid"]
    names = [ALPHA, BETA, GAMMA, eid, "8900000000000000000", "secret-path", reading["imsi_hash"]]
    names += [sim.state()["modem"]["imsi"], reading["operator"], DEVICE]
    names += [info["modem"][key] for key in ("manufacturer", "model", "port")]
    words = re.sub(r" [-0-9.e+]+$", "", text, flags=re.M)
    for name in names:
        assert name and name not in words, name
    assert not re.search(r"\d{15,}", words)


def test_a_scrape_costs_nothing(lab):
    """No AT command, and no row of the journal."""
    sim, agent = quick(lab, config={"telemetry.sample_s": 3600})
    agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    journal = Path(agent.folder) / "state" / "journal.db-wal"
    before, size = sim.last_n(), journal.stat().st_size if journal.exists() else 0
    for _ in range(50):
        read(agent)
    assert sim.last_n() == before
    assert (journal.stat().st_size if journal.exists() else 0) == size
    assert agent.http("GET", "/v1/operations")[2]["operations"] == []


# --- operations ---


def check_histograms(scrape):
    """Cumulative, +Inf is the count."""
    for name in [n for n in scrape if n.endswith("_bucket")]:
        series = {}
        for labels, value in scrape[name].items():
            rest = tuple(label for label in labels if label[0] != "le")
            series.setdefault(rest, []).append((float(dict(labels)["le"].replace("+Inf", "inf")), value))
        for rest, rows in series.items():
            rows.sort()
            values = [value for _, value in rows]
            assert values == sorted(values), (name, rest)
            assert (rows[0][0], rows[-2][0], rows[-1][0]) == (0.1, 600, float("inf"))
            assert values[-1] == scrape[name[: -len("bucket")] + "count"][rest]


def check_phases(ops, scrape):
    """The histograms hold what the operations say of themselves."""
    said = {}
    for op in ops:
        for phase in op["phases"]:
            said.setdefault(phase["phase"], []).append(phase["ms"])
    name = "lpm_switch_phase_duration_seconds"
    for phase, ms in said.items():
        assert scrape.sum(f"{name}_count", phase=phase) == len(ms), phase
        assert scrape.sum(f"{name}_sum", phase=phase) == pytest.approx(sum(ms) / 1000), phase
    for (label,), count in scrape[f"{name}_count"].items():
        assert count == len(said.get(label[1], [])), label
    whole = sum(sum(ms) for ms in said.values()) / 1000
    assert scrape.sum("lpm_switch_duration_seconds_sum") == pytest.approx(whole)
    assert scrape.sum("lpm_switch_duration_seconds_count") == len(ops)
    blackouts = [op["result"]["blackout_ms"] for op in ops if op["result"]["blackout_ms"]]
    assert scrape.sum("lpm_switch_blackout_seconds_count") == len(blackouts)
    assert scrape.sum("lpm_switch_blackout_seconds_sum") == pytest.approx(sum(blackouts) / 1000)
    check_histograms(scrape)


def test_switches_and_a_roll_back(lab):
    sim, agent = quick(lab, net(2, registration="denied"))
    fresh = Scrape(agent)
    assert {ends(fresh, s) for s in ("succeeded", "failed", "rejected", "canceled", "expired")} == {0}
    good = agent.enable(BETA)[2]
    back = agent.enable(GAMMA)[2]
    assert (good["state"], back["phase"]) == ("succeeded", "rolled-back")
    now = Scrape(agent)
    assert (ends(now, "succeeded"), ends(now, "failed")) == (1, 1)
    assert now.sum("lpm_operation_errors_total", state="failed", code=back["error"]["code"]) == 1
    assert now.sum("lpm_operation_errors_total") == 1
    assert now.sum("lpm_switch_rollbacks_total") == 1
    assert now.sum("lpm_switch_stranded_total") == now.sum("lpm_stranded") == 0
    check_phases([good, back], now)
    # What is enabled already is an operation, and no switch.
    assert agent.enable(BETA)[2]["result"]["changed"] is False
    again = Scrape(agent)
    assert ends(again, "succeeded") == 2
    check_phases([good, back], again)


def test_refused_and_canceled(lab):
    sim, agent = quick(lab, {**net(1, delay_ms=3000), "modem.latency_ms": 30})
    assert agent.http("PUT", "/v1/locks/switch", body={"holder": "me", "ttl_s": 600})[0] == 200
    assert agent.enable(BETA)[0] == 423
    locked = Scrape(agent)
    assert locked.sum("lpm_switch_locked") == 1
    assert ends(locked, "rejected") == 1
    assert locked.sum("lpm_operation_errors_total", state="rejected", code="locked") == 1
    assert agent.http("DELETE", "/v1/locks/switch?holder=me")[0] == 204
    assert Scrape(agent).sum("lpm_switch_locked") == 0
    # While the modem is away an operation waits.
    sim.vanish()
    wait_scrape(agent, lambda s: s.sum("lpm_modem_up") == 0, "the modem is away")
    status, _, op = agent.enable(BETA, wait=None)
    assert status == 202, op
    assert Scrape(agent).sum("lpm_operations_waiting") == 1
    assert agent.http("POST", f"/v1/operations/{op['id']}/cancel")[0] == 200
    now = Scrape(agent)
    assert now.sum("lpm_operations_waiting") == 0
    assert ends(now, "canceled") == 1
    assert now.sum("lpm_switch_duration_seconds_count") == 0


def test_nothing_is_counted_twice(lab):
    """A key that comes again, and a restart."""
    sim, agent = quick(lab)
    op = agent.enable(BETA, key="k1")[2]
    for _ in range(2):
        assert agent.enable(BETA, key="k1")[2]["id"] == op["id"]
    assert ends(Scrape(agent), "succeeded") == 1
    agent.stop()
    agent.start()
    agent.wait_ready()
    assert agent.enable(BETA, key="k1")[2]["id"] == op["id"]
    now = Scrape(agent)
    assert ends(now, "succeeded") == 0
    assert now.sum("lpm_switch_duration_seconds_count") == 0


def test_interrupted_by_a_kill(lab):
    """It is counted by whoever ends it, with the phases of both."""
    sim, agent = quick(lab, net(1, delay_ms=2500))
    number = agent.enable(BETA, wait=None)[2]["id"]
    agent.wait_operation(number, lambda op: op["phase"] == "registering")
    agent.kill()
    agent.start()
    op = agent.wait_operation(number)
    now = Scrape(agent)
    assert (op["state"], ends(now, "succeeded")) == ("succeeded", 1)
    check_phases([op], now)


def test_rejected_over_mqtt(lab):
    broker = lab.broker()
    sim, agent = quick(lab, broker=broker)
    watcher = lab.watcher(broker)
    agent.http("PUT", "/v1/locks/switch", body={"holder": "me", "ttl_s": 600})
    before = wait_scrape(agent, lambda s: s.sum("lpm_mqtt_connected") == 1, "the link is up")
    # It has subscribed, too.
    watcher.wait_for(lambda m: m.topic == f"{P}/status/health" and m.payload["online"])
    watcher.publish(f"{P}/cmd/enable-profile/1/req", {"iccid": BETA})
    watcher.wait_for(f"{P}/cmd/enable-profile/1/status")
    # The same id with something else in it leaves no operation.
    watcher.publish(f"{P}/cmd/enable-profile/1/req", {"iccid": GAMMA})
    now = wait_scrape(
        agent, lambda s: ends(s, "rejected", "mqtt") == 2, "both refusals are counted"
    )
    assert now.sum("lpm_operation_errors_total", channel="mqtt", code="locked") == 1
    assert now.sum("lpm_operation_errors_total", channel="mqtt", code="key-reused") == 1
    assert rise(before, now, "lpm_mqtt_messages_received_total") >= 2
    assert rise(before, now, "lpm_operations_total", channel="rest") == 0


# --- modem, card, network ---


def test_at_commands_and_apdus(lab):
    sim, agent = quick(lab, config={"telemetry.sample_s": 3600})
    fresh = {"Cache-Control": "no-cache"}
    agent.http("GET", "/v1/connectivity", fresh)
    before = Scrape(agent)
    for action, more in (("error", {}), ("cme", {"code": 100}), ("silent", {})):
        sim.fault("modem", "AT+CGATT?", action=action, **more)
        agent.http("GET", "/v1/connectivity", fresh)
        sim.clear_faults()
    agent.http("GET", "/v1/profiles", fresh)
    now = wait_scrape(
        agent,
        lambda s: rise(before, s, "lpm_at_commands_total", command="CGATT", result="timeout") == 1,
        "the time-out is counted",
    )
    for result in ("error", "cme"):
        assert rise(before, now, "lpm_at_commands_total", command="CGATT", result=result) == 1
    assert rise(before, now, "lpm_at_resyncs_total") == 1
    apdus = rise(before, now, "lpm_at_commands_total", command="CSIM")
    assert apdus > 0
    assert rise(before, now, "lpm_apdu_exchanges_total") == apdus
    assert rise(before, now, "lpm_reads_total", outcome="ok") >= 3
    assert now.sum("lpm_readers_waiting") == 0
    # A card that says no.
    sim.fault("card", "list", sw="6985", count=9)
    agent.http("GET", "/v1/profiles", fresh)
    after = wait_scrape(
        agent,
        lambda s: rise(now, s, "lpm_apdu_exchanges_total", answer="conditions") > 0,
        "6985 is counted",
    )
    assert rise(now, after, "lpm_reads_total", outcome="card-error") == 1


def test_the_modem_goes_and_comes(lab):
    sim, agent = quick(lab)
    before = Scrape(agent)
    assert (before.sum("lpm_modem_opened_total"), before.sum("lpm_modem_lost_total")) == (1, 0)
    sim.vanish()
    gone = wait_scrape(agent, lambda s: s.sum("lpm_modem_up") == 0, "the modem is away")
    assert gone.sum("lpm_modem_lost_total") == 1
    sim.come_back()
    agent.wait_ready()
    now = wait_scrape(agent, lambda s: s.sum("lpm_modem_opened_total") == 2, "it is counted")
    assert now.sum("lpm_modem_lost_total") == 1
    assert now.sum("lpm_ready") == 1


def test_resets(lab):
    """A modem that notices the switch at a CFUN cycle only."""
    sim, agent = quick(lab, {"modem.refresh": "ignored"})
    assert Scrape(agent).sum("lpm_modem_resets_total") == 0
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    now = Scrape(agent)
    assert now.sum("lpm_modem_resets_total", rung="cfun") >= 1
    assert now.sum("lpm_modem_resets_total", rung="vendor") == 0


def test_the_network(lab):
    """As GET /v1/connectivity, in base units."""
    sim, agent = quick(lab)
    status, _, said = agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    now = Scrape(agent)
    assert now.sum("lpm_registration_state", state=said["registration"]) == 1
    assert now.sum("lpm_registration_state") == 1
    assert now.sum("lpm_radio_technology", technology=said["technology"]) == 1
    assert now.sum("lpm_data_attached") == said["data"]["attached"]
    for key in ("rssi_dbm", "rscp_dbm", "ecno_db", "rsrp_dbm", "rsrq_db", "sinr_db"):
        assert now.sum(f"lpm_signal_{key}") == said["signal"].get(key), key
    assert now.sum("lpm_samples_total") >= 1
    assert now.sum("lpm_profiles") == 3


# --- the broker ---


def test_the_broker_goes_and_comes(lab):
    broker = lab.broker()
    sim, agent = quick(lab, broker=broker)
    up = wait_scrape(
        agent,
        lambda s: s.sum("lpm_mqtt_connected") == 1 and s.sum("lpm_outbox_rows") == 0,
        "the link is up, and all is said",
    )
    assert up.sum("lpm_mqtt_connects_total") >= 1
    assert up.sum("lpm_mqtt_messages_sent_total") > 0
    assert up.sum("lpm_outbox_oldest_age_seconds") == 0
    broker.stop()
    wait_scrape(agent, lambda s: s.sum("lpm_mqtt_connected") == 0, "the link is down")
    agent.enable(BETA)
    down = wait_scrape(agent, lambda s: s.sum("lpm_outbox_rows") > 0, "the outcome waits")
    assert down.sum("lpm_outbox_bytes") > 0
    assert rise(up, down, "lpm_mqtt_losses_total") >= 1
    older = wait_scrape(
        agent,
        lambda s: s.sum("lpm_outbox_oldest_age_seconds")
        > down.sum("lpm_outbox_oldest_age_seconds") + 0.2,
        "it gets older",
    )
    assert older.sum("lpm_outbox_oldest_age_seconds") < 600
    broker.start()
    back = wait_scrape(
        agent,
        lambda s: s.sum("lpm_mqtt_connected") == 1 and s.sum("lpm_outbox_rows") == 0,
        "the link is up again, and all is said",
    )
    assert rise(up, back, "lpm_mqtt_connects_total") >= 1
    assert rise(up, back, "lpm_mqtt_attempts_total") >= rise(up, back, "lpm_mqtt_connects_total")
    assert rise(up, back, "lpm_mqtt_messages_sent_total") > 0
    assert back.sum("lpm_mqtt_intake_refused_total") == 0


def test_what_waits_gets_older_over_a_restart(lab):
    age = "lpm_outbox_oldest_age_seconds"
    broker = lab.broker()
    _, agent = quick(lab, broker=broker)
    wait_scrape(agent, lambda s: s.sum("lpm_mqtt_connected") == 1, "the link is up")
    broker.stop()
    agent.enable(BETA)
    before = wait_scrape(agent, lambda s: s.sum("lpm_outbox_rows") > 0 and s.sum(age) > 1, "it waits")
    agent.stop()
    agent.start()
    after = wait_scrape(agent, lambda s: s.sum("lpm_outbox_rows") > 0, "it still waits")
    assert after.sum(age) >= before.sum(age)


def test_a_broker_that_refuses(lab):
    broker = lab.broker()
    broker.stop()
    conf = broker.conf.read_text()
    own = f"listener {broker.port} 127.0.0.1\nallow_anonymous "
    assert own + "true" in conf
    broker.conf.write_text(conf.replace(own + "true", own + "false"))
    broker.start()
    sim, agent = quick(lab, broker=broker)
    now = wait_scrape(agent, lambda s: s.sum("lpm_mqtt_refusals_total") > 0, "it is refused")
    assert now.sum("lpm_mqtt_connected") == now.sum("lpm_mqtt_connects_total") == 0
    assert now.sum("lpm_mqtt_losses_total") == 0


# --- the doors and the process ---


def test_requests_and_the_process(lab):
    sim, agent = quick(lab)
    before = Scrape(agent)
    agent.http("GET", "/v1/eid")
    agent.http("GET", "/v1/profiles/nonsense")
    agent.http("GET", "/nothing")
    now = Scrape(agent)
    name = "lpm_http_requests_total"
    assert rise(before, now, name, route="/v1/eid", status="2xx") == 1
    assert rise(before, now, name, route="/v1/profiles/{}", status="4xx") == 1
    assert rise(before, now, name, route="unmatched", status="4xx") == 1
    assert rise(before, now, name, route="/metrics", method="GET", status="2xx") == 1
    assert now.sum("lpm_http_connections") >= 1
    pid = agent.process.pid
    status = Path(f"/proc/{pid}/status").read_text()
    resident = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024
    assert abs(now.sum("process_resident_memory_bytes") - resident) < 0.5 * resident
    assert abs(now.sum("process_open_fds") - len(os.listdir(f"/proc/{pid}/fd"))) <= 3
    assert now.sum("process_threads") == len(os.listdir(f"/proc/{pid}/task"))
    # proc(5): field 22, in ticks since the boot.
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    started = booted + ticks / os.sysconf("SC_CLK_TCK")
    assert now.sum("process_start_time_seconds") == pytest.approx(started, abs=30)
    assert now["lpm_build_info"] == {(("version", agent.http("GET", "/v1/info")[2]["agent"]["version"]),): 1}


# --- what is given to Prometheus ---


def test_the_rules_are_rules():
    done = promtool("check", "rules", str(EXAMPLES / "prometheus-rules.yml"))
    assert done.returncode == 0, done
    done = promtool("test", "rules", str(EXAMPLES / "prometheus-rules-test.yml"))
    assert done.returncode == 0, done


def test_the_configuration_is_one(lab):
    """Here the token's file is not where it will be."""
    token = lab.folder / "token"
    token.write_text("t")
    text = (EXAMPLES / "prometheus.yml").read_text()
    assert "/etc/prometheus/lpm-agent.token" in text
    path = lab.folder / "prometheus.yml"
    path.write_text(text.replace("/etc/prometheus/lpm-agent.token", str(token)))
    shutil.copy(EXAMPLES / "prometheus-rules.yml", lab.folder)
    done = promtool("check", "config", str(path))
    assert done.returncode == 0, done


def test_the_rules_ask_for_what_there_is(lab):
    broker = lab.broker()
    sim, agent = quick(lab, broker=broker)
    names = set(Scrape(agent))
    rules = (EXAMPLES / "prometheus-rules.yml").read_text()
    asked = set(re.findall(r"\blpm_[a-z_]+", rules))
    assert len(asked) >= 8
    assert asked <= names, asked - names
