"""What the official program tells models: one JSON document on standard output.

    python tau2_prompts.py

For each domain: the agent's instructions, both parties' tools, and the user's instructions in each task; and
where the package's data lie. Needs Python 3.12 with the official package.
"""

import json
import sys
from pathlib import Path

# This folder holds a tau2.py of its own.
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent]

from loguru import logger  # noqa: E402

logger.remove()

from tau2.agent.llm_agent import LLMAgent  # noqa: E402
from tau2.registry import registry  # noqa: E402
from tau2.user.user_simulator import UserSimulator  # noqa: E402
from tau2.utils import DATA_DIR  # noqa: E402


def main():
    domains = {}
    for name in ("airline", "retail", "telecom", "telecom-workflow"):
        environment = registry.get_env_constructor(name)()
        tools = environment.get_tools()
        try:
            user_tools = environment.get_user_tools() or None
        except Exception:
            user_tools = None
        agent = LLMAgent(tools=tools, domain_policy=environment.get_policy(), llm="none")
        users = {}
        for task in registry.get_tasks_loader(name)():
            user = UserSimulator(llm="none", instructions=str(task.user_scenario), tools=user_tools)
            users[task.id] = user.system_prompt
        domains[name] = {
            "agent": agent.system_prompt,
            "agent_tools": [tool.openai_schema for tool in tools],
            "user_tools": [tool.openai_schema for tool in user_tools or []],
            "users": users,
        }
    print(json.dumps({"data": str(DATA_DIR), "domains": domains}))


if __name__ == "__main__":
    main()
