metadata name = 'Metric alerts'
metadata description = 'Alerts on the metrics of the resources: capacity, throttling, availability.'

import { watchedResources } from '../types.bicep'

@description('Required. Tags of every resource.')
param tags object
@description('Required. Action group.')
param actionGroupResourceId string
@description('Required. What is watched; only names, so that a preview shows every alert.')
param watched watchedResources

var throttled = ['ClientAccountBandwidthThrottlingError', 'ClientAccountRequestThrottlingError', 'ClientThrottlingError', 'ServerBusyError']
var accounts = map([watched.storage, watched.hostStorage], name => resourceId('Microsoft.Storage/storageAccounts', name))
var cosmos = resourceId('Microsoft.DocumentDB/databaseAccounts', watched.cosmos)
var redis = resourceId('Microsoft.Cache/redisEnterprise', watched.redis)
var vaults = map(filter([watched.vault, watched.certificateVault], name => !empty(name)), name => resourceId('Microsoft.KeyVault/vaults', name))
var topic = resourceId('Microsoft.EventGrid/topics', watched.topic)
var topics = [topic, resourceId('Microsoft.EventGrid/topics', watched.alertTopic)]
var app = resourceId('Microsoft.Web/sites', watched.app)
var gateways = map(watched.gateways, name => resourceId('Microsoft.ApiManagement/service', name))
var profiles = empty(watched.traffic) ? [] : [resourceId('Microsoft.Network/trafficManagerProfiles', watched.traffic)]
// The classic tiers have one measure of their load, the v2 tiers have two.
var loads = contains(watched.gatewaySku, 'V2')
  ? [{ name: 'gateway-cpu', metric: 'CpuPercent_Gateway' }, { name: 'gateway-memory', metric: 'MemoryPercent_Gateway' }]
  : [{ name: 'gateway-capacity', metric: 'Capacity' }]

// Metrics: https://learn.microsoft.com/azure/azure-monitor/reference/metrics-index, July 2026.
// each: dimension whose values have an alert of their own; only: values of a dimension that count
var metrics = concat(
  [
    { name: 'dead-lettered', section: 'Events', severity: 1, on: topics, metric: 'DeadLetteredCount', take: 'Total', above: 0 }
    { name: 'events-dropped', section: 'Events', severity: 1, on: [topic], metric: 'DroppedEventCount', take: 'Total', above: 0 }
    { name: 'publishing-fails', section: 'Events', severity: 1, on: topics, metric: 'PublishFailCount', take: 'Total', above: 10 }
    // Event Grid waits 30 seconds for an answer, and delivers again when there is none.
    { name: 'delivery-slow', section: 'Events', severity: 2, on: [topic], metric: 'DestinationProcessingDurationInMs', take: 'Average', above: 15000 }
    { name: 'redis-memory', section: 'Stores', severity: 1, on: [redis], metric: 'usedmemorypercentage', take: 'Maximum', above: 80 }
    { name: 'cosmos-throttled', section: 'Stores', severity: 2, on: [cosmos], metric: 'TotalRequests', take: 'Count', above: 100, only: { StatusCode: ['429'] } }
    { name: 'cosmos-busy', section: 'Stores', severity: 2, on: [cosmos], metric: 'NormalizedRUConsumption', take: 'Average', above: 70 }
    { name: 'storage-throttled', section: 'Stores', severity: 2, on: accounts, metric: 'Transactions', take: 'Total', above: 100, only: { ResponseType: throttled } }
    { name: 'storage-unavailable', section: 'Stores', severity: 1, on: accounts, metric: 'Availability', take: 'Average', below: 99 }
    { name: 'vault-unavailable', section: 'Stores', severity: 1, on: vaults, metric: 'Availability', take: 'Average', below: 99 }
    { name: 'vault-busy', section: 'Stores', severity: 2, on: vaults, metric: 'SaturationShoebox', take: 'Average', above: 75 }
    { name: 'functions-memory', section: 'Books', severity: 2, on: [app], metric: 'MemoryWorkingSet', take: 'Average', above: watched.functionMemoryMB * 943718, each: 'Instance' } // nine tenths of it, in bytes
    { name: 'functions-instances', section: 'Books', severity: 2, on: [app], metric: 'InstanceCount', take: 'Average', above: watched.functionMaximumInstances * 8 / 10 }
    { name: 'model-throttled', section: 'Callers', severity: 2, on: watched.models, metric: 'AzureOpenAIRequests', take: 'Total', above: 50, only: { StatusCode: ['429'] }, each: 'ModelDeploymentName' }
    { name: 'traffic-endpoint', section: 'Callers', severity: 1, on: profiles, metric: 'ProbeAgentCurrentEndpointStateByProfileResourceId', take: 'Maximum', below: 1, each: 'EndpointName' }
  ],
  map(loads, load => { name: load.name, section: 'Callers', severity: 1, on: gateways, metric: load.metric, take: 'Average', above: 75 })
)
var rules = flatten(map(metrics, item => map(range(0, length(item.on)), i => union(item, { rule: i == 0 ? item.name : '${item.name}-${i + 1}', scope: item.on[i] }))))

resource metricAlerts 'Microsoft.Insights/metricAlerts@2026-01-01' = [
  for item in rules: {
    name: item.rule
    location: 'global'
    tags: tags
    properties: {
      description: 'What to do: docs/operations.md, Alerts, ${item.section}.'
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
            timeAggregation: item.take
            operator: contains(item, 'above') ? 'GreaterThan' : 'LessThan'
            threshold: item.?above ?? item.below
            dimensions: concat(
              map(items(item.?only ?? {}), one => { name: one.key, operator: 'Include', values: one.value }),
              contains(item, 'each') ? [{ name: item.each, operator: 'Include', values: ['*'] }] : []
            )
          }
        ]
      }
      actions: [{ actionGroupId: actionGroupResourceId }]
    }
  }
]
