"""The unmodified clients of OpenEnv against a server: usage URL PLAN, a JSON list of {task, acts}."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.request

from openenv import GenericEnvClient
from openenv.core.env_server.mcp_types import CallToolAction
from openenv.core.mcp_client import MCPToolClient

URL = sys.argv[1]
PLAN = json.load(open(sys.argv[2]))


def step(act, **more):
    return {"type": "call_tool", "tool_name": act["tool"], "arguments": act["arguments"], **more}


async def tool_client(plan):
    """A session over HTTP, with a socket beside it: what MCPToolClient does."""
    async with MCPToolClient(base_url=URL) as env:
        opening = await env.reset(task=plan["task"])
        assert opening.observation.request == plan["request"], opening
        assert opening.done is False and opening.reward is None
        names = [tool.name for tool in await env.list_tools()]
        assert {"say", "finish"} <= set(names), names
        assert {act["tool"] for act in plan["acts"]} <= set(names)
        for act in plan["acts"][:-1]:
            result = await env.call_tool(act["tool"], **act["arguments"])
            assert not (isinstance(result, dict) and "error" in result), result
        state = await env.state()
        assert state.episode_id and state.step_count == len(plan["acts"]) - 1, state
        last = plan["acts"][-1]
        seen = await env.step(CallToolAction(tool_name=last["tool"], arguments=last["arguments"]))
        assert seen.done and seen.reward == 1.0, seen
        assert seen.observation.error is None


async def generic(plan, acts):
    """Steps over a socket, each answered; the reward of the whole."""
    async with GenericEnvClient(base_url=URL) as env:
        opening = await env.reset(task=plan["task"], seed=3, prompt="a column that no reset knows")
        assert opening.observation["request"] == plan["request"]
        total, seen = 0.0, opening
        for act in acts:
            seen = await env.step(step(act))
            total += seen.reward or 0.0
        assert seen.done
        return total


async def resume(plan):
    """A socket is cut in the middle; the next client goes on where the first one was."""
    first = GenericEnvClient(base_url=URL)
    await first.connect()
    opening = await first.reset(task=plan["task"])
    session = opening.metadata["session_id"]
    assert session not in json.dumps(opening.observation)
    half = len(plan["acts"]) // 2
    for at, act in enumerate(plan["acts"][:half]):
        last = await first.step(step(act, request_id=f"act-{at}"))
    first._ws.transport.abort()
    second = GenericEnvClient(base_url=f"{URL}/sessions/{session}")
    async with second:
        if half:
            again = await second.step(step(plan["acts"][half - 1], request_id=f"act-{half - 1}"))
            assert again.observation == last.observation, (again, last)
        state = await second.state()
        assert state["episode_id"] == session and state["step_count"] == half, state
        for act in plan["acts"][half:]:
            seen = await second.step(step(act))
        assert seen.done and seen.reward == 1.0, seen


def synchronous(plan):
    with GenericEnvClient(base_url=URL).sync() as env:
        env.reset(task=plan["task"])
        for act in plan["acts"]:
            seen = env.step(step(act))
        assert seen.reward == 1.0, seen


def manifest():
    """The manifest that the server gives is one that OpenEnv takes."""
    os.makedirs("package", exist_ok=True)
    urllib.request.urlretrieve(f"{URL}/openenv.yaml", "package/openenv.yaml")
    program = os.path.join(os.path.dirname(sys.executable), "openenv")
    ran = subprocess.run([program, "validate", "package", "--level", "static", "--json"], capture_output=True, text=True)
    assert ran.returncode == 0 and json.loads(ran.stdout)["verdict"] == "pass", ran


async def main():
    nothing = [{"tool": "finish", "arguments": {"outcome": "done", "answer": "Done."}}]
    for plan in PLAN:
        await tool_client(plan)
        assert await generic(plan, plan["acts"]) == 1.0
        assert await generic(plan, nothing) == 0.0
        await resume(plan)
    many = [PLAN[at % len(PLAN)] for at in range(64)]
    rewards = await asyncio.gather(*(generic(plan, plan["acts"]) for plan in many))
    assert rewards == [1.0] * 64, rewards
    try:
        async with GenericEnvClient(base_url=URL) as env:
            await env.reset(task="none")
        raise AssertionError("a task that is not there has begun")
    except RuntimeError as error:
        assert "VALIDATION_ERROR" in str(error), error
    print("64 sessions at one time, and", len(PLAN), "tasks by each client")


asyncio.run(main())
synchronous(PLAN[0])
manifest()
