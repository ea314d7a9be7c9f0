metadata name = 'Private targets'
metadata description = 'What a private network reaches by private endpoints. It depends only on names, so that a preview shows every endpoint.'

import { resourceNamesType } from 'names.bicep'

@export()
@description('A resource to reach: its id, sub-resource group and DNS zone.')
type privateTarget = { name: string, resourceId: string, group: string, zone: string }

@export()
@description('The targets of the first region; the pipeline lives there.')
func pipelineTargets(group string, names resourceNamesType) privateTarget[] => [
  { name: 'books', resourceId: idIn(group, 'Microsoft.Storage/storageAccounts', names.storage), group: 'blob', zone: 'blob' }
  { name: 'host', resourceId: idIn(group, 'Microsoft.Storage/storageAccounts', names.hostStorage), group: 'blob', zone: 'blob' }
  { name: 'cosmos', resourceId: idIn(group, 'Microsoft.DocumentDB/databaseAccounts', names.cosmos), group: 'Sql', zone: 'cosmos' }
  { name: 'redis', resourceId: idIn(group, 'Microsoft.Cache/redisEnterprise', names.redis), group: 'redisEnterprise', zone: 'redis' }
  { name: 'vault', resourceId: idIn(group, 'Microsoft.KeyVault/vaults', names.vault), group: 'vault', zone: 'vault' }
]

@export()
@description('The targets of every gateway region: models, the topic and the functions, which it asks who owns an object.')
func gatewayTargets(group string, names resourceNamesType, accounts string[], modelNames string[]) privateTarget[] =>
  concat(
    map(range(0, length(accounts)), i => {
      name: accounts[i]
      resourceId: idIn(group, 'Microsoft.CognitiveServices/accounts', modelNames[i])
      group: 'account'
      zone: 'models'
    }),
    [
      { name: 'topic', resourceId: idIn(group, 'Microsoft.EventGrid/topics', names.topic), group: 'topic', zone: 'events' }
      { name: 'functions', resourceId: idIn(group, 'Microsoft.Web/sites', names.app), group: 'sites', zone: 'functions' }
    ]
  )

@export()
@description('Resource ids in the network of a region, known before it exists.')
func regionalIds(names resourceNamesType, region string) { network: string, gateway: string, endpoints: string, functions: string, gatewayAddress: string } => {
  network: idIn('${names.group}-${region}', 'Microsoft.Network/virtualNetworks', '${names.network}-${region}')
  gateway: '${idIn('${names.group}-${region}', 'Microsoft.Network/virtualNetworks', '${names.network}-${region}')}/subnets/gateway'
  endpoints: '${idIn('${names.group}-${region}', 'Microsoft.Network/virtualNetworks', '${names.network}-${region}')}/subnets/endpoints'
  functions: '${idIn('${names.group}-${region}', 'Microsoft.Network/virtualNetworks', '${names.network}-${region}')}/subnets/functions'
  gatewayAddress: idIn('${names.group}-${region}', 'Microsoft.Network/publicIPAddresses', '${names.network}-${region}-gateway')
}

@export()
@description('Comma-separated words as a list.')
func listed(text string) string[] => filter(split(replace(text, ' ', ''), ','), item => !empty(item))

@export()
@description('The id of a resource, known before it exists.')
func idIn(group string, type string, name string) string => resourceId(subscription().subscriptionId, group, type, name)
