metadata name = 'Growth of the gateway'
metadata description = 'Adds units of API Management under load and takes them back; only the first region of a service can grow.'

@description('Required. Azure region.')
param location string
@description('Required. Tags of every resource.')
param tags object
@description('Required. API Management service.')
param serviceName string
@description('Required. Units without load.')
param units int
@description('Required. Most units.')
param maximumUnits int
@description('Required. How many units are added or removed at once: as many as there are zones.')
param step int

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource growth 'Microsoft.Insights/autoscaleSettings@2022-10-01' = {
  name: '${serviceName}-units'
  location: location
  tags: tags
  properties: {
    enabled: true
    targetResourceUri: service.id
    profiles: [
      {
        name: 'by capacity'
        capacity: { minimum: string(units), default: string(units), maximum: string(maximumUnits) }
        rules: [
          for rule in [
            { direction: 'Increase', operator: 'GreaterThan', threshold: 70, window: 'PT30M', cooldown: 'PT60M' }
            { direction: 'Decrease', operator: 'LessThan', threshold: 35, window: 'PT30M', cooldown: 'PT90M' }
          ]: {
            metricTrigger: {
              metricName: 'Capacity'
              metricResourceUri: service.id
              statistic: 'Average'
              timeAggregation: 'Average'
              timeGrain: 'PT1M'
              timeWindow: rule.window
              operator: rule.operator
              threshold: rule.threshold
            }
            scaleAction: { direction: rule.direction, type: 'ChangeCount', value: string(step), cooldown: rule.cooldown }
          }
        ]
      }
    ]
  }
}
