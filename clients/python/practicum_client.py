"""Worlds of `practicum serve` for Python: sessions, and environments for TRL's GRPOTrainer.

One file without dependencies: copy it beside your training script.

    environments("http://localhost:8000")   # for GRPOTrainer(environment_factory=...)
    rows("http://localhost:8000")           # for its train_dataset
"""

import inspect
import json
import keyword
import typing
import urllib.error
import urllib.parse
import urllib.request


class ServerError(RuntimeError):
    """A request that the server did not do; `status` says why."""

    def __init__(self, status, message):
        super().__init__(f"{message} (status {status})")
        self.status = status


class Server:
    """A server's REST API."""

    def __init__(self, url, token=None, timeout=120):
        self.url, self.token, self.timeout = url.rstrip("/"), token, timeout

    def ask(self, method, path, body=None):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                message = json.loads(text)["error"]["message"]
            except (ValueError, KeyError, TypeError):
                message = text or error.reason
            raise ServerError(error.code, message) from None


class Session:
    """One episode. `opening` is what an agent is told first: `system`, `user`, `tools`."""

    def __init__(self, server, **wanted):
        begun = server.ask("POST", "/sessions", wanted)
        self.server, self.id, self.opening = server, begun["id"], begun["opening"]
        self.ended, self.acts = begun["ended"], 0

    def call(self, tool, arguments):
        """The reply as the agent reads it. It is sent again when the connection breaks off: it is done once."""
        self.acts += 1
        body = {"tool": tool, "arguments": arguments, "request_id": f"act-{self.acts}"}
        for last in (False, False, True):
            try:
                seen = self.server.ask("POST", f"/sessions/{self.id}/call", body)
                break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if last:
                    raise
        self.ended = seen["ended"]
        return seen["reply"]

    def reward(self):
        """1.0 or 0.0; 0.0 before the end; None where the failure is the server's or the world's."""
        if self.ended is None:
            return 0.0
        return self.server.ask("GET", f"/sessions/{self.id}/verdict")["reward"]

    def close(self):
        try:
            self.server.ask("DELETE", f"/sessions/{self.id}")
        except ServerError as error:
            if error.status != 404:
                raise


def rows(url, token=None):
    """The tasks as a data set's rows: `prompt` is filled by the environment's reset."""
    tasks = Server(url, token).ask("GET", "/tasks")
    prompt = [{"role": "user", "content": ""}]
    return [{"prompt": prompt, "environment": task["world"], "task": task["id"]} for task in tasks]


def environments(url, token=None):
    """A class per world, by its name, as TRL's `environment_factory` takes them."""
    server = Server(url, token)
    worlds = server.ask("GET", "/worlds")
    return {world["name"]: environment(server, world["name"]) for world in worlds}


def environment(server, world):
    """The class of a world's environments: each tool is a method with types and a docstring."""
    session = Session(server, world=world, size="small")
    try:
        tools = session.opening["tools"]
    finally:
        session.close()

    def __init__(self):
        self._session = None

    def reset(self, task=None, **row):
        if self._session is not None:
            self._session.close()
        wanted = {"task": task} if task else {"world": world}
        self._session = Session(server, **wanted)
        opening = self._session.opening
        return "\n\n".join(part for part in (opening["system"], opening["user"]) if part)

    def get_reward(self):
        return self._session.reward()

    members = {"__init__": __init__, "reset": reset, "get_reward": get_reward}
    for tool in tools:
        function = tool["function"]
        if function["name"] in members or not function["name"].isidentifier():
            raise ValueError(f"world {world!r} has a tool {function['name']!r}, which cannot be a method here")
        members[function["name"]] = _method(function)
    name = "".join(part.capitalize() for part in world.replace("_", "-").split("-"))
    return type(name, (), members)


def _method(function):
    schema = function["parameters"]
    required = schema.get("required", [])
    names, parameters, lines = {}, [], [function["description"], "", "Args:"]
    properties = schema.get("properties", {})
    # Python wants those with a default last.
    for own in sorted(properties, key=lambda own: own not in required):
        python = own + "_" if keyword.iskeyword(own) else own
        names[python] = own
        hint = _hint(properties[own])
        needed = own in required
        parameters.append(
            inspect.Parameter(
                python,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=inspect.Parameter.empty if needed else None,
                annotation=hint if needed else typing.Optional[hint],
            )
        )
        lines.append(f"    {python}: {_described(properties[own])}")

    def method(self, *args, **kwargs):
        given = method.__signature__.bind(self, *args, **kwargs).arguments
        given.pop("self")
        arguments = {names[own]: value for own, value in given.items() if value is not None}
        return json.dumps(self._session.call(function["name"], arguments), ensure_ascii=False)

    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    method.__name__ = method.__qualname__ = function["name"]
    method.__doc__ = "\n".join(lines if parameters else lines[:1])
    method.__signature__ = inspect.Signature([own, *parameters], return_annotation=str)
    method.__annotations__ = {own.name: own.annotation for own in parameters} | {"return": str}
    return method


_TYPES = {"string": str, "integer": int, "number": float, "boolean": bool, "object": dict}


def _kinds(schema):
    kinds = schema.get("type")
    return [own for own in (kinds if isinstance(kinds, list) else [kinds]) if own != "null"]


def _hint(schema):
    kinds = _kinds(schema)
    if kinds == ["array"]:
        return list[_hint(schema.get("items", {}))]
    return _TYPES.get(kinds[0] if len(kinds) == 1 else None, str)


def _described(schema):
    """The description on one line, with what a type hint cannot say."""
    text = " ".join(schema.get("description", "").split())
    if schema.get("enum"):
        # The form in which transformers reads choices.
        choices = [choice for choice in schema["enum"] if choice is not None]
        return f"{text or 'One of these.'} (choices: {json.dumps(choices)})"
    if _kinds(schema) in (["object"], ["array"]):
        text = f"{text} As JSON Schema: {json.dumps(schema)}".strip()
    return text or "See the name."
