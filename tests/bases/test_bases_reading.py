"""Whatever a library raises at a bad file names the base; what is no fault of the file passes."""

import pytest
import torch

from brnb.bases.reading import OutOfBudget, reading_base


@pytest.mark.parametrize("error", [Exception("EOF while parsing"), RuntimeError("size mismatch"),
                                   IndexError(), AssertionError("x")])  # fmt: skip
def test_a_damaged_base_is_named(error):
    with pytest.raises(ValueError, match=r"base 'a/b' cannot be read: \w+"), reading_base("a/b"):
        raise error


def test_the_file_of_a_folder_that_is_damaged_is_named():
    told = OSError("The file at /a/config.json is not a valid JSON file.\nMore.")
    says = r"hf download a/b \(The file at /a/config\.json is not a valid JSON file\.\)$"
    with pytest.raises(FileNotFoundError, match=says), reading_base("a/b"):
        raise told


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("x"), OutOfBudget("x")])
def test_too_little_memory_is_no_damage(error):
    with pytest.raises(type(error)), reading_base("a/b"):
        raise error


def test_code_of_its_own_is_told():
    with pytest.raises(ValueError, match="which is never run here"), reading_base("a/b"):
        raise ValueError("pass trust_remote_code=True")
