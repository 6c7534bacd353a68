"""The runs of a benchmark: one for each row and seed, which decide what has to be done again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from blindsr.runs import by_age, checkpoint_file

from .plan import Plan, Row, filled, placeholders

RUN = "run.json"


@dataclass(frozen=True)
class Job:
    """One row with one seed.

    Attributes:
        row: of the table.
        seed: of its training.
        folder: of its runs.
        needs: jobs whose weights it starts from, by row.
    """

    row: Row
    seed: int
    folder: Path
    needs: Mapping[str, Job]

    @property
    def title(self) -> str:
        """For messages."""
        return f"{self.row.name}, seed {self.seed}" if self.row.by_seed else self.row.name

    @cached_property
    def training(self) -> dict[str, Any]:
        """All that its weights depend on: another value makes it another training."""
        row = self.row
        content: dict[str, Any] = {
            "config": [_content(path) for path in row.config],
            "overrides": dict(row.overrides),
            "starts from": {name: digest(job.training) for name, job in self.needs.items()},
        }
        if row.checkpoint:
            # the weights of another row may not exist yet; its training is in "starts from"
            ours = any(text[2] for text in placeholders(row.checkpoint))
            content["checkpoint"] = (
                row.checkpoint if ours else _identity(self.filled(row.checkpoint))
            )
        if row.by_seed:
            content["seed"] = self.seed
        if row.trained:
            budget = {"max_steps": row.max_steps, "max_time": row.max_time}
            content |= {"seeded": list(row.seeded), **{k: v for k, v in budget.items() if v}}
        return _plain(content)

    @cached_property
    def testing(self) -> dict[str, Any]:
        """What else its scores depend on."""
        return _plain(
            {
                "test_config": [_content(path) for path in self.row.test_config],
                "test_overrides": dict(self.row.test_overrides),
                "tested": self.row.tested,
            }
        )

    def filled(self, value: Any) -> Any:
        """A value with the seed and the weights of other jobs in place of their names."""
        words = {"{seed}": str(self.seed)}
        for text in placeholders(value):
            if text[2]:
                words[text[0]] = str(self.needs[text[2]].weights(text[1]))
        return filled(value, words)

    def weights(self, which: str) -> Path | None:
        """The newest checkpoint that is called ``best`` or ``last``, else the newest of all."""
        if self.row.checkpoint:
            return checkpoint_file(self.filled(self.row.checkpoint))
        folders = list(self.folder.glob("*/checkpoints"))
        found = by_age(folders, f"{which}*.ckpt") or by_age(folders, "*.ckpt")
        return found[0] if found else None


def jobs_of(plan: Plan) -> list[Job]:
    """All jobs, those of one seed together; what others start from comes before them."""
    jobs: dict[tuple[str, int], Job] = {}
    for seed in dict.fromkeys(seed for row in plan.rows for seed in row.seeds):
        for row in plan.rows:
            if seed in row.seeds and row.rival is None:
                folder = plan.out / "runs" / folder_name(row.name) / f"seed_{seed}"
                needs = {name: _of_seed(plan.row(name), seed, jobs) for name in row.starts_from}
                jobs[row.name, seed] = Job(row, seed, folder, needs)
    return list(jobs.values())


def _of_seed(row: Row, seed: int, jobs: Mapping[tuple[str, int], Job]) -> Job:
    """The job of a row with that seed, or its only one."""
    return jobs[row.name, seed if row.by_seed else row.seeds[0]]


def chains(jobs: Iterable[Job]) -> list[list[Job]]:
    """Jobs in groups that need nothing of each other: what one machine has to do in turn."""
    groups: list[list[Job]] = []
    for job in jobs:
        joined = [group for group in groups if any(one in group for one in job.needs.values())]
        groups = [group for group in groups if group not in joined]
        groups.append([*(one for group in joined for one in group), job])
    return groups


def folder_name(name: str) -> str:
    """A row's folder: its name where it has but letters, else with a mark that keeps it apart."""
    plain = re.sub(r"[^A-Za-z0-9.+-]+", "_", name).strip("_.")
    mark = hashlib.sha256(name.encode()).hexdigest()[:6]
    return plain if plain == name else f"{plain}_{mark}"


def digest(content: Any) -> str:
    """A short text that differs where the content does."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[
        :16
    ]


def difference(old: Any, new: Any, key: str = "") -> str:
    """The first key whose values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            if old.get(name) != new.get(name):
                return difference(old.get(name), new.get(name), f"{key}.{name}".lstrip("."))
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for first, second in zip(old, new, strict=True):
            if first != second:
                return difference(first, second, key)
    return key


def _content(path: Path) -> Any:
    import yaml

    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _plain(content: Any) -> Any:
    """As it comes back from a file."""
    return json.loads(json.dumps(content, default=str))


def _identity(path: str) -> list[str]:
    """Path and bytes of a file of weights."""
    found = checkpoint_file(path)
    if not found.is_file():
        return [path, "missing"]
    with found.open("rb") as file:
        return [path, hashlib.file_digest(file, "sha256").hexdigest()]
