"""What an interrupted preparation, or one whose shards are not all done, lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from blindsr.data.check.pairs import Fault, Item
from blindsr.data.files.manifest import MANIFEST, PARTIAL, SPLITS, listed_draws
from blindsr.data.files.source_values import whole
from blindsr.data.prepare.shard import MOST_SHARDS, Shard

_NAMED = 5  # frames and shards


def unfinished_fault(plan: Mapping[str, Any], items: Sequence[Item]) -> Fault:
    """Return one line for all frames that are missing, and the shards that make them.

    Args:
        plan: content of the partial manifest; that of earlier versions lists no frames.
        items: pictures that are there.
    """
    there = {(item.split, item.name) for item in items if _complete(item)}
    frames = _frames(plan)
    missing = [frame for frame in frames if frame not in there]
    found = "an interrupted preparation"
    if missing:
        names = _some([f"{split}/{name}" for split, name in missing])
        found += f"{_shards(plan, frames, there)}, {len(missing)} of {len(frames)} frames missing"
        found += f" ({names})"
    elif frames:
        found += ", every frame is there"
    return Fault(PARTIAL, found, f"{MANIFEST}, which the same line makes when it is run again")


def _frames(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(split, name) in the order in which they were dealt out."""
    listed = listed_draws(plan)
    frames: dict[tuple[str, str], None] = {}
    for split in SPLITS:
        for part, names in listed.items():
            if part.split("/")[0] == split:
                frames |= dict.fromkeys((split, name) for name in names)
    return list(frames)


def _complete(item: Item) -> bool:
    return all(None not in (variant.lr, variant.blur, variant.exact) for variant in item.variants)


def _shards(
    plan: Mapping[str, Any], frames: list[tuple[str, str]], there: set[tuple[str, str]]
) -> str:
    count = plan.get("shards", 1)
    if not whole(count, least=2, most=MOST_SHARDS):
        return ""
    shards = [Shard(number, count) for number in range(1, min(count, len(frames)) + 1)]
    waiting = [f"{s.number}/{count}" for s in shards if not there.issuperset(s.of(frames))]
    word = "shard" if len(waiting) == 1 else "shards"
    return f": {word} {_some(waiting)} not done"


def _some(words: list[str]) -> str:
    more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
    return ", ".join(words[:_NAMED]) + more
