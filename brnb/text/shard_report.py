"""What became of the documents of one shard, or of all shards of a large source."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from brnb.text.clean import Removed


@dataclass
class ShardReport:
    """What was read, removed and left, of one shard or of all.

    Attributes
    ----------
    documents_read, bytes_read
        And the UTF-8 of their texts.
    malformed
        Records that are no documents, by reason.
    removed
        By rule: those of `brnb.text.clean`, ``other_language`` and ``near_duplicate_document``.
    documents_kept, bytes_kept
        What is left, in UTF-8.
    personal_data
        Pieces of it by kind, in all documents that were cleaned: in duplicates too.
    """

    documents_read: int = 0
    bytes_read: int = 0
    malformed: dict[str, int] = field(default_factory=dict)
    removed: dict[str, Removed] = field(default_factory=dict)
    documents_kept: int = 0
    bytes_kept: int = 0
    personal_data: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """What `asdict` made, read back."""
        removed = {rule: Removed(**count) for rule, count in values["removed"].items()}
        return cls(**values | {"removed": removed})

    def __str__(self) -> str:
        lines = [
            f"read     {self.documents_read:>15,} documents {self.bytes_read:>18,} bytes",
            f"kept     {self.documents_kept:>15,} documents {self.bytes_kept:>18,} bytes",
        ]
        for rule, what in self.removed.items():
            counted = f"{what.documents:>15,} documents {what.characters:>18,} characters"
            lines.append(f"removed  {counted}  {rule}")
        lines += [f"personal {count:>15,} {kind}" for kind, count in self.personal_data.items()]
        lines += [f"malformed{count:>15,} {why}" for why, count in self.malformed.items()]
        return "\n".join(lines)

    def remove(self, rule: str, what: Removed) -> None:
        """Count what a rule removed."""
        self.removed.setdefault(rule, Removed()).add(what)

    def add(self, other: "ShardReport") -> None:
        """Add the report of another shard."""
        for name in ("documents_read", "bytes_read", "documents_kept", "bytes_kept"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for counts in ("malformed", "personal_data"):
            total = Counter(getattr(self, counts)) + Counter(getattr(other, counts))
            setattr(self, counts, dict(total))
        for rule, what in other.removed.items():
            self.remove(rule, what)


def sum_of(reports: Iterable[ShardReport]) -> ShardReport:
    """The report of all shards, of those of each."""
    total = ShardReport()
    for report in reports:
        total.add(report)
    return total
