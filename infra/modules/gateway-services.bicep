metadata name = 'Gateway services'
metadata description = 'Every API Management service with its roles and what it serves, and the Traffic Manager in front of them.'

import { accountConfig, gatewayConfig, geographyConfig, productConfig, profileSettings, subscriptionConfig } from '../types.bicep'
import { idIn } from '../private-targets.bicep'

@description('Required. Tags of every resource.')
param tags object
@description('Required. Names of all resources, with those of the accounts of models.')
param names { group: string, askingIdentity: string, gateway: string, traffic: string, models: string[], *: string }
@description('Required. Settings of the profile.')
param settings profileSettings
@description('Required. Gateway regions, the primary one first.')
param regions string[]
@description('Required. Services, the first one first: name, and the regions that it spans, as indexes of `regions`.')
param services { name: string, places: int[] }[]
@description('Required. Resource ids in the network of each region; empty for a public gateway.')
param networkIds { gateway: string, gatewayAddress: string, *: string }[]
@description('Required. Who runs the gateway.')
param publisher { name: string, email: string }
@description('Required. Custom host name and its certificate; null for none.')
param customHost { name: string, certificateUrl: string }?
@description('Required. config/company/gateway.yaml.')
param config object
@description('Required. The part of the configuration that this profile deploys.')
param served {
  gateways: gatewayConfig[]
  accounts: accountConfig[]
  geographies: geographyConfig[]
  products: productConfig[]
  subscriptions: subscriptionConfig[]
}
@description('Required. Deployments of accounts, by the name of their set.')
param deploymentSets object
@description('Required. Base address of each account, in the order of the accounts.')
param endpoints string[]
@description('Required. Address of the topic that usage events are published to.')
param topicEndpoint string
@description('Required. How gateway and functions know one another: audience of the tokens of both, the identity with which the gateway asks, that of the functions, and where the functions say who owns an object and what budgets decide.')
param functions { audience: string, askingClientId: string, clientId: string, owners: string, decisions: string }
@description('Required. Host of the gateway in each region.')
param hosts { location: string, host: string }[]
@description('Required. Who may call from where: named values of the policies.')
param callers object
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

// A body that has to be read before it is sent on may be as large as the tier can buffer: 2 MiB in the v2 tiers. The
// classic ones take 500 MiB, but a unit has little memory. https://learn.microsoft.com/azure/api-management/service-limits
var bufferedBytes = { BasicV2: '2097152', StandardV2: '2097152', Premium: '104857600' }

module gateway 'gateway.bicep' = [
  for service in services: {
    params: {
      locations: map(service.places, i => regions[i])
      tags: tags
      name: service.name
      sku: settings.gatewaySku
      units: settings.gatewayUnits
      maximumUnits: settings.gatewayMaximumUnits
      zoneRedundant: settings.zoneRedundant
      publisher: publisher
      subnetResourceIds: map(empty(networkIds) ? [] : service.places, i => networkIds[i].gateway)
      publicAddressResourceIds: map(empty(networkIds) ? [] : service.places, i => networkIds[i].gatewayAddress)
      customHost: customHost
      askingIdentityResourceId: idIn(names.group, 'Microsoft.ManagedIdentity/userAssignedIdentities', names.askingIdentity)
      workspaceResourceId: workspaceResourceId
    }
  }
]

// The same list of roles, for the identities that exist only now.
module roles 'roles.bicep' = {
  params: {
    principals: map(services, s => { who: 'gateway', key: idIn(names.group, 'Microsoft.ApiManagement/service', s.name), type: 'ServicePrincipal' })
    principalIds: [for i in range(0, length(services)): gateway[i].outputs.principalId]
    names: any(names)
  }
}

module configuration 'gateway-configuration.bicep' = [
  for service in services: {
    params: {
      serviceName: service.name
      accounts: served.accounts
      geographies: served.geographies
      gateways: served.gateways
      products: served.products
      subscriptions: served.subscriptions
      endpoints: endpoints
      deploymentSets: deploymentSets
      api: config.api
      resilience: config.resilience
      requireRole: config.entra.requireRole
      usageTopicEndpoint: '${topicEndpoint}?api-version=2018-01-01'
      values: any(union(callers, {
        'owners-endpoint': functions.owners
        'owners-audience': functions.audience
        'owners-client-id': functions.askingClientId
        'decisions-endpoint': functions.decisions
        'functions-client-id': functions.clientId
        'gateway-tier': settings.gatewaySku
        'max-request-bytes': bufferedBytes[settings.gatewaySku]
      }))
    }
    dependsOn: [gateway]
  }
]

module traffic 'traffic.bicep' = if (length(regions) > 1) {
  params: { tags: tags, name: names.traffic, endpoints: hosts, workspaceResourceId: workspaceResourceId }
}

@description('Address of the first service.')
output url string = gateway[0].outputs.url
@description('Host name of Traffic Manager; empty in one region.')
output trafficHost string = length(regions) > 1 ? traffic!.outputs.hostName : ''
