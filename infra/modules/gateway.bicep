metadata name = 'Gateway'
metadata description = 'The API Management service in every gateway region. What it serves is configured by gateway-configuration.bicep.'

@description('Required. Gateway regions, the primary one first.')
@minLength(1)
param locations string[]
@description('Required. Tags of every resource.')
param tags object
@description('Required. Service name.')
param name string
@description('Required. Tier.')
param sku string
@description('Required. Units in each region.')
param units int
@description('Required. Units that it may grow to under load (Premium, first region only); where it is not above `units`, nothing grows.')
param maximumUnits int
@description('Required. True: spread over availability zones (Premium).')
param zoneRedundant bool
@description('Required. Who runs it.')
param publisher { name: string, email: string }
@description('Required. Subnet of each region, in the order of `locations`; empty for public.')
param subnetResourceIds string[]
@description('Required. Public address of each region, in the order of `locations`; empty for the service\'s own.')
param publicAddressResourceIds string[]
@description('Required. Custom host name and its certificate (address of its secret in Key Vault, without version); null for none.')
param customHost { name: string, certificateUrl: string }?
@description('Required. The identity with which it asks the functions; for everything else it uses its own.')
param askingIdentityResourceId string
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

var injected = !empty(subnetResourceIds)
var premium = sku == 'Premium'
// Units are spread evenly, so an odd number cannot be in two zones; Azure then chooses the zone.
var zones = premium && zoneRedundant && units % 2 == 0 ? ['1', '2'] : null
var capacity = premium || units <= 10 ? units : fail('gatewayUnits: ${sku} has 10 at most.')
// The v2 tiers speak nothing older than TLS 1.2 and refuse these settings.
var weakProtocols = [
  'Security.Protocols.Tls10'
  'Security.Protocols.Tls11'
  'Security.Protocols.Ssl30'
  'Security.Backend.Protocols.Tls10'
  'Security.Backend.Protocols.Tls11'
  'Security.Backend.Protocols.Ssl30'
]

resource service 'Microsoft.ApiManagement/service@2024-05-01' = {
  name: name
  location: locations[0]
  tags: tags
  sku: { name: sku, capacity: capacity }
  zones: zones
  identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { '${askingIdentityResourceId}': {} } }
  properties: {
    publisherName: publisher.name
    publisherEmail: publisher.email
    apiVersionConstraint: { minApiVersion: '2021-08-01' }
    developerPortalStatus: 'Disabled'
    legacyPortalStatus: 'Disabled'
    virtualNetworkType: injected ? 'External' : 'None'
    virtualNetworkConfiguration: injected ? { subnetResourceId: subnetResourceIds[0] } : null
    publicIpAddressId: injected ? publicAddressResourceIds[0] : null
    customProperties: premium
      ? toObject(weakProtocols, item => 'Microsoft.WindowsAzure.ApiManagement.Gateway.${item}', item => 'False')
      : null
    additionalLocations: [
      for (location, i) in (premium ? skip(locations, 1) : []): {
        location: location
        sku: { name: sku, capacity: capacity }
        zones: zones
        virtualNetworkConfiguration: injected ? { subnetResourceId: subnetResourceIds[i + 1] } : null
        publicIpAddressId: injected ? publicAddressResourceIds[i + 1] : null
      }
    ]
    hostnameConfigurations: customHost == null
      ? []
      : [
          {
            type: 'Proxy'
            hostName: customHost!.name
            certificateSource: 'KeyVault'
            keyVaultId: customHost!.certificateUrl // read under the service's own identity: no other passes a vault's firewall
            defaultSslBinding: true
          }
        ]
  }
}

module growth 'gateway-growth.bicep' = if (premium && maximumUnits > units) {
  params: { location: locations[0], tags: tags, serviceName: service.name, units: units, maximumUnits: maximumUnits, step: zones == null ? 1 : 2 }
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: service
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [for category in ['GatewayLogs', 'GatewayLlmLogs']: { category: category, enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id.')
output resourceId string = service.id
@description('Name.')
output name string = service.name
@description('Principal of the identity that calls models and publishes events.')
output principalId string = service.identity.principalId
@description('Address of the gateway.')
output url string = service.properties.gatewayUrl
