"""Killed anywhere in a switch, the next start ends it truthfully, on a profile that works."""

import contextlib
from http.client import HTTPException

import pytest

from harness import ALPHA, BETA, GAMMA, SLOW, wait_until
from truth import (
    ENABLE,
    LIST,
    Scene,
    committed,
    enables,
    needs_preload,
    net,
    pause,
    rolled_back,
)

DEAD = net(1, registration="searching")


def killed_at(lab, boundary, by="rest", overrides=None):
    """A switch to BETA, killed there, that goes on to its end. (scene, operation)"""
    scene = Scene(lab, overrides, broker=True, killer=True)
    scene.killer.arm(boundary)
    scene.try_to_ask(by=by)
    scene.wait_killed()
    scene.restart()
    return scene, scene.end(scene.ask_again(by=by))


# --- at exact boundaries on the way to the card ---


@needs_preload
@pytest.mark.parametrize("by", ["rest", "mqtt"])
@pytest.mark.parametrize(
    "boundary, most",
    [
        (f"write:{LIST}:1:before", 1),
        (f"write:{LIST}:1:after", 1),
        (f"write:{ENABLE}:1:before", 1),
        (f"write:{ENABLE}:1:after", 2),
    ],
    ids=["before the intent", "after the list went out", "between intent and ENABLE", "no answer yet"],
)
def test_around_enable(lab, boundary, most, by):
    scene, op = killed_at(lab, boundary, by)
    committed(op)
    assert 1 <= enables(scene.sim) <= most
    scene.check(op)


@needs_preload
def test_after_an_enable_that_the_card_took_to_itself(lab):
    """The answer never comes, and the card has switched: not once more."""
    scene = Scene(lab, broker=True, killer=True)
    scene.sim.fault("modem", "AT+CSIM=42", action="silent", execute=True)
    number = scene.ask()
    scene.sim.wait(op="enable", count=1)
    scene.kill()
    scene.restart()
    op = committed(scene.end(number))
    assert enables(scene.sim) == 1
    scene.check(op)


@needs_preload
def test_a_card_that_commits_at_close_and_was_never_closed(lab):
    """Killed with ENABLE's channel open: the list lies until it is closed."""
    scene, op = killed_at(
        lab, f"write:{ENABLE}:1:after", overrides={"card.commit": "close", "modem.apdu_latency_ms": 50}
    )
    committed(op)
    scene.check(op)


@needs_preload
def test_between_radio_off_and_on(lab):
    scene = Scene(lab, {"modem.refresh": "ignored"}, broker=True, killer=True)
    scene.killer.arm("write:AT+CFUN=1:1:before")
    number = scene.ask()
    scene.wait_killed()
    wait_until(lambda: scene.sim.state()["modem"]["cfun"] != 1, what="the radio is off")
    scene.restart()
    committed(scene.end(number))
    scene.check(scene.end(number))


# --- in each phase ---


def end_agent(scene, stop):
    """A stop is like a kill: the next start goes on."""
    if stop:
        scene.agent.stop()
    else:
        scene.kill()


def ended_in(lab, phase, overrides, config, stop):
    scene = Scene(lab, overrides, config, broker=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, phase)
    end_agent(scene, stop)
    scene.restart("healthy")
    return scene, number


SLOW_PHASES = [
    ("resetting", {"modem.refresh_delay_ms": 1500}),
    ("registering", net(1, delay_ms=2500)),
    ("attaching", net(1, attach_delay_ms=2000)),
]


@pytest.mark.parametrize("stop", [False, True], ids=["killed", "stopped"])
@pytest.mark.parametrize("phase, slow", SLOW_PHASES, ids=[row[0] for row in SLOW_PHASES])
def test_in_a_phase(lab, phase, slow, stop):
    config = {"switch": {"refresh_s": 10, "register_s": 20, "attach_s": 20}}
    scene, number = ended_in(lab, phase, slow, config, stop)
    op = committed(scene.end(number))
    phases = [p["phase"] for p in op["phases"]]
    assert phase == "resetting" or phases.count("resetting") == 2, phases
    assert enables(scene.sim) == 1
    scene.check(op)


