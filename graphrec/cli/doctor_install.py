"""``graphrec doctor``: checks of what is installed; they look and change nothing."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from graphrec.cli.doctor_check import Check

_SCANN_TIMEOUT_S = 60.0
_SCANN_PROBE = (
    "import json, numpy as np; from graphrec.index.build import build_index; "
    "index = build_index(np.eye(64, dtype=np.float32)); "
    "rows, _ = index.search(np.eye(64, dtype=np.float32)[:1], 1); "
    "print(json.dumps([index.kind, int(rows[0, 0])]))"
)
# Parts that go together with an extra: what their absence means.
_EXTRAS = {
    "train": "Importing, asking and serving work; 'graphrec train' does not.",
    "text": "Courses are compared by words; English texts not by meaning.",
    "neo4j": "The embedded graph works; GRAPHREC_GRAPH_URL=bolt://... does not.",
}


def check_python() -> Iterator[Check]:
    """The interpreter: 3.11 to 3.13 have wheels for everything."""
    found = platform.python_version()
    if sys.version_info >= (3, 14):
        meaning = "ScaNN has no wheel for it; the exact index is used."
        yield Check("python", "warn", found, meaning, "Use Python 3.11, 3.12 or 3.13.")
    else:
        yield Check("python", "ok", found)


def check_packages() -> Iterator[Check]:
    """Every package that the installed graphrec asks for, by extra."""
    try:
        wanted = requires("graphrec") or []
    except PackageNotFoundError:
        meaning = "Its requirements and the commands train and serve cannot be found."
        yield Check("packages", "warn", "graphrec is not installed", meaning, "pip install .")
        return
    for group in ("", *_EXTRAS):
        yield _check_group(group, [line for line in wanted if _extra_of(line) == group])


def _check_group(extra: str, lines: list[str]) -> Check:
    name = f"packages of extra '{extra}'" if extra else "packages of the core"
    problems = [problem for line in lines if (problem := _problem_with(line))]
    if not problems:
        return Check(name, "ok", f"{len(lines)} installed")
    target = f"graphrec[{extra}]" if extra else "graphrec"
    return Check(
        name,
        "warn" if extra else "fail",
        ", ".join(problems),
        _EXTRAS.get(extra, "Commands that need them will stop."),
        f"pip install --upgrade '{target}'",
    )


def _extra_of(requirement: str) -> str:
    match = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", requirement)
    return match[1] if match else ""


def _problem_with(requirement: str) -> str:
    """Say what is wrong with one requirement, or "" where it is met or not for this system."""
    for system in re.findall(r"sys_platform\s*(==|!=)\s*['\"]([^'\"]+)['\"]", requirement):
        if (system[0] == "==") != (sys.platform == system[1]):
            return ""
    match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(?:>=\s*([0-9.]+))?", requirement)
    if match is None:
        return ""
    name, minimum = match[1], match[2] or "0"
    try:
        installed = version(name)
    except PackageNotFoundError:
        return f"{name} is missing"
    if _numbers(installed) < _numbers(minimum):
        return f"{name} {installed} is older than {minimum}"
    return ""


def _numbers(text: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:3]]


def check_onnxruntime() -> Iterator[Check]:
    """The engine that encodes sessions in the service."""
    try:
        import onnxruntime
    except Exception as exc:  # noqa: BLE001 - a native library fails in any way it likes
        meaning = "The sequence model cannot answer; graph and popularity do."
        remedy = "pip install --force-reinstall onnxruntime"
        yield Check("onnxruntime", "fail", f"{type(exc).__name__}: {exc}", meaning, remedy)
        return
    providers = ", ".join(onnxruntime.get_available_providers())
    yield Check("onnxruntime", "ok", f"{onnxruntime.__version__} ({providers})")


def check_scann() -> Iterator[Check]:
    """Whether ScaNN loads and answers; apart, since a wrong CPU ends the process."""
    try:
        ran = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", _SCANN_PROBE],
            capture_output=True,
            text=True,
            timeout=_SCANN_TIMEOUT_S,
            check=False,
        )
        kind, row = json.loads(ran.stdout) if ran.returncode == 0 else ("", -1)
        problem = f"ended with {ran.returncode}: {ran.stderr.strip()[-200:]}"
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as exc:
        kind, row, problem = "", -1, str(exc)
    if row != 0:
        remedy = "Set engine 'exact' where the index is built, or reinstall scann."
        yield Check("index", "fail", problem, "The retrieval index does not answer.", remedy)
    elif kind == "exact" and sys.platform == "linux":
        meaning = "ScaNN does not load; the exact index answers, slower in large catalogues."
        yield Check("index", "warn", "exact", meaning, "pip install --force-reinstall scann")
    else:
        reason = " (ScaNN has no wheel for this system)" if kind == "exact" else ""
        yield Check("index", "ok", kind + reason)


def check_java() -> Iterator[Check]:
    """What the project's own Neo4j tests start; never needed to use graphrec."""
    found = [f"{tool} {'found' if shutil.which(tool) else 'missing'}" for tool in ("java", "mvn")]
    yield Check("neo4j tests", "ok", f"{', '.join(found)} (only the Neo4j tests need them)")
