#!/usr/bin/env python3
"""Writes Seeds/: small sound inputs for every fuzzed reader, from this repository's own fixtures and by hand.

Needs Python 3 and nothing else; the same fixtures give the same seeds.
"""
import gzip
import json
import re
import shutil
import struct
import zlib
from pathlib import Path

here = Path(__file__).parent
volumes = here.parent / "VolumesTests" / "Fixtures"
root = here.parent.parent
seeds = here / "Seeds"


def put(target, name, data):
    folder = seeds / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def nifti():
    kinds = ["int16", "float32", "uint8", "int64", "float64", "uint32"]
    names = [f"v{v}_{kind}_{order}" for v, order in ((1, "le"), (2, "be")) for kind in kinds]
    names += ["v1_4d", "v1_extension", "v2_extension", "v1_qform_only", "v1_slope_nan", "v2_disagree", "v2_7d"]
    names += ["refused_rgb", "refused_5d"]
    for name in names:
        put("nifti", name, (volumes / f"{name}.nii").read_bytes())
    for name in ["v1_int16_le_pair", "v2_float32_be_pair"]:
        put("nifti", name, (volumes / f"{name}.hdr").read_bytes() + (volumes / f"{name}.img").read_bytes())
    packed = "v1_int16_le_packed"
    put("nifti", packed, (volumes / f"{packed}.nii.gz").read_bytes())


def gzip_files():
    put("gzip", "volume", (volumes / "v1_int16_le_packed.nii.gz").read_bytes())
    texts = {"empty": b"", "text": b"abc" * 40, "bytes": bytes(range(256)), "zeros": bytes(5000)}
    for name, text in texts.items():
        for level in (0, 1, 9):
            put("gzip", f"{name}{level}", gzip.compress(text, level, mtime=0))
    put("gzip", "members", gzip.compress(b"one", mtime=0) + gzip.compress(b"two", mtime=0))
    fixed = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_FIXED)
    body = fixed.compress(b"fixed codes, fixed codes") + fixed.flush(zlib.Z_FULL_FLUSH) + fixed.flush()
    text = b"fixed codes, fixed codes"
    head = b"\x1f\x8b\x08\x1f\x00\x00\x00\x00\x00\xff" + b"\x04\x00" + b"AB\x00\x00" + b"name\0" + b"comment\0"
    head += struct.pack("<H", zlib.crc32(head) & 0xFFFF)
    put("gzip", "all_flags", head + body + struct.pack("<II", zlib.crc32(text), len(text)))


def png():
    for path in sorted(volumes.glob("*.png")):
        put("png", path.stem, path.read_bytes())


CARD = {
    "architecture": {"attentionLevels": [], "baseChannels": 32, "bottleneckAttention": False,
                     "channelMultipliers": [1], "inputChannels": 2, "outputChannels": 1, "residualBlocks": 1},
    "citation": ["A paper"], "envelope": {"inPlaneSpacing": [0.5, 1], "modality": "CT", "size": [64, 1024]},
    "formatVersion": 1, "quality": [], "intensity": {"window": {"high": 1000, "low": -1000}},
    "labelSet": {"labels": [99, 199, 999], "name": "three"}, "name": "tiny",
    "noiseSchedule": {"betaEnd": 0.02, "betaStart": 0.0001, "name": "linear", "timesteps": 1000},
    "prediction": {"clampData": True, "kind": "data", "residualScale": 0.1, "skip": "condition"},
    "task": "denoise", "version": "1",
}


def model_header():
    with open(root / "Workflows/models/ct-denoise.safetensors", "rb") as file:
        return json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))


def card():
    def text(value):
        return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()

    full = json.loads(model_header()["__metadata__"]["pellucid"])
    full["training"]["configuration"] = "name: ct-denoise\n"
    put("card", "full", text(full))
    put("card", "tiny", text(CARD))
    other = dict(CARD, intensity={"percentiles": {"high": 99.5, "low": 0.5}}, licence="Apache-2.0")
    other["prediction"] = {"clampData": False, "kind": "noise", "residualScale": 1, "skip": "none"}
    put("card", "percentiles", text(other))
    put("card", "full_range", text(dict(CARD, intensity={"fullRange": {}})))
    put("card", "escapes", text(dict(CARD, intendedUse="a\n\"b\" \\ \u00e9 \U0001f600", citation=[])))


