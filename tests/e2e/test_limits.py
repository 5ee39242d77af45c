"""What holds a switch back, and what says so before: limits, the lock, the plan, the word that
confirms; and the list of what was done."""

import time

import pytest

from harness import ALPHA, BETA, GAMMA, SLOW, wait_until

P = "esim/v1/dev-1"
ENDED = ("succeeded", "failed", "rejected", "expired", "canceled")
LOCK = "/v1/locks/switch"
UNKNOWN = "8900000000000000000"
NO_OPERATION = "01JD0000000000000000000000"


def ready(lab, overrides=None, config=None, broker=None):
    sim = lab.sim(None, overrides)
    agent = lab.agent(sim, broker, config=config)
    agent.wait_ready()
    return sim, agent


def succeeds(agent, ref, **body):
    status, _, op = agent.enable(ref, **body)
    assert (status, op.get("state")) == (200, "succeeded"), op
    return op


def plan(agent, ref):
    status, headers, body = agent.http("GET", f"/v1/profiles/{ref}/plan")
    assert status == 200, body
    return body


def codes(a_plan):
    return [o["code"] for o in a_plan["obstacles"]]


def lock(agent, holder, ttl_s, **more):
    return agent.http("PUT", LOCK, body={"holder": holder, "ttl_s": ttl_s, **more})


def ask(watcher, number, **args):
    """An enable by MQTT, until its end."""
    watcher.publish(f"{P}/cmd/enable-profile/{number}/req", args)
    return watcher.wait_for(
        lambda m: m.topic == f"{P}/cmd/enable-profile/{number}/status"
        and m.payload["state"] in ENDED,
        120,
        f"the end of {number}",
    ).payload


# --- limits ---


# what, the limits, the longest that Retry-After may say
LIMITS = [
    ("min_interval_s", {"min_interval_s": 600}, 600),
    ("max_per_hour", {"max_per_hour": 1}, 3600),
    ("max_per_day", {"max_per_day": 1}, 86400),
]


@pytest.mark.parametrize("row", LIMITS, ids=[row[0] for row in LIMITS])
def test_a_limit_refuses_until_it_is_forced(lab, row):
    _, limits, at_most_s = row
    sim, agent = ready(lab, config={"switch": limits})
    succeeds(agent, BETA)
    status, headers, problem = agent.enable(GAMMA)
    assert (status, problem["code"]) == (429, "cooldown"), problem
    assert at_most_s - 120 * SLOW < problem["retry_after_s"] <= at_most_s
    assert headers["retry-after"] == str(problem["retry_after_s"])
    # What changes nothing is no switch.
    assert succeeds(agent, BETA)["result"]["changed"] is False
    assert sim.counters()["enable"] == 1
    op = succeeds(agent, GAMMA, force=True)
    assert op["args"] == {"iccid": GAMMA, "force": True}
    assert agent.operation(op["id"])["args"]["force"] is True
    assert sim.enabled() == GAMMA and sim.counters()["enable"] == 2
    # The forced one counts too.
    assert agent.enable(ALPHA)[0] == 429


def test_limits_survive_a_restart_and_a_kill(lab):
    sim, agent = ready(lab, config={"switch.max_per_hour": 2})
    succeeds(agent, BETA)
    agent.stop()
    agent.start()
    agent.wait_ready()
    succeeds(agent, GAMMA)
    assert agent.enable(ALPHA)[0] == 429
    agent.kill()
    agent.start()
    agent.wait_ready()
    status, _, problem = agent.enable(ALPHA)
    assert (status, problem["code"]) == (429, "cooldown")
    assert sim.enabled() == GAMMA


def test_after_retry_after_it_is_let_in(lab):
    sim, agent = ready(lab, config={"switch.min_interval_s": int(15 * SLOW)})
    succeeds(agent, BETA)
    status, _, problem = agent.enable(GAMMA)
    assert status == 429, problem
    time.sleep(problem["retry_after_s"])
    succeeds(agent, GAMMA)


