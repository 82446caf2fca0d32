"""``graphrec doctor``: what is missing or misconfigured here, what it means, and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict

import typer
from rich.markup import escape
from rich.table import Table

from graphrec.cli import doctor_install, doctor_store
from graphrec.cli.common import JsonOption, StoreOption, console, print_json, settings_for
from graphrec.cli.doctor_check import Check
from graphrec.settings import Settings

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Say what is missing or wrong, and the remedy; exits with 1 where something fails."""
    checks = run_checks(settings_for(store))
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        _print_table(checks)
    if any(check.status == "fail" for check in checks):
        raise typer.Exit(1)


def run_checks(settings: Settings) -> list[Check]:
    """Run every check, none of which may stop the others."""
    groups: list[tuple[str, Callable[[], Iterator[Check]]]] = [
        ("python", doctor_install.check_python),
        ("packages", doctor_install.check_packages),
        ("onnxruntime", doctor_install.check_onnxruntime),
        ("scann", doctor_install.check_scann),
        ("store", lambda: doctor_store.check_store(settings)),
        ("graph", lambda: doctor_store.check_graph(settings)),
        ("bundle", lambda: doctor_store.check_bundle(settings)),
        ("keys", lambda: doctor_store.check_keys(settings)),
        ("neo4j tests", doctor_install.check_java),
    ]
    found: list[Check] = []
    for name, group in groups:
        try:
            found.extend(group())
        except Exception as exc:  # noqa: BLE001 - a doctor reports what it trips over
            problem = f"{type(exc).__name__}: {exc}"
            found.append(Check(name, "fail", problem, "The check itself failed.", "Report it."))
    return found


def _print_table(checks: list[Check]) -> None:
    table = Table("", "Check", "Found", show_lines=False, box=None)
    for check in checks:
        style = _STYLES[check.status]
        table.add_row(f"[{style}]{check.status}[/]", escape(check.name), escape(check.found))
    console.print(table)
    for check in checks:
        if check.status != "ok":
            style = _STYLES[check.status]
            console.print(f"\n[{style}]{check.status}[/] [b]{escape(check.name)}[/]")
            console.print(f"  {check.meaning}", markup=False, highlight=False)
            console.print(f"  {check.remedy}", markup=False, highlight=False)
    counts = {status: sum(c.status == status for c in checks) for status in _STYLES}
    console.print("\n" + ", ".join(f"{n} {status}" for status, n in counts.items()))
