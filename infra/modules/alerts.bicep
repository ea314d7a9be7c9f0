metadata name = 'Alerts'
metadata description = 'What somebody must look at: log queries, one file each, and metrics of the topic and of Redis.'

import { budgetConfig } from '../types.bicep'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Workspace that is queried.')
param workspaceResourceId string
@description('Required. Action group.')
param actionGroupResourceId string
@description('Required. Event Grid topic.')
param topicResourceId string
@description('Required. Redis cluster.')
param redisResourceId string
@description('Required. Budgets of cost centres.')
param budgets budgetConfig[]

var budgetRows = flatten(map(budgets, b => map(b.thresholds, t => '"${b.costCentre}", ${b.amount}, "${b.currency}", ${t}')))
var budgetTable = 'datatable(costCentre: string, amount: long, currency: string, threshold: long) [${join(budgetRows, ', ')}]'

// by: columns that each have an alert of their own; severity: 0 callers suffer · 1 money is at risk · 2 look today · 3 information
var queries = [
  { name: 'audit-missing', severity: 1, every: 'PT1H', window: 'P2D', by: [], query: loadTextContent('../queries/alerts/audit-missing.kql') }
  { name: 'backend-refusing', severity: 2, every: 'PT5M', window: 'PT10M', by: ['backend'], query: loadTextContent('../queries/alerts/backend-refusing.kql') }
  { name: 'budget-reached', severity: 3, every: 'PT15M', window: 'PT2H', by: ['costCentre', 'threshold'], query: replace(loadTextContent('../queries/alerts/budget-reached.kql'), 'BUDGETS', budgetTable) }
  { name: 'budget-overrun', severity: 3, every: 'PT1H', window: 'PT2H', by: ['cost_centre'], query: loadTextContent('../queries/alerts/budget-overrun.kql') }
  { name: 'closing-refused', severity: 1, every: 'PT1H', window: 'P1D', by: ['period'], query: loadTextContent('../queries/alerts/closing-refused.kql') }
  { name: 'conflicting-events', severity: 1, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/conflicting-events.kql') }
  { name: 'events-missing', severity: 1, every: 'PT15M', window: 'PT1H', by: [], query: loadTextContent('../queries/alerts/events-missing.kql') }
  { name: 'function-failing', severity: 1, every: 'PT5M', window: 'PT15M', by: ['function'], query: loadTextContent('../queries/alerts/function-failing.kql') }
  { name: 'gateway-errors', severity: 0, every: 'PT5M', window: 'PT10M', by: ['Region'], query: loadTextContent('../queries/alerts/gateway-errors.kql') }
  { name: 'late-events', severity: 2, every: 'PT1H', window: 'PT1H', by: [], query: loadTextContent('../queries/alerts/late-events.kql') }
  { name: 'ledger-drift', severity: 1, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/ledger-drift.kql') }
  { name: 'posting-late', severity: 1, every: 'PT15M', window: 'P1D', by: [], query: loadTextContent('../queries/alerts/posting-late.kql') }
  { name: 'quarantined', severity: 2, every: 'PT15M', window: 'PT15M', by: ['reason'], query: loadTextContent('../queries/alerts/quarantined.kql') }
  { name: 'set-aside', severity: 1, every: 'PT1H', window: 'PT1H', by: ['day', 'stage'], query: loadTextContent('../queries/alerts/set-aside.kql') }
  { name: 'spend-anomaly', severity: 3, every: 'PT1H', window: 'PT2H', by: ['cost_centre'], query: loadTextContent('../queries/alerts/spend-anomaly.kql') }
  { name: 'unpriced', severity: 2, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/unpriced.kql') }
  { name: 'unsettled', severity: 2, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/unsettled.kql') }
  { name: 'variance-exceeded', severity: 1, every: 'PT6H', window: 'P1D', by: ['period'], query: loadTextContent('../queries/alerts/variance-exceeded.kql') }
  { name: 'workspace-ingestion', severity: 1, every: 'PT15M', window: 'PT1H', by: ['Operation'], query: loadTextContent('../queries/alerts/workspace-ingestion.kql') }
  { name: 'workspace-volume', severity: 3, every: 'PT6H', window: 'P2D', by: [], query: loadTextContent('../queries/alerts/workspace-volume.kql') }
]
var metrics = [
  { name: 'dead-lettered', severity: 1, scope: topicResourceId, metric: 'DeadLetteredCount', aggregation: 'Total', threshold: 0 }
  { name: 'events-dropped', severity: 1, scope: topicResourceId, metric: 'DroppedEventCount', aggregation: 'Total', threshold: 0 }
  { name: 'publishing-fails', severity: 1, scope: topicResourceId, metric: 'PublishFailCount', aggregation: 'Total', threshold: 10 }
  { name: 'redis-memory', severity: 1, scope: redisResourceId, metric: 'usedmemorypercentage', aggregation: 'Maximum', threshold: 80 }
]

resource queryAlerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for item in queries: {
    name: item.name
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'chargeback ${item.name}'
      severity: item.severity
      enabled: true
      scopes: [workspaceResourceId]
      evaluationFrequency: item.every
      windowSize: item.window
      criteria: {
        allOf: [
          {
            query: item.query
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

resource metricAlerts 'Microsoft.Insights/metricAlerts@2026-01-01' = [
  for item in metrics: {
    name: item.name
    location: 'global'
    tags: tags
    properties: {
      severity: item.severity
      enabled: true
      scopes: [item.scope]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            name: item.name
            criterionType: 'StaticThresholdCriterion'
            metricName: item.metric
            timeAggregation: item.aggregation
            operator: 'GreaterThan'
            threshold: item.threshold
          }
        ]
      }
      actions: [{ actionGroupId: actionGroupResourceId }]
    }
  }
]
