"""SIGTERM: whatever runs, the agent says goodbye and ends with 0 in under 10 s; the next start goes on."""

import os
import socket
import threading
from pathlib import Path

import pytest

import harness
from harness import BETA, wait_until

P = "esim/v1/dev-1"


def started(lab, overrides=None, config=None):
    sim = lab.sim(None, overrides)
    broker = lab.broker()
    watcher = lab.watcher(broker)
    agent = lab.agent(sim, broker, config=config)
    agent.wait_ready()
    watcher.wait_for(lambda m: m.topic == f"{P}/status/health" and m.payload["online"])
    return sim, broker, watcher, agent


def goodbye(watcher):
    return watcher.wait_for(
        lambda m: m.topic == f"{P}/status/health"
        and m.payload["online"] is False
        and m.payload.get("reason") == "shutdown"
    )


def test_idle(lab):
    sim, broker, watcher, agent = started(lab)
    agent.stop()
    goodbye(watcher)
    assert not os.path.exists(agent.socket), "the socket is removed"
    sim.check()


def test_during_a_read(lab):
    sim, broker, watcher, agent = started(lab)
    sim.set("modem.apdu_latency_ms", 1500)
    answers = []
    reader = threading.Thread(
        target=lambda: answers.append(
            agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
        )
    )
    since = sim.last_n()
    reader.start()
    wait_until(lambda: sim.ops(since), what="the read has begun")
    agent.stop()
    reader.join()
    assert answers[0][0] in (200, 503), answers
    goodbye(watcher)
    wait_until(lambda: not sim.state()["card"]["channels"], what="the channel is closed")


def test_during_a_switch_that_the_next_start_goes_on_with(lab):
    sim, broker, watcher, agent = started(lab, {"card.profiles.1.network.delay_ms": 60000})
    topic = f"{P}/cmd/enable-profile/s1/status"
    watcher.publish(f"{P}/cmd/enable-profile/s1/req", {"iccid": BETA})
    watcher.wait_for(lambda m: m.topic == topic and m.payload["phase"] == "registering")
    agent.stop()
    goodbye(watcher)
    assert watcher.all(topic)[-1].payload["state"] == "running"
    sim.set("card.profiles.1.network.delay_ms", 100)
    agent.start()
    sim.reboot()  # the search that was begun takes its minute
    watcher.wait_for(lambda m: m.topic == topic and m.payload["state"] == "succeeded", 120)
    assert sim.enabled() == BETA and sim.counters()["enable"] == 1


def test_while_the_modem_does_not_answer(lab):
    sim, broker, watcher, agent = started(lab)
    sim.fault("modem", "AT", action="silent", nth=0)
    reader = threading.Thread(
        target=lambda: agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    )
    reader.start()
    agent.stop()
    reader.join()
    goodbye(watcher)


def test_without_a_modem_or_a_broker(lab):
    sim = lab.sim()
    sim.vanish()
    agent = lab.agent(sim, mqtt_port=harness.free_port())
    agent.stop()


def test_while_the_broker_accepts_and_says_nothing(lab):
    sim = lab.sim()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        agent = lab.agent(sim, mqtt_port=silent.getsockname()[1])
        silent.settimeout(30 * harness.SLOW)
        connection, _ = silent.accept()
        agent.stop()
        connection.close()


@pytest.mark.skipif(
    bool(os.environ.get("LPM_SANITIZE")), reason="sanitizers do not take a preloaded library"
)
def test_while_a_name_look_up_hangs(lab):
    library = Path(harness.binary("libhanging_lookup.so"))
    sim = lab.sim()
    agent = lab.agent(
        sim,
        config={
            "mqtt": {
                "uri": "mqtts://broker.invalid:8883",
                "reconnect_min_s": 1,
                "reconnect_max_s": 1,
            }
        },
        env={"LD_PRELOAD": str(library)},
    )
    agent.wait_ready()
    wait_until(
        lambda: "a name look-up hangs" in agent.stderr(), what="it tries to connect"
    )
    assert agent.http("GET", "/v1/eid")[0] == 200
    assert agent.enable(BETA)[2]["state"] == "succeeded"
    agent.stop()


@pytest.mark.parametrize("number", [2, 15], ids=["SIGINT", "SIGTERM"])
def test_by_either_signal(lab, number):
    sim = lab.sim()
    agent = lab.agent(sim)
    agent.wait_ready()
    assert harness.end_process(agent.process, number) == 0
    agent.process = None


def test_sighup_reloads_what_may_change(lab):
    sim = lab.sim()
    agent = lab.agent(sim, config={"telemetry.sample_s": 3600, "log.level": "warning"})
    agent.wait_ready()
    agent.config_path.write_text("{")
    agent.process.send_signal(1)
    wait_until(lambda: "going on with the one before" in agent.stderr(), what="the refusal")
    agent.write_config({"log.level": "info"})
    agent.process.send_signal(1)
    wait_until(lambda: "configuration reloaded" in agent.stderr(), what="the reload")
    assert agent.http("GET", "/healthz")[0] == 200
