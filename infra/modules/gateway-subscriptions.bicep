metadata name = 'Gateway subscriptions'
metadata description = 'A part of the teams\' subscriptions. API Management makes their keys and keeps them. A template holds 800 resources at most, so they come in parts.'

import { subscriptionConfig } from '../types.bicep'

@description('Required. API Management service.')
param serviceName string
@maxLength(400)
@description('Required. Subscriptions.')
param subscriptions subscriptionConfig[]

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource subscription 'Microsoft.ApiManagement/service/subscriptions@2024-05-01' = [
  for item in subscriptions: {
    parent: service
    name: item.id
    properties: {
      displayName: item.name
      scope: resourceId('Microsoft.ApiManagement/service/products', serviceName, item.product)
      state: 'active'
      allowTracing: false
    }
  }
]
