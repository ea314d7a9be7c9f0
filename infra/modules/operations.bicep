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
@description('Required. What must answer from outside.')
param targets { name: string, enabled: bool, url: string }[]
@description('Required. The budgets, as config/company/budgets.yaml has them.')
param budgets object[]
@description('Required. Currency of the books, for budgets that name none.')
param booksCurrency string

module alerts 'alerts.bicep' = {
  params: {
    location: location
    tags: tags
    workspaceResourceId: monitoring.workspaceResourceId
    actionGroupResourceId: monitoring.actionGroupResourceId
    budgets: budgets
    booksCurrency: booksCurrency
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
  params: { location: location, tags: tags, workspaceResourceId: monitoring.workspaceResourceId }
}
