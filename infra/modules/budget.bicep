metadata name = 'Resource budget'
metadata description = 'Warns when this deployment itself, models included, costs more than planned; it stops nothing.'

@description('Required. Name.')
param name string
@description('Required. Monthly amount in the billing currency.')
param amount int
@description('Required. First month, as yyyy-MM-01.')
param startDate string
@description('Required. Who is warned.')
param emails string[]

var marks = [
  { name: 'actual-80', type: 'Actual', threshold: 80 }
  { name: 'actual-100', type: 'Actual', threshold: 100 }
  { name: 'forecast-110', type: 'Forecasted', threshold: 110 }
]

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: { startDate: startDate }
    notifications: toObject(marks, mark => mark.name, mark => {
      enabled: true
      operator: 'GreaterThanOrEqualTo'
      threshold: mark.threshold
      thresholdType: mark.type
      contactEmails: emails
      contactRoles: ['Owner']
    })
  }
}
