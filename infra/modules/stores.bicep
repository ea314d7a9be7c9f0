metadata name = 'Stores'
metadata description = 'Where state lives: the books in Blob, the posted books in Cosmos DB, the open days in Redis, the secrets.'

import { profileSettings } from '../types.bicep'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Names of the resources.')
param names { storage: string, hostStorage: string, cosmos: string, redis: string, vault: string, certificateVault: string, *: string }
@description('Required. The profile.')
param settings profileSettings
@description('Required. Second region of Cosmos DB; empty for none.')
param secondaryLocation string
@description('Required. Containers whose immutability policy is locked.')
param lockedContainers string[]
@description('Required. Public addresses that may reach a private deployment.')
param allowedIpAddresses string[]
@description('Required. Subnets of the gateway, which reads its certificate from its vault; empty where it is public.')
param gatewaySubnetResourceIds string[]
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string
@description('Required. Id of a vault that exists, for the secrets of the functions; empty where one is made.')
param existingVaultId string

var packageContainer = 'app-package'
var ownVaults = empty(existingVaultId) ? [{ name: names.vault, subnets: [] }] : []

module storage 'storage.bicep' = {
  params: {
    location: location
    tags: tags
    name: names.storage
    sku: settings.storageSku
    retention: settings.retention
    lockedContainers: lockedContainers
    logWrites: settings.logStorageWrites
    private: settings.privateNetwork
    allowedIpAddresses: allowedIpAddresses
    workspaceResourceId: workspaceResourceId
  }
}

module hostStorage 'host-storage.bicep' = {
  params: {
    location: location
    tags: tags
    name: names.hostStorage
    containerName: packageContainer
    sku: settings.zoneRedundant ? 'Standard_ZRS' : 'Standard_LRS'
    private: settings.privateNetwork
    workspaceResourceId: workspaceResourceId
  }
}

module cosmos 'cosmos.bicep' = {
  params: {
    location: location
    tags: tags
    name: names.cosmos
    secondaryLocation: secondaryLocation
    zoneRedundant: settings.cosmosZones
    maxThroughput: settings.cosmosMaxThroughput
    retention: settings.retention
    private: settings.privateNetwork
    allowedIpAddresses: allowedIpAddresses
    workspaceResourceId: workspaceResourceId
  }
}

module redis 'redis.bicep' = {
  params: {
    location: location
    tags: tags
    name: names.redis
    sku: settings.redisSku
    highAvailability: settings.redisHighAvailability
    private: settings.privateNetwork
    workspaceResourceId: workspaceResourceId
  }
}

module vaults 'vault.bicep' = [
  for vault in concat(ownVaults, [{ name: names.certificateVault, subnets: gatewaySubnetResourceIds }]): {
    params: {
      location: location
      tags: tags
      name: vault.name
      retentionDays: settings.retention.secrets
      purgeProtection: settings.purgeProtection
      private: settings.privateNetwork
      allowedIpAddresses: allowedIpAddresses
      subnetResourceIds: vault.subnets
      workspaceResourceId: workspaceResourceId
    }
  }
]

@description('Addresses of the stores; no credentials.')
output endpoints { blob: string, cosmos: string, cosmosDatabase: string, redis: string, vault: string } = {
  blob: storage.outputs.blobEndpoint
  cosmos: cosmos.outputs.endpoint
  cosmosDatabase: cosmos.outputs.databaseName
  redis: redis.outputs.url
  vault: empty(existingVaultId) ? vaults[0].outputs.uri : 'https://${last(split(existingVaultId, '/'))}${environment().suffixes.keyvaultDns}/'
}
@description('Where the deployed package is kept.')
output package { blobEndpoint: string, container: string } = {
  blobEndpoint: hostStorage.outputs.blobEndpoint
  container: packageContainer
}
@description('Resource id of Redis, for its alert.')
output redisResourceId string = redis.outputs.resourceId
