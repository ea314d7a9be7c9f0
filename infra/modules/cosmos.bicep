metadata name = 'Posted books'
metadata description = 'Cosmos DB with the containers `usage`, `control`, `objects`, `alerts` and `audit-log`; data is reached by Entra identities only.'

import { retentionSettings } from '../types.bicep'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Account name.')
param name string
@description('Required. A second region to read from and fail over to; empty for none.')
param secondaryLocation string
@description('Required. Regions that are spread over availability zones: all, only the first, or none.')
param zoneRedundant ('all' | 'first' | 'none')
@description('Required. Autoscale maximum of each container in RU/s; 0 for serverless.')
param maxThroughput int
@description('Required. Retention periods.')
param retention retentionSettings
@description('Required. True: public access is off, except for the addresses allowed.')
param private bool
@description('Required. Public addresses that may reach a private deployment.')
param allowedIpAddresses string[]
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

var serverless = maxThroughput == 0
var throughput = maxThroughput % 1000 == 0 ? maxThroughput : fail('cosmosMaxThroughput: 0, or thousands.')
var databaseName = 'chargeback'
var containers = [
  // Nobody searches within the documents that sum up a day, and an index of all their figures would cost more than they do.
  { name: 'usage', partitionKey: '/day', unindexed: ['/summary/*'] }
  { name: 'control', partitionKey: '/kind', unindexed: [] }
  { name: 'objects', partitionKey: '/id', unindexed: ['/owner/?', '/product/?', '/backend/?', '/deployment/?'] }
  { name: 'alerts', partitionKey: '/type', unindexed: ['/document/*'] } // what is searched for stands beside the document
  { name: 'audit-log', partitionKey: '/part', unindexed: ['/text/?', '/hash/?'] }
]
var locations = union([location], empty(secondaryLocation) ? [] : [secondaryLocation])

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-10-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    locations: [
      for (item, i) in locations: { locationName: item, failoverPriority: i, isZoneRedundant: zoneRedundant == 'all' || (zoneRedundant == 'first' && i == 0) }
    ]
    consistencyPolicy: { defaultConsistencyLevel: 'Session' }
    capabilities: serverless ? [{ name: 'EnableServerless' }] : []
    enableAutomaticFailover: length(locations) > 1
    backupPolicy: { type: 'Continuous', continuousModeProperties: { tier: retention.cosmosBackup } }
    disableLocalAuth: true
    disableKeyBasedMetadataWriteAccess: true
    minimalTlsVersion: 'Tls12'
    publicNetworkAccess: private && empty(allowedIpAddresses) ? 'Disabled' : 'Enabled'
    ipRules: [for address in (private ? allowedIpAddresses : []): { ipAddressOrRange: address }] // any rule turns the firewall on
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-10-15' = {
  parent: account
  name: databaseName
  properties: { resource: { id: databaseName } }
}

resource container 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-10-15' = [
  for item in containers: {
    parent: database
    name: item.name
    properties: {
      resource: {
        id: item.name
        partitionKey: { paths: [item.partitionKey], kind: 'Hash', version: 2 }
        defaultTtl: contains(['objects', 'alerts'], item.name) ? -1 : null // documents say themselves how long they live, most for ever
        indexingPolicy: {
          indexingMode: 'consistent'
          includedPaths: [{ path: '/*' }]
          excludedPaths: map(concat(item.unindexed, ['/"_etag"/?']), path => { path: path })
        }
      }
      options: serverless ? {} : { autoscaleSettings: { maxThroughput: throughput } }
    }
  }
]

@batchSize(1)
resource roleDefinitions 'Microsoft.DocumentDB/databaseAccounts/sqlRoleDefinitions@2025-10-15' = [
  for role in items(loadYamlContent('../cosmos-roles.yaml')): {
    parent: account
    name: guid(resourceGroup().id, role.key) // as roles.bicep names it
    properties: { roleName: role.key, type: 'CustomRole', assignableScopes: [account.id], permissions: [{ dataActions: role.value.dataActions }] }
  }
]

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [for category in ['ControlPlaneRequests', 'PartitionKeyRUConsumption']: { category: category, enabled: true }]
    metrics: [{ category: 'Requests', enabled: true }]
  }
}

@description('Resource id of the account.')
output resourceId string = account.id
@description('Name of the account.')
output name string = account.name
@description('Endpoint of the account.')
output endpoint string = account.properties.documentEndpoint
@description('Database name.')
output databaseName string = databaseName
