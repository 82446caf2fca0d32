"""The model card of a bundle: what it is for, what made it, how good it is and where it ends.

In comes a bundle; out goes Markdown. What is published inside a bundle (``MODEL_CARD.md``) is
the same for the same data, settings and seed, so that ``graphrec reproduce`` can compare it;
id, moment, version and cost stand only in what ``graphrec models card`` writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from graphrec.bundle_contents import Bundle
from graphrec.errors import BundleError
from graphrec.model_card_text import LICENCE, LIMITS, PARTS, USE

CARD: Final = "MODEL_CARD.md"


_TOLERANT = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def write_card(folder: Path, info: Mapping[str, Any]) -> None:
    """Write the card of a bundle under construction; not where it has one, or holds no models.

    Args:
        folder: The bundle's files so far.
        info: What its manifest will say.
    """
    if not info.get("models") or (folder / CARD).exists():
        return
    try:
        told = orjson.loads(orjson.dumps(dict(info), default=str, option=_TOLERANT))
    except (TypeError, ValueError):
        return  # the manifest will be refused, with what is wrong
    files: dict[str, Any] = {
        p.relative_to(folder).as_posix(): {} for p in folder.rglob("*") if p.is_file()
    }
    text = describe_bundle(Bundle(folder, {**told, "files": files}))
    (folder / CARD).write_text(text, encoding="utf-8")


def model_card(bundle: Bundle) -> str:
    """The whole card of a published bundle, Markdown."""
    return f"{describe_bundle(bundle)}\n{_this_bundle(bundle.manifest)}\n"


def describe_bundle(bundle: Bundle) -> str:
    """What is the same whenever and by whomever the bundle is made, Markdown."""
    manifest = bundle.manifest
    parts = [
        "# Model card: course recommendations",
        USE,
        _data(manifest),
        "\n".join(_models(bundle)),
        "\n".join(_validation(manifest)),
        f"## Limits\n\n{_unreached(manifest)}{LIMITS}",
        LICENCE,
        "\n".join(_reproduce(manifest)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _data(manifest: Mapping[str, Any]) -> str:
    data = _mapping(manifest, "data")
    rows = [("snapshot (SHA-256)", f"`{manifest.get('snapshot_hash') or 'unknown'}`")]
    counted = ("learners", "courses", "skills", "prerequisites")
    rows += [(name, _count(data[name])) for name in counted if name in data]
    if kinds := _mapping(data, "interactions"):
        told = ", ".join(f"{kind} {_count(count)}" for kind, count in kinds.items())
        rows.append(("interactions", told))
    if data.get("first_at") is not None:
        rows.append(("period", f"{_day(data['first_at'])} to {_day(data['last_at'])}"))
    if data.get("without_time"):
        rows.append(("interactions without a time", _count(data["without_time"])))
    if languages := _mapping(data, "languages"):
        told = ", ".join(f"{name} {_count(count)}" for name, count in languages.items())
        rows.append(("languages of the courses", told))
    if num := manifest.get("num_validation"):
        rows.append(("learners held out to choose by", f"{_count(num)}, the newest course of each"))
    return f"## Data\n\n{_table(('', ''), rows)}"


def _models(bundle: Bundle) -> Iterator[str]:
    manifest, weights = bundle.manifest, _weights(bundle)
    metrics, epochs = _mapping(manifest, "metrics"), _mapping(manifest, "config", "epochs")
    names = list(dict.fromkeys([*manifest.get("models", []), *weights]))
    rows = [
        (
            f"`{name}`",
            PARTS.get(name, ""),
            str(epochs.get(name, "")),
            "" if name not in weights else _decimal(weights[name], "+.3f"),
            *_figures(metrics.get(name)),
        )
        for name in names
    ]
    heads = ("part", "what it is", "epochs", "weight in the blend", "recall@10", "NDCG@10")
    yield f"## Models\n\n{_table(heads, rows)}"
    if weights:
        yield "\nWeights are those of a history of mean length, on scores made comparable."
    yield from _ranker(_mapping(manifest, "ranker"))
    for name, reason in _mapping(manifest, "skipped").items():
        yield f"\nWithout `{name}`: {reason}."
    for name, config in _mapping(manifest, "config", "models").items():
        told = orjson.dumps(config, option=orjson.OPT_SORT_KEYS).decode()
        yield f"\nConfiguration of `{name}`: `{told}`"


def _ranker(told: Mapping[str, Any]) -> Iterator[str]:
    """Whether a ranker corrects the blend, and why; nothing where training did not say."""
    if not told:
        return
    if reason := told.get("reason"):
        yield f"\nNo ranker corrects the blend: {reason}"
        return
    now, before = (_decimal(told.get(key)) for key in ("ndcg@10", "ndcg@10_without"))
    measured = f"NDCG@10 {now} against {before} (+-{_decimal(told.get('standard_error'))})"
    if not told.get("is_on"):
        yield f"\nNo ranker corrects the blend: it did not win by more than chance, {measured}."
        return
    yield f"\nA ranker of {told.get('num_trees')} trees corrects the blend: {measured}, each half"
    yield "of the learners ranked by what the other taught. What its splits gain by most:"
    gains = sorted(_mapping(told, "gains").items(), key=lambda one: -one[1])[:5]
    yield ", ".join(f"`{name}` {_decimal(share, '.0%')}" for name, share in gains) + "."


def _validation(manifest: Mapping[str, Any]) -> Iterator[str]:
    recall, ndcg = _figures(_mapping(manifest, "metrics").get("pipeline"))
    yield "## Quality on validation\n"
    if not ndcg:
        yield "Not measured."
        return
    error = manifest.get("standard_error")
    told = "" if error is None else f" (standard error {_decimal(error)})"
    yield f"The whole pipeline: recall@10 {recall}, NDCG@10 {ndcg}{told}, each learner's newest"
    yield "course among all they have not taken. The blend that ranks one half of the learners was"
    yield "learned on the other."
    if beyond := _mapping(manifest, "beyond"):
        rows = [(name, "-" if v is None else _decimal(v)) for name, v in beyond.items()]
        yield "\nWhat the lists of ten are like (`docs/evaluation.md` says how each is counted):\n"
        yield _table(("figure", ""), rows)
    calibration = _mapping(manifest, "calibration")
    if calibration.get("ece") is not None:
        share, asked = (calibration.get(key) for key in ("target_is_candidate", "learners"))
        error, error_all = (_decimal(calibration.get(key)) for key in ("ece", "ece_all"))
        yield f"\nCalibration: of {_count(asked)} learners the course taken was a candidate for"
        yield f"{_decimal(share, '.1%')}; among them stated probability and hit rate differ by"
        yield f"{error} on average, over all by {error_all}. The blend was learned on the same"
        yield "learners."


def _unreached(manifest: Mapping[str, Any]) -> str:
    never = _mapping(manifest, "data").get("courses_never_taken")
    known = "" if never is None else f" ({_count(never)} of them here)"
    return (
        f"- Courses that nobody has taken{known} are found through texts, skills and\n"
        "  prerequisites alone; without these, not at all.\n"
    )


def _reproduce(manifest: Mapping[str, Any]) -> Iterator[str]:
    options = dict(_mapping(manifest, "config", "options"))
    options.pop("ray_address", None)  # where it ran says nothing about what came out
    yield "## Making it again\n"
    yield "`graphrec reproduce ID` trains it again from the snapshot with this hash and compares"
    yield "file by file: on one worker, like hardware and the same versions, every bit is the same."
    yield f"\nSeed {manifest.get('seed')}."
    if options:
        told = orjson.dumps(options, option=orjson.OPT_SORT_KEYS).decode()
        yield f"\nOptions: `{told}`"


def _this_bundle(manifest: Mapping[str, Any]) -> str:
    files = manifest["files"]
    size = sum(one["bytes"] for one in files.values())
    moment = datetime.fromtimestamp(manifest["created_at"] / 1000, UTC)
    rows = [
        ("id", f"`{manifest['id']}`"),
        ("published", f"{moment:%Y-%m-%d %H:%M} UTC"),
        ("graphrec", str(manifest.get("code_version", ""))),
        ("files", f"{len(files)}, {size / 1e6:.1f} MB"),
    ]
    if seconds := _mapping(manifest, "seconds"):
        told = ", ".join(f"{name} {value:,.0f}" for name, value in seconds.items())
        rows.append(("seconds of training", f"{sum(seconds.values()):,.0f}: {told}"))
    if memory := manifest.get("peak_memory_mb"):
        rows.append(("peak memory of the training's own process", f"{memory:,} MiB"))
    rows.append(("make it again", f"`graphrec reproduce {manifest['id']}`"))
    return f"## This bundle\n\n{_table(('', ''), rows)}"


def _weights(bundle: Bundle) -> dict[str, float]:
    """Part -> weight at the mean history length; {} where the bundle holds no pipeline."""
    try:
        blend = bundle.json("pipeline")["blend"]
        return dict(zip(blend["parts"], blend["weights"][0], strict=True))
    except (BundleError, KeyError, TypeError, ValueError):
        return {}


def _figures(metrics: Any) -> tuple[str, str]:
    """recall@10 and NDCG@10 as text, "" where there are none."""
    found = metrics if isinstance(metrics, Mapping) else {}
    values = (found.get("recall@10"), found.get("ndcg@10"))
    recall, ndcg = ("" if v is None else _decimal(v) for v in values)
    return recall, ndcg


def _mapping(value: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """What stands under the keys, {} where it is no mapping: other versions wrote other fields."""
    found: Any = value
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    cells = ([cell.replace("|", r"\|").replace("\n", " ") for cell in row] for row in rows)
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in cells)])


def _decimal(value: Any, form: str = ".4f") -> str:
    return format(value, form) if isinstance(value, int | float) else str(value)


def _count(value: Any) -> str:
    return _decimal(value, ",")


def _day(epoch_ms: int) -> str:
    return f"{datetime.fromtimestamp(epoch_ms / 1000, UTC):%Y-%m-%d}"
