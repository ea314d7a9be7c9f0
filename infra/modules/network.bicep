metadata name = 'Network of a region'
metadata description = 'Virtual network with subnets for the gateway, the functions and private endpoints.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Network name.')
param name string
@description('Required. Address space, a /16.')
param addressPrefix string
@description('Required. True: the functions are in this network, and need a subnet with a way out.')
param withFunctions bool
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

module rules 'network-rules.bicep' = {
  params: { location: location, tags: tags, name: name }
}

module outbound 'outbound.bicep' = if (withFunctions) {
  params: { location: location, tags: tags, name: name }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: concat(
      [
        {
          name: 'gateway'
          properties: {
            addressPrefix: cidrSubnet(addressPrefix, 24, 0)
            networkSecurityGroup: { id: rules.outputs.gateway }
            serviceEndpoints: [{ service: 'Microsoft.KeyVault' }] // the certificate of the host name
          }
        }
        {
          name: 'endpoints'
          properties: { addressPrefix: cidrSubnet(addressPrefix, 24, 1), networkSecurityGroup: { id: rules.outputs.inner } }
        }
      ],
      withFunctions
        ? [
            {
              name: 'functions'
              properties: {
                addressPrefix: cidrSubnet(addressPrefix, 24, 2)
                networkSecurityGroup: { id: rules.outputs.inner }
                natGateway: { id: outbound!.outputs.resourceId }
                delegations: [{ name: 'functions', properties: { serviceName: 'Microsoft.App/environments' } }]
              }
            }
          ]
        : []
    )
  }
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: network
  name: 'to-workspace'
  properties: { workspaceId: workspaceResourceId, metrics: [{ category: 'AllMetrics', enabled: true }] }
}
