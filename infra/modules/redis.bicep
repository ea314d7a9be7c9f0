metadata name = 'Open days'
metadata description = 'Azure Managed Redis: Entra identities only, never evicts; with a replica it appends to disk every second.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Cluster name.')
param name string
@description('Required. Size.')
param sku string
@description('Required. True: keep a replica.')
param highAvailability bool
@description('Required. True: public access is off.')
param private bool
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

var port = 10000

resource cluster 'Microsoft.Cache/redisEnterprise@2025-07-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: sku }
  properties: {
    highAvailability: highAvailability ? 'Enabled' : 'Disabled'
    minimumTlsVersion: '1.2'
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
  }
}

// Not clustered: one script touches all keys of a day, and an ordinary client follows no redirections.
resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' = {
  parent: cluster
  name: 'default'
  properties: {
    clientProtocol: 'Encrypted'
    port: port
    clusteringPolicy: 'NoCluster'
    evictionPolicy: 'NoEviction'
    accessKeysAuthentication: 'Disabled'
    persistence: highAvailability ? { aofEnabled: true, aofFrequency: '1s' } : null // not without a replica; the ledger rebuilds what is lost
  }
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: database
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    logs: [{ category: 'ConnectionEvents', enabled: true }]
  }
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource metrics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: cluster
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id of the cluster.')
output resourceId string = cluster.id
@description('Name of the cluster.')
output name string = cluster.name
@description('URL without credentials.')
output url string = 'rediss://${cluster.properties.hostName}:${port}'
