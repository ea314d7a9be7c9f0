metadata name = 'Storage of the books'
metadata description = 'The ledger, quarantined and dead-lettered events, reports, closed periods, settled days and cost exports, as Blob containers.'

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
@description('Required. Containers whose immutability policy is locked: Azure refuses to set such a policy again.')
param lockedContainers string[]
@description('Required. True: writes are logged, not only reads and deletions.')
param logWrites bool
@description('Required. True: only the addresses allowed and trusted services come in from outside.')
param private bool
@description('Required. Public addresses that may reach a private deployment, such as a deployment runner.')
param allowedIpAddresses string[]
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

var containers = ['ledger', 'marks', 'quarantine', 'reports', 'closed', 'settled', 'dead-letter', 'alert-dead-letter', 'cost-exports']
// The policy is for the whole container: a version-level policy protects only old versions, and cannot be removed.
var immutable = filter(
  [
    { container: 'closed', days: retention.reportImmutability, append: false }
    { container: 'ledger', days: retention.ledgerImmutability, append: true }
  ],
  item => item.days > 0 && !contains(lockedContainers, item.container)
)

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
    // Enabled behind a firewall that denies: where it is disabled, nothing says that trusted services still come in.
    publicNetworkAccess: 'Enabled'
    networkAcls: {
      bypass: 'AzureServices' // by their identities, Event Grid writes dead letters and Cost Management its export
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [for address in (private ? allowedIpAddresses : []): { value: address, action: 'Allow' }]
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
    properties: { publicAccess: 'None' }
  }
]

// The ledger grows, block after block, and closed periods stay as they are: neither can be changed or deleted.
resource immutability 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2025-06-01' = [
  for item in immutable: {
    name: '${name}/default/${item.container}/default'
    properties: { immutabilityPeriodSinceCreationInDays: item.days, allowProtectedAppendWrites: item.append }
    dependsOn: [container]
  }
]

module lifecycle 'storage-lifecycle.bicep' = {
  params: { accountName: account.name, retention: retention }
  dependsOn: [blobs]
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobs
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    logs: [
      for category in concat(['StorageRead', 'StorageDelete'], logWrites ? ['StorageWrite'] : []): { category: category, enabled: true }
    ]
    metrics: [{ category: 'Transaction', enabled: true }]
  }
}

@description('Blob endpoint, without a slash at the end.')
output blobEndpoint string = 'https://${account.name}.blob.${environment().suffixes.storage}'
