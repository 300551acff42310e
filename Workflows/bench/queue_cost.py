#!/usr/bin/env python3
"""What the queue itself costs: python3 Workflows/bench/queue_cost.py PELLUCID [--counts 100,1000,10000] [--soak MINUTES]

Needs nothing but Python's standard library. A network of one level is trained for one step, so that a case of 16 x 16 pixels
takes milliseconds, and then:

* for each count, so many jobs are put into a spool, and one worker computes 100 of them: its wall time per case, less what the
  manifests say was spent on the case itself, is the queue's own cost;
* a service watches an inbox, and a file is renamed into it: the time until its job starts is compared with the poll time;
* with --soak, files are dropped once per second for so many minutes, and the service's memory, open files and answer time are
  taken down each half minute.
"""
import argparse
import gzip
import json
import os
import random
import shutil
import statistics
import struct
import subprocess
import tempfile
import time

TINY = """
name: tiny
task: denoise
network: {baseChannels: 32, channelMultipliers: [1], residualBlocks: 1, bottleneckAttention: false}
labels: uniform-10-without-0
prediction: {kind: data, skip: condition, residualScale: 0.1}
intensity: {window: [-1000, 1000]}
degradation: {kind: low-dose-ct, levels: [0.5, 0.2], parameters: {photons: 20000, views: 30}}
data:
  training: [{path: scan.nii.gz, slices: 0-2, source: made up}]
  validation: [{path: scan.nii.gz, slices: 3-3, source: made up}]
loss: {relativeToInput: true, guessError: 0.3}
patches: {sizes: [16], batch: 4}
optimizer: {steps: 1, learningRate: 1.0e-3}
report: {logEvery: 1, validateEvery: 1, validationSlices: 1, validationSize: 32, checkpointEvery: 2}
"""


