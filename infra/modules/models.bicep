metadata name = 'Models'
metadata description = 'One Azure OpenAI account with its deployments; callers need an Entra identity.'

import { deploymentConfig } from '../types.bicep'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Account name; also the first label of its host name.')
param name string
@description('Required. What to deploy.')
param deployments deploymentConfig[]
@minValue(1)
@maxValue(100)
@description('Required. Share of each capacity that is deployed; at least one unit.')
param capacityPercent int
@description('Required. Hosts that it may fetch images from; empty for none, * for any.')
param fetchHosts string[]
@description('Required. True: public access is off.')
param private bool
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'OpenAI'
  sku: { name: 'S0' }
  identity: { type: 'SystemAssigned' }
  properties: {
    customSubDomainName: name
    disableLocalAuth: true
    restrictOutboundNetworkAccess: !contains(fetchHosts, '*')
    allowedFqdnList: filter(fetchHosts, host => host != '*')
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: private ? 'Deny' : 'Allow' }
  }
}

// One after the other: the service refuses deployments of one account that are made at the same time.
@batchSize(1)
resource deployment 'Microsoft.CognitiveServices/accounts/deployments@2025-06-01' = [
  for item in deployments: {
    parent: account
    name: item.name
    sku: { name: item.type, capacity: max(1, item.capacity * capacityPercent / 100) }
    properties: {
      model: { format: 'OpenAI', name: item.model, version: item.version }
      versionUpgradeOption: 'NoAutoUpgrade' // a version without a reviewed price does not begin by itself; retirements are told 90 days ahead
    }
  }
]

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: account
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    logs: [{ category: 'Audit', enabled: true }] // never the bodies of calls
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id of the account.')
output resourceId string = account.id
@description('Name of the account.')
output name string = account.name
@description('Base address of its API.')
output endpoint string = 'https://${name}.openai.azure.com'
