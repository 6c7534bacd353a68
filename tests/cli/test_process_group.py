"""A process group is closed before the interpreter ends."""

import atexit

import torch.distributed

from blindsr.cli.training import process_group
from blindsr.cli.training.command import main


def test_every_command_closes_the_group_once_at_its_end(monkeypatch, capsys):
    registered = []
    monkeypatch.setattr(atexit, "register", registered.append)
    monkeypatch.setattr(atexit, "unregister", lambda one: one in registered and registered.clear())
    assert main(["fit", "--no_such_option"]) == 2
    assert main(["fit", "--no_such_option"]) == 2
    (at_exit,) = registered
    at_exit()  # nothing to close: nothing happens
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    at_exit()
    assert not torch.distributed.is_initialized()


def test_the_group_is_closed_after_what_holds_it_is_gone(monkeypatch):
    calls = []
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: calls.append("group"))
    monkeypatch.setattr(process_group.gc, "collect", lambda: calls.append("holders"))
    process_group._part()
    assert calls == ["holders", "group"]
