"""For each phase a switch that fails there, and its true end: back on a profile that works."""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import time

import pytest

import harness
from harness import ALPHA, BETA, GAMMA, SLOW, free_port, wait_until
from truth import (
    ENDED,
    P,
    Clock,
    Scene,
    committed,
    enables,
    needs_preload,
    net,
    pause,
    rolled_back,
)

DEAD = net(1, registration="searching")
# GAMMA is in use, ALPHA has the fallback attribute, BETA is dead.
THREE = {
    **DEAD,
    "card.profiles.0.enabled": False,
    "card.profiles.2.enabled": True,
}


class Door:
    """A TCP listener that can be shut and opened again: what probes knock at."""

    def __init__(self, port=None):
        self.port = port or free_port()
        self.listener = None
        self.open()

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)

    def close(self):
        if self.listener:
            self.listener.close()
        self.listener = None


@pytest.fixture
def door():
    a_door = Door()
    yield a_door
    a_door.close()


def run(scene, iccid=BETA, by="rest", **body):
    """A switch from its request to its end, whose announcement has to hold."""
    number = scene.ask(iccid, by, **body)
    announced = scene.agent.operation(number)
    op = scene.end(number)
    if announced["ends_by"] and op["ended_at"]:
        assert op["ended_at"] <= announced["ends_by"], "over later than it was announced"
    return op


# --- enabling ---


def test_policy_forbids(lab):
    scene = Scene(lab, {"card.profiles.0.pol1": True}, broker=True)
    op = run(scene, by="mqtt")
    assert (op["state"], op["phase"], op["error"]["code"]) == ("failed", "enabling", "policy-forbids")
    assert op["error"]["sw"] == "69E1" and op["result"]["now"] == ALPHA
    assert op["result"]["changed"] is False
    scene.check(op)


def test_the_profile_was_deleted_meanwhile(lab):
    scene = Scene(lab, broker=True)
    scene.sim.set("card.profiles.1.iccid", "8949001312170061996")
    op = run(scene, by="mqtt")
    assert (op["state"], op["error"]["code"]) == ("failed", "profile-not-found"), op
    assert enables(scene.sim) == 0
    scene.check(op)


@pytest.mark.parametrize("sw", ["6F00", "6581"])
@pytest.mark.parametrize("network", ["good", "dead"])
def test_an_odd_answer_with_effect(lab, sw, network):
    scene = Scene(lab, DEAD if network == "dead" else None, broker=True)
    scene.sim.fault("card", "enable", sw=sw, take_effect=True)
    op = run(scene, by="mqtt")
    scene.check(committed(op) if network == "good" else rolled_back(op, "not-registered"))


def test_an_odd_answer_without_effect(lab):
    scene = Scene(lab, broker=True)
    scene.sim.fault("card", "enable", sw="6F00", take_effect=False)
    op = run(scene, by="mqtt")
    assert (op["state"], op["phase"]) == ("failed", "enabling"), op
    assert op["error"]["sw"] == "6F00" and op["result"]["now"] == ALPHA
    scene.check(op)


@pytest.mark.parametrize("fault", [
    {"action": "silent", "execute": True},
    {"action": "late", "delay_ms": 32000, "execute": True},
    {"action": "vanish", "delay_ms": 1500, "execute": True},
], ids=["silence", "late", "port gone"])
def test_no_answer_and_a_dead_network(lab, fault):
    scene = Scene(lab, DEAD, broker=True)
    scene.sim.fault("modem", "AT+CSIM=42", **fault)
    op = rolled_back(run(scene, by="mqtt"), "not-registered")
    scene.check(op)


# --- resetting ---


def radio_cycles(scene, since):
    return [line for line in scene.sim.at_lines(since) if line in ("AT+CFUN=0", "AT+CFUN=4")]


def test_refresh_ignored_and_no_ladder(lab):
    scene = Scene(
        lab, {"modem.refresh": "ignored"}, {"modem.reset": "none", "switch.refresh_s": 1}, broker=True
    )
    since = scene.sim.last_n()
    op = rolled_back(run(scene, by="mqtt"), "not-switched")
    assert not radio_cycles(scene, since), "the ladder has no rung"
    scene.check(op)


def test_refresh_ignored_and_one_rung(lab):
    """A radio cycle in vain: 30 s of waiting for it."""
    scene = Scene(
        lab,
        {"modem.refresh": "ignored", "modem.cfun_refresh": False},
        {"modem.reset": "cfun", "switch.refresh_s": 1},
        broker=True,
    )
    since = scene.sim.last_n()
    op = rolled_back(run(scene, by="mqtt"), "not-switched")
    assert radio_cycles(scene, since)
    scene.check(op)


