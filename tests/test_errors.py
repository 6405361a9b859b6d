"""Errors: the code travels with the cause, and the command line knows what to type for it."""

import pytest

from refcolor import errors
from refcolor.cli.console import HINTS, session


def test_a_code_is_found_through_the_cause():
    with pytest.raises(errors.UsageError) as caught, errors.usage_errors():
        raise errors.with_code(FileExistsError("'a.png' already exists"), "exists")
    assert errors.code_of(caught.value) == "exists"
    assert errors.code_of(ValueError("no code")) is None


@pytest.mark.parametrize("code", HINTS)
def test_the_command_line_adds_what_to_type(capsys, code):
    with pytest.raises(SystemExit) as left, session(debug=False):
        raise errors.with_code(ValueError("wrong"), code)
    assert left.value.code == 1
    assert capsys.readouterr().err == f"refcolor: wrong; {HINTS[code]}\n"
