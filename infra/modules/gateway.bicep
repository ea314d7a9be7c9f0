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
@description('Required. Spread over availability zones (Premium).')
param zoneRedundant bool
@description('Required. Who runs it.')
param publisher { name: string, email: string }
@description('Required. Subnet of each region, in the order of `locations`; empty for public.')
param subnetResourceIds string[]
@description('Required. Identity that reads the certificate of the custom host name.')
param identityResourceId string
@description('Required. Client id of that identity.')
param identityClientId string
@description('Required. Custom host name and its certificate (Key Vault secret id without version); null for none.')
param customHost { name: string, certificateUrl: string }?
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

var injected = !empty(subnetResourceIds)
var premium = sku == 'Premium'
var zones = premium && zoneRedundant ? ['1', '2'] : null
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
  sku: { name: sku, capacity: units }
  zones: zones
  identity: { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { '${identityResourceId}': {} } }
  properties: {
    publisherName: publisher.name
    publisherEmail: publisher.email
    apiVersionConstraint: { minApiVersion: '2021-08-01' }
    developerPortalStatus: 'Disabled'
    legacyPortalStatus: 'Disabled'
    virtualNetworkType: injected ? 'External' : 'None'
    virtualNetworkConfiguration: injected ? { subnetResourceId: subnetResourceIds[0] } : null
    customProperties: premium
      ? toObject(weakProtocols, item => 'Microsoft.WindowsAzure.ApiManagement.Gateway.${item}', item => 'False')
      : null
    additionalLocations: [
      for (location, i) in (premium ? skip(locations, 1) : []): {
        location: location
        sku: { name: sku, capacity: units }
        zones: zones
        virtualNetworkConfiguration: injected ? { subnetResourceId: subnetResourceIds[i + 1] } : null
      }
    ]
    hostnameConfigurations: customHost == null
      ? []
      : [
          {
            type: 'Proxy'
            hostName: customHost!.name
            certificateSource: 'KeyVault'
            keyVaultId: customHost!.certificateUrl
            identityClientId: identityClientId
            defaultSslBinding: true
          }
        ]
  }
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
@description('Regional host names, in the order of `locations`.')
output regionalHosts string[] = [
  for (location, i) in (premium ? locations : [locations[0]]): premium
    ? '${name}-${location}-01.regional.azure-api.net'
    : '${name}.azure-api.net'
]
