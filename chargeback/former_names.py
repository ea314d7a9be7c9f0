"""Reads settings by the names that they once had: a name that could be anyone's now begins with CHARGEBACK_.

The hooks of the deployment use it, too, where only PyYAML is installed.
"""

from collections.abc import Mapping, MutableMapping

from chargeback.domain.errors import InvalidConfig

FORMER_SETTINGS = {
    "STORAGE_ACCOUNT_URL": "CHARGEBACK_STORAGE_ACCOUNT_URL",
    "COSMOS_ENDPOINT": "CHARGEBACK_COSMOS_ENDPOINT",
    "COSMOS_DATABASE": "CHARGEBACK_COSMOS_DATABASE",
    "REDIS_URL": "CHARGEBACK_REDIS_URL",
    "KEY_VAULT_URL": "CHARGEBACK_KEY_VAULT_URL",
    "EVENTS_KEY": "CHARGEBACK_EVENTS_KEY",
    "CONFIG_DIR": "CHARGEBACK_CONFIG_DIR",
}
"""Settings of the app and of the commands: the former name → the present one."""

FORMER_VARIABLES = {
    "PROFILE": "CHARGEBACK_PROFILE",
    "ALLOWED_IP_FROM": "CALLER_IP_FROM",
    "ALLOWED_IP_TO": "CALLER_IP_TO",
    "ALLOWED_IP_ADDRESSES": "STORE_IP_ADDRESSES",
}
"""Variables of the azd environment. Callers of the gateway and the stores of the books were easily confused."""


def adopt_former_names(environment: MutableMapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Give each value that has only its former name the present one; return those names, the former first.

    An empty value is as good as none. Raises `InvalidConfig` where both names are given and differ, because nobody can
    say which of the two is meant; the values may be secret and are not told.
    """
    given = {former: present for former, present in names.items() if environment.get(former)}
    faults = [
        f"{present}: {former}, its former name, has another value; take {former} away"
        for former, present in given.items()
        if environment.get(present) and environment[present] != environment[former]
    ]
    if faults:
        raise InvalidConfig(faults)
    adopted = {former: present for former, present in given.items() if not environment.get(present)}
    environment.update({present: environment[former] for former, present in adopted.items()})
    return adopted
