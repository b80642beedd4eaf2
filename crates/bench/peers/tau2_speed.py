#!/usr/bin/env python3
"""Speed and memory of the tau2 domains: the official package and ours, by turns in one run.

  cargo build --release -p practicum-bench --example tau2_speed
  tau2_speed.py --data DIR --program target/release/examples/tau2_speed [--rounds 3] [--seconds 2]

Prints the median of the rounds and the ratios. Time is that of the one thread at work, not of its waits for a core.
Python 3.12 with the official package is needed.
"""

import argparse
import copy
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time

sys.path = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]

HELD = 3


def official(domain, seconds):
    """One round of the official package: gold of 20 tasks, again and again."""
    from tau2.data_model.message import ToolCall
    from tau2.registry import registry

    module = __import__(f"tau2.domains.{domain}.environment", fromlist=["get_tasks"])
    tasks = [task for task in module.get_tasks("base") if task.evaluation_criteria.actions][:20]
    construct = registry.get_env_constructor(domain)

    def fresh(task):
        environment = construct()
        initial = task.initial_state
        environment.set_state(None, initial.initialization_actions if initial else None, [])
        return environment

    def play(environment, task):
        for at, action in enumerate(task.evaluation_criteria.actions):
            environment.get_response(
                ToolCall(id=str(at), name=action.name, arguments=copy.deepcopy(action.arguments), requestor=action.requestor)
            )
        return len(task.evaluation_criteria.actions)

    gc.collect()
    before = resident()
    held = [fresh(tasks[at % len(tasks)]) for at in range(HELD)]
    live = (resident() - before) / len(held)
    del held
    gc.collect()
    resets = calls = 0
    resetting = calling = 0.0
    while resetting + calling < seconds:
        for task in tasks:
            start = time.thread_time()
            environment = fresh(task)
            ready = time.thread_time()
            calls += play(environment, task)
            done = time.thread_time()
            resets += 1
            resetting += ready - start
            calling += done - ready
    return {
        "domain": domain,
        "call_us": calling * 1e6 / calls,
        "reset_us": resetting * 1e6 / resets,
        "live_bytes": live,
    }


def resident():
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def line_of(command):
    """The JSON that a command prints on its last line."""
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--program")
    parser.add_argument("--official", metavar="DOMAIN", help="one round of the official package alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    arguments = parser.parse_args()
    if arguments.official:
        from loguru import logger

        logger.remove()
        print(json.dumps(official(arguments.official, arguments.seconds)))
        return
    if not (arguments.data and arguments.program):
        parser.error("give --data and --program")
    rounds = {}
    for _ in range(arguments.rounds):
        for domain in ["airline", "retail", "telecom"]:
            # Each in a process of its own: what one leaves on the heap would hide what the next one takes.
            ours = line_of([arguments.program, arguments.data, str(arguments.seconds), domain])
            theirs = line_of(
                [sys.executable, __file__, "--official", domain, "--seconds", str(arguments.seconds)]
            )
            rounds.setdefault(domain, []).append((ours, theirs))
    for domain, pairs in rounds.items():
        middle = {
            f"{who}_{name}": statistics.median(pair[at][name] for pair in pairs)
            for at, who in enumerate(["ours", "official"])
            for name in ["call_us", "reset_us", "live_bytes"]
        }
        for name in ["open_bytes", "parked_bytes"]:
            middle[f"ours_{name}"] = statistics.median(ours[name] for ours, _ in pairs)
        ratio = {
            "calls": statistics.median(theirs["call_us"] / ours["call_us"] for ours, theirs in pairs),
            "resets": statistics.median(theirs["reset_us"] / ours["reset_us"] for ours, theirs in pairs),
            "memory, live": middle["official_live_bytes"] / max(1, middle["ours_live_bytes"]),
            "memory, 64 live of 1,000": middle["official_live_bytes"] / max(1, middle["ours_open_bytes"]),
            "memory, parked": middle["official_live_bytes"] / middle["ours_parked_bytes"],
        }
        print(json.dumps({"domain": domain} | {name: round(value, 1) for name, value in (middle | ratio).items()}))


if __name__ == "__main__":
    main()
