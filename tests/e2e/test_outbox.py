"""The outcome reaches the fleet: through a broker's absence, kills, and a broker that refuses."""

import time

import pytest

from harness import ALPHA, BETA, GAMMA, wait_until
from truth import ENABLE, P, Scene, committed, enables, needs_preload, net, pause, rolled_back


def broker_away(scene):
    """Stopped, and the agent knows."""
    lost = scene.agent.stderr().count("mqtt link is down")
    scene.broker.stop()
    wait_until(
        lambda: scene.agent.stderr().count("mqtt link is down") > lost, what="the loss is seen"
    )


def arrived(scene, count):
    """The ids of the outcomes, each once, in the order of their first coming."""

    def ids():
        seen = []
        for m in scene.watcher.all(f"{P}/e/switch"):
            if m.payload["id"] not in seen:
                seen.append(m.payload["id"])
        return seen if len(seen) >= count else None

    return wait_until(ids, 120, f"{count} outcomes")


def test_away_for_the_whole_switch(lab):
    scene = Scene(lab, config={"switch.verify_s": 4}, broker=True)
    broker_away(scene)
    op = committed(scene.end(scene.ask()), "attached")
    scene.broker.start()
    scene.check(op)


def test_away_from_the_command_on(lab):
    """Every status of the command waits, and comes in order."""
    scene = Scene(lab, net(1, delay_ms=1000), {"switch.verify_s": 4}, broker=True)
    number = scene.ask(by="mqtt")
    scene.broker.stop()
    op = scene.end(number)
    scene.broker.start()
    scene.check(op)


def test_away_for_longer_than_the_session(lab):
    """The session is gone, the outbox is not; commands are heard again."""
    scene = Scene(lab, config={"mqtt.session_expiry_s": 1, "switch.verify_s": 4}, broker=True)
    broker_away(scene)
    op = committed(scene.end(scene.ask()))
    pause(3)
    scene.broker.start()
    scene.check(op)

    def answered():
        key = f"r{time.monotonic_ns()}"
        scene.watcher.publish(f"{P}/cmd/get-eid/{key}/req", None)
        pause(0.3)
        return scene.watcher.all(f"{P}/cmd/get-eid/{key}/status")

    wait_until(answered, 60, "a command is answered")


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_outcomes_that_wait_outlive_the_agent(lab, how):
    scene = Scene(lab, config={"switch.verify": "attached"}, broker=True)
    broker_away(scene)
    ends = [scene.end(scene.ask(iccid, key=iccid)) for iccid in (BETA, GAMMA, ALPHA)]
    for _ in range(2):
        if how == "killed":
            scene.kill()
        else:
            scene.agent.stop()
        scene.restart("healthy")
    scene.broker.start()
    assert arrived(scene, 3) == [op["id"] for op in ends], "in the order of their ends"
    for op in ends:
        scene.check_told(op)


def test_statuses_that_wait_outlive_the_agent(lab):
    scene = Scene(lab, net(1, delay_ms=2500), {"switch.verify": "attached"}, broker=True)
    number = scene.ask(by="mqtt")
    scene.broker.stop()
    scene.wait_phase(number, "registering")
    scene.kill()
    scene.restart("healthy")
    op = scene.end(number)
    scene.kill()
    scene.restart("healthy")
    scene.broker.start()
    scene.check(op)


def test_a_broker_that_dies_with_what_it_had(lab):
    """kill -9 on both: what was not acknowledged comes again, in the same words."""
    scene = Scene(lab, net(1, delay_ms=2500), {"switch.verify": "attached"}, broker=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "resetting", "registering", "attaching", "verifying")
    scene.broker.process.kill()
    scene.broker.process.wait()
    scene.kill()
    scene.broker.start()
    scene.watcher.wait_back()
    scene.restart("healthy")
    op = scene.end(number)
    scene.watcher.wait_for(
        lambda m: m.topic == f"{P}/e/switch" and m.payload["id"] == number, 120, "the outcome"
    )
    scene.check(op)


@needs_preload
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_killed_while_it_sends(lab, nth):
    """With outcomes on their way: each arrives, maybe twice, never in other words."""
    scene = Scene(lab, config={"switch.verify": "attached"}, broker=True, killer=True)
    broker_away(scene)
    ends = [scene.end(scene.ask(iccid, key=iccid)) for iccid in (BETA, GAMMA)]
    scene.killer.arm(f"log:mqtt link is up:{nth}:after")
    scene.broker.start()
    if nth == 1:
        scene.wait_killed()
        scene.restart("healthy")
    else:
        pause(0.2 * nth)
        scene.kill()
        scene.killer.disarm()
        scene.restart("healthy")
    arrived(scene, 2)
    for op in ends:
        scene.check_told(op)


def test_a_full_outbox_keeps_the_outcomes(lab):
    """Telemetry goes first, outcomes never."""
    scene = Scene(
        lab,
        config={"switch.verify": "attached", "mqtt.outbox_max_kib": 1, "telemetry": {"sample_s": 1, "publish_s": 1}},
        broker=True,
    )
    broker_away(scene)
    ends = [
        scene.end(scene.ask(iccid, key=f"k{n}"))
        for n, iccid in enumerate((BETA, GAMMA, ALPHA, BETA))
    ]
    scene.kill()
    scene.restart("healthy")
    scene.broker.start()
    arrived(scene, len(ends))
    for op in ends:
        scene.check_told(op)


