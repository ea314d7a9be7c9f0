metadata name = 'Private targets'
metadata description = 'What a private network reaches by private endpoints. It depends only on names, so that a preview shows every endpoint.'

import { resourceNamesType } from 'names.bicep'
import { gatewayConfig } from 'types.bicep'

@export()
@description('A resource to reach: its id, sub-resource group and DNS zone.')
type privateTarget = { name: string, resourceId: string, group: string, zone: string }

@export()
@description('The targets of a region. Whoever has accounts and a network has a way from one to the other already.')
func targetsOf(group string, names resourceNamesType, accounts { account: string, resourceId: string, exists: bool }[], network networkPlace, isFirst bool, vaultIsOurs bool) privateTarget[] =>
  concat(
    gatewayTargets(group, names, filter(accounts, a => !a.exists || !network.exists)),
    isFirst ? pipelineTargets(group, names, vaultIsOurs) : []
  )

@description('The targets of the first region; the pipeline lives there. A vault that exists has an endpoint of its own, or none.')
func pipelineTargets(group string, names resourceNamesType, vaultIsOurs bool) privateTarget[] =>
  filter(allPipelineTargets(group, names), target => target.name != 'vault' || vaultIsOurs)

func allPipelineTargets(group string, names resourceNamesType) privateTarget[] => [
  { name: 'books', resourceId: idIn(group, 'Microsoft.Storage/storageAccounts', names.storage), group: 'blob', zone: 'blob' }
  { name: 'host', resourceId: idIn(group, 'Microsoft.Storage/storageAccounts', names.hostStorage), group: 'blob', zone: 'blob' }
  { name: 'cosmos', resourceId: idIn(group, 'Microsoft.DocumentDB/databaseAccounts', names.cosmos), group: 'Sql', zone: 'cosmos' }
  { name: 'redis', resourceId: idIn(group, 'Microsoft.Cache/redisEnterprise', names.redis), group: 'redisEnterprise', zone: 'redis' }
  { name: 'vault', resourceId: idIn(group, 'Microsoft.KeyVault/vaults', names.vault), group: 'vault', zone: 'vault' }
  { name: 'alert-topic', resourceId: idIn(group, 'Microsoft.EventGrid/topics', names.alertTopic), group: 'topic', zone: 'events' }
]

@description('The targets of every gateway region: models, the topic and the functions, which it asks who owns an object.')
func gatewayTargets(group string, names resourceNamesType, models { account: string, resourceId: string, exists: bool }[]) privateTarget[] =>
  concat(
    map(models, model => { name: model.account, resourceId: model.resourceId, group: 'account', zone: 'models' }),
    [
      { name: 'topic', resourceId: idIn(group, 'Microsoft.EventGrid/topics', names.topic), group: 'topic', zone: 'events' }
      { name: 'functions', resourceId: idIn(group, 'Microsoft.Web/sites', names.app), group: 'sites', zone: 'functions' }
    ]
  )

@export()
@description('Ids in the network of a region. A network that exists may have no subnet for the gateway or the functions, and has zones of its own.')
type networkPlace = { network: string, gateway: string, endpoints: string, functions: string, gatewayAddress: string, zones: string[], exists: bool }

@export()
@description('Resource ids in the network of a region, known before it exists.')
func regionalIds(names resourceNamesType, gateway gatewayConfig) networkPlace =>
  gateway.?network == null ? newIds(names, gateway.region) : existingIds(names, gateway)

func existingIds(names resourceNamesType, gateway gatewayConfig) networkPlace => {
  network: split(gateway.network!.endpoints, '/subnets/')[0]
  gateway: gateway.network!.?gateway ?? ''
  endpoints: gateway.network!.endpoints
  functions: gateway.network!.?functions ?? ''
  gatewayAddress: newIds(names, gateway.region).gatewayAddress
  zones: gateway.network!.?dnsZones ?? []
  exists: true
}

func newIds(names resourceNamesType, region string) networkPlace => {
  network: idIn('${names.group}-${region}', 'Microsoft.Network/virtualNetworks', '${names.network}-${region}')
  gateway: '${idIn('${names.group}-${region}', 'Microsoft.Network/virtualNetworks', '${names.network}-${region}')}/subnets/gateway'
  endpoints: '${idIn('${names.group}-${region}', 'Microsoft.Network/virtualNetworks', '${names.network}-${region}')}/subnets/endpoints'
  functions: '${idIn('${names.group}-${region}', 'Microsoft.Network/virtualNetworks', '${names.network}-${region}')}/subnets/functions'
  gatewayAddress: idIn('${names.group}-${region}', 'Microsoft.Network/publicIPAddresses', '${names.network}-${region}-gateway')
  zones: []
  exists: false
}

@export()
@description('Comma-separated words as a list.')
func listed(text string) string[] => filter(split(replace(text, ' ', ''), ','), item => !empty(item))

@export()
@description('The id of a resource, known before it exists.')
func idIn(group string, type string, name string) string => resourceId(subscription().subscriptionId, group, type, name)
