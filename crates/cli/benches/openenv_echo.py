"""A server of OpenEnv's own, with one tool that gives back what it gets: what `--bench serve -- --peer` compares with.

    python openenv_echo.py PORT     # in an environment with openenv==0.10.0
"""

import sys
import uuid

import uvicorn
from fastmcp import FastMCP
from openenv.core.env_server.http_server import create_app
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.env_server.types import Observation, State


class Echo(MCPEnvironment):
    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self):
        server = FastMCP("echo")

        @server.tool
        def echo_message(message: str) -> str:
            """Gives back the message."""
            return message

        super().__init__(server)
        self._state = State(episode_id=str(uuid.uuid4()), step_count=0)

    def reset(self, seed=None, episode_id=None, **_):
        self._state = State(episode_id=episode_id or str(uuid.uuid4()), step_count=0)
        return Observation(done=False, reward=0.0, metadata={"ready": True})

    def _step_impl(self, action, timeout_s=None, **_):
        return Observation(done=False, reward=0.0, metadata={"error": "tools only"})

    @property
    def state(self):
        return self._state


app = create_app(Echo, CallToolAction, CallToolObservation, env_name="echo", max_concurrent_envs=1_000)
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
