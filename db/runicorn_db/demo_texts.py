"""What the files of a demo experiment say: its curves, events and logs."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from random import Random

from runicorn_db.demo_runs import DemoRun, Layout

ERRORS = (
    "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 23.69 GiB total capacity)",
    "RuntimeError: DataLoader worker (pid 41877) is killed by signal: Killed.",
    "ValueError: Expected input batch_size (32) to match target batch_size (28).",
    "FileNotFoundError: [Errno 2] No such file or directory: '/data/imagenet/train/n01440764'",
)


@dataclass(slots=True)
class Curves:
    """Shapes and noise that all runs share, so that a run costs no more than a walk along a few lists."""

    rng: Random
    steps: int
    noise: list[float] = field(init=False)
    shapes: list[list[float]] = field(init=False)
    cosine: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.noise = [self.rng.gauss(0, 1) for _ in range(self.steps * 2 + 1000)]
        self.shapes = [self._shape() for _ in range(12)]
        self.cosine = [0.5 + 0.5 * math.cos(math.pi * i / self.steps) for i in range(self.steps)]

    def _shape(self) -> list[float]:
        """How far a run has come, 0 to 1 at each step; half of them stand still for a while."""
        rate = self.rng.uniform(3, 9)
        stall, resume = sorted((self.rng.uniform(0.1, 0.6), self.rng.uniform(0.3, 0.9)))
        has_plateau = self.rng.random() < 0.5
        shape: list[float] = []
        for index in range(self.steps):
            t = index / self.steps
            if has_plateau and t > stall:
                t = max(stall, t - (resume - stall))
            shape.append(1 - math.exp(-rate * t))
        return shape

    def draw(self, run: DemoRun) -> Drawn:
        """The series of one run: its training loss, and its evaluations every twentieth part."""
        rng, recipe, count = self.rng, run.recipe, run.steps
        shape = rng.choice(self.shapes)
        offset = rng.randrange(len(self.noise) - self.steps)
        high, low = recipe.loss
        low += (1 - run.quality) * (high - low) * 0.3
        span, roughness = high - low, rng.uniform(0.01, 0.06)
        noise = self.noise[offset : offset + count]
        loss = [(high - span * p) * (1 + roughness * z) for p, z in zip(shape, noise, strict=False)]
        if rng.random() < 0.2:
            for _ in range(rng.randint(1, 3)):
                spike = rng.randrange(count + 1)
                loss[spike : spike + 3] = [value * rng.uniform(2, 6) for value in loss[spike : spike + 3]]
        if run.kind == "failed" and rng.random() < 0.3 and count > 4:
            diverged = count - rng.randint(1, min(4, count))
            loss[diverged:] = [math.inf] + [math.nan] * (count - diverged - 1)
        every = max(1, self.steps // 20)
        reach = (recipe.end - recipe.begin) * run.quality
        evaluations = {
            step: (recipe.begin + reach * shape[step - 1]) * (1 + 0.012 * noise[step - 1])
            for step in range(every, count + 1, every)
        }
        return Drawn(loss=loss, learning_rate=self.cosine[:count], noise=noise, evaluations=evaluations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    loss: list[float]
    learning_rate: list[float]
    noise: list[float]
    evaluations: dict[int, float]

    def best(self, mode: str) -> tuple[float, int]:
        """Value and step of the best evaluation; there must be one."""
        pick = max if mode == "max" else min
        step = pick(self.evaluations, key=self.evaluations.__getitem__)
        return self.evaluations[step], step


def json_number(value: float) -> str:
    """As Python's json writes it: NaN and the infinities are bare words."""
    if math.isfinite(value):
        return f"{value:.6g}"
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


_TRAIN = (
    '{"ts": %.6f, "type": "metrics", "data": {"loss": %s, "learning_rate": %.6g, "grad_norm": %.4g,'
    ' "global_step": %d, "time": %.6f, "stage": "train"}}\n'
)
_EVALUATION = (
    '{"ts": %.6f, "type": "metrics", "data": {%s: %.6g, "val_loss": %s,'
    ' "global_step": %d, "time": %.6f, "stage": "eval"}}\n'
)


def train_line(at: float, step: int, loss: float, learning_rate: float, grad_norm: float) -> str:
    return _TRAIN % (at, json_number(loss), learning_rate, grad_norm, step, at)


