metadata name = 'Log alerts'
metadata description = 'Alerts on the platform, by its logs; each query is a file of its own. What concerns money leaves through the outbox.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Workspace that is queried.')
param workspaceResourceId string
@description('Required. Action group.')
param actionGroupResourceId string
@description('Required. APIs whose calls the queries are about; the files name the one that the configuration of the example has.')
param apis string[]

var ours = 'ApiId == "azure-openai"'
var named = 'ApiId in ("${join(apis, '", "')}")'

// by: columns whose values each get an alert of their own; section: the one of the runbook, docs/operations.md
// severity: 0 callers suffer · 1 money is at risk · 2 look today · 3 information
var queries = [
  { name: 'alerts-untold', section: 'Telling', severity: 1, every: 'PT15M', window: 'PT15M', by: ['channel'], query: loadTextContent('../queries/alerts/alerts-untold.kql') }
  { name: 'audit-log-broken', section: 'Books', severity: 1, every: 'PT1H', window: 'P2D', by: ['fault'], query: loadTextContent('../queries/alerts/audit-log-broken.kql') }
  { name: 'audit-missing', section: 'Books', severity: 1, every: 'PT1H', window: 'P2D', by: [], query: loadTextContent('../queries/alerts/audit-missing.kql') }
  { name: 'backend-refusing', section: 'Callers', severity: 2, every: 'PT5M', window: 'PT10M', by: ['backend'], query: loadTextContent('../queries/alerts/backend-refusing.kql') }
  { name: 'books-restored', section: 'Books', severity: 1, every: 'PT1H', window: 'PT1H', by: [], query: loadTextContent('../queries/alerts/books-restored.kql') }
  { name: 'closing-failing', section: 'Books', severity: 1, every: 'PT1H', window: 'P1D', by: [], query: loadTextContent('../queries/alerts/closing-failing.kql') }
  { name: 'config-drift', section: 'Books', severity: 2, every: 'PT6H', window: 'P1D', by: ['drift'], query: loadTextContent('../queries/alerts/config-drift.kql') }
  { name: 'count-full', section: 'Books', severity: 2, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/count-full.kql') }
  { name: 'decisions-not-sent', section: 'Callers', severity: 1, every: 'PT5M', window: 'PT10M', by: ['region'], query: loadTextContent('../queries/alerts/decisions-not-sent.kql') }
  { name: 'events-missing', section: 'Events', severity: 1, every: 'PT15M', window: 'PT1H', by: [], query: loadTextContent('../queries/alerts/events-missing.kql') }
  { name: 'function-failing', section: 'Books', severity: 1, every: 'PT5M', window: 'PT15M', by: ['function'], query: loadTextContent('../queries/alerts/function-failing.kql') }
  { name: 'gateway-errors', section: 'Callers', severity: 0, every: 'PT5M', window: 'PT10M', by: ['Region'], query: loadTextContent('../queries/alerts/gateway-errors.kql') }
  { name: 'late-events', section: 'Events', severity: 2, every: 'PT1H', window: 'PT1H', by: [], query: loadTextContent('../queries/alerts/late-events.kql') }
  { name: 'ledger-drift', section: 'Books', severity: 1, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/ledger-drift.kql') }
  { name: 'posting-late', section: 'Books', severity: 1, every: 'PT15M', window: 'P1D', by: [], query: loadTextContent('../queries/alerts/posting-late.kql') }
  { name: 'set-aside', section: 'Books', severity: 1, every: 'PT1H', window: 'PT1H', by: ['day', 'stage'], query: loadTextContent('../queries/alerts/set-aside.kql') }
  { name: 'strangers', section: 'Callers', severity: 3, every: 'PT15M', window: 'PT1H', by: ['Region'], query: loadTextContent('../queries/alerts/strangers.kql') }
  { name: 'workspace-ingestion', section: 'Azure itself', severity: 1, every: 'PT15M', window: 'PT1H', by: ['Operation'], query: loadTextContent('../queries/alerts/workspace-ingestion.kql') }
  { name: 'workspace-volume', section: 'Azure itself', severity: 3, every: 'PT6H', window: 'P2D', by: [], query: loadTextContent('../queries/alerts/workspace-volume.kql') }
]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for item in queries: {
    name: item.name
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'chargeback ${item.name}'
      description: 'What to do: docs/operations.md, Alerts, ${item.section}.'
      severity: item.severity
      enabled: true
      scopes: [workspaceResourceId]
      evaluationFrequency: item.every
      windowSize: item.window
      criteria: {
        allOf: [
          {
            query: replace(item.query, ours, named)
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: map(item.by, column => { name: column, operator: 'Include', values: ['*'] })
          }
        ]
      }
      autoMitigate: true
      skipQueryValidation: true // the tables do not exist before the first row
      actions: { actionGroups: [actionGroupResourceId] }
    }
  }
]
