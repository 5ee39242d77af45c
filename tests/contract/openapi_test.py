"""api/openapi.json: does it hold together, does it take its own examples, does it speak of what the code
speaks of and as mqtt/asyncapi.json does, and does the checker see what is wrong with an answer."""

import json
import re
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

import asyncapi  # noqa: E402
import jsonschema  # noqa: E402
from asyncapi import pointer, resolved  # noqa: E402
from openapi import METHODS, PROBLEM, Contract, load, number, schema_faults, validator  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def references(node):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from references(item)


def operations(document):
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def shown(document):
    """Each (where, schema, example) of a parameter, header or body."""
    for path, method, operation in operations(resolved(document, document)):
        name = operation["operationId"]
        for row in operation.get("parameters", []):
            yield f"{name} {row['name']}", row["schema"], row["example"]
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in bodies:
            for header, row in body.get("headers", {}).items():
                yield f"{name} {header}", row["schema"], row["example"]
            for media, row in body.get("content", {}).items():
                for title, item in row["examples"].items():
                    yield f"{name} {media} {title}", row["schema"], item["value"]


class Structure(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = load()

    def test_references(self):
        used = set(references(self.document))
        for ref in used:
            pointer(self.document, ref)
        for kind, rows in self.document["components"].items():
            for name in rows if kind != "securitySchemes" else ():
                ref = f"#/components/{kind}/{name}"
                self.assertTrue(any(r == ref or r.startswith(ref + "/") for r in used), f"{ref}: unused")

    def test_operations(self):
        tags = {tag["name"] for tag in self.document["tags"]}
        ids = [operation["operationId"] for _, _, operation in operations(self.document)]
        self.assertEqual(len(ids), len(set(ids)))
        for path, _, operation in operations(self.document):
            name = operation["operationId"]
            self.assertLessEqual(set(operation["tags"]), tags, name)
            parameters = resolved(self.document, operation.get("parameters", []))
            inside = {row["name"] for row in parameters if row["in"] == "path"}
            self.assertEqual(inside, set(re.findall(r"\{(\w+)\}", path)), name)
            self.assertEqual(operation.get("security") == [], operation["x-role"] == "none", name)

    def test_refusals(self):
        """Each status has the problem of its own codes; the first method of a path tells of the others."""
        problems = self.document["x-problems"]
        for path, item in self.document["paths"].items():
            first = next(operation for p, _, operation in operations(self.document) if p == path)
            self.assertIn("405", first["responses"], path)
        for path, method, operation in operations(resolved(self.document, self.document)):
            for status, response in operation["responses"].items():
                if int(status) < 400:
                    continue
                where = f"{operation['operationId']} {status}"
                rule = response["content"][PROBLEM]["schema"]["allOf"][1]["properties"]
                self.assertEqual(rule["status"], {"const": int(status)}, where)
                codes = rule.get("code", {"enum": []})
                for code in codes.get("enum", [codes.get("const")]):
                    self.assertEqual(problems[code]["status"], int(status), where)

    def test_schemas(self):
        for name, schema in self.document["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(resolved(self.document, schema))

    def test_objects_are_closed(self):
        """A schema with fields says whether there may be others, and nothing stands beside a $ref."""

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
                self.assertIs(node.get("additionalProperties"), False, where)
            for key, item in node.items():
                look(item, f"{where}/{key}", conditional or key in ("if", "then", "else", "not"))

        for name, schema in self.document["components"]["schemas"].items():
            look(schema, name, False)

    def test_examples(self):
        for where, schema, example in shown(self.document):
            with self.subTest(where):
                self.assertEqual(list(schema_faults(validator(schema), example)), [])

    def test_examples_of_problems(self):
        for _, row in self.document["components"]["examples"].items():
            value = row["value"]
            if isinstance(value, dict) and "type" in value:
                self.assertTrue(value["type"].endswith("/" + value["code"]))
                self.assertEqual(value["title"], self.document["x-problems"][value["code"]]["title"])

    def test_example_of_events(self):
        """Each block of the stream's example is an event of the contract."""
        stream = self.document["components"]["examples"]["stream"]["value"]
        first, *blocks = stream.strip().split("\n\n")
        self.assertIn("retry: 3000\n", first)
        self.assertTrue(blocks)
        for block in blocks:
            lines = dict(line.split(": ", 1) for line in block.split("\n"))
            event = json.loads(lines["data"])
            self.assertEqual(Contract(self.document).event_faults(lines["event"], event), [])
            schema = resolved(self.document, self.document["components"]["schemas"]["event"])
            self.assertEqual(list(schema_faults(validator(schema), {**lines, "data": event})), [])


class Code(unittest.TestCase):
    """What the agent knows, and what the document does."""

    @classmethod
    def setUpClass(cls):
        cls.document = load()
        cls.schemas = cls.document["components"]["schemas"]

    def rows(self):
        """(path with {}, method) to the router's row, as text."""
        text = (ROOT / "api/router.c").read_text()
        for line in re.findall(r"^    \{ (ROUTE_\w+, .*) \},$", text, re.MULTILINE):
            path = re.match(r'ROUTE_\w+, "([^"]*)"', line)[1]
            method = re.search(r'\.method = "(\w+)"', line)
            yield path, method[1].lower() if method else "get", line

    def test_routes(self):
        rows = {(path, method): line for path, method, line in self.rows()}
        known = {}
        for path, method, operation in operations(self.document):
            known[re.sub(r"\{\w+\}", "{}", path), method] = operation
        self.assertEqual(set(rows), set(known))
        for key, line in rows.items():
            with self.subTest(key):
                operation = known[key]
                query = re.search(r"\.query = \{([^}]*)\}", line)
                parameters = resolved(self.document, operation.get("parameters", []))
                self.assertEqual(
                    re.findall(r'"(\w+)"', query[1] if query else ""),
                    [row["name"] for row in parameters if row["in"] == "query"],
                )
                role = "none" if ".is_open = true" in line else "viewer" if key[1] == "get" else "operator"
                self.assertEqual(operation["x-role"], role)
                if "200" in operation["responses"]:
                    media = re.search(r'\.media = "([^"]+)"', line)
                    said = list(operation["responses"]["200"]["content"])
                    self.assertEqual(said, [media[1] if media else "application/json"])

    def test_headers(self):
        """Each request header of the document is one that the agent looks at."""
        known = set(re.findall(r'\[HEADER_\w+\] = \{ "([^"]+)"', (ROOT / "api/headers.c").read_text()))
        parameters = self.document["components"]["parameters"].values()
        self.assertLessEqual({row["name"] for row in parameters if row["in"] == "header"}, known)

    def test_problems(self):
        names = re.findall(r'\[(ERROR_\w+)\] = "([^"]+)"', (ROOT / "agent/base/error.c").read_text())
        text = (ROOT / "api/problem.c").read_text()
        rows = re.findall(r'\[(ERROR_\w+)\] = \{ (\d+), (\d+), "([^"]+)" \}', text)
        code = {row[0]: row[1:] for row in rows}
        said = {name: (row.get("status", 0), row["title"]) for name, row in self.document["x-problems"].items()}
        self.assertEqual(said, {name: (int(code[c][0]), code[c][2]) for c, name in names})
        self.assertEqual(set(said), {*self.schemas["code"]["enum"], *self.schemas["problemCode"]["anyOf"][1]["enum"]})
        comes_again = {name for c, name in names if code[c][1] != "0"}
        rule = self.schemas["problem"]["allOf"][-1]["if"]["properties"]["code"]["enum"]
        self.assertEqual(set(rule), comes_again)

    def test_abilities(self):
        text = (ROOT / "api/info_routes.c").read_text()
        names = re.search(r"add_abilities\([^)]*\)\s*\{[^{]*\{([^}]*)\}", text)[1]
        can = self.schemas["agentInfo"]["properties"]["can"]["items"]["enum"]
        self.assertEqual(can, re.findall(r'"([^"]+)"', names))

    def test_same_words_over_mqtt(self):
        """What has the same name in both contracts is the same."""
        other = asyncapi.load()["components"]["schemas"]
        both = set(self.schemas) & set(other)
        self.assertGreaterEqual(both, {"operation", "error", "profileList", "reading", "plan", "lock", "steering"})
        for name in both:
            with self.subTest(name):
                self.assertEqual(self.schemas[name], other[name])


READ = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Age": "3", "Cache-Control": "no-cache"}
REFUSED = {"Content-Type": PROBLEM, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
EID = b'{"eid":"89001039450410141400000000001580","valid":true,"profile_code":"041"}\n'
ALLOWS = {**REFUSED, "Allow": "GET, HEAD"}
LOCK = "/v1/locks/switch"
REF = "/v1/profiles/8949001312170061988"


def problem(code, status, **more):
    title = load()["x-problems"][code]["title"]
    row = {"type": f"https://lpm-agent.invalid/problems/{code}", "title": title, "status": status, "code": code}
    return json.dumps({**row, "detail": "x", **more}).encode() + b"\n"


def without(headers, name):
    return {key: value for key, value in headers.items() if key != name}


# method, target, status, headers, body, what a fault says ("": there is none)
ANSWERS = [
    ("GET", "/v1/eid", 200, READ, EID, ""),
    ("GET", "/v1/eid?x=1", 400, REFUSED, problem("invalid-request", 400, field="x"), ""),
    ("GET", "http://lpm/v1/eid", 200, READ, EID, ""),
    ("GET", "/v1/%65id", 200, READ, EID, ""),
    ("HEAD", "/v1/eid", 200, READ, b"", ""),
    ("HEAD", "/v1/eid", 200, READ, EID, "a body"),
    ("GET", "/v1/eid", 200, READ, b"", "no"),
    ("GET", "/v1/events", 200, {**REFUSED, "Content-Type": "text/event-stream"}, None, ""),
    ("GET", "/v1/events", 200, {**READ, "Content-Type": "text/event-stream"}, None, "header Cache-Control"),
    ("GET", "/v1/events", 200, REFUSED, None, "Content-Type"),
    ("GET", "/v1/eid", 200, READ, EID[:-1], "newline"),
    ("GET", "/v1/eid", 200, READ, b"hello\n", "not what application/json says"),
    ("GET", "/v1/eid", 200, READ, EID.replace(b'"valid":true', b'"valid":true,"valid":true'), "twice"),
    ("GET", "/v1/eid", 200, READ, EID.replace(b"true", b'"yes"'), "$.valid"),
    ("GET", "/v1/eid", 200, READ, EID.replace(b'"valid"', b'"value"'), "value"),
    ("GET", "/v1/eid", 200, without(READ, "Age"), EID, "header Age is missing"),
    ("GET", "/v1/eid", 200, {**READ, "Age": "-1"}, EID, "header Age"),
    ("GET", "/v1/eid", 200, {**READ, "Age": "soon"}, EID, "header Age"),
    ("GET", "/v1/eid", 200, {**READ, "Age": "03"}, EID, "header Age"),
    ("GET", "/v1/eid", 200, {**READ, "Cache-Control": "no-store"}, EID, "header Cache-Control"),
    ("GET", "/v1/eid", 200, {**READ, "X-Powered-By": "us"}, EID, "x-powered-by is not described"),
    ("GET", "/v1/eid", 200, {**READ, "Date": "today", "Content-Length": "9"}, EID, ""),
    ("GET", "/v1/eid", 200, {**READ, "Content-Type": "text/html"}, EID, "Content-Type"),
    ("GET", "/v1/eid", 201, READ, EID, "201 is not described"),
    ("GET", "/v1/eid", 409, REFUSED, problem("too-late", 409), "409 is not described"),
    ("POST", "/v1/eid", 405, ALLOWS, problem("method-not-allowed", 405), ""),
    ("POST", "/v1/eid", 405, REFUSED, problem("method-not-allowed", 405), "Allow is missing"),
    ("POST", "/v1/eid", 405, {**REFUSED, "Allow": "GET"}, problem("method-not-allowed", 405), "header Allow"),
    ("PATCH", LOCK, 405, {**REFUSED, "Allow": "GET, HEAD, PUT, DELETE"}, problem("method-not-allowed", 405), ""),
    ("GET", "/v1/eid", 405, ALLOWS, problem("method-not-allowed", 405), "405 is not described"),
    ("POST", "/v1/eid", 200, READ, EID, "200 is not described"),
    ("GET", "/v1/nothing", 404, REFUSED, problem("not-found", 404), ""),
    ("GET", "/v1/eid/", 404, REFUSED, problem("not-found", 404), ""),
    ("GET", "/v1/profiles/", 404, REFUSED, problem("not-found", 404), ""),
    ("GET", "/v1/nothing", 200, READ, EID, "a path that there is not"),
    ("GET", REF, 404, REFUSED, problem("profile-not-found", 404), ""),
    ("GET", LOCK, 404, REFUSED, problem("profile-not-found", 404), "$.code"),
    ("GET", "/v1/eid", 401, {**REFUSED, "WWW-Authenticate": "Bearer"}, problem("unauthorized", 401), ""),
    ("GET", "/v1/eid", 401, REFUSED, problem("unauthorized", 401), "WWW-Authenticate is missing"),
    ("GET", "/healthz", 401, {**REFUSED, "WWW-Authenticate": "Bearer"}, problem("unauthorized", 401), "401 is not"),
    ("GET", "/v1/eid", 502, REFUSED, problem("card-error", 502, sw="6A82"), ""),
    ("GET", "/v1/eid", 502, REFUSED, problem("card-error", 502, sw="6a82"), "$.sw"),
    ("GET", "/v1/eid", 502, REFUSED, problem("card-error", 500), "$.status"),
    ("GET", "/v1/eid", 502, REFUSED, problem("modem-timeout", 502), "$.code"),
    ("GET", "/v1/eid", 502, REFUSED, problem("card-error", 502, field="x"), "$.code"),
    ("GET", "/v1/eid", 502, REFUSED, problem("card-error", 502, title="Oh"), "$.title"),
    ("GET", "/v1/eid", 502, REFUSED, problem("card-error", 502, type="about:blank"), "$.type"),
    ("GET", "/v1/eid", 503, REFUSED, problem("modem-absent", 503, retry_after_s=10), "Retry-After is missing"),
    ("GET", "/v1/eid", 503, {**REFUSED, "Retry-After": "10"}, problem("modem-absent", 503, retry_after_s=10), ""),
    ("GET", "/v1/eid", 503, {**REFUSED, "Retry-After": "10"}, problem("modem-absent", 503), "retry_after_s"),
    ("GET", "/readyz", 503, REFUSED, problem("sim-locked", 503, at="+CME ERROR: 11"), ""),
    ("POST", REF + "/enable", 409, REFUSED, problem("switch-in-progress", 409), "operation"),
    ("POST", REF + "/enable", 423, REFUSED, problem("locked", 423, holder="x"), "until"),
    ("DELETE", LOCK, 204, {"X-Content-Type-Options": "nosniff"}, b"", ""),
    ("DELETE", LOCK, 204, {"X-Content-Type-Options": "nosniff"}, b"{}\n", "a body"),
    ("GET", "/v1/profiles", 304, {**without(READ, "Content-Type"), "ETag": '"1-2"'}, b"", ""),
    ("GET", "/v1/profiles", 304, {**READ, "ETag": '"1-2"'}, b"", "Content-Type"),
    ("GET", "/v1/profiles", 304, {**without(READ, "Content-Type"), "ETag": "1-2"}, b"", "header ETag"),
    ("GET", "/v1/eid", 400, {"Content-Type": "text/html", "Connection": "close"}, b"<html>", ""),
    ("GET", "/v1/eid", 414, {}, b"", ""),
    ("GET", "/v1/eid", 500, {}, b"", "missing"),
]

EVENTS = [
    ("steering", {"mode": "off"}, ""),
    ("reset", {}, ""),
    ("reset", {"id": 1}, "id"),
    ("weather", {}, "no event"),
    ("health", {"ready": True, "stranded": False, "storage": {"ok": True}, "broker": {"configured": False, "online": False}}, ""),
    ("health", {"ready": False, "stranded": False, "storage": {"ok": True}, "broker": {"configured": False, "online": False}}, "trouble"),
    ("health", {"ready": True, "stranded": False, "storage": {"ok": True}, "broker": {"configured": True, "online": True}}, "since"),
]


class Checker(unittest.TestCase):
    def test_answers(self):
        contract = Contract()
        for method, target, status, headers, body, expected in ANSWERS:
            with self.subTest(method=method, target=target, status=status, headers=headers, body=body):
                faults = contract.faults(method, target, status, headers, body)
                self.assertEqual(bool(faults), bool(expected), faults)
                self.assertIn(expected, "\n".join(faults))

    def test_operations(self):
        """An enable is answered 202 while it goes on, 200 when it has ended."""
        contract = Contract()
        examples = contract.document["components"]["examples"]
        headers = {**REFUSED, "Content-Type": "application/json"}
        for name, right, wrong in (("running", 202, 200), ("succeeded", 200, 202)):
            body = json.dumps(examples[name]["value"]).encode() + b"\n"
            there = {**headers, "Location": f"/v1/operations/{examples[name]['value']['id']}"}
            self.assertEqual(contract.faults("POST", REF + "/enable", right, there, body), [])
            self.assertTrue(contract.faults("POST", REF + "/enable", wrong, there, body))
            self.assertTrue(contract.faults("POST", REF + "/enable", right, headers, body))

    def test_events(self):
        contract = Contract()
        for name, data, expected in EVENTS:
            with self.subTest(name=name, data=data):
                faults = contract.event_faults(name, data)
                self.assertEqual(bool(faults), bool(expected), faults)
                self.assertIn(expected, "\n".join(faults))

    def test_numbers(self):
        for text, value in (("0", 0), ("12", 12), ("-1", -1), ("012", "012"), ("", ""), ("1.5", "1.5")):
            self.assertEqual(number(text), value)


if __name__ == "__main__":
    unittest.main()