def reset_script(lab, scene):
    """The gateway's own way to start the modem over."""
    script = lab.folder / "reset"
    script.write_text(
        f"#!/bin/sh\nexec {harness.binary('lpm-sim')} --control {scene.sim.control_path}"
        " --send '{\"cmd\":\"reboot\"}' >>%s\n" % (lab.folder / "reset.log")
    )
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize("rung", ["vendor", "command", "exec"])
def test_the_top_of_the_ladder(lab, rung):
    scene = Scene(
        lab,
        {
            "modem.refresh": "ignored",
            "modem.cfun_refresh": False,
            "modem.manufacturer": "Quectel",
            "modem.model": "EC25",
            "modem.ccid_command": "qccid",
        },
        {"switch.refresh_s": 1},
        broker=True,
    )
    scene.agent.stop()
    reset = {
        "vendor": "vendor",
        "command": {"command": "AT+CFUN=1,1"},
        "exec": {"exec": [reset_script(lab, scene)]},
    }[rung]
    scene.agent.write_config({"modem": {"reset": reset}})
    scene.restart()
    reboots = scene.sim.counters()["reboot"]
    op = run(scene, by="mqtt")
    assert scene.sim.counters()["reboot"] == reboots + 1
    scene.check(committed(op))


def test_a_lock_to_another_network(lab):
    """Final for that profile: nobody waits for a registration that cannot come."""
    scene = Scene(lab, net(1, sim_lock=True), {"switch.register_s": 300}, broker=True)
    begun = time.monotonic()
    op = rolled_back(run(scene, by="mqtt"), "sim-locked")
    assert time.monotonic() - begun < 40 * SLOW
    scene.check(op)


# --- registering, attaching ---


@pytest.mark.parametrize("by", ["rest", "mqtt"])
@pytest.mark.parametrize(
    "network, code",
    [
        ({"registration": "searching"}, "not-registered"),
        ({"registration": "idle"}, "not-registered"),
        ({"registration": "emergency"}, "not-registered"),
        ({"registration": "denied"}, "registration-denied"),
        ({"attach": False}, "no-data"),
        ({"apn": "another"}, "no-data"),
    ],
    ids=["searching", "idle", "emergency", "denied", "no data", "wrong APN"],
)
def test_a_dead_network(lab, network, code, by):
    scene = Scene(lab, net(1, **network), broker=True)
    op = rolled_back(run(scene, by=by), code)
    phases = [p["phase"] for p in op["phases"]]
    assert phases[0] == "enabling" and "rolling-back" in phases, phases
    assert enables(scene.sim) == 2
    scene.check(op)


@pytest.mark.parametrize("odd", [
    {"card.commit": "close"},
    {"modem.refresh": "enable"},
    {"modem.refresh": "ignored"},
    {"modem.vanish_on_refresh_ms": 700},
    {"modem.ccid_command": "none"},
    {"modem.cops_mode": 1},
    {"modem.sim_change_urc": "+QUSIM: 1"},
], ids=["commit at close", "refresh at enable", "ignored", "port vanishes", "no ICCID", "COPS by hand",
        "SIM line"])
def test_the_way_back_over_odd_modems(lab, odd):
    scene = Scene(lab, {**DEAD, **odd}, broker=True)
    scene.check(rolled_back(run(scene, by="mqtt"), "not-registered"))


def test_the_reason_is_told_once_the_way_back_is_done(lab):
    scene = Scene(lab, {**DEAD, **net(0, delay_ms=2500)}, broker=True)
    number = scene.ask(by="mqtt")
    op = scene.wait_phase(number, "rolling-back")
    assert op["state"] == "running" and op["result"] is None
    status, _, problem = scene.agent.enable(GAMMA, wait=None)
    assert (status, problem["code"], problem["operation"]) == (409, "switch-in-progress", number)
    status, _, problem = scene.agent.http("POST", f"/v1/operations/{number}/cancel")
    assert (status, problem["code"]) == (409, "too-late")
    scene.check(rolled_back(scene.end(number), "not-registered"))


def test_limits_never_hold_back_a_roll_back(lab):
    config = {"switch.min_interval_s": 3600, "switch.max_per_hour": 1, "switch.max_per_day": 1}
    scene = Scene(lab, DEAD, config)
    scene.check(rolled_back(run(scene), "not-registered"))
    status, _, problem = scene.agent.enable(GAMMA)
    assert (status, problem["code"]) == (429, "cooldown")


def test_a_roll_back_counts_in_the_history(lab):
    scene = Scene(lab, DEAD, {"switch.max_per_hour": 2})
    scene.check(rolled_back(run(scene), "not-registered"))
    status, _, problem = scene.agent.enable(GAMMA)
    assert (status, problem["code"]) == (429, "cooldown")


def test_rollback_false(lab):
    """Whoever turns it off stays where he is."""
    scene = Scene(lab, DEAD, {"switch.rollback": False}, broker=True)
    op = run(scene, by="mqtt")
    assert (op["state"], op["error"]["code"]) == ("failed", "not-registered"), op
    assert op["phase"] == "registering" and op["result"]["now"] == BETA == scene.sim.enabled()
    assert enables(scene.sim) == 1
    scene.check(op, works=False)


# --- verifying ---


@pytest.mark.parametrize("verify, proof", [
    ("registered", "registered"), ("attached", "attached"), ("auto", "attached"),
])
def test_what_was_proven(lab, verify, proof):
    # Who asks for registration does not wait for data, which a slow look may see all the same.
    scene = Scene(lab, net(1, attach_delay_ms=2000), {"switch.verify": verify})
    scene.check(committed(run(scene), proof))


