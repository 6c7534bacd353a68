"""``blindsr models``: what can be loaded, what each model is for, and what it is not for."""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from blindsr.errors import ConfigError, printable
from blindsr.inference.catalogue import ASSETS, BOX, EXTRA, Card, cards

WEIGHTS, LOGS = Path("weights"), Path("logs")
"""Folders of the place where one works that are looked into."""
SUFFIXES = (".safetensors", ".pth", ".ckpt", ".param", ".onnx")
EXAMPLES = """examples:
  blindsr models
  blindsr models ~/upscayl/models
  blindsr models --cost small weights/RealESRGAN_x4plus.pth --size 320x180
  blindsr upscale photo.jpg -o large --model realesrgan-x4plus"""
_LARGEST_HEADER = 2**24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument(
        "folders",
        metavar="FOLDER",
        type=Path,
        nargs="*",
        help="look here for files, instead of weights and logs",
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    parser.add_argument(
        "--cost",
        metavar="MODEL",
        nargs="+",
        help="count parameters and FLOPs of these files or names, and list nothing",
    )
    parser.add_argument(
        "--size", metavar="WxH", default="320x180", help="LR picture that --cost runs on [320x180]"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the models that have a name, the files on disk, and the official files."""
    if arguments.cost:
        return _print_costs(arguments)
    for folder in arguments.folders:
        if not folder.is_dir():
            raise ConfigError("FOLDER", found=f"{folder}, no folder", expected="one with models")
    found = {
        "named": {name: _named(card) for name, card in cards().items()},
        "on_disk": {str(path): file_card(path) for path in _files(arguments.folders)},
        "official": official(),
    }
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return 0
    places = " and ".join(map(str, arguments.folders or (WEIGHTS, LOGS)))
    titles = {
        "named": "By name (--model NAME, blindsr.load(NAME)):",
        "on_disk": f"On disk, in {places} (--model PATH):",
        "official": "Official files (none is downloaded; put them into weights):",
    }
    for part, title in titles.items():
        sys.stdout.write(f"{title}\n")
        for name, card in found[part].items():
            sys.stdout.write(f"  {printable(name)}\n")
            for key, value in card.items():
                if value:
                    sys.stdout.write(f"      {key.replace('_', ' ')}: {printable(value)}\n")
        if not found[part]:
            sys.stdout.write("  none\n")
    sys.stdout.write("Models of the Hugging Face Hub: --model hf:owner/name (safetensors only)\n")
    return 0


def official() -> dict[str, dict[str, str]]:
    """Cards of the files that their authors publish, by name or pattern."""
    text = (ASSETS / "official_models.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def file_card(path: Path) -> dict[str, str]:
    """What is known of a file, its weights unread: its own words, else those of an official one."""
    words = _header(path) if path.suffix == ".safetensors" else {}
    if words:
        return {
            "what": _kind(words),
            "good_for": words.get("trained_for", ""),
            "not_for": words.get("not_for", ""),
            "maps_not_shown": words.get("untrusted_maps", ""),
        }
    for pattern, card in official().items():
        if fnmatch.fnmatch(path.name, pattern):
            return {"what": card["does"], **{key: card[key] for key in ("good_for", "not_for")}}
    return {}


def _named(card: Card) -> dict[str, str]:
    how = "here" if card.path is not None else f"uv pip install 'blindsr[{EXTRA}]'"
    if card.place == BOX and card.path is None:
        how = "missing: install the package again"
    return {
        "what": f"{card.title}, x{card.scale}",
        "good_for": card.good_for,
        "not_for": card.not_for,
        "licence": card.licence,
        "get": how,
    }


def _files(folders: list[Path]) -> Iterator[Path]:
    for folder in folders or [folder for folder in (WEIGHTS, LOGS) if folder.is_dir()]:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield path


def _header(path: Path) -> dict[str, str]:
    """Text metadata of a safetensors file; none where it is damaged."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            content: Any = json.loads(file.read(min(length, _LARGEST_HEADER)))
        words = content.get("__metadata__", {})
        return {key: value for key, value in words.items() if isinstance(value, str)}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def _kind(words: dict[str, str]) -> str:
    """The kind of network that an export of this package says it is."""
    try:
        kind = json.loads(words["blindsr"])["kind"]
    except (KeyError, ValueError, TypeError):
        return "a network in another program's names"
    return str(kind)


def _print_costs(arguments: argparse.Namespace) -> int:
    """Run every model once on a grey picture, and print what that took."""
    import blindsr

    width, _, height = arguments.size.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ConfigError("--size", found=arguments.size, expected="a size such as 320x180")
    found = {
        name: blindsr.load(name).cost(height=int(height), width=int(width))
        for name in arguments.cost
    }
    if arguments.json:
        costs = {name: {**cost._asdict(), "size": arguments.size} for name, cost in found.items()}
        sys.stdout.write(json.dumps(costs, indent=2) + "\n")
        return 0
    for name, cost in found.items():
        sys.stdout.write(
            f"{printable(name)}: {cost.parameters / 1e6:.3f} M parameters, "
            f"{cost.flops / 1e9:.3f} GFLOPs (half as many multiply-adds) "
            f"for LR of {arguments.size}\n"
        )
    return 0
