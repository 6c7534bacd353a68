"""What a refused file must look like."""

import pytest

from blindsr.errors import BlindSRError


def one_line(call, path):
    """The text of the error that ``call`` ends in: one line that begins with the path."""
    with pytest.raises(BlindSRError) as error:
        call()
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    assert len(text) < 1000
    return text
