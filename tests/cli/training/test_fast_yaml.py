"""LibYAML writes what PyYAML would, and reads it back."""

import pytest
import yaml
from jsonargparse import Namespace

from blindsr.cli.training.fast_yaml import read_yaml, write_yaml

CONTENT = {
    "z first": [1, 1e-3, 5.0, float("inf"), None, True],
    "words": ["yes", "1e-3", "0x1", "12:30:00", "null", "", " a: b", "#c", "ä", "x " * 90],
    "lines": "one\ntwo\n",
    "empty": {"list": [], "mapping": {}},
}


@pytest.mark.parametrize("content", [CONTENT, [], {"nested": [{"a": [CONTENT]}]}])
def test_what_is_written_is_read_by_either(content):
    text = write_yaml(content)
    assert read_yaml(text) == yaml.safe_load(text) == content
    assert text == yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def test_namespaces_are_mappings():
    assert read_yaml(write_yaml({"a": Namespace(b=1)})) == {"a": {"b": 1}}


def test_objects_are_refused():
    with pytest.raises(yaml.YAMLError):
        write_yaml({"a": object()})
    with pytest.raises(yaml.YAMLError):
        read_yaml("!!python/object/apply:os.getcwd []")
