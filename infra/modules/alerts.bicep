metadata name = 'Log alerts'
metadata description = 'Alerts on the logs; each query is a file of its own.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Workspace that is queried.')
param workspaceResourceId string
@description('Required. Action group.')
param actionGroupResourceId string
@description('Required. The budgets, as config/company/budgets.yaml has them; monthly ones of cost centres raise alerts.')
param budgets object[]
@description('Required. Currency of the books, for budgets that name none.')
param booksCurrency string

var watchedBudgets = filter(budgets, b => contains(b, 'costCentre') && (b.?every ?? 'month') == 'month' && !(b.?shadow ?? false))
// Several steps may have one percentage: union keeps each row once.
var budgetRows = union([], flatten(map(watchedBudgets, b => map(filter(b.steps, s => (s.?of ?? 'actual') == 'actual'), s => '"${b.costCentre}", "${b.amount}", "${b.?currency ?? booksCurrency}", "${s.percent}", "${b.?effectiveFrom ?? ''}", "${b.?effectiveTo ?? ''}"'))))
var budgetTable = 'datatable(costCentre: string, amount: string, currency: string, threshold: string, begins: string, ends: string) [${join(budgetRows, ', ')}]'

// by: columns whose values each get an alert of their own; section: the one of the runbook, docs/operations.md
// severity: 0 callers suffer · 1 money is at risk · 2 look today · 3 information
var queries = [
  { name: 'audit-missing', section: 'Books', severity: 1, every: 'PT1H', window: 'P2D', by: [], query: loadTextContent('../queries/alerts/audit-missing.kql') }
  { name: 'backend-refusing', section: 'Callers', severity: 2, every: 'PT5M', window: 'PT10M', by: ['backend'], query: loadTextContent('../queries/alerts/backend-refusing.kql') }
  { name: 'books-restored', section: 'Books', severity: 1, every: 'PT1H', window: 'PT1H', by: [], query: loadTextContent('../queries/alerts/books-restored.kql') }
  { name: 'budget-reached', section: 'Money', severity: 3, every: 'PT15M', window: 'PT2H', by: ['costCentre', 'threshold'], query: replace(loadTextContent('../queries/alerts/budget-reached.kql'), 'BUDGETS', budgetTable) }
  { name: 'budget-overrun', section: 'Money', severity: 3, every: 'PT1H', window: 'PT2H', by: ['cost_centre'], query: loadTextContent('../queries/alerts/budget-overrun.kql') }
  { name: 'closing-refused', section: 'Books', severity: 1, every: 'PT1H', window: 'P1D', by: ['period'], query: loadTextContent('../queries/alerts/closing-refused.kql') }
  { name: 'config-drift', section: 'Books', severity: 2, every: 'PT6H', window: 'P1D', by: ['drift'], query: loadTextContent('../queries/alerts/config-drift.kql') }
  { name: 'conflicting-events', section: 'Books', severity: 1, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/conflicting-events.kql') }
  { name: 'count-full', section: 'Books', severity: 2, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/count-full.kql') }
  { name: 'decisions-not-sent', section: 'Callers', severity: 1, every: 'PT5M', window: 'PT10M', by: ['region'], query: loadTextContent('../queries/alerts/decisions-not-sent.kql') }
  { name: 'events-missing', section: 'Events', severity: 1, every: 'PT15M', window: 'PT1H', by: [], query: loadTextContent('../queries/alerts/events-missing.kql') }
  { name: 'function-failing', section: 'Books', severity: 1, every: 'PT5M', window: 'PT15M', by: ['function'], query: loadTextContent('../queries/alerts/function-failing.kql') }
  { name: 'gateway-errors', section: 'Callers', severity: 0, every: 'PT5M', window: 'PT10M', by: ['Region'], query: loadTextContent('../queries/alerts/gateway-errors.kql') }
  { name: 'late-events', section: 'Events', severity: 2, every: 'PT1H', window: 'PT1H', by: [], query: loadTextContent('../queries/alerts/late-events.kql') }
  { name: 'ledger-drift', section: 'Books', severity: 1, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/ledger-drift.kql') }
  { name: 'ledger-short', section: 'Books', severity: 1, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/ledger-short.kql') }
  { name: 'model-retiring', section: 'Azure itself', severity: 2, every: 'PT6H', window: 'P2D', by: ['deployment'], query: loadTextContent('../queries/alerts/model-retiring.kql') }
  { name: 'posting-late', section: 'Books', severity: 1, every: 'PT15M', window: 'P1D', by: [], query: loadTextContent('../queries/alerts/posting-late.kql') }
  { name: 'quarantined', section: 'Events', severity: 2, every: 'PT15M', window: 'PT15M', by: ['reason'], query: loadTextContent('../queries/alerts/quarantined.kql') }
  { name: 'set-aside', section: 'Books', severity: 1, every: 'PT1H', window: 'PT1H', by: ['day', 'stage'], query: loadTextContent('../queries/alerts/set-aside.kql') }
  { name: 'spend-anomaly', section: 'Money', severity: 3, every: 'PT1H', window: 'PT2H', by: ['cost_centre'], query: loadTextContent('../queries/alerts/spend-anomaly.kql') }
  { name: 'strangers', section: 'Callers', severity: 3, every: 'PT15M', window: 'PT1H', by: ['Region'], query: loadTextContent('../queries/alerts/strangers.kql') }
  { name: 'unpriced', section: 'Books', severity: 2, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/unpriced.kql') }
  { name: 'unsettled', section: 'Books', severity: 2, every: 'PT1H', window: 'PT1H', by: ['day'], query: loadTextContent('../queries/alerts/unsettled.kql') }
  { name: 'variance-exceeded', section: 'Money', severity: 1, every: 'PT6H', window: 'P1D', by: ['period'], query: loadTextContent('../queries/alerts/variance-exceeded.kql') }
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