def test_a_limit_by_mqtt(lab):
    broker = lab.broker()
    watcher = lab.watcher(broker)
    sim, agent = ready(lab, config={"switch.min_interval_s": 600}, broker=broker)
    watcher.wait_for(f"{P}/twin/esim")
    succeeds(agent, BETA)
    end = ask(watcher, "c1", iccid=GAMMA)
    assert (end["state"], end["error"]["code"]) == ("rejected", "cooldown")
    assert 0 < end["error"]["retry_after_s"] <= 600
    # `force` counts only where mqtt.force says so, and is not quietly taken for nothing.
    end = ask(watcher, "c2", iccid=GAMMA, force=True)
    assert (end["state"], end["error"]["code"]) == ("rejected", "forbidden")
    assert sim.counters()["enable"] == 1


# --- the lock ---


def test_a_lock_by_rest_holds_off_mqtt_and_rest(lab):
    broker = lab.broker()
    watcher = lab.watcher(broker)
    sim, agent = ready(lab, broker=broker)
    watcher.wait_for(f"{P}/twin/esim")
    status, _, problem = agent.http("GET", LOCK)
    assert (status, problem["code"]) == (404, "not-found")
    status, _, mine = lock(agent, "field-team", 3600, reason="antenna work")
    assert status == 200, mine
    assert (mine["holder"], mine["reason"]) == ("field-team", "antenna work")
    assert 3590 <= mine["ttl_s"] <= 3600 and mine["until"]

    end = ask(watcher, "l1", iccid=BETA)
    assert (end["state"], end["error"]["code"]) == ("rejected", "locked")
    assert end["error"]["holder"] == "field-team" and end["error"]["until"] == mine["until"]
    assert "antenna work" in end["error"]["detail"]
    status, _, problem = agent.enable(BETA)
    assert (status, problem["code"]) == (423, "locked")
    assert problem["holder"] == "field-team" and problem["until"] == mine["until"]
    # What is in use already needs no switch.
    assert succeeds(agent, ALPHA)["result"]["changed"] is False
    assert "enable" not in sim.ops()

    # Another neither takes nor drops it.
    status, _, problem = lock(agent, "other", 60)
    assert (status, problem["code"], problem["holder"]) == (423, "locked", "field-team")
    status, _, problem = agent.http("DELETE", f"{LOCK}?holder=other")
    assert (status, problem["code"], problem["holder"]) == (423, "locked", "field-team")

    assert succeeds(agent, BETA, force=True)["args"]["force"] is True
    status, _, body = agent.http("DELETE", f"{LOCK}?holder=field-team")
    assert (status, body) == (204, "")
    assert agent.http("GET", LOCK)[0] == 404
    assert ask(watcher, "l2", iccid=GAMMA)["state"] == "succeeded"


def command(watcher, op, number, **args):
    """One that is no enable: it has one answer."""
    watcher.publish(f"{P}/cmd/{op}/{number}/req", args)
    return watcher.wait_for(f"{P}/cmd/{op}/{number}/status").payload


