"""What TRL's GRPOTrainer calls of its environments, without a model: usage URL PLAN SCRIPT, the script as the
manual has it. The models' part is played by the plan; the tools' schemas are made by transformers, as TRL does."""

import inspect
import json
import sys
import types

from transformers.utils import get_json_schema

URL, PLAN = sys.argv[1], {plan["task"]: plan for plan in json.load(open(sys.argv[2]))}
SCRIPT = open(sys.argv[3]).read().replace("http://localhost:8000", URL)


def tools_of(environment):
    """The class's functions, as the trainer looks for them."""
    members = inspect.getmembers(type(environment), predicate=inspect.isfunction)
    names = [name for name, _ in members if name not in ("reset", "get_reward") and not name.startswith("_")]
    return {name: getattr(environment, name) for name in names}


class GRPOTrainer:
    def __init__(self, model, args, train_dataset, environment_factory):
        self.rows, self.factories = train_dataset, environment_factory

    def train(self):
        pool = {}
        for name, factory in self.factories.items():
            pool[name] = factory()
            for tool in tools_of(pool[name]).values():
                schema = get_json_schema(tool)["function"]
                assert schema["name"] == tool.__name__ and schema["description"], schema
                json.dumps(schema)
        played = 0
        for row in self.rows:
            plan = PLAN.get(row["task"])
            if plan is None:
                continue
            environment = pool[row["environment"]]
            # `environment` routes, and is not passed on; every other column is.
            told = environment.reset(**{key: value for key, value in row.items() if key != "environment"})
            assert plan["request"] in told, told
            tools = tools_of(environment)
            assert environment.get_reward() == 0.0, "a rollout without an end"
            for act in plan["acts"]:
                reply = tools[act["tool"]](**act["arguments"])
                assert "error" not in json.loads(reply), reply
            assert environment.get_reward() == 1.0, plan["task"]
            played += 1
        assert played == len(PLAN), played
        environment.reset(task=row["task"])
        refused = json.loads(tools_of(environment)["finish"](outcome="won", answer=""))
        assert refused["error"]["type"] == "invalid_arguments", refused
        tools_of(environment)["finish"](outcome="done", answer="Nothing was done.")
        assert environment.get_reward() == 0.0
        print(played, "rollouts by TRL's calls")


trl, datasets = types.ModuleType("trl"), types.ModuleType("datasets")
trl.GRPOTrainer, trl.GRPOConfig = GRPOTrainer, lambda **options: options
datasets.Dataset = types.SimpleNamespace(from_list=list)
sys.modules.update(trl=trl, datasets=datasets)
exec(compile(SCRIPT, "train.py", "exec"))
