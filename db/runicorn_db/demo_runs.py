"""Which experiments the demo has: invented projects, parameters and fates.

Everything is drawn from one `random.Random`, so equal arguments give equal bytes.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

Layout = Literal["0.4", "0.7"]
Kind = Literal["running", "finished", "failed", "interrupted", "junk"]

DAY = 86400.0
HOSTS = ("gpu01", "gpu02", "gpu03", "dgx-a")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One project: how its runs are named, and where its primary metric begins and ends in a good run."""

    project: str
    layout: Layout
    weight: int
    names: tuple[str, ...]
    metric: str
    begin: float
    end: float
    loss: tuple[float, float]
    learning_rate: float
    hours: float

    @property
    def mode(self) -> str:
        return "max" if self.end > self.begin else "min"


# fmt: off
RECIPES = (
    Recipe("image_classification", "0.4", 30, ("resnet50_baseline", "resnet50_cutmix", "vit_small", "convnext_tiny"),
           "val_accuracy", 0.01, 0.87, (6.9, 0.6), 0.001, 3.5),
    Recipe("language_model", "0.7", 24, ("gpt2_small", "gpt2_medium", "mamba_130m", "tokenizer_ablation"),
           "val/perplexity", 900.0, 21.0, (10.8, 2.9), 0.0006, 9.0),
    Recipe("cv/detection", "0.4", 14, ("yolo_v8", "detr_r50"),
           "val/mAP50-95", 0.0, 0.46, (14.0, 2.1), 0.01, 6.0),
    Recipe("speech/asr", "0.7", 12, ("conformer_ctc", "whisper_finetune", "wav2vec2"),
           "wer", 1.0, 0.08, (8.0, 0.25), 0.0003, 5.0),
    Recipe("rl_control", "0.7", 8, ("ppo_halfcheetah", "sac_walker2d"),
           "episode_reward", -250.0, 4200.0, (40.0, 3.0), 0.0003, 1.5),
    Recipe("图像分类", "0.4", 6, ("基线 ResNet", "实验-α β"),
           "精度", 0.1, 0.95, (2.3, 0.12), 0.001, 0.8),
    Recipe("diffusion", "0.7", 5, ("ddpm_cifar10", "edm_ffhq64"),
           "fid", 320.0, 7.5, (1.0, 0.03), 0.0002, 14.0),
    Recipe("scratch", "0.4", 3, ("test", "debug", "exp 1 (copy)"),
           "score", 0.0, 1.0, (1.0, 0.1), 0.01, 0.2),
)
# fmt: on

