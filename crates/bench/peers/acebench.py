"""Compares practicum's verdicts on ACEBench answers with those of the official scorer, item by item.

    python crates/bench/peers/acebench.py --official CHECKOUT --answers FILE --verdicts FILE [--summary FILE]

CHECKOUT is the user's own checkout of https://github.com/chenchen0103/ACEBench; it needs pandas and openpyxl. FILE are
what `practicum bench score acebench` read (--results) and wrote (--out, --summary). Every answer goes through the
official functions alone, as a category of one item; then, where the official scorer has a score for a category, the
category's accuracy is compared as well. Exits with 1 where anything differs.

    python crates/bench/peers/acebench.py --official CHECKOUT --record FILE...

prints the official verdicts on files of answers, for crates/bench/tests/acebench/official_verdicts.txt: a line of the
data's digest, then for each file its digest, and for each category one letter per item, v(alid), w(rong), s(tops).
"""

import argparse
import collections
import hashlib
import io
import json
import os
import sys
import warnings


class Official:
    """The official scorer, without the files that it writes."""

    def __init__(self, checkout, language):
        warnings.simplefilter("ignore")
        sys.path.insert(0, checkout)
        os.chdir(checkout)
        import eval_main

        self.module = eval_main
        self.saved = None
        eval_main.OUTPUT_PATH = ""
        eval_main.language = language
        eval_main.save_score_as_json = self.keep
        eval_main.convert_result_to_excel = lambda *_: None
        eval_main.open = lambda *_, **__: io.StringIO()
        folder = os.path.join(checkout, "data_all", "data_" + language)
        self.items = collections.defaultdict(dict)
        self.order = collections.defaultdict(list)
        self.files = []
        for name in sorted(os.listdir(folder)):
            if not name.endswith(".json"):
                continue
            category = name[len("data_") : -len(".json")]
            paths = [os.path.join(folder, name), os.path.join(folder, "possible_answer", name)]
            self.files += paths
            questions, answers = map(self.lines, paths)
            for question, answer in zip(questions, answers, strict=True):
                self.items[category][question["id"]] = (question, answer)
                self.order[category].append(question["id"])

    @staticmethod
    def lines(path):
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def keep(self, _name, data, _folder=None):
        self.saved = data

    def score(self, category, answers):
        """What the official functions return and save for answers to a category's items."""
        items = [self.items[category][answer["id"]] for answer in answers]
        results = []
        for answer in answers:
            result = {"id": answer["id"], "result": answer["model_result"]}
            if "process" in answer:
                result["process"] = answer["process"]
            results.append(result)
        questions = [question for question, _ in items]
        # The scorer writes into what it compares with: it gets its own copy.
        truths = json.loads(json.dumps([answer for _, answer in items]))
        self.saved = None
        if "agent" in category:
            accuracy = self.module.agent_eval(results, questions, truths, category, "model")
        else:
            if "special" in category:
                score = self.module.special_eval
            elif "normal_multi_turn" in category:
                score = self.module.normal_multi_turn_eval
            else:
                score = self.module.normal_single_turn_eval
            accuracy = score(results, questions, truths, category, "model", {})
        return accuracy, self.saved

    def verdict(self, answer):
        try:
            accuracy, saved = self.score(answer["category"], [answer])
        except Exception:
            return {"valid": False, "official_stops": True, "error_type": ""}
        valid = saved[0]["correct_count"] == 1
        verdict = {"valid": valid, "official_stops": False, "error_type": ""}
        if not valid:
            verdict["error_type"] = saved[1]["error_type"]
        if "agent" in answer["category"]:
            verdict["process"] = accuracy[1]
        return verdict


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--official", required=True)
    parser.add_argument("--language", default="en")
    parser.add_argument("--answers")
    parser.add_argument("--verdicts")
    parser.add_argument("--summary")
    parser.add_argument("--record", nargs="+")
    arguments = parser.parse_args()
    if arguments.record:
        record(arguments)
    elif arguments.answers and arguments.verdicts:
        compare(arguments)
    else:
        parser.error("--answers and --verdicts, or --record")


def digest(paths):
    sum = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            sum.update(file.read())
    return sum.hexdigest()[:16]


def record(arguments):
    paths = [os.path.abspath(path) for path in arguments.record]
    official = Official(os.path.abspath(arguments.official), arguments.language)
    print("data", digest(official.files))
    for path in paths:
        print("answers", digest([path]))
        letters = collections.defaultdict(str)
        for answer in Official.lines(path):
            verdict = official.verdict(answer)
            letters[answer["category"]] += (
                "v" if verdict["valid"] else "s" if verdict["official_stops"] else "w"
            )
        for category, row in letters.items():
            print(category, row)


def compare(arguments):
    answers = Official.lines(arguments.answers)
    ours = {(line["category"], line["id"]): line for line in Official.lines(arguments.verdicts)}
    summary = json.load(open(arguments.summary)) if arguments.summary else None
    official = Official(os.path.abspath(arguments.official), arguments.language)

    differences = 0
    counts = collections.Counter()
    for answer in answers:
        theirs = official.verdict(answer)
        own = ours.get((answer["category"], answer["id"]))
        if own is None:
            differences += 1
            print("no verdict of ours:", answer["category"], answer["id"])
            continue
        own = {
            "valid": own["valid"],
            "official_stops": own.get("official_stops", False),
            "error_type": own["error_type"],
            **({"process": round(own["process"], 3)} if "process" in theirs else {}),
        }
        counts["valid" if theirs["valid"] else "stops" if theirs["official_stops"] else "wrong"] += 1
        if own != theirs:
            differences += 1
            print("differs:", answer["category"], answer["id"])
            print("  official:", theirs)
            print("  ours:    ", own)
            print("  answer:  ", json.dumps(answer.get("model_result"), ensure_ascii=False)[:2000])

    by_category = collections.defaultdict(dict)
    for answer in answers:
        by_category[answer["category"]][answer["id"]] = answer
    compared = 0
    for category, found in by_category.items():
        if summary is None or len(found) != len(official.order[category]):
            continue
        try:
            accuracy, saved = official.score(category, [found[id] for id in official.order[category]])
        except Exception:
            continue
        own = summary["categories"][category]
        theirs = [accuracy[0], accuracy[1]] if "agent" in category else [accuracy, None]
        compared += 1
        if [own["accuracy"], own["process"]] != theirs:
            differences += 1
            print("differs:", category, "official:", theirs, "ours:", own["accuracy"], own["process"])

    print(
        f"{len(answers)} answers ({counts['valid']} valid, {counts['wrong']} wrong, on {counts['stops']} the official "
        f"scorer stops), {compared} categories: {differences} differences"
    )
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
