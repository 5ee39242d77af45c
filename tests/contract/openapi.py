"""Holds an answer of the agent's HTTP doors against api/openapi.json.

    contract = Contract()
    for wrong in contract.faults("GET", "/v1/eid", 200, headers, body):
        print(wrong)

Knows what the document says by its paths, parameters, headers, responses, schemas and the extensions that
its `info.description` lists. Debian's python3-jsonschema and nothing else.
"""

import functools
import re
from pathlib import Path
from urllib.parse import unquote

import jsonschema
from asyncapi import load as load_json
from asyncapi import parse, pointer, resolved

DOCUMENT = Path(__file__).resolve().parents[2] / "api" / "openapi.json"
PROBLEM = "application/problem+json"
JSON = ("application/json", PROBLEM)
TYPE = "https://lpm-agent.invalid/problems/"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# What any server of HTTP says, and the document does not: RFC 9110, 9112.
OF_HTTP = {"connection", "content-length", "content-type", "date", "keep-alive", "transfer-encoding"}
# What the library refuses by itself has neither our body nor this header.
OURS = "x-content-type-options"
OF_LIBRARY = (400, 414, 431, 505)
# Where the path is none of the document's.
NOWHERE = {400: "invalidRequest", 401: "unauthorized", 403: "forbidden", 404: "notFound"}


def load(path=DOCUMENT):
    return load_json(path)


def validator(schema):
    return jsonschema.Draft202012Validator(schema)


def schema_faults(a_validator, value, where="$"):
    """Where one of several had to fit, the fault of the one that fits best."""
    for error in a_validator.iter_errors(value):
        best = jsonschema.exceptions.best_match([error]) if error.context else error
        yield f"{where}{best.json_path[1:]}: {best.message}"


def number(text):
    return int(text) if re.fullmatch(r"0|-?[1-9][0-9]*", text) else text


class Header:
    def __init__(self, name, header):
        self.name = name
        self.required = header.get("required", False)
        self._reads = number if header["schema"].get("type") == "integer" else str
        self._validator = validator(header["schema"])

    def faults(self, text):
        return schema_faults(self._validator, self._reads(text), f"header {self.name}")


class Response:
    """One status of one operation."""

    def __init__(self, response, problems):
        self.headers = {name.lower(): Header(name, row) for name, row in response.get("headers", {}).items()}
        self.media = {name: validator(row["schema"]) for name, row in response.get("content", {}).items()}
        self._problems = problems
        self._good = set()

    def faults(self, headers, body, has_body):
        yield from self._header_faults(headers)
        media = headers.get("content-type")
        if body is None:
            if media not in self.media:
                yield f"Content-Type is {media}, not of {sorted(self.media)}"
        elif not has_body or not self.media:
            if body:
                yield f"a body of {len(body)} bytes where there is to be none"
            if media and media not in self.media:
                yield f"Content-Type is {media}, and there is to be no body"
        elif media not in self.media:
            yield f"Content-Type is {media}, not of {sorted(self.media)}"
        else:
            yield from self._body_faults(media, body)

    def _header_faults(self, headers):
        for name, text in headers.items():
            if name in self.headers:
                yield from self.headers[name].faults(text)
            elif name not in OF_HTTP:
                yield f"header {name} is not described"
        for name, header in self.headers.items():
            if header.required and name not in headers:
                yield f"header {header.name} is missing"

    def _body_faults(self, media, body):
        """The same words again are as good as they were."""
        if (media, body) in self._good:
            return
        found = list(self._judge(media, body))
        if not found:
            self._good.add((media, body))
        yield from found

    def _judge(self, media, body):
        try:
            value = parse(body) if media in JSON else body.decode()
        except ValueError as e:
            yield f"$: not what {media} says: {e}"
            return
        if media in JSON and not body.endswith(b"\n"):
            yield "$: does not end with a newline"
        yield from schema_faults(self.media[media], value)
        if media == PROBLEM and isinstance(value, dict):
            yield from self._problem_faults(value)

    def _problem_faults(self, value):
        row = self._problems.get(value.get("code"), {})
        if value.get("type") != f"{TYPE}{value.get('code')}":
            yield "$.type: is not of the code"
        if value.get("title") != row.get("title"):
            yield "$.title: is not the code's"


class Route:
    """One path of the document; its parameters take what is not empty."""

    def __init__(self, template):
        self.template = template
        self.segments = template.split("/")
        self.operations = {}

    def fits(self, segments):
        return len(segments) == len(self.segments) and all(
            mine == theirs or (mine.startswith("{") and theirs)
            for mine, theirs in zip(self.segments, segments)
        )

    def allow(self):
        return ", ".join("GET, HEAD" if m == "get" else m.upper() for m in self.operations)


class Contract:
    def __init__(self, document=None):
        self.document = document or load()
        schemas, responses = (self.document["components"][name] for name in ("schemas", "responses"))
        self.routes = [self._route(template, item) for template, item in self.document["paths"].items()]
        self.nowhere = {status: self._response(responses[name]) for status, name in NOWHERE.items()}
        self.events = {
            row["properties"]["event"]["const"]: validator(row["properties"]["data"])
            for row in resolved(self.document, schemas["event"])["oneOf"]
        }

    def _route(self, template, item):
        route = Route(template)
        for method in METHODS:
            if method in item:
                rows = item[method]["responses"].items()
                route.operations[method] = {int(status): self._response(row) for status, row in rows}
        return route

    def _response(self, node):
        return Response(resolved(self.document, node), self.document["x-problems"])

    def find(self, target):
        """The path of a request's target; None: none of the document's."""
        target = re.sub(r"^http://[^/?]*", "", target, flags=re.IGNORECASE)
        segments = [unquote(segment) for segment in target.split("?")[0].split("/")]
        return next((route for route in self.routes if route.fits(segments)), None)

    def faults(self, method, target, status, headers, body=b""):
        """What is wrong with an answer, as texts; [] nothing. `headers`: of the answer, any case. `body`
        None: it is not looked at, be it one that does not end."""
        headers = {name.lower(): text for name, text in headers.items()}
        if status in OF_LIBRARY and OURS not in headers and PROBLEM not in headers.get("content-type", ""):
            return []
        route = self.find(target)
        responses = self._responses(route, method.lower())
        if status not in responses:
            where = route.template if route else "a path that there is not"
            return [f"{method} {where}: status {status} is not described"]
        found = list(responses[status].faults(headers, body, method != "HEAD"))
        if route and "allow" in headers and headers["allow"] != route.allow():
            found.append(f"header Allow: {headers['allow']}, the document has {route.allow()}")
        return found

    def _responses(self, route, method):
        if not route:
            return self.nowhere
        operation = route.operations.get("get" if method == "head" else method)
        if operation:
            return {status: row for status, row in operation.items() if status != 405}
        # Of another method: only refusals, as the path's first method has them.
        first = next(iter(route.operations.values()))
        return {status: first[status] for status in (400, 401, 403, 405) if status in first}

    def event_faults(self, name, data):
        """Of one server-sent event; `data`: its JSON, parsed."""
        if name not in self.events:
            return [f"there is no event {name}"]
        return list(schema_faults(self.events[name], data))


@functools.cache
def contract():
    return Contract()