KINDS: dict[Kind, int] = {"finished": 64, "failed": 16, "interrupted": 10, "junk": 10}
TAGS = ("baseline", "ablation", "sweep", "paper", "keep", "prod", "old-data")
DESCRIPTIONS = (
    "the reference run for the paper",
    "same as the baseline, with the cleaned labels",
    "lr sweep, third round: larger warm-up",
    "data loader bug: numbers of the first epochs are too good",
    "checkpoint used by the demo server; do not delete",
    "对照组, 与基线相同",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoRun:
    """One experiment that is going to be written."""

    id: str
    recipe: Recipe
    name: str
    alias: str | None
    kind: Kind
    created_at: float
    seconds_per_step: float
    steps: int
    host: str
    pid: int
    quality: float
    params: dict[str, object]
    tags: tuple[str, ...] = ()
    description: str | None = None
    is_deleted: bool = False

    @property
    def ended_at(self) -> float:
        return self.created_at + (self.steps + 1) * self.seconds_per_step

    @property
    def directory(self) -> str:
        """Below the root, as the layout of the run wants it."""
        if self.recipe.layout == "0.4":
            return f"{self.recipe.project}/{self.name}/runs/{self.id}"
        return f"runs/.recycle/{self.id}" if self.is_deleted else f"runs/{self.recipe.project}/{self.name}/{self.id}"


def plan_runs(rng: Random, experiments: int, steps: int, now: float) -> list[DemoRun]:
    """What to write, the running ones first."""
    running = min(4, max(1, experiments // 25))
    taken: set[str] = set()
    weights = [recipe.weight for recipe in RECIPES]
    runs: list[DemoRun] = []
    for index in range(experiments):
        if index < running:
            kind: Kind = "running"
            recipe = RECIPES[index]
        else:
            (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
            (recipe,) = rng.choices(RECIPES, weights)
        run = _plan_run(rng, recipe, kind, steps, now, taken)
        runs.append(_with_hostile_texts(run, index - running))
    return runs


def _plan_run(rng: Random, recipe: Recipe, kind: Kind, steps: int, now: float, taken: set[str]) -> DemoRun:
    seconds_per_step = recipe.hours * 3600 / steps * rng.uniform(0.6, 1.4)
    if kind == "finished":
        count = steps if rng.random() < 0.8 else rng.randint(steps // 2 or 1, steps)
    elif kind == "running":
        count = rng.randint(steps // 3 or 1, steps * 2 // 3 or 1)
    elif kind == "junk":
        count = rng.randint(0, min(steps, 8))
        seconds_per_step = rng.uniform(0.3, 1.9)
    else:
        count = rng.randint(1, steps)
    duration = (count + 1) * seconds_per_step
    created_at = now - duration
    if kind != "running":
        created_at -= rng.random() ** 2 * 120 * DAY
    created_at = round(created_at, 6)
    learning_rate = recipe.learning_rate * 10 ** rng.uniform(-1.0, 1.0)
    quality = 1 - 0.12 * abs(math.log10(learning_rate / recipe.learning_rate)) - abs(rng.gauss(0, 0.03))
    name = rng.choice(recipe.names)
    return DemoRun(
        id=_run_id(rng, created_at, taken),
        recipe=recipe,
        name=name,
        alias=rng.choice((name, None, f"{name} #{rng.randint(1, 40)}")) if recipe.layout == "0.7" else None,
        kind=kind,
        created_at=created_at,
        seconds_per_step=seconds_per_step,
        steps=count,
        host=rng.choice(HOSTS),
        pid=rng.randint(2_000, 60_000),
        quality=quality,
        params={
            "lr": float(f"{learning_rate:.3g}"),
            "batch_size": rng.choice((16, 32, 64, 128, 256)),
            "optimizer": rng.choice(("adam", "adamw", "sgd", "lion")),
            "weight_decay": rng.choice((0.0, 0.01, 0.05, 0.1)),
            "dropout": rng.choice((0.0, 0.1, 0.2)),
            "amp": rng.random() < 0.7,
            "seed": rng.randint(0, 9),
        },
        tags=tuple(rng.sample(TAGS, rng.randint(1, 3))) if rng.random() < 0.25 else (),
        description=rng.choice(DESCRIPTIONS) if rng.random() < 0.12 else None,
        is_deleted=kind != "running" and rng.random() < (0.15 if kind == "junk" else 0.02),
    )


def _run_id(rng: Random, created_at: float, taken: set[str]) -> str:
    """As Runicorn makes them: local time and six hexadecimal digits."""
    stamp = time.strftime("%Y%m%d_%H%M%S", time.localtime(created_at))
    while (run_id := f"{stamp}_{rng.getrandbits(24):06x}") in taken:
        pass
    taken.add(run_id)
    return run_id


def _with_hostile_texts(run: DemoRun, index: int) -> DemoRun:
    """Two runs carry texts that have broken terminals and markup before, so that nobody forgets them."""
    if index not in (1, 2):
        return run
    if index == 1:
        description = "\x1b[31mred\x1b[0m [bold]not bold[/bold]"
        return replace(run, recipe=RECIPES[-1], name="[/]", alias=None, description=description, is_deleted=False)
    alias = "reward\x1b]0;owned\x07 [/] \u202etxt.exe"
    return replace(run, recipe=RECIPES[4], name="hostile", alias=alias, is_deleted=False)
