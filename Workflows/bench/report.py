"""The benchmark's results as Markdown, and their place in a page. A module without a command of its own."""

import os
import statistics

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

INTRODUCTION = f"""# Benchmarks

How fast Pellucid's engine evaluates its networks, beside PyTorch, ONNX Runtime and OpenVINO on the same processor, with
the same weights, the same input and the same number of threads. `make bench` measures again and rewrites everything
between the two marks below; nothing else on this page is touched. It needs Python 3.10 or newer, some gigabytes for a
virtual environment, and about half an hour; `Workflows/bench/README.md` says how it is done.

What is timed is one evaluation of the raw network: no file is read, nothing is sampled. Machines are often shared, and
seconds change with the neighbours: look at ratios, which compare turns taken one right after the other.

{BEGIN}
{END}
"""


def table(headings, rows, rule="---:"):
    """A Markdown table; the first column is text and the others are numbers, unless the rule says otherwise."""
    rules = ["---"] + [rule] * (len(headings) - 1)
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in [headings, rules, *rows])


def seconds(value):
    if value < 0.1:
        return f"{value * 1000:.1f} ms"
    return f"{value:.3f} s" if value < 10 else f"{value:.1f} s"


def size_of(count):
    return f"{count / 2**20:.0f} MiB" if count < 2**30 else f"{count / 2**30:.2f} GiB"


def error(value, exact):
    if value is None:
        return "–"
    return "reference" if value == 0 and not exact else f"{value:.1e}"


def case_table(result):
    """One case: a row for each engine."""
    batched = result.case.batch > 1
    headings = ["Engine", "per evaluation", *(["per slice"] if batched else []), "fastest to slowest",
                "times Pellucid's", "peak memory", "largest error"]
    rows = []
    for row in result.rows:
        if row.failure:
            rows.append([row.name, f"failed: {row.failure}".replace("|", "/"), *["–"] * (len(headings) - 2)])
            continue
        rows.append([
            row.name, seconds(row.median), *([seconds(row.median / result.case.batch)] if batched else []),
            f"{seconds(row.fastest)} to {seconds(row.slowest)}", f"{row.ratio:.2f}" if row.ratio else "–",
            size_of(row.peak_bytes), error(row.error, result.precision == "float64")])
    note = f"Rounds: {result.rounds}, timed evaluations in each: {result.case.repeats}. Errors against PyTorch in " \
        f"{result.precision}."
    return f"### {result.case.title}\n\n{table(headings, rows)}\n\n{note}"


def summary_table(results):
    """All cases, one row each: how many times Pellucid's time each engine takes."""
    names = []
    for result in results:
        names += [row.family for row in result.rows if row.family not in names]
    rows = []
    for result in results:
        by = {row.family: row for row in result.rows}
        mine = by.get("Pellucid")
        ratios = [f"{by[name].ratio:.2f}" if name in by and by[name].ratio else "–" for name in names[1:]]
        rows.append([result.case.title, "–" if mine is None or mine.failure else seconds(mine.median), *ratios])
    return table(["Case", "Pellucid", *names[1:]], rows)


def training_table(result):
    rows = []
    for row in result.rows:
        if row.failure:
            rows.append([row.name, f"failed: {row.failure}".replace("|", "/"), "–", "–"])
        else:
            rows.append([row.name, f"{result.case.batch / row.median:.1f}", seconds(row.median),
                         f"{row.ratio:.2f}" if row.ratio else "–"])
    return table(["Engine", "samples per second", "per step", "times Pellucid's"], rows)


def cost_table(points, column):
    """Pellucid alone: `points` are (size, batch, report of `pellucid bench`), `column` what varies."""
    rows = []
    for size, batch, report in points:
        median = statistics.median(report["secondsEach"])
        slices = size * size * batch / 2**20
        rate = report["gigaflopPerEvaluation"] / median
        first = f"{size} × {size}" if column == "size" else batch
        rows.append([first, seconds(median), *([seconds(median / batch)] if column == "batch" else []),
                     f"{median / slices:.2f} s", f"{rate:.0f}", size_of(report["peakResidentBytes"])])
    headings = ["Image" if column == "size" else "Batch", "per evaluation",
                *(["per slice"] if column == "batch" else []), "per 1024 × 1024 pixels", "GFLOP/s", "peak memory"]
    return table(headings, rows)


def read_page(path):
    """What stands before and after the measured part; of a page that does not exist, a short introduction."""
    page = INTRODUCTION
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            page = file.read()
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise SystemExit(f"{path} must hold '{BEGIN}' and '{END}' once each, in this order")
    head, rest = page.split(BEGIN)
    return head, rest.split(END)[1]


def place(text, path):
    """Puts the text between the page's marks and leaves the rest alone."""
    head, tail = read_page(path)
    temporary = path + ".new"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(f"{head}{BEGIN}\n\n{text.strip()}\n\n{END}{tail}")
    os.replace(temporary, path)
