metadata name = 'Gateway products'
metadata description = 'Products; each gives access to the API.'

import { productConfig, sharingConfig } from '../types.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Required. API that the products give access to.')
param apiName string
@description('Required. Products.')
param products productConfig[]
@description('Optional. What distinguishes a service that others use; empty for our own.')
param sharing sharingConfig = { prefix: '', mark: '' }

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource product 'Microsoft.ApiManagement/service/products@2024-05-01' = [
  for item in products: {
    parent: service
    name: item.id
    properties: {
      displayName: item.name
      description: trim('${item.tokensPerMinute} tokens and ${item.requestsPerMinute} requests a minute for each subscription ${sharing.mark}')
      subscriptionRequired: true
      approvalRequired: true
      state: 'published'
    }
  }
]

// One after the other: the API is locked while a product is added to it.
@batchSize(1)
resource access 'Microsoft.ApiManagement/service/products/apis@2024-05-01' = [
  for (item, i) in products: {
    parent: product[i]
    name: apiName
  }
]
