metadata name = 'Gateway products'
metadata description = 'Products and the subscriptions of teams; keys are made by API Management and stay in it.'

import { productConfig, subscriptionConfig } from '../types.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. API that the products open.')
param apiName string
@description('Required. Products.')
param products productConfig[]
@description('Required. Subscriptions.')
param subscriptions subscriptionConfig[]

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource product 'Microsoft.ApiManagement/service/products@2024-05-01' = [
  for item in products: {
    parent: service
    name: item.id
    properties: {
      displayName: item.name
      description: '${item.tokensPerMinute} tokens and ${item.requestsPerMinute} requests a minute for each subscription'
      subscriptionRequired: true
      approvalRequired: true
      state: 'published'
    }
  }
]

resource access 'Microsoft.ApiManagement/service/products/apis@2024-05-01' = [
  for (item, i) in products: {
    parent: product[i]
    name: apiName
  }
]

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
    dependsOn: [product]
  }
]