def test_registered_is_enough_where_it_is_asked_for(lab):
    scene = Scene(lab, net(1, attach=False), {"switch.verify": "registered"})
    op = committed(run(scene), "registered")
    scene.check(op, works=False)


@pytest.mark.parametrize("verify", ["reachable", "auto"])
def test_reachable(lab, door, verify):
    scene = Scene(lab, config={"switch.verify": verify, "probe.targets": [door.target]})
    scene.check(committed(run(scene), "reachable"))


def test_one_target_of_two_is_enough(lab, door):
    targets = [f"127.0.0.1:{free_port()}", door.target]
    scene = Scene(lab, config={"switch.verify": "reachable", "probe": {"targets": targets, "need": 1}})
    scene.check(committed(run(scene), "reachable"))


def refused_over_the_new(scene, door, **ask):
    """The targets refuse from the moment that the new profile is in use."""
    number = scene.ask(**ask)
    scene.wait_phase(number, "resetting", "registering")
    door.close()
    scene.wait_phase(number, "rolling-back", "rolled-back")
    door.open()
    return scene.end(number)


def test_unreachable(lab, door):
    config = {"switch": {"verify": "reachable", "verify_s": 4}, "probe": {"targets": [door.target]}}
    scene = Scene(lab, net(1, delay_ms=2500), config)
    op = rolled_back(refused_over_the_new(scene, door), "unreachable")
    scene.check(op)


def test_what_the_profile_before_lacked_too_is_no_reason(lab, door):
    door.close()
    config = {"switch": {"verify": "reachable", "verify_s": 4}, "probe": {"targets": [door.target]}}
    scene = Scene(lab, config=config)
    scene.check(committed(run(scene), "attached"))


def test_targets_that_swallow_stall_nobody(lab):
    """A full backlog: no answer at all. Reads go on, and the deadline holds."""
    with socket.socket() as deaf, contextlib.ExitStack() as knockers:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(3):
            s = knockers.enter_context(socket.socket())
            s.setblocking(False)
            s.connect_ex(deaf.getsockname())
        target = f"127.0.0.1:{deaf.getsockname()[1]}"
        config = {
            "switch": {"verify": "reachable", "verify_s": 4},
            "probe": {"targets": [target] * 3, "timeout_s": 1},
        }
        scene = Scene(lab, config=config)
        begun = time.monotonic()
        number = scene.ask()
        while scene.agent.operation(number)["state"] not in ENDED:
            asked = time.monotonic()
            assert scene.agent.http("GET", "/v1/eid")[0] == 200
            assert time.monotonic() - asked < 5 * SLOW
            assert time.monotonic() - begun < 60 * SLOW
            time.sleep(harness.POLL)
        scene.check(committed(scene.end(number), "attached"))


def test_broker_over_the_new_profile(lab):
    scene = Scene(lab, bearer=True)
    scene.check(committed(run(scene, by="mqtt"), "broker"))


@pytest.mark.parametrize("switch", ["close", "silent"])
def test_a_half_open_link_is_no_proof_and_no_hindrance(lab, switch):
    """The link over the old profile carries nothing any more, and does not say so."""
    scene = Scene(lab, {"bearer.switch": switch}, {"mqtt.keepalive_s": 300}, bearer=True)
    scene.check(committed(run(scene, by="mqtt"), "broker"))


def test_a_bearer_that_hangs_proves_nothing(lab):
    """Connections over the new profile are taken, and nobody answers."""
    scene = Scene(lab, net(1, delay_ms=2500), {"switch.verify_s": 6}, bearer=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "resetting", "registering")
    scene.broker.process.send_signal(signal.SIGSTOP)
    scene.wait_phase(number, "rolling-back", "rolled-back")
    scene.broker.process.send_signal(signal.SIGCONT)
    scene.check(rolled_back(scene.end(number), "unreachable"))


def test_a_refusing_broker_proves_the_path(lab):
    scene = Scene(lab, net(1, delay_ms=2500), bearer=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "resetting", "registering")
    scene.broker.stop()
    scene.broker.configure("allow_anonymous false")
    scene.broker.start()
    op = committed(scene.end(number), "reachable")
    scene.broker.stop()
    scene.broker.configure()
    scene.broker.start()
    scene.check(op)


def test_a_broker_that_dies_in_the_switch(lab):
    """The profile before had it, the new one lacks it: back. The outcome arrives when it is back."""
    scene = Scene(lab, net(1, delay_ms=2500), {"switch.verify_s": 6}, bearer=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "resetting", "registering")
    scene.broker.stop()
    op = rolled_back(scene.end(number), "unreachable")
    scene.broker.start()
    scene.check(op)