def safetensors_file(tensors, metadata, order=None):
    header, at, body = {"__metadata__": metadata}, 0, b""
    for name, kind, shape, data in tensors:
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [at, at + len(data)]}
        at, body = at + len(data), body + data
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + body


def safetensors():
    tiny = json.dumps(CARD, separators=(",", ":"), sort_keys=True)
    put("safetensors", "no_tensors", safetensors_file([], {}))
    put("safetensors", "card_only", safetensors_file([], {"pellucid": tiny}))
    kinds = [("F32", 4), ("F16", 2), ("BF16", 2), ("F64", 8)]
    floats = [(f"a.{kind}", kind, [2, 3], bytes(range(6 * width))) for kind, width in kinds]
    put("safetensors", "floats", safetensors_file(floats, {"format": "pt"}))
    whole = [("b", "I64", [1], bytes(8)), ("c", "BOOL", [3], bytes(3)), ("d", "U8", [0], b""), ("e", "F32", [], bytes(4))]
    put("safetensors", "integers", safetensors_file(whole, {"pellucid": tiny}))


class Pickle:
    """Pickle instructions as torch.save writes them, with the constructors remembered."""

    def __init__(self, protocol=2):
        self.bytes, self.known = b"\x80" + bytes([protocol]), {}

    def text(self, text):
        self.bytes += b"X" + struct.pack("<I", len(text)) + text.encode()

    def number(self, value):
        self.bytes += b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)

    def once(self, key, instructions):
        if key in self.known:
            self.bytes += b"h" + bytes([self.known[key]])
        else:
            self.known[key] = len(self.known)
            self.bytes += instructions + b"q" + bytes([self.known[key]])

    def name(self, module, name):
        self.once((module, name), f"c{module}\n{name}\n".encode())

    def tensor(self, shape, storage="FloatStorage", key="0", count=1, offset=0, strides=None, ordered=True):
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.bytes += b"(("
        self.once("storage", b"X\x07\x00\x00\x00storage")
        self.name("torch", storage)
        self.text(key)
        self.once("cpu", b"X\x03\x00\x00\x00cpu")
        self.number(count)
        self.bytes += b"tQ"
        self.number(offset)
        for numbers in (shape, strides or [0] * len(shape)):
            self.bytes += b"("
            for number in numbers:
                self.number(number)
            self.bytes += b"t"
        self.bytes += b"\x89"
        self.name("collections", "OrderedDict")
        self.bytes += b")RtR"

    def dictionary(self, tensors, prefix=""):
        self.bytes += b"}("
        for name, shape in tensors:
            self.text(prefix + name)
            self.tensor(shape)
        self.bytes += b"u"

    def done(self):
        return self.bytes + b"."


def tiny_network():
    """Names and shapes of the smallest network: one level, one block."""
    def both(name, shape):
        return [(f"{name}.weight", shape), (f"{name}.bias", [shape[0]])]

    def block(name, inputs):
        out = both(f"{name}.norm1", [inputs]) + both(f"{name}.conv1", [32, inputs, 3, 3])
        out += both(f"{name}.temb_proj", [32, 128]) + both(f"{name}.norm2", [32])
        out += both(f"{name}.conv2", [32, 32, 3, 3])
        return out + (both(f"{name}.nin_shortcut", [32, inputs, 1, 1]) if inputs != 32 else [])

    out = both("temb.dense.0", [128, 32]) + both("temb.dense.1", [128, 128]) + both("conv_in", [32, 2, 3, 3])
    out += block("down.0.block.0", 32) + block("mid.block_1", 32) + block("mid.block_2", 32)
    out += block("up.0.block.0", 64) + block("up.0.block.1", 64) + both("norm_out", [32])
    return out + both("conv_out", [1, 32, 3, 3])


