"""TLS to the broker: who is let in, who is refused and in which words, and what hangs."""

import socket
import ssl
import subprocess
import threading

import pytest

from harness import BETA, SLOW, free_port, wait_until
from raw_broker import RawBroker
from test_link import P, NoModem, wait_log

LONG_AGO = ("20200101000000Z", "20200201000000Z")
FAR_OFF = ("20900101000000Z", "20910101000000Z")
HERE = "DNS:localhost,IP:127.0.0.1"

CA_CONF = """
[ca]
default_ca = this
[this]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


class Pki:
    """Certificates in a folder, made with the openssl command."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()

    def path(self, name):
        return str(self.folder / name)

    def _key(self, name, rsa=False):
        if rsa:
            openssl("genrsa", "-out", self.path(f"{name}.key"), "2048")
            return
        openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", self.path(f"{name}.key"))

    def ca(self, name):
        self._key(name)
        openssl("req", "-x509", "-new", "-key", self.path(f"{name}.key"), "-subj", f"/CN={name}",
                "-days", "30", "-addext", "keyUsage=critical,keyCertSign",
                "-out", self.path(f"{name}.crt"))
        return self.path(f"{name}.crt")

    def certificate(self, name, by, extensions, valid=None, rsa=False):
        """<name>.crt and <name>.key, signed by the CA `by`; `valid`: from, to."""
        self._key(name, rsa)
        csr, ext, conf = self.path("csr"), self.folder / "ext", self.folder / "conf"
        ext.write_text(extensions + "\n")
        conf.write_text(CA_CONF.format(folder=self.folder))
        (self.folder / "index").touch()
        openssl("req", "-new", "-key", self.path(f"{name}.key"), "-subj", f"/CN={name}", "-out", csr)
        times = ["-startdate", valid[0], "-enddate", valid[1]] if valid else ["-days", "30"]
        openssl("ca", "-batch", "-notext", "-config", conf, "-in", csr, "-out", self.path(f"{name}.crt"),
                "-cert", self.path(f"{by}.crt"), "-keyfile", self.path(f"{by}.key"),
                "-extfile", ext, *times)
        return self.path(f"{name}.crt"), self.path(f"{name}.key")

    def server(self, name, names=HERE, by="ca", valid=None, rsa=False):
        return self.certificate(name, by, f"subjectAltName={names}", valid, rsa)

    def client(self, name, by="ca", valid=None):
        return self.certificate(name, by, "extendedKeyUsage=clientAuth", valid)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("tls") / "pki")
    pki.ca("ca")
    pki.ca("other-ca")
    pki.server("server")
    pki.client("client")
    return pki


def server_context(pki, name="server", client_ca=None, most=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.path(f"{name}.crt"), pki.path(f"{name}.key"))
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(pki.path(f"{client_ca}.crt"))
    if most:
        context.minimum_version = min(most, ssl.TLSVersion.TLSv1_2)
        context.maximum_version = most
        # Without signatures: OpenSSL 3 refuses those of TLS 1.1 by itself.
        context.set_ciphers(f"{'AES128-SHA' if most == ssl.TLSVersion.TLSv1_1 else 'DEFAULT'}:@SECLEVEL=0")
    return context


def shake(context, sock):
    """The handshake. Where it fails all that the peer has sent is read, since to hang up on it would
    take our alert back."""
    wrapped = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    try:
        wrapped.do_handshake()
    except OSError as e:
        wrapped.settimeout(10 * SLOW)
        socket.socket.shutdown(wrapped, socket.SHUT_WR)
        while socket.socket.recv(wrapped, 4096):
            pass
        raise EOFError from e
    return wrapped


def tls_broker(pki, *args, **more):
    context = server_context(pki, *args, **more)
    return RawBroker(wrap=lambda sock: shake(context, sock))


def to_tls(lab, port, pki, host="127.0.0.1", sim=NoModem, env=None, ready=False, **keys):
    """`keys` are those of mqtt; ca_file is the CA's unless it is among them."""
    config = {"mqtt": {"uri": f"mqtts://{host}:{port}", "reconnect_min_s": 1, "reconnect_max_s": 2,
                       "ca_file": pki.path("ca.crt"), **keys}}
    agent = lab.agent(sim, config=config, env=env, start=False)
    agent.start(ready=ready)
    return agent


def own(pki, name):
    return {"cert_file": pki.path(f"{name}.crt"), "key_file": pki.path(f"{name}.key")}


# --- who is let in ---


