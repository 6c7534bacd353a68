"""The logger of Weights & Biases: offline without an account, silent, loaded when asked for."""

import pytest

from blindsr.callbacks.wandb_logger import WandbLogger, has_account
from blindsr.errors import ConfigError

VARIABLES = (
    *("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_MODE", "WANDB_BASE_URL"),
    *("WANDB_PROJECT", "WANDB_NAME", "WANDB_RUN_GROUP", "WANDB_INIT_TIMEOUT"),
)


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_no_account_means_offline(tmp_path):
    assert not has_account()
    assert WandbLogger(save_dir=str(tmp_path))._offline


@pytest.mark.parametrize("host", ["api.wandb.ai", "api.forge.coreweave.com", "runs.example.org"])
def test_a_netrc_entry_is_an_account(host, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_BASE_URL", "https://runs.example.org")
    (tmp_path / "netrc").write_text("machine github.com login user password secret\n")
    assert not has_account()
    (tmp_path / "netrc").write_text(f"machine {host} login user password secret\n")
    assert has_account()
    assert not WandbLogger(save_dir=str(tmp_path))._offline


@pytest.mark.parametrize(
    ("mode", "offline"), [("online", False), ("offline", True), ("dryrun", True)]
)
def test_the_mode_of_the_environment_wins(mode, offline, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    monkeypatch.setenv("WANDB_MODE", mode)
    for asked in (True, False, None):
        assert WandbLogger(save_dir=str(tmp_path), offline=asked)._offline is offline


def test_disabled_needs_no_account(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    WandbLogger(save_dir=str(tmp_path))


@pytest.mark.parametrize("mode", [None, "online"])
def test_nobody_is_asked_for_an_account(mode, monkeypatch, tmp_path):
    if mode:
        monkeypatch.setenv("WANDB_MODE", mode)
    logger = WandbLogger(save_dir=str(tmp_path / "logs"), offline=False)
    for begin in (logger.preflight, lambda: logger.experiment):
        with pytest.raises(ConfigError, match=r"no login of Weights & Biases.*WANDB_MODE=offline"):
            begin()
    assert not (tmp_path / "logs").exists()


def test_a_run_is_named_after_its_folder_unless_it_has_a_name(monkeypatch, tmp_path):
    def named(**options):
        logger = WandbLogger(save_dir=str(tmp_path), **options)
        logger.name_run("cmos_nyu", "version_3")
        return logger._wandb_init["name"], logger._wandb_init["group"]

    assert named() == ("cmos_nyu/version_3", "cmos_nyu")
    assert named(name="mine", group="ours") == ("mine", "ours")
    monkeypatch.setenv("WANDB_RUN_GROUP", "theirs")  # wandb reads these where no value is given
    monkeypatch.setenv("WANDB_NAME", "that")
    assert named() == (None, None)


def test_project_and_patience_follow_the_environment(monkeypatch, tmp_path):
    assert WandbLogger(save_dir=str(tmp_path))._wandb_init["project"] == "blindsr"
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    monkeypatch.setenv("WANDB_INIT_TIMEOUT", "7")
    logger = WandbLogger(save_dir=str(tmp_path))
    assert logger._wandb_init["project"] == "mine"
    assert logger._wandb_init["settings"] == {"init_timeout": 7.0}
