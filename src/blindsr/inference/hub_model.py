"""``push_to_hub`` and ``from_pretrained`` of a model, by the mixin of huggingface_hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from huggingface_hub import ModelCard, ModelHubMixin

from blindsr import __version__
from blindsr.errors import FileError, WeightsError
from blindsr.weights.anchors.anchor import read_anchor
from blindsr.weights.anchors.dialects import anchor_state
from blindsr.weights.checkpoint import OtherNetworkError, read_network
from blindsr.weights.export import from_official, save_safetensors
from blindsr.weights.reading import is_safetensors
from blindsr.weights.writing import write_bytes, write_safetensors

from .abilities import describe
from .hub import WEIGHTS, download, one_line, reachable

if TYPE_CHECKING:
    from .model import Model

CARD = """---
library_name: blindsr
pipeline_tag: image-to-image
tags: [super-resolution, deblurring, blindsr]
---

# {title}

{line}

| | |
|---|---|
| enlarges | x{scale} |
| trained for | {trained_for} |
| blur map | {maps} |

```python
import blindsr

model = blindsr.load("hf:{repo}")
large = model.upscale(picture)
```

`blindsr upscale photo.jpg -o large --model hf:{repo}` does the same. Written by blindsr {version}.
"""


class HubModel(ModelHubMixin, library_name="blindsr"):
    """The base of :class:`blindsr.restore.Restorer` that knows the Hub; safetensors only."""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        """Show the mixin no arguments: it would copy the networks, and keep the copies."""
        return super().__new__(cls)

    def __init__(self, model: Model) -> None:
        self._model = model

    def _save_pretrained(self, save_directory: Path) -> None:
        """Write ``model.safetensors`` and ``config.json``, which says in JSON what it is."""
        write_weights(Path(self._model.origin), save_directory / WEIGHTS)
        content = {
            "library": "blindsr",
            "version": __version__,
            "title": self._model.title,
            "scale": self._model.scale,
            "trained_for": self._model.trained_for,
        }
        text = json.dumps(content, indent=2) + "\n"
        (save_directory / "config.json").write_text(text, encoding="utf-8")

    def generate_model_card(self, *_: Any, repo: str = "owner/name", **__: Any) -> ModelCard:
        """The card of the model: what the file says of it, and how to load it."""
        model = self._model
        maps = "its own" if model.estimator else "that of the estimator in the box"
        trained_for = model.trained_for or "not said by its file"
        facts = {"title": model.title, "line": describe(model), "scale": model.scale}
        more = {"maps": maps, "trained_for": trained_for, "repo": repo, "version": __version__}
        return ModelCard(CARD.format(**facts, **more))

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload weights, card and description, see ``huggingface_hub.ModelHubMixin.push_to_hub``.

        Raises:
            WeightsError: the Hub cannot be reached, or refuses.
        """
        with one_line(repo_id):
            if not reachable():
                raise WeightsError(
                    repo_id, found="the Hub cannot be reached", expected="a connection"
                )
            options.setdefault("model_card_kwargs", {"repo": repo_id})
            return super().push_to_hub(repo_id, **options)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | Path, **options: Any) -> Self:
        """Load a folder that ``save_pretrained`` wrote, or a model of the Hub.

        Args:
            pretrained_model_name_or_path: the folder, or ``owner/name``.
            options: ``revision``, ``token`` and the others of the mixin; ``device`` and
                ``precision`` as of :func:`blindsr.load`.

        Raises:
            FileError, WeightsError: it is not there, or holds no safetensors.
        """
        name = str(pretrained_model_name_or_path)
        with one_line(name):
            if not Path(name).is_dir() and not reachable():
                options["local_files_only"] = True
            return super().from_pretrained(name, **options)

    @classmethod
    def _from_pretrained(cls, *, model_id: str, **options: Any) -> Self:
        """Find the weights and load them as :func:`blindsr.load` does."""
        from blindsr.inference.open_model import open_model, pick_device, pick_precision

        device = pick_device(options.pop("device", "auto"))
        precision = pick_precision(options.pop("precision", "auto"))
        path = Path(model_id) / WEIGHTS
        if not Path(model_id).is_dir():
            path = download(model_id, WEIGHTS, **options)
        elif not path.is_file():
            raise FileError(model_id, found=f"a folder without {WEIGHTS}", expected="safetensors")
        return cls(open_model(path, device, precision, None))


def write_weights(origin: Path, out: Path) -> None:
    """Write the weights of a model as safetensors with what their file says of them.

    Raises:
        WeightsError: they are officially released ones, whose layout of windows is not said.
    """
    if is_safetensors(origin):
        write_bytes(out, origin.read_bytes())
        return
    try:
        file = read_network(origin)
    except OtherNetworkError:
        anchor = read_anchor(origin)
        write_safetensors(out, anchor_state(anchor.names, "", anchor.network.state_dict()))
        return
    if file.official and not file.has_windows:
        file = from_official(file)
    if file.official:
        raise WeightsError(
            origin,
            found="an official file, which tells no window layout",
            expected="one that does",
            fix=f"Type: blindsr convert official {origin} -o model.safetensors.",
        )
    save_safetensors(out, file)
