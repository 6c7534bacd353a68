"""Scores of every picture of a test by method and group, as they are kept in a file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .collector import ScoreCollector

Counts = dict[int, int]
"""Pixels above 0 by their place in a flat confusion matrix."""
Score = float | Counts


@dataclass
class PictureScores:
    """Of one test: every list of scores has as many entries as its group has names.

    Attributes:
        names: pictures by group, in the order of the test.
        methods: scores by method (``""`` is the tested network), group and metric; NaN where a
            picture has none, infinite for an exact match. Metrics of class maps have the counts of
            each picture's confusion matrix instead.
        classes: of these matrices, 0 where there are none.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    methods: dict[str, dict[str, dict[str, list[Any]]]] = field(default_factory=dict)
    classes: int = 0

    def take(self, collectors: Mapping[str, Mapping[str, Sequence[ScoreCollector]]]) -> None:
        """Take what the collectors of a task have, see ``RestorationTask.collectors``.

        A score that was not asked for every picture of its group is left out.
        """
        for method, groups in collectors.items():
            for group, parts in groups.items():
                scores = [score for part in parts for score in part.by_name.values()]
                self.classes = max([self.classes, *(getattr(s, "num_classes", 0) for s in scores)])
                count = len(self.names.get(group, ()))
                self.methods.setdefault(method, {})[group] = {
                    name: list(score.each)
                    for part in parts
                    for name, score in part.by_name.items()
                    if len(score.each) == count > 0
                }

    def add(self, other: PictureScores) -> None:
        """Add the pictures that another process has scored."""
        self.classes = max(self.classes, other.classes)
        before = {group: len(names) for group, names in self.names.items()}
        for group, names in other.names.items():
            self.names[group] = [*self.names.get(group, ()), *names]
        for method, groups in other.methods.items():
            for group, scores in groups.items():
                mine = self.methods.setdefault(method, {}).setdefault(group, {})
                for name, values in scores.items():
                    if len(mine.setdefault(name, [])) == before.get(group, 0):
                        mine[name].extend(values)

    def plain(self) -> dict[str, Any]:
        """As values of JSON: null where there is no score, ``"inf"`` for an exact match."""
        methods = _changed(self.methods, _plain)
        return {"names": self.names, "methods": methods, "classes": self.classes}

    @classmethod
    def of_plain(cls, content: Mapping[str, Any]) -> PictureScores:
        """The opposite of :meth:`plain`."""
        methods = _changed(content["methods"], _score)
        return cls(dict(content["names"]), methods, content["classes"])


def _changed(methods: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """The same scores, each changed."""
    return {
        method: {
            group: {name: [change(value) for value in values] for name, values in scores.items()}
            for group, scores in groups.items()
        }
        for method, groups in methods.items()
    }


def _plain(value: Score) -> Any:
    if isinstance(value, dict):
        return {str(place): count for place, count in value.items()}
    if math.isnan(value):
        return None
    return str(value) if math.isinf(value) else value


def _score(value: Any) -> Score:
    if isinstance(value, dict):
        return {int(place): int(count) for place, count in value.items()}
    return math.nan if value is None else float(value)
