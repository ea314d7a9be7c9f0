metadata name = 'Events'
metadata description = 'An Event Grid topic of CloudEvents, with an identity that writes its dead letters.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Topic name.')
param name string
@description('Required. True: public access is off.')
param private bool
@description('Required. Workspace that gets the logs.')
param workspaceResourceId string

resource topic 'Microsoft.EventGrid/topics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' } // writes the dead letters
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: private ? 'Disabled' : 'Enabled'
  }
}

#disable-next-line use-recent-api-versions // the stable one is older and knows no dedicated tables
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: topic
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceResourceId
    logs: [{ categoryGroup: 'allLogs', enabled: true }]
    metrics: [{ category: 'AllMetrics', enabled: true }]
  }
}

@description('Resource id of the topic.')
output resourceId string = topic.id
@description('Name of the topic.')
output name string = topic.name
@description('Where events are published to.')
output endpoint string = topic.properties.endpoint
@description('Principal of the identity that writes dead letters.')
output principalId string = topic.identity.principalId
