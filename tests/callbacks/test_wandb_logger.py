import pytest

from blindsr.callbacks.wandb_logger import WandbLogger, has_account


@pytest.fixture(autouse=True)
def no_credentials(monkeypatch, tmp_path):
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_no_account_means_offline(tmp_path):
    assert not has_account()
    assert WandbLogger(save_dir=str(tmp_path))._offline


def test_a_netrc_entry_or_a_key_is_an_account(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine api.wandb.ai login user password secret\n")
    assert has_account()
    assert not WandbLogger(save_dir=str(tmp_path))._offline
    (tmp_path / "netrc").unlink()
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert has_account()


def test_the_mode_of_the_environment_wins(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "online")
    assert not WandbLogger(save_dir=str(tmp_path), offline=True)._offline
