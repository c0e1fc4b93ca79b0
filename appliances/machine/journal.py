"""The log of a machine: one line per event on standard output, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from clusters.visible import shown


class TextLines(logging.Formatter):
    """`2031-02-03T04:05:06.789Z INFO text`; a traceback stays on its line's end, escaped."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{_time(record)} {record.levelname} {_text(self, record)}"


class JsonLines(logging.Formatter):
    """One object per line: time, level, part, text."""

    def format(self, record: logging.LogRecord) -> str:
        value = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "part": record.name,
            "text": _text(self, record),
        }
        return json.dumps(value, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z"


def _text(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text = f"{text}\n{formatter.formatException(record.exc_info)}"
    return shown(text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n"))


def start(*, as_json: bool) -> None:
    """Sends everything of level INFO and above to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines() if as_json else TextLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
