"""Finds the features: every module of this package that has a FEATURE, in the order of the menu."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from appliances import features
from appliances.features.feature import MailFeature, Tab

_TABS = list(Tab)
_ABOVE = ("discovery", "rendering", "consequences", "registry")
"""Modules that use the features and hence cannot be one."""


def _modules() -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(features.__path__, f"{features.__name__}."):
        if found.name.rpartition(".")[2] not in _ABOVE:
            yield importlib.import_module(found.name)


def discovered() -> dict[str, MailFeature[Any]]:
    """The features by name, in the order of tabs and positions; raises ValueError for a doubled name."""
    found = [module.FEATURE for module in _modules() if hasattr(module, "FEATURE")]
    found.sort(key=lambda feature: (_TABS.index(feature.tab), feature.position, feature.name))
    by_name = {feature.name: feature for feature in found}
    if len(by_name) != len(found):
        raise ValueError("two features have one name")
    return by_name


FEATURES = discovered()
