"""The official Python client of MCP against a server: usage URL PLAN BINARY ARGUMENTS... of `practicum serve --stdio`."""

import asyncio
import json
import sys
import urllib.request

from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.client.stdio import stdio_client

URL = sys.argv[1]
PLAN = json.load(open(sys.argv[2]))
SERVER = sys.argv[3:]


def ask(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))


async def play(client, plan):
    assert plan["request"] in client.instructions, client.instructions
    tools = (await client.list_tools()).tools
    names = [tool.name for tool in tools]
    assert {act["tool"] for act in plan["acts"]} <= set(names), names
    assert all(tool.input_schema["type"] == "object" for tool in tools)
    wrong = await client.call_tool("no_such_tool", {})
    assert wrong.is_error, wrong
    for at, act in enumerate(plan["acts"]):
        result = await client.call_tool(act["tool"], act["arguments"])
        assert not result.is_error, result
        value = json.loads(result.content[0].text)
        assert result.structured_content in (None, value), result
        assert "reward" not in result.content[0].text


async def over_http(plan, mode, version):
    begun = ask("/sessions", {"task": plan["task"]})
    async with Client(URL + begun["mcp"], mode=mode) as client:
        if mode != version:
            # Who pins a version asks for nothing first, and is told nothing.
            assert client.protocol_version == version, client.protocol_version
            assert client.server_info.name == "practicum"
            await play(client, plan)
        else:
            assert client.protocol_version == version
            for act in plan["acts"]:
                result = await client.call_tool(act["tool"], act["arguments"])
                assert not result.is_error, result
    verdict = ask(f"/sessions/{begun['id']}/verdict")
    assert verdict["reward"] == 1.0, verdict


async def over_stdio(plan, mode):
    server = StdioServerParameters(command=SERVER[0], args=[*SERVER[1:], "--task", plan["task"]])
    async with Client(stdio_client(server), mode=mode) as client:
        await play(client, plan)


async def main():
    for plan in PLAN:
        await over_http(plan, "legacy", "2025-11-25")
        await over_http(plan, "auto", "2026-07-28")
        await over_http(plan, "2026-07-28", "2026-07-28")
    for mode in ("legacy", "auto"):
        await over_stdio(PLAN[0], mode)
    print(len(PLAN), "tasks over HTTP by both generations, one over stdio")


asyncio.run(main())
