metadata name = 'Storage of the books'
metadata description = 'The ledger, quarantined and dead-lettered events, reports, closed periods and configuration, as Blob containers.'

import { retentionSettings } from '../types.bicep'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@minLength(3)
@maxLength(24)
@description('Required. Account name.')
param name string
@description('Required. Replication.')
param sku string
@description('Required. Retention periods.')
param retention retentionSettings
@description('Required. Public access off, but for the addresses allowed.')
param private bool
@description('Required. Public addresses that may reach a private deployment, such as a deployment runner.')
param allowedIpAddresses string[]
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

var containers = ['ledger', 'quarantine', 'reports', 'closed', 'dead-letter', 'config', 'cost-exports']
var immutable = retention.reportImmutability > 0

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    encryption: { keySource: 'Microsoft.Storage', requireInfrastructureEncryption: true, services: { blob: { enabled: true } } }
    publicNetworkAccess: private && empty(allowedIpAddresses) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices' // Event Grid writes dead letters as a trusted service, by its identity
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [for address in allowedIpAddresses: { value: address, action: 'Allow' }]
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    changeFeed: { enabled: true, retentionInDays: retention.softDelete }
    deleteRetentionPolicy: { enabled: true, days: retention.softDelete }
    containerDeleteRetentionPolicy: { enabled: true, days: retention.softDelete }
  }
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [
  for item in containers: {
    parent: blobs
    name: item
    properties: {
      publicAccess: 'None'
      immutableStorageWithVersioning: immutable && item == 'closed' ? { enabled: true } : null
    }
  }
]

// The files of an open month are written again every day, into `reports`; those of a closed one never, and are not lost.
resource immutability 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2025-06-01' = if (immutable) {
  name: '${name}/default/closed/default'
  properties: { immutabilityPeriodSinceCreationInDays: max(retention.reportImmutability, 1) }
  dependsOn: [container]
}

module lifecycle 'storage-lifecycle.bicep' = {
  params: { accountName: account.name, retention: retention }
  dependsOn: [blobs]
}

// Writes are left out: the ledger appends many a second, and the ledger itself is their record.
#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    logs: [for category in ['StorageRead', 'StorageDelete']: { category: category, enabled: true }]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

@description('Resource id of the account.')
output resourceId string = account.id
@description('Name of the account.')
output name string = account.name
@description('Blob endpoint, without a slash at the end.')
output blobEndpoint string = 'https://${account.name}.blob.${environment().suffixes.storage}'
