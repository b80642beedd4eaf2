#!/usr/bin/env python3
"""Compares `practicum bench replay tau2` with the official tau2 package.

Needs Python 3.12 with the package installed from the user's checkout of
github.com/sierra-research/tau2-bench. Nothing of it is part of this project.

  tau2.py gold      --domains retail --out gold.jsonl
  tau2.py mutants   --domains retail --seed 1 --count 2000 --out mutants.jsonl
  tau2.py official  --actions mutants.jsonl --ours ours.jsonl --out official.jsonl --jobs 2
  tau2.py compare   --ours ours.jsonl --official official.jsonl
  tau2.py digests   --verdicts official.jsonl
"""

import argparse
import copy
import gc
import hashlib
import inspect
import json
import multiprocessing
import os
import pickle
import random
import re
import sys
import types
import uuid

# This file has the package's name: its folder must not be searched first.
sys.path = [path for path in sys.path if path != os.path.dirname(os.path.abspath(__file__))]

DOMAINS = ["retail", "airline", "telecom"]


def package():
    """Imports the package without its chatter; returns what this program uses of it."""
    from loguru import logger

    logger.remove()
    from tau2.data_model import message, tasks
    from tau2.evaluator.evaluator_action import ActionEvaluator
    from tau2.evaluator.evaluator_env import EnvironmentEvaluator
    from tau2.registry import registry

    return types.SimpleNamespace(
        registry=registry,
        message=message,
        tasks=tasks,
        environment=EnvironmentEvaluator,
        action=ActionEvaluator,
    )


def tasks_of(tau2, domain):
    """All tasks of a domain by id, whatever the split."""
    module = __import__(f"tau2.domains.{domain}.environment", fromlist=["get_tasks"])
    return {task.id: task for task in module.get_tasks(None)}


class Fresh:
    """Gives fresh environments. The databases are validated once; whoever uses an environment does so in a
    child process, which has a copy of them for nothing (`in_child`)."""

    def __init__(self, tau2, domain):
        self.domain = domain
        self.constructor = tau2.registry.get_env_constructor(domain)
        first = self.constructor()
        self.own = first.tools.db
        self.users = first.user_tools.db if first.user_tools else None
        self.pickled = pickle.dumps((self.own, self.users))

    def __call__(self, copied=False):
        own, users = pickle.loads(self.pickled) if copied else (self.own, self.users)
        return self.constructor(db=own) if users is None else self.constructor(db=own, user_db=users)

    def empty(self):
        """An environment without data, for a replay whose end is known already."""
        return self.constructor(db=type(self.own).model_construct(flights={}, products={}, users={}, orders={}, reservations={}))


