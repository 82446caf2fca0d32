"""Stage 3, TRAIN: configurations of the neural models as a file that tuning writes.

::

    {"graph": {"config": {"learning_rate": 0.004},     the fields that differ from the default
               "validation": {"ndcg@10": 0.21}, ...}}  how they were found, see ``TunedModel``

A person may write or change such a file; only ``config`` is needed. Whatever is wrong in it
is told with its place before anything is trained.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from graphrec.dataset import Dataset
from graphrec.errors import ParameterError, SourceError
from graphrec.files import replace_file
from graphrec.models.fitting import config_type, default_config
from graphrec.models.registry import NEURAL

Fields = dict[str, Any]
"""Fields of a config that differ from its default, by name."""


class TunedModel(BaseModel):
    """A model's configuration and where it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: Fields = Field(description="Fields that differ from the default for the data.")
    validation: dict[str, float] = Field(default={}, description="Metrics with this config.")
    default_validation: dict[str, float] = Field(default={}, description="With the default.")
    best_epoch: int | None = Field(default=None, ge=0, description="Epoch of these metrics.")
    trials: int | None = Field(default=None, ge=1, description="Configurations that were tried.")
    seed: int | None = Field(default=None, ge=0, description="Of trials, split and training.")
    data: str | None = Field(default=None, description="Name of the data.")
    data_hash: str | None = Field(default=None, description="SHA-256, or a snapshot's hash.")
    tuned_at: datetime | None = Field(default=None, description="ISO 8601.")
    code_version: str | None = Field(default=None, description="Of graphrec.")


ConfigFile = dict[str, TunedModel]
"""Model -> its configuration."""


def read_config(path: Path) -> ConfigFile:
    """Read and check a configuration file.

    Raises:
        SourceError: The file cannot be read, or is no JSON; named with its line.
        ParameterError: A model or field does not exist, or a value does not fit; named with
            its place in the file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise SourceError(
            f"cannot be read: {exc.strerror}.", where=str(path), remedy="Check --config."
        ) from exc
    except UnicodeDecodeError as exc:
        raise SourceError("is not UTF-8.", where=str(path), remedy="Save it as UTF-8.") from exc
    except json.JSONDecodeError as exc:
        raise SourceError(
            f"is no JSON: {exc.msg} (column {exc.colno}).",
            where=f"{path}:{exc.lineno}",
            remedy='The form is {"graph": {"config": {"dropout": 0.1}}}.',
        ) from exc
    return _checked(content, str(path))


def _checked(content: Any, where: str) -> ConfigFile:
    if not isinstance(content, dict):
        raise ParameterError(
            "holds no models.", where=where, remedy='The form is {"graph": {"config": {}}}.'
        )
    for name in content:
        if name not in NEURAL:
            raise ParameterError(
                f"there is no model '{name}' to configure.",
                where=where,
                remedy=f"One of {', '.join(NEURAL)}.",
            )
    try:
        found = TypeAdapter(ConfigFile).validate_json(json.dumps(content))
    except ValidationError as exc:
        raise _wrong_value(exc, where, list(TunedModel.model_fields)) from exc
    for name, tuned in found.items():
        check_fields(name, tuned.config, f"{where}: {name}.config")
    return found


def write_config(path: Path, name: str, tuned: TunedModel) -> None:
    """Write a model's configuration; other models of the same file stay as they are.

    Raises:
        SourceError: What stands there already cannot be read (``ParameterError`` likewise).
    """
    found = read_config(path) if path.exists() else {}
    content = {
        model: one.model_dump(mode="json", exclude_none=True)
        for model, one in {**found, name: tuned}.items()
    }
    replace_file(path, (json.dumps(content, indent=2) + "\n").encode())


def check_fields(name: str, fields: Mapping[str, Any], where: str) -> None:
    """Refuse fields that a model's config does not have, or values it does not take.

    Args:
        name: "graph" or "sequence".
        fields: Changed fields.
        where: Their place, for the message.

    Raises:
        ParameterError: The first that is wrong.
    """
    kind = config_type(name)
    for field in fields:
        if field not in kind.model_fields:
            raise _unknown(field, list(kind.model_fields), where)
    try:
        kind.model_validate_json(json.dumps(dict(fields)), strict=True)
    except ValidationError as exc:
        raise _wrong_value(exc, where, list(kind.model_fields)) from exc


def config_for(name: str, dataset: Dataset, fields: Mapping[str, Any] | None = None) -> BaseModel:
    """The default config for the dataset's shape, with some fields changed.

    Args:
        name: "graph" or "sequence".
        dataset: What is trained on.
        fields: Changed fields; None: none.

    Raises:
        ParameterError: A field does not exist, or a value does not fit.
    """
    default = default_config(name, dataset)
    if not fields:
        return default
    check_fields(name, fields, f"{name}.config")
    changed = default.model_dump(mode="json") | dict(fields)
    return type(default).model_validate_json(json.dumps(changed))


def changed_fields(config: BaseModel, default: BaseModel) -> Fields:
    """The fields of a config that differ from another of its class, ready for JSON."""
    told, usual = config.model_dump(mode="json"), default.model_dump(mode="json")
    return {field: value for field, value in told.items() if value != usual[field]}


def _unknown(field: str, known: list[str], where: str) -> ParameterError:
    near = get_close_matches(field, known, n=1)
    meant = f"Did you mean '{near[0]}'? " if near else ""
    return ParameterError(
        f"there is no field '{field}'.",
        where=where,
        remedy=f"{meant}Fields are {', '.join(known)}.",
    )


def _wrong_value(exc: ValidationError, where: str, known: list[str]) -> ParameterError:
    errors = exc.errors(include_url=False, include_context=False)
    # Of a field in the wrong place both are told, that one is missing and one too many.
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        model, field = str(first["loc"][0]), str(first["loc"][-1])
        if model in NEURAL and field in config_type(model).model_fields:
            return ParameterError(
                f"'{field}' is a field of the configuration.",
                where=f"{where}: {model}",
                remedy='Write it into "config".',
            )
        return _unknown(field, known, f"{where}: {place.rpartition('.')[0]}")
    dot = "." if where.endswith(".config") else ": "
    given = "" if isinstance(first["input"], dict) else f", not {first['input']!r}"
    return ParameterError(
        f"{first['msg'][0].lower()}{first['msg'][1:]}{given}.",
        where=f"{where}{dot}{place}",
        remedy="Change the value, or leave the field out for its default.",
    )
