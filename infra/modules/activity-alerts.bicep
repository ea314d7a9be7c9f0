metadata name = 'Activity alerts'
metadata description = 'Alerts on what Azure itself announces: incidents and retirements of its services, and our alert rules that it switched off.'

@description('Required. Tags of every resource.')
param tags object
@description('Required. Action group.')
param actionGroupResourceId string

var announcements = [
  // For the whole subscription: a filter by service would miss those that Azure renames.
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
  // A log alert whose query fails for a week is switched off silently, and nobody would notice.
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
