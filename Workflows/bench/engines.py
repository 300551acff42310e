"""The engines that Pellucid is compared with, one small class each, and the process in which one of them lives.

    python engines.py '{"engine": "onnxruntime", "model": M, "onnx": F, "size": 256, "batch": 1, "threads": 2}'

loads the network, answers one line of JSON when it is ready, and then one line for each line that it reads:

    {"untimed": 1, "repeats": 3, "save": "out.npy"}   ->   {"seconds": [...], "peakBytes": 123}

`untimed` evaluations come first; `save` (may be null) receives the output as [n, row, column, channel]. A failure is
answered with {"error": "..."}. side_by_side.py starts these processes; by hand one is good for a look at one engine.
"""

import ctypes
import json
import os
import signal
import sys
import time

import numpy as np

import networks


class PyTorch:
    """PyTorch as people run it: eager, without gradients."""

    channels_last = False

    def __init__(self, spec, inputs):
        import torch

        self.torch, self.version = torch, torch.__version__.split("+")[0]
        torch.set_num_threads(spec["threads"])
        torch.set_num_interop_threads(1)
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        self.network = networks.build(spec["model"]).to(memory_format=layout)
        self.inputs = torch.from_numpy(inputs).to(memory_format=layout)
        self.labels = torch.full((spec["batch"],), networks.LABEL)

    def evaluate(self):
        with self.torch.inference_mode():
            return self.network(self.inputs, self.labels).numpy()


class PyTorchChannelsLast(PyTorch):
    channels_last = True


class OnnxRuntime:
    def __init__(self, spec, inputs):
        import onnxruntime

        self.version = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = spec["threads"]
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(spec["onnx"], options, providers=["CPUExecutionProvider"])
        self.feed = {"x": inputs, "labels": np.full(spec["batch"], networks.LABEL, np.int64)}

    def evaluate(self):
        return self.session.run(["out"], self.feed)[0]


class OpenVino:
    precision = "f32"

    def __init__(self, spec, inputs):
        import openvino

        self.version = openvino.__version__.split("-")[0]
        compiled = openvino.Core().compile_model(spec["onnx"], "CPU", {
            "INFERENCE_PRECISION_HINT": self.precision, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1,
            "INFERENCE_NUM_THREADS": spec["threads"]})
        self.request = compiled.create_infer_request()
        self.feed = {"x": inputs, "labels": np.full(spec["batch"], networks.LABEL, np.int64)}

    def evaluate(self):
        return self.request.infer(self.feed, share_inputs=True, share_outputs=True)[0]


class OpenVinoBfloat16(OpenVino):
    precision = "bf16"


class PyTorchTraining:
    """A training step: forward, mean squared error, backward, Adam, and a moving average of the weights."""

    channels_last = False

    def __init__(self, spec, inputs):
        import torch

        self.torch, self.version = torch, torch.__version__.split("+")[0]
        torch.set_num_threads(spec["threads"])
        torch.set_num_interop_threads(1)
        torch.manual_seed(1)
        layout = torch.channels_last if self.channels_last else torch.contiguous_format
        self.network = networks.build(spec["model"]).to(memory_format=layout).train()
        self.averaged = [parameter.detach().clone() for parameter in self.network.parameters()]
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-5, fused=True)
        self.inputs = torch.from_numpy(inputs).to(memory_format=layout)
        self.labels = torch.full((spec["batch"],), networks.LABEL)
        self.target = torch.randn(spec["batch"], self.network.conv_out.out_channels, *inputs.shape[2:])

    def evaluate(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.torch.nn.functional.mse_loss(self.network(self.inputs, self.labels), self.target)
        loss.backward()
        self.optimizer.step()
        with self.torch.no_grad():
            self.torch._foreach_lerp_(self.averaged, [p.detach() for p in self.network.parameters()], 1 - 0.999)
        return np.full((1, 1, 1, 1), loss.item(), np.float32)


class PyTorchTrainingChannelsLast(PyTorchTraining):
    channels_last = True


ENGINES = {
    "pytorch": PyTorch,
    "pytorch-channels-last": PyTorchChannelsLast,
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "openvino-bf16": OpenVinoBfloat16,
    "pytorch-training": PyTorchTraining,
    "pytorch-training-channels-last": PyTorchTrainingChannelsLast,
}


def peak_bytes():
    """The most memory that this process ever had resident."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def answer(engine, request):
    for _ in range(request["untimed"]):
        engine.evaluate()
    seconds, output = [], None
    for _ in range(request["repeats"]):
        started = time.perf_counter()
        output = engine.evaluate()
        seconds.append(time.perf_counter() - started)
    if request.get("save"):
        np.save(request["save"], output.transpose(0, 2, 3, 1))
    return {"seconds": seconds, "peakBytes": peak_bytes()}


def private_stdout():
    """The pipe to the parent. What a library prints goes to stderr instead, so that it cannot garble an answer."""
    pipe = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return pipe


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a stopped process must not outlive its parent
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    pipe = private_stdout()
    spec = json.loads(sys.argv[1])
    try:
        started = time.perf_counter()
        channels = networks.read_architecture(spec["model"])["inputChannels"]
        engine = ENGINES[spec["engine"]](spec, networks.fixed_input(channels, spec["size"], spec["batch"]))
        print(json.dumps({"loadSeconds": time.perf_counter() - started, "version": engine.version}), file=pipe)
        for line in sys.stdin:
            print(json.dumps(answer(engine, json.loads(line))), file=pipe)
    except Exception as error:  # whatever it is, the other engines go on without this one
        print(json.dumps({"error": f"{type(error).__name__}: {error}".splitlines()[0]}), file=pipe)
        sys.exit(1)


if __name__ == "__main__":
    main()
