"""Results that practicum wrote, read and graded again by the official package.

    python tau2_results.py --results ours.json [more.json ...] [--view]

Loads the file as the official `view` and `evaluate-trajs` do, grades every trial with the official
evaluator, and compares every part of each reward with the one in the file: reward, basis, breakdown, every
check. Justifications are words and are not compared. Trials whose sentences need a judge are left out: no
model is asked here. Exit code 1 where something differs. Needs Python 3.12 with the official package.
"""

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path

# This folder holds a tau2.py of its own.
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent]

from loguru import logger  # noqa: E402

logger.remove()

from tau2.data_model.simulation import Results  # noqa: E402
from tau2.domains.telecom.user_data_model import VpnDetails  # noqa: E402
from tau2.domains.telecom.user_tools import TelecomUserTools  # noqa: E402
from tau2.metrics.agent_metrics import compute_metrics  # noqa: E402
from tau2.scripts.evaluate_trajectories import compute_simulation_rewards  # noqa: E402

WORDS = {"justification"}


def plain(value):
    """Without words, and without what both sides leave out."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items() if name not in WORDS}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


VPN = dict(TelecomUserTools.default_vpn_details)


def as_in_a_fresh_process():
    """`break_vpn` changes an object that all environments of a process share."""
    TelecomUserTools.default_vpn_details = VpnDetails(**VPN)


def asks_a_judge(task):
    criteria = task.evaluation_criteria
    if criteria is None or not criteria.nl_assertions:
        return False
    return any(part.value == "NL_ASSERTION" for part in criteria.reward_basis)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", required=True, nargs="+")
    parser.add_argument("--view", action="store_true", help="print the first trial with the official viewer")
    arguments = parser.parse_args()
    return max([compare(path, arguments.view) for path in arguments.results])


def compare(path, view):
    ours = Results.load(path)
    judged = {task.id for task in ours.tasks if asks_a_judge(task)}
    left_out = [one for one in ours.simulations if one.task_id in judged]
    ours.simulations = [one for one in ours.simulations if one.task_id not in judged]
    if view:
        from tau2.utils.display import ConsoleDisplay

        ConsoleDisplay.display_simulation(ours.simulations[0])

    differ, right, stopped = [], 0, 0
    for simulation in ours.simulations:
        task = [task for task in ours.tasks if task.id == simulation.task_id]
        single = ours.model_copy(update={"simulations": [simulation], "tasks": task})
        as_in_a_fresh_process()
        try:
            graded = compute_simulation_rewards(single).simulations[0].reward_info
        except Exception as error:  # the official evaluator stops on this trial: it has no reward
            stopped += 1
            if simulation.reward_info is not None:
                differ.append((simulation.id, ["stops"], str(error), None))
            continue
        if simulation.reward_info is None:
            differ.append((simulation.id, ["no reward"], graded.reward, None))
            continue
        own, official = (
            plain(json.loads(info.model_dump_json(exclude={"info"})))
            for info in (simulation.reward_info, graded)
        )
        right += graded.reward == 1.0
        unequal = [name for name in official if own[name] != official[name]]
        if unequal:
            differ.append((simulation.id, unequal, *[[side[name] for name in unequal] for side in (official, own)]))

    with contextlib.redirect_stdout(io.StringIO()):
        metrics = compute_metrics(ours) if ours.simulations and not stopped else None
    print(
        f"{path}: {len(ours.simulations)} trials: {right} right, {stopped} on which the official evaluator stops, "
        f"{len(differ)} differ; {len(left_out)} need a judge and were left out"
    )
    if metrics is not None:
        print("official metrics of our rewards:", {f"pass^{k}": v for k, v in metrics.pass_hat_ks.items()})
    for name, parts, official, own in differ[:10]:
        print(f"{name}: {parts}: official {official}, ours {own}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