@pytest.mark.parametrize("by", ["rest", "mqtt"])
def test_a_broker_that_was_away_before_costs_no_good_profile(lab, by):
    scene = Scene(lab, config={"switch.verify_s": 4}, broker=True)
    scene.sim.vanish()
    wait_until(lambda: scene.agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
    number = scene.ask(by=by)
    scene.broker.stop()
    wait_until(lambda: "mqtt link is down" in scene.agent.stderr(), what="the loss is seen")
    scene.sim.come_back()
    op = committed(scene.end(number), "attached")
    scene.broker.start()
    scene.check(op)


def test_a_local_broker_proves_nothing(lab, door):
    config = {"mqtt.link": "other", "probe": {"targets": [door.target]}}
    scene = Scene(lab, config=config, broker=True)
    scene.check(committed(run(scene, by="mqtt"), "reachable"))


def test_a_local_broker_without_targets_wants_a_word(lab):
    scene = Scene(lab, config={"mqtt.link": "other"}, broker=True)
    scene.publish(key="m1")
    end = scene.told("m1")[-1].payload
    assert (end["state"], end["error"]["code"]) == ("rejected", "invalid-request"), end
    number = scene.ask(by="mqtt", key="m2", confirm_s=60)
    scene.wait_phase(number, "confirming")
    scene.watcher.publish(f"{P}/cmd/enable-profile/m2/confirm", None)
    scene.check(committed(scene.end(number), "attached"))


# --- confirming ---


@pytest.mark.parametrize("word", ["REST", "MQTT", "MQTT, by the operation's id"])
def test_confirmed(lab, word):
    scene = Scene(lab, broker=True)
    number = scene.ask(by="mqtt", key="c1", confirm_s=600)
    op = scene.wait_phase(number, "confirming")
    assert op["state"] == "running"
    if word == "REST":
        status, _, op = scene.agent.http("POST", f"/v1/operations/{number}/confirm")
        assert (status, op["id"]) == (200, number)
    else:
        sender = "c1" if word == "MQTT" else number
        scene.watcher.publish(f"{P}/cmd/enable-profile/{sender}/confirm", None)
    op = committed(scene.end(number))
    scene.check(op)
    status, _, again = scene.agent.http("POST", f"/v1/operations/{number}/confirm")
    assert (status, again) == (200, op), "said twice is said once"


def test_confirmed_too_early_or_unasked(lab):
    scene = Scene(lab, net(1, delay_ms=2500))
    number = scene.ask(confirm_s=600)
    status, _, problem = scene.agent.http("POST", f"/v1/operations/{number}/confirm")
    assert (status, problem["code"]) == (409, "too-late")
    assert scene.agent.http("POST", "/v1/operations/01JD0000000000000000000000/confirm")[0] == 404
    scene.wait_phase(number, "confirming")
    assert scene.agent.http("POST", f"/v1/operations/{number}/confirm")[0] == 200
    scene.check(committed(scene.end(number)))


def test_unconfirmed_across_a_restart(lab):
    """60 s, the least there is; what was used up before the kill is used up."""
    scene = Scene(lab, broker=True)
    number = scene.ask(by="mqtt", confirm_s=60)
    scene.wait_phase(number, "confirming")
    begun = time.monotonic()
    time.sleep(30)
    scene.kill()
    scene.restart("healthy")
    op = rolled_back(scene.end(number), "unconfirmed")
    waited = time.monotonic() - begun
    assert 55 <= waited < 60 + 25 * SLOW, waited
    status, _, problem = scene.agent.http("POST", f"/v1/operations/{number}/confirm")
    assert (status, problem["code"]) == (409, "too-late")
    scene.check(op)


# --- the fallback, and nothing left ---


def kill_networks(scene, number, *indexes):
    """Once the new profile is in use."""
    scene.wait_phase(number, "resetting", "registering")
    for index in indexes:
        scene.sim.set(f"card.profiles.{index}.network.registration", "searching")


def test_the_profile_before_is_dead_too(lab):
    scene = Scene(lab, THREE, {"switch.register_s": 3}, broker=True)
    number = scene.ask(by="mqtt")
    kill_networks(scene, number, 2)
    op = rolled_back(scene.end(number), "not-registered", now=ALPHA)
    assert op["result"]["from"] == GAMMA and enables(scene.sim) == 3
    scene.check(op)


def stranded(scene):
    number = scene.ask(by="mqtt")
    kill_networks(scene, number, 0, 2)
    op = scene.end(number)
    assert (op["state"], op["error"]["code"]) == ("failed", "stranded"), op
    assert op["error"]["cause"] == "not-registered"
    return op


STRANDED = {"switch.register_s": 3, "telemetry.sample_s": 1}
# The first of its own attempts comes after 5 minutes, a tenth more or less; the next after 10.
FIRST_S, SECOND_S = 340, 1000


def test_stranded_is_told(lab):
    scene = Scene(lab, THREE, STRANDED, broker=True)
    scene.check(stranded(scene), works=False)


def test_the_network_in_use_returns(lab):
    """Nobody has to do anything but the modem."""
    scene = Scene(lab, THREE, STRANDED, broker=True)
    stranded(scene)
    index = {ALPHA: 0, GAMMA: 2}[scene.sim.enabled()]
    scene.sim.set(f"card.profiles.{index}.network.registration", "home")
    wait_until(scene.works, 60, "it is back")


def own_attempts(scene):
    """Newest first."""
    rows = scene.agent.http("GET", "/v1/operations")[2]["operations"]
    return [row for row in rows if row["source"]["channel"] == "agent"]


def comes_back(scene, clock, iccid):
    """The network of that profile is back; nobody asks, and the device is on it by its own attempts."""
    index = {ALPHA: 0, GAMMA: 2}[iccid]
    scene.sim.set(f"card.profiles.{index}.network.registration", "home")

    if scene.in_use() == (iccid, iccid):
        wait_until(scene.works, what="its network serves")

    def tried(count):
        rows = own_attempts(scene)
        return len(rows) >= count and rows[0]["state"] in ENDED

    for n, shift_s in enumerate((FIRST_S, FIRST_S + SECOND_S), 1):
        if scene.works():
            break
        clock.set_boot(shift_s)
        wait_until(lambda: tried(n) or scene.works(), 30, f"its attempt number {n}")
    wait_until(lambda: scene.works() and scene.in_use() == (iccid, iccid), 60, "it serves")
    wait_until(lambda: all(row["state"] in ENDED for row in own_attempts(scene)), 60, "its end")


@needs_preload
@pytest.mark.parametrize("returns", [ALPHA, GAMMA], ids=["the fallback's", "the one before"])
def test_stranded_until_a_network_returns(lab, returns):
    clock = Clock(lab)
    scene = Scene(lab, THREE, STRANDED, broker=True, env=clock.env)
    stranded(scene)
    comes_back(scene, clock, returns)
    rows = own_attempts(scene)
    pause(2)  # a reading that says registered ends it
    clock.set_boot(20 * SECOND_S)
    pause(2)
    assert own_attempts(scene) == rows, "it goes on trying"


@needs_preload
@pytest.mark.parametrize("when", ["before", "after"])
def test_stranded_and_killed_at_that_instant(lab, when):
    """Its end is in the journal; that it has to try on has to be there with it."""
    clock = Clock(lab)
    scene = Scene(lab, THREE, STRANDED, broker=True, killer=True, env=clock.env)
    number = scene.ask(by="mqtt")
    kill_networks(scene, number, 0, 2)
    scene.killer.arm(f"log:operation ended:1:{when}")
    scene.wait_killed()
    scene.restart()
    assert scene.end(number)["error"]["code"] == "stranded"
    comes_back(scene, clock, GAMMA)


@needs_preload
def test_stranded_it_tries_both_in_turn(lab):
    clock = Clock(lab)
    scene = Scene(lab, THREE, STRANDED, broker=True, env=clock.env)
    stranded(scene)
    shift_s, tried = 0, []
    for n in range(1, 4):
        shift_s += 4000
        clock.set_boot(shift_s)

        def tries():
            mine = own_attempts(scene)
            return mine if len(mine) >= n and mine[0]["state"] in ENDED else None

        tried = wait_until(tries, 60, f"its attempt number {n}")
    assert {row["args"]["iccid"] for row in tried} == {ALPHA, GAMMA}, tried


@needs_preload
def test_stranded_on_a_profile_that_the_modem_is_locked_against(lab):
    """The list of such a card is not for reading; another profile is tried all the same."""
    clock = Clock(lab)
    scene = Scene(lab, {**THREE, **net(0, sim_lock=True)}, STRANDED, broker=True, env=clock.env)
    number = scene.ask(by="mqtt")
    kill_networks(scene, number, 2)
    op = scene.end(number)
    assert (op["state"], op["error"]["code"]) == ("failed", "stranded"), op
    assert scene.sim.enabled() == ALPHA, "the fallback"
    wait_until(lambda: scene.agent.http("GET", "/readyz")[2].get("code") == "sim-locked", what="it is locked")
    comes_back(scene, clock, GAMMA)


@needs_preload
def test_stranded_and_killed_when_it_has_just_ended(lab):
    """What goes on trying is on disk before the end is."""
    scene = Scene(lab, THREE, STRANDED, broker=True, killer=True)
    scene.killer.arm("log:operation ended:1:before")
    number = scene.ask(by="mqtt")
    kill_networks(scene, number, 0, 2)
    scene.wait_killed(180)
    path = scene.agent.folder / "state" / "journal.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        kept = dict(db.execute("SELECT key, value FROM meta"))
        states = [row[0] for row in db.execute("SELECT state FROM operations")]
    assert states == ["failed"]
    assert "stranded" in kept, kept


def test_stranded_and_asked_for_another(lab):
    scene = Scene(lab, THREE, STRANDED, broker=True)
    stranded(scene)
    scene.sim.set("card.profiles.1.network.registration", "home")
    number = scene.ask(BETA, key="by-hand")
    scene.check(committed(scene.end(number)))


# --- others ---


def test_a_switch_from_outside_while_the_agent_is_away(lab):
    scene = Scene(lab, broker=True)
    scene.agent.stop()
    scene.sim.switch(BETA)
    scene.watcher.clear()
    scene.agent.start()
    scene.watcher.wait_for(
        lambda m: m.topic == f"{P}/e/profiles" and m.payload.get("by") == "external", 60
    )
    assert scene.sim.enabled() == BETA, "taken as the truth"



def test_overtaken(lab):
    scene = Scene(lab, net(1, delay_ms=20000), {"switch.register_s": 60}, broker=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "registering")
    scene.sim.switch(GAMMA)
    op = scene.end(number)
    assert (op["state"], op["error"]["code"]) == ("failed", "overtaken"), op
    assert op["result"]["now"] == GAMMA
    assert enables(scene.sim) == 1, "nothing is rolled back"
    scene.check(op)
    scene.watcher.wait_for(
        lambda m: m.topic == f"{P}/e/profiles" and m.payload.get("by") == "external", 60
    )


def test_overtaken_in_the_roll_back(lab):
    scene = Scene(lab, {**DEAD, **net(0, delay_ms=20000)}, {"switch.register_s": 8}, broker=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "rolling-back")
    scene.sim.wait(op="enable", count=2)
    scene.sim.wait(iccid=ALPHA)
    scene.sim.switch(GAMMA)
    op = scene.end(number)
    assert (op["state"], op["error"]["code"]) == ("failed", "overtaken"), op
    assert op["result"]["now"] == GAMMA
    scene.check(op)


@pytest.mark.parametrize("sign", ["line", "sample", "list"])
def test_a_switch_by_somebody_else(lab, sign):
    overrides = {"modem.sim_change_urc": "+QUSIM: 1"} if sign == "line" else None
    config = {"telemetry.sample_s": 1 if sign == "sample" else 3600}
    scene = Scene(lab, overrides, config, broker=True)
    scene.agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    scene.sim.switch(GAMMA)
    if sign == "list":
        pause(0.5)
        scene.agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    scene.watcher.wait_for(
        lambda m: m.topic == f"{P}/e/profiles" and m.payload.get("by") == "external", 60
    )

    def enabled():
        rows = scene.agent.http("GET", "/v1/profiles")[2].get("profiles", [])
        return [row["iccid"] for row in rows if row["enabled"]]

    wait_until(lambda: enabled() == [GAMMA], what="it is the truth now")
    assert enables(scene.sim) == 0, "never fought"
    op = committed(run(scene))
    assert op["result"]["from"] == GAMMA
    scene.check(op)


# --- hooks ---


class Hook:
    """A program that keeps what it was given, and what the card had been asked by then."""

    def __init__(self, folder, sim, name, ends="exit 0"):
        self.path = folder / f"hook-{name}"
        self.given = folder / f"hook-{name}.given"
        self.counters = folder / f"hook-{name}.counters"
        lines = [
            "#!/bin/sh",
            f"cat >>{self.given}; echo >>{self.given}",
            f"{harness.binary('lpm-sim')} --control {sim.control_path}"
            f" --send '{{\"cmd\":\"counters\"}}' >{self.counters}",
            ends,
        ]
        self.path.write_text("\n".join(lines) + "\n")
        self.path.chmod(0o755)

    def runs(self):
        """The operations it was given, oldest first."""
        lines = self.given.read_text().splitlines() if self.given.exists() else []
        return [json.loads(line) for line in lines if line.strip()]

    def enables_then(self):
        return json.loads(self.counters.read_text())["counters"]["enable"]


def hooked(lab, overrides=None, config=None, **ends):
    """A scene with all three hooks; `ends`: how one of them ends. (scene, hooks by name)"""
    scene = Scene(lab, overrides, config, broker=True)
    hooks = {
        name: Hook(lab.folder, scene.sim, name, ends.get(name, "exit 0"))
        for name in ("before", "after", "rolled_back")
    }
    scene.agent.stop()
    scene.agent.write_config(
        {"switch": {"hooks": {
            name: {"exec": [str(hook.path)], "timeout_s": 2 if "sleep" in ends.get(name, "") else 60}
            for name, hook in hooks.items()
        }}}
    )
    scene.restart()
    return scene, hooks


def test_hooks_of_a_good_switch(lab):
    scene, hooks = hooked(lab)
    op = committed(run(scene, by="mqtt"))
    before, = hooks["before"].runs()
    after, = hooks["after"].runs()
    assert before["id"] == after["id"] == op["id"] and not hooks["rolled_back"].runs()
    assert before["phase"] == "enabling" and hooks["before"].enables_then() == 0
    assert after["phase"] == "verifying" and hooks["after"].enables_then() == 1
    scene.check(op)


def test_hooks_of_a_roll_back(lab):
    scene, hooks = hooked(lab, DEAD)
    op = rolled_back(run(scene, by="mqtt"), "not-registered")
    wait_until(hooks["rolled_back"].runs, what="rolled_back was run")
    assert len(hooks["before"].runs()) == 1 and not hooks["after"].runs()
    back, = hooks["rolled_back"].runs()
    assert back["id"] == op["id"] and hooks["rolled_back"].enables_then() == 2
    # It knows the end before that is told.
    assert back["result"]["now"] == op["result"]["now"] == ALPHA
    assert back["error"] == op["error"]
    scene.check(op)


def test_a_profile_that_one_came_back_to_is_in_use_anew(lab):
    scene = Scene(lab, DEAD)
    assert scene.agent.http("GET", "/v1/profiles")[0] == 200
    op = rolled_back(run(scene), "not-registered")
    assert scene.agent.http("GET", "/v1/profiles")[0] == 200
    card = scene.agent.http("GET", "/v1/info")[2]["card"]
    assert card["enabled_by"] == "operation" and card["enabled_since"] > op["started_at"]


@pytest.mark.parametrize("ends", ["exit 3", "sleep 60", "kill -9 $$"])
def test_a_before_that_fails_stops_the_switch(lab, ends):
    scene, hooks = hooked(lab, before=ends)
    op = run(scene, by="mqtt")
    assert (op["state"], op["error"]["code"]) == ("failed", "interrupted"), op
    assert op["phase"] == "enabling" and scene.in_use() == (ALPHA, ALPHA)
    assert enables(scene.sim) == 0 and len(hooks["before"].runs()) == 1
    assert not hooks["after"].runs() and not hooks["rolled_back"].runs()
    scene.check(op)


@pytest.mark.parametrize("ends", ["exit 3", "sleep 60"])
def test_an_after_that_fails_costs_no_switch(lab, ends):
    scene, hooks = hooked(lab, after=ends)
    scene.check(committed(run(scene, by="mqtt")))


def test_a_hook_that_is_not_there(lab):
    scene = Scene(lab, config={"switch.hooks.before": {"exec": ["/nonexistent"]}})
    op = run(scene)
    assert (op["state"], op["error"]["code"]) == ("failed", "interrupted"), op
    assert enables(scene.sim) == 0
    scene.check(op)


def test_a_dialler_that_after_starts_brings_the_proof(lab, door):
    """Nothing is reachable until `after` has run."""
    door.close()
    scene, hooks = hooked(
        lab,
        config={
            "switch": {"verify": "reachable", "verify_s": 20},
            "probe.targets": [door.target],
            "mqtt.link": "other",  # made anew over the new profile it would be a proof of its own
        },
    )
    number = scene.ask()
    wait_until(hooks["after"].runs, 60, "after has run")
    door.open()
    scene.check(committed(scene.end(number), "reachable"))


# --- APN ---

ALPHA_APN, BETA_APN = "alpha.example", "beta.example"
APNS = {"modem.apn": ALPHA_APN, **net(0, apn=ALPHA_APN), **net(1, apn=BETA_APN)}
BETA_HAS = {"profiles": {BETA: {"apn": BETA_APN}}}


def apn(scene):
    return scene.sim.state()["modem"]["apn"]


def contexts_written(scene, since):
    return [line for line in scene.sim.at_lines(since) if line.startswith("AT+CGDCONT=")]


@needs_preload
def test_an_apn_is_given_back_where_a_confirmation_does_not_come(lab):
    """What is read while it is waited for is not what stood there before: here the modem does not tell of its
    authentication, so that the APN looks as if it had to be set each time."""
    has = {"profiles": {BETA: {"apn": BETA_APN, "username": "me", "auth": "chap"}}}
    clock = Clock(lab)
    scene = Scene(lab, APNS, {**has, "telemetry.sample_s": 1}, broker=True, env=clock.env)
    scene.sim.fault("modem", "AT+CGAUTH?", action="error", count=1000)
    number = scene.ask(confirm_s=60)
    scene.wait_phase(number, "confirming")
    since = scene.sim.last_n()
    wait_until(lambda: scene.sim.at_lines(since).count("AT+CESQ") > 1, what="readings while it waits")
    clock.set_boot(61)
    scene.check(rolled_back(scene.end(number), "unconfirmed"))
    assert apn(scene) == ALPHA_APN


def test_an_apn_is_set_and_given_back(lab):
    scene = Scene(lab, APNS, BETA_HAS, broker=True)
    scene.check(committed(run(scene, by="mqtt", key="there")))
    assert apn(scene) == BETA_APN
    op = committed(run(scene, ALPHA, by="mqtt", key="back"), now=ALPHA)
    assert apn(scene) == ALPHA_APN
    scene.check(op)


@pytest.mark.parametrize("where", ["there", "before"])
def test_an_apn_is_given_back_after_a_kill(lab, where):
    """What stood there was journalled before it was written over."""
    scene = Scene(lab, {**APNS, **net(1, apn=BETA_APN, attach_delay_ms=1500)}, BETA_HAS, broker=True)
    number = scene.ask(by="mqtt", key="there")
    if where == "before":
        wait_until(lambda: apn(scene) == BETA_APN, what="the APN is written")
        scene.kill()
        scene.restart("healthy")
    scene.check(committed(scene.end(number)))
    if where == "there":
        scene.kill()
        scene.restart()
    scene.check(committed(run(scene, ALPHA, by="mqtt", key="back"), now=ALPHA))
    assert apn(scene) == ALPHA_APN


def test_a_roll_back_gives_the_apn_back(lab):
    scene = Scene(lab, {**APNS, **net(1, apn=BETA_APN, attach=False)}, BETA_HAS, broker=True)
    op = rolled_back(run(scene, by="mqtt"), "no-data")
    assert apn(scene) == ALPHA_APN
    scene.check(op)


def test_an_apn_that_stands_already_is_not_written(lab):
    scene = Scene(lab, {"modem.apn": BETA_APN, **net(1, apn=BETA_APN)}, BETA_HAS)
    since = scene.sim.last_n()
    scene.check(committed(run(scene)))
    assert not contexts_written(scene, since)


def test_never_touched_never_touches(lab):
    scene = Scene(lab, {"modem.apn": "by.hand"}, BETA_HAS)
    since = scene.sim.last_n()
    scene.check(committed(run(scene, GAMMA), now=GAMMA))
    assert not contexts_written(scene, since) and apn(scene) == "by.hand"


def test_an_apn_follows_a_switch_from_outside(lab):
    """Nobody asked the agent; the profile wants its APN all the same, and the one before gets its own."""
    scene = Scene(lab, APNS, {**BETA_HAS, "telemetry": {"sample_s": 1}})
    scene.sim.wait(registration="home", data=True)
    scene.sim.switch(BETA)
    wait_until(lambda: apn(scene) == BETA_APN, what="the APN of the new profile")
    scene.sim.wait(iccid=BETA, data=True)
    scene.sim.switch(ALPHA)
    wait_until(lambda: apn(scene) == ALPHA_APN, what="the APN that stood there")
    scene.sim.wait(iccid=ALPHA, data=True)


def test_an_apn_that_is_configured_later_is_set_at_the_start(lab):
    scene = Scene(lab, {"modem.apn": "wrong", **net(0, apn=ALPHA_APN)})
    scene.agent.stop()
    scene.agent.write_config({"profiles": {ALPHA: {"apn": ALPHA_APN}}})
    scene.agent.start()
    wait_until(lambda: apn(scene) == ALPHA_APN, what="the APN that is configured")
    scene.sim.wait(data=True)


def test_two_profiles_with_an_apn_each(lab):
    config = {"profiles": {BETA: {"apn": BETA_APN}, GAMMA: {"apn": "gamma.example"}}}
    scene = Scene(lab, {**APNS, **net(2, apn="gamma.example")}, config)
    for iccid, wanted in ((BETA, BETA_APN), (GAMMA, "gamma.example"), (ALPHA, ALPHA_APN)):
        scene.check(committed(run(scene, iccid, key=iccid), now=iccid))
        assert apn(scene) == wanted


def test_type_and_authentication_go_with_it(lab):
    secret = lab.folder / "secret"
    secret.write_text("pass phrase\n")
    config = {"profiles": {BETA: {
        "apn": BETA_APN, "pdp_type": "IP", "auth": "chap", "username": "me",
        "password_file": str(secret), "init": ["AT+CSQ"],
    }}}
    scene = Scene(lab, APNS, config)
    since = scene.sim.last_n()
    scene.check(committed(run(scene)))
    lines = scene.sim.at_lines(since)
    assert f'AT+CGDCONT=1,"IP","{BETA_APN}"' in [line[: len(BETA_APN) + 21] for line in lines], lines
    assert 'AT+CGAUTH=1,2,"me","pass phrase"' in lines and "AT+CSQ" in lines
    assert "pass phrase" not in scene.agent.stderr(), "a secret in the log"


# --- time ---


def test_blackout_and_phases_are_told(lab):
    """Data is away for as long as the new network takes to give it."""
    scene = Scene(lab, net(1, delay_ms=3000, attach_delay_ms=500), broker=True)
    begun = time.monotonic()
    op = committed(run(scene, by="mqtt"))
    wall_ms = 1000 * (time.monotonic() - begun)
    assert 3400 <= op["result"]["blackout_ms"] <= wall_ms + 100
    times = {p["phase"]: p["ms"] for p in op["phases"]}
    assert times["registering"] >= 1000 and sum(times.values()) <= wall_ms + 100
    scene.check(op)


def test_the_blackout_of_a_roll_back(lab):
    """Until the profile before has data again."""
    scene = Scene(lab, {**DEAD, **net(0, delay_ms=800, attach_delay_ms=500)}, {"switch.register_s": 2})
    scene.sim.wait(registration="home", data=True)
    op = rolled_back(run(scene), "not-registered")
    assert op["result"]["blackout_ms"] >= 2000
    scene.check(op)


def test_a_roll_back_is_over_when_it_was_announced(lab):
    scene = Scene(lab, DEAD, {"switch.register_s": 3}, broker=True)
    number = scene.ask(by="mqtt")
    announced = scene.wait_phase(number, "resetting", "registering")["ends_by"]
    told = scene.watcher.wait_for(
        lambda m: m.topic == f"{P}/status/health" and "switching_until" in m.payload
    )
    op = rolled_back(scene.end(number), "not-registered")
    assert op["ended_at"] <= announced and op["ended_at"] <= told.payload["switching_until"]
    scene.check(op)


@pytest.mark.skipif(not os.path.exists("/proc/self/fd"), reason="needs /proc")
def test_nothing_is_left_open_after_many_roll_backs(lab):
    """Descriptors, as with probes and hooks and links made anew."""
    scene = Scene(lab, DEAD, {"switch.register_s": 1}, broker=True)

    def descriptors():
        return len(os.listdir(f"/proc/{scene.agent.process.pid}/fd"))

    scene.check(rolled_back(run(scene, key="n0"), "not-registered"))
    before = descriptors()
    for n in range(1, 4):
        scene.check(rolled_back(run(scene, key=f"n{n}"), "not-registered"))
    wait_until(lambda: descriptors() <= before + 1, what="as many descriptors as before")
