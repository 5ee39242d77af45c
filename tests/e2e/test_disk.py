"""A disk that is full, read-only or sick, a journal that is damaged, a clock that jumps."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import warnings

import pytest

import harness
from harness import ALPHA, BETA, GAMMA, wait_until
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

YEAR_S = 365 * 86400


class Tmpfs:
    """A file system of its own, small, at `path`."""

    def __init__(self, path, size="4m"):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "lpm-test", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            why = f"no tmpfs can be mounted here: {done.stderr.strip()}"
            warnings.warn(why)
            pytest.skip(why)

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.path)], check=True)

    def fill(self):
        """To the last byte."""
        with open(self.path / "filler", "ab", buffering=0) as filler:
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(b"\0" * size)

    def free(self):
        (self.path / "filler").unlink()

    def unmount(self):
        subprocess.run(["umount", "-l", str(self.path)], check=False)


@pytest.fixture
def disk(lab):
    """The file system that the next agent's state_dir is on. Unmounted lazily: the agent ends after
    it, with the lab."""
    disk = Tmpfs(lab.folder / "disk")
    yield disk
    disk.unmount()


def on_disk(lab, disk, overrides=None, config=None, **more):
    return Scene(lab, overrides, {"state_dir": str(disk.path), **(config or {})}, **more)


def journal(scene):
    return scene.agent.folder / "state" / "journal.db"


def refused(scene, iccid, key=None):
    """Asks, without waiting: True when the disk is the reason against it."""
    status, headers, problem = scene.agent.enable(iccid, wait=None, key=key)
    if status == 503:
        assert problem["code"] == "storage-full" and int(headers["retry-after"]) > 0, problem
        return True
    assert status in (200, 202), problem
    scene.end(problem["id"])
    return False


def reads_go_on(scene):
    for path in ("/v1/eid", "/v1/profiles", "/v1/operations", "/v1/connectivity", "/healthz"):
        status, _, body = scene.agent.http("GET", path, {"Cache-Control": "no-cache"})
        assert status == 200, (path, body)


def lets_in(scene, iccid, key):
    """When space is back: without a restart. The operation."""

    def asked():
        status, _, op = scene.agent.enable(iccid, wait=None, key=key)
        return op if status in (200, 202) else None

    return wait_until(asked, 60, "a switch is let in again")


# --- full ---


def test_full_before_the_first_start(lab, disk):
    disk.fill()
    scene = on_disk(lab, disk, broker=True)
    assert refused(scene, BETA)
    reads_go_on(scene)
    assert enables(scene.sim) == 0
    disk.free()
    op = lets_in(scene, BETA, "k1")
    scene.check(committed(scene.end(op["id"])))
    scene.kill()
    scene.restart()
    assert scene.agent.operation(op["id"])["state"] == "succeeded", "it is on disk"


def test_full_while_it_runs(lab, disk):
    scene = on_disk(lab, disk, broker=True)
    scene.check(committed(scene.end(scene.ask(by="mqtt"))))
    disk.fill()
    # What the journal has room for within its own files it may still take.
    at_door = next(
        n for n, iccid in enumerate([ALPHA, BETA] * 20) if refused(scene, iccid, key=f"k{n}")
    )
    before = enables(scene.sim)
    target = GAMMA
    assert refused(scene, target) and enables(scene.sim) == before, at_door
    reads_go_on(scene)
    disk.free()
    op = lets_in(scene, target, "again")
    scene.check(committed(scene.end(op["id"]), now=target))


def test_a_remote_command_on_a_full_disk(lab, disk):
    """Refused, and not remembered: when it comes again, it is done."""
    disk.fill()
    scene = on_disk(lab, disk, broker=True)
    scene.publish(key="m1")
    end = scene.told("m1")[-1].payload
    assert (end["state"], end["error"]["code"]) == ("rejected", "storage-full"), end
    assert "rev" not in end and enables(scene.sim) == 0
    disk.free()

    def done():
        scene.watcher.clear()
        scene.publish(key="m1")
        return scene.told("m1")[-1].payload["state"] != "rejected"

    wait_until(done, 60, "it is let in")
    op = scene.end(scene.told("m1")[-1].payload["id"])
    committed(op)


@pytest.mark.parametrize("network", ["good", "dead"])
def test_full_in_the_middle_of_a_switch(lab, disk, network):
    """It goes to its end in memory; the fleet is told when the end is on disk."""
    overrides = net(1, delay_ms=2500) if network == "good" else net(1, registration="searching")
    scene = on_disk(lab, disk, overrides, broker=True)
    number = scene.ask(by="mqtt")
    scene.sim.wait(op="enable", count=1)
    disk.fill()
    op = scene.end(number)
    assert op["result"]["now"] == scene.sim.enabled() == (BETA if network == "good" else ALPHA), op
    disk.free()
    scene.check(op)
    scene.kill()
    scene.restart()
    assert scene.agent.operation(number) == op


def test_full_and_killed_in_the_middle_of_a_switch(lab, disk):
    """What the disk has is the intent: the next start ends the switch by it, also on a full disk."""
    scene = on_disk(lab, disk, net(1, delay_ms=2500), broker=True)
    number = scene.ask(by="mqtt")
    scene.sim.wait(op="enable", count=1)
    disk.fill()
    scene.kill()
    scene.restart("healthy")
    wait_until(lambda: scene.in_use() == (BETA, BETA) and scene.works(), 60, "a profile works")
    disk.free()
    scene.check(committed(scene.end(number)))


def test_fullness_is_told_once(lab, disk):
    scene = on_disk(lab, disk, broker=True)
    disk.fill()
    next(n for n, iccid in enumerate([BETA, ALPHA] * 20) if refused(scene, iccid, key=f"k{n}"))
    for _ in range(5):
        refused(scene, GAMMA)
    disk.free()
    lets_in(scene, GAMMA, "again")
    recovered(scene)
    told = [str(m.payload) for m in scene.watcher.all(f"{P}/e/journal")]
    assert len([text for text in told if "storage-full" in text]) <= 1, told


# --- read-only, sick ---


def test_read_only_at_the_start(lab, disk):
    disk.remount("ro")
    scene = on_disk(lab, disk, broker=True)
    assert refused(scene, BETA)
    reads_go_on(scene)
    disk.remount("rw")
    op = lets_in(scene, BETA, "k1")
    scene.check(committed(scene.end(op["id"])))


def test_read_only_over_a_journal_that_was_there(lab, disk):
    """Its history can be read, and a switch cannot be written."""
    scene = on_disk(lab, disk)
    op = scene.check(committed(scene.end(scene.ask(key="k1"))))
    scene.agent.stop()
    disk.remount("ro")
    scene.restart()
    assert refused(scene, GAMMA)
    reads_go_on(scene)
    assert scene.agent.operation(op["id"]) == op
    assert scene.agent.enable(BETA, key="k1")[2] == op, "a key that is known is answered"
    disk.remount("rw")
    again = lets_in(scene, GAMMA, "k2")
    scene.check(committed(scene.end(again["id"]), now=GAMMA))


class SickDisk:
    def __init__(self, lab):
        self.path = lab.folder / "disk-error"
        self.env = {
            "LD_PRELOAD": harness.binary("libsick_disk.so"),
            "LPM_DISK_ERROR": str(self.path),
        }

    def fail(self, word):
        self.path.write_text(word)

    def heal(self):
        self.path.unlink()


@needs_preload
@pytest.mark.parametrize("word", ["EROFS", "EIO", "ENOSPC"])
def test_writes_fail_while_it_runs(lab, word):
    sick = SickDisk(lab)
    scene = Scene(lab, broker=True, env=sick.env)
    scene.check(committed(scene.end(scene.ask(by="mqtt"))))
    sick.fail(word)
    assert refused(scene, GAMMA)
    reads_go_on(scene)
    sick.heal()
    op = lets_in(scene, GAMMA, "again")
    scene.check(committed(scene.end(op["id"]), now=GAMMA))


def recovered(scene):
    """What memory had is on disk, and it is told."""
    scene.watcher.wait_for(
        lambda m: m.topic == f"{P}/e/journal" and "recovered" in str(m.payload), 60, "its recovery"
    )


@needs_preload
@pytest.mark.parametrize("word", ["EROFS", "EIO"])
def test_writes_fail_in_the_middle_of_a_switch(lab, word):
    sick = SickDisk(lab)
    scene = Scene(lab, net(1, registration="searching"), broker=True, env=sick.env)
    number = scene.ask(by="mqtt")
    scene.sim.wait(op="enable", count=1)
    sick.fail(word)
    op = rolled_back(scene.end(number), "not-registered")
    sick.heal()
    recovered(scene)
    scene.check(op)
    scene.kill()
    scene.restart()
    assert scene.agent.operation(number) == op


@needs_preload
def test_nobody_is_told_what_is_on_no_disk(lab):
    """The end and its messages are one transaction: a kill before it leaves one story, not two."""
    sick = SickDisk(lab)
    scene = Scene(lab, {"modem.refresh_ms": 800}, {"switch.verify": "attached"}, broker=True, env=sick.env)
    number = scene.ask(by="mqtt")
    scene.sim.wait(op="enable", count=1)
    sick.fail("EIO")
    scene.end(number)
    pause(6)  # the link is back by then
    scene.kill()
    sick.heal()
    scene.restart("healthy")
    scene.check(committed(scene.end(number)))


@needs_preload
def test_no_intent_no_enable(lab):
    """The disk fails between the door and ENABLE: nothing is sent that nobody would remember."""
    sick = SickDisk(lab)
    scene = Scene(lab, {"modem.apdu_latency_ms": 300}, broker=True, env=sick.env)
    number = scene.ask()
    sick.fail("ENOSPC")
    op = scene.end(number)
    assert (op["state"], op["error"]["code"]) == ("failed", "storage-full"), op
    assert enables(scene.sim) == 0
    sick.heal()
    scene.check(op)


# --- damaged ---


def files(scene):
    """What lies in the state_dir, less what SQLite puts beside a journal, and what is being written
    before it takes its name."""
    names = {path.name for path in journal(scene).parent.iterdir()}
    return {name for name in names if not name.endswith(("-wal", "-shm", ".new"))}


def garbage(path):
    path.write_bytes(bytes(range(256)) * 64)


def head_lost(path):
    data = path.read_bytes()
    path.write_bytes(b"\xff" * 512 + data[512:])


def middle_lost(path):
    data = path.read_bytes()
    path.write_bytes(data[:4096] + os.urandom(len(data) - 4096))


def cut_short(path):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [garbage, head_lost, middle_lost, cut_short],
                         ids=["garbage", "head", "middle", "cut short"])
def test_a_corrupt_journal_is_set_aside(lab, damage):
    scene = Scene(lab, broker=True)
    scene.check(committed(scene.end(scene.ask(by="mqtt"))))
    scene.agent.stop()
    path = journal(scene)
    for other in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(str(path) + other)
    damage(path)
    damaged, before = path.read_bytes(), files(scene)
    scene.watcher.clear()
    scene.restart()
    kept, = wait_until(lambda: files(scene) - before, 30, "it was set aside")
    assert path.with_name(kept).read_bytes() == damaged, "as it was found"
    told = scene.watcher.wait_for(f"{P}/e/journal", 60).payload
    assert kept in str(told) and told["id"] and told["at"]
    # A journal that begins anew is a journal.
    op = committed(scene.end(scene.ask(GAMMA, key="new")), now=GAMMA)
    scene.check(op)
    scene.kill()
    scene.restart()
    assert scene.agent.operation(op["id"]) == op
    assert files(scene) - before == {kept}


def test_a_journal_lost_on_a_dead_profile_brings_the_fallback(lab):
    """Nobody knows what ran before, and what is enabled does not serve: the fallback, once."""
    scene = Scene(lab, config={"switch.register_s": 3})
    scene.agent.stop()
    journal(scene).unlink()
    scene.sim.set("card.profiles.1.network.registration", "searching")
    scene.sim.switch(BETA)
    scene.restart()
    wait_until(lambda: scene.in_use() == (ALPHA, ALPHA) and scene.works(), 60, "the fallback serves")
    rows = scene.agent.http("GET", "/v1/operations")[2]["operations"]
    assert [row["source"]["channel"] for row in rows] == ["agent"], rows


def test_a_journal_that_is_taken_away_keeps_the_lock(lab):
    scene = Scene(lab, broker=True)
    lock = {"holder": "field-team", "ttl_s": 3600, "reason": "antenna"}
    assert scene.agent.http("PUT", "/v1/locks/switch", body=lock)[0] == 200
    journal(scene).unlink()
    # It is missed at the next write, which a refusal over MQTT is.
    scene.publish(key="m1")
    assert scene.told("m1")[-1].payload["error"]["code"] == "locked"
    scene.agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})  # the worker looks around
    wait_until(lambda: "something happened to the journal" in scene.agent.stderr(), what="it is missed")
    wait_until(journal(scene).exists, what="another one")
    # A reading of its own is done after all that.
    scene.agent.http("GET", "/v1/connectivity", {"Cache-Control": "no-cache"})
    scene.kill()
    scene.restart()
    held = scene.agent.http("GET", "/v1/locks/switch")[2]
    assert (held["holder"], held["reason"]) == ("field-team", "antenna")


def test_a_journal_lost_on_a_good_profile_changes_nothing(lab):
    scene = Scene(lab, config={"switch.register_s": 2})
    committed(scene.end(scene.ask()))
    scene.agent.stop()
    journal(scene).unlink()
    scene.restart()
    pause(4)
    assert scene.in_use() == (BETA, BETA) and enables(scene.sim) == 1


def test_a_wal_left_behind(lab):
    """A kill leaves the last commits in the -wal alone."""
    scene = Scene(lab)
    op = committed(scene.end(scene.ask(key="k1")))
    scene.kill()
    before, wal = files(scene), journal(scene).with_name("journal.db-wal")
    assert wal.exists() and wal.stat().st_size > 0
    scene.restart()
    assert scene.agent.enable(BETA, key="k1")[2] == op
    assert files(scene) == before, "nothing was set aside"


@pytest.mark.parametrize("end", ["cut", "garbled"])
def test_a_wal_that_was_torn(lab, end):
    """The last commit did not get to the disk whole: it never was, and nothing else is lost."""
    scene = Scene(lab)
    op = committed(scene.end(scene.ask(key="k1")))
    committed(scene.end(scene.ask(GAMMA, key="k2")), now=GAMMA)
    scene.kill()
    before, wal = files(scene), journal(scene).with_name("journal.db-wal")
    size = wal.stat().st_size
    with open(wal, "r+b") as file:
        if end == "cut":
            file.truncate(size - 100)
        else:
            file.seek(size - 100)
            file.write(os.urandom(100))
    scene.restart()
    assert files(scene) == before, "nothing was set aside"
    assert scene.agent.enable(BETA, key="k1")[2] == op
    assert scene.in_use() == (GAMMA, GAMMA)


def test_a_wal_of_another_journal(lab):
    scene = Scene(lab)
    committed(scene.end(scene.ask()))
    scene.kill()
    wal = journal(scene).with_name("journal.db-wal")
    kept = lab.folder / "wal"
    shutil.copy(wal, kept)
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        with contextlib.suppress(FileNotFoundError):
            journal(scene).with_name(name).unlink()
    shutil.copy(kept, wal)
    scene.restart()
    op = committed(scene.end(scene.ask(GAMMA, key="k2")), now=GAMMA)
    scene.kill()
    scene.restart()
    assert scene.agent.operation(op["id"]) == op


def test_a_state_dir_that_went_and_came(lab):
    """As a mount that comes late: nothing is lost that was there."""
    scene = Scene(lab)
    op = committed(scene.end(scene.ask(key="k1")))
    scene.agent.stop()
    folder = journal(scene).parent
    away = folder.with_name("away")
    folder.rename(away)
    scene.restart()
    if folder.exists():
        scene.agent.stop()
        shutil.rmtree(folder)
        away.rename(folder)
        scene.restart()
    else:
        away.rename(folder)
    wait_until(
        lambda: scene.agent.http("GET", f"/v1/operations/{op['id']}")[0] == 200, 60, "it is read"
    )


def test_the_journal_is_what_it_says(lab):
    """WAL, and sound after kills."""
    scene = Scene(lab, net(1, delay_ms=500))
    for n, iccid in enumerate((BETA, ALPHA, BETA)):
        number = scene.ask(iccid, key=f"k{n}")
        pause(0.3)
        scene.kill()
        scene.restart("healthy")
        scene.end(number)
        scene.agent.wait_ready(60)
    scene.agent.stop()
    with contextlib.closing(sqlite3.connect(journal(scene))) as db:
        assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert db.execute("PRAGMA user_version").fetchone()[0] >= 1, "its schema has a number"


# --- the clock ---


JUMPS = pytest.mark.parametrize("years", [10, -10, -56], ids=["10 on", "10 back", "to 1970"])


def timeless(scene, op):
    """What has to be true whatever the wall clock says: check() compares its stamps."""
    assert op["state"] in ENDED and scene.agent.operation(op["id"]) == op
    assert all(0 <= p["ms"] < 120000 for p in op["phases"]), op
    assert 0 <= op["result"]["blackout_ms"] < 120000, op
    card, modem = scene.in_use()
    assert op["result"]["now"] == card == modem
    scene.check_told(op)


@needs_preload
@JUMPS
@pytest.mark.parametrize("network", ["good", "dead"])
def test_a_clock_that_jumps_in_a_switch(lab, years, network):
    clock = Clock(lab)
    overrides = net(1, delay_ms=2500) if network == "good" else net(1, registration="searching")
    scene = Scene(lab, overrides, broker=True, env=clock.env)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "registering")
    clock.set_wall(years * YEAR_S)
    op = scene.end(number, 60)
    if network == "good":
        committed(op)
    else:
        rolled_back(op, "not-registered")
    timeless(scene, op)


@needs_preload
@JUMPS
def test_a_clock_that_jumps_over_a_kill(lab, years):
    """The same boot, another year: it goes on."""
    clock = Clock(lab)
    scene = Scene(lab, net(1, delay_ms=2500), broker=True, env=clock.env)
    number = scene.ask(by="mqtt")
    scene.wait_phase(number, "registering")
    scene.kill()
    clock.set_wall(years * YEAR_S)
    scene.restart("healthy")
    op = committed(scene.end(number, 60))
    timeless(scene, op)


@needs_preload
@JUMPS
def test_an_expiry_does_not_jump(lab, years):
    clock = Clock(lab)
    scene = Scene(lab, broker=True, env=clock.env)
    scene.sim.vanish()
    wait_until(lambda: scene.agent.http("GET", "/readyz")[0] == 503, what="modem-absent")
    number = scene.ask(by="mqtt", ttl_s=3600)
    clock.set_wall(years * YEAR_S)
    pause(1)
    assert scene.agent.operation(number)["state"] == "accepted"
    scene.sim.come_back()
    timeless(scene, committed(scene.end(number, 60)))


@needs_preload
@JUMPS
def test_memory_does_not_jump(lab, years):
    """Neither a key's 7 days nor a limit's hour is over because the clock says so, nor for years."""
    clock = Clock(lab)
    scene = Scene(lab, config={"switch.max_per_hour": 1}, env=clock.env)
    op = committed(scene.end(scene.ask(key="k1")))
    clock.set_wall(years * YEAR_S)
    assert scene.agent.enable(BETA, key="k1")[2] == op
    status, headers, problem = scene.agent.enable(GAMMA)
    assert (status, problem["code"]) == (429, "cooldown"), problem
    assert 3000 < int(headers["retry-after"]) <= 3600
    scene.kill()
    scene.restart()
    assert scene.agent.enable(BETA, key="k1")[2] == op
    status, headers, problem = scene.agent.enable(GAMMA)
    assert (status, problem["code"]) == (429, "cooldown"), problem
    assert 3000 < int(headers["retry-after"]) <= 3600


@needs_preload
@JUMPS
def test_a_limit_ends_after_a_jump(lab, years):
    clock = Clock(lab)
    scene = Scene(lab, config={"switch.min_interval_s": 3}, env=clock.env)
    committed(scene.end(scene.ask(key="k1")))
    clock.set_wall(years * YEAR_S)
    op = lets_in(scene, GAMMA, "k2")
    committed(scene.end(op["id"], 60), now=GAMMA)
