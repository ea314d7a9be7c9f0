metadata name = 'Availability'
metadata description = 'Calls the gateway and the functions from outside every five minutes, and alerts when several places fail.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. Application Insights that keeps the results.')
param insightsResourceId string
@description('Required. Action group of the alerts.')
param actionGroupResourceId string
@description('Required. What to call, by a short name. A target that is not enabled is called too, but its silence raises no alert.')
param targets { name: string, enabled: bool, url: string }[]

var places = ['emea-nl-ams-azr', 'emea-gb-db3-azr', 'us-va-ash-azr', 'us-ca-sjc-azr', 'apac-sg-sin-azr']

resource tests 'Microsoft.Insights/webtests@2022-06-15' = [
  for target in targets: {
    name: 'available-${target.name}'
    location: location
    tags: union(tags, { 'hidden-link:${insightsResourceId}': 'Resource' })
    kind: 'standard'
    properties: {
      SyntheticMonitorId: 'available-${target.name}'
      Name: 'available-${target.name}'
      Kind: 'standard'
      Enabled: true
      Frequency: 300
      Timeout: 30
      RetryEnabled: true
      Locations: [for place in places: { Id: place }]
      Request: { RequestUrl: target.url, HttpVerb: 'GET', FollowRedirects: false, ParseDependentRequests: false }
      ValidationRules: { ExpectedHttpStatusCode: 200, SSLCheck: true, SSLCertRemainingLifetimeCheck: 14 }
    }
  }
]

resource alerts 'Microsoft.Insights/metricAlerts@2026-01-01' = [
  for (target, i) in targets: {
    name: 'available-${target.name}'
    location: 'global'
    tags: tags
    properties: {
      description: '${target.name} does not answer from at least three of five places. What to do: docs/operations.md, Alerts, Callers.'
      severity: 0
      enabled: target.enabled
      scopes: [tests[i].id, insightsResourceId]
      evaluationFrequency: 'PT1M'
      windowSize: 'PT5M'
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
        webTestId: tests[i].id
        componentId: insightsResourceId
        failedLocationCount: 3
      }
      actions: [{ actionGroupId: actionGroupResourceId }]
    }
  }
]
