"""Charts as SVG, written by hand: light, and readable without a script. No command of its own."""

import math
from xml.sax.saxutils import escape

COLOURS = {"ddim": "#1f5fa8", "pfdiff": "#b4521e", "ddpm": "#5a7d2a", "ideal": "#999999"}
HEAD = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#ffffff"/>')


def ticks(low, high, about=6):
    """Round numbers within a range."""
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def text(value):
    return f"{value:.10g}"


def widened(values, least, share=0.15):
    """A range around the values, at least so wide: small differences are to look small."""
    low, high = min(values), max(values)
    extra = max((high - low) * (1 + 2 * share), least) - (high - low)
    return low - extra / 2, high + extra / 2


class Axes:
    """A frame with ticks and labels; points of the data become points of the picture."""

    def __init__(self, left, top, width, height, xs, ys, x_label, y_label):
        self.box, self.xs, self.ys = (left, top, width, height), xs, ys
        self.taken, self.waiting = [], []
        self.parts = [f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#888888"/>']
        for value in ticks(*xs):
            x, y = self.place(value, ys[0])
            self.parts.append(f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{y:.1f}" stroke="#e6e6e6"/>'
                              f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle" fill="#333333">{text(value)}</text>')
        for value in ticks(*ys):
            x, y = self.place(xs[0], value)
            self.parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{left + width}" y2="{y:.1f}" stroke="#e6e6e6"/>'
                              f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end" fill="#333333">{text(value)}</text>')
        middle = top + height / 2
        self.parts.append(f'<text x="{left + width / 2}" y="{top + height + 36}" text-anchor="middle">{escape(x_label)}</text>'
                          f'<text x="{left - 52}" y="{middle}" text-anchor="middle" '
                          f'transform="rotate(-90 {left - 52} {middle})">{escape(y_label)}</text>')

    def place(self, x, y):
        left, top, width, height = self.box
        return (left + (x - self.xs[0]) / (self.xs[1] - self.xs[0]) * width,
                top + height - (y - self.ys[0]) / (self.ys[1] - self.ys[0]) * height)

    def line(self, points, colour, dashed=False):
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in (self.place(*point) for point in points))
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>')

    def point(self, x, y, colour, label=""):
        x, y = self.place(x, y)
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>')
        self.taken.append((x - 5, y - 5, x + 5, y + 5))
        if label:
            self.waiting.append((x, y, colour, label))

    def name_points(self):
        """Puts each name where it hides neither a point nor another name, as near to its point as that goes."""
        left, top, width, height = self.box
        for x, y, colour, label in self.waiting:
            long = 6.6 * len(label)
            places = [(x + side if side > 0 else x + side - long, y + 4 + lift)
                      for lift in (-10, 10, 0, -22, 22, -34, 34, -46, 46) for side in (7, -7)]
            boxes = [(a, b - 10, a + long, b + 2) for a, b in places]
            free = [box for box in boxes if box[0] > left and box[2] < left + width and box[1] > top
                    and box[3] < top + height and not any(overlap(box, other) for other in self.taken)]
            box = (free or boxes)[0]
            self.taken.append(box)
            self.parts.append(f'<text x="{box[0]:.1f}" y="{box[3] - 2:.1f}" font-size="11" fill="{colour}">'
                              f'{escape(label)}</text>')


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def document(width, height, title, *axes):
    body = "".join("".join(one.parts) for one in axes)
    return (HEAD.format(width=width, height=height) + f"<title>{escape(title)}</title>"
            f'<text x="{width / 2}" y="20" text-anchor="middle" font-size="14">{escape(title)}</text>{body}</svg>\n')


def colour_of(method):
    return next((colour for name, colour in COLOURS.items() if method.startswith(name)), "#444444")


def acceleration(found, unit):
    """Evaluations against PSNR and SSIM, side by side."""
    axes = []
    for k, (key, label, least) in enumerate((("psnr", "PSNR, dB", 1), ("ssim", "SSIM", 0.01))):
        rows = [row for row in found["rows"] if row.get(key) is not None and row["evaluations"]]
        if not rows:
            continue
        values = [row[key] for row in rows]
        most = max(row["evaluations"] for row in rows)
        one = Axes(70 + k * 440, 40, 350, 260, (0, most * 1.2), widened(values, least), "evaluations per slice", label)
        ladder = sorted((row["evaluations"], row[key]) for row in rows if row["method"].startswith("ddim"))
        one.line(ladder, COLOURS["ddim"])
        for row in rows:
            one.point(row["evaluations"], row[key], colour_of(row["method"]), row["method"])
        one.name_points()
        axes.append(one)
    return document(880, 350, f"{found['case']}: quality against evaluations", *axes)


def calibration(found, unit):
    """Predicted deviation against the error, with the line on which both are the same."""
    deviations = [row["deviation"] for row in found["rows"]]
    errors = [row["error"] for row in found["rows"]]
    end = max(*deviations, *errors) * 1.06 or 1
    one = Axes(75, 40, 340, 340, (0, end), (0, end), f"predicted standard deviation, {unit}",
               f"RMS error of the mean, {unit}")
    ideal = (1 + 1 / found["samples"]) ** 0.5
    one.line([(0, 0), (end / ideal, end)], COLOURS["ideal"], dashed=True)
    one.line(list(zip(deviations, errors)), COLOURS["ddim"])
    for deviation, error in zip(deviations, errors):
        one.point(deviation, error, COLOURS["ddim"])
    return document(450, 440, f"{found['case']}: {found['samples']} samples", one)