def test_a_lock_by_mqtt_holds_off_mqtt_and_rest(lab):
    broker = lab.broker()
    watcher = lab.watcher(broker)
    sim, agent = ready(lab, broker=broker)
    watcher.wait_for(f"{P}/twin/esim")
    answer = command(
        watcher, "lock-switch", "m1", holder="fleet", ttl_s=3600, reason="freeze"
    )
    assert (answer["id"], answer["kind"], answer["state"]) == ("m1", "lock-switch", "succeeded")
    mine = answer["result"]
    assert (mine["holder"], mine["reason"]) == ("fleet", "freeze")
    status, _, same = agent.http("GET", LOCK)
    assert (status, same["holder"], same["until"]) == (200, "fleet", mine["until"])
    assert 3590 <= same["ttl_s"] <= mine["ttl_s"] <= 3600

    end = ask(watcher, "m2", iccid=BETA)
    assert (end["state"], end["error"]["code"]) == ("rejected", "locked")
    assert end["error"]["holder"] == "fleet" and end["error"]["until"] == mine["until"]
    status, _, problem = agent.enable(BETA)
    assert (status, problem["code"], problem["holder"]) == (423, "locked", "fleet")
    assert "enable" not in sim.ops()

    # Another neither takes nor drops it, whatever the door; force is not for this one.
    for number, op, args in (
        ("m3", "lock-switch", {"holder": "other", "ttl_s": 60}),
        ("m4", "unlock-switch", {"holder": "other"}),
    ):
        end = command(watcher, op, number, **args)
        assert (end["state"], end["error"]["code"]) == ("rejected", "locked"), end
        assert end["error"]["holder"] == "fleet" and end["error"]["until"] == mine["until"]
    assert lock(agent, "other", 60)[0] == 423
    end = command(watcher, "unlock-switch", "m5", force=True)
    assert (end["state"], end["error"]["code"]) == ("rejected", "forbidden")
    assert end["error"]["field"] == "force"

    # What was acknowledged outlives a kill.
    agent.kill()
    agent.start()
    agent.wait_ready()
    assert agent.http("GET", LOCK)[2]["until"] == mine["until"]
    assert agent.http("GET", "/v1/operations?limit=100")[2]["operations"][0]["state"] == "rejected"
    assert len(agent.http("GET", "/v1/operations")[2]["operations"]) == 1
    for number in ("m6", "m7"):
        answer = command(watcher, "unlock-switch", number, holder="fleet")
        assert (answer["state"], answer["result"]) == ("succeeded", {})
    assert agent.http("GET", LOCK)[0] == 404
    assert ask(watcher, "m8", iccid=BETA)["state"] == "succeeded"


def test_mqtt_drops_a_lock_by_force_where_it_may(lab):
    broker = lab.broker()
    watcher = lab.watcher(broker)
    sim, agent = ready(lab, config={"mqtt.force": True}, broker=broker)
    watcher.wait_for(f"{P}/twin/esim")
    lock(agent, "field-team", 3600)
    end = command(watcher, "unlock-switch", "f1", holder="fleet")
    assert (end["state"], end["error"]["holder"]) == ("rejected", "field-team")
    assert command(watcher, "unlock-switch", "f2", force=True)["state"] == "succeeded"
    assert agent.http("GET", LOCK)[0] == 404


def test_the_holder_renews(lab):
    sim, agent = ready(lab)
    first = lock(agent, "me", 60)[2]
    status, _, second = lock(agent, "me", 600, reason="longer")
    assert status == 200 and second["until"] > first["until"] and second["reason"] == "longer"
    assert agent.http("GET", LOCK)[2]["reason"] == "longer"
    # Shorter, too.
    assert lock(agent, "me", 60)[2]["until"] < second["until"]


def test_a_lock_survives_a_restart_and_a_kill(lab):
    sim, agent = ready(lab)
    until = lock(agent, "me", 3600, reason="upgrade")[2]["until"]
    for end in (agent.stop, agent.kill):
        end()
        agent.start()
        agent.wait_ready()
        status, _, kept = agent.http("GET", LOCK)
        assert (status, kept["holder"], kept["reason"], kept["until"]) == (
            200, "me", "upgrade", until,
        )
        status, _, problem = agent.enable(BETA)
        assert (status, problem["code"], problem["holder"]) == (423, "locked", "me")
    # Whoever may ask may also say that it does not count.
    assert agent.http("DELETE", f"{LOCK}?force=true")[0] == 204
    agent.stop()
    agent.start()
    agent.wait_ready()
    assert agent.http("GET", LOCK)[0] == 404


def test_a_lock_ends_by_itself(lab):
    sim, agent = ready(lab)
    lock(agent, "me", 3)
    assert agent.enable(BETA)[0] == 423
    wait_until(lambda: agent.http("GET", LOCK)[0] == 404, 10, "the lock ends")
    # Its end may pass while nobody looks.
    lock(agent, "me", 2)
    agent.stop()
    time.sleep(2.5)
    agent.start()
    agent.wait_ready()
    assert agent.http("GET", LOCK)[0] == 404
    succeeds(agent, BETA)
    assert lock(agent, "other", 60)[0] == 200