def evaluation_line(at: float, step: int, metric: str, value: float, loss: float) -> str:
    return _EVALUATION % (at, json.dumps(metric, ensure_ascii=False), value, json_number(loss), step, at)


def events_text(run: DemoRun, drawn: Drawn) -> str:
    """The whole events.jsonl of a run."""
    begin, pace = run.created_at, run.seconds_per_step
    learning_rate = run.params["lr"]
    assert isinstance(learning_rate, float)
    rows = zip(drawn.loss, drawn.learning_rate, drawn.noise, strict=True)
    lines = [
        train_line(begin + step * pace, step, loss, learning_rate * factor, 1.5 + abs(z))
        for step, (loss, factor, z) in enumerate(rows, start=1)
    ]
    for step, value in drawn.evaluations.items():
        loss = drawn.loss[step - 1] * 1.1
        lines[step - 1] += evaluation_line(begin + (step + 0.5) * pace, step, run.recipe.metric, value, loss)
    return "".join(lines)


def log_line(run_layout: Layout, at: float, text: str, *, is_console: bool = False) -> str:
    """One line of logs.txt; lines that 0.7 captured from the console have their time in brackets."""
    clock = time.strftime("%H:%M:%S", time.localtime(at))
    return f"[{clock}] {text}\n" if is_console and run_layout == "0.7" else f"{clock} | {text}\n"


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute:02d}:{second:02d}"


def progress_bar(step: int, steps: int, loss: float, pace: float) -> str:
    """A line as tqdm prints it."""
    share = step / steps
    eighths = round(share * 80)
    bar = ("█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8] if eighths < 80 else "█" * 10)[:10].rstrip().ljust(10)
    speed = f"{1 / pace:.2f}it/s" if pace < 1 else f"{pace:.2f}s/it"
    clock = f"{_clock(step * pace)}<{_clock((steps - step) * pace)}"
    return f"train: {share:4.0%}|{bar}| {step}/{steps} [{clock}, {speed}, loss={json_number(loss)}]"


def logs_text(rng: Random, run: DemoRun, drawn: Drawn, steps: int) -> str:
    """The whole logs.txt of a run."""
    layout, begin, pace = run.recipe.layout, run.created_at, run.seconds_per_step
    arguments = " ".join(f"--{name} {value}" for name, value in run.params.items())
    lines = [
        log_line(layout, begin, f"python train.py --model {run.name} {arguments}", is_console=True),
        log_line(layout, begin, f"Loading data for {run.recipe.project}: 50000 train, 10000 val samples"),
    ]
    if rng.random() < 0.5:
        warning = "\x1b[33mWARNING\x1b[0m lr_scheduler.step() was called before optimizer.step()"
        lines.append(log_line(layout, begin + 0.5 * pace, warning, is_console=True))
    for step, value in drawn.evaluations.items():
        at, loss = begin + step * pace, drawn.loss[step - 1]
        lines.append(log_line(layout, at, progress_bar(step, steps, loss, pace), is_console=True))
        lines.append(log_line(layout, at + pace / 2, f"eval step {step}: {run.recipe.metric}={json_number(value)}"))
    if drawn.loss and not math.isfinite(drawn.loss[-1]):
        lines.append(log_line(layout, run.ended_at, "⚠️ Alert: loss is NAN"))
    if run.kind == "failed":
        lines += _traceback(rng, run)
    elif run.kind == "finished":
        lines.append(log_line(layout, run.ended_at, "\x1b[32mDone\x1b[0m, checkpoint saved to out/last.pt"))
    return "".join(lines)


def _traceback(rng: Random, run: DemoRun) -> list[str]:
    text = (
        "Traceback (most recent call last):\n"
        '  File "/home/lab/train.py", line 214, in <module>\n'
        "    main(parse_args())\n"
        '  File "/home/lab/train.py", line 187, in main\n'
        "    loss = model(batch.to(device)).loss\n"
        f"{rng.choice(ERRORS)}"
    )
    if run.recipe.layout == "0.4":
        return [log_line("0.4", run.ended_at, text)]
    return [log_line("0.7", run.ended_at, line, is_console=True) for line in text.split("\n")]
