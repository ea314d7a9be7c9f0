"""The display name and the data zone of each Azure region, by its id."""

REGIONS = {
    "australiacentral": "Australia Central",
    "australiaeast": "Australia East",
    "australiasoutheast": "Australia Southeast",
    "austriaeast": "Austria East",
    "belgiumcentral": "Belgium Central",
    "brazilsouth": "Brazil South",
    "canadacentral": "Canada Central",
    "canadaeast": "Canada East",
    "centralindia": "Central India",
    "centralus": "Central US",
    "chilecentral": "Chile Central",
    "denmarkeast": "Denmark East",
    "eastasia": "East Asia",
    "eastus": "East US",
    "eastus2": "East US 2",
    "francecentral": "France Central",
    "francesouth": "France South",
    "germanynorth": "Germany North",
    "germanywestcentral": "Germany West Central",
    "indonesiacentral": "Indonesia Central",
    "israelcentral": "Israel Central",
    "italynorth": "Italy North",
    "japaneast": "Japan East",
    "japanwest": "Japan West",
    "koreacentral": "Korea Central",
    "koreasouth": "Korea South",
    "malaysiawest": "Malaysia West",
    "mexicocentral": "Mexico Central",
    "newzealandnorth": "New Zealand North",
    "northcentralus": "North Central US",
    "northeurope": "North Europe",
    "norwayeast": "Norway East",
    "norwaywest": "Norway West",
    "polandcentral": "Poland Central",
    "qatarcentral": "Qatar Central",
    "southafricanorth": "South Africa North",
    "southafricawest": "South Africa West",
    "southcentralus": "South Central US",
    "southeastasia": "Southeast Asia",
    "southindia": "South India",
    "spaincentral": "Spain Central",
    "swedencentral": "Sweden Central",
    "swedensouth": "Sweden South",
    "switzerlandnorth": "Switzerland North",
    "switzerlandwest": "Switzerland West",
    "uaecentral": "UAE Central",
    "uaenorth": "UAE North",
    "uksouth": "UK South",
    "ukwest": "UK West",
    "usgovarizona": "US Gov Arizona",
    "usgovvirginia": "US Gov Virginia",
    "westcentralus": "West Central US",
    "westeurope": "West Europe",
    "westindia": "West India",
    "westus": "West US",
    "westus2": "West US 2",
    "westus3": "West US 3",
}

_ZONES = {
    "us": "centralus eastus eastus2 northcentralus southcentralus westus westus3",
    "eu": (
        "francecentral germanywestcentral italynorth northeurope polandcentral spaincentral swedencentral westeurope"
    ),
    "apac": (
        "australiaeast centralindia eastasia japaneast japanwest jioindiawest koreacentral southeastasia southindia"
    ),
}
"""Azure's data zones, as the Retail Prices API prices them: data zone meters of one zone cost the same
(readings of 2026-07-27 and 2026-09-10)."""

ZONES = tuple(_ZONES)
_ZONE_OF = {region: zone for zone, regions in _ZONES.items() for region in regions.split()}


def zone_of(region: str) -> str:
    """The data zone of a region; empty where Azure has none there."""
    return _ZONE_OF.get(region, "")


def region_name(region: str) -> str:
    """The display name; a region that is not listed is called by its id."""
    return REGIONS.get(region, region)
