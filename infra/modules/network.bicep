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
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

// What API Management must be reachable by: its management plane, load balancers, Traffic Manager, callers.
var gatewayRules = [
  { name: 'callers', source: 'Internet', port: '443' }
  { name: 'management', source: 'ApiManagement', port: '3443' }
  { name: 'load-balancer', source: 'AzureLoadBalancer', port: '6390' }
  { name: 'traffic-manager', source: 'AzureTrafficManager', port: '443' }
]

resource gatewayRulesGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: '${name}-gateway'
  location: location
  tags: tags
  properties: {
    securityRules: [
      for (rule, i) in gatewayRules: {
        name: rule.name
        properties: {
          access: 'Allow'
          direction: 'Inbound'
          priority: 100 + 10 * i
          protocol: 'Tcp'
          sourceAddressPrefix: rule.source
          sourcePortRange: '*'
          destinationAddressPrefix: 'VirtualNetwork'
          destinationPortRange: rule.port
        }
      }
    ]
  }
}

resource innerRulesGroup 'Microsoft.Network/networkSecurityGroups@2025-05-01' = {
  name: '${name}-inner'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'no-internet'
        properties: {
          access: 'Deny'
          direction: 'Inbound'
          priority: 4096
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

module outbound 'outbound.bicep' = {
  params: { location: location, tags: tags, name: name }
}

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: [addressPrefix] }
    subnets: [
      {
        name: 'gateway'
        properties: { addressPrefix: cidrSubnet(addressPrefix, 24, 0), networkSecurityGroup: { id: gatewayRulesGroup.id } }
      }
      {
        name: 'endpoints'
        properties: { addressPrefix: cidrSubnet(addressPrefix, 24, 1), networkSecurityGroup: { id: innerRulesGroup.id } }
      }
      {
        name: 'functions'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 24, 2)
          networkSecurityGroup: { id: innerRulesGroup.id }
          natGateway: { id: outbound.outputs.resourceId }
          delegations: [{ name: 'functions', properties: { serviceName: 'Microsoft.App/environments' } }]
        }
      }
    ]
  }
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: network
  name: 'to-workspace'
  properties: { workspaceId: workspaceResourceId, metrics: [{ category: 'AllMetrics', enabled: true }] }
}
