metadata name = 'Resource budget'
metadata description = 'Warns when this deployment itself, models and networks included, costs more than planned; it stops nothing.'

targetScope = 'subscription'

@description('Required. Name.')
param name string
@description('Required. Name of the azd environment: every resource of the deployment, in whichever group, has it as a tag.')
param environmentName string
@description('Required. Monthly amount in the billing currency.')
param amount int
@description('Required. First month, as yyyy-MM-01.')
param startDate string
@description('Required. Who is warned, in addition to the owners of the subscription and the action group.')
param emails string[]
@description('Required. Action group; it reaches owners who hold their role through a group and therefore get no mail.')
param actionGroupResourceId string

var marks = [
  { name: 'actual-80', type: 'Actual', threshold: 80 }
  { name: 'actual-100', type: 'Actual', threshold: 100 }
  { name: 'forecast-110', type: 'Forecasted', threshold: 110 }
]

resource budget 'Microsoft.Consumption/budgets@2026-06-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: { startDate: startDate }
    filter: { tags: { name: 'azd-env-name', operator: 'In', values: [environmentName] } }
    notifications: toObject(marks, mark => mark.name, mark => {
      enabled: true
      operator: 'GreaterThanOrEqualTo'
      threshold: mark.threshold
      thresholdType: mark.type
      contactEmails: emails
      contactGroups: [actionGroupResourceId]
      contactRoles: ['Owner']
    })
  }
}
