"""Stage 3 of CMOS (CVPR 2023): fine-tune the restorer on estimated maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from blindsr.errors import ConfigError
from blindsr.imaging.resize import blur_at_lr
from blindsr.inference.catalogue import file_of
from blindsr.networks import BlindSR, kinds
from blindsr.networks.blur_unet import BlurUNet
from blindsr.networks.kinds import DEFAULTS, KIND
from blindsr.networks.settings.build import network_settings
from blindsr.types import Batch, Estimate
from blindsr.weights.checkpoint import read_network
from blindsr.weights.network_file import NetworkFile

from .blind_restoration import BlindRestorerTask
from .blur_unet import likelihood
from .class_path import by_kind
from .map_mix import check_shares, mixed_maps
from .rrdb_sft import CONSTANT, with_constant_sigma, with_maps
from .starting_weights import differ

if TYPE_CHECKING:
    from collections.abc import Mapping

UPPER_BOUND = "true maps"
PARTS: tuple[kinds.Role, ...] = ("estimator", "restorer")
_WIDE_EVERY = 3
"""Steps from one picture of wide blur to the next: enough that the estimator does not forget it."""
ROLES: dict[str, kinds.Role] = {**{part: part for part in PARTS}, "blind": "pipeline"}
"""What a file of ``weights`` must be, by its name there."""


class BlindSRTask(BlindRestorerTask):
    """Train and score :class:`blindsr.networks.BlindSR`.

    Only the restorer learns, unless ``estimator_loss`` is above 0.

    A test scores the SR image and the maps behind it, and has the rows bicubic (in the phase of the
    data), constant sigma and true maps (this restorer, told each image's mean sigma, or the truth,
    which bounds what a better estimator could give) and those of ``compare``.

    Args:
        num_classes: classes of the semantic map; follows the data on the command line.
        scale: HR size over LR size; follows the data.
        sigma_max: largest sigma of the data in HR pixels; follows the data.
        weights: ``estimator`` and ``restorer``: the files both start from, checkpoints of
            :class:`CMOSTask` and :class:`RRDBSFTTask`, exports, or official files (of a file of
            both, that part), or ``small``, the model in the box; or ``blind`` alone: one file of
            both. What is not named starts from random weights.
        estimator: its ``kind`` (``cmos`` if not named, or that of its file) and arguments, or
            ``class_path`` and ``init_args``, that replace the defaults or those of its file;
            ``num_classes`` and ``scale`` are those above, but for an estimator whose file has
            scale 1.
        restorer: the same of the restorer, ``rrdb_sft`` if not named.
        map_mix: shares of the training pictures whose restorer is told ``estimated``, ``truth`` and
            ``disturbed`` maps; ``None`` for estimated maps alone. Needs an estimator that tells its
            uncertainty and a restorer that takes it.
        estimator_loss: weight of the estimator's own loss, the likelihood of true sigma in LR and,
            where the data have it, in ``blurred``. Above 0 the estimator learns, too: from that
            loss, and from the restoration through its maps. 0, as released, leaves it as it is.
            Needs ``map_mix`` and an estimator of kind ``blur_unet``.
        learns: name of the one part of the restorer that learns, as ``data_step``; ``None`` for
            all of it.
        loss: ``"l1"``, or ``"rmse"``, see :func:`blindsr.losses.picture_rmse`.
        learning_rate: of Adam after warm-up.
        betas: of Adam.
        options: see the base classes; ``crop_border`` is 0 as in the paper's test, and ``schedule``
            was ``"constant"`` as released.

    Raises:
        ConfigError: if an option has an unknown value.
        FileError, WeightsError: if a file of ``weights`` is missing or holds another network.
    """

    network: BlindSR
    title = "BlindSR"
    architecture = ("num_classes", "scale", "estimator", "restorer")

    def __init__(
        self,
        num_classes: int = 40,
        scale: int = 4,
        sigma_max: float = 5.0,
        *,
        weights: dict[str, str] | None = None,
        estimator: dict[str, Any] | None = None,
        restorer: dict[str, Any] | None = None,
        map_mix: dict[str, float] | None = None,
        estimator_loss: float = 0.0,
        learns: str | None = None,
        loss: Literal["l1", "rmse"] = "l1",
        learning_rate: float = 5e-5,
        betas: tuple[float, float] = (0.9, 0.999),
        **options: Any,
    ) -> None:
        super().__init__(learning_rate=learning_rate, betas=betas, **options)
        common = {"num_classes": num_classes, "scale": scale}
        asked = {"estimator": estimator, "restorer": restorer}
        # a class of the user's own brings its kind, which a file may name
        given = {part: by_kind(asked[part] or {}, f"model.{part}") for part in PARTS}
        files = _read(weights)
        check_shares(map_mix or {"estimated": 1.0})
        estimator, restorer = (_resolved(part, files, given[part], common) for part in PARTS)
        # Resolved, so that a checkpoint of this task needs no other file to be rebuilt. On the
        # command line the values saved before are those of the configuration.
        self.hparams.update({"estimator": estimator, "restorer": restorer})
        network = kinds.build_network(kinds.PIPELINE, self._pipeline())
        assert isinstance(network, BlindSR)
        self.network = network
        parts = kinds.parts(kinds.PIPELINE, self._pipeline()).values()
        self.title = " + ".join(part.kind.title for part in parts)
        if map_mix is not None:
            self._require_uncertainty()
        if estimator_loss > 0:
            self._let_estimator_learn()
        if learns is not None:
            self._let_one_part_learn(learns)
        self._files: dict[str, NetworkFile] | None = files

    def _require_uncertainty(self) -> None:
        """For ``map_mix``, which tells the restorer how far off a map may be."""
        estimator, restorer = self.network.estimator, self.network.restorer
        if "blur_scale" not in estimator.estimates or "blur_scale" not in restorer.needs:
            raise ConfigError(
                "model.map_mix",
                found=self.title,
                expected="an estimator that tells its uncertainty and a restorer that takes it, as "
                "blur_unet and blur_sr",
                fix="Leave map_mix out.",
            )

    def _let_estimator_learn(self) -> None:
        if self.hparams["map_mix"] is None or not isinstance(self.network.estimator, BlurUNet):
            raise ConfigError(
                "model.estimator_loss",
                found=f"{self.hparams['estimator_loss']:g} for {self.title}",
                expected="map_mix, and an estimator of kind blur_unet",
                fix="Leave estimator_loss out.",
            )
        self.network.estimator.requires_grad_(True)

    def _let_one_part_learn(self, name: str) -> None:
        parts = dict(self.network.restorer.named_children())
        if name not in parts:
            expected = f"one of {', '.join(parts)}"
            raise ConfigError("model.learns", found=repr(name), expected=expected)
        self.network.restorer.requires_grad_(False)
        parts[name].requires_grad_(True)

    def _pipeline(self) -> dict[str, Any]:
        phase = self._of_restorer("phase", 0.0)
        return {**{role: self.hparams[role] for role in PARTS}, "phase": phase}

    def stored_settings(self, kind: kinds.NetworkKind) -> dict[str, Any]:
        """Settings of estimator and restorer that shape the networks, for files of weights."""
        settings = self._pipeline()
        return {**settings, **kinds.shared(settings)}

    def _of_restorer(self, name: str, without: Any) -> Any:
        """Value of an argument of the restorer; ``without`` if it has no such argument."""
        settings = self.hparams["restorer"]
        kind = kinds.by_name(settings[KIND], "restorer")
        return {name: without, **kinds.constructor(kind.network), **settings}[name]

    def random_parts(self) -> str:
        """Names the part (estimator, restorer) that ``weights`` names no file for."""
        files = self.hparams["weights"] or {}
        missing = [] if "blind" in files else [part for part in PARTS if part not in files]
        return " and ".join(f"the {part}" for part in missing)

    def preflight(self, stage: str, *, resumed: bool) -> None:
        """Load the weights to start from and the networks to compare with, once.

        Raises:
            FileError, WeightsError: if a file is missing or holds another network.
            ConfigError: if it was made with other settings.
        """
        super().preflight(stage, resumed=resumed)
        if not resumed and self._files is not None:
            self._start(self._files)
        self._files = None

    def _start(self, files: Mapping[str, NetworkFile]) -> None:
        for part in PARTS:
            module = kinds.networks(self.network)[part]
            file = files.get(part) or files.get("blind")
            if file is None:
                continue
            wanted, found = self.hparams[part], _settings_of({part: file}, part)
            lacking = getattr(module, "started_without", {})
            for name, value in lacking.items():
                if found.get(name) == value:
                    del found[name]  # the network may have it all the same
            differ(file.path, found, {KIND: DEFAULTS[part], **wanted})
            loaded = file.network(wanted.get("window_layout", "fixed") if file.official else None)
            state = _part_of(kinds.networks(loaded), part).state_dict()
            module.load_state_dict({**module.state_dict(), **state} if lacking else state)

    def decided_by_data(self) -> dict[str, Any]:
        """Adds the phase where a part depends on it; drops the classes if no part uses them."""
        skips = self._of_restorer("skip", "bicubic") == "bicubic"
        reads = self.network.restorer.takes_kernels
        own = {"restorer.phase": self._of_restorer("phase", 0.0)} if skips or reads else {}
        estimator = self.network.estimator
        if hasattr(estimator, "phase"):  # it places its map
            own["estimator.phase"] = estimator.phase
        decided = super().decided_by_data() | own
        network = self.network
        if "seg" not in (*network.estimator.estimates, *network.restorer.needs):
            decided.pop("num_classes", None)
        return decided

    def forward(self, lr: Tensor) -> tuple[Tensor, Estimate]:
        """(N, 3, h, w) in [0, 1] -> SR image and the maps it was restored with."""
        return self.network(lr)

    def restore_to_learn(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Restore with the maps of ``map_mix``; the estimator learns from them if it is to."""
        shares = self.hparams["map_mix"]
        if shares is None:
            return super().restore_to_learn(batch)
        self.require(batch, "blur")
        losses: dict[str, Tensor] = {}
        if self.hparams["estimator_loss"] > 0:
            estimate, losses["estimator_loss"] = self._estimate_to_learn(batch)
        else:
            estimate = self.network.estimate(batch["lr"])
        assert estimate.blur is not None
        assert estimate.blur_scale is not None
        blur, scale = mixed_maps(
            shares, batch["blur"], estimate.blur, estimate.blur_scale, self.draws()
        )
        return self.network.restorer(batch["lr"], blur, blur_scale=scale), losses

    def _estimate_to_learn(self, batch: Batch) -> tuple[Estimate, Tensor]:
        """Maps with a gradient, and the estimator's loss."""
        estimator = self.network.estimator
        assert isinstance(estimator, BlurUNet)
        code = estimator.log_sigma(batch["lr"])
        loss = likelihood(code, blur_at_lr(batch["blur"], int(self.hparams["scale"])))
        if "blurred" in batch and self.global_step % _WIDE_EVERY == 0:
            # one of these has four times the pixels of a batch of LR
            wide = estimator.log_sigma(batch["blurred"][:1])
            loss = loss + likelihood(wide, batch["blur"][:1])
        return self.network.at_hr(estimator.from_code(code)), loss

    def restore(self, batch: Batch) -> tuple[Tensor, Estimate]:
        """Restore without knowing the maps."""
        return self(batch["lr"])

    def told_rivals(self, batch: Batch) -> dict[str, Tensor]:
        """The restorer with a constant and with the true maps."""
        results: dict[str, Tensor] = {}
        restorer = self.network.restorer
        known = all(name in batch for name in restorer.needs if name != "blur_scale")
        if known and "blur" in restorer.needs:
            results[CONSTANT] = with_maps(self, restorer, with_constant_sigma(batch))
            results[UPPER_BOUND] = with_maps(self, restorer, batch)
        return results

    def predict_step(self, batch: Batch, batch_idx: int) -> tuple[Tensor, Estimate]:
        """Restore without targets."""
        return self(batch["lr"])


