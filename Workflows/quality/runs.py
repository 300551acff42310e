"""Calls Pellucid, and keeps what it computes: each output once, keyed by what made it. No command of its own."""

import dataclasses
import hashlib
import json
import os
import struct
import subprocess
import time

import volumes


class Refused(Exception):
    """Pellucid would not do it; the text is its own last line."""


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


@dataclasses.dataclass
class Output:
    path: str
    seconds: float = None
    parameters: dict = None  # that were chosen on the way

    @property
    def deviation(self):
        return self.path.removesuffix(".nii.gz") + ".sd.nii.gz"


@dataclasses.dataclass
class Model:
    name: str
    path: str
    sees: int  # slices that the network is shown
    steps: int  # of its training
    sha256: str

    @staticmethod
    def find(folder, name, digest):
        """None where the folder has no such model. What the network sees stands in the card, in the file's header."""
        path = os.path.join(folder, name + ".safetensors")
        if not os.path.exists(path):
            return None
        with open(path, "rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        card = json.loads(header["__metadata__"]["pellucid"])
        return Model(name, path, len(card.get("conditionSlices") or [0]), card["training"]["steps"],
                     digest(path))


class Workshop:
    def __init__(self, executable, work, threads):
        self.executable, self.work, self.threads = os.path.abspath(executable), os.path.abspath(work), threads
        os.makedirs(self.work, exist_ok=True)
        self.digests = {}
        self.version = self.call("--version").strip()

    def call(self, *arguments):
        """Standard output; one clear line where it fails."""
        # Kernels for other processors may be asked for through the environment; the machine's own are measured.
        environment = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "PELLUCID_ISA")}
        try:
            done = subprocess.run([self.executable, *map(str, arguments)], capture_output=True, text=True,
                                  env=environment, check=False)
        except OSError as error:
            raise SystemExit(f"{self.executable} cannot be started ({error.strerror}); build it with `make release`") from None
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"ended with {done.returncode}"]
            raise Refused(lines[-1].removeprefix("pellucid: error: "))
        return done.stdout

    def digest(self, path):
        stat = os.stat(path)
        key = (path, stat.st_size, stat.st_mtime_ns)
        if key not in self.digests:
            with open(path, "rb") as file:
                self.digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
        return self.digests[key]

    def place(self, name, made_of, suffix):
        """Where something lies that was made in a certain way."""
        key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]
        return os.path.join(self.work, f"{name.replace(' ', '-').replace(',', '')}-{key}{suffix}")

    def volume(self, name, made_of, make):
        """The path of a volume, which `make(path)` makes where it is not there; it must appear whole."""
        path = self.place(name, made_of, ".nii.gz")
        if not os.path.exists(path):
            make(path)
        return path

    def record(self, name, made_of, make):
        """The same for what JSON can hold."""
        path = self.place(name, made_of, ".json")
        if os.path.exists(path):
            with open(path) as file:
                return json.load(file)
        value = make()
        with open(path + ".new", "w") as file:
            json.dump(value, file)
        os.replace(path + ".new", path)
        return value

    def timed_volume(self, name, made_of, make):
        """A volume of our own, and how long it took; `make()` gives values, whose grid they have, and what it chose."""
        path = self.place(name, made_of, ".nii.gz")
        record = self.place(name, made_of, ".json")
        if not os.path.exists(path) and os.path.exists(record):
            os.remove(record)  # worth nothing without its volume

        def compute():
            start = time.monotonic()
            values, like, *chosen = make()
            seconds = time.monotonic() - start
            volumes.write(path, values, like)
            return {"seconds": seconds, "chosen": chosen[0] if chosen else {}}
        kept = self.record(name, made_of, compute)
        return Output(path, kept["seconds"], parameters=kept["chosen"])

    def degrade(self, clean, options, seed):
        made_of = ["degrade", self.version, options, seed, self.digest(clean)]
        name = os.path.basename(clean).removesuffix(".nii.gz").rpartition("-")[0]

        def make(path):
            temporary = path.replace(".nii.gz", ".new.nii.gz")
            self.call("degrade", clean, "-o", temporary, *options, "--seed", seed, "--threads", self.threads,
                      "--if-exists", "replace")
            os.replace(temporary, path)
        return self.volume(f"{name}{options[1]}-{options[3]}", made_of, make)

    def restore(self, model, case, *options, source=None):
        """Pellucid's own output. Its job key says what made it: input, weights, parameters, version of the numbers."""
        common = ["run", source or case.input, "--model", model.path, "--dtype", "float32", "--json", *options]
        if case.task.kind == "super-resolve":
            common += ["--slice-factor", case.level]
        plan = json.loads(self.call(*common, "-o", os.path.join(self.work, "plan.nii.gz"), "--dry-run"))
        # Named by its key alone: a seed that is the default anyway makes the same output.
        path = os.path.join(self.work, f"{model.name}-{plan['jobKey'][:24]}.nii.gz")
        manifest = path.removesuffix(".nii.gz") + ".manifest.json"
        if not os.path.exists(manifest):
            say(f"{model.name}: {case.name} {' '.join(map(str, options))}: {plan['evaluations']} evaluations")
            self.call(*common, "-o", path, "--threads", self.threads, "--progress", "none", "--if-exists", "replace")
        with open(manifest) as file:
            record = json.load(file)
        return Output(path, record["durations"]["infer"])

    def compare(self, image, truth, window):
        """Figures of an image against the truth, by Pellucid's own definitions."""
        made_of = ["compare", self.version, self.digest(image), self.digest(truth), window]
        return self.record("figures", made_of, lambda: json.loads(self.call(
            "compare", image, "--reference", truth, f"--window={window[0]},{window[1]}", "--json"))[0])
