metadata name = 'Region'
metadata description = 'What a gateway region has of its own in a private deployment: its network and the address of its gateway, each unless the company has it.'

import { gatewayConfig } from '../types.bicep'

@description('Required. Tags of every resource.')
param tags object
@description('Required. The gateway region, with what exists there.')
param gateway gatewayConfig
@description('Required. Name of the network, and first label of the gateway\'s host name, both without the region.')
param names { network: string, gateway: string, *: string }
@description('Required. Address space of a network that is made, a /16.')
param addressPrefix string
@description('Required. True: spread over availability zones.')
param zoneRedundant bool
@description('Required. True: the functions are in this network.')
param withFunctions bool
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

module network 'network.bicep' = if (gateway.?network == null) {
  params: {
    location: gateway.region
    tags: tags
    name: '${names.network}-${gateway.region}'
    addressPrefix: addressPrefix
    withFunctions: withFunctions
    workspaceResourceId: workspaceResourceId
  }
}

// A service in a network has an address of its own, which zones require.
resource address 'Microsoft.Network/publicIPAddresses@2025-05-01' = if (gateway.?resourceId == null) {
  name: '${names.network}-${gateway.region}-gateway'
  location: gateway.region
  tags: tags
  sku: { name: 'Standard' }
  zones: zoneRedundant ? ['1', '2', '3'] : null
  properties: {
    publicIPAllocationMethod: 'Static'
    publicIPAddressVersion: 'IPv4'
    dnsSettings: { domainNameLabel: '${names.gateway}-${gateway.region}' }
  }
}
