import argparse

import pytest

from blindsr.cli import prepare
from blindsr.errors import ConfigError, FileError


def parse(sources, out, *options):
    parser = argparse.ArgumentParser(prog="blindsr prepare")
    prepare.add_arguments(parser)
    names = ("--mat", "--splits", "--classes")
    given = [word for pair in zip(names, map(str, sources), strict=True) for word in pair]
    return parser.parse_args(["nyuv2", *given, "--out", str(out), *options])


def test_prepares_and_sums_up(sources, tmp_path, capsys):
    out = tmp_path / "bsr"
    assert (
        prepare.run(
            parse(sources, out, "--downsampler", "area", "--sigma-max", "3", "--workers", "0")
        )
        == 0
    )
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[-1].startswith(
        f"NYUv2-BSR in {out}: train 4 VA + 1 IVA, 5 test groups of 1 VA + 1 IVA; "
        "area, layered, sigma 0..3;"
    )
    assert len(list((out / "train" / "LRx4").iterdir())) == 5
    assert (out / "train" / "depth" / "0001.png").is_file()
    prepare.run(
        parse(
            sources, out, "--overwrite", "--workers", "0", "--operator", "gather", "--no-keep-depth"
        )
    )
    assert "sfold, gather" in capsys.readouterr().out.splitlines()[-1]
    assert not (out / "train" / "depth" / "0001.png").exists()


def test_defaults(sources, tmp_path):
    given = parse(sources, tmp_path)
    assert (given.operator, given.keep_depth, given.workers) == ("layered", True, None)
    assert prepare._cores() >= 1


def test_mistakes_are_errors_of_the_library(sources, tmp_path):
    with pytest.raises(ConfigError, match="downsampler: 'nearest'"):
        prepare.run(parse(sources, tmp_path / "out", "--downsampler", "nearest"))
    with pytest.raises(FileError, match=r"none\.mat: no such file"):
        prepare.run(parse([tmp_path / "none.mat", *sources[1:]], tmp_path / "out"))


def test_data_set_must_be_named(capsys):
    parser = argparse.ArgumentParser()
    prepare.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert "DATASET" in capsys.readouterr().err