def mutual(lab, pki, server, ca):
    """A real broker that wants a certificate; watchers come without TLS."""
    port = free_port()
    broker = lab.broker(
        f"listener {port} 127.0.0.1\nallow_anonymous true\ncafile {ca}\ncertfile {server[0]}\nkeyfile {server[1]}\n"
        "require_certificate true\n"
    )
    return broker, port


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_mutual_tls(lab, pki, host):
    """Our certificate comes from an intermediate CA, whose own is in the same file."""
    pki.certificate("middle", "ca", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign")
    cert, key = pki.client("gateway", "middle")
    chain = lab.folder / "chain.crt"
    chain.write_text(open(cert).read() + open(pki.path("middle.crt")).read())
    broker, port = mutual(lab, pki, (pki.path("server.crt"), pki.path("server.key")), pki.path("ca.crt"))
    watcher = lab.watcher(broker)
    agent = to_tls(lab, port, pki, host, cert_file=str(chain), key_file=key)
    watcher.wait_for(lambda m: m.topic == f"{P}/status/health" and m.payload["online"])
    watcher.publish(f"{P}/cmd/get-steering/m1/req", None)
    watcher.wait_for(f"{P}/cmd/get-steering/m1/status")
    agent.stop()
    watcher.wait_for(lambda m: m.topic == f"{P}/status/health" and m.payload.get("reason") == "shutdown")


def test_files_are_read_again_at_every_connect(lab):
    """CA, certificate and key are renewed on disk and the broker restarts: the agent does not."""
    pki = Pki(lab.folder / "pki")
    online = lambda m: m.topic == f"{P}/status/health" and m.payload["online"]

    def renew():
        ca = pki.ca("ca")
        pki.client("client")
        return ca, pki.server("server")

    ca, server = renew()
    broker, port = mutual(lab, pki, server, ca)
    watcher = lab.watcher(broker)
    agent = to_tls(lab, port, pki, **own(pki, "client"))
    first = watcher.wait_for(online).payload["session"]
    pid = agent.process.pid
    broker.stop()
    renew()
    watcher.clear()
    broker.start()
    watcher.wait_for(lambda m: online(m) and m.payload["session"] > first, 60)
    assert agent.process.pid == pid and agent.running()


def test_the_systems_cas_where_none_is_given(lab, pki):
    with tls_broker(pki) as broker:
        to_tls(lab, broker.port, pki, ca_file=None, env={"SSL_CERT_FILE": pki.path("ca.crt")})
        broker.wait_online()


@pytest.mark.parametrize("alpn", ["x-amzn-mqtt-ca", None])
def test_alpn_and_the_hosts_name_are_sent(lab, pki, alpn):
    context = server_context(pki)
    context.set_alpn_protocols(["http/1.1", "x-amzn-mqtt-ca"])
    names = []
    context.sni_callback = lambda sock, name, ctx: names.append(name)
    with RawBroker(wrap=lambda sock: shake(context, sock)) as broker:
        to_tls(lab, broker.port, pki, "localhost", alpn=alpn)
        connection = broker.wait_online()
        assert connection.sock.selected_alpn_protocol() == alpn
        assert connection.sock.version() == "TLSv1.3" and names == ["localhost"]


def test_user_and_password_go_through_tls_alone(lab, pki):
    secret = lab.folder / "secret"
    secret.write_text("s3cret\n")
    with tls_broker(pki, most=ssl.TLSVersion.TLSv1_2) as broker:
        agent = to_tls(lab, broker.port, pki, username="gw", password_file=str(secret))
        connection = broker.wait_online()
        assert connection.sock.version() == "TLSv1.2"
        assert connection.packets[0]["username"] == "gw"
        assert connection.packets[0]["password"] == b"s3cret"
        assert "s3cret" not in agent.stderr()


# --- who is refused ---


def refusals(pki, folder):
    """(what, broker or None where nobody has to be asked, keys of mqtt, environment, the log's words)"""
    pki.server("expired", valid=LONG_AGO)
    pki.server("future", valid=FAR_OFF)
    pki.server("elsewhere", "DNS:broker.example")
    pki.server("neighbour", "IP:127.0.0.2")
    pki.server("foreign", by="other-ca")
    pki.server("rsa", rsa=True)
    pki.client("stranger", by="other-ca")
    pki.client("late", valid=LONG_AGO)
    garbage, locked = folder / "garbage", folder / "locked"
    garbage.write_text("-----BEGIN CERTIFICATE-----\nnot base64 at all\n")
    openssl("ec", "-in", pki.path("client.key"), "-aes256", "-passout", "pass:x", "-out", locked)
    client, stranger = own(pki, "client"), own(pki, "stranger")
    tls12, tls11 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_1
    wanting = lambda **more: tls_broker(pki, client_ca="ca", **more)
    mixed = {"cert_file": client["cert_file"], "key_file": stranger["key_file"]}
    bad = "the broker's certificate is refused: "
    return [
        ("unknown CA", tls_broker(pki, "foreign"), {}, {}, bad + "unable to get local issuer certificate"),
        ("not the system's CA", tls_broker(pki), {"ca_file": None}, {}, bad + "unable to get local issuer certificate"),
        ("expired", tls_broker(pki, "expired"), {}, {}, bad + "certificate has expired"),
        ("not valid yet", tls_broker(pki, "future"), {}, {}, bad + "certificate is not yet valid"),
        ("another host", tls_broker(pki, "elsewhere"), {}, {}, bad + "it is not for 127.0.0.1"),
        ("another address", tls_broker(pki, "neighbour"), {}, {}, bad + "it is not for 127.0.0.1"),
        ("we have no certificate", wanting(), {}, {}, "the broker refuses: certificate required"),
        ("ours is of another CA", wanting(), stranger, {}, "the broker refuses: unknown CA"),
        ("of another CA, TLS 1.2", wanting(most=tls12), stranger, {}, "the broker refuses: unknown CA"),
        ("ours has expired", wanting(), own(pki, "late"), {}, "the broker refuses: certificate expired"),
        # Whatever the system's own settings allow.
        ("TLS 1.1", tls_broker(pki, "rsa", most=tls11), {}, {"OPENSSL_CONF": "/dev/null"}, "the broker refuses: protocol version"),
        ("no TLS at all", RawBroker(), {}, {}, "TLS: unexpected eof while reading"),
        ("ca_file is garbage", None, {"ca_file": str(garbage)}, {}, "mqtt.ca_file has no certificate in PEM"),
        ("cert_file is garbage", None, {**client, "cert_file": str(garbage)}, {}, "mqtt.cert_file has no certificate in PEM"),
        ("key_file is garbage", None, {**client, "key_file": str(garbage)}, {}, "mqtt.key_file has no private key"),
        ("key_file wants a password", None, {**client, "key_file": str(locked)}, {}, "mqtt.key_file has no private key without a password"),
        ("another's key", None, mixed, {}, "mqtt.key_file is not the key of mqtt.cert_file"),
    ]


@pytest.mark.filterwarnings("ignore:.*TLSv1_1 is deprecated")
def test_refusals(lab, pki):
    """All at once: each is an error in words, nothing is said to a broker that is not trusted, and
    it is tried again in a while, not in a loop."""
    cases = []
    secret = lab.folder / "secret"
    secret.write_text("s3cret")
    for what, broker, keys, env, words in refusals(pki, lab.folder):
        port = broker.port if broker else free_port()
        more = {"username": "gw", "password_file": str(secret), "reconnect_max_s": 300, **keys}
        cases.append((what, broker, to_tls(lab, port, pki, env=env, **more), words))
    for what, broker, agent, words in cases:
        print(what)
        wait_log(agent, words)
        line = next(line for line in agent.stderr().splitlines() if words in line)
        assert " err " in line and "mqtt link is down: trying again" in line and "in_ms=" in line
    for what, broker, agent, words in cases:
        print(what)
        assert agent.stderr().count("mqtt link is down") <= 8
        assert "s3cret" not in agent.stderr()
        if not broker:
            continue
        wait_until(lambda: len(broker.connections) > 1, 60, "it is tried again")
        assert len(broker.connections) <= 15
        assert not any(c.packets for c in broker.connections), "it was talked to"
        broker.stop()


def test_a_certificate_that_is_mended(lab):
    """Without a restart, with the next try."""
    pki = Pki(lab.folder / "pki")
    pki.ca("ca")
    pki.server("server", valid=LONG_AGO)
    agents = []
    context = lambda: server_context(pki)
    with RawBroker(wrap=lambda sock: shake(context(), sock)) as broker:
        agents.append(to_tls(lab, broker.port, pki))
        wait_log(agents[0], "certificate has expired")
        pki.server("server")
        wait_until(lambda: any(c.all("publish") for c in broker.connections), what="it is online")


def test_a_file_that_is_gone_when_it_is_needed(lab, pki):
    """At the start that is an error of the configuration, later one to wait out."""
    for name in ("ca.crt", "client.crt", "client.key"):
        (lab.folder / name).write_text(open(pki.path(name)).read())
    files = {"ca_file": "ca.crt", "cert_file": "client.crt", "key_file": "client.key"}
    paths = {key: lab.folder / name for key, name in files.items()}
    with tls_broker(pki, client_ca="ca") as broker:
        agent = to_tls(lab, broker.port, pki, **{key: str(path) for key, path in paths.items()})
        for n, (key, path) in enumerate(paths.items(), 1):
            connection = broker.wait_online(n)
            path.rename(path.with_suffix(".away"))
            connection.close()
            wait_log(agent, f"mqtt.{key} cannot be read: No such file or directory")
            path.with_suffix(".away").rename(path)
        broker.wait_online(4)


# --- what hangs ---


@pytest.mark.parametrize("where", ["in the handshake", "after the handshake"])
def test_what_hangs_holds_up_nobody(lab, pki, where):
    """Reads, a switch and the end go on while the broker says nothing."""
    reached, over = threading.Event(), threading.Event()

    def silent(connection, p=None):
        reached.set()
        over.wait(120 * SLOW)
        raise EOFError

    broker = RawBroker() if where == "in the handshake" else tls_broker(pki)
    if where == "in the handshake":
        broker.on_accept = silent
    else:
        broker.on_connect = silent
    with broker:
        agent = to_tls(lab, broker.port, pki, sim=lab.sim(), ready=True, link="other")
        agent.wait_ready()
        assert reached.wait(60 * SLOW)
        assert agent.http("GET", "/v1/eid")[0] == 200
        assert agent.enable(BETA)[2]["state"] == "succeeded"
        agent.stop()
        over.set()
