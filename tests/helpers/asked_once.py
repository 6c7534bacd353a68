"""What libraries find out anew for every command, though the answer stays the same: asked once."""

import copy
import functools

import torch


def ask_once(patch):
    """Keep the answers of Lightning and of its command line while ``patch`` lasts."""
    from jsonargparse import _optionals, _signatures
    from lightning.fabric.utilities import registry

    # every trainer looks through the metadata of all packages for callbacks, and for GPUs
    patch.setattr(registry, "entry_points", functools.cache(registry.entry_points))
    patch.setattr(torch.cuda, "device_count", functools.cache(torch.cuda.device_count))
    # every command reads the sources and the words of all classes that it may be given; not where
    # one search leads to the next, whose answer depends on the class that was asked for first
    ask, parse = _signatures.get_signature_parameters, _optionals.parse_docstring
    patch.setattr(_signatures, "get_signature_parameters", _known(ask, _copied))
    patch.setattr(_optionals, "parse_docstring", _known(parse))


def _copied(parameters):
    """Parameters that whoever asked may change."""
    return [copy.copy(parameter) for parameter in parameters]


def _known(ask, given=lambda answer: answer):
    """The same question, whose answers are kept; what logs the search is no part of it."""
    known = {}

    def answer(*about, logger=True, **more):
        key = (*about, *more.items())
        try:
            if key not in known:
                known[key] = ask(*about, logger=logger, **more)
        except TypeError:  # of a component that cannot be a key
            return ask(*about, logger=logger, **more)
        return given(known[key])

    return answer
