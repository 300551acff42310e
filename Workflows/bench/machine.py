"""What machine this is, as far as it explains timings. A module without a command of its own."""

import datetime
import os
import platform

FLAGS = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "sve"]


def threads():
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0))


def _cpu(key):
    with open("/proc/cpuinfo") as file:
        found = [line.split(":", 1)[1].strip() for line in file if line.split(":", 1)[0].strip() == key]
    return found[0] if found else ""


def flags():
    have = set((_cpu("flags") or _cpu("Features")).split())
    return [flag for flag in FLAGS if flag in have]


def memory_bytes(key="MemTotal"):
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key + ":"))


def load():
    """How busy the machine was over the last minute, in processors."""
    return os.getloadavg()[0]


def describe():
    """Rows of (what, value) for the report."""
    processor = _cpu("model name") or platform.machine()
    family = ", ".join(f"{key} {_cpu(key)}" for key in ("cpu family", "model") if _cpu(key))
    return [
        ("Processor", f"{processor} ({family})" if family else processor),
        ("Processors used, and threads of each engine", str(threads())),
        ("Instructions", ", ".join(flags())),
        ("Memory", f"{memory_bytes() / 2**30:.0f} GiB"),
        ("System", f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}"),
        ("Date", datetime.date.today().isoformat()),
        ("Python", platform.python_version()),
    ]