def nifti(size, slices, seed):
    """A NIfTI-1 of random 16-bit voxels of 0.7 x 0.7 x 1.5 mm, as bytes."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, size, size, slices, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 0.7, 0.7, 1.5, 1, 1, 1, 1)
    struct.pack_into("<3f", header, 108, 352, 1, 0)
    header[123] = 2
    struct.pack_into("<2h", header, 252, 0, 1)
    struct.pack_into("<12f", header, 280, 0.7, 0, 0, 0, 0, 0.7, 0, 0, 0, 0, 1.5, 0)
    header[344:348] = b"n+1\0"
    generator = random.Random(seed)
    voxels = struct.pack(f"<{size * size * slices}h", *(int(generator.gauss(0, 60)) for _ in range(size * size * slices)))
    return gzip.compress(bytes(header) + voxels, 1, mtime=0)


class Bench:
    def __init__(self, pellucid, folder):
        self.pellucid = os.path.abspath(pellucid)
        self.folder = folder
        self.model = os.path.join(folder, "run", "model.safetensors")
        self.write("scan.nii.gz", nifti(40, 4, 0))
        self.write("tiny.yaml", TINY.encode())
        self.call("train", "tiny.yaml", "--data-folder", ".", "--output", "run")
        self.write("flows/tiny.yaml", f"model: {self.model}\nforce: true\nreport: false\n".encode())

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(data)

    def call(self, *arguments):
        start = time.monotonic()
        done = subprocess.run([self.pellucid, *arguments], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"pellucid {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return time.monotonic() - start

    def own_cost(self, count, cases=100):
        """Milliseconds per case: of the queue, of the case, of submitting; with `count` jobs in the queue."""
        for number in range(count):
            self.write(f"in{count}/{number:05d}.nii.gz", nifti(16, 1, number))
        results = self.path(f"out{count}")
        flows = ["--workflows", "flows", "--workflow", "tiny"]
        submit = self.call("enqueue", f"in{count}", "-o", results, *flows, "--quiet")
        first = self.worker(results, 1)
        wall = self.worker(results, cases + 1) - first
        spent = []
        for shard in os.scandir(os.path.join(results, ".pellucid", "manifests")):
            for entry in os.scandir(shard.path):
                with open(entry.path) as file:
                    spent.append(sum(json.load(file)["durations"].values()))
        inside = statistics.mean(spent[1:])
        return 1e3 * (wall / cases - inside), 1e3 * inside, 1e3 * submit / count

    def worker(self, results, limit):
        # A worker of one case is start-up and loading; it is taken off.
        return self.call(
            "worker", "--spool", os.path.join(results, ".pellucid", "spool"), "--drain", "--limit", str(limit), "--quiet",
            "--workflows", "flows", "--threads", "1")

    def start_latency(self, poll="1s", drops=10):
        """Seconds from a rename into the inbox to the start of the job, by the service's own log."""
        service, log = self.service("latency", poll)
        waits = []
        try:
            time.sleep(2)
            for number in range(drops):
                self.write("latency-part", nifti(16, 1, 10_000_000 + number))
                start = time.monotonic()
                os.rename(self.path("latency-part"), self.path("latency-inbox", "new", "tiny", f"{number}.nii.gz"))
                while log().count(" started") <= number:
                    time.sleep(0.002)
                    if time.monotonic() - start > 30:
                        raise SystemExit("a dropped file was not started within 30 s")
                waits.append(time.monotonic() - start)
                time.sleep(0.3)
        finally:
            service.terminate()
            service.wait()
        return waits

    def service(self, name, poll, *more):
        inbox, results = self.path(f"{name}-inbox"), self.path(f"{name}-results")
        self.call("watch", "--init", "--inbox", inbox)
        path = self.path(f"{name}.log")
        service = subprocess.Popen(
            [self.pellucid, "watch", "--inbox", inbox, "--results", results, "--workflows", self.path("flows"), "--poll", poll,
             "--settle", "1s", "--threads", "1", *more], cwd=self.folder, stderr=open(path, "w"), stdout=subprocess.DEVNULL)
        def log():
            with open(path) as file:
                return file.read()
        os.makedirs(os.path.join(inbox, "new", "tiny"), exist_ok=True)
        return service, log

    def soak(self, minutes):
        # What is answered leaves the inbox, so that nothing but a leak can grow.
        service, _ = self.service("soak", "1s", "--on-done", "delete")
        start = time.monotonic()
        number = 0
        print("| minute | drops | answered | service MiB | children MiB | open files |\n|---|---|---|---|---|---|")
        try:
            while time.monotonic() - start < 60 * minutes:
                self.write("soak-part", nifti(16, 1, 20_000_000 + number))
                os.rename(self.path("soak-part"), self.path("soak-inbox", "new", "tiny", f"{number}.nii.gz"))
                number += 1
                if number % 30 == 0:
                    self.take_down(service, number, (time.monotonic() - start) / 60)
                time.sleep(max(0, start + number - time.monotonic()))
        finally:
            service.terminate()
            service.wait()

    def take_down(self, service, drops, minute):
        answered = len(os.listdir(self.path("soak-results", "cases")))
        children = subprocess.run(["pgrep", "-P", str(service.pid)], capture_output=True, text=True).stdout.split()
        files = len(os.listdir(f"/proc/{service.pid}/fd"))
        print(f"| {minute:.1f} | {drops} | {answered} | {resident(service.pid):.1f} | "
              f"{sum(map(resident, children)):.1f} | {files} |", flush=True)


def resident(process):
    with open(f"/proc/{process}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pellucid")
    parser.add_argument("--counts", default="100,1000,10000")
    parser.add_argument("--soak", type=float, default=0)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="pellucid-queue-")
    try:
        bench = Bench(options.pellucid, folder)
        if options.counts:
            print("| jobs in the queue | queue, ms per case | case itself, ms | submitting, ms per file |\n|---|---|---|---|")
            for count in map(int, options.counts.split(",")):
                own, inside, submit = bench.own_cost(count)
                print(f"| {count} | {own:.1f} | {inside:.1f} | {submit:.1f} |", flush=True)
            waits = bench.start_latency()
            print(f"\nA renamed file starts after {statistics.median(waits):.3f} s (median of {len(waits)}, largest "
                  f"{max(waits):.3f} s); poll 1 s.")
        if options.soak:
            bench.soak(options.soak)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
