metadata name = 'Budget decisions'
metadata description = 'The API to which the functions send what budgets decide. It has no product: its policy lets in the identity of the functions alone.'

import { sharingConfig } from '../types.bicep'
import { publishedText } from '../shared-service.bicep'

@description('Required. API Management service.')
param serviceName string
@description('Optional. What distinguishes a service that others use; empty for our own.')
param sharing sharingConfig = { prefix: '', mark: '' }

var policyText = loadTextContent('../../apim-policies/decisions.xml')
var rules = loadYamlContent('../../apim-policies/shared-service.yaml').changes
var marks = empty(sharing.mark) ? {} : { description: sharing.mark }

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: serviceName
}

resource published 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: '${sharing.prefix}budget-decisions'
  properties: union(
    { displayName: 'Budget decisions', path: '${sharing.prefix}budgets', protocols: ['https'], subscriptionRequired: false },
    marks
  )

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
    properties: { format: 'xml', value: publishedText(policyText, sharing.prefix, rules) }
  }
}
