"""Parameter files that a person did not write: refused in no time, with the file's name."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brnb import yaml_file
from brnb.params import ParameterError

# 9 lines of nine names each: 9 ** 9 values
BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB.encode(), "write the value"),
        (b"a: " + b"[" * 50_000, "too deep"),
        (b"a: " + b"x" * 2**20, "larger than 1048576 bytes"),
        (b"a: \xff", "byte 3 is not UTF-8"),
        (b"a: \x00", "unacceptable character"),
        (b"a: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        (b"a: 2026-13-45", "month must be in 1..12"),
        (b"- a", "name: value"),
        (b"1: a", "1 is not a name"),
        (b"", "name: value"),
    ],
)
def test_what_is_no_parameter_file_is_refused_at_once(tmp_path, content, message):
    path = tmp_path / "v1.yaml"
    path.write_bytes(content)
    start = time.process_time()
    with pytest.raises(ParameterError, match=rf"v1\.yaml.*(?s:.*){message}"):
        yaml_file.read_parameters(path)
    assert time.process_time() - start < 10


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    try:
        assert isinstance(yaml_file.read_parameters(path), dict)
    except ParameterError as error:
        assert "any.yaml" in str(error)  # noqa: PT017
