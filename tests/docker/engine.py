"""podman with a store of its own: what this test makes meets nothing of the machine's, and the other
way round. Images stay there from run to run, containers and volumes do not."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

# What the Dockerfile's FROM says. It cannot be pulled everywhere, so it is made here.
BASE = "docker.io/library/debian:bookworm-slim"
SUITE = "bookworm"
NEEDED = ("podman", "runc", "debootstrap", "docker-compose", "tar")

CONTAINERS_CONF = """\
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
lock_type = "file"
tmp_dir = "{run}/libpod"
[network]
network_backend = "cni"
network_config_dir = "{run}/networks"
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
"""
STORAGE_CONF = """\
[storage]
driver = "overlay"
graphroot = "{graph}"
runroot = "{run}/storage"
"""
# As in Debian's own slim image: what apt and dpkg are not to leave in a layer.
APT_CLEAN = """\
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::GzipIndexes "true";
Acquire::Languages "none";
"""
SLIM = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man")


class Absent(Exception):
    """What the test needs and this machine has not."""


def say(text):
    print(f"docker: {text}", flush=True)


def wait_until(what, question, limit_s=60):
    """Asks until the answer is true, and gives it; fails after a generous time."""
    end = time.monotonic() + limit_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit_s} s: {what}; last answer {answer!r}")
        time.sleep(0.2)


class Engine:
    def __init__(self):
        self.missing()
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.cache = cache / "lpm-agent" / "docker-test-1"
        self.cache.mkdir(parents=True, exist_ok=True)
        # The store remembers this path, so it is the same each time; on a tmpfs, as podman wants it.
        name = hashlib.sha256(str(self.cache).encode()).hexdigest()[:8]
        self.run_dir = Path("/run") / f"lpm-docker-test-{name}"
        self.netns_was_there = os.path.ismount("/run/netns")
        self.lock = self.take_lock()
        self.service = None
        self.stop_asking = threading.Event()
        self.asking = None
        self.run_dir.mkdir(mode=0o700, exist_ok=True)
        self.socket = self.run_dir / "api.sock"
        paths = {"run": self.run_dir, "graph": self.cache / "graph"}
        (self.run_dir / "containers.conf").write_text(CONTAINERS_CONF.format(**paths))
        (self.run_dir / "storage.conf").write_text(STORAGE_CONF.format(**paths))
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "COMPOSE_"))},
            "CONTAINERS_CONF": str(self.run_dir / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.run_dir / "storage.conf"),
            "DOCKER_HOST": f"unix://{self.socket}",
            # There is not always a systemd whose timers ask for the health: ask() does.
            "DISABLE_HC_SYSTEMD": "true",
            "LPM_PTS_MODE": "dev",
        }

    @staticmethod
    def missing():
        if os.geteuid() != 0:
            raise Absent("the containers need root here")
        absent = [tool for tool in NEEDED if not shutil.which(tool)]
        if absent:
            raise Absent(f"no {', '.join(absent)} (scripts/setup --docker)")

    def take_lock(self):
        lock = open(self.cache / "lock", "w", encoding="ascii")

        def free():
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            return False

        wait_until("another run of this test lets go of the store", free, 900)
        return lock

    # --- commands ---

    def run(self, *command, limit_s=60, check=True, **more):
        done = subprocess.run([str(word) for word in command], env=self.environment,
                              timeout=limit_s, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False, **more)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(map(str, command))}: status {done.returncode}\n"
                                 f"{done.stdout[-2000:]}{done.stderr[-4000:]}")
        return done

    def podman(self, *words, **more):
        return self.run("podman", *words, **more).stdout.strip()

    def inspect(self, what):
        return json.loads(self.podman("inspect", what))[0]

    # --- the store ---

    def start(self):
        """Looks whether the engine serves at all; what a killed run left behind goes."""
        done = self.run("podman", "info", check=False)
        if done.returncode:
            raise Absent(f"podman does not serve here: {done.stderr.strip()[-500:]}")
        self.empty()
        self.make_base()
        done = self.run("podman", "run", "--rm", "--network=none", BASE, "true", check=False)
        if done.returncode:
            raise Absent(f"podman runs no container here: {done.stderr.strip()[-500:]}")

    def make_base(self):
        if self.run("podman", "image", "exists", BASE, check=False).returncode == 0:
            return
        say(f"making {BASE} (once)")
        with tempfile.TemporaryDirectory(prefix="base-", dir=self.cache) as folder:
            root = Path(folder) / "root"
            sources = apt_sources()
            done = self.run("debootstrap", "--variant=minbase", SUITE, root, sources[0].split()[1],
                            limit_s=900, check=False)
            if done.returncode:
                raise Absent(f"debootstrap fails: {(done.stdout + done.stderr).strip()[-500:]}")
            self.make_slim(root, sources)
            tar = Path(folder) / "base.tar"
            self.run("tar", "-C", root, "--exclude=./dev/*", "-cf", tar, ".", limit_s=300)
            self.podman("import", "--quiet", tar, BASE, limit_s=300)

    def make_slim(self, root, sources):
        """With the machine's apt sources, which the build's apt is to use."""
        (root / "etc/apt/sources.list").write_text("\n".join(sources) + "\n")
        acquire = self.run("apt-config", "dump", "Acquire").stdout
        (root / "etc/apt/apt.conf.d/00machine").write_text(acquire)
        (root / "etc/apt/apt.conf.d/docker-clean").write_text(APT_CLEAN)
        (root / "etc/dpkg/dpkg.cfg.d/docker").write_text(
            "".join(f"path-exclude /{folder}/*\n" for folder in SLIM))
        for folder in (*SLIM, "var/cache/apt", "var/lib/apt/lists"):
            for entry in (root / folder).iterdir():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def build(self, source, target, image):
        self.podman("build", "--quiet", "--format=docker", "--isolation=chroot", "--network=host",
                    "--file", source / "docker/Dockerfile", "--target", target, "--tag", image,
                    source, limit_s=900)

    # --- compose ---

    def serve(self):
        """podman's socket, which compose talks to, and a thread that asks for everybody's health."""
        log = open(self.run_dir / "service.log", "w", encoding="utf-8")
        with log:
            self.service = subprocess.Popen(
                # It does not outlive a test that is killed; containers do, until the next run.
                ["setpriv", "--pdeathsig=KILL", "podman", "system", "service", "--time=0",
                 f"unix://{self.socket}"],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until("podman's socket", self.socket.exists)
        self.asking = threading.Thread(target=self.ask, daemon=True)
        self.asking.start()

    def ask(self):
        while not self.stop_asking.wait(1):
            with suppress(subprocess.TimeoutExpired):  # a busy machine: again, then
                ids = self.run("podman", "ps", "--quiet", "--filter", "health=starting", check=False)
                for container in ids.stdout.split():
                    self.run("podman", "healthcheck", "run", container, check=False)

    # --- the end ---

    def empty(self):
        """The store is this test's alone, so all that is in it is."""
        containers = self.podman("ps", "--all", "--quiet", "--no-trunc").split()
        if containers:
            # --depend: those that share another's network go with it.
            self.podman("rm", "--force", "--depend", "--time=1", "--volumes", *containers,
                        limit_s=120)
        volumes = self.podman("volume", "ls", "--quiet").split()
        if volumes:
            self.podman("volume", "rm", "--force", *volumes)

    def end(self):
        """Removes what was started. False: something stayed, and why was said."""
        self.stop_asking.set()
        if self.asking:
            self.asking.join(timeout=120)
        clean = True
        try:
            self.empty()
            # What was compiled goes; the layers with packages belong to images that have a name.
            self.podman("image", "prune", "--force", limit_s=120)
        except (AssertionError, subprocess.TimeoutExpired) as why:
            say(f"not all of it could be removed: {why}")
            clean = False
        if self.service:
            self.service.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.service.wait(timeout=20)
            if self.service.poll() is None:
                self.service.kill()
                self.service.wait()
        for mount in (self.cache / "graph/overlay", *([] if self.netns_was_there else ["/run/netns"])):
            if os.path.ismount(mount):
                self.run("umount", mount, check=False)
        if clean:  # else the next run needs it, to find what stayed
            shutil.rmtree(self.run_dir, ignore_errors=True)
        self.lock.close()
        return clean


def apt_sources():
    """This machine's sources of Debian's suite, the main one first: `deb URI SUITE COMPONENT`."""
    done = subprocess.run(["apt-get", "indextargets", "--format",
                           "$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)", "Created-By: Packages"],
                          text=True, stdout=subprocess.PIPE, timeout=60, check=False)
    rows = [line.split("|") for line in done.stdout.splitlines() if line.count("|") == 3]
    found = sorted({(codename, uri, component) for origin, codename, uri, component in rows
                    if origin == "Debian" and codename.split("-")[0] == SUITE})
    if not found or found[0][0] != SUITE:
        raise Absent(f"apt knows no source of Debian {SUITE} (apt-get update?)")
    return [f"deb {uri} {codename} {component}" for codename, uri, component in found]
