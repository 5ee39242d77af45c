"""mqtt/asyncapi.json: is it AsyncAPI 3.0, does it take its own examples, does it speak of what the code
speaks of, and does the checker see what is wrong with a message."""

import json
import re
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import jsonschema  # noqa: E402
from asyncapi import BASE, IN, OUT, Contract, load, pointer, resolved  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
P = "esim/v1/gw-1"

# AsyncAPI 3.0.0: the fixed fields of each object, those that it must have first.
FIELDS = {
    "document": ("asyncapi info", "id servers defaultContentType channels operations components"),
    "info": ("title version", "description termsOfService contact license tags externalDocs"),
    "server": ("host protocol", "protocolVersion pathname description title summary variables security "
               "tags externalDocs bindings"),
    "channel": ("address", "messages title summary description servers parameters tags externalDocs bindings"),
    "parameter": ("", "enum default description examples location"),
    "operation": ("action channel", "title summary description security tags externalDocs bindings traits "
                  "messages reply"),
    "reply": ("", "address channel messages"),
    "message": ("payload", "headers correlationId contentType name title summary description tags "
                "externalDocs bindings examples traits"),
    "example": ("payload", "headers name summary"),
    "components": ("", "schemas servers channels operations messages securitySchemes serverVariables "
                   "parameters correlationIds replies replyAddresses externalDocs tags operationTraits "
                   "messageTraits serverBindings channelBindings operationBindings messageBindings"),
    "operation binding": ("qos retain", "messageExpiryInterval bindingVersion"),
    "message binding": ("", "payloadFormatIndicator correlationData contentType responseTopic bindingVersion"),
}


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from references(item)


