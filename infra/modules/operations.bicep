metadata name = 'Operations'
metadata description = 'Alerts, availability tests and the workbook.'

import { watchedResources } from '../types.bicep'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Where logs are, and who is told.')
param monitoring { workspaceResourceId: string, insightsResourceId: string, actionGroupResourceId: string }
@description('Required. What alerts watch.')
param watched watchedResources
@description('Required. Hosts of the gateways, which must answer from outside.')
param gatewayHosts { name: string, host: string }[]
@description('Required. Host of the functions, which must answer from outside once the app is deployed.')
param functions { host: string, deployed: bool }
@description('Required. APIs whose calls the queries are about.')
param apis string[]

var targets = concat(
  map(gatewayHosts, each => { name: each.name, enabled: true, url: 'https://${each.host}/status-0123456789abcdef' }),
  [{ name: 'functions', enabled: functions.deployed, url: 'https://${functions.host}/api/live' }]
)

module alerts 'alerts.bicep' = {
  params: {
    location: location
    tags: tags
    workspaceResourceId: monitoring.workspaceResourceId
    actionGroupResourceId: monitoring.actionGroupResourceId
    apis: apis
  }
}

module metricAlerts 'metric-alerts.bicep' = {
  params: { tags: tags, actionGroupResourceId: monitoring.actionGroupResourceId, watched: watched }
}

module activityAlerts 'activity-alerts.bicep' = {
  params: { tags: tags, actionGroupResourceId: monitoring.actionGroupResourceId }
}

module availability 'availability.bicep' = {
  params: {
    location: location
    tags: tags
    insightsResourceId: monitoring.insightsResourceId
    actionGroupResourceId: monitoring.actionGroupResourceId
    targets: targets
  }
}

module workbook 'workbook.bicep' = {
  params: { location: location, tags: tags, workspaceResourceId: monitoring.workspaceResourceId, apis: apis }
}
