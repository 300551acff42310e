"""The targets, and by how much each was met or missed. Computed from the figures; no command of its own."""

import statistics

# measure, which baseline is to be beaten (None: the best by this measure), by how much
TARGETS = {"ct-denoise": ("psnr", None, 1.5), "mr-denoise": ("psnr", None, 1.0), "mr-superres": ("psnr", "cubic", 1.0),
           "mr-t1-to-t2": ("ssim", None, 0.05), "mr-t2-to-t1": ("ssim", None, 0.05)}
SAME_SHARPNESS = {"ct-denoise"}


def rival(rows, measure, name):
    baselines = [row for row in rows if row["kind"] == "baseline" and name in (None, row["method"])]
    return max(baselines, key=lambda row: row[measure], default=None)


def as_sharp(row, other):
    """As near to the truth's own gradients; a hundredth is no difference."""
    return abs(row["sharpness"] - 1) <= abs(other["sharpness"] - 1) + 0.01


def judge(task_name, result):
    """One verdict per case and way of sampling, and the mean over cases of each."""
    measure, name, target = TARGETS[task_name]
    found = []
    for case in result["cases"]:
        best = rival(case["rows"], measure, name)
        for row in case["rows"]:
            if row["kind"] != "pellucid" or best is None:
                continue
            margin = row[measure] - best[measure]
            inside = rival(case["rows"], "objectPsnr", name)
            verdict = {"case": case["name"], "method": row["method"], "baseline": best["method"],
                       "value": row[measure], "baselineValue": best[measure], "margin": margin,
                       "objectMargin": row["objectPsnr"] - inside["objectPsnr"]}
            met = margin >= target
            if task_name in SAME_SHARPNESS:
                verdict |= {"sharpness": row["sharpness"], "baselineSharpness": best["sharpness"],
                            "asSharp": as_sharp(row, best)}
                met = met and verdict["asSharp"]
            found.append(verdict | {"met": met})
    means = {}
    for one in found:
        means.setdefault(one["method"], []).append(one["margin"])
    return {"measure": measure, "target": target, "against": name or "best baseline", "cases": found,
            "means": {method: statistics.mean(margins) for method, margins in means.items()}}
