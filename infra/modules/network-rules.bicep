metadata name = 'Rules of a network'
metadata description = 'Rules for traffic into the subnets: API Management gets what it needs, the other subnets nothing from the internet.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Network name.')
param name string

// API Management must be reachable by its management plane, load balancers, Traffic Manager and callers.
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

@description('Rules of the subnet of the gateway.')
output gateway string = gatewayRulesGroup.id
@description('Rules of the other subnets.')
output inner string = innerRulesGroup.id
