metadata name = 'Workbook'
metadata description = 'One page for operators: spend, tokens, routes, latency, refusals, open states, lag and audits.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Workspace that is queried.')
param workspaceResourceId string
@description('Required. APIs whose calls the queries are about; the files name the one that the configuration of the example has.')
param apis string[]

var ours = 'ApiId == "azure-openai"'
var named = 'ApiId in ("${join(apis, '", "')}")'

var charts = [
  { title: 'Spend by cost centre, month to date', look: 'timechart', width: '50', query: loadTextContent('../queries/workbook/spend-by-cost-centre.kql') }
  { title: 'Tokens by model', look: 'timechart', width: '50', query: loadTextContent('../queries/workbook/tokens-by-model.kql') }
  { title: 'Routes and failovers', look: 'timechart', width: '50', query: loadTextContent('../queries/workbook/failovers.kql') }
  { title: 'Latency (ms)', look: 'timechart', width: '50', query: loadTextContent('../queries/workbook/latency.kql') }
  { title: 'Refused and failed calls', look: 'table', width: '50', query: loadTextContent('../queries/workbook/refusals.kql') }
  { title: 'Calls of strangers', look: 'table', width: '50', query: loadTextContent('../queries/workbook/strangers.kql') }
  { title: 'Not billable exactly yet', look: 'table', width: '50', query: loadTextContent('../queries/workbook/open-states.kql') }
  { title: 'Events that arrived', look: 'timechart', width: '50', query: loadTextContent('../queries/workbook/ingested.kql') }
  { title: 'Minutes between postings', look: 'timechart', width: '50', query: loadTextContent('../queries/workbook/pipeline-lag.kql') }
  { title: 'Audits', look: 'table', width: '100', query: loadTextContent('../queries/workbook/audits.kql') }
]
var day = 86400000 // milliseconds
var kinds = { query: 3, parameters: 9 } // item types of the workbook format
var timeParameter = {
  type: kinds.parameters
  name: 'parameters'
  content: {
    version: 'KqlParameterItem/1.0'
    parameters: [
      {
        id: guid('time')
        version: 'KqlParameterItem/1.0'
        name: 'time'
        label: 'Time'
        type: 4
        isRequired: true
        value: { durationMs: 7 * day }
        typeSettings: { selectableValues: map([1, 2, 7, 14, 30, 90], days => { durationMs: days * day }), allowCustom: true }
      }
    ]
  }
}
var chartItems = map(charts, chart => {
  type: kinds.query
  name: chart.title
  customWidth: chart.width
  content: {
    version: 'KqlItem/1.0'
    query: replace(chart.query, ours, named)
    size: 0
    title: chart.title
    timeContextFromParameter: 'time'
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
    visualization: chart.look
  }
})

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'chargeback')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Chargeback'
    category: 'workbook'
    sourceId: workspaceResourceId
    version: 'Notebook/1.0'
    serializedData: string({ version: 'Notebook/1.0', items: concat([timeParameter], chartItems), fallbackResourceIds: [workspaceResourceId] })
  }
}
