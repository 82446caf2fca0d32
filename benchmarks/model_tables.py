"""What `make bench-models` makes: each table's commands, files and how long they take.

One line an evaluation. ``bench_models.py`` runs them, ``results_table.py`` writes README from
what they leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SIMPLE = "popularity,itemknn,ease,sequence_rules,pipeline"


@dataclass(frozen=True)
class Evaluation:
    """A bare file under a protocol.

    Attributes:
        title: Of the data.
        form: ``--format``.
        data: Below the folder of real data.
        protocol: ``--protocol``.
        minutes: On two cores, whole command.
        seeds: Three where a run takes under ten minutes, else one.
        extra: Further arguments.
    """

    title: str
    form: str
    data: str
    protocol: str
    minutes: float
    seeds: tuple[int, ...] = (0,)
    extra: tuple[str, ...] = ()

    def command(self, seed: int = 0) -> tuple[str, ...]:
        """Arguments of ``graphrec``, the folder of data as ``$GRAPHREC_DATA``."""
        data = f"$GRAPHREC_DATA/{self.data}"
        told = ("evaluate", "--format", self.form, "--data", data, "--protocol", self.protocol)
        return (*told, *self.extra, *(("--seed", str(seed)) if seed else ()))


@dataclass(frozen=True)
class StoreEvaluation:
    """A protocol over a store that holds an import.

    Attributes:
        title: Of the data.
        source: What ``graphrec import`` calls it, and its folder of data.
        protocol: ``--protocol``.
        minutes: On two cores, without the import.
    """

    title: str
    source: str
    protocol: str
    minutes: float

    def command(self) -> tuple[str, ...]:
        """Arguments of ``graphrec``, the store as ``$STORE``."""
        return ("evaluate", "--protocol", self.protocol, "--store", "$STORE")


@dataclass(frozen=True)
class Script:
    """A benchmark of its own, beside this file, which goes on by itself where it was cut off.

    Attributes:
        title: What it measures.
        file: Its name.
        arguments: ``$DATA`` is ``data``, ``$STORE`` a store that holds ``source``, ``$WORK`` a
            folder of its own, ``$GRAPHREC_DATA`` the folder of real data.
        minutes: On two cores.
        data: Below the folder of real data, "" for none.
        source: What is imported first, "" for nothing.
        parts: Other files of it, whose changes make a result stale.
        result: Its file, without .json; several may write into one. "": the job's name.
    """

    title: str
    file: str
    arguments: tuple[str, ...]
    minutes: float
    data: str = ""
    source: str = ""
    parts: tuple[str, ...] = ()
    result: str = ""


_THREE = (0, 1, 2)
_REFIT = ("--refit",)

EVALUATIONS: Final = {
    "mars.loo-full": Evaluation(
        "Mars, workplace learning", "sequences", "mars/sequences.tsv", "loo-full", 3, _THREE, _REFIT
    ),
    "mooccube.loo-full": Evaluation(
        "MOOCCube, videos", "sequences", "mooccube/sequences.tsv", "loo-full", 8, _THREE, _REFIT
    ),
    "mooccubex.loo-full": Evaluation(
        "MOOCCubeX", "sequences", "mooccubex/sequences.tsv", "loo-full", 45
    ),
    "mooccubex.loo-100": Evaluation(
        "MOOCCubeX", "sequences", "mooccubex/sequences.tsv", "loo-100", 45
    ),
    "ml-1m.loo-full": Evaluation("MovieLens 1M", "pairs", "ml-1m/ml-1m.txt", "loo-full", 60),
    "beauty.loo-full": Evaluation("Beauty", "sequences", "beauty/Beauty.txt", "loo-full", 12),
    "gowalla.split-full": Evaluation("Gowalla", "split", "gowalla", "split-full", 60),
}
"""Result file without .json (of seed 0; of seed n it ends in ``.seed-n``) -> evaluation."""

STORES: Final = {
    "mars.store": StoreEvaluation("Mars, the whole graph", "mars", "loo-full", 3),
    "mooccube.store": StoreEvaluation("MOOCCube, the whole graph", "mooccube", "loo-full", 6),
    "mooccubex.store": StoreEvaluation("MOOCCubeX, the whole graph", "mooccubex", "loo-full", 45),
}
"""The same over the graph, with texts, skills, views and prerequisites."""

COLD: Final = {
    "mars.cold-course": StoreEvaluation("Mars", "mars", "cold-course", 3),
    "mooccube.cold-course": StoreEvaluation("MOOCCube", "mooccube", "cold-course", 3),
}
FEW_SHOT: Final = {
    "mars.few-shot": StoreEvaluation("Mars", "mars", "few-shot", 3),
    "mooccube.few-shot": StoreEvaluation("MOOCCube", "mooccube", "few-shot", 3),
}
CURVE: Final = {
    "mars.curve": Evaluation(
        "Mars: what novelty costs",
        "sequences",
        "mars/sequences.tsv",
        "loo-full",
        0.2,
        extra=("--models", SIMPLE, "--curve"),
    ),
}
SCRIPTS: Final = {
    "ablations.mars": Script(
        "Ablations",
        "ablations.py",
        ("--format", "sequences", "--data", "$DATA", "--output", "$OUTPUT"),
        45,
        data="mars/sequences.tsv",
        parts=("ablation_variants.py",),
    ),
    "staleness.mars": Script(
        "Staleness, Mars",
        "staleness.py",
        ("mars", "--store", "$STORE", "--output", "$OUTPUT", "--work", "$WORK"),
        20,
        data="mars",
        source="mars",
        result="staleness",
    ),
    "staleness.videos": Script(
        "Staleness, MOOCCube videos",
        "staleness.py",
        ("videos", "--events", "$DATA", "--output", "$OUTPUT", "--work", "$WORK"),
        40,
        data="mooccube/video_watch.tsv",
        result="staleness",
    ),
    "ray-scaling": Script(
        "Scaling with Ray workers",
        "ray_scaling.py",
        ("--data", "$GRAPHREC_DATA", "--output", "$OUTPUT"),
        70,
        parts=("ray_scaling_part.py",),
        result="ray_scaling",
    ),
    "rivals": Script(
        "Time to the same quality, beside RecBole and RecTools",
        "rivals.py",
        ("--data", "$GRAPHREC_DATA", "--output", "$OUTPUT"),
        95,
        parts=(
            "rivals_clock.py",
            "rivals_environments.py",
            "rivals_measure.py",
            "rivals_ours.py",
            "rivals_pairs.py",
            "rivals_recbole.py",
            "rivals_rectools.py",
        ),
    ),
    "profile": Script(
        "Where a training step's time goes",
        "profile_step.py",
        ("--data", "$GRAPHREC_DATA", "--output", "$OUTPUT"),
        3,
        parts=("profile_costs.py",),
    ),
}

Job = Evaluation | StoreEvaluation | Script

JOBS: Final[dict[str, Job]] = {
    **EVALUATIONS,
    **STORES,
    **COLD,
    **FEW_SHOT,
    **CURVE,
    **SCRIPTS,
}
"""Result file without .json -> what makes it."""

TABLES: Final = {
    "mars": ("mars.loo-full",),
    "mooccube": ("mooccube.loo-full",),
    "cold": tuple(COLD),
    "few-shot": tuple(FEW_SHOT),
    "curve": tuple(CURVE),
    "graphs": ("mars.store", "mooccube.store"),
    "beauty": ("beauty.loo-full",),
    "mooccubex": ("mooccubex.loo-full",),
    "mooccubex-loo100": ("mooccubex.loo-100",),
    "mooccubex-graph": ("mooccubex.store",),
    "ml-1m": ("ml-1m.loo-full",),
    "gowalla": ("gowalla.split-full",),
    "ablations": ("ablations.mars",),
    "staleness": ("staleness.mars", "staleness.videos"),
    "profile": ("profile",),
    "ray-scaling": ("ray-scaling",),
    "rivals": ("rivals",),
}
"""Name on the command line -> result files; the quick ones first."""


def result_names(job: str) -> dict[int, str]:
    """Seed -> result file without .json of a job."""
    found = JOBS[job]
    if isinstance(found, Script):
        return {0: found.result or job}
    seeds = found.seeds if isinstance(found, Evaluation) else (0,)
    return {seed: f"{job}.seed-{seed}" if seed else job for seed in seeds}
