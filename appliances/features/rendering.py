"""From the effective settings of one machine to all that its mail engine needs (design, section 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from appliances.features import sweeping
from appliances.features.discovery import FEATURES
from appliances.features.limiting import PolicyRules, collected
from appliances.features.listening import stamp_of
from appliances.features.machine import Machine
from appliances.features.relaying import Relaying, relaying
from appliances.features.smtproutes import write_transports
from appliances.features.sweeping import Lifetimes, lifetimes
from appliances.postfix.configuration import Configuration
from appliances.postfix.disclaimers import Stamps
from clusters.catalogue import Document, RedFlag


@dataclass(frozen=True)
class Rendered:
    """One machine's mail engine: Postfix's files, and what our own services beside it do.

    `milter_rules` is the hook of the Milter at `listening.MILTER_SOCKET`, `policy_rules` go into the
    PolicyRule of the PolicyService at `listening.POLICY_SOCKET`, `lifetimes` to `sweeping.expired`.
    """

    configuration: Configuration
    milter_rules: Stamps
    policy_rules: PolicyRules
    lifetimes: Lifetimes
    red_flags: tuple[RedFlag, ...]


def render(documents: Mapping[str, Document], certificate: str = "") -> Rendered:
    """What these effective settings (by feature; a missing one is its factory default) make of a machine.

    Pure. `certificate` is the PEM text of key and chain for listeners; without it they offer no TLS.
    Raises InvalidDocument for settings that their feature refuses.
    """
    machine = Machine(documents, certificate)
    configuration = Configuration()
    for feature in FEATURES.values():
        if feature.write is not None:
            feature.write(machine.settings(feature), machine, configuration)
    write_transports(machine, configuration)
    lives = lifetimes(machine)
    sweeping.write(lives, configuration)
    found = {name: stamp_of(listener, machine) for name, listener in machine.listeners.items()}
    return Rendered(
        configuration,
        Stamps({name: stamp for name, stamp in found.items() if stamp is not None}, _own_hosts(machine)),
        collected(machine.listeners),
        lives,
        tuple(machine.flags),
    )


def _own_hosts(machine: Machine) -> dict[str, Relaying]:
    """By listener who may have signed mail stamped; listeners that stamp whatever is signed are not there."""
    return {
        name: relaying(listener.hat)
        for name, listener in machine.listeners.items()
        if not listener.disclaimer_on_signed
    }
