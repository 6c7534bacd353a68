"""Errors of Lightning, torch, loggers and the system as one line: which key, why, what to do.

These packages complain with exceptions of general kinds. It is their complaint, and not a defect of
this library, if one of them raised it on purpose: the error left their own code, and they check
configurations there. Everything else keeps its traceback.
"""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from blindsr.errors import BlindSRError, ConfigError, FileError, os_error

_OTHERS = re.compile(
    r"[/\\]site-packages[/\\]"
    r"(lightning|lightning_fabric|lightning_utilities|pytorch_lightning|wandb"
    r"|torch[/\\](optim|utils[/\\]data|distributed))[/\\]"
)
_COMPLAINTS = (ValueError, TypeError, RuntimeError, ImportError, KeyError, AttributeError)
_ALWAYS = ("MisconfigurationException",)
_LONGEST = 300
_REWRITTEN = (
    (
        r"No supported gpu backend|CUDA.*not available|only has: \[\]|MPSAccelerator",
        "trainer.accelerator",
        "no GPU that can be used",
        "Use --trainer.accelerator cpu.",
    ),
    (
        r"`fsdp` requires a GPU",
        "trainer.strategy",
        "fsdp without a GPU that can be used",
        "Use --trainer.strategy ddp.",
    ),
    (
        r"No API key|wandb login|[Aa]pi.?[Kk]ey|not logged in",
        "trainer.logger",
        "no login of Weights & Biases",
        "Run `wandb login`, or set WANDB_MODE=offline.",
    ),
    (
        r"init_timeout|while retrying|no such host",
        "trainer.logger",
        "no answer from the site of Weights & Biases",
        "Set WANDB_MODE=offline; `wandb sync` uploads the run later.",
    ),
    (
        r"less than or equal to the number of the training batches",
        "trainer.val_check_interval",
        "more batches than an epoch has",
        "Give a smaller number, or --trainer.check_val_every_n_epoch null to count over epochs.",
    ),
)
"""Pattern, key, what was found, what to do: where their advice is for programmers."""
_BETWEEN_PROCESSES = re.compile(r"gloo|NCCL|TCPStore|client socket|store->")
_LOST = re.compile(
    r"connection (?:closed|reset|refused|was)|broken pipe|remote (?:process|worker)"
    r"|tim(?:ed |e)out",
    re.IGNORECASE,
)
"""What gloo, NCCL and torch say where one of several processes is gone."""
_OF_MODEL = (
    ("Invalid learning rate", "learning_rate"),
    ("Invalid beta", "betas"),
    ("Invalid weight_decay", "weight_decay"),
)


def refused(
    error: BaseException, known_keys: Sequence[str] = (), folder: Path | None = None
) -> BlindSRError | None:
    """The one line for an error that a user caused; ``None`` for a defect.

    Args:
        error: as caught. What it was raised from counts too: jsonargparse wraps what a constructor
            raises.
        known_keys: of the command, to find the one that a message is about.
        folder: of the run, for errors of the system that name no file.
    """
    causes = list(_chain(error))
    for cause in causes:
        if isinstance(cause, BlindSRError):
            return cause
    for cause in causes:
        line = _memory(cause) or _lost_process(cause) or _system(cause, folder)
        if line is not None:
            return line
    for cause in causes:
        if _is_complaint(cause):
            return _complaint(str(cause) or type(cause).__name__, known_keys)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and those it was raised from or while handling."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or error.__context__


def _memory(error: BaseException) -> BlindSRError | None:
    """Too little memory, of the device or of the machine."""
    if not isinstance(error, MemoryError) and type(error).__name__ != "OutOfMemoryError":
        return None
    return ConfigError(
        "data.batch_size",
        found="more memory needed than there is",
        fix="Give a smaller --data.batch_size or --data.crop, or --trainer.precision bf16-mixed.",
    )


def _lost_process(error: BaseException) -> BlindSRError | None:
    """One of several processes was killed, or its machine cannot be reached."""
    text = str(error)
    if not isinstance(error, RuntimeError) or not _BETWEEN_PROCESSES.search(text):
        return None
    if not _LOST.search(text):
        return None
    return BlindSRError(
        "another process of this run",
        found="ended, or cannot be reached",
        expected="all of them to take part",
        fix="Look at its last lines; one that was killed without any often lacked memory.",
    )


def _system(error: BaseException, folder: Path | None) -> BlindSRError | None:
    """What the operating system says, also through torch's loaders."""
    if isinstance(error, OSError):
        return os_error(error, error.filename or folder, "used")
    if isinstance(error, RuntimeError) and "Too many open files" in str(error):
        return FileError(
            folder or "data",
            found="too many open files",
            fix="Raise the limit (`ulimit -n 4096`), or lower --data.num_workers.",
        )
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return os_error(error, folder, "used")
    return None


def _is_complaint(error: BaseException) -> bool:
    if type(error).__name__ in _ALWAYS or type(error).__module__.startswith("wandb."):
        return True
    return isinstance(error, _COMPLAINTS) and bool(_OTHERS.search(_raised_in(error.__traceback__)))


def _raised_in(traceback: types.TracebackType | None) -> str:
    """The file whose code raised an error."""
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else traceback.tb_frame.f_code.co_filename


def _complaint(message: str, known_keys: Iterable[str]) -> BlindSRError:
    """Their words, behind the key that they are about."""
    text = " ".join(message.split())
    for pattern, key, found, fix in _REWRITTEN:
        if re.search(pattern, text):
            return ConfigError(key, found=found, fix=fix)
    missing = re.search(r"Requirement '([^']+)' not met", text)
    if missing:
        return ConfigError(
            _key(text, known_keys),
            found=f"{missing[1]} is not installed",
            fix=f"Install it (`uv pip install '{missing[1]}'`), or choose without it.",
        )
    shown = text if len(text) <= _LONGEST else text[:_LONGEST].rpartition(" ")[0] + " ..."
    return ConfigError(_key(text, known_keys), found=shown)


def _key(text: str, known_keys: Iterable[str]) -> str:
    """The key whose name stands in a message; the trainer's where none does."""
    for words, name in _OF_MODEL:
        if words in text:
            return f"model.{name}"
    names = {key.rpartition(".")[2]: key for key in known_keys if key.startswith("trainer.")}
    for word in re.findall(r"\w+", text):
        if word in names and ("_" in word or f"{word}=" in text or f"`{word}`" in text):
            return names[word]
    if "Early stopping" in text:
        return "trainer.callbacks"
    return "seed_everything" if "numpy accepts from" in text else "trainer"