# what, method, query, body, status, field
BAD_LOCKS = [
    ("no body", "PUT", "", None, 400, "holder"),
    ("no holder", "PUT", "", {"ttl_s": 60}, 400, "holder"),
    ("empty holder", "PUT", "", {"holder": "", "ttl_s": 60}, 400, "holder"),
    ("long holder", "PUT", "", {"holder": "x" * 65, "ttl_s": 60}, 400, "holder"),
    ("no time", "PUT", "", {"holder": "me"}, 400, "ttl_s"),
    ("no time at all", "PUT", "", {"holder": "me", "ttl_s": 0}, 400, "ttl_s"),
    ("too long", "PUT", "", {"holder": "me", "ttl_s": 86401}, 400, "ttl_s"),
    ("unknown field", "PUT", "", {"holder": "me", "ttl_s": 60, "force": True}, 400, "force"),
    ("query", "PUT", "?holder=me", {"holder": "me", "ttl_s": 60}, 400, "holder"),
    ("nobody named", "DELETE", "", None, 400, "holder"),
    ("empty name", "DELETE", "?holder=", None, 400, "holder"),
    ("not forced", "DELETE", "?force=false", None, 400, "holder"),
    ("force is no word", "DELETE", "?force=yes", None, 400, "force"),
    ("unknown parameter", "DELETE", "?who=me", None, 400, "who"),
    ("POST", "POST", "", {"holder": "me", "ttl_s": 60}, 405, None),
]


def test_bad_locks(lab):
    sim, agent = ready(lab)
    for what, method, query, body, status, field in BAD_LOCKS:
        got, headers, problem = agent.http(method, LOCK + query, body=body)
        assert (got, problem.get("field")) == (status, field), what
        if status == 405:
            assert headers["allow"] == "GET, HEAD, PUT, DELETE"
    assert agent.http("GET", LOCK)[0] == 404
    # There is none to drop, and none is there afterwards.
    assert agent.http("DELETE", f"{LOCK}?holder=me")[0] == 204


def test_viewers_look_and_do_not_touch(lab):
    view = str(lab.folder / "view.sock")
    sim, agent = ready(lab, config={"api.view_socket": view})
    lock(agent, "me", 60)
    operator, agent.socket = agent.socket, view
    try:
        assert agent.http("GET", LOCK)[2]["holder"] == "me"
        assert plan(agent, BETA)["would"] == "refused"
        for method, path in (
            ("PUT", LOCK),
            ("DELETE", f"{LOCK}?force=true"),
            ("POST", f"/v1/operations/{NO_OPERATION}/confirm"),
        ):
            status, _, problem = agent.http(method, path)
            assert (status, problem["code"]) == (403, "forbidden"), path
    finally:
        agent.socket = operator
    assert agent.http("GET", LOCK)[0] == 200


# --- the plan ---


def test_a_plan_before_and_after_a_switch(lab):
    sim, agent = ready(lab)
    for read in ("eid", "profiles"):
        agent.http("GET", f"/v1/{read}")
    since = sim.last_n()
    before = plan(agent, BETA)
    assert before["iccid"] == BETA and before["from"] == ALPHA
    assert (before["changes"], before["would"], before["obstacles"]) == (True, "accepted", [])
    # Alpha is the fallback as well, and named once.
    assert before["rollback"] == {"enabled": True, "to": [ALPHA]}
    assert before["verify"] == "auto" and before["at_most_s"] > 300
    assert before["history"] == {"count": 0, "failed": 0}
    assert plan(agent, before["aid"]) == before
    assert not sim.ops(since), "a plan asks nothing of the card"
    assert agent.http("GET", "/v1/operations")[2] == {"operations": []}

    op = succeeds(agent, BETA)
    took = plan(agent, BETA)
    assert (took["changes"], took["would"], took["obstacles"]) == (False, "done", [])
    history = took["history"]
    assert (history["count"], history["failed"]) == (1, 0)
    assert history["proven_at"] >= op["started_at"]
    assert 0 < history["median_ms"] == history["p95_ms"]
    assert "last_error" not in history
    onwards = plan(agent, GAMMA)
    assert onwards["from"] == BETA and onwards["rollback"]["to"] == [BETA, ALPHA]
    rows = {r["iccid"]: r for r in agent.http("GET", "/v1/profiles")[2]["profiles"]}
    assert rows[BETA]["proven_at"] == history["proven_at"]
    assert "proven_at" not in rows[GAMMA] and "last_error" not in rows[BETA]

    # Across a restart.
    agent.stop()
    agent.start()
    agent.wait_ready()
    assert plan(agent, BETA)["history"] == history


