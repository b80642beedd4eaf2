"""verifiers' own evaluation with its built-in `openenv` taskset: usage URL PLAN TOML, the file as the manual has it.
The model is an endpoint that knows the plan: it finds the request in the first message, and says the next act."""

import glob
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

URL, PLAN = sys.argv[1], json.load(open(sys.argv[2]))
PASSED = 2


def text_of(message):
    content = message["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def next_act(messages):
    users = [text_of(message) for message in messages if message["role"] == "user"]
    request = json.loads(users[0])["observation"]["request"]
    number, plan = next((at, plan) for at, plan in enumerate(PLAN) if plan["request"] == request)
    if number >= PASSED:
        return {"tool": "finish", "arguments": {"outcome": "done", "answer": "Done."}}
    return plan["acts"][len(users) - 1]


class Endpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        act = next_act(body["messages"])
        text = json.dumps({"type": "call_tool", "tool_name": act["tool"], "arguments": act["arguments"]})
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        delta = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
        stop = {"index": 0, "delta": {}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        chunks = [{**chunk, "choices": [delta]}, {**chunk, "choices": [stop]}, {**chunk, "choices": [], "usage": usage}]
        lines = [f"data: {json.dumps(own)}\n\n" for own in chunks] + ["data: [DONE]\n\n"]
        data = "".join(lines).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


endpoint = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
threading.Thread(target=endpoint.serve_forever, daemon=True).start()
config = open(sys.argv[3]).read().replace("http://localhost:8000", URL)
config = config.replace("http://localhost:9000", f"http://127.0.0.1:{endpoint.server_port}")
open("eval.toml", "w").write(config)
program = os.path.join(os.path.dirname(sys.executable), "vf-eval")
environment = {**os.environ, "OPENAI_API_KEY": "none"}
ran = subprocess.run([program, "@", "eval.toml"], env=environment, capture_output=True, text=True)
assert ran.returncode == 0, ran.stdout + ran.stderr
episodes = [json.loads(line) for path in glob.glob("outputs/*/traces.jsonl") for line in open(path)]
rewards = {}
for episode in episodes:
    assert episode["ok"] and not episode["errors"], episode
    (trace,) = episode["traces"]
    rewards[trace["task"]["data"]["reset"]["seed"]] = trace["rewards"]["openenv_reward"]["score"]
wanted = {seed: 1.0 if seed < PASSED else 0.0 for seed in range(4)}
assert rewards == wanted, rewards
print(len(rewards), "episodes by verifiers' taskset")
