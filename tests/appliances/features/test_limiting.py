"""Limits of one connection and one message, by the requests that Postfix would make."""

from appliances.features.discovery import FEATURES
from appliances.features.limiting import PolicyRule, PolicyRules, SessionLimit, collected, contexts
from appliances.features.listenerconfig import ListenerSettings
from appliances.postfix.limits import Rules
from tests.appliances.features.examples import DOCUMENTS

CONTEXT = "in-x:group"


def rule(messages: int = 0, recipients: int = 0) -> PolicyRule:
    return PolicyRule(PolicyRules(Rules(), {CONTEXT: SessionLimit(messages, recipients)}))


def ask(
    judge: PolicyRule, state: str = "RCPT", *, instance: str = "1", port: str = "1", context: str = CONTEXT
) -> str:
    return judge(
        {
            "protocol_state": state,
            "policy_context": context,
            "client_address": "192.0.2.1",
            "client_port": port,
            "server_address": "192.0.2.9",
            "server_port": "25",
            "instance": instance,
        }
    )


def test_recipients_are_counted_per_message() -> None:
    judge = rule(recipients=2)
    assert [ask(judge)[:5] for _n in range(3)] == ["DUNNO", "DUNNO", "452 4"]
    assert ask(judge, instance="2") == "DUNNO"


def test_messages_are_counted_per_connection() -> None:
    judge = rule(messages=1)
    assert ask(judge) == ask(judge) == "DUNNO"
    assert ask(judge, instance="2").startswith("421 ")
    assert ask(judge, instance="2", port="2") == "DUNNO"


def test_new_connection_from_the_same_port_starts_anew() -> None:
    judge = rule(messages=1)
    ask(judge)
    ask(judge, "CONNECT", instance="")
    assert ask(judge, instance="2") == "DUNNO"


def test_unknown_context_and_zero_are_no_limit() -> None:
    judge = rule()
    assert {ask(judge, instance=str(n)) for n in range(50)} == {"DUNNO"}
    assert {ask(rule(1, 1), instance=str(n), context="other:x") for n in range(50)} == {"DUNNO"}


def test_new_rules_hold_for_the_next_request() -> None:
    judge = rule(recipients=1)
    ask(judge)
    judge.rules = PolicyRules(Rules(), {CONTEXT: SessionLimit(0, 5)})
    assert ask(judge) == "DUNNO"
    assert judge.rules.sessions == {CONTEXT: SessionLimit(0, 5)}


def test_only_groups_that_let_mail_in_under_limits_are_asked_about() -> None:
    settings = FEATURES["listenerconfig"].read(DOCUMENTS["listenerconfig"])
    assert isinstance(settings, ListenerSettings)
    hat = settings.listeners[0].hat
    assert contexts("in-a", hat) == {"UNKNOWNLIST": "in-a:unknownlist"}
    rules = collected({"in-a": settings.listeners[0]})
    assert [group.limit.recipients_per_hour for group in rules.clients.listeners["in-a"]] == [500]
