"""Settings of a file with any value in any place: a network of these settings, or one line."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fuzz.seeds import ESTIMATOR, RESTORER

from blindsr.errors import WeightsError
from blindsr.networks import CMOS, RRDBSFT
from blindsr.networks.settings.checked import checked_settings

PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-3, 300),
    st.floats(),
    st.text(max_size=300),
    st.sampled_from(["fixed", "hr", "resnet18", "tu-hf-hub:a/b", "FCS", "../x", "bicubic"]),
)
JSON = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
GIVEN = {"cmos": (CMOS, ESTIMATOR), "rrdb_sft": (RRDBSFT, RESTORER)}


def check(kind, name, value):
    network, right = GIVEN[kind]
    try:
        checked = checked_settings(network, {**right, name: value}, "file")
    except WeightsError as error:
        text = str(error)
        assert "\n" not in text
        assert f"settings.{name}" in text
        assert len(text) < 600
    else:
        assert json.dumps(checked)  # plain values only
        assert name not in checked or type(checked[name]) in (bool, int, float, str, list)


@pytest.mark.parametrize("kind", list(GIVEN))
@given(data=st.data())
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_any_value_in_any_setting(kind, data):
    name = data.draw(st.sampled_from(sorted(checked_settings(*GIVEN[kind], "file"))))
    check(kind, name, data.draw(JSON))


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(GIVEN))
@given(data=st.data())
@settings(
    max_examples=1000,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
def test_any_value_in_any_setting_at_length(kind, data):
    name = data.draw(st.sampled_from(sorted(checked_settings(*GIVEN[kind], "file"))))
    check(kind, name, data.draw(JSON))
