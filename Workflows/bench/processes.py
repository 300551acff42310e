"""What side_by_side.py measures, each in its own process: an engine of engines.py that stays alive and is frozen
between its turns, or `pellucid bench`, started anew for each turn. A module without a command of its own.

Both have `turn(repeats, untimed, save)`, which returns the seconds of each evaluation, and collect what they were told
in `seconds` (of the turns that count), `turns` (their medians), `peak_bytes` and `failure`.
"""

import json
import os
import signal
import statistics
import subprocess
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def environment(**extra):
    """The environment of every child: without the variable that forces OpenBLAS to another processor's kernels."""
    kept = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    return {**kept, **extra}


class Failure(Exception):
    """An engine that cannot go on; the text goes into the table."""


class Contender:
    """What both kinds of process have in common: the results so far."""

    def __init__(self, name):
        self.name = name
        self.seconds = []
        self.turns = []
        self.peak_bytes = 0
        self.version = ""
        self.failure = None
        self.output = None

    def take(self, repeats, untimed, save=None, counts=True):
        """One turn; a failure is remembered and ends the contender's part in the case."""
        if self.failure:
            return
        try:
            seconds = self.turn(repeats, untimed, save)
        except Failure as failure:
            self.failure = str(failure)
            print(f"  {self.name}: {failure}", file=sys.stderr, flush=True)
            self.stop()
            return
        self.last = statistics.median(seconds)
        if counts:
            self.seconds += seconds
            self.turns.append(self.last)

    def stop(self):
        pass


class EngineProcess(Contender):
    """A process of engines.py. It is stopped (SIGSTOP) whenever it is not its turn: threads of one engine that wait by
    spinning would otherwise slow down the next."""

    def __init__(self, name, spec):
        super().__init__(name)
        self.key = spec["engine"]
        self.child = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "engines.py"), json.dumps(spec)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=environment(OMP_NUM_THREADS=str(spec["threads"])))
        try:
            self.version = self.read()["version"]
            self.freeze()
        except Failure as failure:
            self.failure = str(failure)
            print(f"  {name}: {failure}", file=sys.stderr, flush=True)

    def freeze(self):
        self.child.send_signal(signal.SIGSTOP)

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            raise Failure(f"ended without an answer (status {self.child.wait()})")
        reply = json.loads(line)
        if "error" in reply:
            raise Failure(reply["error"])
        return reply

    def turn(self, repeats, untimed, save):
        self.child.send_signal(signal.SIGCONT)
        request = {"untimed": untimed, "repeats": repeats, "save": save and save + ".npy"}
        try:
            self.child.stdin.write(json.dumps(request) + "\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"ended unexpectedly (status {self.child.wait()})") from None
        reply = self.read()
        self.freeze()
        self.peak_bytes = reply["peakBytes"]
        if save:
            self.output = np.load(save + ".npy")
        return reply["seconds"]

    def stop(self):
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                pass  # a request that nobody reads any more


class Pellucid(Contender):
    """`pellucid bench`, which does one evaluation before those that it times; `untimed` is not needed."""

    def __init__(self, executable, model, size, batch, threads, training=False):
        super().__init__("Pellucid")
        self.command = [executable, "bench", *(["--training"] if training else []), "--model", model, "--size",
                        str(size), "--batch", str(batch), "--threads", str(threads), "--json"]
        self.report = {}

    def turn(self, repeats, untimed, save):
        command = self.command + ["--repeats", str(repeats)]
        if save:
            command += ["--save-output", save + ".f32"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no message"]
            raise Failure(f"{' '.join(command[:2])} exited with {done.returncode}: {lines[0]}")
        self.report = json.loads(done.stdout)
        self.version = self.report.get("version", self.version)
        self.peak_bytes = max(self.peak_bytes, self.report.get("peakResidentBytes", 0))
        if save:
            self.output = np.fromfile(save + ".f32", "<f4")
        return self.report["secondsEach"]


def one_shot(*arguments):
    """A command of networks.py, in a process that is gone afterwards."""
    command = [sys.executable, os.path.join(HERE, "networks.py"), *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())


def relative_error(output, reference):
    """The largest difference as a part of the largest value; None without an output that fits."""
    if output is None or output.size != reference.size:
        return None
    difference = output.reshape(reference.shape).astype(np.float64) - reference
    return float(np.abs(difference).max() / np.abs(reference).max())