def pickles():
    bare = Pickle()
    bare.dictionary(tiny_network())
    parallel = Pickle(3)
    parallel.bytes += b"}("
    parallel.text("state_dict")
    parallel.dictionary(tiny_network(), "module.")
    parallel.bytes += b"u"
    official = Pickle()
    official.bytes += b"]("
    official.dictionary([("conv_in.weight", [32, 2, 3, 3])])
    official.bytes += b"}"
    official.number(3)
    official.number(1000)
    official.dictionary([("conv_in.weight", [32, 2, 3, 3]), ("conv_out.weight", [1, 32, 3, 3])])
    official.bytes += b"e"
    # One of every instruction that is known, as a list.
    every = b"\x80\x04\x95" + struct.pack("<Q", 9) + b"](N\x88\x89M\x00\x01\x8a\x02\xff\x7fG" + struct.pack(">d", 1.5)
    every += b"\x8c\x01a\x8d" + struct.pack("<Q", 1) + b"b\x94)\x85N\x86NN\x87j\x00\x00\x00\x00r\x02\x00\x00\x00"
    every += b"}X\x01\x00\x00\x00aNs]Na\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R}be."
    for name, data in {"bare": bare.done(), "parallel": parallel.done(), "official": official.done(), "every": every}.items():
        put("pickle", name, data)
    return bare.done(), every


def archive(entries, zip64=False):
    out, directory = b"", b""
    for name, data in entries:
        middle = bytes(6) + struct.pack("<III", zlib.crc32(data), len(data), len(data))
        extra = struct.pack("<HHQQQ", 1, 24, len(data), len(data), len(out)) if zip64 else b""
        if zip64:
            directory += b"PK\1\2" + bytes(6) + bytes(6) + struct.pack("<I", zlib.crc32(data)) + b"\xff" * 8
        else:
            directory += b"PK\1\2" + bytes(6) + middle
        directory += struct.pack("<HH", len(name), len(extra)) + bytes(10)
        directory += (b"\xff" * 4 if zip64 else struct.pack("<I", len(out))) + name.encode() + extra
        out += b"PK\3\4" + bytes(4) + middle + struct.pack("<HH", len(name), 0) + name.encode() + data
    start, count = len(out), len(entries)
    out += directory
    if zip64:
        out += b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), start)
        out += b"PK\6\7" + struct.pack("<IQI", 0, start + len(directory), 1)
        return out + b"PK\5\6" + bytes(4) + b"\xff" * 12 + bytes(2)
    return out + b"PK\5\6" + bytes(4) + struct.pack("<HHII", count, count, len(directory), start) + bytes(2)


