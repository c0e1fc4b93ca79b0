"""The feature catalogue of the appliance, as clusters/ asks for it."""

from __future__ import annotations

from appliances.features.consequences import PostfixConsequences
from appliances.features.discovery import FEATURES
from clusters.catalogue import Catalogue

CATALOGUE = Catalogue(FEATURES, PostfixConsequences())
