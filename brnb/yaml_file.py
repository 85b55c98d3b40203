"""Parameter files: YAML of plain values, of a size that a person wrote."""

from pathlib import Path
from typing import Any

import yaml

from brnb.params import ParameterError

MAX_BYTES = 2**20


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases: a few hundred bytes of them stand for more values than memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.MarkedYAMLError(
                problem="write the value instead of *alias", problem_mark=mark
            )
        return super().compose_node(parent, index)


def read_parameters(path: Path) -> dict[str, Any]:
    """The names and values of a file.

    Raises
    ------
    ParameterError
        If it does not exist, is larger than `MAX_BYTES`, or is anything else; names the file, and
        the line where there is one.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ParameterError(f"{path}: larger than {MAX_BYTES} bytes: not a parameter file")
        content = yaml.load(path.read_text("utf-8"), Loader=_PlainLoader)
    except UnicodeDecodeError as error:
        raise ParameterError(f"{path}: byte {error.start} is not UTF-8: save it as UTF-8") from None
    except RecursionError:
        raise ParameterError(f"{path}: brackets in brackets, too deep to read") from None
    except (yaml.YAMLError, OSError, ValueError) as error:  # ValueError: a date such as 2026-13-45
        raise ParameterError(f"{path}: {error}".removesuffix(": ")) from None
    if not isinstance(content, dict):
        raise ParameterError(f"{path}: must hold 'name: value' lines")
    if wrong := [name for name in content if not isinstance(name, str)]:
        raise ParameterError(f"{path}: {wrong[0]!r} is not a name: write it in quotes")
    return content