def in_child(function):
    """What the function returns when a child process runs it."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(function(), pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    if not data:
        raise RuntimeError("a child process failed")
    return pickle.loads(data)


def as_in_a_fresh_process(domain):
    """The telecom user's tools keep one object for all environments of a process and change it in place
    (`default_vpn_details`); every case starts with it as a fresh process does."""
    if domain == "telecom":
        from tau2.domains.telecom import user_tools
        from tau2.domains.telecom.user_data_model import PerformanceLevel, VpnDetails

        user_tools.TelecomUserTools.default_vpn_details = VpnDetails(
            server_address="192.168.1.1",
            protocol="OpenVPN",
            server_performance=PerformanceLevel.EXCELLENT,
        )


class Ids:
    """Stands in for `uuid.uuid4` in the telecom tools: the environment whose hash is compared mints the
    ids that we minted, every other one its own."""

    def __init__(self):
        self.queue = []

    def uuid4(self):
        if self.queue:
            return types.SimpleNamespace(hex=self.queue.pop(0))
        return uuid.uuid4()


IDS = Ids()
GOLD = {}


def messages_of(tau2, actions, outputs):
    messages = []
    for at, (action, output) in enumerate(zip(actions, outputs)):
        requestor = action.get("requestor", "assistant")
        call = tau2.message.ToolCall(
            id=str(at), name=action["name"], arguments=action["arguments"], requestor=requestor
        )
        kind = tau2.message.AssistantMessage if requestor == "assistant" else tau2.message.UserMessage
        messages.append(kind(role=requestor, content=None, tool_calls=[call]))
        messages.append(
            tau2.message.ToolMessage(
                id=str(at),
                role="tool",
                content=output["content"],
                requestor=requestor,
                error=output["error"],
            )
        )
    return messages


def converse(tau2, fresh, task, actions):
    """The calls made in a live environment, and what each gave."""
    as_in_a_fresh_process(fresh.domain)
    initial = task.initial_state
    live = fresh()
    live.set_state(
        initialization_data=initial.initialization_data if initial else None,
        initialization_actions=initial.initialization_actions if initial else None,
        message_history=[],
    )
    outputs = []
    for at, action in enumerate(actions):
        reply = live.get_response(
            tau2.message.ToolCall(
                id=str(at),
                name=action["name"],
                arguments=action["arguments"],
                requestor=action.get("requestor", "assistant"),
            )
        )
        outputs.append({"content": reply.content, "error": reply.error})
    return outputs


def evaluate(tau2, fresh, task, messages, minted):
    """What the official evaluator of environments says, and the hash that it found for gold."""
    as_in_a_fresh_process(fresh.domain)
    made = []
    # Gold of one task always leads to the same end (not where ids are drawn): it is worked out once.
    known = GOLD.get((fresh.domain, task.id))

    def constructor(**_):
        # The first environment is the one that is judged, the second one follows gold.
        first = not made
        environment = fresh.empty() if known and not first else fresh(copied=not first)
        IDS.queue = list(minted) if first else []
        made.append(environment)
        own, users = environment.get_db_hash, environment.get_user_db_hash

        def own_hash():
            environment.seen_hash = known if known and not first else own()
            return environment.seen_hash

        def users_hash():
            environment.seen_user_hash = users()
            return environment.seen_user_hash

        environment.get_db_hash, environment.get_user_db_hash = own_hash, users_hash
        return environment

    try:
        score = tau2.environment.calculate_reward(
            environment_constructor=constructor, task=task, full_trajectory=messages
        )
    except Exception as error:  # noqa: BLE001: whatever stops the evaluator is its verdict
        return {"error": str(error)}, None
    predicted = made[0]
    return {
        "db_hash": getattr(predicted, "seen_hash", None),
        "user_db_hash": getattr(predicted, "seen_user_hash", None),
        "db_match": score.db_check.db_match,
        "env_assertions": [check.met for check in score.env_assertions or []],
        "env_reward": score.reward,
    }, made[1].seen_hash


def judge(tau2, fresh, task, actions, minted):
    """What the official evaluators say of one list of calls."""
    outputs = in_child(lambda: converse(tau2, fresh, task, actions))
    messages = messages_of(tau2, actions, outputs)
    verdict, gold_hash = in_child(lambda: evaluate(tau2, fresh, task, messages, minted))
    if gold_hash and fresh.domain != "telecom":
        GOLD[fresh.domain, task.id] = gold_hash
    action = tau2.action.calculate_reward(task=task, full_trajectory=messages)
    return {"outputs": outputs} | verdict | {
        "action_checks": [check.action_match for check in action.action_checks or []],
        "action_reward": action.reward,
    }


STATE = {}


def start(domains):
    tau2 = package()
    if "telecom" in domains:
        from tau2.domains.telecom import tools

        tools.uuid = IDS
    STATE["tau2"] = tau2
    STATE["fresh"] = {domain: Fresh(tau2, domain) for domain in domains}
    # What is here now stays as it is in every child.
    gc.freeze()
    STATE["tasks"] = {domain: tasks_of(tau2, domain) for domain in domains}


def judge_line(job):
    line, minted = job
    domain = line["domain"]
    verdict = judge(
        STATE["tau2"],
        STATE["fresh"][domain],
        STATE["tasks"][domain][line["task_id"]],
        line["actions"],
        minted,
    )
    return {"domain": domain, "task_id": line["task_id"]} | verdict


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")


def official(arguments):
    lines = read_lines(arguments.actions)
    minted = [[] for _ in lines]
    if arguments.ours:
        minted = [[name[1:] for name in line.get("minted", [])] for line in read_lines(arguments.ours)]
    domains = sorted({line["domain"] for line in lines})
    jobs = list(zip(lines, minted))
    if arguments.jobs > 1:
        with multiprocessing.Pool(arguments.jobs, start, (domains,)) as pool:
            write_lines(arguments.out, pool.imap(judge_line, jobs, chunksize=4))
    else:
        start(domains)
        write_lines(arguments.out, map(judge_line, jobs))


# --- lists of calls ---------------------------------------------------------------------------------


def gold_actions(task):
    criteria = task.evaluation_criteria
    return [
        {"requestor": action.requestor, "name": action.name, "arguments": action.arguments}
        for action in (criteria.actions or [])
    ]


def gold(arguments):
    tau2 = package()
    lines = []
    for domain in arguments.domains:
        for task in tasks_of(tau2, domain).values():
            lines.append({"domain": domain, "task_id": task.id, "actions": gold_actions(task)})
    write_lines(arguments.out, lines)


class Mutator:
    """Draws wrong lists of calls: gold with something changed, and calls of any tool with values of the
    database."""

    def __init__(self, tau2, domain, draw):
        self.domain = domain
        self.draw = draw
        self.tasks = list(tasks_of(tau2, domain).values())
        environment = tau2.registry.get_env_constructor(domain)()
        self.tools = []
        for requestor, kit in [("assistant", environment.tools), ("user", environment.user_tools)]:
            for name, tool in (kit.tools if kit else {}).items():
                parameters = [
                    (parameter.name, parameter.default is not parameter.empty)
                    for parameter in inspect.signature(tool).parameters.values()
                ]
                self.tools.append((requestor, name, parameters))
        # Values by the name of the member that holds them, and all texts that look like ids.
        self.values = {}
        self.collect(json.loads(json.dumps(environment.tools.db.model_dump(), default=str)))
        if environment.user_tools:
            self.collect(json.loads(json.dumps(environment.user_tools.db.model_dump(), default=str)))
        for task in self.tasks:
            for action in gold_actions(task):
                for name, value in action["arguments"].items():
                    self.values.setdefault(name, []).append(value)
        self.values = {name: values[:4000] for name, values in self.values.items()}
        self.names = sorted(self.values)

    def collect(self, value, name="value"):
        if isinstance(value, dict):
            for key, inner in value.items():
                self.values.setdefault(name, []).append(key)
                self.collect(inner, key if not re.search(r"\d", key) else name)
        elif isinstance(value, list):
            for inner in value:
                self.collect(inner, name)
            if value:
                self.values.setdefault(name, []).append(value)
        else:
            self.values.setdefault(name, []).append(value)

    def related(self, name):
        """A value that is likely to fit an argument of this name."""
        candidates = [name, name.removesuffix("s"), name.removeprefix("new_")]
        candidates += {
            "payment_id": ["payment_methods", "payment_id"],
            "payment_method_id": ["payment_methods", "payment_method_id"],
            "reservation_id": ["reservations"],
            "order_id": ["orders", "order_id"],
            "item_id": ["variants", "item_id"],
            "product_id": ["products", "product_id"],
            "line_id": ["line_ids"],
            "bill_id": ["bill_ids"],
            "id": ["line_ids", "bill_ids", "plan_id", "device_id", "customer_id"],
            "date": ["dates"],
            "dob": ["date_of_birth", "dob"],
            "expression": [],
        }.get(name, [])
        known = [candidate for candidate in candidates if candidate in self.values]
        if name == "expression":
            return self.expression()
        if name in ("gb_amount", "amount", "total_baggages", "nonfree_baggages", "limit"):
            return self.number()
        if known and self.draw.random() < 0.9:
            return self.draw.choice(self.values[self.draw.choice(known)])
        return self.draw.choice(self.values[self.draw.choice(self.names)])

    def number(self):
        draw = self.draw
        return draw.choice(
            [draw.randint(0, 5), draw.randint(-3, 400), round(draw.uniform(-2, 40), 2), draw.uniform(0, 9), 0, 1.0, 2.5]
        )

    def expression(self):
        draw = self.draw
        parts = []
        for _ in range(draw.randint(1, 6)):
            parts.append(draw.choice(["1", "2.5", "100", "0", "3.", ".5", "(2 + 3)", "-7", "1234.56", "2"]))
            parts.append(draw.choice([" + ", " - ", "*", " / ", "//", "**", "+", " "]))
        text = "".join(parts[:-1])
        return text if draw.random() < 0.8 else text + draw.choice(["(", ")", "x", "..", "/0"])

    def spoil(self, value):
        """Another value, or the same one in a wrong form."""
        draw = self.draw
        if isinstance(value, bool):
            return draw.choice([not value, str(value), None, int(value)])
        if isinstance(value, (int, float)):
            return draw.choice(
                [value + 1, float(value), str(value), -value, value * 1.5, None, [value], 0, int(value), True]
            )
        if isinstance(value, str):
            digits = re.fullmatch(r"-?\d+(\.\d+)?", value)
            forms = [value.upper(), value + "x", value[:-1], "", " " + value, None, 7, [value], {"a": value}, 1.5, True]
            return draw.choice([json.loads(value.lstrip("0") or "0")] + forms if digits else forms)
        if isinstance(value, list):
            forms = [value[:-1], value + value[:1], value[::-1], [], None, "", "ab", {}, 3]
            if value:
                inner = list(value)
                at = draw.randrange(len(inner))
                inner[at] = self.spoil(inner[at])
                forms += [inner] * 6 + [value[0], {"0": value[0]}]
            return draw.choice(forms)
        if isinstance(value, dict):
            inner = dict(value)
            forms = [None, [], "x", {}]
            if inner:
                key = draw.choice(sorted(inner))
                dropped = {name: own for name, own in inner.items() if name != key}
                changed = inner | {key: self.spoil(inner[key])}
                forms += [dropped, changed, changed, changed, inner | {"extra": 1}, list(inner)]
            return draw.choice(forms)
        return draw.choice(["x", 0, [], {}, False])

    def any_call(self, task):
        draw = self.draw
        requestor, name, parameters = draw.choice(self.tools)
        if draw.random() < 0.02:
            requestor = "user" if requestor == "assistant" else "assistant"
        # Some of a task's own values, so that calls belong together.
        own = [action for action in gold_actions(task)]
        arguments = {}
        for parameter, optional in parameters:
            if optional and draw.random() < 0.5:
                continue
            given = [action["arguments"][parameter] for action in own if parameter in action["arguments"]]
            if given and draw.random() < 0.5:
                arguments[parameter] = draw.choice(given)
            else:
                arguments[parameter] = self.fitting(name, parameter)
        return {"requestor": requestor, "name": name, "arguments": arguments}

    def fitting(self, tool, name):
        """A value of the right shape: from gold calls of the same tool if there are any."""
        draw = self.draw
        if name in self.values and draw.random() < 0.6:
            return draw.choice(self.values[name])
        return self.related(name)

    def spoilt(self, call):
        call = copy.deepcopy(call)
        arguments = call["arguments"]
        kind = self.draw.random()
        if kind < 0.1 and arguments:
            del arguments[self.draw.choice(sorted(arguments))]
        elif kind < 0.15:
            arguments[self.draw.choice(["zzz", "id", "order_id", "amount"])] = self.related("id")
        elif kind < 0.25:
            call["name"] = self.draw.choice([call["name"] + "s", "no_such_tool", "think", self.draw.choice(self.tools)[1]])
        elif arguments:
            name = self.draw.choice(sorted(arguments))
            if self.draw.random() < 0.5:
                arguments[name] = self.related(name)
            else:
                arguments[name] = self.spoil(arguments[name])
        return call

    def consistent(self):
        """Calls whose arguments belong together, so that writes go through."""
        return CONSISTENT[self.domain](self) if self.domain in CONSISTENT else []

    def mutant(self):
        draw = self.draw
        task = draw.choice(self.tasks)
        calls = gold_actions(task)
        for _ in range(draw.choice([1, 1, 1, 2, 3])):
            kind = draw.randrange(9)
            if kind == 0 and calls:
                del calls[draw.randrange(len(calls))]
            elif kind == 1 and calls:
                calls.insert(draw.randrange(len(calls) + 1), draw.choice(calls))
            elif kind == 2:
                draw.shuffle(calls)
            elif kind in (3, 4) and calls:
                at = draw.randrange(len(calls))
                calls[at] = self.spoilt(calls[at])
            elif kind in (5, 6):
                for _ in range(draw.randint(1, 4)):
                    call = self.any_call(task)
                    if draw.random() < 0.2:
                        call = self.spoilt(call)
                    calls.insert(draw.randrange(len(calls) + 1), call)
            else:
                for call in self.consistent():
                    if draw.random() < 0.15:
                        call = self.spoilt(call)
                    calls.insert(draw.randrange(len(calls) + 1) if draw.random() < 0.2 else len(calls), call)
        return {"domain": self.domain, "task_id": task.id, "actions": calls}


def call(name, requestor="assistant", **arguments):
    return {"requestor": requestor, "name": name, "arguments": arguments}


def load_database(domain):
    module = __import__(f"tau2.domains.{domain}.environment", fromlist=["get_environment"])
    return module.get_environment().tools.db.model_dump()


DATABASES = {}


def database(domain):
    if domain not in DATABASES:
        DATABASES[domain] = load_database(domain)
    return DATABASES[domain]


def consistent_retail(mutator):
    draw, db = mutator.draw, database("retail")
    order = draw.choice(list(db["orders"].values()))
    user = db["users"][order["user_id"]]
    methods = list(user["payment_methods"])
    chosen = draw.sample(order["items"], draw.randint(1, len(order["items"])))
    if draw.random() < 0.15:
        chosen = chosen + chosen[:1]
    items = [item["item_id"] for item in chosen]
    variants = [
        draw.choice(
            [v["item_id"] for v in db["products"][i["product_id"]]["variants"].values() if v["available"] or draw.random() < 0.1]
            or [i["item_id"]]
        )
        for i in chosen
    ]
    method = draw.choice(methods)
    order_id = order["order_id"]
    address = {
        name: draw.choice(mutator.values[name]) for name in ["address1", "address2", "city", "state", "country", "zip"]
    }
    options = [
        lambda: call("modify_pending_order_items", order_id=order_id, item_ids=items, new_item_ids=variants, payment_method_id=method),
        lambda: call("exchange_delivered_order_items", order_id=order_id, item_ids=items, new_item_ids=variants, payment_method_id=method),
        lambda: call("return_delivered_order_items", order_id=order_id, item_ids=items, payment_method_id=method),
        lambda: call("modify_pending_order_payment", order_id=order_id, payment_method_id=draw.choice(methods)),
        lambda: call("cancel_pending_order", order_id=order_id, reason=draw.choice(["no longer needed", "ordered by mistake", "other"])),
        lambda: call("modify_pending_order_address", order_id=order_id, **address),
        lambda: call("modify_user_address", user_id=user["user_id"], **address),
        lambda: call("get_order_details", order_id=order_id),
        lambda: call("get_user_details", user_id=user["user_id"]),
        lambda: call("find_user_id_by_name_zip", first_name=user["name"]["first_name"].upper(), last_name=user["name"]["last_name"], zip=user["address"]["zip"]),
        lambda: call("find_user_id_by_email", email=user["email"].title()),
        lambda: call("get_item_details", item_id=draw.choice(variants)),
        lambda: call("get_product_details", product_id=chosen[0]["product_id"]),
        lambda: call("list_all_product_types"),
    ]
    return [draw.choice(options)() for _ in range(draw.randint(1, 4))]


def consistent_airline(mutator):
    draw, db = mutator.draw, database("airline")
    reservation = draw.choice(list(db["reservations"].values()))
    user = db["users"][reservation["user_id"]]
    methods = list(user["payment_methods"]) or ["credit_card_1"]
    cabin = draw.choice(["basic_economy", "economy", "business", reservation["cabin"]])
    open_days = [
        (flight, date, day)
        for flight in draw.sample(list(db["flights"].values()), 6)
        for date, day in flight["dates"].items()
        if day["status"] == "available" or draw.random() < 0.02
    ]
    legs = [draw.choice(open_days) for _ in range(draw.choice([1, 1, 2, 3]))]
    flights = [{"flight_number": flight["flight_number"], "date": date} for flight, date, _ in legs]
    if draw.random() < 0.1:
        flights.append(dict(flights[0]))
        legs.append(legs[0])
    kept = [{"flight_number": leg["flight_number"], "date": leg["date"]} for leg in reservation["flights"]]
    people = draw.choice([reservation["passengers"], user["saved_passengers"] or reservation["passengers"]])
    paid = draw.randint(0, 2)
    insurance = draw.choice(["yes", "no"])
    price = sum(day.get("prices", {}).get(cabin, 100) for _, _, day in legs) * len(people)
    price += 30 * len(people) * (insurance == "yes") + 50 * paid
    chosen = draw.sample(methods, draw.randint(1, min(3, len(methods))))
    shares = []
    left = price
    for method in chosen[:-1]:
        share = draw.randint(0, max(0, min(left, int(user["payment_methods"][method].get("amount", left)))))
        shares.append({"payment_id": method, "amount": share})
        left -= share
    shares.append({"payment_id": chosen[-1], "amount": left})
    if draw.random() < 0.15 and shares[0]["amount"] > 1:
        half = shares[0]["amount"] // 2
        shares[0]["amount"] -= half
        shares.append({"payment_id": shares[0]["payment_id"], "amount": half})
    number = reservation["reservation_id"]
    flight, date, _ = draw.choice(open_days)
    options = [
        lambda: call("book_reservation", user_id=user["user_id"], origin=legs[0][0]["origin"], destination=legs[-1][0]["destination"],
                     flight_type=draw.choice(["one_way", "round_trip"]), cabin=cabin, flights=flights, passengers=people,
                     payment_methods=shares, total_baggages=paid + draw.randint(0, 3), nonfree_baggages=paid, insurance=insurance),
        lambda: call("book_reservation", user_id=user["user_id"], origin=legs[0][0]["origin"], destination=legs[-1][0]["destination"],
                     flight_type="one_way", cabin=cabin, flights=flights, passengers=people,
                     payment_methods=[{"payment_id": draw.choice(methods), "amount": price}], total_baggages=paid,
                     nonfree_baggages=paid, insurance=insurance),
        lambda: call("update_reservation_flights", reservation_id=number, cabin=cabin, flights=kept, payment_id=draw.choice(methods)),
        lambda: call("update_reservation_flights", reservation_id=number, cabin=cabin, flights=kept[:1] + flights, payment_id=draw.choice(methods)),
        lambda: call("update_reservation_flights", reservation_id=number, cabin=draw.choice([cabin, "first", reservation["cabin"]]),
                     flights=draw.choice([[], flights, kept]), payment_id=draw.choice(methods)),
        lambda: call("update_reservation_baggages", reservation_id=number, total_baggages=mutator.number(), nonfree_baggages=mutator.number(),
                     payment_id=draw.choice(methods)),
        lambda: call("update_reservation_baggages", reservation_id=number, total_baggages=draw.randint(0, 5),
                     nonfree_baggages=draw.randint(0, 5), payment_id=draw.choice(methods)),
        lambda: call("update_reservation_passengers", reservation_id=number, passengers=people),
        lambda: call("update_reservation_passengers", reservation_id=number,
                     passengers=draw.choice([[person | {"first_name": "Noa"} for person in reservation["passengers"]], "ab", ["x"], []])),
        lambda: call("cancel_reservation", reservation_id=number),
        lambda: call("send_certificate", user_id=user["user_id"], amount=draw.choice([50, 100, 12.5, "80"])),
        lambda: call("get_reservation_details", reservation_id=draw.choice([number, "HATHAT", "HATHAU"])),
        lambda: call("get_user_details", user_id=user["user_id"]),
        lambda: call("get_flight_status", flight_number=flight["flight_number"], date=draw.choice(list(flight["dates"]))),
        lambda: call("search_direct_flight", origin=flight["origin"], destination=flight["destination"], date=date),
        lambda: call("search_onestop_flight", origin=flight["origin"], destination=draw.choice(["SEA", "JFK", "LAX", "DFW", flight["destination"]]), date=date),
        lambda: call("list_all_airports"),
    ]
    return [draw.choice(options)() for _ in range(draw.randint(1, 4))]


def consistent_telecom(mutator):
    draw, db = mutator.draw, database("telecom")
    customer = draw.choice([customer for customer in db["customers"] if customer["line_ids"]])
    own = {"customer_id": customer["customer_id"], "line_id": draw.choice(customer["line_ids"])}
    bill = draw.choice(customer["bill_ids"] + ["B9999"])
    ids = [record[name] for records, name in [("lines", "line_id"), ("bills", "bill_id"), ("plans", "plan_id"),
                                              ("devices", "device_id"), ("customers", "customer_id")] for record in db[records]]
    user = [
        "toggle_airplane_mode", "toggle_data", "toggle_roaming", "toggle_data_saver_mode", "toggle_wifi",
        "toggle_wifi_calling", "connect_vpn", "disconnect_vpn", "reboot_device", "reset_apn_settings", "reseat_sim_card",
        "make_payment", "check_status_bar", "check_network_status", "check_network_mode_preference", "run_speed_test",
        "check_sim_status", "check_data_restriction_status", "check_apn_settings", "check_wifi_status",
        "check_wifi_calling_status", "check_vpn_status", "check_installed_apps", "can_send_mms", "check_payment_request",
    ]
    options = [
        lambda: call(draw.choice(user), "user"),
        lambda: call(draw.choice(user), "user"),
        lambda: call(draw.choice(user), "user"),
        lambda: call("set_network_mode_preference", "user",
                     mode=draw.choice(["4g_5g_preferred", "4g_only", "3g_only", "2g_only", "5g", 4, None])),
        lambda: call("set_apn_settings", "user", apn_settings=draw.choice(
            [{}, {"apn_name": "broken"}, {"apn_name": "internet", "mms_port": "80"}, {"mmsc_url": None}, "internet",
             {"reset_at_reboot": True}, {"mms_proxy": "p", "mms_port": 8080.0}, {"mmsc_url": ""}, None])),
        lambda: call("grant_app_permission", "user", app_name=draw.choice(["messaging", "browser", "maps"]),
                     permission=draw.choice(["sms", "storage", "SMS", "network", "phone", "camera"])),
        lambda: call("check_app_status", "user", app_name=draw.choice(["messaging", "browser", "maps", 3])),
        lambda: call("check_app_permissions", "user", app_name=draw.choice(["messaging", "browser", "maps"])),
        lambda: call("get_customer_by_phone", phone_number=draw.choice([line["phone_number"] for line in db["lines"]] + ["555"])),
        lambda: call("get_customer_by_id", customer_id=customer["customer_id"]),
        lambda: call("get_customer_by_name", full_name=customer["full_name"].upper(), dob=customer["date_of_birth"]),
        lambda: call("get_details_by_id", id=draw.choice(ids + ["X1", "L9", ""])),
        lambda: call("suspend_line", **own, reason="lost"),
        lambda: call("resume_line", **own),
        lambda: call("get_bills_for_customer", customer_id=customer["customer_id"], **draw.choice([{}, {"limit": 1}, {"limit": -1}, {"limit": 0}])),
        lambda: call("send_payment_request", customer_id=customer["customer_id"], bill_id=bill),
        lambda: call("get_data_usage", **own),
        lambda: call("enable_roaming", **own),
        lambda: call("disable_roaming", **own),
        lambda: call("refuel_data", **own, gb_amount=mutator.number()),
    ]
    return [draw.choice(options)() for _ in range(draw.randint(1, 7))]


CONSISTENT = {
    "airline": consistent_airline,
    "retail": consistent_retail,
    "telecom": consistent_telecom,
}


def mutants(arguments):
    tau2 = package()
    lines = []
    for domain in arguments.domains:
        mutator = Mutator(tau2, domain, random.Random(f"{arguments.seed} {domain}"))
        lines += [mutator.mutant() for _ in range(arguments.count)]
    write_lines(arguments.out, lines)


# --- comparison --------------------------------------------------------------------------------------

COMPARED = ["db_hash", "user_db_hash", "db_match", "env_assertions", "env_reward", "action_checks", "action_reward"]


def compare(arguments):
    ours, theirs = read_lines(arguments.ours), read_lines(arguments.official)
    if len(ours) != len(theirs):
        sys.exit(f"{len(ours)} lines of ours, {len(theirs)} official ones")
    verdicts = calls = texts = stopped = errors = 0
    shown = 0
    for at, (own, other) in enumerate(zip(ours, theirs)):
        wrong = []
        if "error" in own or "error" in other:
            stopped += 1
            if ("error" in own) != ("error" in other):
                wrong.append(("error", own.get("error"), other.get("error")))
        else:
            wrong += [(key, own.get(key), other.get(key)) for key in COMPARED if own.get(key) != other.get(key)]
        different = []
        for place, (mine, yours) in enumerate(zip(own["outputs"], other["outputs"])):
            calls += 1
            errors += yours["error"]
            if mine["error"] != yours["error"]:
                wrong.append((f"outputs[{place}].error", mine, yours))
            elif mask(mine["content"]) != mask(yours["content"]):
                different.append((place, mine["content"], yours["content"]))
                if not yours["error"]:
                    wrong.append((f"outputs[{place}].content", mine["content"], yours["content"]))
        texts += len(different)
        verdicts += bool(wrong)
        if (wrong or (different and arguments.texts)) and shown < arguments.show:
            shown += 1
            print(f"line {at + 1}: {own['domain']} {own['task_id']}")
            for key, mine, yours in wrong:
                print(f"  {key}\n    ours     {str(mine)[:1500]}\n    official {str(yours)[:1500]}")
            for place, mine, yours in different:
                print(f"  text of call {place + 1}\n    ours     {mine[:600]!r}\n    official {yours[:600]!r}")
    print(
        f"{len(ours)} lists, {calls} calls ({errors} failed officially, {stopped} lists stop the evaluator): "
        f"{verdicts} lists differ, {texts} texts differ"
    )
    sys.exit(1 if verdicts else 0)


def digests(arguments):
    """One digest per verdict, as the crate's tests compute it."""
    for line in read_lines(arguments.verdicts):
        members = {name: line[name] for name in COMPARED + ["outputs"]}
        text = json.dumps(members, sort_keys=True)
        print(hashlib.sha256(text.encode()).hexdigest()[:16])


def mask(text):
    """A draft bill's random id."""
    return re.sub(r"\bB(?:9\d{7}|[0-9a-f]{8})\b", "B*", text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for function in [gold, mutants, official, compare, digests]:
        command = commands.add_parser(function.__name__)
        command.set_defaults(run=function)
        if function in (gold, mutants):
            command.add_argument("--domains", nargs="+", choices=DOMAINS, default=DOMAINS)
            command.add_argument("--out", required=True)
        if function is mutants:
            command.add_argument("--seed", type=int, default=1)
            command.add_argument("--count", type=int, default=1000)
        if function is official:
            command.add_argument("--actions", required=True)
            command.add_argument("--ours", help="our verdicts, for the ids that we minted")
            command.add_argument("--out", required=True)
            command.add_argument("--jobs", type=int, default=1)
        if function is digests:
            command.add_argument("--verdicts", required=True)
        if function is compare:
            command.add_argument("--ours", required=True)
            command.add_argument("--official", required=True)
            command.add_argument("--show", type=int, default=20)
            command.add_argument("--texts", action="store_true", help="show differing error texts, too")
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
