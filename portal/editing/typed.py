"""What a form said beside the values: which rows stand where, for the page that shows it once more."""

from __future__ import annotations

from dataclasses import dataclass, field

from clusters.catalogue import Problem


@dataclass
class Typed:
    """The rows of each table as they came, by the path of the table, or of the row.

    `parts` are the tables of which the form holds a part, `names` all rows of the document that came of it in
    their order, empty for those that nobody touched. `lines` are texts of many rows, and `problems` what is
    wrong with them.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)
    gone: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)
    likes: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
