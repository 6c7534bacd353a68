"""What a parser says, condensed to one line."""

import pytest

from blindsr.cli.training.config_errors import did_you_mean, explain, readable_type

KEYS = ["trainer.max_epochs", "trainer.accelerator", "data", "model", "seed_everything"]
UNION = """Parser key "{key}":
  Does not validate against any of the Union subtypes
  Subtypes: [<class 'LightningModule'>, <class 'NoneType'>]
  Errors:
    - Problem with given class_path '{path}':
        {cause}
    - Expected a <class 'NoneType'>
  Given value type: <class 'dict'>
  Given value: {{'class_path': '{path}'}}"""


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        (
            UNION.format(
                key="model",
                path="blindsr.tasks.schedules.WarmupCosine",
                cause="Option 'warmup_step' is not accepted",
            ),
            ["model.warmup_step", "unknown key", "Did you mean model.warmup_steps?"],
        ),
        (
            UNION.format(
                key="data",
                path="a.B",
                cause="Parser key \"batch_size\":\n Expected a <class 'int'>. Got value: two",
            ),
            ["data.batch_size: two, expected int"],
        ),
        (
            UNION.format(
                key="model",
                path="a.B",
                cause="Parser key \"losses\":\n  Expected a typing.Literal['released', 'paper']. "
                "Got value: foo",
            ),
            ["model.losses: foo", "one of 'released', 'paper'"],
        ),
        (
            "Parser key \"trainer.max_epochs\":\n  Errors:\n    - Expected a <class 'int'>\n"
            "    - Expected a <class 'NoneType'>\n  Given value: foo",
            ["trainer.max_epochs: foo, expected int"],
        ),
        ("Parser key \"config\": File does not exist: '/x.yaml'", ["/x.yaml: no such file"]),
        (
            "unrecognized arguments: --trainer.max_epoch 1",
            ["--trainer.max_epoch: unknown argument", "Did you mean --trainer.max_epochs?"],
        ),
        (
            "argument subcommand: invalid choice: 'fti' (choose from 'fit', 'test')",
            ["command: fti, expected one of fit, test. Did you mean fit?"],
        ),
        ("the following arguments are required: fit.model", ["fit.model: nothing"]),
        ("something\n  nobody foresaw", ["configuration: something nobody foresaw"]),
    ],
)
def test_the_cause_is_found(message, parts):
    line = str(explain(message, KEYS))
    assert "\n" not in line
    for part in parts:
        assert part in line


def test_suggestions_compare_the_last_part_of_long_keys():
    assert did_you_mean("data.rot", ["data.init_args.root", "data.seed"]).endswith("root?")
    assert did_you_mean("zzz", ["alpha", "beta"]) == ""


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("--scale", ["--compare", "--save-maps"]),  # only the dashes are alike
        ("model.foo", ["model.norm", "model.losses"]),
        ("trainer.scale", ["trainer.profiler", "trainer.strategy"]),
    ],
)
def test_what_only_begins_alike_is_no_suggestion(word, known):
    assert did_you_mean(word, known) == ""


def test_the_suggestion_is_of_the_same_group_where_several_end_alike():
    known = ["data.scale", "model.scale", "trainer.scale"]
    assert did_you_mean("model.scal", known) == "Did you mean model.scale?"
    assert did_you_mean("--scale", ["--outscale", "--compare"]) == "Did you mean --outscale?"


DEEPER = """Parser key "data":
  Errors:
    - Problem with given class_path 'blindsr.data.Scenes':
        Parser key "num_workers":
          Expected a <class 'int'>. Got value: NestedArg(key='x', val='2')
    - Expected a <class 'NoneType'>
  Given value: NestedArg(key='num_workers.x', val='2')"""
IN_DICT = """Parser key "model":
  Errors:
    - Problem with given class_path 'blindsr.tasks.PBaSRTask':
        Parser key "losses":
          Errors:
            - Expected a <class 'float'>. Got value: x
          Given value: NestedArg(key='gan', val='x')
  Given value: NestedArg(key='losses.gan', val='x')"""
NO_DICT = """Parser key "model":
  Errors:
    - Problem with given class_path 'blindsr.tasks.PBaSRTask':
        Parser key "losses":
          Errors:
            - Expected a <class 'dict'>
            - Expected a <class 'NoneType'>
          Given value: 3
  Given value: NestedArg(key='losses', val='3')"""
NO_CLASS = """Parser key "data":
  - Expected a path but 3 either not accessible or invalid
  Errors:
    - Expected a dot import path string: 3
    - Expected a <class 'NoneType'>
  Given value: 3"""


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (DEEPER, "data.num_workers.x: unknown key, expected a value of data.num_workers itself"),
        (IN_DICT, "model.losses.gan: x, expected float"),
        (NO_DICT, "model.losses: 3, expected keys with values ({name: value})"),
        (NO_CLASS, "data: 3, expected the path of a YAML file or the import path of a class"),
    ],
)
def test_nothing_of_the_parser_itself_is_shown(message, line):
    assert str(explain(message)).startswith(line)


def test_types_read_as_a_person_writes_them():
    assert readable_type("<class 'float'>") == "float"
    assert readable_type("typing.Literal['a', 'b']") == "one of 'a', 'b'"


def test_a_missing_module_behind_a_class_is_named():
    message = (
        "Parser key \"data\":\n  Problem with given class_path 'blindsr.data.Scenes':\n"
        "    No module named 'h5py'"
    )
    error = str(explain(message))
    assert "blindsr.data.Scenes cannot be imported, it needs the module h5py" in error
    assert "\n" not in error
