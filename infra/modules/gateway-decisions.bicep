metadata name = 'Budget decisions'
metadata description = 'The API to which the functions send what budgets decide. It has no product: its policy lets in the identity of the functions alone.'

@description('Required. API Management service.')
param serviceName string

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource published 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'budget-decisions'
  properties: {
    displayName: 'Budget decisions'
    path: 'budgets'
    protocols: ['https']
    subscriptionRequired: false
  }

  resource operation 'operations' = {
    name: 'put-decisions'
    properties: {
      displayName: 'Put decisions'
      method: 'PUT'
      urlTemplate: '/decisions/{product}'
      templateParameters: [{ name: 'product', type: 'string', required: true }]
    }
  }

  resource policy 'policies' = {
    name: 'policy'
    properties: { format: 'xml', value: loadTextContent('../../apim-policies/decisions.xml') }
  }
}
