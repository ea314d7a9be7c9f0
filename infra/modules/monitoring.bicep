metadata name = 'Monitoring'
metadata description = 'Log Analytics, Application Insights and the action group that alerts go to.'

import { placeOf } from '../existing.bicep'
import { listed } from '../private-targets.bicep'
import { retentionSettings } from '../types.bicep'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Names of the resources.')
param names { workspace: string, insights: string, actionGroup: string, alertsToTeams: string }
@description('Required. Retention periods.')
param retention retentionSettings
@description('Required. Most logs that are taken in a day, in GB; 0 for no limit.')
param dailyGB int
@description('Required. Who gets the alerts; empty for nobody.')
param alertEmails string[]
@secure()
@description('Required. Comma-separated addresses that alerts are posted to, in the common alert schema; empty for none.')
param alertWebhooks string
@secure()
@description('Required. Address of a Teams workflow that posts what it gets to a channel; empty for none.')
param alertTeamsUrl string
@description('Required. Id of a workspace that exists, whose settings are left as they are; empty where one is made.')
param existingWorkspaceId string

var workspaceResourceId = empty(existingWorkspaceId) ? workspace.id : existingWorkspaceId
var existingPlace = empty(existingWorkspaceId) ? null : placeOf(existingWorkspaceId)

resource existingWorkspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = if (!empty(existingWorkspaceId)) {
  scope: resourceGroup(existingPlace.?subscriptionId ?? subscription().subscriptionId, existingPlace.?group ?? resourceGroup().name)
  name: existingPlace.?name ?? names.workspace
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = if (empty(existingWorkspaceId)) {
  name: names.workspace
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: retention.logs
    workspaceCapping: { dailyQuotaGb: dailyGB == 0 ? -1 : dailyGB }
    features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true }
  }
}

// Settlement reads lost events and tokens of streams from these tables. Usage events name persons, so not for years.
resource gatewayTables 'Microsoft.OperationalInsights/workspaces/tables@2025-07-01' = [
  for table in (empty(existingWorkspaceId) ? ['ApiManagementGatewayLogs', 'ApiManagementGatewayLlmLog'] : []): {
    parent: workspace
    name: table
    properties: { retentionInDays: retention.logs, totalRetentionInDays: retention.gatewayLogs }
  }
]

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: names.insights
  location: location
  tags: tags
  kind: 'web'
  properties: { Application_Type: 'web', WorkspaceResourceId: workspaceResourceId, DisableLocalAuth: true }
}

// A Teams workflow takes a card, not the common alert schema: this turns one into the other.
resource toTeams 'Microsoft.Logic/workflows@2019-05-01' = if (!empty(alertTeamsUrl)) {
  name: names.alertsToTeams
  location: location
  tags: tags
  properties: {
    state: 'Enabled'
    definition: loadJsonContent('../alerts-to-teams.json')
    parameters: { teamsUrl: { value: alertTeamsUrl } }
  }
}

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: names.actionGroup
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'chargeback'
    enabled: true
    emailReceivers: [
      for (address, i) in alertEmails: { name: 'email-${i}', emailAddress: address, useCommonAlertSchema: true }
    ]
    webhookReceivers: [
      for (address, i) in listed(alertWebhooks): { name: 'webhook-${i}', serviceUri: address, useCommonAlertSchema: true }
    ]
    logicAppReceivers: empty(alertTeamsUrl)
      ? []
      : [
          {
            name: 'teams'
            resourceId: toTeams.id
            callbackUrl: listCallbackUrl('${toTeams.id}/triggers/alert', '2019-05-01').value
            useCommonAlertSchema: true
          }
        ]
  }
}

@description('Resource id of the workspace.')
output workspaceResourceId string = workspaceResourceId
@description('Id that queries name the workspace by.')
output workspaceCustomerId string = empty(existingWorkspaceId) ? workspace!.properties.customerId : existingWorkspace!.properties.customerId
@description('Resource id of Application Insights.')
output insightsResourceId string = insights.id
@description('Where telemetry is sent; not a credential, as local authentication is off.')
output insightsConnectionString string = insights.properties.ConnectionString
@description('Resource id of the action group.')
output actionGroupResourceId string = actionGroup.id
