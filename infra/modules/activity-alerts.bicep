metadata name = 'Activity alerts'
metadata description = 'What Azure itself announces: incidents and retirements of its services, and rules of ours that it switched off.'

@description('Required. Tags of every resource.')
param tags object
@description('Required. Action group.')
param actionGroupResourceId string

var announcements = [
  // Of the whole subscription: a filter by service would miss those that Azure renames.
  {
    name: 'service-health'
    section: 'Azure itself'
    scope: subscription().id
    when: [
      { field: 'category', equals: 'ServiceHealth' }
      {
        anyOf: map(['Incident', 'Security', 'ActionRequired', 'Maintenance'], kind => { field: 'properties.incidentType', equals: kind })
      }
    ]
  }
  // A log alert whose query fails for a week is switched off without a word, and nobody would miss it.
  {
    name: 'rule-disabled'
    section: 'Azure itself'
    scope: resourceGroup().id
    when: [
      { field: 'category', equals: 'Administrative' }
      { field: 'operationName', equals: 'Microsoft.Insights/ScheduledQueryRules/disable/action' }
    ]
  }
]

resource activityAlerts 'Microsoft.Insights/activityLogAlerts@2026-01-01' = [
  for item in announcements: {
    name: item.name
    location: 'global'
    tags: tags
    properties: {
      description: 'What to do: docs/operations.md, Alerts, ${item.section}.'
      enabled: true
      scopes: [item.scope]
      condition: { allOf: item.when }
      actions: { actionGroups: [{ actionGroupId: actionGroupResourceId }] }
    }
  }
]
