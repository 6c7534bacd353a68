"""Models of the Hugging Face Hub: found by ``hf:owner/name``, safetensors only."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from blindsr.errors import WeightsError

PREFIX = "hf:"
WEIGHTS = "model.safetensors"
_WORD = re.compile(r"hf:(?P<repo>[^/@\s]+/[^/@\s]+)(/(?P<file>[^@\s]+))?(@(?P<revision>\S+))?")
_PATIENCE = 5.0  # seconds for a connection; the library itself would retry for half a minute


def hub_file(word: str) -> Path:
    """The local copy of a file of the Hub, downloaded where it is not in the cache.

    Args:
        word: ``hf:owner/name`` for its ``model.safetensors``, ``hf:owner/name/FILE`` for another
            file, with ``@REVISION`` behind it for another than the newest.

    Raises:
        WeightsError: it is no such word, no safetensors, not there, or cannot be reached and is not
            in the cache.
    """
    match = _WORD.fullmatch(word)
    if match is None:
        raise WeightsError(word, found="no name of the Hub", expected="hf:owner/name")
    name = match["file"] or WEIGHTS
    if not name.endswith(".safetensors"):
        raise WeightsError(
            word, found=name, expected="a file of safetensors: others could run code"
        )
    return download(match["repo"], name, revision=match["revision"])


def download(repo: str, name: str, **options: Any) -> Path:
    """Download a file, or find it in the cache.

    Args:
        repo: ``owner/name``.
        name: of the file.
        options: of ``huggingface_hub.hf_hub_download``.

    Raises:
        WeightsError: as :func:`hub_file`.
    """
    from huggingface_hub import hf_hub_download

    with one_line(repo):
        if not reachable():
            options["local_files_only"] = True
        return Path(hf_hub_download(repo, name, **options))


def reachable() -> bool:
    """Whether a connection to the Hub, or to the proxy before it, is made in a few seconds."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    address = urlsplit(constants.ENDPOINT)
    proxy = getproxies().get(address.scheme)
    if proxy:
        address = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=_PATIENCE).close()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def one_line(repo: str) -> Iterator[None]:
    """Translate what the library raises, and keep its notes about retries to ourselves.

    Raises:
        WeightsError: instead of its errors.
    """
    from huggingface_hub import constants, errors
    from huggingface_hub.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    where = f"{PREFIX}{repo}"
    try:
        yield
    except errors.RepositoryNotFoundError as error:
        raise WeightsError(
            where,
            found="no such model on the Hub, or one that is not public",
            expected="owner/name as in its address",
            fix="For a private one: hf auth login.",
        ) from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise WeightsError(
            where,
            found="the Hub cannot be reached, and the model is not in the cache",
            expected=f"a connection to {constants.ENDPOINT}",
            fix="Load a file instead, or run the same once with a connection.",
        ) from error
    except errors.EntryNotFoundError as error:
        raise WeightsError(
            where,
            found=f"a model without {WEIGHTS}",
            expected="safetensors: other files could run code and are not read",
            fix="Name another file of it: hf:owner/name/FILE.safetensors.",
        ) from error
    except errors.HFValidationError as error:
        raise WeightsError(
            where, found="no name of a model", expected="owner/name of letters, digits, - _ ."
        ) from error
    except Exception as error:
        ours = isinstance(error, (errors.HfHubHTTPError, ConnectionError, TimeoutError))
        if not ours and not type(error).__module__.startswith("httpx"):
            raise
        said = " ".join(str(error).split())[:200]
        raise WeightsError(where, found=f"refused by the Hub ({said})") from error
    finally:
        logging.set_verbosity(before)
