metadata name = 'Gateway services'
metadata description = 'Every API Management service with its roles and what it serves, and the Traffic Manager in front of them.'

import { profileSettings, serviceConfig } from '../types.bicep'
import { reachesConfig, servesConfig } from '../served.bicep'
import { elsewhereConfig, placeOf } from '../existing.bicep'
import { idIn, networkPlace } from '../private-targets.bicep'

@description('Required. Tags of every resource.')
param tags object
@description('Required. Names of all resources, with those of the accounts of models.')
param names { group: string, askingIdentity: string, gateway: string, traffic: string, models: string[], *: string }
@description('Required. Settings of the profile.')
param settings profileSettings
@description('Required. Gateway regions, the primary one first.')
param regions string[]
@description('Required. Services, the first one first.')
param services serviceConfig[]
@description('Required. Resource ids in the network of each region; empty for a public gateway.')
param networkIds networkPlace[]
@description('Required. Who runs the gateway.')
param publisher { name: string, email: string }
@description('Required. Custom host name and its certificate; null for none.')
param customHost { name: string, certificateUrl: string }?
@description('Required. What every service serves.')
param serves servesConfig
@description('Required. What it reaches.')
param reaches reachesConfig
@description('Required. Host of the gateway in each region, for Traffic Manager; it is made where there are several.')
param hosts { location: string, host: string }[]
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string
@description('Required. Resources that roles are given on and that exist in other groups.')
param elsewhere elsewhereConfig

var newServices = filter(services, s => empty(s.resourceId))

module gateway 'gateway.bicep' = [
  for service in newServices: {
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
    principals: map(newServices, s => { who: 'gateway', key: idIn(names.group, 'Microsoft.ApiManagement/service', s.name), type: 'ServicePrincipal' })
    principalIds: [for i in range(0, length(newServices)): gateway[i].outputs.principalId]
    names: any(names)
    elsewhere: elsewhere
  }
}

module configuration 'gateway-configuration.bicep' = [
  for service in newServices: {
    params: {
      serviceName: service.name
      serves: serves
      reaches: reaches
      tier: settings.gatewaySku
    }
    dependsOn: [gateway]
  }
]

module shared 'gateway-shared.bicep' = [
  for service in filter(services, s => !empty(s.resourceId)): {
    scope: resourceGroup(placeOf(service.resourceId).subscriptionId, placeOf(service.resourceId).group)
    params: {
      service: service
      home: { subscriptionId: subscription().subscriptionId, group: resourceGroup().name, names: names }
      serves: serves
      reaches: reaches
      logged: empty(elsewhere.workspace)
      workspaceResourceId: workspaceResourceId
      elsewhere: elsewhere
    }
  }
]

module traffic 'traffic.bicep' = if (length(hosts) > 1) {
  params: { tags: tags, name: names.traffic, endpoints: hosts, workspaceResourceId: workspaceResourceId }
}

@description('Host name of Traffic Manager; empty in one region.')
output trafficHost string = length(hosts) > 1 ? traffic!.outputs.hostName : ''