def _read(weights: Mapping[str, str] | None) -> dict[str, NetworkFile]:
    """Read the files that are named, and check that each holds what its name says."""
    files = {}
    for name, path in (weights or {}).items():
        wanted = ROLES.get(name)
        if wanted is None:
            raise ConfigError(
                "model.weights", found=f"{name!r}", expected="'estimator', 'restorer' or 'blind'"
            )
        files[name] = read_network(file_of(path))
        role = kinds.by_name(files[name].kind).role
        if not kinds.serves(role, wanted) and wanted not in files[name].parts:
            raise ConfigError(
                f"model.weights.{name}",
                found=f"{path}, a {files[name].kind} network, which is no {wanted}",
                expected=" or ".join(kinds.names(wanted)),
            )
    return files


def _settings_of(files: Mapping[str, NetworkFile], role: kinds.Role) -> dict[str, Any]:
    """Kind and constructor settings of a part according to its file; none without a file."""
    file = files.get(role) or files.get("blind")
    if file is None:
        return {}
    part = _part_of(file.parts, role)
    return {KIND: part.kind.name, **network_settings(part.kind.network, part.settings)}


def _part_of(parts: Mapping[Any, Any], role: kinds.Role) -> Any:
    """Of a file's networks the one of a role; one that restores as well may estimate."""
    return parts[role] if role in parts else parts["joint"]


def _resolved(
    role: kinds.Role,
    files: Mapping[str, NetworkFile],
    given: Mapping[str, Any],
    common: Mapping[str, Any],
) -> dict[str, Any]:
    """Kind and constructor settings of a part: its file's, those given, those of the data."""
    settings = {KIND: DEFAULTS[role], **_settings_of(files, role), **given}
    kind = kinds.by_name(settings[KIND], role)
    low = role == "estimator" and settings.get("scale") == 1  # its maps are enlarged
    decided = {name: value for name, value in common.items() if name != "scale" or not low}
    return {KIND: kind.name, **network_settings(kind.network, {**settings, **decided})}
