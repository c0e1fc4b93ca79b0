"""A rendered configuration as files, read as Postfix reads them."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from appliances.postfix.configuration import Configuration
from appliances.postfix.parts import Place

OURS = {"config_directory", "myhostname", "syslog_name"}
"""The macros that renderers mean."""


@dataclass(frozen=True)
class Written:
    """The files: main.cf by parameter, the lines of master.cf, the rows of each table."""

    main: dict[str, str]
    master: list[str]
    tables: dict[str, list[str]]
    complaints: str

    @property
    def foreign_macros(self) -> set[str]:
        """Macros in main.cf and master.cf that no renderer meant."""
        texts = [*self.main.values(), *self.master]
        names = {name for text in texts for name in re.findall(r"\$\{?([\w-]*)", text.replace("$$", ""))}
        return {name for name in names if name not in OURS and not name.startswith("gf_")}

    @property
    def shape(self) -> object:
        """What must not change when a person writes another text into a field."""
        rows = {name: len(rows) for name, rows in self.tables.items()}
        return sorted(self.main), [re.sub(r"\S+$", "", line) for line in self.master], rows


def written(configuration: Configuration) -> Written:
    """Write the configuration and read it back; `complaints` is what postconf says."""
    with tempfile.TemporaryDirectory(prefix="gf-") as home:
        directory = Path(home) / "etc"
        configuration.write(directory, Place(Path(home)))
        told = subprocess.run(
            ["/usr/sbin/postconf", "-c", str(directory), "-n"], capture_output=True, text=True, check=False
        )
        master = subprocess.run(
            ["/usr/sbin/postconf", "-c", str(directory), "-M"], capture_output=True, text=True, check=False
        )
        lines = [
            line for line in (directory / "main.cf").read_text().split("\n") if line[:1] not in ("", "#")
        ]
        return Written(
            main={
                name.removesuffix(" ="): value
                for name, _is, value in (line.partition(" = ") for line in lines)
            },
            master=(directory / "master.cf").read_text().split("\n"),
            tables={path.name: path.read_text().split("\n") for path in (directory / "maps").iterdir()},
            complaints=told.stderr + master.stderr,
        )