def test_a_plan_remembers_what_failed(lab):
    sim, agent = ready(
        lab,
        {"card.profiles.1.network.registration": "searching"},
        {"switch": {"refresh_s": 2, "register_s": 3, "attach_s": 3, "verify_s": 3}},
    )
    etag = agent.http("GET", "/v1/profiles")[1]["etag"]
    assert agent.enable(BETA)[2]["error"]["code"] == "not-registered"
    assert sim.enabled() == ALPHA
    history = plan(agent, BETA)["history"]
    assert history == {"count": 1, "failed": 1, "last_error": "not-registered"}
    _, headers, body = agent.http("GET", "/v1/profiles")
    rows = {r["iccid"]: r for r in body["profiles"]}
    assert rows[BETA]["last_error"] == "not-registered" and "proven_at" not in rows[BETA]
    assert headers["etag"] != etag

    # Proven at last: the error is of the past.
    sim.set("card.profiles.1.network.registration", "home")
    succeeds(agent, BETA)
    history = plan(agent, BETA)["history"]
    assert (history["count"], history["failed"]) == (2, 1)
    assert "proven_at" in history and "last_error" not in history


def test_a_plan_names_all_that_is_in_the_way(lab):
    sim, agent = ready(
        lab,
        {"card.profiles.2.network.delay_ms": 3000},
        {"switch.min_interval_s": 600, "switch.rollback": False, "switch.verify": "registered"},
    )
    succeeds(agent, BETA)
    lock(agent, "me", 600, reason="upgrade")
    _, _, op = agent.enable(GAMMA, wait=None, force=True)
    sim.wait(op="enable", count=2)
    a_plan = plan(agent, ALPHA)
    assert a_plan["would"] == "refused" and a_plan["changes"] is True
    assert codes(a_plan) == ["locked", "switch-in-progress", "cooldown"]
    locked, in_progress, cooldown = a_plan["obstacles"]
    assert locked["holder"] == "me" and locked["until"] and locked["forcible"] is True
    assert in_progress["operation"] == op["id"] and "forcible" not in in_progress
    assert 0 < cooldown["retry_after_s"] <= 600 and cooldown["forcible"] is True
    assert a_plan["rollback"] == {"enabled": False, "to": []}
    assert a_plan["verify"] == "registered"
    assert agent.wait_operation(op["id"])["state"] == "succeeded"
    assert codes(plan(agent, ALPHA)) == ["locked", "cooldown"]
    # In use already: nothing can be in the way.
    assert plan(agent, GAMMA)["would"] == "done"