def checkpoints(bare, every):
    number = struct.pack("<f", 0.25)
    put("checkpoint", "bare", archive([("x/data.pkl", bare), ("x/data/0", number)]))
    put("checkpoint", "zip64", archive([("x/data.pkl", bare), ("x/data/0", number)], zip64=True))
    small = [("x/data.pkl", every), ("x/byteorder", b"little"), ("x/data/0", number), ("x/version", b"3\n")]
    put("checkpoint", "small", archive(small))
    put("checkpoint", "small64", archive(small, zip64=True))
    put("checkpoint", "program", archive([("x/data.pkl", every), ("x/constants.pkl", b"")]))
    put("checkpoint", "legacy", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.")


TINY = """name: tiny
task: denoise
network: {baseChannels: 32, channelMultipliers: [1, 1], residualBlocks: 1}
prediction: {kind: data, skip: condition, residualScale: 0.1}
intensity: {window: [0, 100]}
degradation:
  kind: rician
  levels: [0.05, 0.1]
data:
  training:
    - {path: a.nii, slices: 0-3, source: made}
loss: {}
patches: {sizes: [8], batch: 2}
optimizer: {steps: 6, learningRate: 1.0e-3, warmupSteps: 2}
report: {validationSize: 8}
seed: 7
"""


OVERRIDE = """workflow: ct-denoise-fast
seed: 5
sampler: pfdiff-1_1
sliceFactor: 2
tile: 256
plane: all
sliceDetail: matched
noiseField: correlated
memory: 4G
priority: 0
retries: 1
samples: 2
"""


def yaml():
    shipped = (root / "Workflows/training/ct-denoise.yaml").read_text()
    put("yaml", "shipped", re.sub(r" *#.*", "", shipped).encode())
    put("yaml", "tiny", TINY.encode())
    put("yaml", "workflow", (root / "Workflows/ct-denoise.yaml").read_bytes())
    put("yaml", "override", OVERRIDE.encode())
    translate = TINY.replace("task: denoise", "task: translate").replace("a.nii,", "a.nii, condition: b.nii,")
    put("yaml", "translate", re.sub(r"degradation:\n.*\n.*\n", "", translate).encode())
    super_resolve = TINY.replace("task: denoise", "task: super-resolve").replace("window: [0, 100]", "fullRange: true")
    put("yaml", "super_resolve", re.sub(r"degradation:\n.*\n.*\n", "", super_resolve).encode())
    written = TINY.replace("name: tiny", "name: \"t\\u0069ny\"").replace("seed: 7", "seed: 0x1f\nlabels: uniform-5")
    put("yaml", "spellings", written.replace("0.05", "1:30").replace("{}", "!!map {guessError: 0.5}").encode())
    put("yaml", "block", b"name: |\n  a\n  b\ntask: >-\n  denoise\n? network\n: {}\n--- \n...\n")


def manifest():
    image = {
        "role": "image", "name": "a.nii.gz", "sha256": "0" * 64, "sha256Voxels": "1" * 64, "bytes": 5,
        "format": "nifti1", "dataType": "int16", "slope": 1, "intercept": 0, "integrity": "length checked",
        "geometry": {"affine": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], "dimensions": [4, 3, 2, 1],
                     "spacing": [1, 1, 1]}}
    whole = {
        "schema": "pellucid-manifest/1", "id": "5b69a994-bcc2-487d-8ab7-a459d6eb9629", "jobKey": "2" * 64,
        "status": "committed", "startedAt": "2026-11-21T10:00:00.000Z", "endedAt": "2026-11-21T10:00:01.500Z",
        "durations": {"read": 0.1, "plan": 0, "infer": 1.25, "write": 1e-3, "verify": 2},
        "software": {"name": "pellucid", "version": "0.1.0", "numericVersion": 2, "compiler": "Swift", "libs": {"a": "b"}},
        "model": {"name": "tiny", "version": "1", "cardSha256": "3" * 64, "weightsSha256": "4" * 64,
                  "licence": "Apache-2.0", "trainedOn": ["made"], "intendedUse": "tests"},
        "parameters": {"sampler": "ddim", "seed": 7, "clamp": True, "labels": [999, -1, 0.5, ["x"]]},
        "parametersSha256": "5" * 64, "rng": {"algorithm": "philox4x32-10", "seed": 7, "keying": "voxel"},
        "inputs": [image], "outputs": [dict(image, name="b.nii.gz", roundTripError=0.5)],
        "qc": {"metrics": {"noise": 3.5}, "flags": ["f"], "envelope": {"inside": False, "reasons": ["r"]}},
        "environment": {"os": "o", "kernel": "k", "cpuModel": "c", "isa": "avx2", "blasCore": "Haswell", "threads": 2,
                        "memoryCap": 1000},
        "marking": {"derived": True, "notForDiagnosis": True, "researchUseOnly": True, "synthetic": False, "text": "t"},
        "privacy": {"policy": "p", "removedFields": ["descrip"]}}
    put("manifest", "committed", json.dumps(whole, separators=(",", ":")).encode())
    failed = dict(whole, status="failed", outputs=[], error={"code": 65, "text": "m"})
    put("manifest", "failed", json.dumps(failed, indent=1).encode())
    put("manifest", "other", b'{"schema":"pellucid-manifest/9"}')


def main():
    shutil.rmtree(seeds, ignore_errors=True)
    nifti()
    gzip_files()
    png()
    card()
    safetensors()
    checkpoints(*pickles())
    yaml()
    manifest()
    files = [path for path in seeds.rglob("*") if path.is_file()]
    print(f"{len(files)} seeds, {sum(path.stat().st_size for path in files)} bytes")


main()