@pytest.mark.parametrize("stop", [False, True], ids=["killed", "stopped"])
def test_in_verifying(lab, stop):
    """The proof is missing until after the restart."""
    config = {"switch": {"verify": "broker", "verify_s": 60}}
    scene = Scene(lab, net(1, delay_ms=2500), config, bearer=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "registering")
    scene.broker.stop()
    scene.wait_phase(number, "verifying")
    end_agent(scene, stop)
    scene.broker.start()
    scene.restart("healthy")
    op = committed(scene.end(number), "broker")
    scene.check(op)


@pytest.mark.parametrize("stop", [False, True], ids=["killed", "stopped"])
def test_in_confirming(lab, stop):
    scene = Scene(lab, broker=True)
    number = scene.ask(by="mqtt", confirm_s=600)
    scene.wait_phase(number, "confirming")
    end_agent(scene, stop)
    scene.restart("healthy")
    scene.wait_phase(number, "confirming")
    status, _, op = scene.agent.http("POST", f"/v1/operations/{number}/confirm")
    assert (status, op["id"]) == (200, number)
    scene.check(committed(scene.end(number)))


def test_in_confirming_the_word_comes_before_the_modem(lab):
    """It needs none: who was told that it counts finds the profile kept."""
    scene = Scene(lab, broker=True)
    number = scene.ask(by="mqtt", confirm_s=600)
    scene.wait_phase(number, "confirming")
    scene.kill()
    scene.sim.vanish()
    scene.restart("healthy")
    wait_until(lambda: scene.agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
    status, _, op = scene.agent.http("POST", f"/v1/operations/{number}/confirm")
    assert (status, op["state"]) == (200, "running")
    scene.kill()
    scene.sim.come_back()
    scene.restart("healthy")
    scene.check(committed(scene.end(number)))


def test_reads_are_answered_while_a_word_is_waited_for(lab):
    """That may be a day: whoever looks after a restart sees the card all the same."""
    scene = Scene(lab)
    number = scene.ask(confirm_s=86400)
    scene.wait_phase(number, "confirming")
    scene.kill()
    scene.restart("healthy")
    scene.wait_phase(number, "confirming")
    scene.agent.wait_ready(60)
    for path in ("/v1/eid", "/v1/profiles", "/v1/connectivity"):
        status, _, body = scene.agent.http("GET", path)
        assert status == 200, (path, body)
    assert scene.agent.operation(number)["phase"] == "confirming"


@pytest.mark.parametrize("stop", [False, True], ids=["killed", "stopped"])
def test_in_rolling_back(lab, stop):
    """The way back is as long as the way there."""
    overrides = {**DEAD, **net(0, delay_ms=2500)}
    scene, number = ended_in(lab, "rolling-back", overrides, {"switch.register_s": 6}, stop)
    scene.check(rolled_back(scene.end(number), "not-registered"))


@pytest.mark.parametrize("modem", ["here", "away"])
def test_in_enabling_with_the_modem_gone(lab, modem):
    """ENABLE went out and took the port with it; the agent is killed while it waits for the port."""
    scene = Scene(lab, broker=True)
    scene.sim.fault("modem", "AT+CSIM=42", action="vanish", delay_ms=600000, execute=True)
    number = scene.ask(by="mqtt")
    scene.sim.wait(op="enable", count=1)
    wait_until(lambda: not scene.sim.state()["port"]["target"], what="the port is gone")
    scene.kill()
    if modem == "here":
        scene.sim.come_back()
    scene.restart("healthy")
    if modem == "away":
        wait_until(lambda: scene.agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
        assert scene.agent.operation(number)["state"] == "running"
        scene.sim.come_back()
    scene.check(committed(scene.end(number)))
    assert enables(scene.sim) == 1


# --- at every commit of the journal ---


def swept(lab, boundary, overrides, expect):
    """At a commit that the switch does not have it is killed after its end."""
    scene = Scene(lab, overrides, {"switch.register_s": 2}, broker=True, killer=True)
    scene.killer.arm(boundary)
    scene.publish()
    scene.dies("k1")
    scene.restart("healthy")
    scene.check(expect(scene.end(scene.ask_again(by="mqtt"))))


@needs_preload
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(1, 13))
def test_at_each_commit_of_a_good_switch(lab, nth, when):
    swept(lab, f"sync:{nth}:{when}", None, committed)


@needs_preload
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", range(6, 15))
def test_at_each_commit_of_a_roll_back(lab, nth, when):
    swept(lab, f"sync:{nth}:{when}", DEAD, lambda op: rolled_back(op, "not-registered"))


@needs_preload
@pytest.mark.parametrize("when", ["before", "after"])
def test_right_at_the_end(lab, when):
    """The outcome is in the journal; nobody has been told yet, or just now."""
    scene, op = killed_at(lab, f"log:operation ended:1:{when}", "mqtt")
    scene.check(committed(op))
    assert enables(scene.sim) == 1


# --- again and again ---


@needs_preload
@pytest.mark.parametrize(
    "second",
    ["sync:1:before", "sync:1:after", "sync:3:after", f"write:{LIST}:1:after", "write:AT+CREG?:2:after"],
)
@pytest.mark.parametrize("first", [f"write:{ENABLE}:1:before", f"write:{ENABLE}:1:after"],
                         ids=["before ENABLE", "after ENABLE"])
def test_killed_in_the_recovery(lab, first, second):
    scene = Scene(lab, broker=True, killer=True)
    scene.killer.arm(first)
    scene.publish()
    scene.wait_killed()
    scene.killer.arm(second)
    scene.restart("")
    scene.dies("k1")
    scene.restart("healthy")
    scene.check(committed(scene.end(scene.ask_again(by="mqtt"))))
    assert enables(scene.sim) <= 3


@needs_preload
def test_killed_five_times(lab):
    scene = Scene(lab, net(1, delay_ms=400), broker=True, killer=True)
    number = scene.ask(by="mqtt")
    for _ in range(5):
        pause(0.4)
        scene.kill()
        scene.restart("healthy")
    op = scene.end(number)
    assert op["id"] == number
    scene.check(committed(op))


@needs_preload
def test_killed_in_the_roll_back_and_in_its_recovery(lab):
    scene = Scene(lab, {**DEAD, **net(0, delay_ms=800)}, {"switch.register_s": 3}, broker=True, killer=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "rolling-back")
    scene.killer.arm(f"write:{ENABLE}:1:after")
    pause(0.2)
    scene.kill()
    scene.restart("")
    scene.dies("k1")
    scene.restart("healthy")
    scene.check(rolled_back(scene.end(number), "not-registered"))


# --- accepted, and not begun ---


@pytest.mark.parametrize("by", ["rest", "mqtt"])
def test_one_that_waited_is_done(lab, by):
    scene = Scene(lab, broker=True)
    scene.sim.vanish()
    wait_until(lambda: scene.agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
    number = scene.ask(by=by)
    assert scene.agent.operation(number)["state"] == "accepted"
    scene.kill()
    scene.restart("healthy")
    assert scene.agent.operation(number)["state"] == "accepted"
    scene.sim.come_back()
    op = committed(scene.end(number))
    scene.check(op)


def test_one_whose_time_is_over_expires(lab):
    scene = Scene(lab, broker=True)
    scene.sim.vanish()
    wait_until(lambda: scene.agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
    number = scene.ask(by="mqtt", ttl_s=int(2 * SLOW))
    scene.kill()
    pause(2.2)
    scene.sim.come_back()
    scene.restart("healthy")
    op = scene.end(number)
    assert (op["state"], op["error"]["code"]) == ("expired", "expired"), op
    scene.agent.wait_ready()
    scene.check(op)
    assert enables(scene.sim) == 0 and scene.sim.enabled() == ALPHA


def test_one_that_was_canceled_stays_so(lab):
    scene = Scene(lab, broker=True)
    scene.sim.vanish()
    wait_until(lambda: scene.agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
    number = scene.ask()
    status, _, op = scene.agent.http("POST", f"/v1/operations/{number}/cancel")
    assert (status, op["state"]) == (200, "canceled")
    scene.kill()
    scene.sim.come_back()
    scene.restart()
    scene.check(scene.end(number))
    assert scene.agent.operation(number) == op and enables(scene.sim) == 0


# --- memory ---


def test_a_key_is_remembered(lab):
    scene = Scene(lab)
    _, _, op = scene.agent.enable(BETA, key="k1", reason="r")
    scene.kill()
    scene.restart()
    status, _, again = scene.agent.enable(BETA, key="k1", reason="r")
    assert status == 200 and again == op
    status, _, problem = scene.agent.enable(GAMMA, key="k1", reason="r")
    assert (status, problem["code"], problem["operation"]) == (422, "key-reused", op["id"])
    scene.agent.stop()
    scene.restart()
    assert scene.agent.enable(BETA, key="k1", reason="r")[2] == op
    assert enables(scene.sim) == 1
    rows = scene.agent.http("GET", "/v1/operations")[2]["operations"]
    assert [row["id"] for row in rows] == [op["id"]]


def test_an_id_is_remembered(lab):
    scene = Scene(lab, broker=True)
    op = scene.check(scene.end(scene.ask(by="mqtt", key="m1")))
    scene.kill()
    scene.restart()
    scene.watcher.clear()
    scene.publish(key="m1", reason="another reason is the same request")
    again = scene.told("m1")[-1].payload
    assert again == op
    scene.watcher.clear()
    scene.publish(GAMMA, "m1")
    reused = scene.told("m1")[-1].payload
    assert reused["state"] == "rejected" and reused["error"]["code"] == "key-reused"
    assert reused["error"]["operation"] == op["id"] and "rev" not in reused
    assert enables(scene.sim) == 1


def test_a_refusal_is_remembered(lab):
    """A well-formed command that was refused has ended: it does not run when it comes again."""
    scene = Scene(lab, broker=True)
    body = {"expect_enabled": GAMMA}
    scene.publish(key="m1", **body)
    first = scene.told("m1")[-1].payload
    assert (first["state"], first["error"]["code"]) == ("rejected", "precondition-failed")
    scene.kill()
    scene.restart()
    scene.sim.switch(GAMMA)
    scene.agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    scene.watcher.clear()
    scene.publish(key="m1", **body)
    assert scene.told("m1")[-1].payload == first
    assert enables(scene.sim) == 0


def test_a_key_of_a_switch_that_was_killed(lab):
    """Whoever asked and got no answer asks again: once is once."""
    scene = Scene(lab, net(1, delay_ms=2500))
    number = scene.ask(key="k1")
    scene.sim.wait(op="enable", count=1)
    scene.kill()
    scene.restart()
    assert scene.ask(key="k1") == number
    scene.check(committed(scene.end(number)))
    assert enables(scene.sim) == 1


def test_limits_are_remembered(lab):
    scene = Scene(lab, config={"switch.max_per_hour": 2})
    for iccid in (BETA, GAMMA):
        assert scene.agent.enable(iccid)[2]["state"] == "succeeded"
    scene.kill()
    scene.restart()
    status, headers, problem = scene.agent.enable(ALPHA)
    assert (status, problem["code"]) == (429, "cooldown"), problem
    assert 3000 < int(headers["retry-after"]) <= 3600
    assert problem["retry_after_s"] == int(headers["retry-after"])
    assert scene.agent.enable(GAMMA, wait=None)[0] == 200, "already enabled needs no leave"
    assert scene.agent.enable(ALPHA, force=True)[2]["state"] == "succeeded"


@needs_preload
def test_a_switch_that_was_killed_counts(lab):
    scene = Scene(lab, config={"switch.min_interval_s": 3600}, killer=True)
    scene.killer.arm(f"write:{ENABLE}:1:after")
    scene.try_to_ask()
    scene.wait_killed()
    scene.restart()
    assert scene.end(scene.ask_again())["state"] == "succeeded"
    status, headers, problem = scene.agent.enable(ALPHA)
    assert (status, problem["code"]) == (429, "cooldown") and 0 < int(headers["retry-after"]) <= 3600


def test_a_remote_command_in_cooldown_is_rejected(lab):
    scene = Scene(lab, config={"switch.min_interval_s": 3600}, broker=True)
    scene.check(committed(scene.end(scene.ask(by="mqtt"))))
    scene.publish(GAMMA, "m2")
    end = scene.told("m2")[-1].payload
    assert (end["state"], end["error"]["code"]) == ("rejected", "cooldown")
    assert 0 < end["error"]["retry_after_s"] <= 3600


def test_the_history_is_listed_after_a_restart(lab):
    scene = Scene(lab)
    ids = [scene.agent.enable(iccid)[2]["id"] for iccid in (BETA, GAMMA, ALPHA)]
    before = scene.agent.http("GET", "/v1/operations")[2]
    scene.kill()
    scene.restart()
    after = scene.agent.http("GET", "/v1/operations")[2]
    assert after == before and [row["id"] for row in after["operations"]] == ids[::-1]
    rows = scene.agent.http("GET", f"/v1/operations?limit=1&before={ids[2]}")[2]["operations"]
    assert [row["id"] for row in rows] == [ids[1]]


# --- budgets ---


def test_a_phase_goes_on_with_what_is_left_of_it(lab):
    """Killed again and again, a dead profile is still given up: its time counts while the agent runs."""
    scene = Scene(lab, DEAD, {"switch.register_s": int(6 * SLOW)}, broker=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "registering")
    # What is used is written down every 2 s: none of these lives is long enough to give up alone.
    for _ in range(9):
        pause(3.5)
        if scene.agent.operation(number)["phase"] in ("rolling-back", "rolled-back"):
            break
        scene.kill()
        scene.restart("healthy")
        scene.wait_phase(number, "registering", "rolling-back", "rolled-back")
    assert scene.agent.operation(number)["phase"] in ("rolling-back", "rolled-back")
    scene.check(rolled_back(scene.end(number), "not-registered"))


@needs_preload
@pytest.mark.parametrize("boundary", [f"write:{ENABLE}:1:before", f"write:{ENABLE}:1:after"],
                         ids=["before ENABLE", "after ENABLE"])
def test_the_blackout_is_known_over_a_kill(lab, boundary):
    scene, op = killed_at(lab, boundary)
    assert committed(op)["result"]["blackout_ms"] >= 0


@needs_preload
def test_one_sync_a_change_and_no_more(lab):
    scene = Scene(lab, killer=True)
    pause(1)
    before = len(scene.killer.syncs())
    op = scene.end(scene.ask())
    assert op["state"] == "succeeded"
    pause(1)
    synced = [name for name, _ in scene.killer.syncs()[before:]]
    # Each rev, and the intent before ENABLE, which is no change that is told.
    assert len(synced) <= op["rev"] + 1, (op["rev"], synced)
    assert len(synced) >= op["rev"], "a change that is on no disk"


# --- channels ---


@needs_preload
@pytest.mark.parametrize("way", ["csim", "cgla"])
def test_a_channel_that_a_kill_left_open_is_closed(lab, way):
    """Killed in a read, with no switch near: the next start knows what it has left open."""
    other = {"modem.cgla": False} if way == "csim" else {"modem.csim": False, "modem.cgla": True}
    scene = Scene(lab, other, killer=True)
    scene.killer.arm(f"write:{LIST}:1:after")
    with contextlib.suppress(OSError, HTTPException):
        scene.agent.http("GET", "/v1/profiles", {"Cache-Control": "no-cache"})
    scene.wait_killed()
    assert scene.sim.state()["card"]["channels"], "there is something to close"
    scene.killer.disarm()
    scene.restart()
    scene.sim.check()


# --- what a restart must not forget ---


@pytest.mark.parametrize("by", ["mqtt", "rest"])
def test_the_broker_was_there_before_the_restart(lab, by):
    """Killed before ENABLE, and the next start has no link yet: that the profile before had the broker
    still counts against a new one that reaches nothing."""
    config = {"mqtt.reconnect_min_s": 60, "mqtt.reconnect_max_s": 60, "switch.verify_s": 6}
    scene = Scene(lab, {"bearer.delay_ms": 0}, config, bearer=True)
    if by == "mqtt":
        scene.sim.fault("modem", "AT+CSIM=10", action="late", delay_ms=2000)
        scene.publish()
        wait_until(lambda: scene.find("k1"), 60, "the command is let in")
        scene.kill()
        scene.broker.stop()
        scene.restart("healthy")
        number = scene.find("k1")["id"]
    else:
        scene.kill()
        scene.broker.stop()
        scene.restart("ready")
        number = scene.ask()
    op = rolled_back(scene.end(number), "unreachable")
    assert op["result"]["now"] == ALPHA
    scene.broker.start()
