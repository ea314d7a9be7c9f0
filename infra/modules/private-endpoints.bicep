metadata name = 'Private endpoints of a region'
metadata description = 'Private endpoints and the private DNS zones that make names resolve to them, for one network: each region works without the others.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Virtual network that resolves the names.')
param networkResourceId string
@description('Required. Subnet of the endpoints.')
param subnetResourceId string
@description('Required. What to reach: its resource, sub-resource group and DNS zone.')
param targets { name: string, resourceId: string, group: string, zone: string }[]
@description('Optional. Ids of private DNS zones that exist, by whose names the network resolves; the others are made.')
param existingZones string[] = []

var zoneNames = {
  blob: 'privatelink.blob.${environment().suffixes.storage}'
  cosmos: 'privatelink.documents.azure.com'
  redis: 'privatelink.redis.azure.net'
  events: 'privatelink.eventgrid.azure.net'
  vault: 'privatelink.vaultcore.azure.net'
  functions: 'privatelink.azurewebsites.net'
  models: 'privatelink.openai.azure.com'
}

// A zone that exists is known by the first labels of its name, because the rest depends on the cloud.
var labels = {
  blob: 'privatelink.blob'
  cosmos: 'privatelink.documents'
  redis: 'privatelink.redis'
  events: 'privatelink.eventgrid'
  vault: 'privatelink.vaultcore'
  functions: 'privatelink.azurewebsites'
  models: 'privatelink.openai'
}
var known = toObject(existingZones, id => join(take(split(toLower(last(split(id, '/'))), '.'), 2), '.'))
// An empty zone would hide the name from all.
var used = filter(items(zoneNames), zone => contains(map(targets, target => target.zone), zone.key) && !contains(known, labels[zone.key]))

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in used: {
    name: zone.value
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, i) in used: {
    parent: zones[i]
    name: 'network'
    location: 'global'
    properties: { registrationEnabled: false, virtualNetwork: { id: networkResourceId } }
  }
]

// One after the other: a subnet takes one endpoint at a time.
@batchSize(1)
resource endpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for target in targets: {
    name: 'pe-${target.name}-${location}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetResourceId }
      privateLinkServiceConnections: [
        { name: target.name, properties: { privateLinkServiceId: target.resourceId, groupIds: [target.group] } }
      ]
    }
  }
]

@batchSize(1)
resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (target, i) in targets: {
    parent: endpoints[i]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        #disable-next-line use-safe-access // a value that may be null would stay an expression in a preview
        { name: target.zone, properties: { privateDnsZoneId: contains(known, labels[target.zone]) ? known[labels[target.zone]] : resourceId('Microsoft.Network/privateDnsZones', zoneNames[target.zone]) } }
      ]
    }
    dependsOn: [zones]
  }
]