# --- a broker that refuses ---

# What the agent publishes, less the outcomes; everybody may read.
ACL = ["status/#", "info", "twin/#", "cmd/#", "m/#", "e/profiles", "e/sim", "e/modem", "e/journal",
       "e/steering"]


def refusing(lab):
    acl = lab.folder / "acl"
    lines = ["topic read #"] + [f"topic write {P}/{topic}" for topic in ACL]
    acl.write_text("\n".join(lines) + "\n")
    acl.chmod(0o644)
    return Scene(lab, broker=True, extra=f"acl_file {acl}")


def denied(scene):
    return scene.broker.stderr().count(f"'{P}/e/switch'")


def test_a_message_that_is_refused_blocks_nobody(lab):
    """PUBACK with 0x87: set aside, told once, never repeated."""
    scene = refusing(lab)
    number = scene.ask(by="mqtt")
    op = committed(scene.end(number))
    scene.check_statuses(op)
    journal = scene.watcher.wait_for(f"{P}/e/journal", 60).payload
    assert journal["id"] and journal["at"]
    wait_until(
        lambda: any(number in str(m.payload) for m in scene.watcher.all(f"{P}/twin/operations")),
        what="what comes after it",
    )
    assert not scene.watcher.all(f"{P}/e/switch")
    assert denied(scene) == 1, scene.broker.stderr()[-2000:]
    scene.watcher.publish(f"{P}/cmd/get-eid/r1/req", None)
    scene.watcher.wait_for(f"{P}/cmd/get-eid/r1/status")
    scene.agent.stop()
    scene.restart()
    scene.watcher.publish(f"{P}/cmd/get-eid/r2/req", None)
    scene.watcher.wait_for(f"{P}/cmd/get-eid/r2/status")
    pause(1)
    assert denied(scene) == 1, "it was repeated"
    assert len(scene.watcher.all(f"{P}/e/journal")) == 1, scene.watcher.all(f"{P}/e/journal")


def test_one_that_is_refused_does_not_hold_the_next(lab):
    """Both are tried, and one cause is not told again and again."""
    scene = refusing(lab)
    ends = [scene.end(scene.ask(iccid, by="mqtt", key=iccid)) for iccid in (BETA, GAMMA)]
    for op in ends:
        scene.check_statuses(op)
    wait_until(lambda: denied(scene) == 2, 60, "both were sent")
    scene.watcher.wait_for(f"{P}/e/journal", 60)
    assert len(scene.watcher.all(f"{P}/e/journal")) <= 2


# --- commands in ---


def after(text, mark):
    return text[text.index(mark):] if mark in text else ""


@needs_preload
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_command_is_on_disk_before_its_puback(lab, when):
    """Killed right before, and right after, it gets there: the broker may not have its PUBACK yet,
    and it is done once."""
    scene = Scene(lab, broker=True, killer=True)
    pause(1)  # nothing else is written by now
    scene.killer.arm(f"sync:1:{when}")
    scene.publish(key="d1")
    scene.wait_killed()
    told = after(scene.broker.stderr(), "/cmd/enable-profile/d1/req'")
    sent = after(told, "Sending PUBLISH to lpm-")
    assert sent, "the command reached the agent"
    assert "Received PUBACK from lpm-" not in sent, "acknowledged before it was on disk"
    scene.restart("healthy")
    number = scene.told("d1")[-1].payload["id"]
    scene.check(committed(scene.end(number)))
    assert enables(scene.sim) == 1


@needs_preload
def test_a_command_that_comes_again_to_an_agent_that_was_killed(lab):
    """Once is once, also when the broker has no PUBACK and the switch has ENABLE behind it."""
    scene = Scene(lab, broker=True, killer=True)
    scene.killer.arm(f"write:{ENABLE}:1:after")
    scene.publish(key="d1")
    scene.wait_killed()
    scene.publish(key="d1")
    scene.restart("healthy")
    number = scene.told("d1")[-1].payload["id"]
    scene.check(committed(scene.end(number)))
    rows = scene.agent.http("GET", "/v1/operations")[2]["operations"]
    assert [row["id"] for row in rows] == [number]


def test_a_command_that_waited_in_the_broker_too_long(lab):
    """An older command is not worth running: it expires by its message's own time."""
    scene = Scene(lab, broker=True)
    scene.kill()
    scene.watcher.publish(
        f"{P}/cmd/enable-profile/old/req", {"iccid": BETA}, MessageExpiryInterval=1
    )
    pause(2.5)
    scene.restart()
    pause(1)
    assert enables(scene.sim) == 0 and scene.sim.enabled() == ALPHA


def test_3_1_1_loses_nothing_either(lab):
    scene = Scene(lab, net(1, registration="searching"), {"mqtt.version": "3.1.1"}, broker=True)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "registering", "rolling-back")
    scene.broker.stop()
    scene.kill()
    scene.restart("healthy")
    op = rolled_back(scene.end(number), "not-registered")
    scene.broker.start()
    scene.check(op)