def test_a_plan_by_mqtt_is_rests(lab):
    broker = lab.broker()
    watcher = lab.watcher(broker)
    config = {"switch.min_interval_s": 600, f"profiles.{GAMMA}.label": "spare"}
    sim, agent = ready(lab, config=config, broker=broker)
    watcher.wait_for(f"{P}/twin/esim")

    def both(number, ref, **args):
        answer = command(watcher, "plan-profile", number, **args)
        assert (answer["id"], answer["kind"]) == (number, "plan-profile")
        assert answer["state"] == "succeeded", answer
        by_mqtt, by_rest = answer["result"], plan(agent, ref)
        for a_plan in (by_mqtt, by_rest):
            for obstacle in a_plan["obstacles"]:
                obstacle.pop("retry_after_s", None)  # a second may have passed
        assert by_mqtt == by_rest
        return by_mqtt

    since = sim.last_n()
    before = both("p1", BETA, iccid=BETA)
    assert before["would"] == "accepted" and before["from"] == ALPHA
    assert both("p2", BETA, aid=before["aid"]) == before
    assert both("p3", GAMMA, iccid=GAMMA)["label"] == "spare"
    assert "list" not in sim.ops(since)
    both("p4", BETA, iccid=BETA, refresh=True)
    assert sim.ops(since).count("list") == 1

    succeeds(agent, BETA)
    lock(agent, "me", 600)
    assert both("p5", BETA, iccid=BETA)["history"]["count"] == 1
    assert codes(both("p6", GAMMA, iccid=GAMMA)) == ["locked", "cooldown"]

    end = command(watcher, "plan-profile", "p7", iccid=UNKNOWN)
    assert (end["state"], end["error"]["code"]) == ("failed", "profile-not-found")
    assert len(agent.http("GET", "/v1/operations")[2]["operations"]) == 1


def test_plans_of_nothing(lab):
    sim, agent = ready(lab)
    status, _, problem = agent.http("GET", f"/v1/profiles/{UNKNOWN}/plan")
    assert (status, problem["code"]) == (404, "profile-not-found")
    status, _, problem = agent.http("GET", "/v1/profiles/beta/plan")
    assert (status, problem["field"]) == (400, "ref")
    assert agent.http("POST", f"/v1/profiles/{BETA}/plan")[0] == 405


# --- the word that confirms ---


def test_confirm(lab):
    sim, agent = ready(lab)
    _, _, op = agent.enable(BETA, wait=None, confirm_s=600)
    op = agent.wait_operation(op["id"], lambda o: o["phase"] == "confirming")
    assert op["state"] == "running" and op["args"]["confirm_s"] == 600
    status, _, confirmed = agent.http("POST", f"/v1/operations/{op['id']}/confirm")
    assert (status, confirmed["id"]) == (200, op["id"])
    end = agent.wait_operation(op["id"])
    assert end["state"] == "succeeded" and sim.enabled() == BETA
    assert "confirming" in [p["phase"] for p in end["phases"]]
    # Now it waits for nothing.
    other = succeeds(agent, GAMMA)["id"]
    status, _, problem = agent.http("POST", f"/v1/operations/{other}/confirm")
    assert (status, problem["code"], problem["operation"]) == (409, "too-late", other)
    status, _, problem = agent.http("POST", f"/v1/operations/{NO_OPERATION}/confirm")
    assert (status, problem["code"]) == (404, "not-found")


def test_confirm_s_out_of_range(lab):
    sim, agent = ready(lab)
    for confirm_s in (0, 59, 86401, -1, 60.5, "60"):
        status, _, problem = agent.enable(BETA, wait=None, confirm_s=confirm_s)
        assert (status, problem["code"], problem["field"]) == (
            400, "invalid-request", "confirm_s",
        ), confirm_s
    assert "enable" not in sim.ops()


# --- what was done ---


def test_paging_across_a_restart(lab):
    sim, agent = ready(lab)
    made = [succeeds(agent, ALPHA)["id"] for _ in range(7)]
    made.append(succeeds(agent, BETA)["id"])
    newest_first = made[::-1]

    def pages(limit):
        seen, before = [], ""
        while True:
            page = agent.http("GET", f"/v1/operations?limit={limit}{before}")[2]["operations"]
            assert len(page) <= limit
            if not page:
                return seen
            seen += [op["id"] for op in page]
            before = f"&before={seen[-1]}"

    for limit in (1, 3, 8, 100):
        assert pages(limit) == newest_first
    agent.kill()
    agent.start()
    agent.wait_ready()
    made.append(succeeds(agent, GAMMA)["id"])
    assert pages(3) == made[::-1]
    first = agent.operation(made[0])
    assert first["state"] == "succeeded" and first["result"]["changed"] is False
    page = agent.http("GET", f"/v1/operations?state=failed&before={made[-1]}")[2]
    assert page == {"operations": []}
