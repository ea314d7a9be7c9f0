"""After deployment: switches on the alert that is raised when the functions do not answer.

Before the first deployment there is no code that could answer, so every new environment would raise the alert.
"""

import subprocess
import sys

from azure_rest import Azure, AzureRefused
from deployment import Misconfigured, needed

ALERT = "providers/Microsoft.Insights/metricAlerts/available-functions"
VERSION = "2018-03-01"


def switch_on(azure: Azure, group_id: str) -> bool:
    """Enable the alert; False where it is on already or does not exist."""
    alert = azure.find(f"{group_id}/{ALERT}", VERSION)
    if alert is None or alert["properties"].get("enabled"):
        return False
    azure.manage("PATCH", f"{group_id}/{ALERT}", VERSION, {"properties": {"enabled": True}})
    return True


def main(azure: Azure) -> int:
    """Switch it on, and tell the next provisioning that the functions are deployed; 1 with the reason if it fails."""
    try:
        switched = switch_on(azure, needed("FUNCTION_APP_ID").partition("/providers/")[0])
    except (Misconfigured, AzureRefused) as error:
        print(f"availability: {error}", file=sys.stderr)
        return 1
    subprocess.run(["azd", "env", "set", "FUNCTIONS_DEPLOYED", "true"], check=True)
    print(f"availability: the alert of the functions {'was switched on' if switched else 'is on'}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Azure()))