class Structure(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = load()

    def check(self, kind, node, where):
        must, may = (set(names.split()) for names in FIELDS[kind])
        names = {name for name in node if not name.startswith("x-")}
        self.assertFalse(must - names, f"{where}: missing")
        self.assertFalse(names - must - may, f"{where}: no field of AsyncAPI 3.0")

    def test_objects(self):
        d = self.document
        self.check("document", d, "the document")
        self.assertEqual(d["asyncapi"], "3.0.0")
        self.check("info", d["info"], "info")
        self.check("components", d["components"], "components")
        for kind, rows in (
            ("server", d["servers"]),
            ("channel", d["channels"]),
            ("operation", d["operations"]),
            ("parameter", d["components"]["parameters"]),
            ("message", d["components"]["messages"]),
        ):
            for name, row in rows.items():
                self.assertRegex(name, r"^[\w.\-]+$")
                self.check(kind, row, f"{kind} {name}")

    def test_references(self):
        for ref in references(self.document):
            pointer(self.document, ref)
        resolved(self.document, self.document["components"])

    def test_channels(self):
        addresses = [c["address"] for c in self.document["channels"].values()]
        self.assertEqual(len(addresses), len(set(addresses)))
        for name, channel in self.document["channels"].items():
            address = channel["address"]
            self.assertEqual(address is None, name == "response")
            self.assertTrue(channel["messages"], name)
            if address:
                self.assertTrue(address.startswith(BASE + "/"), name)
                self.assertEqual(set(re.findall(r"\{(\w+)\}", address)), set(channel["parameters"]))

    def test_operations(self):
        spoken_for = set()
        for name, operation in self.document["operations"].items():
            self.assertIn(operation["action"], (IN, OUT), name)
            channel = operation["channel"]["$ref"]
            spoken_for.add(channel)
            for reference in operation["messages"]:
                self.assertTrue(reference["$ref"].startswith(f"{channel}/messages/"), name)
            binding = operation["bindings"]["mqtt"]
            self.check("operation binding", binding, name)
            self.assertEqual(binding["qos"], 1, name)
            if "reply" in operation:
                self.check("reply", operation["reply"], name)
                answers = operation["reply"]["channel"]["$ref"]
                self.assertIsNone(pointer(self.document, answers)["address"])
                for reference in operation["reply"]["messages"]:
                    self.assertTrue(reference["$ref"].startswith(f"{answers}/messages/"), name)
        self.assertEqual(spoken_for, {f"#/channels/{name}" for name in self.document["channels"]})

    def test_schemas(self):
        for name, schema in resolved(self.document, self.document["components"]["schemas"]).items():
            with self.subTest(name):
                jsonschema.Draft7Validator.check_schema(schema)
        used = set(references(self.document))
        for kind in ("schemas", "messages", "parameters"):
            for name in self.document["components"][kind]:
                ref = f"#/components/{kind}/{name}"
                self.assertTrue(any(r == ref or r.startswith(ref + "/") for r in used), f"{ref}: unused")

    def test_objects_are_closed(self):
        """Draft 7 looks at nothing beside $ref; a schema with fields says whether there may be others."""

        def look(node, where, conditional):
            if isinstance(node, list):
                for i, item in enumerate(node):
                    look(item, f"{where}/{i}", conditional)
            if not isinstance(node, dict):
                return
            if "$ref" in node:
                self.assertEqual(list(node), ["$ref"], where)
            if node.get("type") == "object" and not conditional:
                self.assertIn("properties", node, where)
                if name not in ("steeringEvent", "requestHeaders", "responseHeaders"):
                    self.assertIs(node.get("additionalProperties"), False, where)
            for key, item in node.items():
                look(item, f"{where}/{key}", conditional or key in ("if", "then", "else", "not"))

        for name, schema in self.document["components"]["schemas"].items():
            look(schema, name, False)

    def test_examples(self):
        contract = Contract(self.document)
        for channel in contract.channels.values():
            for operation in channel.operations:
                for message in operation.messages:
                    self.assertTrue(message.examples, message.name)
                    for example in message.examples:
                        self.check("example", example, message.name)
                        payload = json.dumps(example["payload"], separators=(",", ":")).encode()
                        with self.subTest(message=message.name, example=example["name"]):
                            self.assertEqual(message.errors(payload), [])


class Code(unittest.TestCase):
    """The names that the agent has, and those of the document."""

    @classmethod
    def setUpClass(cls):
        cls.schemas = load()["components"]["schemas"]

    def names(self, path, prefix):
        text = (ROOT / path).read_text()
        return {name for name in re.findall(rf'\[{prefix}_\w+\]\s*=\s*"([^"]+)"', text)}

    def same(self, enum, path, prefix, but=()):
        self.assertEqual({name for name in enum if name}, self.names(path, prefix) - set(but))

    def test_names(self):
        operation = self.schemas["operation"]["properties"]
        source = "agent/operation/operation.c"
        self.same(operation["state"]["enum"], source, "OPERATION", ["none"])
        self.same(operation["phase"]["enum"], source, "PHASE", ["none"])
        self.same(operation["source"]["properties"]["channel"]["enum"], source, "CHANNEL")
        verified = self.schemas["result"]["properties"]["verified"]["enum"]
        self.same(verified, source, "VERIFIED", ["nothing"])
        source = "agent/base/connectivity.c"
        self.same(self.schemas["registration"]["enum"], source, "REGISTRATION", ["unknown"])
        self.same(self.schemas["technology"]["enum"], source, "TECHNOLOGY", ["unknown"])

    def test_codes(self):
        """Some are of HTTP alone."""
        http = "unauthorized method-not-allowed not-acceptable unsupported-media-type".split()
        self.same(self.schemas["code"]["enum"], "agent/base/error.c", "ERROR", http)

    def test_commands(self):
        """Each has a request, a status and its fields in P/info."""
        text = (ROOT / "config/config.c").read_text()
        commands = set(re.findall(r'\{ CONFIG_COMMAND_\w+, "([^"]+)" \}', text))
        info = self.schemas["info"]["properties"]["commands"]["properties"]
        self.assertEqual(commands, set(info))
        contract = Contract()
        for command in commands:
            request = contract.channel_of(P, f"{P}/cmd/{command}/1/req").operations
            status = contract.channel_of(P, f"{P}/cmd/{command}/1/status").operations
            self.assertEqual([o.action for o in request + status], [IN, OUT])
            fields = request[0].messages[0].validator.schema["properties"]
            self.assertEqual(set(fields), set(info[command]["items"]["enum"]))


GOOD = b'{"id":"q1","kind":"get-eid","state":"failed","error":{"code":"modem-absent","detail":"x"}}'
BATCH = '{"at":"2026-11-23T20:00:29.120Z","samples":2,"offset_s":[0,60]%s}'

# topic under P, payload, what differs from the rule, what the problem says ("": there is none)
MESSAGES = [
    ("cmd/get-eid/q1/status", GOOD, {}, ""),
    ("cmd/get-eid/q1/status", GOOD, {"retain": True}, "retained"),
    ("cmd/get-eid/q1/status", GOOD, {"qos": 0}, "QoS"),
    ("cmd/get-eid/q1/status", GOOD, {"qos": 2}, "QoS"),
    ("cmd/get-eid/q1/status", GOOD, {"qos": 0, "max_qos": 0}, ""),
    ("cmd/get-eid/q1/status", GOOD, {"direction": IN}, "does not receive"),
    ("cmd/get-eid/q1/req", b"", {}, "does not send"),
    ("cmd/get-eid/q1/req", b"", {"direction": IN}, ""),
    ("cmd/get-eid/q1/req", b'{"refresh":1}', {"direction": IN}, "$.refresh"),
    ("cmd/get-eid/q1/req", b'{"refresh":true' + b" " * 4096 + b"}", {"direction": IN}, "more than 4096"),
    ("cmd/get-eid/q1/status", GOOD.replace(b"get-eid", b"list-profiles"), {}, "$.kind"),
    ("cmd/get-eid/q1/status", GOOD.replace(b"modem-absent", b"sad"), {}, "$.error.code"),
    ("cmd/get-eid/q1/status", GOOD[:-1] + b',"more":1}', {}, "more"),
    ("cmd/get-eid/q1/status", GOOD.replace(b"failed", b"succeeded"), {}, "result"),
    ("cmd/get-eid/q1/status", GOOD[:-1] + b',"id":"q1"}', {}, "twice"),
    ("cmd/get-eid/q1/status", b"hello", {}, "no JSON"),
    ("cmd/get-eid/q1/status", b"", {}, "no JSON"),
    ("cmd/get-eid/%s/status" % ("x" * 65), GOOD, {}, "no channel"),
    ("cmd/get-eid/q 1/status", GOOD, {}, "no channel"),
    ("cmd/get-eid/q1/status/more", GOOD, {}, "no channel"),
    ("cmd/format-card/q1/status", GOOD, {}, "no channel"),
    ("e/weather", b"{}", {}, "no channel"),
    ("e/sim", b'{"id":"01JDDH5T3GB6D4WQZP7KX2N8YR","at":"2026-11-23T20:00:29.120Z"}', {}, ""),
    ("e/sim", b'{"id":"01JDDH5T3GB6D4WQZP7KX2N8YR","at":"2026-11-23"}', {}, "$.at"),
    ("status/health", b'{"online":false,"session":3,"reason":"connection-lost"}', {"retain": True}, ""),
    ("status/health", b'{"online":false,"session":3,"reason":"connection-lost"}', {}, "retained"),
    ("status/health", b'{"online":false,"session":3,"reason":"connection-lost"}', {"retains": False}, ""),
    ("m/connectivity", (BATCH % ',"rsrp_dbm":[-97,null],"iccid":"8949001312170061988"').encode(), {}, ""),
    ("m/connectivity", (BATCH % ',"rsrp_dbm":[-97]').encode(), {}, "$.rsrp_dbm: 1 rows"),
    ("m/connectivity", (BATCH % ',"rsrp_dbm":-97').encode(), {}, "$.rsrp_dbm"),
    ("m/connectivity", (BATCH % ',"roaming":[true,"no"]').encode(), {}, "$.roaming"),
    ("m/connectivity", (BATCH % "").replace("0,60", "60,0").encode(), {}, "does not rise"),
    ("m/connectivity", (BATCH % (" " * 500)).encode(), {}, "more than 500"),
]


class Checker(unittest.TestCase):
    def test_messages(self):
        contract = Contract()
        for rest, payload, more, expected in MESSAGES:
            rule = {"retain": False, "qos": 1, **more}
            with self.subTest(topic=rest, payload=payload, **more):
                problems = contract.problems(P, f"{P}/{rest}", payload, **rule)
                self.assertEqual(bool(problems), bool(expected), problems)
                self.assertIn(expected, "\n".join(problems))

    def test_other_bases(self):
        contract = Contract()
        self.assertTrue(contract.problems(P, "esim/v1/gw-10/e/sim", b"{}", False, 1))
        self.assertEqual(contract.problems(None, "answers/me", GOOD, False, 1), [])
        self.assertTrue(contract.problems(None, "answers/me", b'{"online":true}', False, 1))


if __name__ == "__main__":
    unittest.main()
